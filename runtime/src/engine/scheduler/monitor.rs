//! The monitor: the thread that notices when a task keeps its thread from all other tasks.
//!
//! # Problem
//!
//! A task that blocks its thread, or computes without returning, holds up everything in its
//! worker's queue, LIFO slot and timers. When every worker is in such a poll, no thread looks at
//! I/O and timers. So a thread that runs no tasks must notice.
//!
//! # Files
//!
//! | file | content |
//! |---|---|
//! | `monitor.rs` | the monitor as the schedulers see it; watching threads whose tasks are bound to them; late looks |
//! | `monitor_rounds.rs` | what it does for a pool: takes over, calls spares, keeps a thread in the driver |
//! | `monitor_park.rs` | how it sleeps, and how it is called |
//! | `poll_age.rs` | how old a poll is |
//! | `watched_thread.rs` | a thread whose tasks are bound to it |
//!
//! A look that comes much later than planned means that the process was stopped. That time does not
//! count towards the age of a poll. The age does not start from zero either, or a process that is
//! stopped again and again would never report a stall. If the monitor itself has waited for a
//! processor, the process did run, and so that time counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::monitor_park::MonitorPark;
use super::poll_age::Eye;
use super::spares::Shortage;
use super::watched_thread::WatchedThread;
use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::primitive::{Mutex, thread};
use crate::engine::stall;
use crate::engine::task::{Id, PollId, Watch};
use crate::engine::wake_list::WakeList;

/// The longest time between two looks while all workers sleep.
pub(super) const SLOW_LOOK: Duration = Duration::from_millis(10);
/// Looks between two readings of how long the monitor itself has waited for processors.
const READ_EVERY: u32 = 64;

/// A poll that has reached the report threshold.
pub(crate) struct Stall {
    pub(crate) worker: usize,
    /// The kernel's number of the thread; 0 if unknown.
    pub(crate) tid: u32,
    pub(crate) task: Option<Id>,
    pub(crate) location: Option<&'static std::panic::Location<'static>>,
    pub(crate) duration: Duration,
    /// The share of that time for which the thread had a processor, if the system tells.
    pub(crate) processor_share: Option<f64>,
    /// Whether the poll is still going on. Only then does the thread's stack belong to it.
    pub(crate) goes_on: Box<dyn Fn() -> bool + Send>,
}

/// Receives stalls, and wakers that may be user code, from the monitor. Must not block.
pub(crate) trait StallSink: Send + Sync + 'static {
    fn stalled(&self, stall: Stall);
    /// Work waits behind stalled slots, and there is no spare for it. Returns false if the report
    /// could not be made.
    fn short_of_spares(&self, shortage: Shortage) -> bool;
    /// Calls wakers that may be user code on a thread that may block.
    fn wake(&self, ready: &mut WakeList);
    /// Whether wakers wait for a thread that could not be started. The next
    /// [`wake`](StallSink::wake) tries again.
    fn owes_wakes(&self) -> bool;
}

/// The monitor as other threads see it.
pub(crate) struct Monitor {
    park: MonitorPark,
    takeover: Duration,
    report: Option<Duration>,
    sink: Box<dyn StallSink>,
    stalls: AtomicU64,
    bound: Mutex<Vec<Arc<WatchedThread>>>,
}

impl Monitor {
    /// `report: None` reports nothing.
    pub(crate) fn new(
        takeover: Duration,
        report: Option<Duration>,
        sink: Box<dyn StallSink>,
    ) -> Monitor {
        let (stalls, bound) = (AtomicU64::new(0), Mutex::new(Vec::new()));
        Monitor { park: MonitorPark::new(), takeover, report, sink, stalls, bound }
    }

    /// Watches a thread from now on.
    pub(crate) fn watch_bound(&self, bound: Arc<WatchedThread>) {
        self.bound.lock().push(bound);
    }

    /// Whether it watches such threads.
    pub(super) fn has_bound(&self) -> bool {
        !self.bound.lock().is_empty()
    }

    /// Looks at the threads with tasks bound to them; each has an eye in `eyes`. Returns whether a
    /// poll is going on in one of them.
    pub(super) fn look_at_bound(&self, eyes: &mut Vec<Eye>, now: Instant) -> bool {
        let all = self.bound.lock();
        eyes.resize_with(all.len(), Eye::default);
        let mut amiss = false;
        for (bound, eye) in all.iter().zip(eyes) {
            amiss |= self.look_at_one(bound, eye, now, |seen| {
                let bound = Arc::clone(bound);
                Box::new(move || bound.watch().look() == Some(seen))
            });
        }
        amiss
    }

    /// Looks at one such thread. Returns whether a poll is going on.
    fn look_at_one(
        &self,
        thread: &WatchedThread,
        eye: &mut Eye,
        now: Instant,
        goes_on: impl Fn(PollId) -> Box<dyn Fn() -> bool + Send>,
    ) -> bool {
        let (watch, tid) = (thread.watch(), thread.tid());
        let age = eye.look(watch, tid, now, self.report.unwrap_or(Duration::MAX), None);
        self.report_if_due(eye, watch, thread.number(), tid, now, goes_on);
        !age.is_zero()
    }

    pub(super) fn is_bound_awake(&self) -> bool {
        self.bound.lock().iter().any(|bound| bound.is_awake())
    }

    pub(super) fn takeover(&self) -> Duration {
        self.takeover
    }

    /// The age at which a poll is reported; `None` reports nothing.
    pub(super) fn report(&self) -> Option<Duration> {
        self.report
    }

    pub(super) fn sink(&self) -> &dyn StallSink {
        &*self.sink
    }

    /// Polls reported so far.
    pub(crate) fn stalls(&self) -> u64 {
        self.stalls.load(Ordering::Relaxed)
    }

    /// A thread with tasks bound to it has woken up.
    #[inline]
    pub(super) fn awake(&self) {
        self.park.busy();
    }

    /// Where the monitor sleeps when it has no duty.
    #[inline]
    pub(super) fn park(&self) -> &MonitorPark {
        &self.park
    }

    /// Ends the monitor's wait.
    pub(super) fn wake(&self) {
        self.park.end();
    }

    /// Watches one thread whose tasks are bound to it: stalls are reported, nothing else can be
    /// done. Runs until `closed` returns true.
    pub(crate) fn watch_one(
        &self,
        thread: &WatchedThread,
        closed: impl Fn() -> bool,
        goes_on: impl Fn(PollId) -> Box<dyn Fn() -> bool + Send>,
    ) {
        let mut eye = Eye::default();
        let mut bound_eyes = Vec::new();
        let busy = || thread.is_awake() || self.is_bound_awake();
        let closed = || closed() && !self.is_bound_awake();
        let mut punctuality = Punctuality::new();
        while !closed() {
            let now = Instant::now();
            if let Some(stopped) = punctuality.stopped(now, SLOW_LOOK, self.takeover) {
                eye.excuse(stopped);
                bound_eyes.iter_mut().for_each(|eye: &mut Eye| eye.excuse(stopped));
            }
            self.look_at_bound(&mut bound_eyes, now);
            self.look_at_one(thread, &mut eye, now, &goes_on);
            if busy() {
                self.park.pause(SLOW_LOOK);
            } else {
                self.park.sleep_unless(|| busy() || closed());
                punctuality = Punctuality::new();
            }
        }
    }

    /// Reports the current poll, once, when it is old enough.
    pub(super) fn report_if_due(
        &self,
        eye: &mut Eye,
        watch: &Watch,
        worker: usize,
        tid: u32,
        now: Instant,
        goes_on: impl Fn(PollId) -> Box<dyn Fn() -> bool + Send>,
    ) {
        let Some(seen) = self.report.and_then(|threshold| eye.becomes(threshold)) else { return };
        let Some(whose) = watch.whose(seen) else { return };
        eye.told();
        self.stalls.fetch_add(1, Ordering::Relaxed);
        let (duration, processor_share) = eye.on_the_wall(tid, now);
        self.sink.stalled(Stall {
            worker,
            tid,
            task: Id::from_u64(whose.id),
            location: whose.location,
            duration,
            processor_share,
            goes_on: goes_on(seen),
        });
    }
}

/// When the monitor looked last, and what kept it from the next look.
pub(super) struct Punctuality {
    last: Instant,
    /// How long this thread had waited for a processor at the last reading.
    queued: Option<Duration>,
    looks: u32,
}

impl Punctuality {
    pub(super) fn new() -> Punctuality {
        Punctuality { last: Instant::now(), queued: None, looks: 0 }
    }

    /// Called at a look that was planned `pause` after the last one. If it comes much later,
    /// returns for how long the process was stopped.
    pub(super) fn stopped(
        &mut self,
        now: Instant,
        pause: Duration,
        takeover: Duration,
    ) -> Option<Duration> {
        let passed = now.duration_since(std::mem::replace(&mut self.last, now));
        self.looks = self.looks.wrapping_add(1);
        let is_late = passed > (pause * 4).saturating_add(takeover);
        if !is_late && self.looks % READ_EVERY != 1 {
            return None;
        }
        let queued = stall::queued(thread::os_id());
        let before = std::mem::replace(&mut self.queued, queued);
        let waited =
            queued.unwrap_or_default().saturating_sub(before.or(queued).unwrap_or_default());
        is_late.then(|| (passed - pause).saturating_sub(waited))
    }
}
