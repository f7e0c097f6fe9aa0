//! A thread whose tasks are bound to it. The monitor watches it, but no spare can replace it.

use crate::engine::primitive::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::engine::primitive::thread;
use crate::engine::task::{PollOwner, Watch};

/// What the monitor knows of such a thread.
///
/// The number and the flag are Relaxed, no pair: they only say which thread to look at. The fences
/// of `monitor_park.rs` order what must not be missed.
pub(crate) struct WatchedThread {
    watch: Watch,
    /// The kernel's number of the thread; 0 if unknown.
    tid: AtomicU32,
    awake: AtomicBool,
    /// What reports call it.
    number: usize,
}

impl WatchedThread {
    /// Not awake yet.
    pub(super) fn new(number: usize) -> WatchedThread {
        let (tid, awake) = (AtomicU32::new(0), AtomicBool::new(false));
        WatchedThread { watch: Watch::new(), tid, awake, number }
    }

    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Makes the calling thread the watched one.
    pub(super) fn set_tid(&self) {
        self.tid.store(thread::os_id(), Ordering::Relaxed);
    }

    pub(super) fn tid(&self) -> u32 {
        self.tid.load(Ordering::Relaxed)
    }

    /// Says whether the thread is awake. If it is, call [`Monitor::awake`](super::Monitor::awake)
    /// next.
    pub(super) fn set_awake(&self, awake: bool) {
        self.awake.store(awake, Ordering::Relaxed);
    }

    pub(super) fn is_awake(&self) -> bool {
        self.awake.load(Ordering::Relaxed)
    }

    /// Runs user code that belongs to no task while the monitor watches.
    pub(super) fn bracket<R>(&self, user_code: impl FnOnce() -> R) -> R {
        self.watch.begin(0, None);
        let _bracket = Bracket(&self.watch);
        user_code()
    }

    /// The task whose poll, or destructor, has not returned.
    pub(crate) fn busy_with(&self) -> Option<PollOwner> {
        self.watch.whose(self.watch.look()?)
    }
}

/// Ends the watched stretch also when the user code in it panics.
struct Bracket<'a>(&'a Watch);

impl Drop for Bracket<'_> {
    fn drop(&mut self) {
        let _ = self.0.end();
    }
}
