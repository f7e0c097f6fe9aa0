//! The settings of a runtime. What is built from them: `builder/assembly.rs`.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::histogram::HistogramConfiguration;
use super::insight::Insight;
use super::local_runtime::{LocalOptions, LocalRuntime};
use super::panics::{OnPanic, PanicReport, UnhandledPanic};
use super::rng_seed::RngSeed;
use super::runtime::Runtime;
use super::stall::{OnSpareShortage, OnStall, SpareShortage, StallReport};
use super::thread_plan::ThreadName;
use crate::engine::driver::Batch;
use crate::engine::scheduler::{Hook, Observe, TaskMeta};

mod assembly;
#[cfg(feature = "tokio-wording")]
pub(super) mod older_histogram;

/// The most workers that a runtime can have.
const MAX_WORKERS: usize = 32_768;

/// The least stack of a thread, in bytes. Measured in an unoptimized program on x86-64 Linux:
/// spawning, timers, TCP, files, look-up, children, channels, `block_in_place`, stalls, and a panic
/// with its backtrace each work from 30 KiB on (28 are too few: what frees the queues' memory at a
/// thread's end has the deepest stack); a panic's backtrace alone needs up to 34 without us. The
/// rest is for the program's own frames.
const LEAST_STACK: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavor {
    CurrentThread,
    MultiThread,
}

/// Builds a [`Runtime`] with other than the default settings.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let runtime = runtime::Builder::new_multi_thread()
///     .worker_threads(4)
///     .thread_name("server")
///     .max_blocking_threads(64)
///     .stall_report(Duration::from_millis(50))
///     .enable_all()
///     .build()
///     .unwrap();
/// runtime.block_on(async { println!("hello") });
/// ```
pub struct Builder {
    flavor: Flavor,
    worker_threads: Option<usize>,
    name: Option<String>,
    thread_name: ThreadName,
    thread_stack_size: Option<usize>,
    max_blocking_threads: usize,
    thread_keep_alive: Duration,
    global_queue_interval: Option<u32>,
    event_interval: u32,
    max_io_events_per_tick: Option<usize>,
    max_io_events_per_busy_tick: Option<usize>,
    on_thread_start: Option<Hook>,
    on_thread_stop: Option<Hook>,
    on_thread_park: Option<Hook>,
    on_thread_unpark: Option<Hook>,
    enable_io: bool,
    enable_time: bool,
    start_paused: bool,
    spare_workers: usize,
    pinned_threads: Option<usize>,
    stall_takeover: Duration,
    stall_report: Option<Duration>,
    stall_backtrace: bool,
    on_stall: Option<OnStall>,
    on_spare_shortage: Option<OnSpareShortage>,
    unhandled_panic: UnhandledPanic,
    on_unhandled_panic: Option<OnPanic>,
    insight: Option<Insight>,
    observe: Observe,
    measures_polls: bool,
    poll_times: HistogramConfiguration,
    /// Timers that are set when the runtime ends are over then.
    pub(super) ends_timers: bool,
    pub(super) measures_latencies: bool,
    pub(super) counts_latencies: bool,
    pub(super) latencies: HistogramConfiguration,
    #[cfg(feature = "tokio-wording")]
    pub(super) older_histogram: older_histogram::OlderHistogram,
    disable_lifo_slot: bool,
    rng_seed: Option<RngSeed>,
}

impl Builder {
    fn new(flavor: Flavor) -> Builder {
        Builder {
            flavor,
            worker_threads: None,
            name: None,
            thread_name: ThreadName::usual(),
            thread_stack_size: None,
            max_blocking_threads: 512,
            thread_keep_alive: Duration::from_secs(10),
            global_queue_interval: None,
            event_interval: 61,
            max_io_events_per_tick: None,
            max_io_events_per_busy_tick: None,
            on_thread_start: None,
            on_thread_stop: None,
            on_thread_park: None,
            on_thread_unpark: None,
            enable_io: false,
            enable_time: false,
            start_paused: false,
            spare_workers: 64,
            pinned_threads: None,
            stall_takeover: Duration::from_millis(3),
            stall_report: Some(Duration::from_millis(100)),
            stall_backtrace: true,
            on_stall: None,
            on_spare_shortage: None,
            unhandled_panic: UnhandledPanic::default(),
            on_unhandled_panic: None,
            insight: None,
            observe: Observe::default(),
            measures_polls: false,
            poll_times: HistogramConfiguration::default(),
            ends_timers: false,
            measures_latencies: false,
            counts_latencies: false,
            latencies: HistogramConfiguration::default(),
            #[cfg(feature = "tokio-wording")]
            older_histogram: older_histogram::OlderHistogram::default(),
            disable_lifo_slot: false,
            rng_seed: None,
        }
    }

    /// A runtime whose tasks run on several threads, which steal work from each other.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    /// assert_eq!(runtime.metrics().num_workers(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new_multi_thread() -> Builder {
        Builder::new(Flavor::MultiThread)
    }

    /// A runtime that runs everything on the thread that calls [`Runtime::block_on`].
    ///
    /// As long as there is only the future that is blocked on the runtime has no other thread, so
    /// that a program may do what takes a process of one thread, such as `unshare` with a user
    /// namespace. With the first task that is polled comes a thread that watches for stalls
    /// ([`stall_report`](Builder::stall_report)); it takes no signals. With
    /// `stall_report(Duration::MAX)` it never comes. A stall of the future that is blocked on is
    /// therefore reported only where there are tasks as well, which it keeps waiting. Blocking jobs
    /// and pinned tasks have threads, of course.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    /// let sum = runtime.block_on(async { runtime::spawn(async { 1 + 1 }).await.unwrap() });
    /// assert_eq!(sum, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new_current_thread() -> Builder {
        Builder::new(Flavor::CurrentThread)
    }

    /// Enables I/O and timers.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn enable_all(&mut self) -> &mut Builder {
        self.enable_io().enable_time()
    }

    /// Enables `runtime::net`, `runtime::signal` and the like.
    ///
    /// # Examples
    ///
    /// I/O without timers: sockets work, `sleep` panics.
    ///
    /// ```
    /// let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    /// let bound = runtime.block_on(runtime::net::UdpSocket::bind("127.0.0.1:0"));
    /// assert!(bound.is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enable_io(&mut self) -> &mut Builder {
        self.enable_io = true;
        self
    }

    /// Enables `runtime::time`.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::{Duration, sleep};
    ///
    /// let runtime = runtime::Builder::new_current_thread().enable_time().build()?;
    /// runtime.block_on(async { sleep(Duration::from_millis(1)).await });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enable_time(&mut self) -> &mut Builder {
        self.enable_time = true;
        self
    }

    /// How many threads run tasks. The default is the number of processors that this process may
    /// use, or what the environment variable `RUNTIME_WORKER_THREADS` says. On Linux its affinity
    /// and the quota of its cgroup count: with a quota of one and a half processors there are two
    /// workers, with one of a fifth there is one. The `current_thread` flavour has none and ignores
    /// it.
    ///
    /// # Panics
    ///
    /// If `count` is 0 or above 32,768.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    #[track_caller]
    pub fn worker_threads(&mut self, count: usize) -> &mut Builder {
        assert!(
            (1..=MAX_WORKERS).contains(&count),
            "Worker threads must be between 1 and {MAX_WORKERS}, not {count}: for everything on one \
             thread use `Builder::new_current_thread`"
        );
        self.worker_threads = Some(count);
        self
    }

    /// The most threads of the blocking pool, which `spawn_blocking`, file operations and name
    /// look-ups use. The default is 512. They are started when needed; jobs beyond wait in a queue.
    ///
    /// A task in [`block_in_place`](crate::task::block_in_place) uses one, too: it works in the
    /// place of the task's worker. Tasks and jobs that wait for each other in these ways all go on
    /// below the limit. When it is reached, all workers are in `block_in_place` and tasks wait,
    /// that is reported: to [`on_spare_shortage`](Builder::on_spare_shortage), or as a line on
    /// stderr.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .max_blocking_threads(4) // at most four jobs at once; others wait
    ///     .thread_keep_alive(Duration::from_secs(60))
    ///     .build()?;
    /// assert_eq!(runtime.block_on(runtime.spawn_blocking(|| 1)).unwrap(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn max_blocking_threads(&mut self, count: usize) -> &mut Builder {
        assert!(count > 0, "Max blocking threads cannot be set to 0: file operations need one");
        self.max_blocking_threads = count;
        self
    }

    /// How long a thread of the blocking pool, or of a spare worker, waits for work before it ends.
    /// The default is 10 seconds.
    ///
    /// # Examples
    ///
    /// See [`max_blocking_threads`](Self::max_blocking_threads).
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Builder {
        self.thread_keep_alive = duration;
        self
    }

    /// A name for the runtime, shown in reports.
    ///
    /// # Panics
    ///
    /// If `name` is empty or blank.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .name("search")
    ///     .thread_name("search-worker")
    ///     .worker_threads(1)
    ///     .build()?;
    /// assert_eq!(runtime.handle().name(), Some("search"));
    /// let task = runtime.spawn(async { std::thread::current().name().map(String::from) });
    /// assert_eq!(runtime.block_on(task).unwrap().as_deref(), Some("search-worker"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn name(&mut self, name: impl Into<String>) -> &mut Builder {
        let name = name.into();
        assert!(!name.trim().is_empty(), "runtime name shouldn't be empty: leave it out for none");
        self.name = Some(name);
        self
    }

    /// The name of the threads that run tasks and jobs. The default is `runtime-worker`. With a NUL
    /// in it, which no name of a thread may have, [`build`](Builder::build) gives an error.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Builder {
        self.thread_name = ThreadName::Fixed(name.into().into());
        self
    }

    /// A function that names each thread that runs tasks and jobs, called before the thread is
    /// started, on the thread that wants it: the one that builds the runtime, or that has a job for
    /// the blocking pool.
    ///
    /// If it panics for a worker, or names it with a NUL, [`build`](Builder::build) gives an error;
    /// later on NULs are left out. For spare workers ([`spare_workers`](Builder::spare_workers)) it
    /// is called on a thread of its own. One that has no name after 5 ms, or for which the function
    /// panics, is called `runtime-worker`: no spare waits for the program.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .thread_name_fn(|| {
    ///         static NUMBER: AtomicUsize = AtomicUsize::new(0);
    ///         format!("worker-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
    ///     })
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn thread_name_fn<F>(&mut self, f: F) -> &mut Builder
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.thread_name = ThreadName::By(Arc::new(f));
        self
    }

    /// The stack of each thread, in bytes. The default is that of `std::thread`: 2 MiB.
    ///
    /// Less than 64 KiB becomes 64 KiB, which is about twice what the runtime itself needs in an
    /// unoptimized program. The system rounds it up to whole pages, and sets memory aside only for
    /// those that are used.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .worker_threads(2)
    ///     .thread_stack_size(256 * 1024)
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Builder {
        self.thread_stack_size = Some(bytes.max(LEAST_STACK));
        self
    }

    /// A function to call on each of the runtime's threads before it does anything else. The
    /// runtime is current there, and the function may block, on other runtimes, too.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .on_thread_start(|| println!("{:?} begins", std::thread::current().name()))
    ///     .on_thread_stop(|| println!("{:?} ends", std::thread::current().name()))
    ///     .on_thread_park(|| { /* nothing to do: a good moment to hand in what was collected */ })
    ///     .on_thread_unpark(|| { /* there is work again */ })
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_thread_start<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Builder {
        self.on_thread_start = Some(Arc::new(f));
        self
    }

    /// A function to call on each of the runtime's threads before it ends: when it has done all it
    /// had to do. The runtime is current there, but may have been shut down; another one that lives
    /// on can be used, and blocked on.
    ///
    /// # Examples
    ///
    /// See [`on_thread_start`](Self::on_thread_start).
    pub fn on_thread_stop<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Builder {
        self.on_thread_stop = Some(Arc::new(f));
        self
    }

    /// A function to call on a worker each time before it goes to sleep.
    ///
    /// # Examples
    ///
    /// See [`on_thread_start`](Self::on_thread_start).
    pub fn on_thread_park<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Builder {
        self.on_thread_park = Some(Arc::new(f));
        self
    }

    /// A function to call on a worker each time after it has slept.
    ///
    /// # Examples
    ///
    /// See [`on_thread_start`](Self::on_thread_start).
    pub fn on_thread_unpark<F: Fn() + Send + Sync + 'static>(&mut self, f: F) -> &mut Builder {
        self.on_thread_unpark = Some(Arc::new(f));
        self
    }

    /// How many polls a worker makes between two looks at the queue for tasks from outside, at
    /// most: it looks every 200 µs or so if polls are longer. The default is 61, and 31 for the
    /// `current_thread` flavour, which counts polls only.
    ///
    /// # Panics
    ///
    /// If `polls` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .global_queue_interval(31) // tasks from outside come sooner
    ///     .event_interval(31) // and so do sockets and timers
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn global_queue_interval(&mut self, polls: u32) -> &mut Builder {
        assert!(polls > 0, "global_queue_interval must be greater than 0");
        self.global_queue_interval = Some(polls);
        self
    }

    /// How many polls a worker makes between two looks at I/O and timers, at most: it looks every
    /// 200 µs or so if polls are longer. The default is 61. The `current_thread` flavour counts
    /// polls only.
    ///
    /// # Panics
    ///
    /// If `polls` is 0.
    ///
    /// # Examples
    ///
    /// See [`global_queue_interval`](Self::global_queue_interval).
    #[track_caller]
    pub fn event_interval(&mut self, polls: u32) -> &mut Builder {
        assert!(polls > 0, "event_interval must be greater than 0");
        self.event_interval = polls;
        self
    }

    /// A function to call when a task is spawned, on the thread that does it. Tasks of
    /// a [`LocalSet`](crate::task::LocalSet) and blocking jobs are not shown.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .on_task_spawn(|task| println!("{} spawned at {}", task.id(), task.spawned_at()))
    ///     .on_task_terminate(|task| println!("{} has ended", task.id()))
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_task_spawn<F>(&mut self, f: F) -> &mut Builder
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.observe.on_spawn = Some(Arc::new(f));
        self
    }

    /// A function to call before each poll of a task, on the thread that does it. Tasks of
    /// a [`LocalSet`](crate::task::LocalSet) and blocking jobs are not shown.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::time::Instant;
    ///
    /// thread_local!(static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) });
    ///
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .on_before_task_poll(|_| BEGUN.set(Some(Instant::now())))
    ///     .on_after_task_poll(|task| {
    ///         let took = BEGUN.take().map(|begun| begun.elapsed());
    ///         println!("{} spawned at {}: {took:?}", task.id(), task.spawned_at());
    ///     })
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_before_task_poll<F>(&mut self, f: F) -> &mut Builder
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.observe.on_before_poll = Some(Arc::new(f));
        self
    }

    /// A function to call after each poll of a task, on the thread that does it. Tasks of
    /// a [`LocalSet`](crate::task::LocalSet) and blocking jobs are not shown.
    ///
    /// # Examples
    ///
    /// See [`on_before_task_poll`](Self::on_before_task_poll).
    pub fn on_after_task_poll<F>(&mut self, f: F) -> &mut Builder
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.observe.on_after_poll = Some(Arc::new(f));
        self
    }

    /// A function to call when a task has ended, in whatever way, on the thread that does it. Tasks
    /// of a [`LocalSet`](crate::task::LocalSet) are not shown; blocking jobs are, though the other
    /// hooks do not see them.
    ///
    /// # Examples
    ///
    /// See [`on_task_spawn`](Self::on_task_spawn).
    pub fn on_task_terminate<F>(&mut self, f: F) -> &mut Builder
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.observe.on_terminate = Some(Arc::new(f));
        self
    }

    /// Counts how long polls take, in a histogram:
    /// [`RuntimeMetrics::poll_time_histogram_bucket_count`](crate::runtime::RuntimeMetrics::poll_time_histogram_bucket_count).
    /// It costs two looks at the clock a poll, some 60 ns, and is off by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime::runtime::HistogramConfiguration;
    ///
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .metrics_poll_time_histogram_configuration(HistogramConfiguration::linear(
    ///         Duration::from_micros(50),
    ///         20,
    ///     ))
    ///     .build()?;
    /// assert_eq!(runtime.metrics().poll_time_histogram_num_buckets(), 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enable_metrics_poll_time_histogram(&mut self) -> &mut Builder {
        self.measures_polls = true;
        self
    }

    /// The buckets of the histogram of poll times. The default is ten buckets of 100 µs. Without
    /// [`enable_metrics_poll_time_histogram`](Builder::enable_metrics_poll_time_histogram) it stays
    /// empty.
    ///
    /// # Examples
    ///
    /// See [`enable_metrics_poll_time_histogram`](Self::enable_metrics_poll_time_histogram).
    pub fn metrics_poll_time_histogram_configuration(
        &mut self,
        configuration: HistogramConfiguration,
    ) -> &mut Builder {
        self.poll_times = configuration;
        self
    }

    /// A task that is woken by the running one goes to the back of the worker's queue, and not to
    /// the next slot, which is run first. Fairer, and slower for tasks that talk to each other. The
    /// `current_thread` flavour has no such slot and ignores it.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().disable_lifo_slot().build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn disable_lifo_slot(&mut self) -> &mut Builder {
        self.disable_lifo_slot = true;
        self
    }

    /// Fixes what random choices begin with: which branch of `select!` is looked at first, where a
    /// thief begins. On the `current_thread` flavour the same program then makes the same choices
    /// each time.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::runtime::RngSeed;
    ///
    /// let runtime = runtime::Builder::new_current_thread()
    ///     .rng_seed(RngSeed::from_bytes(b"test 7"))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rng_seed(&mut self, seed: RngSeed) -> &mut Builder {
        self.rng_seed = Some(seed);
        self
    }

    /// How many I/O events one look at the system fetches at most. The default is 1,024.
    ///
    /// # Panics
    ///
    /// If `events` is 0.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .enable_io()
    ///     .max_io_events_per_tick(4096) // with nothing else to do
    ///     .max_io_events_per_busy_tick(64) // with tasks to run
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn max_io_events_per_tick(&mut self, events: usize) -> &mut Builder {
        assert!(events > 0, "max_io_events_per_tick must be non-zero: I/O would stand still");
        self.max_io_events_per_tick = Some(events);
        self
    }

    /// The same for a look by a worker that has tasks to run, or timers that are due: a smaller
    /// number keeps its queue short, and leaves the rest to others. The default is
    /// [`max_io_events_per_tick`](Builder::max_io_events_per_tick), which is also the most.
    ///
    /// # Panics
    ///
    /// If `events` is 0.
    ///
    /// # Examples
    ///
    /// See [`max_io_events_per_tick`](Self::max_io_events_per_tick).
    #[track_caller]
    pub fn max_io_events_per_busy_tick(&mut self, events: usize) -> &mut Builder {
        assert!(events > 0, "max_io_events_per_busy_tick must be non-zero: I/O would stand still");
        self.max_io_events_per_busy_tick = Some(events);
        self
    }

    fn event_batch(&self) -> Batch {
        let idle = self.max_io_events_per_tick.unwrap_or(Batch::default().idle);
        Batch { idle, busy: self.max_io_events_per_busy_tick.unwrap_or(idle) }
    }

    /// Begins with the time paused, as by [`time::pause`](crate::time::pause). The default is
    /// false.
    ///
    /// On the multi-thread flavour this is the only way to a time that can be paused at all: a
    /// runtime built so may also [`resume`](crate::time::resume) and pause again. All its workers
    /// then see one clock, which jumps to the next deadline when nothing goes on anywhere: no task
    /// can run, no blocking job is pending, every thread in `block_on` waits. What the runtime
    /// cannot see does not hold the clock: threads of the program's own, and what comes from
    /// outside over the network (over the loopback device, too, where the system delivers by a
    /// thread of its own).
    ///
    /// It is for tests: such a runtime keeps count of what goes on, which costs each task that is
    /// woken from outside and each sleep of a worker a few nanoseconds.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::time::{Duration, Instant, sleep};
    ///
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .worker_threads(2)
    ///     .enable_all()
    ///     .start_paused(true)
    ///     .build()?;
    /// runtime.block_on(async {
    ///     let start = Instant::now();
    ///     let hour = Duration::from_secs(3600);
    ///     let tasks = [1, 2, 3].map(|n| runtime::spawn(async move { sleep(n * hour).await }));
    ///     for task in tasks {
    ///         task.await.unwrap();
    ///     }
    ///     assert_eq!(start.elapsed(), 3 * hour);
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn start_paused(&mut self, paused: bool) -> &mut Builder {
        self.start_paused = paused;
        self
    }

    /// How many spare workers may stand in for workers that are blocked or compute for long,
    /// without having announced it by [`block_in_place`](crate::task::block_in_place). The default
    /// is 64; they are started when needed. With 0 a task that blocks costs its worker: what is
    /// queued there is taken by workers that are free, and when none is, waits.
    ///
    /// When the limit is reached and work waits, that is reported: to
    /// [`on_spare_shortage`](Builder::on_spare_shortage), or as a line on stderr.
    ///
    /// # Panics
    ///
    /// If `count` is above 32,768.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .spare_workers(8)
    ///     .pinned_threads(2) // for `spawn_pinned`
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spare_workers(&mut self, count: usize) -> &mut Builder {
        assert!(count <= MAX_WORKERS, "spare_workers must be at most {MAX_WORKERS}, not {count}");
        self.spare_workers = count;
        self
    }

    /// The most threads for [`task::spawn_pinned`](crate::task::spawn_pinned). The default is the
    /// number of workers, and 1 for the `current_thread` flavour. They are started when needed.
    ///
    /// # Panics
    ///
    /// If `count` is 0 or above 32,768.
    ///
    /// # Examples
    ///
    /// See [`spare_workers`](Self::spare_workers).
    #[track_caller]
    pub fn pinned_threads(&mut self, count: usize) -> &mut Builder {
        assert!(
            (1..=MAX_WORKERS).contains(&count),
            "pinned_threads must be between 1 and {MAX_WORKERS}, not {count}"
        );
        self.pinned_threads = Some(count);
        self
    }

    /// How long one poll may take before the worker counts as stalled and others take over what it
    /// holds. The default is 3 ms; what is watched is looked at every 1 to 2 ms. What counts is the
    /// time that the poll's thread computes or waits by itself, and not the time for which others
    /// have the processor (Linux tells; elsewhere it is the time on the clock).
    ///
    /// # Panics
    ///
    /// If `threshold` is zero.
    ///
    /// # Examples
    ///
    /// A service that must answer fast, and wants to hear of each poll above 20 ms:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .stall_takeover(Duration::from_millis(1))
    ///     .stall_report(Duration::from_millis(20))
    ///     .stall_backtrace(false)
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn stall_takeover(&mut self, threshold: Duration) -> &mut Builder {
        assert!(!threshold.is_zero(), "stall_takeover must not be zero; see spare_workers(0)");
        self.stall_takeover = threshold;
        self
    }

    /// How long one poll may take before it is reported, once: to [`on_stall`](Builder::on_stall),
    /// or as a line on stderr, of which there is at most one a second. The default is 100 ms,
    /// counted as for [`stall_takeover`](Builder::stall_takeover). `Duration::MAX` reports nothing.
    ///
    /// A poll that was over before its thread could be looked at is reported by its share of the
    /// processor; if that is not known either it is only counted
    /// ([`stall_reports_left_out_count`](crate::runtime::RuntimeMetrics::stall_reports_left_out_count)).
    ///
    /// # Panics
    ///
    /// If `threshold` is zero.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    #[track_caller]
    pub fn stall_report(&mut self, threshold: Duration) -> &mut Builder {
        assert!(!threshold.is_zero(), "stall_report must not be zero; use Duration::MAX for never");
        self.stall_report = (threshold != Duration::MAX).then_some(threshold);
        self
    }

    /// Whether the runtime can be looked into: what its tasks wait for, who woke them, how long
    /// they have run. See [`insight`](crate::insight). `true`, `false`, or an [`Insight`].
    ///
    /// The default is what the environment variable `RUNTIME_INSIGHT` says: `1` for on, `0` or
    /// nothing for off. Each task keeps 136 bytes of notes then.
    ///
    /// Without the feature `insight` this changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().insight(true).build()?;
    /// runtime.spawn(std::future::pending::<()>());
    /// println!("{}", runtime.handle().task_dump());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn insight(&mut self, insight: impl Into<Insight>) -> &mut Builder {
        self.insight = Some(insight.into());
        self
    }

    /// Whether a report has the backtrace of the stalled thread. The default is true.
    ///
    /// A thread that waits in a system call is looked at without disturbing it. One that computes
    /// gets a signal (SIGURG), which may interrupt a system call that it is just entering. The
    /// first report reads the program's debug information, which takes a moment of one processor
    /// and stays in memory. From then on the process has `/proc/self/mem` open, by which it reads
    /// its own memory: sandboxes that kill for looking into processes (`process_vm_readv`,
    /// `ptrace`) let that through. The calls that a report makes are listed in `docs/platforms.md`.
    ///
    /// # Examples
    ///
    /// See [`stall_takeover`](Self::stall_takeover).
    pub fn stall_backtrace(&mut self, capture: bool) -> &mut Builder {
        self.stall_backtrace = capture;
        self
    }

    /// A function to call with each stall instead of the line on stderr. It runs on a thread of its
    /// own, which takes no signals, and nor do threads that it starts.
    ///
    /// At most 16 reports are under way at one time. What comes while they are, because the
    /// function takes its time, is left out and counted: [`StallReport::left_out`]. When the
    /// runtime is dropped that waits 5 seconds for the function to return.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .on_stall(|stall| {
    ///         let call = stall.system_call().unwrap_or("no system call that is known");
    ///         eprintln!("{stall} (in {call}; {} were left out)", stall.left_out());
    ///     })
    ///     .build()?;
    /// assert_eq!(runtime.metrics().stall_reports_left_out_count(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_stall<F>(&mut self, f: F) -> &mut Builder
    where
        F: Fn(&StallReport) + Send + Sync + 'static,
    {
        self.on_stall = Some(Arc::new(f));
        self
    }

    /// A function to call when work waits behind stalled workers and no spare worker is to be had:
    /// the limit of [`spare_workers`](Builder::spare_workers) is reached, or the system gives no
    /// thread. It is called instead of writing a line on stderr, once for each such shortage and at
    /// most once a second, on a thread of its own. With `spare_workers(0)`, or without reports
    /// ([`stall_report`](Builder::stall_report) of `Duration::MAX`), there is neither call nor
    /// line.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .spare_workers(8)
    ///     .on_spare_shortage(|shortage| {
    ///         eprintln!("{} of {} in use: {shortage}", shortage.spare_workers(), shortage.limit());
    ///     })
    ///     .build()?;
    /// # drop(runtime);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_spare_shortage<F>(&mut self, f: F) -> &mut Builder
    where
        F: Fn(&SpareShortage) + Send + Sync + 'static,
    {
        self.on_spare_shortage = Some(Arc::new(f));
        self
    }

    /// What happens when a spawned task panics. The default is [`UnhandledPanic::Report`]: a panic
    /// that no [`JoinHandle`](crate::task::JoinHandle) can show, since it was dropped, is reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::runtime::UnhandledPanic;
    ///
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .unhandled_panic(UnhandledPanic::ShutdownRuntime)
    ///     .build()?;
    /// let blocked = std::panic::catch_unwind(|| {
    ///     runtime.block_on(async {
    ///         runtime::spawn(async { panic!("boom") });
    ///         std::future::pending::<()>().await;
    ///     })
    /// });
    /// assert!(blocked.is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut Builder {
        self.unhandled_panic = behavior;
        self
    }

    /// A function to call with each panic of a task or blocking job that nobody can see, instead of
    /// the line on stderr; whatever [`unhandled_panic`](Builder::unhandled_panic) says happens
    /// beside it. It runs on the thread that noticed: the one that polled the task or dropped the
    /// handle.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .on_unhandled_panic(|report| eprintln!("{report}"))
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_unhandled_panic<F>(&mut self, f: F) -> &mut Builder
    where
        F: Fn(&PanicReport) + Send + Sync + 'static,
    {
        self.on_unhandled_panic = Some(Arc::new(f));
        self
    }

    /// Builds the runtime and starts its threads.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no file descriptor for it, and when threads cannot have
    /// the names that they are given.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn build(&mut self) -> io::Result<Runtime> {
        self.thread_name.check()?;
        match self.flavor {
            Flavor::MultiThread => self.build_multi_thread(),
            Flavor::CurrentThread => self.build_current_thread(None),
        }
    }

    /// Builds a runtime that stays on this thread.
    ///
    /// # Panics
    ///
    /// On a builder made by [`new_multi_thread`](Builder::new_multi_thread).
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no file descriptor for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::runtime::LocalOptions;
    ///
    /// let runtime = runtime::Builder::new_current_thread()
    ///     .enable_all()
    ///     .build_local(LocalOptions::default())?;
    /// let number = runtime.block_on(async {
    ///     let number = std::rc::Rc::new(7);
    ///     runtime::task::spawn_local(async move { *number }).await.unwrap()
    /// });
    /// assert_eq!(number, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn build_local(&mut self, _: LocalOptions) -> io::Result<LocalRuntime> {
        assert!(
            self.flavor == Flavor::CurrentThread,
            "only `Builder::new_current_thread()` can build a `LocalRuntime`"
        );
        self.thread_name.check()?;
        let here = thread::current().id();
        self.build_current_thread(Some(here)).map(LocalRuntime::over)
    }
}

impl Runtime {
    /// A multi-thread runtime with every default, I/O and timers enabled.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no file descriptor for it.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// let task = runtime.spawn(async { 1 });
    /// let job = runtime.spawn_blocking(|| 2);
    /// let sum = runtime.block_on(async { task.await.unwrap() + job.await.unwrap() });
    /// assert_eq!(sum, 3);
    /// println!("{} tasks so far", runtime.metrics().spawned_tasks_count());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> io::Result<Runtime> {
        Builder::new_multi_thread().enable_all().build()
    }
}

impl LocalRuntime {
    /// A runtime of this thread, with I/O and timers. [`Builder::build_local`] makes one with other
    /// settings.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no file descriptor for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = runtime::runtime::LocalRuntime::new()?;
    /// let text = std::rc::Rc::new("not Send");
    /// let task = runtime.spawn_local(async move { text.len() });
    /// let job = runtime.spawn_blocking(|| 1);
    /// assert_eq!(runtime.block_on(async { task.await.unwrap() + job.await.unwrap() }), 9);
    /// assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    ///
    /// let report = runtime.shutdown(Duration::from_secs(30));
    /// assert!(report.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new() -> io::Result<LocalRuntime> {
        Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("flavor", &self.flavor)
            .field("worker_threads", &self.worker_threads)
            .field("max_blocking_threads", &self.max_blocking_threads)
            .field("thread_keep_alive", &self.thread_keep_alive)
            .field("spare_workers", &self.spare_workers)
            .field("stall_takeover", &self.stall_takeover)
            .field("stall_report", &self.stall_report)
            .finish_non_exhaustive()
    }
}
