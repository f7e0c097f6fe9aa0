//! Jobs of the blocking pool as tasks: the closure is in a task's cell, so that it has a
//! `JoinHandle`, an id, a name and caught panics like any other task.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::Handle;
use super::context;
use super::handle::Inner;
use super::job::BlockingJob;
use super::panics::Panics;
use crate::engine::activity::Activity;
use crate::engine::blocking::Rejected;
use crate::engine::insight::Recorder;
use crate::engine::insight::recorder::Kind;
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::primitive::atomic::{AtomicU64, Ordering};
use crate::engine::primitive::ticks;
use crate::engine::scheduler::{StandIn, TaskHook, terminated};
use crate::engine::task::scope::Membership;
use crate::engine::task::{
    BLOCKING_KIND, Header, Identity, JoinHandle, PanicSink, Runnable, Schedule, spawn_cell,
};
use crate::engine::{messages, say};

/// A blocking closure as a future: its one poll runs the closure.
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

/// The scheduler of a blocking task, which runs in one poll and is never scheduled again. Until its
/// poll it is in the pool's queue.
struct Unscheduled {
    /// The job's place in the queue. Written and read under the queue's lock.
    place: AtomicU64,
    /// Keeps paused time from jumping while the job is pending.
    activity: Option<Arc<Activity>>,
    /// Receives panics. It also leads to the runtime of the pool.
    panics: Arc<Panics<Inner>>,
    on_terminate: Option<TaskHook>,
}

impl Schedule for Unscheduled {
    /// The pool knows its jobs.
    fn is_observed(&self) -> bool {
        false
    }

    fn recorder(&self) -> Option<&Recorder> {
        None
    }

    fn kind(&self) -> &'static str {
        BLOCKING_KIND
    }

    fn schedule(&self, task: Runnable) {
        // The task completes in its one poll, so no wake or abort finds it idle.
        debug_assert!(false, "a blocking task is never idle");
        task.cancel();
    }

    fn queued_at(&self, place: u64) {
        self.place.store(place, Ordering::Relaxed);
    }

    fn aborted(&self) {
        let Some(handle) = self.panics.runtime().map(Handle::of) else { return };
        let place = || self.place.load(Ordering::Relaxed);
        let Some(job) = handle.blocking_pool().take_back(place) else { return };
        // Dropping the job cancels it. No lock is held, and the runtime is current, as on a thread
        // of the pool.
        let _current = context::enter(handle);
        drop(job);
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
    /// Runs a closure that may block on a thread of the blocking pool. See
    /// [`runtime::spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Examples
    ///
    /// See [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, closure: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_blocking_as(closure, Identity::at(Location::caller()))
    }

    pub(crate) fn spawn_blocking_as<F, R>(
        &self,
        closure: F,
        identity: Identity<'_>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let size = FullSize::of::<F>();
        large_on_heap!(closure closure: F => self.spawn_blocking_boxed(closure, identity.of_size(size)))
    }

    /// As [`spawn_blocking_as`](Handle::spawn_blocking_as). A large closure is already boxed.
    pub(crate) fn spawn_blocking_boxed<F, R>(
        &self,
        closure: F,
        identity: Identity<'_>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.assert_not_forked();
        self.spawn_blocking_in(None, closure, identity)
    }

    /// As [`spawn_blocking_boxed`](Handle::spawn_blocking_boxed), into a scope if there is a
    /// membership.
    pub(crate) fn spawn_blocking_in<F, R>(
        &self,
        membership: Option<Membership>,
        closure: F,
        identity: Identity<'_>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        match self.submit_blocking(membership, closure, identity, false) {
            Ok(job) | Err(job) => job,
        }
    }

    /// As [`spawn_blocking`](Handle::spawn_blocking), for callers that must learn immediately that
    /// the pool is closed. A mandatory job (a program's last write) runs even if the runtime is
    /// shut down while all threads are busy.
    pub(crate) fn try_spawn_blocking<F, R>(
        &self,
        closure: F,
        location: &'static Location<'static>,
        mandatory: bool,
    ) -> Option<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.submit_blocking(None, closure, Identity::at(location), mandatory).ok()
    }

    /// Gives a closure to the blocking pool. If the scope refuses it, the returned handle says that
    /// the job is cancelled. If the pool refuses it, that handle is the error.
    pub(super) fn submit_blocking<F, R>(
        &self,
        membership: Option<Membership>,
        closure: F,
        identity: Identity<'_>,
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
        if !self.submit_job(task, mandatory) {
            return Err(handle);
        }
        // A scope can abort its members as soon as they are admitted.
        handle.queued();
        Ok(handle)
    }

    /// The scheduler of a new job. From here on the job counts as pending.
    fn unscheduled(&self) -> Unscheduled {
        let (activity, panics) = (self.jobs().cloned(), Arc::clone(self.panics()));
        if let Some(activity) = &activity {
            activity.begin();
        }
        let on_terminate = self.observe().on_terminate.clone();
        Unscheduled { place: AtomicU64::new(0), activity, panics, on_terminate }
    }

    /// Asks the blocking pool for a thread to serve in the place of a worker.
    pub(super) fn submit_stand_in(&self, stand_in: StandIn) {
        // If the pool is closed, the stand-in is dropped, and its `Drop` counts it off.
        let job = BlockingJob::StandIn { stand_in, runtime: self.id() };
        if let Err(Rejected::NoThread(BlockingJob::StandIn { stand_in, .. }, error)) =
            self.blocking_pool().submit(job)
        {
            stand_in.failed(error);
        }
    }

    /// Returns whether the pool took the job. If not, the job is cancelled.
    fn submit_job(&self, task: Runnable, mandatory: bool) -> bool {
        let location = task.location();
        let recorder = self.observe().recorder.clone();
        if let Some(recorder) = &recorder {
            recorder.at_place(Kind::JobQueued, task.id(), ticks(), location);
        }
        match self.blocking_pool().submit(BlockingJob::Task { task, mandatory, recorder }) {
            Ok(()) => return true,
            // Dropping the job cancels it.
            Err(Rejected::ShutDown(job)) => drop(job),
            Err(Rejected::NoThread(job, error)) => {
                say::line(&messages::no_thread_for_a_job(location, &error));
                drop(job);
            }
        }
        false
    }
}
