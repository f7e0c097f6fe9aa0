//! Public servers at work: built with the registry's tokio and with `compat/tokio`, unmodified, and
//! driven by their usual clients in turns.
//!
//! | file        | content                                                                 |
//! |-------------|-------------------------------------------------------------------------|
//! | `build.rs`  | sources as cargo downloads them, both builds                            |
//! | `broker.rs`, `files.rs`, `names.rs`, `tunnels.rs` | how each server is started, checked, loaded |
//! | `traffic.rs` | a TCP echo server and what is sent through a tunnel                    |
//!
//! For each server, on both sides:
//!
//! 1. It starts; its results are checked.
//! 3. Rounds follow: each load runs for so many seconds, on one side and then on the other; the
//!    order changes. Then a time without load follows.
//! 4. The results are checked once more. Descriptors and threads must come back to what they were
//!    before the first load, memory to what it was after the warm-up (`Footprint`).
//! 5. It gets its signal while connections are open, and must end.
//!
//! A fault on one side is reported and fails the command; figures are only printed.

mod broker;
mod build;
mod files;
mod names;
mod traffic;
mod tunnels;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::sides::{Process, SIDES, cell, failed, median};
use crate::{Outcome, root};

/// How long a server may take to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(20);
/// How long it may take to end after its signal.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// How long descriptors and threads may take to come back: longer than idle blocking threads stay.
const SETTLES_WITHIN: Duration = Duration::from_secs(40);
/// How many more descriptors and threads there may be at the end than before the first load, for
/// what is opened once, at the first use.
const MORE_DESCRIPTORS: u64 = 4;
const MORE_THREADS: u64 = 2;

/// A server: where it comes from, and how it is run.
struct Subject {
    /// The name and the version of the package.
    name: &'static str,
    version: &'static str,
    /// Packages whose version in the lock file no longer compiles, with a version that does.
    newer: &'static [(&'static str, &'static str)],
    /// Those that its own default is replaced by.
    features: &'static str,
    programs: &'static [&'static str],
    what: &'static str,
    start: fn(&Place) -> Result<Running, String>,
    /// The client that the check needs, if it is not in this program.
    client: Option<Client>,
    check: fn(&Running) -> Outcome,
    loads: &'static [Load],
    /// The signal that ends it, one that it handles if there is one: name and number.
    signal: (&'static str, i32),
}

/// A program that must be there, and the Debian package that has it.
type Client = (&'static str, &'static str);

struct Load {
    name: &'static str,
    /// The unit that is counted.
    unit: &'static str,
    client: Option<Client>,
    /// Loads it for about so many seconds; an error if a result is wrong.
    drive: fn(&Running, f64) -> Result<Done, String>,
}

/// The result of a load.
struct Done {
    operations: f64,
    seconds: f64,
}

const SUBJECTS: &[Subject] =
    &[broker::RUMQTTD, files::DUFS, tunnels::BORE, tunnels::SHADOWSOCKS, names::HICKORY];

/// Where one side of a server runs.
struct Place {
    programs: PathBuf,
    /// Its own folder, empty at the start.
    folder: PathBuf,
    /// The address of this side on this machine.
    host: Ipv4Addr,
}

impl Place {
    /// Starts a program with its output in a file of the folder.
    fn start(&self, program: &str, arguments: &[&str]) -> Result<Process, String> {
        let log = self.folder.join(format!("{program}.log"));
        let file = File::create(&log).map_err(failed(&log))?;
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(file.try_clone().map_err(failed(&log))?).stderr(file);
        Process::start(command)
    }

    /// A port that is free now.
    fn free(&self) -> Result<SocketAddr, String> {
        let listener = TcpListener::bind((self.host, 0)).map_err(|error| error.to_string())?;
        listener.local_addr().map_err(|error| error.to_string())
    }

    /// Waits until somebody listens.
    fn listens(&self, address: SocketAddr) -> Outcome {
        let start = Instant::now();
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            if start.elapsed() > STARTS_WITHIN {
                return Err(format!("nobody listens at {address}; {}", self.last_words()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn logs(&self) -> Vec<(PathBuf, String)> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let logs = paths.filter(|path| path.extension().is_some_and(|end| end == "log"));
        logs.map(|path| (path.clone(), String::from_utf8_lossy(&read(&path)).into_owned()))
            .collect()
    }

    /// The last lines of the logs, for an error.
    fn last_words(&self) -> String {
        let mut words = String::from("it said:");
        for (path, text) in self.logs() {
            let lines: Vec<&str> = text.lines().rev().take(5).collect();
            words += &format!("\n  {}:", path.display());
            lines.iter().rev().for_each(|line| words += &format!("\n    {line}"));
        }
        words
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

/// A server that runs: one process, or those that work together.
struct Running {
    /// The processes, in the order in which they are ended.
    processes: Vec<Process>,
    /// The address to which clients connect.
    address: SocketAddr,
    folder: PathBuf,
}

/// What a server holds of descriptors, threads and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Footprint {
    kib: u64,
    descriptors: u64,
    threads: u64,
}

impl Footprint {
    /// The memory that it may have later: a quarter and 8 MiB more, since allocators keep memory.
    fn may_grow_to(&self) -> u64 {
        self.kib + self.kib / 4 + 8 * 1024
    }
}

impl Running {
    fn cpu_us(&self) -> f64 {
        self.processes.iter().map(Process::cpu_us).sum()
    }

    fn switches(&self) -> u64 {
        self.processes.iter().map(Process::switches).sum()
    }

    fn footprint(&self) -> Footprint {
        let sum = |of: fn(&Process) -> u64| self.processes.iter().map(of).sum();
        Footprint {
            kib: sum(Process::resident_kib),
            descriptors: sum(Process::descriptors),
            threads: sum(Process::threads),
        }
    }

    /// Returns what it holds when descriptors and threads are back, or the time for that is over.
    fn settled(&self, before: Footprint) -> Footprint {
        let start = Instant::now();
        loop {
            let now = self.footprint();
            let back = now.descriptors <= before.descriptors + MORE_DESCRIPTORS
                && now.threads <= before.threads + MORE_THREADS;
            if back || start.elapsed() > SETTLES_WITHIN {
                return now;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// One side of a server, with its results.
struct Side {
    place: Place,
    running: Running,
    before: Footprint,
    warm: Footprint,
    after: Footprint,
    /// For each load, for each round: operations a second, CPU of one in microseconds.
    figures: Vec<Vec<(f64, f64)>>,
    /// Context switches a second without load.
    idle: Vec<f64>,
    ended_ms: f64,
}

impl Side {
    fn start(subject: &Subject, place: Place) -> Result<Side, String> {
        if place.folder.exists() {
            fs::remove_dir_all(&place.folder).map_err(failed(&place.folder))?;
        }
        fs::create_dir_all(&place.folder).map_err(failed(&place.folder))?;
        let running = (subject.start)(&place)
            .map_err(|error| format!("does not start: {error}; {}", place.last_words()))?;
        Ok(Side {
            place,
            running,
            before: Footprint::default(),
            warm: Footprint::default(),
            after: Footprint::default(),
            figures: subject.loads.iter().map(|_| Vec::new()).collect(),
            idle: Vec::new(),
            ended_ms: 0.0,
        })
    }

    fn load(&mut self, at: usize, load: &Load, seconds: f64) -> Outcome {
        let before = self.running.cpu_us();
        let done = (load.drive)(&self.running, seconds)
            .map_err(|error| format!("{}: {error}", load.name))?;
        if done.operations == 0.0 {
            return Err(format!("{}: nothing was done in {:.1} s", load.name, done.seconds));
        }
        let cpu = self.running.cpu_us() - before;
        self.figures[at].push((done.operations / done.seconds, cpu / done.operations));
        Ok(())
    }

    /// Sends the signal, with connections open, and waits for the end.
    fn end(&mut self, (name, number): (&str, i32)) -> Outcome {
        let idle: Vec<_> = (0..4).map(|_| TcpStream::connect(self.running.address)).collect();
        let start = Instant::now();
        for process in &mut self.running.processes {
            process.signal(name)?;
            let Some(status) = process.ended(ENDS_WITHIN) else {
                return Err(format!("has not ended {ENDS_WITHIN:?} after SIG{name}"));
            };
            if !status.success() && status.signal() != Some(number) {
                return Err(format!("ended after SIG{name} with {status}"));
            }
        }
        self.ended_ms = start.elapsed().as_secs_f64() * 1000.0;
        drop(idle);
        Ok(())
    }
}

/// What a server holds too much of at the end.
fn leaks(before: Footprint, warm: Footprint, after: Footprint) -> Vec<String> {
    let mut found = Vec::new();
    if after.kib > warm.may_grow_to() {
        found.push(format!("memory grew from {} to {} KiB", warm.kib, after.kib));
    }
    if after.descriptors > before.descriptors + MORE_DESCRIPTORS {
        found.push(format!("{} descriptors became {}", before.descriptors, after.descriptors));
    }
    if after.threads > before.threads + MORE_THREADS {
        found.push(format!("{} threads became {}", before.threads, after.threads));
    }
    found
}

struct Options {
    words: Vec<String>,
    rounds: usize,
    seconds: f64,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options { words: Vec::new(), rounds: 5, seconds: 2.0 };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let number = |value: Option<&String>, most: f64| {
                value
                    .and_then(|value| value.parse::<f64>().ok())
                    .filter(|number| (1.0..=most).contains(number))
                    .ok_or(format!("`{argument}` needs a number from 1 to {most}"))
            };
            match argument.as_str() {
                // A part of a round does not count.
                "--rounds" => options.rounds = number(rest.next(), 1000.0)?.floor() as usize,
                "--seconds" => options.seconds = number(rest.next(), 3600.0)?,
                flag if flag.starts_with('-') => {
                    return Err(format!(
                        "no option `{flag}`: known are `--rounds N`, `--seconds N`"
                    ));
                }
                word => options.words.push(word.into()),
            }
        }
        for word in &options.words {
            if !SUBJECTS.iter().any(|subject| subject.is_named(word)) {
                let names: Vec<&str> = SUBJECTS.iter().map(|subject| subject.name).collect();
                return Err(format!("no server is called `{word}`: {}", names.join(", ")));
            }
        }
        Ok(options)
    }
}

impl Subject {
    fn is_named(&self, word: &str) -> bool {
        self.name.contains(word) || self.what.contains(word)
    }
}

/// The results of all servers.
#[derive(Default)]
struct Findings {
    wrong: Vec<String>,
    skipped: Vec<String>,
    /// Lines that the runtime wrote to stderr.
    lines: Vec<String>,
}

impl Findings {
    /// Whether a client is there; if not, the end of the output tells what is skipped.
    fn has(&mut self, client: Option<Client>, for_what: &str) -> bool {
        let Some((program, package)) = client else { return true };
        let there = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !there {
            let line = format!("{for_what}: needs `{program}` (Debian package {package})");
            println!("skipped {line}");
            self.skipped.push(line);
        }
        there
    }
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let options = Options::parse(arguments)?;
    let chosen = |subject: &&Subject| {
        options.words.is_empty() || options.words.iter().any(|word| subject.is_named(word))
    };
    let subjects: Vec<&Subject> = SUBJECTS.iter().filter(chosen).collect();
    let mut findings = Findings::default();
    let mut tables = (String::new(), String::new());
    let sources = build::fetch(SUBJECTS)?;
    for subject in subjects {
        println!("\n== {} {}, {}", subject.name, subject.version, subject.what);
        let built = build::both(subject, &sources).and_then(|programs| {
            drive(subject, programs, &options, &mut findings).map(|sides| show(subject, &sides))
        });
        match built {
            Ok((loads, held)) => {
                print!("{loads}{held}");
                tables.0 += &loads;
                tables.1 += &held;
            }
            Err(error) => {
                println!("FAILED: {error}");
                findings.wrong.push(format!("{}: {error}", subject.name));
            }
        }
    }
    println!("\n{} rounds of {} s, medians; ours / tokio\n", options.rounds, options.seconds);
    println!("| server | load | per second | CPU each, us |\n|---|---|---|---|\n{}", tables.0);
    println!(
        "| server | context switches a second without load | memory at the end, KiB | descriptors | \
         threads | ended after, ms |\n|---|---|---|---|---|---|\n{}",
        tables.1
    );
    println!("{} lines of the runtime's", findings.lines.len());
    findings.lines.iter().for_each(|line| println!("  {line}"));
    println!("{} skipped", findings.skipped.len());
    findings.skipped.iter().for_each(|line| println!("  {line}"));
    if findings.wrong.is_empty() {
        return Ok(());
    }
    let again = "run one again with `cargo xtask servers NAME`; logs are in target/servers/run";
    Err(format!("these failed:\n  {}\n{again}", findings.wrong.join("\n  ")))
}

/// Runs both sides from start to end. Returns an error if one side cannot be run at all; all other
/// faults go to the findings.
fn drive(
    subject: &Subject,
    programs: [PathBuf; 2],
    options: &Options,
    findings: &mut Findings,
) -> Result<[Side; 2], String> {
    let checks = findings.has(subject.client, &format!("checks of {}", subject.name));
    let has = |load: &Load, findings: &mut Findings| {
        findings.has(load.client, &format!("{}, {}", subject.name, load.name))
    };
    let loads: Vec<(usize, &Load)> =
        subject.loads.iter().enumerate().filter(|(_, load)| has(load, findings)).collect();
    let mut sides = Vec::new();
    for (at, programs) in programs.into_iter().enumerate() {
        let folder = root().join("target/servers/run").join(subject.name).join(SIDES[at]);
        let host = Ipv4Addr::new(127, 0, 0, 2 + at as u8);
        let place = Place { programs, folder, host };
        let said = |error| format!("on {}: {error}", SIDES[at]);
        let mut side = Side::start(subject, place).map_err(said)?;
        side.before = side.running.footprint();
        let warm_up = |side: &mut Side| {
            if checks {
                (subject.check)(&side.running)?;
            }
            loads.iter().try_for_each(|(at, load)| side.load(*at, load, options.seconds))
        };
        if let Err(error) = warm_up(&mut side) {
            return Err(format!("on {}: {error}; {}", SIDES[at], side.place.last_words()));
        }
        side.warm = side.running.footprint();
        side.figures.iter_mut().for_each(Vec::clear);
        sides.push(side);
    }
    for round in 0..options.rounds {
        for (at, load) in &loads {
            for turn in 0..2 {
                let side = (round + turn) % 2;
                let said = |error| format!("on {}: {error}", SIDES[side]);
                sides[side].load(*at, load, options.seconds).map_err(said)?;
            }
        }
        // Both sides idle at the same time.
        thread::sleep(Duration::from_millis(300));
        let before: Vec<u64> = sides.iter().map(|side| side.running.switches()).collect();
        thread::sleep(Duration::from_secs_f64(options.seconds));
        for (side, before) in sides.iter_mut().zip(before) {
            let switches = side.running.switches().saturating_sub(before);
            side.idle.push(switches as f64 / options.seconds);
        }
    }
    for (at, side) in sides.iter_mut().enumerate() {
        let mut wrong = Vec::new();
        if checks {
            wrong.extend((subject.check)(&side.running).err());
        }
        side.after = side.running.settled(side.before);
        wrong.extend(leaks(side.before, side.warm, side.after));
        wrong.extend(side.end(subject.signal).err());
        let name = format!("{} on {}", subject.name, SIDES[at]);
        for wrong in wrong {
            println!("FAILED: {name}: {wrong}");
            findings.wrong.push(format!("{name}: {wrong}"));
        }
        for (path, text) in side.place.logs() {
            let lines = text.lines().filter(|line| line.starts_with("runtime"));
            findings.lines.extend(lines.map(|line| format!("{}: {line}", path.display())));
            let panics = text.lines().filter(|line| line.contains("panicked at"));
            findings.wrong.extend(panics.map(|line| format!("{name}: {line}")));
        }
    }
    sides.try_into().map_err(|_| "there are two sides".into())
}

/// The lines of the two tables.
fn show(subject: &Subject, [tokio, ours]: &[Side; 2]) -> (String, String) {
    let mut loads = String::new();
    for (at, load) in
        subject.loads.iter().enumerate().filter(|(at, _)| !ours.figures[*at].is_empty())
    {
        let of = |side: &Side, of: fn(&(f64, f64)) -> f64| {
            median(side.figures[at].iter().map(of).collect())
        };
        let digits = if of(ours, |figure| figure.0) < 100.0 { 1 } else { 0 };
        loads += &format!(
            "| {} | {}, {} | {} | {} |\n",
            subject.name,
            load.name,
            load.unit,
            cell(of(ours, |figure| figure.0), of(tokio, |figure| figure.0), digits),
            cell(of(ours, |figure| figure.1), of(tokio, |figure| figure.1), 1)
        );
    }
    let held = format!(
        "| {} | {:.1} / {:.1} | {} / {} | {} / {} | {} / {} | {:.0} / {:.0} |\n",
        subject.name,
        median(ours.idle.clone()),
        median(tokio.idle.clone()),
        ours.after.kib,
        tokio.after.kib,
        ours.after.descriptors,
        tokio.after.descriptors,
        ours.after.threads,
        tokio.after.threads,
        ours.ended_ms,
        tokio.ended_ms
    );
    (loads, held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_a_leak() {
        let held = |kib, descriptors, threads| Footprint { kib, descriptors, threads };
        let (before, warm) = (held(5_000, 10, 4), held(20_000, 60, 9));
        assert_eq!(leaks(before, warm, held(33_000, 14, 6)), Vec::<String>::new());
        assert_eq!(leaks(before, warm, held(34_000, 14, 6)).len(), 1);
        assert_eq!(leaks(before, warm, held(20_000, 15, 7)).len(), 2);
    }

    #[test]
    fn choices() {
        let parse = |text: &str| {
            Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let options = parse("dufs broker --rounds 3 --seconds 1.5").unwrap();
        assert_eq!((options.words.len(), options.rounds, options.seconds), (2, 3, 1.5));
        for wrong in ["nginx", "--rounds", "--rounds 0", "--seconds x", "--list"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_client_that_is_not_there_is_told() {
        let mut findings = Findings::default();
        assert!(findings.has(None, "nothing") && findings.has(Some(("sh", "dash")), "a shell"));
        assert!(!findings.has(Some(("no-such-client", "its-package")), "checks"));
        assert!(findings.skipped[0].contains("its-package"));
    }

    #[test]
    fn servers_and_their_versions_are_documented() {
        let page = fs::read_to_string(root().join("docs/testing.md")).unwrap();
        for Subject { name, version, what, .. } in SUBJECTS {
            let row = format!("| {name} {version} | {what} |");
            assert!(page.contains(&row), "docs/testing.md has no row `{row}`");
        }
    }
}
