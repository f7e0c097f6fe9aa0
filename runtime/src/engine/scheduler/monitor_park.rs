//! How the monitor sleeps for good, and is called by whoever becomes busy.
//!
//! # Problem
//!
//! A worker that becomes busy must be watched from then on, and mostly it is idle again before
//! there would be anything to see. Waking the monitor each time costs two changes of threads for
//! every request of a server with few of them; so does a monitor that goes on looking for a while
//! in case the next one comes.
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
//! - It finds PARKED: it sets the alarm. One worker does: a second one that set it again would put
//!   the look off.
//! - It finds CALLED: somebody has set the alarm. It could be cleared behind the worker's back only
//!   by one that made it CLEARING later and found nobody busy; but then the worker's fence came
//!   before that one's, which saw it busy.
//! - It finds CLEARING, and makes it WANTED: whoever clears the alarm finds that, and sets it
//!   again.
//! - It finds WANTED: as CLEARING.
//!
//! *Whoever ends its sleep at once* does as one who becomes busy, and sets the alarm in any case.
//!
//! *A clearing that comes too late* takes the alarm from another one that was set meanwhile, if the
//! monitor has woken up, looked and parked again in between. Then the state is not CLEARING any
//! more, and the alarm is set once more: an alarm that goes off in vain makes one look too many.
//!
//! The alarm is the kernel's (`primitive/alarm.rs`): one system call when a worker becomes busy and
//! nobody looks, and one when it goes to sleep before the alarm goes off; nobody is woken. A worker
//! that wakes up more often than that is worth it leaves the alarm alone
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

/// How long after a worker has become busy the monitor looks. As long as between two looks: a poll
/// is found no later than if it had begun between them.
pub(crate) const DELAY: Duration = Duration::from_millis(2);

/// The monitor's sleep.
#[derive(Debug)]
pub(crate) struct MonitorPark {
    state: AtomicU32,
    parker: Parker,
    /// `None` if it cannot be had.
    alarm: Option<Alarm>,
}

impl MonitorPark {
    /// With an alarm, if one can be had.
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

    /// Called by a thread that counts as asleep: if the monitor has been called and sleeps on, and
    /// `needed` says that it would find nothing, it is called off.
    pub(crate) fn call_off(&self, needed: impl FnOnce() -> bool) {
        let Some(alarm) = &self.alarm else { return };
        if self.state.load(Ordering::Relaxed) != CALLED || !self.change(CALLED, CLEARING) {
            return;
        }
        fence(BETWEEN);
        if needed() {
            // Who made it WANTED counts on an alarm that is still set. Nothing is to be done if the
            // monitor is awake.
            let is_set = self.change(CLEARING, CALLED) || self.change(WANTED, CALLED);
            if !is_set && self.change(PARKED, CALLED) {
                // Another one that came too late has cleared it.
                alarm.set(DELAY); // wake: monitor that somebody else called off
            }
            return;
        }
        alarm.clear();
        if !self.change(CLEARING, PARKED) {
            // Somebody has become busy, or this came too late.
            let _ = self.change(WANTED, CALLED);
            alarm.set(DELAY); // wake: monitor that was called off too soon
        }
    }

    /// Ends a wait at once. What the monitor is to see was done before, and who calls it off must
    /// ask for that, too.
    pub(crate) fn end(&self) {
        fence(BETWEEN);
        // An alarm that is just being cleared is set again by who does it.
        let _ = self.change(CLEARING, WANTED);
        self.parker.unpark(); // wake: monitor at once
        if let Some(alarm) = &self.alarm {
            alarm.set(Duration::ZERO); // wake: monitor that sleeps for good
        }
    }

    /// The monitor waits for a while.
    pub(crate) fn pause(&self, limit: Duration) {
        self.parker.park_timeout(limit);
    }

    /// The monitor waits for [`busy`](MonitorPark::busy) or [`end`](MonitorPark::end), unless
    /// `needed` says no.
    pub(crate) fn sleep_unless(&self, needed: impl FnOnce() -> bool) {
        // A swap, as all changes of the word: each follows the one before it.
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
