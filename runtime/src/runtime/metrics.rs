//! Numbers about a runtime as it runs.

use std::ops::Range;
use std::thread::ThreadId;
use std::time::Duration;

use super::handle::Handle;
use crate::engine::messages;
use crate::engine::scheduler::WorkerCounters;

/// Numbers about a runtime as it runs: how many tasks, what waits where, what each worker did.
///
/// Made by [`Handle::metrics`]. Each number is read when its method is called, without a lock on
/// any hot path. Two numbers that are read one after the other need not match exactly.
///
/// Workers are numbered from 0; the spares come after the workers.
///
/// # Examples
///
/// What the runtime as a whole does:
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
/// runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
///
/// let metrics = runtime.metrics();
/// assert_eq!((metrics.num_workers(), metrics.spawned_tasks_count()), (2, 1));
/// println!("{} tasks are alive", metrics.num_alive_tasks());
/// println!("{} wait in the common queue", metrics.global_queue_depth());
/// println!("{} were woken from outside", metrics.remote_schedule_count());
/// println!("{} polls used up their budget", metrics.budget_forced_yield_count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// What each worker does:
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// let metrics = runtime.metrics();
/// for worker in 0..metrics.num_workers() {
///     println!("{:?}", metrics.worker_thread_id(worker));
///     println!("{} polls", metrics.worker_poll_count(worker));
///     println!("{:?} a poll", metrics.worker_mean_poll_time(worker));
///     println!("{:?} awake", metrics.worker_total_busy_duration(worker));
///     println!("{} in its queue", metrics.worker_local_queue_depth(worker));
///     println!("{} of them by its own tasks", metrics.worker_local_schedule_count(worker));
///     assert_eq!(metrics.worker_overflow_count(worker), 0);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// How workers sleep, steal and stall:
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// let metrics = runtime.metrics();
/// for worker in 0..metrics.num_workers() {
///     println!("slept {} times", metrics.worker_park_count(worker));
///     println!("asleep: {}", metrics.worker_park_unpark_count(worker) % 2 == 1);
///     println!("woke in vain {} times", metrics.worker_noop_count(worker));
///     println!("stole {} tasks", metrics.worker_steal_count(worker));
///     println!("in {} turns", metrics.worker_steal_operations(worker));
///     println!("stalled {} times", metrics.worker_stall_count(worker));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Stalls and the workers that stand in for them:
///
/// ```
/// let runtime = runtime::Runtime::new()?;
/// let metrics = runtime.metrics();
/// assert_eq!(metrics.stall_count(), 0);
/// assert_eq!(metrics.stall_reports_left_out_count(), 0);
/// assert_eq!(metrics.num_spare_workers(), 0);
/// assert_eq!(metrics.spare_workers_refused_count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Blocking jobs, background tasks and pinned tasks:
///
/// ```
/// let runtime = runtime::Runtime::new()?;
/// runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap();
/// let metrics = runtime.metrics();
/// assert!(metrics.num_blocking_threads() >= metrics.num_idle_blocking_threads());
/// assert_eq!(metrics.blocking_queue_depth(), 0);
/// assert_eq!(metrics.background_queue_depth(), 0);
/// assert_eq!(metrics.num_background_threads(), 0);
/// assert_eq!(metrics.num_pinned_threads(), 0);
/// assert_eq!(metrics.pinned_thread_task_count(0), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Sockets and timers:
///
/// ```
/// let runtime = runtime::Runtime::new()?;
/// let _socket = runtime.block_on(runtime::net::UdpSocket::bind("127.0.0.1:0"))?;
/// let metrics = runtime.metrics();
/// assert!(metrics.io_driver_fd_registered_count() > metrics.io_driver_fd_deregistered_count());
/// println!("{} events", metrics.io_driver_ready_count());
/// println!("{} timers of {}", metrics.num_timers(), metrics.timers_registered_count());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RuntimeMetrics {
    pub(super) handle: Handle,
}

impl Handle {
    /// Numbers about the runtime as it runs.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().name("search").build()?;
    /// let handle = runtime.handle();
    /// assert_eq!(handle.name(), Some("search"));
    /// assert_eq!(handle.metrics().num_alive_tasks(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics { handle: self.clone() }
    }
}

impl RuntimeMetrics {
    /// Workers, without spares; 1 for the `current_thread` flavour.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn num_workers(&self) -> usize {
        self.handle.scheduler().pool().map_or(1, |pool| pool.workers())
    }

    /// Tasks that have been spawned and have not completed.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn num_alive_tasks(&self) -> usize {
        let mut tasks = self.handle.scheduler().tasks().alive();
        self.handle.pinned().each(|thread| tasks += thread.alive_tasks());
        tasks
    }

    /// Tasks that have ever been spawned.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn spawned_tasks_count(&self) -> u64 {
        let mut tasks = self.handle.scheduler().tasks().spawned();
        self.handle.pinned().each(|thread| tasks += thread.spawned_tasks());
        tasks
    }

    /// Times that a task was spawned or woken by a thread that is no worker, and went to the
    /// injector ([`global_queue_depth`](RuntimeMetrics::global_queue_depth)).
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn remote_schedule_count(&self) -> u64 {
        self.handle.scheduler().remote_schedules()
    }

    /// Polls that spent their budget and had to let others run: see
    /// [`task::coop`](crate::task::coop). A worker adds its number when it goes to sleep, and about
    /// every 1,024 polls; a thread in `block_on` when it is done.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn budget_forced_yield_count(&self) -> u64 {
        let of_workers = self.handle.scheduler().forced_yields();
        let mut sum = of_workers;
        self.handle.pinned().each(|thread| sum += thread.forced_yields());
        sum + self.handle.forced_yields_of_roots()
    }

    /// Tasks that wait in the injector, the queue for tasks that other threads spawn or wake.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn global_queue_depth(&self) -> usize {
        self.handle.scheduler().injected()
    }

    /// Background tasks that are ready and wait for a poll. They are not in the other queues'
    /// numbers. See [`task::Builder::priority`](crate::task::Builder::priority).
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn background_queue_depth(&self) -> usize {
        self.handle.scheduler().background_counts().0
    }

    /// Threads for background tasks that there are, or that are being started.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn num_background_threads(&self) -> usize {
        self.handle.scheduler().background_counts().1
    }

    /// Pinned threads that have been started.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn num_pinned_threads(&self) -> usize {
        let mut threads = 0;
        self.handle.pinned().each(|_| threads += 1);
        threads
    }

    /// Tasks of a pinned thread that have not completed; 0 if it has not been started.
    ///
    /// # Panics
    ///
    /// If `thread` is not below [`Builder::pinned_threads`](crate::Builder::pinned_threads).
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn pinned_thread_task_count(&self, thread: usize) -> usize {
        let limit = self.handle.pinned().limit();
        assert!(thread < limit, "{}", messages::no_pinned_thread(thread, limit));
        self.handle.pinned().tasks_of(thread)
    }

    /// Threads of the blocking pool.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn num_blocking_threads(&self) -> usize {
        self.handle.blocking_pool().metrics().threads
    }

    /// Threads of the blocking pool without work.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.handle.blocking_pool().metrics().idle_threads
    }

    /// Jobs that wait for a thread of the blocking pool.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn blocking_queue_depth(&self) -> usize {
        self.handle.blocking_pool().metrics().queue_depth
    }

    /// Spare workers that stand in for stalled ones now.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn num_spare_workers(&self) -> usize {
        self.handle.scheduler().pool().map_or(0, |pool| pool.spare_counts().0)
    }

    /// Times that a spare worker was needed and none was available: the limit was reached, or the
    /// system gave no thread. This is also reported: see
    /// [`Builder::on_spare_shortage`](crate::Builder::on_spare_shortage).
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn spare_workers_refused_count(&self) -> u64 {
        self.handle.scheduler().pool().map_or(0, |pool| pool.spare_counts().1)
    }

    /// Polls that took longer than the report threshold.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn stall_count(&self) -> u64 {
        self.handle.scheduler().monitor().stalls()
    }

    /// Stalls that were not reported: too many at one time, more than one line a second on stderr,
    /// no thread for the report, or the poll had ended too soon. The next report says how many.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn stall_reports_left_out_count(&self) -> u64 {
        self.handle.reports_left_out()
    }

    pub(super) fn worker<R>(
        &self,
        worker: usize,
        f: impl FnOnce(&WorkerCounters, usize) -> R,
    ) -> R {
        let found = self.handle.scheduler().worker(worker, f);
        found.unwrap_or_else(|| panic!("there is no worker {worker}"))
    }

    /// Polls that the worker has made.
    ///
    /// # Panics
    ///
    /// If there is no such worker. This holds for all methods that begin with `worker_`.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.worker(worker, |counters, _| counters.polls.get())
    }

    /// Tasks that the worker has taken from others.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.worker(worker, |counters, _| counters.steals.get())
    }

    /// Times that the worker has stolen, however many tasks each time.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_steal_operations(&self, worker: usize) -> u64 {
        self.worker(worker, |counters, _| counters.steal_operations.get())
    }

    /// Times that the worker has gone to sleep.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.worker(worker, |counters, _| counters.parks.get())
    }

    /// Times that the worker has gone to sleep and woken up, together: odd while it sleeps.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        self.worker(worker, |counters, _| counters.parks.get() + counters.unparks.get())
    }

    /// The worker's thread, while it has one. On the `current_thread` flavour it is the thread that
    /// blocks on the runtime, or was the last to do so.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_thread_id(&self, worker: usize) -> Option<ThreadId> {
        self.worker(worker, |_, _| ());
        self.handle.scheduler().thread_of(worker)
    }

    /// Whether polls are measured: see
    /// [`Builder::enable_metrics_poll_time_histogram`](crate::Builder::enable_metrics_poll_time_histogram).
    ///
    /// # Examples
    ///
    /// See [`poll_time_histogram_bucket_count`](Self::poll_time_histogram_bucket_count).
    pub fn poll_time_histogram_enabled(&self) -> bool {
        self.handle.poll_times().1
    }

    /// The buckets of the histogram of poll times; 0 if polls are not measured.
    ///
    /// # Examples
    ///
    /// See [`poll_time_histogram_bucket_count`](Self::poll_time_histogram_bucket_count).
    pub fn poll_time_histogram_num_buckets(&self) -> usize {
        let (starts, enabled) = self.handle.poll_times();
        if enabled { starts.len() } else { 0 }
    }

    /// The times that a bucket of the histogram stands for. The last one ends at `u64::MAX`
    /// nanoseconds.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    ///
    /// # Examples
    ///
    /// See [`poll_time_histogram_bucket_count`](Self::poll_time_histogram_bucket_count).
    pub fn poll_time_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        self.assert_bucket(bucket);
        let (starts, _) = self.handle.poll_times();
        let end = starts.get(bucket + 1).copied().unwrap_or(u64::MAX);
        Duration::from_nanos(starts[bucket])..Duration::from_nanos(end)
    }

    #[track_caller]
    fn assert_bucket(&self, bucket: usize) {
        let buckets = self.poll_time_histogram_num_buckets();
        assert!(bucket < buckets, "there is no bucket {bucket}: the histogram has {buckets}");
    }

    /// Polls of the worker that took a time in the bucket's range; 0 if polls are not measured.
    ///
    /// # Panics
    ///
    /// If they are, and there is no such bucket; if there is no such worker.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .worker_threads(1)
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()?;
    /// let metrics = runtime.metrics();
    /// assert!(metrics.poll_time_histogram_enabled());
    /// for bucket in 0..metrics.poll_time_histogram_num_buckets() {
    ///     let polls = metrics.poll_time_histogram_bucket_count(0, bucket);
    ///     println!("{:?}: {polls}", metrics.poll_time_histogram_bucket_range(bucket));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_time_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.worker(worker, |counters, _| {
            if self.poll_time_histogram_enabled() {
                self.assert_bucket(bucket);
            }
            counters.poll_times.get(bucket).map_or(0, |count| count.get())
        })
    }

    /// Times that the worker woke up to find nothing to do.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_noop_count(&self, worker: usize) -> u64 {
        self.worker(worker, |counters, _| counters.noops.get())
    }

    /// Tasks that were put in the worker's own queue by tasks that it ran.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_local_schedule_count(&self, worker: usize) -> u64 {
        self.worker(worker, |counters, _| counters.local_schedules.get())
    }

    /// Times that the worker's own queue was full. Always 0: it grows.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_overflow_count(&self, worker: usize) -> u64 {
        self.worker(worker, |_, _| 0)
    }

    /// How long a poll of the worker takes, including its work between polls: a moving average in
    /// which about the last ten polls weigh most. It is updated when the worker goes to sleep, and
    /// about every 1,024 polls.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_mean_poll_time(&self, worker: usize) -> Duration {
        self.worker(worker, |counters, _| Duration::from_nanos(counters.mean_poll_ns.get()))
    }

    /// Polls of the worker during which others had to take over.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_stall_count(&self, worker: usize) -> u64 {
        self.worker(worker, |counters, _| counters.stalls.get())
    }

    /// How long the worker has been awake. Updated when the worker goes to sleep, and about every
    /// 1,024 polls.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        self.worker(worker, |counters, _| counters.busy())
    }

    /// Tasks that wait in the worker's queue. On the `current_thread` flavour only the thread that
    /// blocks on the runtime can read it; on other threads it is 0.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.worker(worker, |_, queued| queued)
    }

    /// Events that the driver has delivered.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn io_driver_ready_count(&self) -> u64 {
        self.handle.driver().counts().events
    }

    /// Sources that have been registered with the driver.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn io_driver_fd_registered_count(&self) -> u64 {
        self.handle.driver().counts().registered
    }

    /// Sources that have left the driver.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn io_driver_fd_deregistered_count(&self) -> u64 {
        self.handle.driver().counts().deregistered
    }

    /// Timers that are set now.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn num_timers(&self) -> usize {
        self.handle.shards().all().iter().map(|shard| shard.len()).sum()
    }

    /// Timers that have ever been set. A timer that is dropped before its first poll is never set.
    ///
    /// # Examples
    ///
    /// See [`RuntimeMetrics`].
    pub fn timers_registered_count(&self) -> u64 {
        self.handle.shards().all().iter().map(|shard| shard.insertions()).sum()
    }
}
