//! Reports what a shutdown leaves behind.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::Handle;
use crate::engine::blocking::{Note, Remaining};
use crate::engine::task::{Id, PollOwner};
use crate::engine::task_id;
use crate::engine::{messages, say};

/// How long a shutdown waits for a line on stderr.
pub(super) const SAY_WITHIN: Duration = Duration::from_secs(1);

/// What had not stopped when the time of [`Runtime::shutdown`](crate::Runtime::shutdown) was over.
///
/// Its `Display` is one line for each task and job.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let runtime = runtime::Runtime::new()?;
/// runtime.spawn(std::future::pending::<()>());
/// let report = runtime.shutdown(Duration::from_millis(20));
/// assert!(!report.is_clean());
/// for task in report.tasks() {
///     eprintln!("{:?} {:?} at {:?}", task.id(), task.name(), task.spawn_location());
///     println!("still in a poll: {}", task.is_running());
/// }
/// assert!(report.blocking_jobs().is_empty());
/// println!("{} threads are left", report.threads());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it says what did not stop"]
pub struct ShutdownReport {
    tasks: Vec<Unfinished>,
    jobs: Vec<Unfinished>,
    threads: usize,
    /// The runtime's name.
    runtime: Option<String>,
}

/// A task, or a job of the blocking pool, that had not ended.
///
/// # Examples
///
/// See [`ShutdownReport::tasks`].
#[derive(Clone, Debug)]
pub struct Unfinished {
    id: Option<Id>,
    name: Option<Arc<str>>,
    location: Option<&'static Location<'static>>,
    running: bool,
}

impl ShutdownReport {
    /// Whether everything stopped by itself.
    ///
    /// # Examples
    ///
    /// See [`ShutdownReport`].
    pub fn is_clean(&self) -> bool {
        self.tasks.is_empty() && self.jobs.is_empty() && self.threads == 0
    }

    /// Writes it on stderr, if something has not stopped. Called by
    /// `#[runtime::main(shutdown_grace = ..)]`.
    #[doc(hidden)]
    pub fn say(&self) {
        if !self.is_clean() {
            say::line_within(messages::left_behind(self.runtime.as_deref(), self), SAY_WITHIN);
        }
    }

    /// The tasks that had not ended when the grace was over. Since then all have been dropped,
    /// except those that are [running](Unfinished::is_running).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime::runtime::Unfinished;
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// let deaf = runtime.spawn(std::future::pending::<()>());
    /// let report = runtime.shutdown(Duration::from_millis(20));
    /// let left: &[Unfinished] = report.tasks();
    /// assert_eq!(left[0].id(), Some(deaf.id()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tasks(&self) -> &[Unfinished] {
        &self.tasks
    }

    /// The blocking jobs that have not returned.
    ///
    /// # Examples
    ///
    /// See [`ShutdownReport`].
    pub fn blocking_jobs(&self) -> &[Unfinished] {
        &self.jobs
    }

    /// How many threads still run polls, destructors or jobs that have not returned. They end when
    /// those do.
    ///
    /// # Examples
    ///
    /// See [`ShutdownReport`].
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// `alive`: the tasks that were alive when they were told to stop.
    pub(super) fn new(runtime: &Handle, alive: Vec<Unfinished>, left: Left) -> ShutdownReport {
        let mut tasks = alive;
        for running in left.running {
            match tasks.iter_mut().find(|task| task.id.is_some() && task.id == running.id) {
                Some(task) => task.running = true,
                None => tasks.push(running),
            }
        }
        let jobs = left.jobs.jobs.iter().map(Unfinished::job).collect();
        let threads = left.threads + left.jobs.threads;
        let runtime = runtime.name().map(str::to_owned);
        ShutdownReport { tasks, jobs, threads, runtime }
    }
}

impl Unfinished {
    pub(super) fn new(id: Option<Id>, location: Option<&'static Location<'static>>) -> Unfinished {
        Unfinished { id, name: id.and_then(task_id::name), location, running: false }
    }

    pub(super) fn running(whose: PollOwner) -> Unfinished {
        Unfinished { running: true, ..Unfinished::new(Id::from_u64(whose.id), whose.location) }
    }

    pub(super) fn job(job: &Note) -> Unfinished {
        Unfinished { running: true, ..Unfinished::new(Id::from_u64(job.id), job.spawned_at) }
    }

    /// Its id. `None` if it is no task but a hook or a waker.
    ///
    /// # Examples
    ///
    /// See [`ShutdownReport`].
    pub fn id(&self) -> Option<Id> {
        self.id
    }

    /// Its name, if it was given one.
    ///
    /// # Examples
    ///
    /// See [`ShutdownReport`].
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it was spawned, if that is known.
    ///
    /// # Examples
    ///
    /// See [`ShutdownReport`].
    pub fn spawn_location(&self) -> Option<&'static Location<'static>> {
        self.location
    }

    /// Whether its poll, destructor or closure has not returned, and so still has a thread.
    ///
    /// # Examples
    ///
    /// See [`ShutdownReport`].
    pub fn is_running(&self) -> bool {
        self.running
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "task {id}")?,
            None => write!(f, "a waker or a hook")?,
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        match self.location {
            Some(location) => write!(f, " spawned at {location}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("everything has stopped");
        }
        f.write_str("not everything has stopped in time:")?;
        for task in &self.tasks {
            let what = if task.running { "has not returned from its poll" } else { "was dropped" };
            write!(f, "\n  {task} {what}")?;
        }
        for job in &self.jobs {
            write!(f, "\n  blocking {job} has not returned")?;
        }
        match self.threads {
            0 => Ok(()),
            1 => write!(f, "\n  1 thread is still busy"),
            n => write!(f, "\n  {n} threads are still busy"),
        }
    }
}

/// What is left when a shutdown stops waiting.
#[derive(Default)]
pub(super) struct Left {
    /// Polls and destructors of tasks.
    pub(super) running: Vec<Unfinished>,
    /// Workers, spares and pinned threads.
    pub(super) threads: usize,
    pub(super) jobs: Remaining,
}
