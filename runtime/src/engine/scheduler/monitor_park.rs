//! How the monitor sleeps without a time limit, and how a thread that becomes busy calls it.
//!
//! # Problem
//!
//! A worker that becomes busy must be watched from then on. Mostly it is idle again before there is
//! anything to see. Waking the monitor each time costs two context switches per request in a server
//! with few requests. A monitor that keeps looking for a while costs as much.
//!
//! # Protocol
//!
//! | the monitor                 | a worker that wakes up        | the last one that goes to sleep       |
//! |------------------------------|-------------------------------|---------------------------------------|
//! | state = PARKED               | it counts as busy             | it counts as asleep                   |
//! | fence                        | fence                         | state = CALLED? then = CLEARING       |
//! | is anybody busy? do not park | PARKED? then = CALLED, and    | fence                                 |
//! | wait for the alarm           | set the alarm to [`DELAY`]    | is anybody busy? then = CALLED again  |
//! | state = RUNNING              | CLEARING? then = WANTED       | else clear the alarm, CLEARING? then  |
//! |                              |                               | = PARKED; anything else? set it again |
//!
//! *Who is busy is looked at within [`DELAY`] and a look.* The fences are SeqCst, hence in one
//! order. If the worker's fence comes before the monitor's, the monitor sees it busy; else the
//! worker sees PARKED, or what came of it.
//!
//! - The worker finds PARKED: it sets the alarm. Only one worker does so: a second one that set it
//!   again would put the look off.
//! - The worker finds CALLED: another thread has set the alarm. Only a thread that later makes the
//!   state CLEARING and finds nobody busy could clear it. But then the worker's fence came before
//!   that thread's fence, and that thread saw the worker busy.
//! - The worker finds CLEARING, and makes it WANTED: the thread that clears the alarm finds WANTED,
//!   and sets the alarm again.
//! - The worker finds WANTED: as CLEARING.
//!
//! *A thread that ends the sleep at once* does what a thread that becomes busy does, and sets the
//! alarm unless the monitor is awake: then its fence comes before the monitor's.
//!
//! *A clearing that comes too late* can clear a newer alarm, if the monitor has woken up, looked
//! and parked again in between. Then the state is no longer CLEARING, and the alarm is set once
//! more: at worst the monitor looks once too often.
//!
//! The alarm is a kernel timer (`primitive/alarm.rs`). It costs one system call when a worker
//! becomes busy while the monitor is parked, and one when the worker sleeps before the alarm goes
//! off; no thread is woken. A worker that wakes up too often for that leaves the alarm set
//! (`worker.rs::call_monitor_off`): then the monitor looks once each [`DELAY`]. Where there is no
//! such timer (another system, no descriptor left), the monitor is woken at once.
//!
//! What it does for a server with few requests: `docs/performance.md`, "Under load".

use std::time::Duration;

use crate::engine::primitive::atomic::{AtomicU32, Ordering, fence};
use crate::engine::primitive::{Alarm, Parker};

/// See the table above.
const BETWEEN: Ordering = Ordering::SeqCst;

const RUNNING: u32 = 0;
const PARKED: u32 = 1;
const CALLED: u32 = 2;
const CLEARING: u32 = 3;
const WANTED: u32 = 4;

/// How long after a worker has become busy the monitor looks. It equals the time between two looks,
/// so that a poll is found no later than if it had begun between them.
pub(crate) const DELAY: Duration = Duration::from_millis(2);

/// The monitor's sleep.
#[derive(Debug)]
pub(crate) struct MonitorPark {
    state: AtomicU32,
    parker: Parker,
    /// `None` if the system has none.
    alarm: Option<Alarm>,
}

impl MonitorPark {
    /// With an alarm, if the system has one.
    pub(crate) fn new() -> MonitorPark {
        MonitorPark::with(Alarm::new().ok())
    }

    pub(crate) fn with(alarm: Option<Alarm>) -> MonitorPark {
        MonitorPark { state: AtomicU32::new(RUNNING), parker: Parker::new(), alarm }
    }

    /// Called by a thread that has become busy.
    #[inline]
    pub(crate) fn busy(&self) {
        fence(BETWEEN);
        let state = self.state.load(Ordering::Relaxed);
        if state == PARKED || state == CLEARING {
            self.call();
        }
    }

    #[cold]
    fn call(&self) {
        if self.change(PARKED, CALLED) {
            self.set();
        } else if !self.change(CLEARING, WANTED) && self.change(PARKED, CALLED) {
            // It was cleared in between.
            self.set();
        }
    }

    fn set(&self) {
        match &self.alarm {
            Some(alarm) => {
                alarm.set(DELAY); // wake: monitor, after a while
            }
            None => {
                self.parker.unpark(); // wake: monitor without an alarm
            }
        }
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.state.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Called by a thread that counts as asleep. Clears the alarm if the monitor has been called
    /// but still sleeps, and `needed` returns false.
    pub(crate) fn call_off(&self, needed: impl FnOnce() -> bool) {
        let Some(alarm) = &self.alarm else { return };
        if self.state.load(Ordering::Relaxed) != CALLED || !self.change(CALLED, CLEARING) {
            return;
        }
        fence(BETWEEN);
        if needed() {
            // A thread that made it WANTED relies on the alarm, which is still set. If the monitor
            // is awake there is nothing to do.
            let is_set = self.change(CLEARING, CALLED) || self.change(WANTED, CALLED);
            if !is_set && self.change(PARKED, CALLED) {
                // Another thread's late clearing has cleared the alarm.
                alarm.set(DELAY); // wake: monitor that somebody else called off
            }
            return;
        }
        alarm.clear();
        if !self.change(CLEARING, PARKED) {
            // A thread has become busy, or this clearing came too late.
            let _ = self.change(WANTED, CALLED);
            alarm.set(DELAY); // wake: monitor that was called off too soon
        }
    }

    /// Ends the monitor's wait at once. The caller has done before what the monitor is to see. The
    /// `needed` of [`call_off`](MonitorPark::call_off) must check for it, too.
    pub(crate) fn end(&self) {
        fence(BETWEEN);
        // A thread that is just clearing the alarm then sets it again.
        let _ = self.change(CLEARING, WANTED);
        self.parker.unpark(); // wake: monitor at once
        // One that is awake, or has not been started yet, looks behind its fence before it parks.
        if self.state.load(Ordering::Relaxed) == RUNNING {
            return;
        }
        if let Some(alarm) = &self.alarm {
            alarm.set(Duration::ZERO); // wake: monitor that sleeps for good
        }
    }

    /// The monitor waits for a while.
    pub(crate) fn pause(&self, limit: Duration) {
        self.parker.park_timeout(limit);
    }

    /// Waits for [`busy`](MonitorPark::busy) or [`end`](MonitorPark::end). Does not wait if
    /// `needed` returns true.
    pub(crate) fn sleep_unless(&self, needed: impl FnOnce() -> bool) {
        // A swap, as every change of the word is a read-modify-write that sees the one before.
        self.state.swap(PARKED, Ordering::Relaxed);
        fence(BETWEEN);
        if !needed() {
            match &self.alarm {
                Some(alarm) => alarm.wait(),
                None => self.parker.park(),
            }
        }
        self.state.swap(RUNNING, Ordering::Relaxed);
    }
}
