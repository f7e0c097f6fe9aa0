//! Descriptors, and the open file descriptions behind them.
//!
//! A descriptor is a number of a host; several may stand for one description (`dup`), which is the
//! object that is read, waited for and watched. The description goes with its last descriptor, and
//! only then do epolls forget it: this is what Linux does, and what surprises programs.

use std::collections::{BTreeMap, BTreeSet};

use super::counter::EventFd;
use super::disk::OpenFile;
use super::epoll::{Epoll, Key};
use super::errno::{Errno, Result};
use super::pipe::PipeId;
use super::tcp::TcpId;
use super::timer::TimerFd;
use super::udp::UdpSocket;
use super::unix::UnixSocket;
use super::{Fd, HostId, Nanos, ObjectId, Os};

/// An open file description.
pub(super) struct Object {
    pub(super) host: HostId,
    /// Descriptors that stand for it; 0 for a connection that nobody has accepted yet.
    pub(super) references: u32,
    /// Access mode, `O_NONBLOCK`, `O_APPEND`.
    pub(super) status: i32,
    pub(super) kind: Kind,
    /// The epolls that watch it, in the order in which they are woken.
    pub(super) watchers: Vec<Watcher>,
}

#[derive(Clone, Copy)]
pub(super) struct Watcher {
    pub(super) epoll: ObjectId,
    pub(super) key: Key,
    pub(super) exclusive: bool,
}

pub(super) enum Kind {
    EventFd(EventFd),
    Timer(TimerFd),
    PipeReader(PipeId),
    PipeWriter(PipeId),
    Epoll(Box<Epoll>),
    Unix(Box<UnixSocket>),
    Tcp(TcpId),
    Udp(Box<UdpSocket>),
    File(OpenFile),
}

#[derive(Clone, Copy)]
struct Descriptor {
    host: HostId,
    object: ObjectId,
    /// `FD_CLOEXEC`.
    flags: i32,
}

/// How many descriptors a host may have: above the usual limit (`RLIMIT_NOFILE`, 1,024 to 1 Mi),
/// low enough to end a leak.
const MOST: usize = 1 << 18;

/// The descriptors of all hosts.
#[derive(Default)]
pub(super) struct Table {
    used: BTreeMap<Fd, Descriptor>,
    /// Free numbers below `fresh`.
    holes: BTreeSet<Fd>,
    /// Counted from `FIRST_FD`: no number from here on is used.
    fresh: Fd,
}

impl Table {
    fn insert(&mut self, lowest: Fd, descriptor: Descriptor) -> Result<Fd> {
        if self.used.len() >= MOST {
            return Err(Errno::EMFILE);
        }
        let lowest = lowest.max(super::FIRST_FD);
        let fd = match self.holes.range(lowest..).next().copied() {
            Some(hole) => hole,
            None => lowest.max(super::FIRST_FD + self.fresh),
        };
        self.insert_at(fd, descriptor);
        Ok(fd)
    }

    fn insert_at(&mut self, fd: Fd, descriptor: Descriptor) {
        while super::FIRST_FD + self.fresh <= fd {
            self.holes.insert(super::FIRST_FD + self.fresh);
            self.fresh += 1;
        }
        self.holes.remove(&fd);
        self.used.insert(fd, descriptor);
    }

    fn remove(&mut self, fd: Fd) {
        self.used.remove(&fd);
        self.holes.insert(fd);
    }
}

impl Os {
    /// Makes a description without a descriptor.
    pub(super) fn new_object(&mut self, host: HostId, status: i32, kind: Kind) -> ObjectId {
        let id = ObjectId(self.next_object);
        self.next_object += 1;
        self.objects.insert(id, Object { host, references: 0, status, kind, watchers: Vec::new() });
        id
    }

    /// Gives a description its first descriptor. `flags` are those of the call that makes it: the
    /// numbers of `SOCK_CLOEXEC`, `EFD_CLOEXEC` and the others are all that of `O_CLOEXEC`.
    pub(super) fn new_descriptor(
        &mut self,
        host: HostId,
        object: ObjectId,
        flags: i32,
    ) -> Result<Fd> {
        let flags = if flags & libc::O_CLOEXEC != 0 { libc::FD_CLOEXEC } else { 0 };
        match self.table.insert(0, Descriptor { host, object, flags }) {
            Ok(fd) => {
                self.object_mut(object).references += 1;
                Ok(fd)
            }
            Err(error) => {
                if self.object(object).references == 0 {
                    self.end(object);
                }
                Err(error)
            }
        }
    }

    /// A new description with a descriptor. `status` may have `O_CLOEXEC`.
    pub(super) fn install(&mut self, host: HostId, status: i32, kind: Kind) -> Result<Fd> {
        self.check_up(host)?;
        let object = self.new_object(host, status & !libc::O_CLOEXEC, kind);
        self.new_descriptor(host, object, status)
    }

    /// What the descriptor stands for, whichever host asks. The hosts of a run share the statics of
    /// one process, and runtimes keep a pipe to themselves in one: the first host makes it, and the
    /// others watch it.
    pub(super) fn find(&self, _: HostId, fd: Fd) -> Result<ObjectId> {
        self.table.used.get(&fd).map(|found| found.object).ok_or(Errno::EBADF)
    }

    pub(super) fn object(&self, id: ObjectId) -> &Object {
        self.objects.get(&id).expect("an object that something refers to is there")
    }

    pub(super) fn object_mut(&mut self, id: ObjectId) -> &mut Object {
        self.objects.get_mut(&id).expect("an object that something refers to is there")
    }

    /// A host that is down makes no calls; one that comes late finds no descriptors.
    pub(super) fn check_up(&self, host: HostId) -> Result<()> {
        if self.is_up(host) { Ok(()) } else { Err(Errno::EIO) }
    }

    fn release(&mut self, object: ObjectId) {
        let references = &mut self.object_mut(object).references;
        *references -= 1;
        if *references == 0 {
            self.end(object);
        }
    }

    /// The last descriptor is gone: the epolls forget the object, then it ends as its kind does.
    pub(super) fn end(&mut self, id: ObjectId) {
        // Whoever is blocked on it looks again, and finds that it is gone.
        self.change(id);
        for watcher in std::mem::take(&mut self.object_mut(id).watchers) {
            if let Some(Object { kind: Kind::Epoll(epoll), .. }) =
                self.objects.get_mut(&watcher.epoll)
            {
                epoll.forget(watcher.key);
            }
        }
        self.common.remove(&id);
        let object = self.objects.remove(&id).expect("it was there");
        match object.kind {
            Kind::EventFd(_) => {}
            Kind::Timer(timer) => self.end_timer(timer),
            Kind::PipeReader(pipe) => self.end_pipe_reader(pipe),
            Kind::PipeWriter(pipe) => self.end_pipe_writer(pipe),
            Kind::Epoll(epoll) => self.end_epoll(id, *epoll),
            Kind::Unix(socket) => self.end_unix(object.host, id, *socket),
            Kind::Tcp(tcp) => self.close_tcp(tcp),
            Kind::Udp(socket) => self.end_udp(object.host, id, *socket),
            Kind::File(file) => self.end_file(object.host, id, file),
        }
    }

    /// The descriptors of the host that end with it, lowest first. What a process uses to wake
    /// itself stays: nobody runs there any more to see it, and another host may share it (see
    /// [`find`](Self::find)).
    pub(super) fn descriptors_of(&self, host: HostId) -> Vec<Fd> {
        let ends = |descriptor: &Descriptor| match &self.object(descriptor.object).kind {
            Kind::EventFd(_) | Kind::PipeReader(_) | Kind::PipeWriter(_) => false,
            Kind::Unix(socket) => !socket.is_unnamed(),
            _ => true,
        };
        let used = self.table.used.iter().filter(|(_, descriptor)| descriptor.host == host);
        used.filter(|(_, descriptor)| ends(descriptor)).map(|(&fd, _)| fd).collect()
    }

    /// Closes without a look at faults: for crashes.
    pub(super) fn close_quietly(&mut self, host: HostId, fd: Fd) {
        if let Ok(object) = self.find(host, fd) {
            self.table.remove(fd);
            self.release(object);
        }
    }
}

/// # Descriptors
impl Os {
    pub(crate) fn close(&mut self, host: HostId, now: Nanos, fd: Fd) -> Result<()> {
        self.begin(now);
        let object = self.find(host, fd)?;
        self.table.remove(fd);
        self.release(object);
        self.deliver_local();
        Ok(())
    }

    /// `dup` and `F_DUPFD`: the lowest free number from `lowest` on.
    pub(crate) fn dup(&mut self, host: HostId, fd: Fd, lowest: Fd) -> Result<Fd> {
        let object = self.find(host, fd)?;
        let new = self.table.insert(lowest, Descriptor { host, object, flags: 0 })?;
        self.object_mut(object).references += 1;
        Ok(new)
    }

    /// `dup2` and `dup3`: closes what `to` was. `to` must be a number of the model: 0, 1 and 2 are
    /// not, so standard streams cannot be replaced by simulated descriptors.
    pub(crate) fn dup_to(&mut self, host: HostId, now: Nanos, fd: Fd, to: Fd) -> Result<Fd> {
        self.begin(now);
        let object = self.find(host, fd)?;
        if fd == to {
            return Ok(to);
        }
        if !(super::FIRST_FD..super::FIRST_FD + MOST as Fd).contains(&to) {
            return Err(Errno::EBADF);
        }
        match self.table.used.get(&to) {
            Some(old) if old.host != host => return Err(Errno::EBUSY),
            Some(old) => {
                let old = old.object;
                self.table.remove(to);
                self.object_mut(object).references += 1;
                self.release(old);
            }
            None => self.object_mut(object).references += 1,
        }
        self.table.insert_at(to, Descriptor { host, object, flags: 0 });
        self.deliver_local();
        Ok(to)
    }

    /// `F_GETFL`: access mode, `O_NONBLOCK`, `O_APPEND`.
    pub(crate) fn status_flags(&self, host: HostId, fd: Fd) -> Result<i32> {
        Ok(self.object(self.find(host, fd)?).status)
    }

    /// `F_SETFL`: changes `O_NONBLOCK` and `O_APPEND`, ignores the rest. `FIONBIO` too.
    pub(crate) fn set_status_flags(&mut self, host: HostId, fd: Fd, flags: i32) -> Result<()> {
        const MAY_CHANGE: i32 = libc::O_NONBLOCK | libc::O_APPEND;
        let object = self.find(host, fd)?;
        let status = &mut self.object_mut(object).status;
        *status = (*status & !MAY_CHANGE) | (flags & MAY_CHANGE);
        Ok(())
    }

    /// Whether `O_NONBLOCK` is not set.
    pub(crate) fn is_blocking(&self, host: HostId, fd: Fd) -> Result<bool> {
        Ok(self.status_flags(host, fd)? & libc::O_NONBLOCK == 0)
    }

    /// `F_GETFD`: `FD_CLOEXEC`, which is kept and means nothing, since nothing is executed.
    pub(crate) fn descriptor_flags(&self, host: HostId, fd: Fd) -> Result<i32> {
        self.find(host, fd)?;
        Ok(self.table.used[&fd].flags)
    }

    /// `F_SETFD`.
    pub(crate) fn set_descriptor_flags(&mut self, host: HostId, fd: Fd, flags: i32) -> Result<()> {
        self.find(host, fd)?;
        let found = self.table.used.get_mut(&fd).expect("it was found");
        found.flags = flags & libc::FD_CLOEXEC;
        Ok(())
    }
}
