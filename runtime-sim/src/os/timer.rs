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

#[derive(Default)]
pub(super) struct TimerFd {
    /// When it ends next; in the past if it has ended and was not read.
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

    /// How often it has ended since it was read, and when it ends next.
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

    fn plan_timer(&mut self, id: ObjectId, at: Option<Nanos>) {
        let due = at.map(|at| self.queue.plan(at, Happening::TimerEnds(id)));
        if let Kind::Timer(timer) = &mut self.object_mut(id).kind {
            timer.planned = due;
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
        let now = self.now;
        let Kind::Timer(timer) = &mut self.object_mut(id).kind else { return Err(Errno::EINVAL) };
        if room(bufs) < 8 {
            return Err(Errno::EINVAL);
        }
        if !timer.has_ended {
            return Err(Errno::EAGAIN);
        }
        let (ends, next) = timer.ends(now);
        timer.has_ended = false;
        timer.next = next;
        self.plan_timer(id, next);
        copy_out(&ends.to_ne_bytes(), bufs);
        Ok(8)
    }
}

/// # timerfd
impl Os {
    /// `timerfd_create`. All clocks are taken: absolute times come to `timerfd_settime` as virtual
    /// time.
    pub(crate) fn timerfd_create(&mut self, host: HostId, clock: i32, flags: i32) -> Result<Fd> {
        let clocks = [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC, libc::CLOCK_BOOTTIME];
        if !clocks.contains(&clock) || flags & !(libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        self.install(host, libc::O_RDWR | flags, Kind::Timer(TimerFd::default()))
    }

    /// First end at virtual time `first` (`None` disarms), then each `interval` (0 is once).
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
        let now = self.now;
        let (id, timer) = self.timer(host, fd)?;
        let before = timer.left(now);
        let planned = timer.planned.take();
        *timer = TimerFd { next: first, interval, has_ended: false, planned: None };
        if let Some(due) = planned {
            self.queue.cancel(due);
        }
        match first {
            Some(first) if first <= now => self.timer_ends(id),
            first => self.plan_timer(id, first),
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
        let now = self.now;
        let (_, timer) = self.timer(host, fd)?;
        Ok(timer.left(now))
    }
}
