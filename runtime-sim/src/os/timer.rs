//! `timerfd`: a timer that can be waited for.
//!
//! A timer that has ended and was not read plans nothing more: how often it has ended since is
//! computed when it is read. So an interval that nobody looks at does not keep the clock busy.
//! Linux does the same, and like there a poll hears of the first end only.

use std::io::IoSliceMut;

use super::bytes::{copy_out, room};
use super::errno::{Errno, Result};
use super::queue::Due;
use super::ready::IN;
use super::table::Kind;
use super::{Fd, Happening, HostId, Nanos, ObjectId, Os};

pub(super) struct TimerFd {
    /// Whose clock it goes by.
    host: HostId,
    /// When it ends next, on that clock; in the past if it has ended and was not read.
    next: Option<Nanos>,
    /// 0 for a timer that ends once.
    interval: Nanos,
    has_ended: bool,
    planned: Option<Due>,
}

impl TimerFd {
    pub(super) fn mask(&self) -> u32 {
        if self.has_ended { IN } else { 0 }
    }

    fn new(host: HostId) -> TimerFd {
        TimerFd { host, next: None, interval: 0, has_ended: false, planned: None }
    }

    /// How often it has ended since it was read, and when it ends next. All on its host's clock.
    fn ends(&self, now: Nanos) -> (u64, Option<Nanos>) {
        match self.next {
            Some(next) if next <= now && self.interval > 0 => {
                let ends = (now - next) / self.interval + 1;
                (ends, Some(next.saturating_add(ends.saturating_mul(self.interval))))
            }
            Some(next) if next <= now => (1, None),
            next => (0, next),
        }
    }

    fn left(&self, now: Nanos) -> (Nanos, Nanos) {
        let (_, next) = self.ends(now);
        (next.map_or(0, |next| next - now), self.interval)
    }
}

impl Os {
    fn timer(&mut self, host: HostId, fd: Fd) -> Result<(ObjectId, &mut TimerFd)> {
        let id = self.find(host, fd)?;
        match &mut self.object_mut(id).kind {
            Kind::Timer(timer) => Ok((id, timer)),
            _ => Err(Errno::EINVAL),
        }
    }

    /// What the clock of a timer shows.
    fn shown(&mut self, host: HostId, fd: Fd) -> Result<Nanos> {
        let (_, timer) = self.timer(host, fd)?;
        let owner = timer.host;
        Ok(self.clock(owner).elapsed(self.now))
    }

    /// Plans the next end, which is in the future.
    fn plan_timer(&mut self, id: ObjectId) {
        let Kind::Timer(timer) = &self.object(id).kind else { return };
        let clock = self.clock(timer.host);
        let due =
            timer.next.map(|next| self.queue.plan(clock.when(next), Happening::TimerEnds(id)));
        if let Kind::Timer(timer) = &mut self.object_mut(id).kind {
            timer.planned = due;
        }
    }

    /// Plans anew what is planned on a clock whose rate has changed.
    pub(super) fn move_timers(&mut self, host: HostId) {
        let mut planned = Vec::new();
        for (&id, object) in &mut self.objects {
            if let Kind::Timer(timer) = &mut object.kind {
                if timer.host == host {
                    planned.extend(timer.planned.take().map(|due| (id, due)));
                }
            }
        }
        for (id, due) in planned {
            self.queue.cancel(due);
            self.plan_timer(id);
        }
    }

    pub(super) fn timer_ends(&mut self, id: ObjectId) {
        if let Some(Kind::Timer(timer)) = self.objects.get_mut(&id).map(|object| &mut object.kind) {
            timer.planned = None;
            timer.has_ended = true;
            self.notify(id, IN);
        }
    }

    pub(super) fn end_timer(&mut self, timer: TimerFd) {
        if let Some(due) = timer.planned {
            self.queue.cancel(due);
        }
    }

    pub(super) fn read_timer(
        &mut self,
        id: ObjectId,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Result<usize> {
        let Kind::Timer(timer) = &self.object(id).kind else { return Err(Errno::EINVAL) };
        let shown = self.clock(timer.host).elapsed(self.now);
        let Kind::Timer(timer) = &mut self.object_mut(id).kind else { return Err(Errno::EINVAL) };
        if room(bufs) < 8 {
            return Err(Errno::EINVAL);
        }
        if !timer.has_ended {
            return Err(Errno::EAGAIN);
        }
        let (ends, next) = timer.ends(shown);
        timer.has_ended = false;
        timer.next = next;
        self.plan_timer(id);
        copy_out(&ends.to_ne_bytes(), bufs);
        Ok(8)
    }
}

/// # timerfd
impl Os {
    /// `timerfd_create`. All clocks are taken: times come to `timerfd_settime` as those of the
    /// host's monotonic clock, which begins with the world.
    pub(crate) fn timerfd_create(&mut self, host: HostId, clock: i32, flags: i32) -> Result<Fd> {
        let clocks = [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME];
        if !clocks.contains(&clock) || flags & !(libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        self.install(host, libc::O_RDWR | flags, Kind::Timer(TimerFd::new(host)))
    }

    /// First end at `first` on the host's clock (`None` disarms), then each `interval` (0 is once).
    /// Returns what was left before, and the interval.
    pub(crate) fn timerfd_settime(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
        first: Option<Nanos>,
        interval: Nanos,
    ) -> Result<(Nanos, Nanos)> {
        self.begin(now);
        let shown = self.shown(host, fd)?;
        let (id, timer) = self.timer(host, fd)?;
        let before = timer.left(shown);
        let planned = timer.planned.take();
        *timer = TimerFd { next: first, interval, ..TimerFd::new(timer.host) };
        if let Some(due) = planned {
            self.queue.cancel(due);
        }
        match first {
            Some(first) if first <= shown => self.timer_ends(id),
            _ => self.plan_timer(id),
        }
        Ok(before)
    }

    /// What is left (0 is disarmed), and the interval.
    pub(crate) fn timerfd_gettime(
        &mut self,
        host: HostId,
        now: Nanos,
        fd: Fd,
    ) -> Result<(Nanos, Nanos)> {
        self.begin(now);
        let shown = self.shown(host, fd)?;
        let (_, timer) = self.timer(host, fd)?;
        Ok(timer.left(shown))
    }
}
