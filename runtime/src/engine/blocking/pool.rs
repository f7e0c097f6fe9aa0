//! The threads of the blocking pool.
//!
//! [`Queue`] decides when a thread starts, sleeps and leaves. This file carries that out with the
//! operating system's threads. User code (jobs, hooks, the function that names threads, the
//! function that starts them) is called without a lock, and its panics are caught, so that it
//! cannot make the counts wrong.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::job::{Job, Note};
use super::queue::{Claim, Member, Metrics, Next, Queue};
use crate::engine::catch_panic::{catch_panic, forget_panic};
use crate::engine::primitive::atomic::AtomicBool;
use crate::engine::primitive::{Arc, Mutex};

/// How often a thread in a burst of short jobs looks at an empty queue before it goes idle. This
/// takes some microseconds.
const LINGER: u32 = 200;

/// The time between reports of what an unlimited wait waits for.
const REPORT_EVERY: Duration = Duration::from_secs(5);

thread_local! {
    /// Set on the threads of a pool, so that a thread that shuts its pool down does not wait for
    /// itself.
    static OWN_SEAT: Cell<Option<WorkerRef>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct WorkerRef {
    pool: usize,
    slot: usize,
}

/// Starts a thread, or refuses.
pub(crate) type Spawner = Arc<
    dyn Fn(thread::Builder, Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> + Send + Sync,
>;

/// A function that is called on each thread of the pool.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync>;

/// A pool's settings.
#[derive(Clone)]
pub(crate) struct Config {
    /// The most threads at one time, to begin with; at least 1.
    pub(crate) max_threads: usize,
    /// How long a thread without work stays; with `Duration::MAX` for ever.
    pub(crate) keep_alive: Duration,
    /// Names each thread. It must not submit to the pool.
    pub(crate) thread_name: Arc<dyn Fn() -> String + Send + Sync>,
    /// Bytes of stack; `None` is the system's choice.
    pub(crate) stack_size: Option<usize>,
    /// Called on each new thread before its first job.
    pub(crate) on_start: Option<Hook>,
    /// Called on each thread when it leaves.
    pub(crate) on_stop: Option<Hook>,
    /// Calls a hook on a thread that has no job.
    pub(crate) without_job: fn(&dyn Fn()),
}

/// A job that was not taken, and why. It has not run.
pub(crate) enum Rejected<J> {
    /// The pool was shut down.
    ShutDown(J),
    /// The pool has no thread, and none could be started.
    NoThread(J, io::Error),
}

impl<J> fmt::Debug for Rejected<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejected::ShutDown(_) => f.write_str("ShutDown"),
            Rejected::NoThread(_, error) => f.debug_tuple("NoThread").field(error).finish(),
        }
    }
}

/// What has not stopped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remaining {
    /// Threads of the pool that have not finished; the caller's own is not counted.
    pub(crate) threads: usize,
    /// The jobs that run, or will.
    pub(crate) jobs: Vec<Note>,
}

/// A pool of threads that run jobs. Clones are handles to the same pool.
///
/// A pool that is dropped without [`shutdown`](Pool::shutdown) still runs its jobs; its threads
/// leave after the keep-alive.
pub(crate) struct Pool<J: Job> {
    shared: Arc<Shared<J>>,
}

impl Remaining {
    /// Without jobs that are neither a task's nor a user's, and their threads.
    pub(crate) fn of_somebody(mut self) -> Remaining {
        let all = self.jobs.len();
        self.jobs.retain(|job| job.spawned_at.is_some());
        self.threads = self.threads.saturating_sub(all - self.jobs.len());
        self
    }
}

impl<J: Job> Clone for Pool<J> {
    fn clone(&self) -> Pool<J> {
        Pool { shared: Arc::clone(&self.shared) }
    }
}

struct Shared<J> {
    queue: Queue<J>,
    config: Config,
    spawner: Spawner,
    handles: Mutex<Handles>,
}

/// The handles of the threads, to join them.
#[derive(Default)]
struct Handles {
    by_claim: HashMap<u64, Entry>,
    /// The last thread that left. It has joined the one that left before it.
    last_left: Option<JoinHandle<()>>,
}

enum Entry {
    Running(JoinHandle<()>),
    /// The thread left before its handle was stored.
    Left,
}

impl<J: Job> Pool<J> {
    /// A pool without threads. Threads are started as jobs come.
    ///
    /// # Panics
    ///
    /// If `max_threads` is 0.
    pub(crate) fn new(config: Config, spawner: Spawner) -> Pool<J> {
        let queue = Queue::new(config.max_threads, config.keep_alive, LINGER);
        let handles = Mutex::new(Handles::default());
        Pool { shared: Arc::new(Shared { queue, config, spawner, handles }) }
    }

    /// Queues a job to be run on a thread of the pool.
    ///
    /// Blocks for as long as a thread takes to start if the pool has none.
    pub(crate) fn submit(&self, job: J) -> Result<(), Rejected<J>> {
        match self.shared.queue.submit(job) {
            Ok(None) => Ok(()),
            Ok(Some(claim)) => match start(&self.shared, claim) {
                Some((job, error)) => Err(Rejected::NoThread(job, error)),
                None => Ok(()),
            },
            Err(job) => Err(Rejected::ShutDown(job)),
        }
    }

    /// Sets the most threads at one time, at least 1.
    pub(crate) fn set_max_threads(&self, threads: usize) {
        if let Some(claim) = self.shared.queue.set_limit(threads) {
            // A failure is counted; the waiting jobs are served by threads that exist.
            let _ = start(&self.shared, claim);
        }
    }

    /// Takes a job out of the queue, if it waits there: see [`Job::queued_at`].
    pub(crate) fn take_back(&self, place: impl FnOnce() -> u64) -> Option<J> {
        self.shared.queue.take_back(place)
    }

    /// Takes no more jobs, drops those for which no thread is free (unless they are mandatory), and
    /// waits for the others: for `timeout` at most, or without a limit. In an unlimited wait
    /// `still` is called every 5 seconds with what is left. Returns what did not stop.
    ///
    /// On a thread of the pool it waits only for the other threads.
    pub(crate) fn shutdown(
        &self,
        timeout: Option<Duration>,
        mut still: impl FnMut(&Remaining),
    ) -> Remaining {
        for job in self.shared.queue.close() {
            catch_panic(|| drop(job));
        }
        // The caller's own slot, if it is a thread of this pool.
        let own = OWN_SEAT.get().filter(|own| own.pool == self.address()).map(|own| own.slot);
        let others = usize::from(own.is_some());
        match timeout {
            Some(timeout) => {
                if !self.shared.queue.wait_gone(others, Some(timeout)) {
                    return self.remaining(own);
                }
            }
            None => {
                while !self.shared.queue.wait_gone(others, Some(REPORT_EVERY)) {
                    still(&self.remaining(own));
                }
                for handle in self.shared.handles.lock().take_all() {
                    if handle.thread().id() != thread::current().id() {
                        let _ = handle.join();
                    }
                }
            }
        }
        Remaining::default()
    }

    fn remaining(&self, own: Option<usize>) -> Remaining {
        let (threads, jobs) = self.shared.queue.remaining(own);
        Remaining { threads, jobs }
    }

    /// The jobs that run, and those that wait for a thread.
    pub(crate) fn jobs(&self) -> (Vec<Note>, Vec<Note>) {
        self.shared.queue.jobs()
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.shared).addr()
    }

    /// [`Queue::at_limit`].
    pub(crate) fn at_limit(&self) -> Arc<AtomicBool> {
        self.shared.queue.at_limit()
    }

    /// Numbers for metrics.
    pub(crate) fn metrics(&self) -> Metrics {
        self.shared.queue.metrics()
    }
}

impl<J: Job> fmt::Debug for Pool<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("metrics", &self.metrics()).finish_non_exhaustive()
    }
}

/// Starts the claimed thread. If that fails and the pool has no other thread, returns the job that
/// needed it, with the reason.
#[cold]
fn start<J: Job>(shared: &Arc<Shared<J>>, claim: Claim) -> Option<(J, io::Error)> {
    let id = claim.id();
    let member = shared.queue.member(&claim);
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let mut builder = thread::Builder::new().name((shared.config.thread_name)());
        if let Some(bytes) = shared.config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let shared = Arc::clone(shared);
        (shared.clone().spawner)(builder, Box::new(move || work(&shared, member, id)))
    }));
    let error = match attempt {
        Ok(Ok(handle)) => {
            shared.handles.lock().file(id, handle);
            shared.queue.settle(claim);
            return None;
        }
        Ok(Err(error)) => error,
        Err(panic) => {
            forget_panic(panic);
            io::Error::other("the function that names or starts the pool's threads panicked")
        }
    };
    shared.queue.abandon(claim).map(|job| (job, error))
}

/// The life of a thread of the pool.
fn work<J: Job>(shared: &Arc<Shared<J>>, mut member: Member, id: u64) {
    OWN_SEAT.set(Some(WorkerRef { pool: Arc::as_ptr(shared).addr(), slot: member.slot() }));
    let mut on_start = shared.config.on_start.as_ref();
    while let Next::Run(job, claim) = shared.queue.next(&mut member) {
        if let Some(claim) = claim {
            // A failure is counted; the waiting job is served by a thread that exists.
            let _ = start(shared, claim);
        }
        if let Some(hook) = on_start.take() {
            catch_panic(|| hook());
        }
        catch_panic(|| job.run());
    }
    for hook in on_start.into_iter().chain(&shared.config.on_stop) {
        (shared.config.without_job)(&|| catch_panic(|| hook()));
    }
    let before = shared.handles.lock().leave(id);
    shared.queue.left();
    if let Some(handle) = before {
        let _ = handle.join();
    }
}

impl Handles {
    /// Stores the handle of a thread that was just started.
    fn file(&mut self, id: u64, handle: JoinHandle<()>) {
        if let Some(Entry::Left) = self.by_claim.remove(&id) {
            // The thread that left before it is not joined, but both are about to end.
            self.last_left = Some(handle);
        } else {
            self.by_claim.insert(id, Entry::Running(handle));
        }
    }

    /// The calling thread leaves. It must join the returned thread.
    fn leave(&mut self, id: u64) -> Option<JoinHandle<()>> {
        match self.by_claim.remove(&id) {
            Some(Entry::Running(own)) => self.last_left.replace(own),
            _ => {
                self.by_claim.insert(id, Entry::Left);
                None
            }
        }
    }

    fn take_all(&mut self) -> Vec<JoinHandle<()>> {
        let running = self.by_claim.drain().filter_map(|(_, entry)| match entry {
            Entry::Running(handle) => Some(handle),
            Entry::Left => None,
        });
        running.collect::<Vec<_>>().into_iter().chain(self.last_left.take()).collect()
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
