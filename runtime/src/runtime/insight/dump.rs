//! What a dump says, for programs and in words.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::json::Json;
use crate::engine::insight::WaitKind;
use crate::task::Id;

/// All tasks of a runtime at about one moment: what
/// [`Handle::task_dump`](crate::Handle::task_dump) gives.
///
/// `Display` writes it for people, a task a paragraph; [`to_json`](TaskDump::to_json) for programs.
///
/// # Examples
///
/// ```
/// use runtime::insight::{
///     BlockingInfo, DescriptorInfo, RootInfo, TaskInfo, TaskPlace, TaskState, WaitInfo, WaitKind, WokenBy,
/// };
///
/// let runtime = runtime::Builder::new_multi_thread().insight(true).enable_all().build()?;
/// let (_sender, receiver) = runtime::sync::oneshot::channel::<()>();
/// let task = runtime.spawn(async { receiver.await });
/// # loop {
/// #     let dump = runtime.handle().task_dump();
/// #     if dump.tasks.iter().any(|task| !task.waits.is_empty()) {
/// #         break;
/// #     }
/// #     std::thread::yield_now();
/// # }
///
/// let dump = runtime.handle().task_dump();
/// println!("{dump}");
/// println!("{}", dump.to_json());
///
/// let info: &TaskInfo = dump.tasks.iter().find(|info| info.id == task.id()).unwrap();
/// assert_eq!(info.place, TaskPlace::Runtime);
/// assert!(matches!(info.state, TaskState::Waiting { .. }));
/// match info.woken {
///     Some((WokenBy::Task(id), ago)) => println!("woken by task {id} {ago:?} ago"),
///     other => println!("{other:?}"),
/// }
/// let wait: &WaitInfo = &info.waits[0];
/// assert_eq!((wait.kind, wait.kind.name()), (WaitKind::OneshotReceive, "oneshot_receive"));
/// if let Some(DescriptorInfo { number, peer, .. }) = &wait.descriptor {
///     println!("descriptor {number} to {peer:?}");
/// }
/// for BlockingInfo { spawned_at, running, .. } in &dump.blocking {
///     println!("a job of {spawned_at:?} runs: {running}");
/// }
/// for RootInfo { called_at, waits, .. } in &dump.roots {
///     println!("{called_at} waits for {waits:?}");
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskDump {
    /// The name of the runtime.
    pub runtime: Option<String>,
    /// Whether the runtime keeps notes. If not, it is not known what tasks wait for.
    pub is_insight_on: bool,
    /// The tasks, in order of their ids.
    pub tasks: Vec<TaskInfo>,
    /// The futures that threads block on: `block_on` and its like, and the main function.
    pub roots: Vec<RootInfo>,
    /// What the blocking pool does, and has to do.
    pub blocking: Vec<BlockingInfo>,
    /// How long it took to look at them all.
    pub took: Duration,
}

/// One task in a [`TaskDump`].
///
/// # Examples
///
/// See [`TaskDump`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its id.
    pub id: Id,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned.
    pub spawned_at: &'static Location<'static>,
    /// Where its [scope](crate::task::Scope) was opened, if it was spawned into one.
    pub scope: Option<&'static Location<'static>>,
    /// Where it lives.
    pub place: TaskPlace,
    /// What it does.
    pub state: TaskState,
    /// How often it was polled, without the poll that is going on. Without insight this and the
    /// next three are zero or `None`.
    pub polls: u64,
    /// For how long it was polled, all polls together.
    pub busy: Duration,
    /// How long ago it was spawned.
    pub age: Option<Duration>,
    /// Who made it ready for a poll the last time, and how long ago.
    pub woken: Option<(WokenBy, Duration)>,
    /// The size of its future in bytes. Large futures are moved into a box when they are spawned;
    /// without insight, or with a future that the program has boxed, it is the size of the box.
    pub future_size: usize,
    /// What it waits for: several things in `select!` or `join!`. Empty if it does not wait, and if
    /// what it waits for is not of this runtime.
    pub waits: Vec<WaitInfo>,
    /// How many more things it waits for.
    pub more_waits: u32,
    /// Where it waits: the stack of async functions down to each thing that it waits for, or the
    /// stack of its thread if it runs. `None` unless it was
    /// [asked for](crate::Handle::task_dump_with_stacks).
    pub stacks: Option<Stacks>,
    /// It waits, and nobody has a waker of it, nor a handle by which it could be aborted.
    pub is_lost: bool,
    /// It can go on only after another task that is stuck: it is in a circle of tasks that wait for
    /// each other, or behind one. Of tasks that run meanwhile a dump is no picture of one moment:
    /// only what two dumps say of tasks that were not polled between them is sure.
    pub is_stuck: bool,
}

/// The stacks of a task.
///
/// # Examples
///
/// See [`Handle::task_dump_with_stacks`](crate::Handle::task_dump_with_stacks).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stacks {
    /// Each of them in the form of a backtrace, the innermost call first. None, if the futures that
    /// wait keep no waker.
    Taken(Vec<String>),
    /// The task was not polled in time.
    NotInTime,
    /// The stacks could not be taken, for this reason.
    Failed(String),
}

/// Where a task lives.
///
/// # Examples
///
/// See [`TaskDump`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskPlace {
    /// Any worker runs it.
    Runtime,
    /// A [pinned](crate::task::spawn_pinned) thread.
    PinnedThread,
    /// A [`LocalSet`](crate::task::LocalSet) that was polled in the runtime.
    LocalSet,
}

/// What a task does.
///
/// # Examples
///
/// See [`TaskDump`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// It is being polled: on that worker, if it is one, for that long.
    #[non_exhaustive]
    Running {
        /// The number of the worker, as [`RuntimeMetrics`](crate::runtime::RuntimeMetrics) counts.
        worker: Option<usize>,
        /// For how long, if that is known.
        since: Option<Duration>,
    },
    /// It is ready, and waits for a thread.
    #[non_exhaustive]
    Queued {
        /// For how long, if that is known.
        since: Option<Duration>,
    },
    /// It waits for something.
    #[non_exhaustive]
    Waiting {
        /// For how long, if that is known.
        since: Option<Duration>,
    },
}

/// Who made a task ready for a poll.
///
/// # Examples
///
/// See [`TaskDump`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WokenBy {
    /// Another task, or itself, in a poll.
    Task(Id),
    /// The runtime: a descriptor was ready, or a signal had come.
    Driver,
    /// The runtime: a timer was due.
    Timer,
    /// A thread that polled no task.
    Outside,
}

/// One thing that a task waits for.
///
/// # Examples
///
/// See [`TaskDump`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WaitInfo {
    /// The kind of wait.
    pub kind: WaitKind,
    /// Where the lock or channel was made.
    pub made_at: Option<&'static Location<'static>>,
    /// A number for the lock or channel: the same for all that wait for the same one.
    pub object: Option<u64>,
    /// Which task holds the lock. Of a full channel: which task receives.
    pub held_by: Option<Id>,
    /// For a task, or a blocking job: which.
    pub task: Option<Id>,
    /// The number of permits of a semaphore, or of tasks of a set or scope.
    pub count: Option<u64>,
    /// How long it is until the deadline. Zero: it has passed.
    pub left: Option<Duration>,
    /// The descriptor.
    pub descriptor: Option<DescriptorInfo>,
    /// The number of the child process, or of the signal.
    pub number: Option<u64>,
    /// Another leaf went on later in the same poll, so the wait may be over: a branch of `select!`
    /// that has lost.
    pub is_old: bool,
}

/// A descriptor that a task waits for.
///
/// # Examples
///
/// See [`TaskDump`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DescriptorInfo {
    /// Its number.
    pub number: i32,
    /// Its own address.
    pub local: Option<String>,
    /// The address at the other end.
    pub peer: Option<String>,
}

/// A future that a thread blocks on.
///
/// # Examples
///
/// See [`TaskDump`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RootInfo {
    /// Where `block_on` was called.
    pub called_at: &'static Location<'static>,
    /// The name of the thread.
    pub thread: Option<String>,
    /// What it does.
    pub state: TaskState,
    /// How often it was polled, without the poll that is going on.
    pub polls: u64,
    /// For how long it was polled, all polls together.
    pub busy: Duration,
    /// What it waits for.
    pub waits: Vec<WaitInfo>,
}

/// A job of the blocking pool.
///
/// # Examples
///
/// See [`TaskDump`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlockingInfo {
    /// Its id.
    pub id: Option<Id>,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned, where that is known.
    pub spawned_at: Option<&'static Location<'static>>,
    /// Whether it runs. If not, it waits for a thread.
    pub running: bool,
}

const NOT_IN_TIME: &str = "it was not polled in time";

impl TaskDump {
    /// The dump as JSON: one object, in one line. Times are in microseconds.
    ///
    /// # Examples
    ///
    /// See [`TaskDump`].
    pub fn to_json(&self) -> String {
        let mut json = Json::new();
        json.object(|json| {
            json.member("runtime", &self.runtime);
            json.member("insight", &self.is_insight_on);
            json.member("took_us", &self.took);
            json.list("tasks", &self.tasks, |json, task| task.write(json));
            json.list("roots", &self.roots, |json, root| {
                json.member("called_at", &root.called_at);
                json.member("thread", &root.thread);
                json.member("state", root.state.name());
                json.member("since_us", &root.state.since());
                json.member("polls", &root.polls);
                json.member("busy_us", &root.busy);
                json.list("waits", &root.waits, |json, wait| wait.write(json));
            });
            json.list("blocking", &self.blocking, |json, job| {
                json.member("id", &job.id);
                json.member("name", &job.name);
                json.member("spawned_at", &job.spawned_at);
                json.member("running", &job.running);
            });
        });
        json.into_string()
    }
}

impl TaskInfo {
    fn write(&self, json: &mut Json) {
        json.member("id", &self.id);
        json.member("name", &self.name);
        json.member("spawned_at", &self.spawned_at);
        json.member("scope", &self.scope);
        json.member("place", self.place.name());
        json.member("state", self.state.name());
        json.member("since_us", &self.state.since());
        json.member("worker", &self.state.worker());
        json.member("polls", &self.polls);
        json.member("busy_us", &self.busy);
        json.member("age_us", &self.age);
        json.member("future_size", &self.future_size);
        if let Some((by, ago)) = self.woken {
            json.member("woken_by", by.name());
            if let WokenBy::Task(id) = by {
                json.member("woken_by_task", &id);
            }
            json.member("woken_us_ago", &ago);
        }
        json.list("waits", &self.waits, |json, wait| wait.write(json));
        json.member("more_waits", &self.more_waits);
        json.member("lost", &self.is_lost);
        json.member("stuck", &self.is_stuck);
        match &self.stacks {
            None => {}
            Some(Stacks::Taken(stacks)) => {
                json.list("stacks", stacks, |json, stack| json.member("text", stack));
            }
            Some(Stacks::NotInTime) => json.member("no_stacks", NOT_IN_TIME),
            Some(Stacks::Failed(why)) => json.member("no_stacks", why),
        }
    }
}

impl WaitInfo {
    /// The task that the wait leads to: see [`stuck`](super::stuck).
    pub(super) fn leads_to(&self) -> Option<Id> {
        if self.is_old {
            return None;
        }
        match self.kind {
            WaitKind::Mutex | WaitKind::RwLock | WaitKind::OnceCell | WaitKind::MpscSend => {
                self.held_by
            }
            WaitKind::Join => self.task,
            _ => None,
        }
    }

    fn write(&self, json: &mut Json) {
        json.member("kind", self.kind.name());
        json.member("text", &*self.to_string());
        json.member("made_at", &self.made_at);
        json.member("object", &self.object);
        json.member("held_by", &self.held_by);
        json.member("task", &self.task);
        json.member("count", &self.count);
        json.member("left_us", &self.left);
        json.member("number", &self.number);
        if let Some(descriptor) = &self.descriptor {
            json.member("descriptor", &descriptor.number);
            json.member("local", &descriptor.local);
            json.member("peer", &descriptor.peer);
        }
        json.member("old", &self.is_old);
        json.member("leads_to", &self.leads_to());
    }
}

impl TaskPlace {
    fn name(self) -> &'static str {
        match self {
            TaskPlace::Runtime => "runtime",
            TaskPlace::PinnedThread => "pinned_thread",
            TaskPlace::LocalSet => "local_set",
        }
    }
}

impl TaskState {
    fn name(self) -> &'static str {
        match self {
            TaskState::Running { .. } => "running",
            TaskState::Queued { .. } => "queued",
            TaskState::Waiting { .. } => "waiting",
        }
    }

    pub(super) fn since(self) -> Option<Duration> {
        match self {
            TaskState::Running { since, .. }
            | TaskState::Queued { since }
            | TaskState::Waiting { since } => since,
        }
    }

    fn worker(self) -> Option<usize> {
        match self {
            TaskState::Running { worker, .. } => worker,
            _ => None,
        }
    }
}

impl WokenBy {
    fn name(self) -> &'static str {
        match self {
            WokenBy::Task(_) => "task",
            WokenBy::Driver => "driver",
            WokenBy::Timer => "timer",
            WokenBy::Outside => "outside",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if let Some(worker) = self.worker() {
            write!(f, " on worker {worker}")?;
        }
        match self.since() {
            Some(since) => write!(f, " for {}", Time(since)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for WokenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WokenBy::Task(id) => write!(f, "task {id}"),
            WokenBy::Driver => f.write_str("the driver"),
            WokenBy::Timer => f.write_str("a timer"),
            WokenBy::Outside => f.write_str("a thread outside"),
        }
    }
}

impl fmt::Display for WaitInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())?;
        if let Some(task) = self.task {
            write!(f, " {task}")?;
        }
        if let Some(number) = self.number {
            write!(f, " {number}")?;
        }
        if let Some(count) = self.count {
            match self.kind {
                WaitKind::RwLock => {
                    f.write_str(if count == 1 { " to read" } else { " to write" })?
                }
                WaitKind::Semaphore => write!(f, " ({count} permits)")?,
                _ => write!(f, " (there are {count})")?,
            }
        }
        if let Some(made_at) = self.made_at {
            write!(f, " made at {made_at}")?;
        }
        if let Some(holder) = self.held_by {
            match self.kind {
                WaitKind::MpscSend => write!(f, ", received by task {holder}")?,
                _ => write!(f, ", held by task {holder}")?,
            }
        }
        if let Some(descriptor) = &self.descriptor {
            write!(f, " of descriptor {}", descriptor.number)?;
            if let Some(local) = &descriptor.local {
                write!(f, ", {local}")?;
            }
            if let Some(peer) = &descriptor.peer {
                write!(f, " to {peer}")?;
            }
        }
        match self.left {
            Some(Duration::ZERO) => f.write_str(" that is due")?,
            Some(left) => write!(f, " in {}", Time(left))?,
            None => {}
        }
        if self.is_old { f.write_str(" (perhaps no longer)") } else { Ok(()) }
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", spawned at {}", self.spawned_at)?;
        if let Some(scope) = self.scope {
            write!(f, " into the scope of {scope}")?;
        }
        write!(f, ": {}", self.state)?;
        match self.place {
            TaskPlace::Runtime => {}
            TaskPlace::PinnedThread => f.write_str(" (pinned)")?,
            TaskPlace::LocalSet => f.write_str(" (local)")?,
        }
        if let Some(age) = self.age {
            let (polls, busy) = (self.polls, Time(self.busy));
            write!(f, ", {polls} polls, {busy} busy in {}", Time(age))?;
        }
        if let Some((by, ago)) = self.woken {
            write!(f, ", woken by {by} {} ago", Time(ago))?;
        }
        if let (TaskState::Waiting { .. }, true, Some(_)) =
            (self.state, self.waits.is_empty(), self.age)
        {
            f.write_str("\n  waits for something that is not of this runtime")?;
        }
        for wait in &self.waits {
            write!(f, "\n  waits for {wait}")?;
        }
        if self.more_waits > 0 {
            write!(f, "\n  and for {} more", self.more_waits)?;
        }
        match &self.stacks {
            None => Ok(()),
            Some(Stacks::Taken(stacks)) => {
                stacks.iter().try_for_each(|stack| write!(f, "\n{}", stack.trim_end()))
            }
            Some(Stacks::NotInTime) => write!(f, "\n  no stack: {NOT_IN_TIME}"),
            Some(Stacks::Failed(why)) => write!(f, "\n  no stack: {why}"),
        }
    }
}

impl fmt::Display for RootInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the root of thread ")?;
        match &self.thread {
            Some(name) => write!(f, "{name:?}")?,
            None => f.write_str("without a name")?,
        }
        let (polls, busy) = (self.polls, Time(self.busy));
        write!(
            f,
            ", blocked on at {}: {}, {polls} polls, {busy} busy",
            self.called_at, self.state
        )?;
        self.waits.iter().try_for_each(|wait| write!(f, "\n  waits for {wait}"))
    }
}

impl fmt::Display for BlockingInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("blocking job")?;
        if let Some(id) = self.id {
            write!(f, " {id}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(place) = self.spawned_at {
            write!(f, ", spawned at {place}")?;
        }
        f.write_str(if self.running { ": running" } else { ": queued" })
    }
}

impl fmt::Display for TaskDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tasks, jobs) = (self.tasks.len(), self.blocking.len());
        write!(f, "{tasks} tasks, {jobs} blocking jobs")?;
        if let Some(name) = &self.runtime {
            write!(f, " of runtime {name:?}")?;
        }
        if !self.is_insight_on {
            f.write_str(
                "\ninsight is off, so it is not known what they wait for: \
                 start the program with RUNTIME_INSIGHT=1",
            )?;
        }
        for task in &self.tasks {
            write!(f, "\n{task}")?;
        }
        for root in &self.roots {
            write!(f, "\n{root}")?;
        }
        for job in &self.blocking {
            write!(f, "\n{job}")?;
        }
        Ok(())
    }
}

/// A time in the unit that reads best.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MS: u64 = 1_000;
        const SECOND: u64 = 1_000 * MS;
        let us = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        // Rounded to tenths, of which the last is behind the point.
        let tenths = |unit: u64| {
            let tenths = us.saturating_add(unit / 20) / (unit / 10);
            (tenths / 10, tenths % 10)
        };
        if us < MS {
            write!(f, "{us} µs")
        } else if us < 120 * SECOND {
            let (unit, name) = if us < SECOND { (MS, "ms") } else { (SECOND, "s") };
            let (whole, tenth) = tenths(unit);
            write!(f, "{whole}.{tenth} {name}")
        } else {
            write!(f, "{} min", us.saturating_add(30 * SECOND) / (60 * SECOND))
        }
    }
}
