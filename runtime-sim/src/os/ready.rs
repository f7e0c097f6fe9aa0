//! Readiness: what `poll` and `epoll` see of an object, and who is told when it changes.

use super::errno::Result;
use super::table::Kind;
use super::{Direction, Fd, HostId, Nanos, ObjectId, Os};

// `EPOLLIN` and the others are numbers of the same value as `POLLIN` and the others.
pub(super) const IN: u32 = libc::EPOLLIN as u32;
pub(super) const OUT: u32 = libc::EPOLLOUT as u32;
pub(super) const ERR: u32 = libc::EPOLLERR as u32;
pub(super) const HUP: u32 = libc::EPOLLHUP as u32;
pub(super) const RDHUP: u32 = libc::EPOLLRDHUP as u32;
pub(super) const RDNORM: u32 = libc::EPOLLRDNORM as u32;
pub(super) const WRNORM: u32 = libc::EPOLLWRNORM as u32;
pub(super) const WRBAND: u32 = libc::EPOLLWRBAND as u32;

/// The mask of a wake-up that concerns everybody: the state has changed.
pub(super) const STATE: u32 = 0;

impl Os {
    /// Notes that the object may be ready for something, for threads that are blocked on it.
    pub(super) fn change(&mut self, id: ObjectId) {
        if self.changed.insert(id) {
            self.changes.push(id);
        }
    }

    /// Wakes whoever waits for one of the events of the mask. An epoll only hears of events that
    /// it asked for, but of each of them, even if the readiness was there before: an item with
    /// `EPOLLET` is reported once for each of these calls.
    pub(super) fn notify(&mut self, id: ObjectId, mask: u32) {
        self.change(id);
        let mut at = 0;
        while let Some(&watcher) = self.objects.get(&id).and_then(|o| o.watchers.get(at)) {
            let woken = self.epoll_callback(watcher, mask);
            if woken && watcher.exclusive && mask != STATE {
                break;
            }
            at += 1;
        }
    }

    /// What the object is ready for, `EPOLLERR` and `EPOLLHUP` included.
    pub(super) fn mask_of(&mut self, id: ObjectId) -> u32 {
        let Some(object) = self.objects.get(&id) else { return 0 };
        match &object.kind {
            Kind::EventFd(counter) => counter.mask(),
            Kind::Timer(timer) => timer.mask(),
            Kind::PipeReader(pipe) => self.pipe_reader_mask(*pipe),
            Kind::PipeWriter(pipe) => self.pipe_writer_mask(*pipe),
            Kind::Epoll(_) => self.epoll_mask(id),
            Kind::Unix(_) => self.unix_mask(id),
            Kind::Tcp(tcp) => {
                let tcp = *tcp;
                self.tcp_mask(tcp)
            }
            Kind::Udp(socket) => socket.mask(),
            Kind::File(_) => IN | OUT | RDNORM | WRNORM,
        }
    }
}

/// # Readiness
impl Os {
    /// What `poll` would say: `POLLIN` and so on, the same numbers as `EPOLLIN` and so on, without
    /// a mask.
    pub(crate) fn readiness(&mut self, host: HostId, now: Nanos, fd: Fd) -> Result<u32> {
        self.begin(now);
        let object = self.find(host, fd)?;
        Ok(self.mask_of(object))
    }

    /// The object whose change may let the call go on. Read and write of one description are one
    /// object.
    pub(crate) fn would_wait_for(
        &mut self,
        host: HostId,
        fd: Fd,
        direction: Direction,
    ) -> Result<ObjectId> {
        let _ = direction;
        let object = self.find(host, fd)?;
        // The kernel tells a writer of space only if one has asked for it.
        self.mask_of(object);
        Ok(object)
    }

    /// Moves the objects that may have changed to the end of `changes`, in the order of the first
    /// change, each once.
    pub(crate) fn drain_changes(&mut self, changes: &mut Vec<ObjectId>) {
        changes.append(&mut self.changes);
        self.changed.clear();
    }
}
