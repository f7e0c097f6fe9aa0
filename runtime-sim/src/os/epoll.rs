//! `epoll`, with the kernel's own idea of an edge.
//!
//! An epoll keeps its items, and a list of those that may be ready. An item gets onto the list when
//! it is added or modified while ready, and whenever its object wakes those who wait for one of
//! its events. `epoll_wait` takes items off the list, asks each object what it is ready for
//! *now*, and reports what the item asked for of that. What was not ready is dropped from the list.
//! An item without `EPOLLET` and `EPOLLONESHOT` goes back to the end, so that the next call asks
//! again. So an "edge" is not a change of readiness but a wake-up, and one report of an `EPOLLET`
//! item says everything that the object is ready for.
//!
//! An item belongs to the pair of descriptor number and description. It goes when the description
//! does, not when the descriptor is closed.

use std::collections::{BTreeMap, VecDeque};

use super::errno::{Errno, Result};
use super::ready::{ERR, HUP, IN, OUT, RDNORM};
use super::table::{Kind, Watcher};
use super::{Event, Fd, HostId, Nanos, ObjectId, Os};

const ET: u32 = libc::EPOLLET as u32;
const ONESHOT: u32 = libc::EPOLLONESHOT as u32;
const EXCLUSIVE: u32 = libc::EPOLLEXCLUSIVE as u32;
const WAKEUP: u32 = libc::EPOLLWAKEUP as u32;

/// What of an item's events is no event.
const PRIVATE: u32 = ET | ONESHOT | EXCLUSIVE | WAKEUP;
/// All that may stand beside `EPOLLEXCLUSIVE` (epoll_ctl(2)).
const WITH_EXCLUSIVE: u32 = IN | OUT | ERR | HUP | WAKEUP | ET | EXCLUSIVE;

/// How many epolls may watch each other in a chain (`EP_MAX_NESTS` of the kernel is 4).
const MOST_NESTED: usize = 4;

/// Which item: the descriptor under which it was added, and what that stood for.
pub(super) type Key = (Fd, ObjectId);

struct Item {
    events: u32,
    data: u64,
    /// Whether it is on the list of those that may be ready.
    listed: bool,
}

#[derive(Default)]
pub(super) struct Epoll {
    items: BTreeMap<Key, Item>,
    /// May hold keys of items that are gone, which are skipped.
    ready: VecDeque<Key>,
    /// How many threads are blocked in `epoll_wait`.
    waiters: u32,
}

impl Epoll {
    /// The item's object is gone.
    pub(super) fn forget(&mut self, key: Key) {
        if self.items.remove(&key).is_some_and(|item| item.listed) {
            self.ready.retain(|listed| *listed != key);
        }
    }

    fn list(&mut self, key: Key) {
        if let Some(item) = self.items.get_mut(&key) {
            if !item.listed {
                item.listed = true;
                self.ready.push_back(key);
            }
        }
    }

    /// The next that may be ready; it is off the list.
    fn next(&mut self) -> Option<Key> {
        let key = self.ready.pop_front()?;
        if let Some(item) = self.items.get_mut(&key) {
            item.listed = false;
        }
        Some(key)
    }
}

impl Os {
    fn epoll(&mut self, id: ObjectId) -> Result<&mut Epoll> {
        match self.objects.get_mut(&id) {
            Some(object) => match &mut object.kind {
                Kind::Epoll(epoll) => Ok(epoll),
                _ => Err(Errno::EINVAL),
            },
            None => Err(Errno::EBADF),
        }
    }

    /// A watched object wakes whoever waits for `mask`. True if somebody was woken, in the sense in
    /// which `EPOLLEXCLUSIVE` counts.
    pub(super) fn epoll_callback(&mut self, watcher: Watcher, mask: u32) -> bool {
        let Ok(epoll) = self.epoll(watcher.epoll) else { return false };
        let Some(item) = epoll.items.get(&watcher.key) else { return false };
        let events = item.events;
        if events & !PRIVATE == 0 || (mask != 0 && mask & events == 0) {
            return false;
        }
        epoll.list(watcher.key);
        let woken = if events & EXCLUSIVE == 0 {
            true
        } else {
            epoll.waiters > 0
                && match mask & (IN | OUT) {
                    0 => true,
                    one_or_both => one_or_both & events != 0,
                }
        };
        self.notify(watcher.epoll, IN);
        woken
    }

    /// An epoll is readable if one of its items would be reported.
    pub(super) fn epoll_mask(&mut self, id: ObjectId) -> u32 {
        loop {
            let Ok(epoll) = self.epoll(id) else { return 0 };
            let Some(&key) = epoll.ready.front() else { return 0 };
            let events = epoll.items.get(&key).map_or(0, |item| item.events);
            if self.mask_of(key.1) & events != 0 {
                return IN | RDNORM;
            }
            if let Ok(epoll) = self.epoll(id) {
                epoll.next();
            }
        }
    }

    /// How long the longest chain of epolls below `id` is, itself included.
    fn epolls_below(&mut self, id: ObjectId, depth: usize) -> usize {
        if depth > MOST_NESTED + 1 {
            return 0;
        }
        let Ok(epoll) = self.epoll(id) else { return 0 };
        let members: Vec<ObjectId> = epoll.items.keys().map(|key| key.1).collect();
        1 + members.into_iter().map(|id| self.epolls_below(id, depth + 1)).max().unwrap_or(0)
    }

    fn epolls_above(&self, id: ObjectId, depth: usize) -> usize {
        if depth > MOST_NESTED + 1 {
            return 0;
        }
        let watchers = self.objects.get(&id).map_or(&[][..], |object| &object.watchers);
        let above = watchers.iter().map(|watcher| self.epolls_above(watcher.epoll, depth + 1));
        1 + above.max().unwrap_or(0)
    }

    fn reaches(&mut self, from: ObjectId, to: ObjectId) -> bool {
        if from == to {
            return true;
        }
        let Ok(epoll) = self.epoll(from) else { return false };
        let members: Vec<ObjectId> = epoll.items.keys().map(|key| key.1).collect();
        members.into_iter().any(|member| self.reaches(member, to))
    }

    pub(super) fn end_epoll(&mut self, id: ObjectId, epoll: Epoll) {
        for &(_, object) in epoll.items.keys() {
            if let Some(object) = self.objects.get_mut(&object) {
                object.watchers.retain(|watcher| watcher.epoll != id);
            }
        }
    }
}

/// # epoll
impl Os {
    pub(crate) fn epoll_create(&mut self, host: HostId, flags: i32) -> Result<Fd> {
        if flags & !libc::EPOLL_CLOEXEC != 0 {
            return Err(Errno::EINVAL);
        }
        self.install(host, libc::O_RDWR | flags, Kind::Epoll(Box::default()))
    }

    /// `EPOLL_CTL_ADD`, `_MOD`, `_DEL`.
    pub(crate) fn epoll_ctl(
        &mut self,
        host: HostId,
        now: Nanos,
        epfd: Fd,
        op: i32,
        fd: Fd,
        event: Event,
    ) -> Result<()> {
        self.begin(now);
        let id = self.find(host, epfd)?;
        let target = self.find(host, fd)?;
        if id == target {
            return Err(Errno::EINVAL);
        }
        let is_nested = matches!(self.object(target).kind, Kind::Epoll(_));
        if matches!(self.object(target).kind, Kind::File(_)) {
            // A file is always ready.
            return Err(Errno::EPERM);
        }
        self.epoll(id)?;
        let exclusive = event.events & EXCLUSIVE != 0;
        if exclusive && op != libc::EPOLL_CTL_DEL {
            let allowed = op == libc::EPOLL_CTL_ADD && event.events & !WITH_EXCLUSIVE == 0;
            if !allowed || is_nested {
                return Err(Errno::EINVAL);
            }
        }
        if op == libc::EPOLL_CTL_ADD && is_nested {
            let chain = self.epolls_above(id, 0) + self.epolls_below(target, 0);
            if self.reaches(target, id) || chain > MOST_NESTED + 1 {
                return Err(Errno::ELOOP);
            }
        }
        let key = (fd, target);
        let events = event.events | ERR | HUP;
        let epoll = self.epoll(id)?;
        match op {
            libc::EPOLL_CTL_ADD => {
                if epoll.items.contains_key(&key) {
                    return Err(Errno::EEXIST);
                }
                epoll.items.insert(key, Item { events, data: event.data, listed: false });
                let watcher = Watcher { epoll: id, key, exclusive };
                let watchers = &mut self.object_mut(target).watchers;
                // Exclusive ones are at the end of the kernel's queue, others at its start.
                let at = if exclusive { watchers.len() } else { 0 };
                watchers.insert(at, watcher);
            }
            libc::EPOLL_CTL_MOD => {
                let item = epoll.items.get_mut(&key).ok_or(Errno::ENOENT)?;
                if item.events & EXCLUSIVE != 0 {
                    return Err(Errno::EINVAL);
                }
                (item.events, item.data) = (events, event.data);
            }
            libc::EPOLL_CTL_DEL => {
                if !epoll.items.contains_key(&key) {
                    return Err(Errno::ENOENT);
                }
                epoll.forget(key);
                let watchers = &mut self.object_mut(target).watchers;
                watchers.retain(|watcher| watcher.epoll != id || watcher.key != key);
                return Ok(());
            }
            _ => return Err(Errno::EINVAL),
        }
        // Ready already: reported without a wake-up.
        if self.mask_of(target) & events != 0 {
            let epoll = self.epoll(id)?;
            if !epoll.items.get(&key).is_some_and(|item| item.listed) {
                epoll.list(key);
                self.notify(id, IN);
            }
        }
        Ok(())
    }

    /// Never blocks: 0 if nothing is ready.
    pub(crate) fn epoll_wait(
        &mut self,
        host: HostId,
        now: Nanos,
        epfd: Fd,
        events: &mut [Event],
    ) -> Result<usize> {
        self.begin(now);
        let id = self.find(host, epfd)?;
        let epoll = self.epoll(id)?;
        if events.is_empty() {
            return Err(Errno::EINVAL);
        }
        let mut count = 0;
        // What goes back to the end of the list is not looked at twice.
        for _ in 0..epoll.ready.len() {
            if count == events.len() {
                break;
            }
            let Some(key) = self.epoll(id)?.next() else { break };
            let ready = self.mask_of(key.1);
            let epoll = self.epoll(id)?;
            let Some(item) = epoll.items.get_mut(&key) else { continue };
            let report = ready & item.events;
            if report == 0 {
                continue;
            }
            events[count] = Event { events: report, data: item.data };
            count += 1;
            if item.events & ONESHOT != 0 {
                item.events &= PRIVATE;
            } else if item.events & ET == 0 {
                epoll.list(key);
            }
        }
        // Another thread that waits there takes the rest.
        if !self.epoll(id)?.ready.is_empty() {
            self.change(id);
        }
        Ok(count)
    }

    /// How many threads are blocked in `epoll_wait` on it: `EPOLLEXCLUSIVE` wakes one that is.
    pub(crate) fn set_epoll_waiters(&mut self, host: HostId, epfd: Fd, threads: u32) -> Result<()> {
        let id = self.find(host, epfd)?;
        self.epoll(id)?.waiters = threads;
        Ok(())
    }
}
