//! The trait of what the pool runs: a job is run once, or dropped unrun.

use std::panic::Location;

/// A piece of blocking work.
///
/// Running consumes it. Dropping it unrun cancels it. If a result was promised, the `Drop` of the
/// job reports the cancellation. The pool does neither under a lock, and catches panics of both.
pub(crate) trait Job: Send + 'static {
    /// Does the work, on a thread of the pool.
    fn run(self);

    /// What a report says of the job. Called under the pool's lock, so it must be a plain read.
    fn note(&self) -> Note {
        Note::default()
    }

    /// Tells the job the number under which [`Queue::take_back`](super::queue::Queue::take_back)
    /// finds it until it is taken. Called under the pool's lock, so it must be a plain write.
    fn queued_at(&self, _place: u64) {}

    /// Whether the job runs even if the pool is shut down while all its threads are busy. Called
    /// under the pool's lock, so it must be a plain read.
    fn is_mandatory(&self) -> bool {
        false
    }
}

impl Job for Box<dyn FnOnce() + Send> {
    fn run(self) {
        self();
    }
}

/// The identity of a job, for reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// The task's id; 0 for work that is no task.
    pub(crate) id: u64,
    /// Where the job was spawned.
    pub(crate) spawned_at: Option<&'static Location<'static>>,
}
