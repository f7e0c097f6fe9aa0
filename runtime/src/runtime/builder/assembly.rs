//! Builds a runtime from the settings: clock, driver, scheduler, monitor and their threads.
//!
//! Each part is built after those that it needs. Threads start last, and find the runtime through
//! [`Current`], which is weak: a runtime does not keep itself alive. If one thread cannot be
//! started, those that have started end.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::{Builder, Flavor, MAX_WORKERS};
use crate::engine::activity::Activity;
use crate::engine::blocking;
use crate::engine::clock::Clock;
use crate::engine::driver::{IoDriver, exact_timers};
use crate::engine::idle_spin::IdleSpin;
use crate::engine::insight::{CAN_BE_ON, Recorder};
use crate::engine::primitive::atomic::AtomicU64;
use crate::engine::primitive::{Mutex, simulation};
use crate::engine::process_wide::descriptors;
use crate::engine::process_wide::fork::ForkGeneration;
use crate::engine::process_wide::signal_mask::{self, Mask};
use crate::engine::rng;
use crate::engine::scheduler::{
    Asked, BackgroundThread, CurrentThread, CurrentThreadConfig, Monitor, MonitorStart, NewWorker,
    Observe, Pool, PoolConfig, StandIn, StartMonitor, StartWatch, Tasks, watch_pool,
};
use crate::engine::task::scope::Node;
use crate::engine::timer::Shards;
use crate::engine::{messages, say};
use crate::runtime::context;
use crate::runtime::drivers::Drivers;
use crate::runtime::handle::{Handle, Inner};
use crate::runtime::id::RuntimeId;
use crate::runtime::insight::Insight;
use crate::runtime::job::BlockingJob;
use crate::runtime::local_sets;
use crate::runtime::panics::Panics;
use crate::runtime::pinned::Pinned;
use crate::runtime::rng_seed::RngSeed;
use crate::runtime::runtime::{Runtime, Threads};
use crate::runtime::scheduler::Scheduler;
use crate::runtime::stall::{Manner, Reporter};
use crate::runtime::starter::Starter;
use crate::runtime::this_thread::{self, Service};
use crate::runtime::thread_plan::{Body, BodyWithHooks, ThreadPlan};
use crate::runtime::trace_files::TraceFiles;

/// The most stand-ins for threads in `block_in_place`, whatever the limit of blocking threads: as
/// many as there can be workers. By default Linux gives a process at most 32,768 threads.
const MAX_STAND_INS: usize = MAX_WORKERS;

/// The runtime that is being built, for its threads.
type Current = Arc<OnceLock<Weak<Inner>>>;

/// Where stalls and panics are recorded, and what writes that to files.
type Recording = (Option<Arc<Recorder>>, Option<Arc<TraceFiles>>);

/// What a runtime of either flavour has beside its scheduler.
struct Parts {
    driver: Arc<IoDriver>,
    shards: Arc<Shards>,
    jobs: Option<Arc<Activity>>,
    activity: Option<Arc<Activity>>,
    current: Current,
    panics: Arc<Panics<Inner>>,
    reporter: Arc<Reporter>,
    threads: Arc<Threads>,
    plan: Arc<ThreadPlan>,
    blocking: blocking::Pool<BlockingJob>,
    insight: Insight,
    recorder: Option<Arc<Recorder>>,
}

impl Builder {
    pub(super) fn build_multi_thread(&self) -> io::Result<Runtime> {
        let workers = match self.worker_threads {
            Some(workers) => workers,
            None => default_workers()?,
        };
        let clock = Arc::new(Clock::new(self.start_paused, self.start_paused));
        let driver = self.driver()?;
        let slack = self.timer_slack;
        let drivers = Drivers::of_workers(Arc::clone(&driver), clock, workers, slack);
        if self.ends_timers {
            drivers.shards().all().iter().for_each(|shard| shard.end_timers_when_closed());
        }
        let parts = self.parts(driver, &drivers)?;
        let insight = &parts.insight.clone();
        let config = PoolConfig {
            workers,
            spares: self.spare_workers,
            stand_ins: self.max_blocking_threads.min(MAX_STAND_INS),
            background_threads: self.most_background_threads(workers),
            no_stand_in: parts.blocking.at_limit(),
            global_queue_interval: self.global_queue_interval.unwrap_or(61),
            event_interval: self.event_interval,
            keep_alive: self.thread_keep_alive,
            idle_spin: self.spin_of_the_idle(),
            on_park: self.on_thread_park.clone(),
            on_unpark: self.on_thread_unpark.clone(),
            no_lifo_slot: self.disable_lifo_slot,
            seed: self.rng_seed.map(RngSeed::as_u64),
            activity: parts.activity.clone(),
        };
        let (watch, start) = (start_watch(&parts), self.start_worker(&parts, workers));
        let is_late = self.monitor_may_be_late(&parts, workers);
        let monitor_start = match is_late {
            true => MonitorStart::late(workers, start_monitor(&parts)),
            false => MonitorStart::at_once(start_monitor(&parts)),
        };
        let monitor = (self.monitor(&parts), monitor_start);
        let ask = ask_for_stand_in(&parts);
        let background = start_background(&parts);
        let tasks = Tasks::new(
            workers * 4,
            self.observe(insight, parts.recorder.clone()),
            parts.panics.clone(),
        );
        let pool = Pool::new(
            config,
            tasks,
            Box::new(drivers),
            monitor,
            Box::new(start),
            Box::new(ask),
            Box::new(background),
        );
        let scheduler = Scheduler::MultiThread(Arc::clone(&pool));
        let runtime = self.assemble(parts, scheduler, workers, None);
        let started = pool.start().and_then(|()| if is_late { Ok(()) } else { watch() });
        let started = started.and_then(|()| insight.start_services(runtime.handle()));
        or_end(runtime, started)
    }

    pub(super) fn build_current_thread(&self, local_to: Option<ThreadId>) -> io::Result<Runtime> {
        let clock = Arc::new(Clock::new(true, self.start_paused));
        let driver = self.driver()?;
        let slack = self.timer_slack;
        let drivers = Drivers::of_one_thread(Arc::clone(&driver), clock, slack);
        let parts = self.parts(driver, &drivers)?;
        let insight = &parts.insight.clone();
        let config = CurrentThreadConfig {
            global_queue_interval: self.global_queue_interval.unwrap_or(31),
            event_interval: self.event_interval,
            idle_spin: self.spin_of_the_idle(),
            on_park: self.on_thread_park.clone(),
            on_unpark: self.on_thread_unpark.clone(),
            start_watch: self.report_after().map(|_| Box::new(start_watch(&parts)) as StartWatch),
        };
        let tasks =
            Tasks::new(1, self.observe(insight, parts.recorder.clone()), parts.panics.clone());
        let shared = CurrentThread::new(config, tasks, Box::new(drivers), self.monitor(&parts));
        let scheduler = Scheduler::CurrentThread(shared);
        // No thread: see `current_thread.rs`.
        let runtime = self.assemble(parts, scheduler, 1, local_to);
        let started = insight.start_services(runtime.handle());
        or_end(runtime, started)
    }

    /// The driver, with room for the descriptors that the program expects: made now, as long as the
    /// runtime has no threads.
    fn driver(&self) -> io::Result<Arc<IoDriver>> {
        let driver = IoDriver::new(self.event_batch())?;
        descriptors::make_room(driver.poll_fd(), self.prewarm_descriptors)?;
        Ok(driver)
    }

    fn parts(&self, driver: Arc<IoDriver>, drivers: &Drivers) -> io::Result<Parts> {
        let current = Current::default();
        let activity = drivers.counts_all();
        // Room for all that may be asked for at one time.
        let background = self.background_threads.unwrap_or(MAX_WORKERS);
        let starter = Starter::new(self.spare_workers + background);
        let plan = Arc::new(self.thread());
        let insight = match &self.insight {
            Some(insight) => insight.clone(),
            None => Insight::of_environment()?,
        };
        let recorder = insight.recorder()?;
        let folder = insight.folder_of_traces().filter(|_| recorder.is_some());
        let traces = folder.map(|folder| Arc::new(trace_files(folder, &current)));
        let recording = (recorder.clone(), traces);
        let reporter = Arc::new(self.reporter(&insight, activity.clone(), recording.clone()));
        Ok(Parts {
            driver,
            insight,
            recorder,
            shards: Arc::clone(drivers.shards()),
            jobs: drivers.counts_jobs(),
            panics: self.panics(&current, recording),
            threads: Arc::new(Threads::new(starter, Arc::clone(&reporter))),
            reporter,
            blocking: self.blocking_pool(&current, plan.mask),
            plan,
            current,
            activity,
        })
    }

    fn assemble(
        &self,
        parts: Parts,
        scheduler: Scheduler,
        workers: usize,
        local_to: Option<ThreadId>,
    ) -> Runtime {
        let Parts {
            driver,
            shards,
            jobs,
            activity,
            current,
            panics,
            reporter,
            threads,
            plan,
            blocking,
            insight,
            recorder,
        } = parts;
        let handle = Handle::new(Inner {
            scheduler,
            root: Node::root(),
            blocking,
            driver,
            io_enabled: self.enable_io,
            time_enabled: self.enable_time,
            shards,
            jobs,
            activity,
            poll_times: Arc::clone(self.poll_times.starts()),
            measures_polls: self.measures_polls,
            seeds: self.rng_seed.map(|seed| Mutex::new(seed.generator())),
            pinned: self.pinned(workers, plan, &panics, self.observe(&insight, recorder)),
            panics,
            reporter,
            idle_spin: IdleSpin::new(self.spin_of_the_idle()),
            forced_yields: AtomicU64::new(0),
            roots: Arc::default(),
            local_to,
            name: self.name.clone(),
            id: RuntimeId::next(),
            generation: ForkGeneration::here(),
        });
        let _ = current.set(handle.downgrade());
        Runtime::assemble(handle, threads, &insight)
    }

    fn monitor(&self, parts: &Parts) -> Monitor {
        let sink = Box::new(Arc::clone(&parts.reporter));
        Monitor::new(self.stall_takeover, self.report_after(), sink)
    }

    /// Whether the monitor may be started by the workers. `monitor_start.rs` has the reasons
    /// against it.
    fn monitor_may_be_late(&self, parts: &Parts, workers: usize) -> bool {
        let hooks = [
            &self.on_thread_start,
            &self.on_thread_stop,
            &self.on_thread_park,
            &self.on_thread_unpark,
        ];
        let has_hooks = hooks.iter().any(|hook| hook.is_some());
        workers > 1 && !has_hooks && parts.activity.is_none() && !simulation::is_on()
    }

    /// How long idle threads look again. Where time is simulated they would look for ever: it moves
    /// only when all sleep.
    fn spin_of_the_idle(&self) -> Duration {
        if simulation::is_on() { Duration::ZERO } else { self.idle_spin }
    }

    /// After which time a stall is reported. Where time is simulated a poll takes none, and what a
    /// report says of threads is about the real ones.
    fn report_after(&self) -> Option<Duration> {
        self.stall_report.filter(|_| !simulation::is_on())
    }

    /// The function that starts a worker's thread, and later, on the starter's thread, a spare's.
    fn start_worker(
        &self,
        parts: &Parts,
        workers: usize,
    ) -> impl Fn(NewWorker) -> io::Result<()> + Send + Sync + 'static {
        let (plan, seed) = (Arc::clone(&parts.plan), self.rng_seed);
        let (current, threads) = (Arc::clone(&parts.current), Arc::clone(&parts.threads));
        move |worker: NewWorker| {
            let slot = worker.slot_index();
            let handle = current.get().and_then(Handle::upgrade);
            let handle = handle.ok_or_else(messages::shut_down)?;
            let failed = worker.on_failure();
            let body: BodyWithHooks = Box::new(move |hooks| {
                let (id, timers) = (handle.id(), handle.time_enabled());
                let shard = handle.shards().of_worker(slot).filter(|_| timers).cloned();
                if let Some(seed) = seed {
                    rng::seed_thread(seed.as_u64().wrapping_add(slot as u64));
                }
                let _current = context::enter(handle);
                let own_shard = shard.map(context::own_shard);
                let serves = this_thread::serve(id, Service::Worker);
                exact_timers();
                let counted = Cell::new(None);
                worker.run(&|| {
                    hooks.start();
                    counted.set(Some(this_thread::count_thread(id)));
                });
                // The worker has left its pool: the hook runs when the thread no longer counts.
                drop((counted, serves, own_shard));
                hooks.stop();
            });
            if slot >= workers {
                let (plan, all) = (Arc::clone(&plan), Arc::clone(&threads));
                let started = move |thread| all.add(thread);
                return threads.starter.start(plan, body, started, failed);
            }
            threads.add(plan.start(plan.name.for_worker()?, body)?);
            Ok(())
        }
    }

    /// `mask`: the signal mask for threads that are started by a deaf thread of the runtime.
    fn blocking_pool(&self, current: &Current, mask: Mask) -> blocking::Pool<BlockingJob> {
        let config = blocking::Config {
            max_threads: self.max_blocking_threads,
            keep_alive: self.thread_keep_alive,
            thread_name: Arc::new({
                let name = self.thread_name.clone();
                move || name.for_job()
            }),
            stack_size: self.thread_stack_size,
            on_start: self.on_thread_start.clone(),
            on_stop: self.on_thread_stop.clone(),
            without_job: this_thread::while_inactive,
        };
        let current = Arc::clone(current);
        let spawn = move |builder: thread::Builder, body: Body| {
            let current = Arc::clone(&current);
            let mask = signal_mask::for_new_thread(mask);
            let body: Body = Box::new(move || {
                if let Some(mask) = mask {
                    mask.apply();
                }
                let handle = current.get().and_then(Handle::upgrade);
                let _counted = handle.as_ref().map(|handle| this_thread::count_thread(handle.id()));
                let _current = handle.map(context::enter);
                body();
            });
            builder.spawn(body)
        };
        blocking::Pool::new(config, Arc::new(spawn))
    }

    fn panics(&self, current: &Current, recording: Recording) -> Arc<Panics<Inner>> {
        let hook = self.on_unhandled_panic.clone();
        Panics::new(self.unhandled_panic, hook, self.name.clone(), Arc::clone(current), recording)
    }

    fn pinned(
        &self,
        workers: usize,
        plan: Arc<ThreadPlan>,
        panics: &Arc<Panics<Inner>>,
        observe: Observe,
    ) -> Pinned {
        let limit = self.pinned_threads.unwrap_or(workers);
        Pinned::new(limit, plan, panics.clone(), observe.without_times())
    }

    fn observe(&self, insight: &Insight, recorder: Option<Arc<Recorder>>) -> Observe {
        let mut observe = self.observe.clone();
        observe.recorder = recorder;
        observe.insight = CAN_BE_ON && insight.is_on();
        if observe.insight {
            local_sets::switch_on();
            observe.stacks = local_sets::stacks();
        }
        if self.measures_polls {
            observe.poll_times = Arc::clone(self.poll_times.starts());
        }
        if self.counts_latencies {
            observe.latencies = Arc::clone(self.latencies.starts());
        }
        observe.origin = self.measures_latencies.then(Instant::now);
        observe.is_simulated = simulation::is_on();
        if observe.is_simulated {
            let hook = observe.on_before_poll.take();
            observe.on_before_poll = Some(Arc::new(move |task| {
                simulation::point();
                if let Some(hook) = &hook {
                    hook(task);
                }
            }));
        }
        observe.ready()
    }

    /// `activity`: counts the wakers that the reporter calls.
    fn reporter(
        &self,
        insight: &Insight,
        activity: Option<Arc<Activity>>,
        recording: Recording,
    ) -> Reporter {
        let manner = Manner {
            name: self.name.clone(),
            on_stall: self.on_stall.clone(),
            on_shortage: self.on_spare_shortage.clone(),
            backtrace: self.stall_backtrace,
            keeps: CAN_BE_ON && insight.is_on(),
            others_go_on: self.flavor == Flavor::MultiThread && self.spare_workers > 0,
        };
        Reporter::new(manner, activity, recording)
    }

    fn thread(&self) -> ThreadPlan {
        ThreadPlan {
            name: self.thread_name.clone(),
            stack_size: self.thread_stack_size,
            on_start: self.on_thread_start.clone(),
            on_stop: self.on_thread_stop.clone(),
            mask: Mask::here(),
        }
    }
}

/// The function that starts the monitor's thread.
fn start_watch(parts: &Parts) -> impl Fn() -> io::Result<()> + Send + Sync + 'static {
    let (current, threads) = (Arc::clone(&parts.current), Arc::downgrade(&parts.threads));
    move || {
        let handle = current.get().and_then(Handle::upgrade).ok_or_else(messages::shut_down)?;
        let threads = threads.upgrade().ok_or_else(messages::shut_down)?;
        threads.start_monitor(match handle.scheduler() {
            Scheduler::CurrentThread(shared) => {
                let shared = Arc::clone(shared);
                Box::new(move || shared.watch())
            }
            Scheduler::MultiThread(pool) => {
                let pool = Arc::clone(pool);
                Box::new(move || {
                    exact_timers();
                    watch_pool(&pool);
                })
            }
        })
    }
}

/// The same for a worker: what goes wrong is said, and tried again after a while at the earliest.
fn start_monitor(parts: &Parts) -> StartMonitor {
    const PAUSE: Duration = Duration::from_secs(1);
    let (start, failed) = (start_watch(parts), Mutex::new(None::<Instant>));
    Box::new(move || {
        if failed.lock().is_some_and(|failed| failed.elapsed() < PAUSE) {
            return false;
        }
        let Err(error) = start() else { return true };
        // While the runtime ends there is nothing to try again.
        if messages::is_shut_down(&error) {
            return true;
        }
        *failed.lock() = Some(Instant::now());
        say::line(&messages::no_thread_to_watch(&error));
        false
    })
}

/// How far a trace that is written to a file reaches back, if the recorder does.
const TRACE_LAST: Duration = Duration::from_secs(10);

/// What writes traces of the runtime to files.
fn trace_files(folder: &Path, current: &Current) -> TraceFiles {
    let current = Arc::clone(current);
    let take = move || {
        let handle = current.get().and_then(Handle::upgrade)?;
        Some((handle.id().to_string(), handle.trace(TRACE_LAST).to_bytes()))
    };
    TraceFiles::new(folder.to_owned(), Arc::new(take))
}

/// The function that has a thread started for background tasks, on the starter's thread.
fn start_background(
    parts: &Parts,
) -> impl Fn(BackgroundThread) -> io::Result<()> + Send + Sync + 'static {
    let (current, threads) = (Arc::clone(&parts.current), Arc::clone(&parts.threads));
    let plan = Arc::clone(&parts.plan);
    move |thread: BackgroundThread| {
        let handle = current.get().and_then(Handle::upgrade).ok_or_else(messages::shut_down)?;
        let failed = thread.on_failure();
        let body: BodyWithHooks = Box::new(move |hooks| {
            let id = handle.id();
            let _current = context::enter(handle);
            let serves = this_thread::serve(id, Service::Worker);
            let counted = Cell::new(None);
            thread.run(&|| {
                hooks.start();
                counted.set(Some(this_thread::count_thread(id)));
            });
            drop((counted, serves));
            hooks.stop();
        });
        let all = Arc::clone(&threads);
        threads.starter.start(Arc::clone(&plan), body, move |thread| all.add(thread), failed)
    }
}

/// The function that asks the blocking pool for a stand-in.
fn ask_for_stand_in(parts: &Parts) -> impl Fn(StandIn, Asked) + Send + Sync + 'static {
    let (current, threads) = (Arc::clone(&parts.current), Arc::clone(&parts.threads));
    move |stand_in, asked| {
        let Some(handle) = current.get().and_then(Handle::upgrade) else { return };
        let ask = move || handle.submit_stand_in(stand_in);
        match asked {
            Asked::ByWorker => ask(),
            Asked::ByMonitor => threads.starter.ask(Box::new(ask)),
        }
    }
}

/// Ends a runtime whose threads have not all started. In the background, since a drop in async code
/// would panic.
fn or_end(runtime: Runtime, started: io::Result<()>) -> io::Result<Runtime> {
    match started {
        Ok(()) => Ok(runtime),
        Err(error) => {
            runtime.shutdown_background();
            Err(error)
        }
    }
}

/// The number of workers if the program does not set it.
fn default_workers() -> io::Result<usize> {
    const VARIABLE: &str = "RUNTIME_WORKER_THREADS";
    match std::env::var(VARIABLE) {
        Err(std::env::VarError::NotPresent) => Ok(num_cpus::get().clamp(1, MAX_WORKERS)),
        Ok(text) => match text.parse() {
            Ok(count @ 1..=MAX_WORKERS) => Ok(count),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{VARIABLE} must be a number from 1 to {MAX_WORKERS}, not {text:?}"),
            )),
        },
        Err(error) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{VARIABLE} must be a number from 1 to {MAX_WORKERS}: {error}"),
        )),
    }
}
