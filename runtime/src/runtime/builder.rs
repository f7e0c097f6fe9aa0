//! The settings of a runtime. `builder/assembly.rs` builds the runtime from them.

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
use crate::engine::messages;
use crate::engine::scheduler::{Hook, Observe, TaskMeta};

mod assembly;
#[cfg(feature = "tokio-wording")]
pub(super) mod older_histogram;

/// The most workers that a runtime can have.
const MAX_WORKERS: usize = 32_768;

/// The smallest stack of a thread, in bytes. In an unoptimized program on x86-64 Linux, spawning,
/// timers, TCP, files, look-up, children, channels, `block_in_place`, stalls, and a panic with its
/// backtrace each work from 30 KiB on. (28 KiB are too few: freeing the queues at a thread's end
/// has the deepest stack.) A panic's backtrace alone needs up to 34 KiB without a runtime. The rest
/// is for the program's own frames.
const LEAST_STACK: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavor {
    CurrentThread,
    MultiThread,
}

/// Builds a [`Runtime`] with settings of your choice.
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
    prewarm_descriptors: usize,
    on_thread_start: Option<Hook>,
    on_thread_stop: Option<Hook>,
    on_thread_park: Option<Hook>,
    on_thread_unpark: Option<Hook>,
    enable_io: bool,
    enable_time: bool,
    start_paused: bool,
    timer_slack: Duration,
    idle_spin: Duration,
    spare_workers: usize,
    pinned_threads: Option<usize>,
    background_threads: Option<usize>,
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
    /// Whether timers that are set when the runtime ends complete then.
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
            prewarm_descriptors: 0,
            on_thread_start: None,
            on_thread_stop: None,
            on_thread_park: None,
            on_thread_unpark: None,
            enable_io: false,
            enable_time: false,
            start_paused: false,
            timer_slack: Duration::from_micros(50),
            idle_spin: Duration::ZERO,
            spare_workers: 64,
            pinned_threads: None,
            background_threads: None,
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
    /// While it runs only the future of `block_on`, the runtime has no thread of its own. So a
    /// program may do what needs a single-threaded process, such as `unshare` with a user
    /// namespace. When the first task is polled, the runtime starts a thread that watches for
    /// stalls ([`stall_report`](Builder::stall_report)) and takes no signals. With
    /// `stall_report(Duration::MAX)` it is never started. Therefore a stall of the `block_on`
    /// future is reported only if there are tasks, too. Blocking jobs and pinned tasks have their
    /// own threads.
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

    /// How many threads run tasks. The default is the environment variable
    /// `RUNTIME_WORKER_THREADS`, or the number of processors that this process may use. On Linux
    /// this respects the process's affinity and the quota of its cgroup: a quota of 1.5 processors
    /// gives two workers, one of 0.2 gives one. The `current_thread` flavour has no workers and
    /// ignores it.
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
    /// look-ups use. The default is 512. Threads are started when needed; further jobs wait in a
    /// queue.
    ///
    /// A task in [`block_in_place`](crate::task::block_in_place) uses one, too, which serves in the
    /// place of the task's worker. Below the limit, tasks and jobs that wait for each other all
    /// make progress. If the limit is reached while all workers are in `block_in_place` and tasks
    /// wait, that is reported: to [`on_spare_shortage`](Builder::on_spare_shortage), or as a line
    /// on stderr.
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
        assert!(count > 0, "{}", messages::NO_BLOCKING_THREADS);
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

    /// The name of the threads that run tasks and jobs. The default is `runtime-worker`. If the
    /// name contains a NUL, which thread names may not, [`build`](Builder::build) returns an error.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Builder {
        self.thread_name = ThreadName::Fixed(name.into().into());
        self
    }

    /// A function that names each thread that runs tasks and jobs. It is called before the thread
    /// is started, on the thread that starts it: the one that builds the runtime, or that submits a
    /// job to the blocking pool.
    ///
    /// If it panics for a worker, or returns a name with a NUL, [`build`](Builder::build) returns
    /// an error; for later threads NULs are left out. For spare workers
    /// ([`spare_workers`](Builder::spare_workers)) it is called on a separate thread. A spare for
    /// which it returns no name within 5 ms, or panics, is called `runtime-worker`: spares do not
    /// wait for the program.
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
    /// unoptimized program. The system rounds it up to whole pages, and uses memory only for pages
    /// that are touched.
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
    /// runtime is current there. The function may block, also on other runtimes.
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

    /// A function to call on each of the runtime's threads before it ends, when its work is done.
    /// The runtime is current there, but may have been shut down. Other runtimes that are still
    /// alive can be used and blocked on.
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

    /// The most polls of a worker between two looks at the injector, the queue for tasks from
    /// other threads. If polls are long it looks about every 200 µs. The default is 61, and 31 for
    /// the `current_thread` flavour, which counts only polls.
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

    /// The most polls of a worker between two looks at I/O and timers. If polls are long it looks
    /// about every 200 µs. The default is 61. The `current_thread` flavour counts only polls.
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
    /// It reads the clock twice for each poll, some 60 ns, and is off by default.
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

    /// Makes a task that the running one wakes go to the back of the worker's queue, and not to the
    /// LIFO slot, which runs first. This is fairer, and slower for tasks that talk to each other.
    /// The `current_thread` flavour has no such slot and ignores it.
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

    /// Fixes the seed of random choices: which branch of `select!` is polled first, where a worker
    /// begins to steal. On the `current_thread` flavour the same program then makes the same
    /// choices each time.
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

    /// The most I/O events that one call to the system fetches. The default is 1,024.
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

    /// The same for a call by a worker that has tasks to run, or timers that are due. A smaller
    /// number keeps its queue short, and leaves the rest to other workers. The default is
    /// [`max_io_events_per_tick`](Builder::max_io_events_per_tick), which is also the maximum.
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

    /// Makes room for `count` file descriptors in the table of the process, when the runtime is
    /// built. The default is 0: the table grows as descriptors are opened.
    ///
    /// Linux begins with room for 64 and doubles it each time that it is full. In a process with
    /// several threads that keeps whoever opens a file or accepts a connection, and all others who
    /// do, for tens of milliseconds: on the way to 19,000 files the worst of them waited for 15 to
    /// 19 ms, and all together for 90 to 120. With room made before, no descriptor up to that
    /// number meets it. It costs two system calls and 8 bytes of the kernel's memory for each
    /// descriptor, which the process keeps until it ends. Build the runtime before the program
    /// starts threads of its own: then making room waits for nobody either.
    ///
    /// Other systems may do the same or take no notice.
    ///
    /// # Errors
    ///
    /// [`build`](Self::build) fails if the process may not have so many descriptors
    /// (`RLIMIT_NOFILE`, in a shell `ulimit -n`), with [`io::ErrorKind::InvalidInput`]; and if the
    /// system has no memory for the table.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .enable_all()
    ///     .prewarm_descriptors(200) // connections, files and what else is open
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn prewarm_descriptors(&mut self, count: usize) -> &mut Builder {
        self.prewarm_descriptors = count;
        self
    }

    fn event_batch(&self) -> Batch {
        let idle = self.max_io_events_per_tick.unwrap_or(Batch::default().idle);
        Batch { idle, busy: self.max_io_events_per_busy_tick.unwrap_or(idle) }
    }

    /// Starts with paused time, as after [`time::pause`](crate::time::pause). The default is false.
    ///
    /// On the multi-thread flavour, time can be paused only on a runtime that was built so; it may
    /// also [`resume`](crate::time::resume) and pause again. All its workers see one clock. It
    /// jumps to the next deadline when nothing can make progress: no task can run, no blocking job
    /// is pending, every thread in `block_on` waits. Things that the runtime cannot see do not hold
    /// the clock back: the program's own threads, and data from the network (also over the loopback
    /// device, where the system delivers on a thread of its own).
    ///
    /// It is for tests: such a runtime counts all activity, which costs a few nanoseconds for each
    /// task that is woken from outside and for each sleep of a worker.
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

    /// How late a timer may be so that it shares a wake-up with others. The default is 50 µs.
    ///
    /// Timers that fall due within this time fire together when the last of them is due, so that an
    /// idle thread wakes up once and not for each. No timer is early. One that is alone in this
    /// time is as exact as with a slack of zero, and so is one that falls due while its thread is
    /// busy. A longer slack saves processor time where many tasks tick; with zero each timer has
    /// its own wake-up. Paused time is always exact.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// // A server with thousands of heartbeats.
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .enable_all()
    ///     .timer_slack(Duration::from_millis(1))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timer_slack(&mut self, slack: Duration) -> &mut Builder {
        self.timer_slack = slack;
        self
    }

    /// How long a thread that has nothing to do looks again for events and tasks before it sleeps.
    /// The default is zero: it sleeps at once.
    ///
    /// A thread that sleeps must be woken, which takes some microseconds, or tens of them where an
    /// idle processor sleeps, too, as in virtual machines. A thread that looks again has its next
    /// event at once, and uses a processor meanwhile. It looks only while that pays: while at least
    /// half of its last eight idle spells were not longer than twice this time. So an idle program
    /// uses no processor time with this option either. 20 to 50 µs are usual; more than a
    /// processor for each worker, and for whoever sends the events, is needed for it to be of use.
    ///
    /// It applies to workers, to the thread of the `current_thread` flavour, and to threads in
    /// [`Runtime::block_on`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// // A server that shall answer sooner, on a machine with processors to spare.
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .enable_all()
    ///     .idle_spin(Duration::from_micros(30))
    ///     .build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn idle_spin(&mut self, limit: Duration) -> &mut Builder {
        self.idle_spin = limit;
        self
    }

    /// How many spare workers may stand in for workers that block or compute for long without
    /// [`block_in_place`](crate::task::block_in_place). The default is 64; they are started when
    /// needed. With 0 a task that blocks costs its worker: free workers take the tasks queued
    /// there, and if none is free these tasks wait.
    ///
    /// If the limit is reached while work waits, that is reported: to
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

    /// The most threads for background tasks
    /// ([`task::Builder::priority`](crate::task::Builder::priority)). The default is the number of
    /// workers. They are started when needed, and one that has had nothing to do for
    /// [`thread_keep_alive`](Self::thread_keep_alive) ends. The `current_thread` flavour has none.
    ///
    /// # Panics
    ///
    /// If `count` is 0 or above 32,768.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().background_threads(1).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn background_threads(&mut self, count: usize) -> &mut Builder {
        assert!(
            (1..=MAX_WORKERS).contains(&count),
            "background_threads must be between 1 and {MAX_WORKERS}, not {count}"
        );
        self.background_threads = Some(count);
        self
    }

    fn most_background_threads(&self, workers: usize) -> usize {
        self.background_threads.unwrap_or(workers)
    }

    /// How long one poll may take before its worker counts as stalled and other workers take over
    /// its tasks. The default is 3 ms; polls are checked every 1 to 2 ms. The time counts for which
    /// the poll's thread computes or waits by itself, without the time in which it is ready but has
    /// no processor (on Linux; elsewhere wall-clock time counts).
    ///
    /// # Panics
    ///
    /// If `threshold` is zero.
    ///
    /// # Examples
    ///
    /// A service that must answer fast, and reports each poll above 20 ms:
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
    /// or as a line on stderr, at most one a second. The default is 100 ms, counted as for
    /// [`stall_takeover`](Builder::stall_takeover). `Duration::MAX` reports nothing.
    ///
    /// If the poll is over before its thread could be looked at, the report has its share of the
    /// processor; if that is not known either, the stall is only counted
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
    /// The default is what the environment says: `RUNTIME_INSIGHT=1` for on, `RUNTIME_INSIGHT=0` or
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
    /// A thread that waits in a system call is not disturbed. A thread that computes gets a signal
    /// (SIGURG), which may interrupt a system call that it is just entering. The first report reads
    /// the program's debug information, which takes a moment of one processor and stays in memory.
    /// From then on the process has `/proc/self/mem` open, through which it reads its own memory:
    /// sandboxes that kill for `process_vm_readv` or `ptrace` allow that. `docs/platforms.md` lists
    /// the calls that a report makes.
    ///
    /// # Examples
    ///
    /// See [`stall_takeover`](Self::stall_takeover).
    pub fn stall_backtrace(&mut self, capture: bool) -> &mut Builder {
        self.stall_backtrace = capture;
        self
    }

    /// A function to call with each stall instead of the line on stderr. It runs on a separate
    /// thread, which takes no signals, and neither do threads that it starts.
    ///
    /// At most 16 reports are in progress at one time. If the function is slow, further stalls are
    /// left out and counted: [`StallReport::left_out`]. Dropping the runtime waits up to 5 seconds
    /// for the function to return.
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

    /// A function to call when work waits behind stalled workers and no spare worker is available:
    /// the limit of [`spare_workers`](Builder::spare_workers) is reached, or the system gives no
    /// thread. It is called instead of the line on stderr, once for each shortage and at most once
    /// a second, on a separate thread. With `spare_workers(0)`, or without reports
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

    /// A function to call with each panic of a task or blocking job that no handle can show,
    /// instead of the line on stderr. The action of [`unhandled_panic`](Builder::unhandled_panic)
    /// follows as well. It runs on the thread that noticed: the one that polled the task or dropped
    /// the handle.
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
    /// If the system gives no thread or no file descriptor, or if a thread's name is not valid.
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
    /// If the system gives no thread or no file descriptor.
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
    /// A multi-thread runtime with all defaults, and with I/O and timers enabled.
    ///
    /// # Errors
    ///
    /// If the system gives no thread or no file descriptor.
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
    /// A runtime that stays on this thread, with I/O and timers. [`Builder::build_local`] makes one
    /// with other settings.
    ///
    /// # Errors
    ///
    /// If the system gives no thread or no file descriptor.
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
