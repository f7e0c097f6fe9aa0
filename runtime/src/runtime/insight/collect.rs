//! Looks at all tasks of a runtime: [`Handle::task_dump`].

use std::panic::Location;
use std::time::{Duration, Instant};

use super::{
    BlockingInfo, DescriptorInfo, RootInfo, TaskDump, TaskInfo, TaskPlace, TaskState, WaitInfo,
    WokenBy, stuck,
};
use crate::engine::blocking::Note;
use crate::engine::insight::descriptor::{Addresses, addresses};
use crate::engine::insight::{Kind, Reading, Wait, WakeSource, read_object};
use crate::engine::primitive::Scale;
use crate::engine::scheduler::NO_WORKER;
use crate::engine::task::{Owned, Walked};
use crate::engine::task_id;
use crate::runtime::handle::Handle;
use crate::runtime::{local_sets, roots};
use crate::task::Id;

impl Handle {
    /// Whether tasks keep notes for [`task_dump`](Handle::task_dump): see
    /// [`Builder::insight`](crate::Builder::insight).
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_current_thread().insight(true).build()?;
    /// assert!(runtime.handle().is_insight_on());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_insight_on(&self) -> bool {
        self.observe().insight
    }

    /// Looks at all tasks: what each does, since when, and what it waits for.
    ///
    /// May be called on any thread, also while all workers are stuck. It stops nobody: a spawn, or
    /// the end of a task, may have to wait some microseconds for a piece of the list. It is no
    /// picture of one moment: each task is seen as it was when the dump came to it, and one that is
    /// spawned or ends meanwhile may be missing. It takes some 0.3 µs a task.
    ///
    /// Without [insight](crate::Builder::insight) it says which tasks there are and whether they
    /// run, not what they wait for.
    ///
    /// # Examples
    ///
    /// See [`TaskDump`].
    pub fn task_dump(&self) -> TaskDump {
        let began = Instant::now();
        let mut seen = Vec::new();
        self.each_place(|list, place| {
            // Grown here, not under a lock of the list; some may be spawned meanwhile.
            seen.reserve(list.about_alive() + 1024);
            list.walk(|task| seen.push(Seen::new(&task, place)));
        });
        // The names and the places are looked up without a lock of the list.
        let scale = Scale::now();
        let now = self.clock().now_instant();
        let mut tasks: Vec<_> = seen.iter().map(|seen| seen.info(&scale, now)).collect();
        tasks.sort_unstable_by_key(|task| task.id);
        stuck::mark(&mut tasks);
        TaskDump {
            runtime: self.name().map(str::to_owned),
            is_insight_on: self.is_insight_on(),
            tasks,
            roots: self.roots().all().iter().map(|root| root_info(root, &scale, now)).collect(),
            blocking: self.blocking_jobs(),
            took: began.elapsed(),
        }
    }

    /// The last 20 reports of stalls, the newest first: how long ago each was made, and what it
    /// says, with the stack. Stalls that were not
    /// [reported](crate::Builder::stall_report) are left out.
    ///
    /// Without [insight](crate::Builder::insight) none is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().insight(true).build()?;
    /// for (ago, text) in runtime.handle().recent_stalls() {
    ///     println!("{ago:?} ago: {text}");
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recent_stalls(&self) -> Vec<(Duration, String)> {
        self.reporter().kept()
    }

    fn blocking_jobs(&self) -> Vec<BlockingInfo> {
        let (running, queued) = self.blocking_pool().jobs();
        let info = |job: &Note, running| {
            let id = Id::from_u64(job.id);
            let name = id.and_then(task_id::name);
            BlockingInfo { id, name, spawned_at: job.spawned_at, running }
        };
        let running = running.iter().map(|job| info(job, true));
        running.chain(queued.iter().map(|job| info(job, false))).collect()
    }

    pub(super) fn each_place(&self, mut f: impl FnMut(&Owned, TaskPlace)) {
        f(self.scheduler().tasks().owned(), TaskPlace::Runtime);
        self.pinned().each(|thread| f(thread.tasks(), TaskPlace::PinnedThread));
        for set in local_sets::of_runtime(self.id().as_u64()) {
            set.with(|tasks| f(tasks, TaskPlace::LocalSet));
        }
    }
}

/// What is copied of a task under the lock.
struct Seen {
    id: Id,
    place: TaskPlace,
    is_named: bool,
    is_running: bool,
    is_scheduled: bool,
    is_lost: bool,
    location: &'static Location<'static>,
    scope: Option<&'static Location<'static>>,
    future_size: usize,
    reading: Option<Reading>,
}

impl Seen {
    fn new(task: &Walked<'_>, place: TaskPlace) -> Seen {
        Seen {
            id: task.id(),
            place,
            is_named: task.is_named(),
            is_running: task.is_running(),
            is_scheduled: task.is_scheduled(),
            is_lost: task.is_lost(),
            location: task.location(),
            scope: task.scope(),
            future_size: task.future_size(),
            reading: task.read(),
        }
    }

    fn info(&self, scale: &Scale, now: Instant) -> TaskInfo {
        let reading = self.reading.unwrap_or_default();
        let is_known = self.reading.is_some();
        let ago = |then| is_known.then(|| scale.ago(then));
        let state = if self.is_running {
            let worker =
                (is_known && reading.worker != NO_WORKER).then_some(reading.worker as usize);
            TaskState::Running { worker, since: ago(reading.began) }
        } else if self.is_scheduled {
            TaskState::Queued { since: ago(reading.woken_at) }
        } else {
            TaskState::Waiting { since: ago(reading.since) }
        };
        let waits = reading.waits.iter().flatten().filter(|_| !self.is_running);
        TaskInfo {
            id: self.id,
            name: if self.is_named { task_id::name(self.id) } else { None },
            spawned_at: self.location,
            scope: self.scope,
            place: self.place,
            state,
            polls: reading.polls,
            busy: scale.time(reading.busy),
            age: ago(reading.born),
            woken: ago(reading.woken_at).map(|ago| (woken_by(reading.woken_by), ago)),
            future_size: if is_known { reading.future_size } else { self.future_size },
            waits: waits.map(|wait| wait_info(*wait, now)).collect(),
            more_waits: if self.is_running { 0 } else { reading.more_waits },
            stacks: None,
            is_lost: self.is_lost,
            is_stuck: false,
        }
    }
}

fn root_info(root: &roots::Entry, scale: &Scale, now: Instant) -> RootInfo {
    let reading = root.read();
    let state = if reading.began > reading.since {
        TaskState::Running { worker: None, since: Some(scale.ago(reading.began)) }
    } else {
        TaskState::Waiting { since: Some(scale.ago(reading.since)) }
    };
    let is_running = matches!(state, TaskState::Running { .. });
    let waits = reading.waits.iter().flatten().filter(|_| !is_running);
    RootInfo {
        called_at: root.called_at,
        thread: root.thread.clone(),
        state,
        polls: reading.polls,
        busy: scale.time(reading.busy),
        waits: waits.map(|wait| wait_info(*wait, now)).collect(),
    }
}

fn woken_by(source: WakeSource) -> WokenBy {
    match source {
        WakeSource::Outside => WokenBy::Outside,
        WakeSource::Task(id) => WokenBy::Task(id),
        WakeSource::Driver => WokenBy::Driver,
        WakeSource::Timer => WokenBy::Timer,
    }
}

/// Describes a wait, with the meaning of its argument.
fn wait_info(wait: Wait, now: Instant) -> WaitInfo {
    let mut info = WaitInfo {
        kind: wait.kind(),
        made_at: None,
        object: None,
        held_by: None,
        task: None,
        count: None,
        left: None,
        descriptor: None,
        number: None,
        is_old: wait.is_old(),
    };
    let argument = wait.argument();
    match wait.kind() {
        Kind::Timer => {
            info.left = wait.deadline().map(|at| at.saturating_duration_since(now));
        }
        Kind::Readable | Kind::Writable | Kind::Ready => {
            let number = argument as i32;
            let Addresses { local, peer } = addresses(number);
            info.descriptor = Some(DescriptorInfo { number, local, peer });
        }
        Kind::Join | Kind::Blocking => info.task = Id::from_u64(argument),
        Kind::JoinSet | Kind::Scope | Kind::LocalSet => info.count = Some(argument),
        Kind::Child | Kind::Signal => info.number = Some(argument),
        Kind::DuplexRead | Kind::DuplexWrite | Kind::Budget => {}
        _ => {
            info.object = Some(argument);
            if matches!(wait.kind(), Kind::Semaphore | Kind::RwLock) {
                info.count = Some(u64::from(wait.more()));
            }
            if wait.kind() == Kind::OneshotReceive && wait.more() > 0 {
                info.kind = Kind::OneshotClosed;
            }
            if let Some(object) = read_object(argument) {
                info.made_at = Some(object.made_at);
                info.held_by = object.holder;
            }
        }
    }
    info
}
