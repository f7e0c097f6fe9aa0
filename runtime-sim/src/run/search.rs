//! A test: seeds on all cores; when one fails, a replay, a smaller run, and a report.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::job::{Failure, Job, Outcome};
use super::server::{SERVER, Server, Start, serve};
use super::shrink::ddmin;
use crate::child::Body;
use crate::conductor::explore::{Deviation, Explorer};
use crate::faults::Fault;

/// How many seeds, instead of what the test says.
const SEEDS: &str = "RUNTIME_SIM_SEEDS";
/// For how many minutes seeds are run, instead of a number.
const MINUTES: &str = "RUNTIME_SIM_MINUTES";
/// The first seed; 0 without it.
const FIRST: &str = "RUNTIME_SIM_FIRST";
/// One seed, alone, with its output shown.
const SEED: &str = "RUNTIME_SIM_SEED";
/// A file with one run, alone, with its output shown.
const REPLAY: &str = "RUNTIME_SIM_REPLAY";
/// How many processes; the number of cores without it.
const JOBS: &str = "RUNTIME_SIM_JOBS";
/// Where replay files and traces go.
const FOLDER: &str = "RUNTIME_SIM_FOLDER";
/// For how many seconds a failure is made smaller.
const SHRINKING_FOR: &str = "RUNTIME_SIM_SHRINKING";
/// Set if the processes that run seeds may have their memory anywhere.
const RANDOM_ADDRESSES: &str = "RUNTIME_SIM_RANDOM_ADDRESSES";
/// A file to which the hash of each seed is added, in place of a search. Then the process ends.
const HASHES: &str = "RUNTIME_SIM_HASHES";

/// How many seeds a test runs if nobody says.
const DEFAULT_SEEDS: u64 = 32;
/// How long a failure is made smaller if nobody says.
const SHRINKING: Duration = Duration::from_secs(60);

/// A simulated test: a world, and how many seeds it is run with.
///
/// The attribute `#[runtime_sim::test]` makes one; by hand it is made so:
///
/// ```no_run
/// fn world(sim: &mut runtime_sim::Sim) {
///     sim.client("user", || assert_eq!(1 + 1, 2));
/// }
///
/// #[test]
/// # fn hidden() {}
/// fn sums_are_right() {
///     runtime_sim::Test::new("sums_are_right", world).seeds(100).run();
/// }
/// # sums_are_right();
/// ```
#[derive(Clone, Debug)]
pub struct Test {
    start: Start,
    body: Body,
    seeds: u64,
    first: u64,
    minutes: Option<f64>,
    explorer: Explorer,
    shrinks_for: Duration,
    jobs: Option<usize>,
}

/// What a search has found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many seeds were run, the failing one included.
    pub seeds: u64,
    /// How many of the runs were different.
    pub different: usize,
    /// Steps of all runs together.
    pub steps: u64,
    /// Real time of the search, without what came after a failure was found.
    pub took: Duration,
    /// Virtual time of all runs together.
    pub simulated: Duration,
    /// The first failing run that was found.
    pub failure: Option<Found>,
}

/// A run that fails, and the smallest one like it that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The run as it was found.
    pub outcome: Outcome,
    /// Whether two replays of it were the same as it was.
    pub is_repeatable: bool,
    /// The faults that it takes.
    pub faults: Vec<Fault>,
    /// The deviations from the default schedule that it takes; `None` if there were too many to
    /// make it smaller.
    pub schedule: Option<Vec<Deviation>>,
    /// The same in words, with the command that replays it.
    pub text: String,
}

impl Test {
    /// A test of this name, as `cargo test` shows it: with the modules that it is in.
    pub fn new(name: impl Into<String>, body: Body) -> Test {
        let start = Start { name: name.into(), in_harness: true, random_addresses: false };
        Test {
            start,
            body,
            seeds: DEFAULT_SEEDS,
            first: 0,
            minutes: None,
            explorer: Explorer::Mixed,
            shrinks_for: SHRINKING,
            jobs: None,
        }
    }

    /// For the attribute: the module's path begins with the crate, which the test's name does not.
    #[doc(hidden)]
    pub fn of(module: &str, name: &str, body: Body) -> Test {
        match module.split_once("::") {
            Some((_, inside)) => Test::new(format!("{inside}::{name}"), body),
            None => Test::new(name, body),
        }
    }

    /// How many seeds are run; 32 by default. The variable `RUNTIME_SIM_SEEDS` takes precedence.
    #[must_use]
    pub fn seeds(mut self, count: u64) -> Test {
        self.seeds = count;
        self
    }

    /// The first seed; 0 by default.
    #[must_use]
    pub fn first_seed(mut self, seed: u64) -> Test {
        self.first = seed;
        self
    }

    /// How schedules are made; a mixture by default.
    #[must_use]
    pub fn explorer(mut self, explorer: Explorer) -> Test {
        self.explorer = explorer;
        self
    }

    /// For a program that is no test harness: it is started again with its own arguments, and must
    /// come to this test again.
    #[must_use]
    pub fn in_program(mut self) -> Test {
        self.start.in_harness = false;
        self
    }

    /// The kernel may place the memory of the processes that run seeds where it likes. It may not
    /// by default: code that orders things by their addresses is then repeatable, too.
    #[must_use]
    pub fn random_addresses(mut self) -> Test {
        self.start.random_addresses = true;
        self
    }

    /// How many processes run seeds; as many as there are cores by default.
    #[must_use]
    pub fn processes(mut self, count: usize) -> Test {
        self.jobs = Some(count.max(1));
        self
    }

    /// A failure is reported as it was found.
    #[must_use]
    pub fn without_shrinking(mut self) -> Test {
        self.shrinks_for = Duration::ZERO;
        self
    }

    /// Runs the seeds.
    ///
    /// # Panics
    ///
    /// If one fails: with what failed, its seed, the command that replays it, and the smallest run
    /// like it that was found.
    pub fn run(self) {
        let name = self.start.name.clone();
        let report = self.search();
        if let Some(found) = report.failure {
            eprintln!("{}", found.text);
            panic!("a simulated run of `{name}` has failed; the report is above");
        }
    }

    /// Runs the seeds, and says what came of it. Ends the process if this is one of those that run
    /// seeds for the test.
    ///
    /// # Panics
    ///
    /// If the processes cannot be started.
    pub fn search(mut self) -> Report {
        match std::env::var(SERVER) {
            Ok(name) if name == self.start.name => serve(self.body),
            // The process serves another test, which this program comes to later.
            Ok(_) => return Report::empty(),
            Err(_) => {}
        }
        let number = |name: &str| -> Option<f64> {
            let text = std::env::var(name).ok()?;
            let number = text.trim().parse().ok();
            assert!(number.is_some(), "{name} is `{text}`: it must be a number");
            number
        };
        if let Some(seeds) = number(SEEDS) {
            self.seeds = seeds as u64;
        }
        if let Some(first) = number(FIRST) {
            self.first = first as u64;
        }
        if let Some(jobs) = number(JOBS) {
            self.jobs = Some((jobs as usize).max(1));
        }
        self.minutes = number(MINUTES).or(self.minutes);
        if let Some(seconds) = number(SHRINKING_FOR) {
            self.shrinks_for = Duration::from_secs_f64(seconds.clamp(0.0, 1e6));
        }
        if std::env::var_os(RANDOM_ADDRESSES).is_some() {
            self.start.random_addresses = true;
        }
        if let Ok(path) = std::env::var(HASHES) {
            self.list_hashes(&path).unwrap_or_else(|error| panic!("{HASHES} is `{path}`: {error}"));
            // What the test expects of a search is not to be found.
            std::process::exit(0);
        }
        let searched = match (std::env::var(REPLAY).ok(), number(SEED)) {
            (Some(path), _) => self.replay_file(&path),
            (None, Some(seed)) => self.replay_one(Job::new(seed as u64, self.explorer.clone())),
            (None, None) => self.explore(),
        };
        searched.unwrap_or_else(|error| {
            panic!(
                "the processes that run the seeds of `{}` do not answer: {error}. Is this the name \
                 of the test, with its modules, as `cargo test` shows it?",
                self.start.name,
            )
        })
    }

    /// Runs each seed `times` times, each time in a process that was started for it, and gives the
    /// hashes: those of one seed are equal if the program is deterministic under the simulation.
    ///
    /// # Panics
    ///
    /// If the processes cannot be started.
    pub fn hashes(&self, seeds: std::ops::Range<u64>, times: usize) -> Vec<Vec<u128>> {
        if std::env::var(SERVER).is_ok_and(|name| name == self.start.name) {
            serve(self.body);
        }
        let all = seeds.map(|seed| {
            let one = |_| {
                let mut server = Server::start(&self.start, None)?;
                Ok(server.run(&Job::new(seed, self.explorer.clone()))?.hash)
            };
            (0..times).map(one).collect::<io::Result<Vec<u128>>>()
        });
        match all.collect::<io::Result<Vec<_>>>() {
            Ok(hashes) => hashes,
            Err(error) => panic!("the processes that run the seeds do not answer: {error}"),
        }
    }

    /// Adds a line for each seed to a file: the test's name, the seed, the hash, how it ended. The
    /// process that runs them keeps to no core.
    fn list_hashes(&self, path: &str) -> io::Result<()> {
        let mut server = Server::start(&self.start, None)?;
        let mut text = String::new();
        for seed in self.first..self.first + self.seeds {
            let ran = server.run(&Job::new(seed, self.explorer.clone()))?;
            let ended = ran.failure.map_or("done".into(), |failure| failure.kind);
            let _ = writeln!(text, "{} {seed} {:032x} {ended}", self.start.name, ran.hash);
        }
        let mut list = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        io::Write::write_all(&mut list, text.as_bytes())
    }

    /// Runs a seed so often, one run after another, and says how each went.
    ///
    /// # Panics
    ///
    /// If the process cannot be started.
    pub fn replay(&self, seed: u64, times: usize) -> Vec<Outcome> {
        if std::env::var(SERVER).is_ok_and(|name| name == self.start.name) {
            serve(self.body);
        }
        let job = Job::new(seed, self.explorer.clone());
        let runs = Server::start(&self.start, None)
            .and_then(|mut server| (0..times).map(|_| server.run(&job)).collect());
        match runs {
            Ok(runs) => runs,
            Err(error) => panic!("the process that runs the seed does not answer: {error}"),
        }
    }

    /// Runs a seed in processes that were started for it, the last one with its memory at other
    /// addresses, and says where two of the runs begin to differ: the last event that they share
    /// and the first that they do not. `None` if all are the same.
    ///
    /// # Panics
    ///
    /// If a process cannot be started, or its file of events cannot be read.
    pub fn first_difference(&self, seed: u64) -> Option<String> {
        if std::env::var(SERVER).is_ok_and(|name| name == self.start.name) {
            serve(self.body);
        }
        let moved = self.clone().random_addresses();
        let all = [self, self, self, &moved].map(|test| test.events(seed));
        let [first, others @ ..] = &all;
        others.iter().find_map(|other| {
            let at =
                (0..first.len().max(other.len())).find(|&at| first.get(at) != other.get(at))?;
            let line = |events: &Vec<String>, at: usize| {
                events.get(at).map_or("(the end)", String::as_str).to_owned()
            };
            let before: Vec<&str> =
                first[at.saturating_sub(5)..at].iter().map(String::as_str).collect();
            Some(format!(
                "seed {seed}, event {at}:\n{}\none:   {}\nother: {}",
                before.join("\n"),
                line(first, at),
                line(other, at),
            ))
        })
    }

    /// The events of a run, as lines: virtual time in ns, thread, what, two numbers, the hash so
    /// far.
    fn events(&self, seed: u64) -> Vec<String> {
        let path = self.folder().join(format!("{}-{seed}.events", self.file_name()));
        let mut job = Job::new(seed, self.explorer.clone());
        job.events = Some(path.to_string_lossy().into_owned());
        let ran = Server::start(&self.start, None).and_then(|mut server| server.run(&job));
        let text = ran.and_then(|_| std::fs::read_to_string(&path));
        let _ = std::fs::remove_file(&path);
        match text {
            Ok(text) => text.lines().map(str::to_owned).collect(),
            Err(error) => panic!("no events of seed {seed}: {error}"),
        }
    }

    fn explore(&self) -> io::Result<Report> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let processes = self.jobs.unwrap_or(cores).min(self.seeds.max(1) as usize).max(1);
        let until = self.minutes.map(|minutes| Duration::from_secs_f64(minutes.max(0.0) * 60.0));
        let began = Instant::now();
        let next = AtomicU64::new(0);
        let is_over = AtomicBool::new(false);
        let ready = AtomicUsize::new(0);
        let results = Mutex::new((Report::empty(), std::collections::BTreeSet::new()));
        let work = |core: usize| -> io::Result<()> {
            let mut server = Server::start(&self.start, (processes <= cores).then_some(core))?;
            ready.fetch_add(1, Ordering::Relaxed);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let enough = match until {
                    Some(time) => began.elapsed() >= time,
                    None => number >= self.seeds,
                };
                if enough || is_over.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let outcome = server.run(&Job::new(self.first + number, self.explorer.clone()))?;
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                let (report, hashes) = &mut *results;
                report.seeds += 1;
                report.steps += outcome.steps;
                report.simulated += Duration::from_nanos(outcome.virtual_ns);
                hashes.insert(outcome.hash);
                if outcome.failure.is_some() {
                    is_over.store(true, Ordering::Relaxed);
                    // Of those that were under way at once, the first seed.
                    let known = report.failure.as_ref().map(|found| found.outcome.seed);
                    if known.is_none_or(|known| outcome.seed < known) {
                        report.failure = Some(Found::raw(outcome));
                    }
                }
            }
        };
        let worked: Vec<io::Result<()>> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..processes).map(|core| scope.spawn(move || work_on(&work, core))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into())))
                .collect()
        });
        worked.into_iter().collect::<io::Result<Vec<()>>>()?;
        let (mut report, hashes) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.took = began.elapsed();
        report.different = hashes.len();
        if let Some(found) = report.failure.take() {
            report.failure = Some(self.explain(found.outcome, &report)?);
        }
        Ok(report)
    }

    /// Replays a failing run, makes it smaller and writes down what is known of it.
    fn explain(&self, outcome: Outcome, report: &Report) -> io::Result<Found> {
        let mut found = Found::raw(outcome);
        let Some(failure) = found.outcome.failure.clone() else { return Ok(found) };
        let job = Job::new(found.outcome.seed, self.explorer.clone());
        // A process that died may have taken its server's patience, not its life.
        let mut server = Server::start(&self.start, Some(0))?;
        let mut again = Server::start(&self.start, Some(0))?;
        // Whoever is stuck takes its time, and has no more to tell.
        let is_stuck = failure.kind == "stuck";
        if !is_stuck {
            let replays = [server.run(&job)?, again.run(&job)?];
            found.is_repeatable = replays.iter().all(|replay| replay.hash == found.outcome.hash);
        }
        drop(again);
        let mut smallest = job.clone();
        let can_shrink = found.is_repeatable && failure.kind != "setup";
        if can_shrink && self.shrinks_for > Duration::ZERO {
            let until = Instant::now() + self.shrinks_for;
            smallest = shrink(&mut server, &job, &found.outcome, &failure, until)?;
        }
        let name = self.file_name();
        let folder = self.folder();
        let path = |end: &str| folder.join(format!("{name}-{}.{end}", found.outcome.seed));
        let (replay, trace) = (path("replay"), path("trace.json"));
        let written = std::fs::write(&replay, smallest.to_text());
        let mut last = smallest.clone();
        last.is_verbose = true;
        last.trace = Some(trace.to_string_lossy().into_owned());
        let shown = server.run(&last)?;
        found.faults.clone_from(&shown.faults);
        found.schedule = match &smallest.explorer {
            Explorer::Replay(list) => Some(list.clone()),
            _ => shown.deviations.clone(),
        };
        let failure = shown.failure.clone().unwrap_or(failure);
        let replay = written.is_ok().then(|| replay.to_string_lossy().into_owned());
        found.text = self.in_words(&found, &failure, report, replay.as_deref(), &trace);
        Ok(found)
    }

    fn in_words(
        &self,
        found: &Found,
        failure: &Failure,
        report: &Report,
        replay: Option<&str>,
        trace: &std::path::Path,
    ) -> String {
        let mut text = String::new();
        let seed = found.outcome.seed;
        let command = self.command();
        let _ = writeln!(text, "==== `{}` fails under seed {seed}", self.start.name);
        let _ = writeln!(text, "{}: {}", failure.kind, failure.text);
        if !failure.detail.is_empty() {
            let _ = writeln!(text, "{}", failure.detail.trim_end());
        }
        let _ = writeln!(
            text,
            "found after {} seeds in {:.1} s",
            report.seeds,
            report.took.as_secs_f64(),
        );
        if !found.is_repeatable && failure.kind != "stuck" {
            let _ = writeln!(
                text,
                "A replay of this seed was another run: something in the program is not simulated. \
                 docs/simulation.md says how to find it.",
            );
        }
        let _ = writeln!(text, "replay: {SEED}={seed} {command}");
        if let Some(path) = replay {
            let _ = writeln!(text, "the smallest run like it: {REPLAY}={path} {command}");
        }
        let _ = writeln!(text, "trace for https://ui.perfetto.dev: {}", trace.display());
        let _ = writeln!(text, "faults that it takes: {}", found.faults.len());
        for fault in &found.faults {
            let at = fault.at.as_secs_f64();
            let lasts = fault.lasts.as_secs_f64();
            let line = fault.to_string();
            let what = line.splitn(3, ' ').nth(2).unwrap_or_default();
            let _ = writeln!(text, "  {at:.6} s, for {lasts:.6} s: {what}");
        }
        match &found.schedule {
            None => {
                let _ = writeln!(text, "its schedule has too many choices to list");
            }
            Some(schedule) => {
                let preemptions = schedule.iter().filter(|made| made.preempts).count();
                let _ = writeln!(
                    text,
                    "choices that it takes, other than to go on in order: {}, {preemptions} of them \
                     preemptions",
                    schedule.len(),
                );
                for made in schedule.iter().take(20) {
                    let Deviation { thread, choice, chosen, preempts } = made;
                    let how = if *preempts { "is preempted by" } else { "is followed by" };
                    let _ = writeln!(text, "  thread {thread}, choice {choice}: {how} {chosen}");
                }
                if schedule.len() > 20 {
                    let _ = writeln!(text, "  and {} more", schedule.len() - 20);
                }
            }
        }
        text
    }

    /// How this test is run alone.
    fn command(&self) -> String {
        if !self.start.in_harness {
            let program = std::env::args().collect::<Vec<_>>().join(" ");
            return program;
        }
        let package = std::env::var("CARGO_PKG_NAME")
            .map_or_else(|_| String::new(), |package| format!(" -p {package}"));
        format!("cargo test{package} {} -- --exact --nocapture", self.start.name)
    }

    fn file_name(&self) -> String {
        self.start.name.replace("::", ".")
    }

    /// Where files go: the folder of build results that the program is in.
    fn folder(&self) -> PathBuf {
        let folder = std::env::var_os(FOLDER).map(PathBuf::from).or_else(|| {
            let program = std::env::current_exe().ok()?;
            let target = program.ancestors().find(|path| path.ends_with("target"))?;
            Some(target.join("runtime-sim"))
        });
        let folder = folder.unwrap_or_else(std::env::temp_dir);
        let _ = std::fs::create_dir_all(&folder);
        folder
    }

    fn replay_file(&self, path: &str) -> io::Result<Report> {
        let text = std::fs::read_to_string(path);
        let text = text.unwrap_or_else(|error| panic!("{REPLAY} is `{path}`: {error}"));
        let job = Job::read(&mut text.as_bytes())?;
        self.replay_one(job.unwrap_or_else(|| panic!("`{path}` holds no run")))
    }

    /// Runs one job with its output shown.
    fn replay_one(&self, mut job: Job) -> io::Result<Report> {
        job.is_verbose = true;
        let trace = self.folder().join(format!("{}-{}.trace.json", self.file_name(), job.seed));
        job.trace = Some(trace.to_string_lossy().into_owned());
        let began = Instant::now();
        let mut server = Server::start(&self.start, None)?;
        let outcome = server.run(&job)?;
        let mut report = Report::empty();
        report.seeds = 1;
        report.different = 1;
        report.steps = outcome.steps;
        report.simulated = Duration::from_nanos(outcome.virtual_ns);
        report.took = began.elapsed();
        eprintln!(
            "seed {}: hash {:032x}, {} steps, {} switches, {:.6} s of virtual time",
            outcome.seed,
            outcome.hash,
            outcome.steps,
            outcome.switches,
            outcome.virtual_ns as f64 / 1e9,
        );
        if let Some(failure) = outcome.failure.clone() {
            let mut found = Found::raw(outcome);
            found.is_repeatable = true;
            found.schedule = found.outcome.deviations.clone();
            found.text = self.in_words(&found, &failure, &report, None, &trace);
            report.failure = Some(found);
        }
        Ok(report)
    }
}

fn work_on(work: &(dyn Fn(usize) -> io::Result<()> + Sync), core: usize) -> io::Result<()> {
    work(core)
}

/// The smallest run that was found which fails as the given one did.
fn shrink(
    server: &mut Server,
    job: &Job,
    outcome: &Outcome,
    failure: &Failure,
    until: Instant,
) -> io::Result<Job> {
    let mut broken = None;
    let mut fails = |server: &mut Server, job: &Job| -> Option<Option<Outcome>> {
        if Instant::now() >= until || broken.is_some() {
            return None;
        }
        match server.run(job) {
            Ok(ran) => {
                let same = ran.failure.as_ref().is_some_and(|found| found.is_like(failure));
                Some(same.then_some(ran))
            }
            Err(error) => {
                broken = Some(error);
                None
            }
        }
    };
    let mut best = job.clone();
    let mut ran = outcome.clone();
    // Twice: with fewer choices fewer faults may do.
    for _ in 0..2 {
        let faults = ddmin(&ran.faults.clone(), |part| {
            let smaller = Job { faults: Some(part.to_vec()), ..best.clone() };
            let result = fails(server, &smaller)?;
            if let Some(result) = &result {
                ran = result.clone();
            }
            Some(result.is_some())
        });
        best.faults = Some(faults);
        // The deviations of the run as it is now.
        let Some(Some(now)) = fails(server, &best) else { break };
        ran = now;
        let Some(made) = ran.deviations.clone() else { break };
        let replayed = Job { explorer: Explorer::Replay(made.clone()), ..best.clone() };
        let Some(Some(_)) = fails(server, &replayed) else { break };
        let schedule = ddmin(&made, |part| {
            let smaller = Job { explorer: Explorer::Replay(part.to_vec()), ..best.clone() };
            Some(fails(server, &smaller)?.is_some())
        });
        best.explorer = Explorer::Replay(schedule);
    }
    match broken {
        Some(error) => Err(error),
        None => Ok(best),
    }
}

impl Report {
    fn empty() -> Report {
        Report {
            seeds: 0,
            different: 0,
            steps: 0,
            took: Duration::ZERO,
            simulated: Duration::ZERO,
            failure: None,
        }
    }
}

impl Found {
    fn raw(outcome: Outcome) -> Found {
        let faults = outcome.faults.clone();
        Found { outcome, is_repeatable: false, faults, schedule: None, text: String::new() }
    }
}
