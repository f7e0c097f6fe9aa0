//! What users can observe of tasks: hooks when they are spawned, polled and over, and poll times.
//!
//! All of it is off by default. A poll then reads one flag; a spawn and an end read one pointer
//! each.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::metrics::{Counter, WorkerCounters};
use crate::engine::catch_panic::catch_panic;
use crate::engine::insight::recorder::{Kind, OnThread, Owner, Recorder, Ring, polled_here};
use crate::engine::insight::{self, Stacks};
use crate::engine::primitive::ticks;
use crate::engine::task::{Header, Id, Outcome, Runnable, StallPolicy};

/// Which task a hook is called for.
///
/// Given to [`Builder::on_task_spawn`](crate::Builder::on_task_spawn) and its like.
pub struct TaskMeta<'a> {
    id: Id,
    spawned_at: &'static Location<'static>,
    #[cfg_attr(not(feature = "schedule-latency"), allow(dead_code, reason = "it is never known"))]
    latency: Option<Duration>,
    _call: PhantomData<&'a ()>,
}

impl TaskMeta<'_> {
    fn new(id: Id, spawned_at: &'static Location<'static>) -> Self {
        TaskMeta { id, spawned_at, latency: None, _call: PhantomData }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// How long the task has waited for this poll since it was spawned or woken. Known in the hooks
    /// of polls ([`Builder::on_before_task_poll`](crate::Builder::on_before_task_poll) and
    /// [`on_after_task_poll`](crate::Builder::on_after_task_poll)), if
    /// [`Builder::track_task_schedule_latency`](crate::Builder::track_task_schedule_latency) was
    /// called.
    #[cfg(feature = "schedule-latency")]
    pub fn schedule_latency(&self) -> Option<Duration> {
        self.latency
    }
}

impl fmt::Debug for TaskMeta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskMeta")
            .field("id", &self.id)
            .field("spawned_at", &self.spawned_at)
            .finish_non_exhaustive()
    }
}

/// In place of a worker's number: a thread that is none polls its own tasks.
pub(crate) const NO_WORKER: u32 = u32::MAX;

/// User code to be called at a point of a worker's life.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// User code to be called at a point of a task's life.
pub(crate) type TaskHook = Arc<dyn Fn(&TaskMeta<'_>) + Send + Sync>;

/// What is to be observed.
#[derive(Clone, Default)]
pub(crate) struct Observe {
    pub(crate) on_spawn: Option<TaskHook>,
    pub(crate) on_before_poll: Option<TaskHook>,
    pub(crate) on_after_poll: Option<TaskHook>,
    pub(crate) on_terminate: Option<TaskHook>,
    /// Where the buckets of the histogram of poll times begin, in ns; none without a histogram.
    pub(crate) poll_times: Arc<[u64]>,
    /// The same for the histogram of how long tasks wait for their polls.
    pub(crate) latencies: Arc<[u64]>,
    /// The instant from which wait times are measured; `None` if they are not.
    pub(crate) origin: Option<Instant>,
    /// Tasks keep for a dump what they wait for.
    pub(crate) insight: bool,
    /// Where it is recorded what they do.
    pub(crate) recorder: Option<Arc<Recorder>>,
    /// Where the stacks of tasks are left that somebody asks for.
    pub(crate) stacks: Arc<Stacks>,
    /// The operating system is simulated: each poll begins with a scheduling point.
    pub(crate) is_simulated: bool,
    /// Whether anything of it concerns polls.
    polls: bool,
    /// Whether anything but a dump concerns them.
    has_hooks: bool,
}

impl Observe {
    /// To be called when everything has been set.
    pub(crate) fn ready(mut self) -> Observe {
        self.has_hooks = self.on_before_poll.is_some()
            || self.on_after_poll.is_some()
            || !self.poll_times.is_empty()
            || !self.latencies.is_empty();
        self.polls = self.insight || self.has_hooks;
        self
    }

    /// A copy without the histograms, for threads that have no counters.
    pub(crate) fn without_times(&self) -> Observe {
        Observe { poll_times: Arc::default(), latencies: Arc::default(), ..self.clone() }.ready()
    }

    /// What a worker counts in, with room for these histograms.
    pub(super) fn counters(&self, worker: u32, owner: Owner) -> WorkerCounters {
        let mut counters = WorkerCounters::new(worker, self.poll_times.len(), self.latencies.len());
        counters.ring = self.ring(owner);
        counters
    }

    /// Where a thread writes what it does, if that is recorded.
    pub(super) fn ring(&self, owner: Owner) -> Option<Arc<Ring>> {
        self.recorder.as_ref().map(|recorder| recorder.ring(owner))
    }

    /// This thread's events go to the ring until the guard is dropped.
    pub(super) fn record_on_this_thread(&self, ring: Option<&Arc<Ring>>) -> Option<OnThread> {
        Some(self.recorder.as_ref()?.enter(ring?))
    }

    #[inline]
    pub(super) fn spawned(&self, task: &Runnable) {
        if let Some(hook) = &self.on_spawn {
            call(hook, &TaskMeta::new(task.id(), task.location()));
        }
    }

    #[inline]
    pub(crate) fn terminated(&self, task: &Header) {
        terminated(self.on_terminate.as_ref(), task);
    }

    /// Polls the task, with hooks and measurements. The thread has counters if there are
    /// histograms.
    #[inline]
    pub(super) fn run(
        &self,
        task: Runnable,
        policy: &StallPolicy<'_>,
        counters: Option<&WorkerCounters>,
    ) -> Outcome {
        if !self.polls {
            task.run(policy)
        } else if self.has_hooks {
            self.run_with_hooks(task, policy, counters)
        } else {
            self.run_observed(task, policy, counters)
        }
    }

    #[inline(never)]
    fn run_with_hooks(
        &self,
        task: Runnable,
        policy: &StallPolicy<'_>,
        counters: Option<&WorkerCounters>,
    ) -> Outcome {
        let latency = self.origin.and_then(|origin| task.waited(origin));
        let meta = TaskMeta { latency, ..TaskMeta::new(task.id(), task.location()) };
        if let (Some(counters), Some(latency)) = (counters, latency) {
            count(&self.latencies, &counters.latencies, latency);
        }
        if let Some(hook) = &self.on_before_poll {
            call(hook, &meta);
        }
        let began = Instant::now();
        if let Some(counters) = counters {
            counters.between_polls();
        }
        let outcome = self.run_observed(task, policy, counters);
        if let Some(counters) = counters {
            if !self.poll_times.is_empty() {
                count(&self.poll_times, &counters.poll_times, began.elapsed());
            }
        }
        if let Some(hook) = &self.on_after_poll {
            call(hook, &meta);
        }
        outcome
    }

    #[inline(never)]
    fn run_observed(
        &self,
        task: Runnable,
        policy: &StallPolicy<'_>,
        counters: Option<&WorkerCounters>,
    ) -> Outcome {
        if !insight::CAN_BE_ON || !task.is_observed() {
            return task.run(policy);
        }
        let (id, location) = (task.id(), task.location());
        let (began, worker) = match counters {
            Some(counters) => (counters.poll_begins(), counters.worker),
            None => (ticks(), NO_WORKER),
        };
        let (outcome, ended) = task.run_observed(policy, began, worker, &self.stacks);
        if let Some(counters) = counters {
            counters.poll_ended(ended);
        }
        let kind = match outcome {
            Outcome::Idle => Kind::PollIdle,
            Outcome::Woken(_) => Kind::PollWoken,
            Outcome::Complete => Kind::PollDone,
        };
        let Some(recorder) = &self.recorder else {
            polled_here(kind, id, location, began, ended);
            return outcome;
        };
        let ring = counters.and_then(|counters| counters.ring.as_deref());
        recorder.polled(ring, kind, id, began, ended);
        if let Outcome::Complete = outcome {
            recorder.at_place(Kind::End, id, ended, location);
        }
        outcome
    }
}

/// Counts a time in a histogram, if there is one.
fn count(starts: &[u64], counters: &[Counter], time: Duration) {
    let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    // The first bucket begins at 0.
    let after = starts.partition_point(|&start| start <= ns);
    if let Some(bucket) = after.checked_sub(1) {
        counters[bucket].add(1);
    }
}

/// Calls the hook for a task that is over.
#[inline]
pub(crate) fn terminated(hook: Option<&TaskHook>, task: &Header) {
    if let Some(hook) = hook {
        call(hook, &TaskMeta::new(task.id(), task.location()));
    }
}

#[cold]
fn call(hook: &TaskHook, meta: &TaskMeta<'_>) {
    catch_panic(|| hook(meta));
}
