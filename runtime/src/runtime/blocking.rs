//! Jobs of the blocking pool as tasks: a closure in a task's cell, so that it has a `JoinHandle`, an
//! id, a name and containment of panics like any other task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Handle;
use super::panics::Panics;
use crate::engine::activity::Activity;
use crate::engine::blocking::{Job, Note, Rejected};
use crate::engine::scheduler::{TaskHook, terminated};
use crate::engine::task::scope::Membership;
use crate::engine::task::{
    Header, Identity, JoinHandle, Judge, Outcome, PanicSink, Runnable, Schedule, spawn_cell,
};
use crate::engine::{say, text};

/// What the pool's queue holds.
pub(super) struct BlockingJob {
    task: Runnable,
    mandatory: bool,
}

impl Job for BlockingJob {
    fn run(self) {
        let outcome = self.task.run(&Judge::Nobody);
        debug_assert!(matches!(outcome, Outcome::Complete));
    }

    fn note(&self) -> Note {
        Note { id: self.task.id().as_u64(), spawned_at: Some(self.task.location()) }
    }

    fn is_mandatory(&self) -> bool {
        self.mandatory
    }
}

/// The future that a blocking closure is: one poll, which runs it.
struct Once<F>(Option<F>);

// The closure is moved out before it runs, never pinned.
impl<F> Unpin for Once<F> {}

impl<F: FnOnce() -> R, R> Future for Once<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let closure = self.0.take().expect("polled once");
        Poll::Ready(closure())
    }
}

/// A blocking task is never scheduled again: it runs in one poll.
struct Unscheduled {
    /// Keeps paused time from jumping while the job is pending.
    activity: Option<Arc<Activity>>,
    panics: Arc<Panics>,
    on_terminate: Option<TaskHook>,
}

impl Schedule for Unscheduled {
    fn kind(&self) -> &'static str {
        "blocking"
    }

    fn schedule(&self, task: Runnable) {
        // A closure in one poll leaves no idle task behind that a wake or an abort could find.
        debug_assert!(false, "a blocking task is never idle");
        task.cancel();
    }

    fn release(&self, task: &Header) {
        terminated(self.on_terminate.as_ref(), task);
        if let Some(activity) = &self.activity {
            activity.end();
        }
    }

    fn panics(&self) -> Option<Arc<dyn PanicSink>> {
        Some(self.panics.clone())
    }
}

impl Handle {
    /// Gives a closure to the blocking pool. If the pool, or the scope that it has a place in, refuses it,
    /// the handle says that the job is cancelled; if the pool does, it comes as an error.
    pub(super) fn submit_blocking<F, R>(
        &self,
        membership: Option<Membership>,
        closure: F,
        identity: Identity,
        mandatory: bool,
    ) -> Result<JoinHandle<R>, JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (once, scheduler) = (Once(Some(closure)), self.unscheduled());
        let (task, handle) = match membership {
            None => spawn_cell(once, scheduler, identity),
            Some(membership) => {
                let (task, handle) = membership.spawn_cell(once, scheduler, identity);
                let Some(task) = membership.admit(task) else { return Ok(handle) };
                (task, handle)
            }
        };
        if self.submit_job(BlockingJob { task, mandatory }) { Ok(handle) } else { Err(handle) }
    }

    /// What a new job keeps of the runtime. From here on the job is pending.
    fn unscheduled(&self) -> Unscheduled {
        let (activity, panics) = (self.jobs().cloned(), Arc::clone(self.panics()));
        if let Some(activity) = &activity {
            activity.begin();
        }
        Unscheduled { activity, panics, on_terminate: self.observe().on_terminate.clone() }
    }

    /// Says whether the pool took the job, which is cancelled else.
    fn submit_job(&self, job: BlockingJob) -> bool {
        match self.blocking_pool().submit(job) {
            Ok(()) => return true,
            // The job is cancelled by being dropped.
            Err(Rejected::ShutDown(job)) => drop(job),
            Err(Rejected::NoThread(job, error)) => {
                let location = job.task.location();
                say::line(&text::no_thread_for_a_job(location, &error));
                drop(job);
            }
        }
        false
    }
}
