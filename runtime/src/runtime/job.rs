//! The jobs of the blocking pool.

use std::sync::Arc;

use super::id::RuntimeId;
use super::this_thread::{self, Service};
use crate::engine::blocking::{Job, Note};
use crate::engine::driver::exact_timers;
use crate::engine::insight::Recorder;
use crate::engine::insight::recorder::Kind;
use crate::engine::primitive::ticks;
use crate::engine::scheduler::StandIn;
use crate::engine::task::{Outcome, Runnable, StallPolicy};

/// What the pool's queue holds.
pub(super) enum BlockingJob {
    Task {
        task: Runnable,
        mandatory: bool,
        recorder: Option<Arc<Recorder>>,
    },
    /// Serves in the place of a worker that is in `block_in_place`.
    StandIn {
        stand_in: StandIn,
        runtime: RuntimeId,
    },
}

impl Job for BlockingJob {
    fn run(self) {
        match self {
            BlockingJob::Task { task, recorder, .. } => {
                let id = task.id();
                let began = recorder.map(|recorder| {
                    let now = ticks();
                    recorder.job_begins(id, now);
                    (recorder, now)
                });
                let outcome = task.run(&StallPolicy::Nobody);
                debug_assert!(matches!(outcome, Outcome::Complete));
                if let Some((recorder, began)) = began {
                    recorder.polled(None, Kind::JobEnd, id, began, ticks());
                }
            }
            BlockingJob::StandIn { stand_in, runtime } => {
                if let Some(worker) = stand_in.arrive() {
                    let _serves = this_thread::serve(runtime, Service::Worker);
                    exact_timers();
                    // The blocking pool has already set the thread up.
                    worker.run(&|| ());
                }
            }
        }
    }

    fn note(&self) -> Note {
        match self {
            BlockingJob::Task { task, .. } => {
                Note { id: task.id().as_u64(), spawned_at: Some(task.location()) }
            }
            BlockingJob::StandIn { .. } => Note::default(),
        }
    }

    fn queued_at(&self, place: u64) {
        if let BlockingJob::Task { task, .. } = self {
            task.queued_at(place);
        }
    }

    fn is_mandatory(&self) -> bool {
        matches!(self, BlockingJob::Task { mandatory: true, .. })
    }
}
