//! What the pool runs: a job it can run once, or drop unrun.

use std::panic::Location;

/// A piece of blocking work.
///
/// Running consumes it. Dropping it unrun cancels it, and an implementation that promised somebody
/// an outcome reports the cancellation from its `Drop`. The pool never does either under a lock,
/// and contains a panic of both.
pub(crate) trait Job: Send + 'static {
    /// Does the work, on a thread of the pool.
    fn run(self);

    /// What a report may say of the job. Called under the pool's lock: a plain read.
    fn note(&self) -> Note {
        Note::default()
    }

    /// Under which number [`Queue::take_back`](super::queue::Queue::take_back) finds the job, from
    /// now until it is taken. Called under the pool's lock: a plain write.
    fn queued_at(&self, _place: u64) {}

    /// Whether the job runs even if the pool is shut down while all its threads are busy with
    /// others. Called under the pool's lock: a plain read.
    fn is_mandatory(&self) -> bool {
        false
    }
}

impl Job for Box<dyn FnOnce() + Send> {
    fn run(self) {
        self();
    }
}

/// Who a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// The task's id; 0 for work that is no task.
    pub(crate) id: u64,
    /// Where the job was spawned.
    pub(crate) spawned_at: Option<&'static Location<'static>>,
}
