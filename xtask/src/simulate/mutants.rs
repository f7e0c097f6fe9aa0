//! Whether the tests under the simulation notice wake-ups that are left out.
//!
//! The mutants are those of the models (`crate::mutants`), but here they are in the real runtime,
//! and what runs are whole tests under seeds. All are built into the test binaries at once, in a
//! copy of the tree; a variable says which one a process is. The tests are run once to learn which
//! of them come by which mutant. For each mutant those that do run with a few seeds; if none fails,
//! those that come by the fewest mutants, and so are about this one, run with all seeds. A test
//! that fails has noticed, if it passes under the same seed without the mutant.
//!
//! Wake-ups of all files count, also of those that no model includes. Of the orderings a sample is
//! tried if that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Options;
use crate::mutants::{self, Mutant};
use crate::source::files;
use crate::{Outcome, loom, root};

/// A mutant must be noticed within so many seeds.
const SEEDS: u64 = 200;
/// So few seeds all tests run with that come by a mutant: most are noticed then.
const FEW: u64 = 8;
/// So many tests run with all seeds.
const NEAREST: usize = 24;
/// How long a test may take, in real time: with two seeds, and with many.
const LEAST: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(300);
/// This part of the wake-ups must be noticed, in percent.
const WANTED: usize = 70;

/// Where mutants that nobody notices are explained.
const EXPLAINED: &str = "docs/simulation.md";

/// What the tests are built from.
const PARTS: [&str; 6] =
    ["runtime", "runtime-macros", "runtime-hyper", "runtime-insight", "runtime-sim", "tests"];

/// The code that tells the program which mutant it is, and notes which ones it comes by.
const SWITCH: &str = r#"
/// The number of the mutant that this is.
pub(crate) fn mutant() -> usize {
    static NUMBER: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *NUMBER.get_or_init(|| std::env::var("MUTANT").map_or(0, |text| text.parse().unwrap()))
}

/// The same, at a place where that mutant makes a difference.
pub(crate) fn mutant_at(place: usize) -> usize {
    come_by(place);
    mutant()
}

/// Whether what that mutant leaves out is there.
pub(crate) fn is_there(place: usize) -> bool {
    mutant_at(place) != place
}

/// Writes the number to the third descriptor, once, if somebody wants to know.
#[allow(unsafe_code, clippy::undocumented_unsafe_blocks)]
fn come_by(place: usize) {
    use std::sync::atomic::{AtomicBool, Ordering};
    static WANTED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    static DONE: [AtomicBool; 2048] = [const { AtomicBool::new(false) }; 2048];
    if *WANTED.get_or_init(|| std::env::var_os("MUTANT_PLACES").is_some())
        && !DONE[place].swap(true, Ordering::Relaxed)
    {
        let line = format!("{place}\n");
        unsafe { libc::write(3, line.as_ptr().cast(), line.len()) };
    }
}
"#;

pub(super) fn run(options: &Options) -> Outcome {
    let root = root();
    let all = find(&root, options.number("--orderings"));
    let numbered: Vec<(usize, &Mutant)> = (1..).zip(&all).collect();
    let chosen: Vec<(usize, &Mutant)> =
        numbered.iter().copied().filter(|(_, mutant)| options.wants(&mutant.name)).collect();
    println!("{} mutants", chosen.len());
    if options.has("--list") {
        for (number, mutant) in &chosen {
            println!("  {number}: {}  ({}:{})", mutant.name, mutant.file, mutant.line());
        }
        return Ok(());
    }
    let scratch = Scratch::new(&root, &numbered)?;
    println!("building the tests with all mutants");
    let tests = scratch.build()?;
    println!("{} tests; which comes by which mutant?", tests.len());
    let (places, unfit) = scratch.places(&tests);
    let names: Vec<String> = unfit.iter().map(|test| test.name.clone()).collect();
    loom::print_list("do not pass without a mutant, and are left out", &names);
    let trial = Trial {
        scratch: &scratch,
        tests: &tests,
        places: &places,
        seeds: options.number("--seeds").unwrap_or(SEEDS),
        unfit: Mutex::new(unfit),
    };
    let mut fates = Vec::new();
    for (at, &(number, mutant)) in chosen.iter().enumerate() {
        let began = Instant::now();
        let fate = trial.fate(number, &numbered);
        println!(
            "[{}/{}] {} {}  ({:.0} s{})",
            at + 1,
            chosen.len(),
            if let Fate::Noticed { .. } = fate { "noticed " } else { "SURVIVED" },
            mutant.name,
            began.elapsed().as_secs_f64(),
            match &fate {
                Fate::Noticed { test, seed, what } => format!(", {test}, seed {seed}: {what}"),
                Fate::Survived(0) => ", no test comes by".into(),
                Fate::Survived(count) => format!(", {count} tests come by"),
            },
        );
        fates.push(fate);
    }
    report(&root, &chosen, &fates)
}

/// All wake-ups, and a sample of the orderings that the models weaken.
fn find(root: &Path, orderings: Option<u64>) -> Vec<Mutant> {
    let includes = loom::included_files(root);
    let (mut found, mut others) = (Vec::new(), Vec::new());
    for path in files(&root.join("runtime/src")) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) else { continue };
        for mutant in mutants::find(name, &text) {
            if is_wake(&mutant) {
                found.push(mutant);
            } else if includes.contains(name) {
                others.push(mutant);
            }
        }
    }
    let wanted = orderings.map_or(0, |count| count as usize).min(others.len());
    // Spread over the files.
    let sample = (0..wanted).map(|at| others[at * others.len() / wanted].clone());
    found.extend(sample);
    found
}

fn is_wake(mutant: &Mutant) -> bool {
    mutant.name.contains(": wake ")
}

// ---- building ----

/// A copy of the tree, with mutants in it.
struct Scratch {
    tree: PathBuf,
    target: PathBuf,
    reports: PathBuf,
}

/// A test, and the binary that it is in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Test {
    binary: PathBuf,
    name: String,
}

impl Scratch {
    fn new(root: &Path, mutants: &[(usize, &Mutant)]) -> Result<Scratch, String> {
        let base = root.join("target/simulated-mutants");
        let scratch = Scratch {
            tree: base.join("tree"),
            target: base.join("target"),
            reports: base.join("reports"),
        };
        scratch.fill(root, mutants).map_err(|error| format!("copying the tree: {error}"))?;
        Ok(scratch)
    }

    fn fill(&self, root: &Path, mutants: &[(usize, &Mutant)]) -> std::io::Result<()> {
        fs::create_dir_all(&self.reports)?;
        let mut of_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
        for &(number, mutant) in mutants {
            of_file.entry(&mutant.file).or_default().push((number, mutant));
        }
        let mut kept = BTreeSet::new();
        for part in PARTS {
            for from in files(&root.join(part)) {
                let inside = from.strip_prefix(root).expect("a file under the root");
                let mut content = fs::read(&from)?;
                if let Some(mutants) = inside.to_str().and_then(|name| of_file.get(name)) {
                    content = armed(&String::from_utf8_lossy(&content), mutants).into_bytes();
                }
                if inside == Path::new("runtime/src/lib.rs") {
                    content.extend(SWITCH.as_bytes());
                }
                let to = self.tree.join(inside);
                write_if_new(&to, &content)?;
                kept.insert(to);
            }
        }
        for old in
            files(&self.tree.join("runtime/src")).into_iter().chain(files(&self.tree.join("tests")))
        {
            if !kept.contains(&old) {
                fs::remove_file(old)?;
            }
        }
        let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        let members: Vec<String> = PARTS.iter().map(|part| format!("\"{part}\"")).collect();
        let members = format!("members = [{}, \"tests/simulated\"]", members.join(", "));
        let manifest = loom::with_members(&manifest, &members);
        write_if_new(&self.tree.join("Cargo.toml"), manifest.as_bytes())?;
        write_if_new(&self.tree.join("Cargo.lock"), &fs::read(root.join("Cargo.lock"))?)
    }

    /// Builds the test binaries, and gives all their tests.
    fn build(&self) -> Result<Vec<Test>, String> {
        let output = Command::new("cargo")
            .current_dir(&self.tree)
            .args(["test", "-p", "simulated-promises", "--tests", "--no-run"])
            .arg("--message-format=json-render-diagnostics")
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        if !output.status.success() {
            return Err("the tests do not build with the mutants".into());
        }
        let mut tests = Vec::new();
        for binary in loom::executables(&String::from_utf8_lossy(&output.stdout)) {
            for name in loom::list_tests(&binary)? {
                tests.push(Test { binary: binary.clone(), name });
            }
        }
        Ok(tests)
    }

    /// For each test the places of mutants that it comes by, and those that fail or do not end.
    fn places(&self, tests: &[Test]) -> (Vec<BTreeSet<usize>>, BTreeSet<Test>) {
        let found: Mutex<Vec<BTreeSet<usize>>> = Mutex::new(vec![BTreeSet::new(); tests.len()]);
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(BTreeSet::new());
        std::thread::scope(|scope| {
            for worker in 0..cores() {
                let (found, next, failed) = (&found, &next, &failed);
                scope.spawn(move || {
                    let list = self.reports.join(format!("places-{worker}"));
                    while let Some((at, test)) = take(next, tests) {
                        let _ = fs::remove_file(&list);
                        let places = Some(list.as_path());
                        let run = Run { mutant: 0, first: 0, seeds: 2, limit: LEAST, places };
                        if !matches!(self.run(test, &run, &AtomicBool::new(false)), Ran::Passed) {
                            lock(failed).insert(test.clone());
                        }
                        let text = fs::read_to_string(&list).unwrap_or_default();
                        let numbers = text.lines().filter_map(|line| line.parse().ok());
                        lock(found)[at] = numbers.collect();
                    }
                });
            }
        });
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        (found.into_inner().unwrap_or_else(PoisonError::into_inner), failed)
    }

    /// Runs one test with some seeds.
    fn run(&self, test: &Test, run: &Run<'_>, stop: &AtomicBool) -> Ran {
        // A shell, since what the places are written to must be a descriptor of a known number.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3>>\"$PLACES\""]).arg(&test.binary);
        command.args(["--exact", &test.name, "--nocapture", "--test-threads=1"]);
        command.env("PLACES", run.places.unwrap_or(Path::new("/dev/null")));
        if run.places.is_some() {
            command.env("MUTANT_PLACES", "1");
        }
        command
            .current_dir(self.tree.join("tests/simulated"))
            .env(mutants::VARIABLE, run.mutant.to_string())
            .env("RUNTIME_SIM_FIRST", run.first.to_string())
            .env("RUNTIME_SIM_SEEDS", run.seeds.to_string())
            .env("RUNTIME_SIM_JOBS", "1")
            .env("RUNTIME_SIM_SHRINKING", "0")
            .env("RUNTIME_SIM_FOLDER", &self.reports)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Ran::Failed { seed: run.first, what: error.to_string() },
        };
        let mut pipe = child.stderr.take().expect("it is piped");
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            // The part that was read before an error is better than nothing.
            let _ = pipe.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let until = Instant::now() + run.limit;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < until && !stop.load(Ordering::Relaxed) => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                _ => {
                    kill(&mut child);
                    return Ran::Stopped;
                }
            }
        };
        let text = reader.join().unwrap_or_default();
        if status.success() {
            return Ran::Passed;
        }
        let (seed, what) = failure(&text);
        Ran::Failed { seed: seed.unwrap_or(run.first), what }
    }
}

/// Ends a test and the processes that it has started.
fn kill(child: &mut Child) {
    let group = format!("-{}", child.id());
    // They may just have ended by themselves.
    let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    let _ = child.wait();
}

struct Run<'a> {
    mutant: usize,
    first: u64,
    seeds: u64,
    limit: Duration,
    places: Option<&'a Path>,
}

enum Ran {
    Passed,
    Failed {
        seed: u64,
        what: String,
    },
    /// It took too long, or another test has failed.
    Stopped,
}

/// The seed and the first words of a report.
fn failure(text: &str) -> (Option<u64>, String) {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("==== `"));
    let Some(head) = lines.next() else {
        return (None, text.lines().last().unwrap_or("it ended without a report").to_owned());
    };
    let seed = head.rsplit(' ').next().and_then(|word| word.parse().ok());
    let what: String = lines.next().unwrap_or_default().chars().take(100).collect();
    (seed, what)
}

/// The text of a file with the mutants in it, each behind its number.
fn armed(text: &str, mutants: &[(usize, &Mutant)]) -> String {
    let mut out = String::new();
    for line in mutants::arm(text, mutants).lines() {
        let line = line.replace("if crate::mutant() != ", "if crate::is_there(");
        let line = match line.split_once("if crate::is_there(") {
            Some((head, rest)) => {
                let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                format!("{head}if crate::is_there({number}) {rest}")
            }
            None => line,
        };
        let line = match line.split_once("match crate::mutant() { ") {
            Some((head, rest)) => {
                let (number, _) = rest.split_once(' ').unwrap_or((rest, ""));
                format!("{head}match crate::mutant_at({number}) {{ {rest}")
            }
            None => line,
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Leaves a file that is the same as it is, so that nothing is built anew.
fn write_if_new(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("a file has a folder"))?;
    fs::write(path, content)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next of some items that several threads work on.
fn take<'a, T>(next: &AtomicUsize, items: &'a [T]) -> Option<(usize, &'a T)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, items.get(at)?))
}

// ---- trying ----

struct Trial<'a> {
    scratch: &'a Scratch,
    tests: &'a [Test],
    places: &'a [BTreeSet<usize>],
    seeds: u64,
    /// Tests that failed without a mutant too, so that they prove nothing.
    unfit: Mutex<BTreeSet<Test>>,
}

enum Fate {
    Noticed {
        test: String,
        seed: u64,
        what: String,
    },
    /// So many tests come by.
    Survived(usize),
}

impl Trial<'_> {
    fn fate(&self, number: usize, all: &[(usize, &Mutant)]) -> Fate {
        // Two mutants of one line are at one place.
        let line = |number: usize| (&all[number - 1].1.file, all[number - 1].1.line());
        let comes_by = |places: &BTreeSet<usize>| {
            places.iter().any(|&place| place <= all.len() && line(place) == line(number))
        };
        let mut near: Vec<(usize, &Test)> = self
            .places
            .iter()
            .zip(self.tests)
            .filter(|(places, _)| comes_by(places))
            .map(|(places, test)| (places.len(), test))
            .collect();
        near.sort();
        let near: Vec<&Test> = near.into_iter().map(|(_, test)| test).collect();
        for (most, seeds) in [(usize::MAX, FEW), (NEAREST, self.seeds)] {
            let tests = &near[..near.len().min(most)];
            let seeds = seeds.min(self.seeds);
            if let Some((test, seed, what)) = self.first_failure(number, tests, seeds) {
                return Fate::Noticed { test: test.name.clone(), seed, what };
            }
        }
        Fate::Survived(near.len())
    }

    fn first_failure<'t>(
        &self,
        mutant: usize,
        tests: &[&'t Test],
        seeds: u64,
    ) -> Option<(&'t Test, u64, String)> {
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let found = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..cores() {
                scope.spawn(|| {
                    while let Some((_, &test)) = take(&next, tests) {
                        if stop.load(Ordering::Relaxed) || lock(&self.unfit).contains(test) {
                            continue;
                        }
                        let run = Run { mutant, first: 0, seeds, limit: LIMIT, places: None };
                        let Ran::Failed { seed, what } = self.scratch.run(test, &run, &stop) else {
                            continue;
                        };
                        // Is it the mutant that fails?
                        let same = Run { mutant: 0, first: seed, seeds: 1, ..run };
                        match self.scratch.run(test, &same, &AtomicBool::new(false)) {
                            Ran::Passed => {
                                stop.store(true, Ordering::Relaxed);
                                lock(&found).get_or_insert((test, seed, what));
                            }
                            _ => {
                                println!("  {} fails without a mutant, seed {seed}", test.name);
                                lock(&self.unfit).insert(test.clone());
                            }
                        }
                    }
                });
            }
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(root: &Path, chosen: &[(usize, &Mutant)], fates: &[Fate]) -> Outcome {
    let text = fs::read_to_string(root.join(EXPLAINED)).unwrap_or_default();
    let explained = loom::explanations(&text);
    let (mut open, mut known, mut stale) = (Vec::new(), Vec::new(), Vec::new());
    let (mut wakes, mut noticed) = (0, 0);
    let (mut orderings, mut noticed_orderings) = (0, 0);
    for ((_, mutant), fate) in chosen.iter().zip(fates) {
        let is_noticed = matches!(fate, Fate::Noticed { .. });
        if !is_wake(mutant) {
            orderings += 1;
            noticed_orderings += usize::from(is_noticed);
            continue;
        }
        wakes += 1;
        noticed += usize::from(is_noticed);
        match (is_noticed, explained.get(mutant.name.as_str())) {
            (true, Some(_)) => stale.push(mutant.name.clone()),
            (true, None) => {}
            (false, Some(reason)) => known.push(format!("{}: {reason}", mutant.name)),
            (false, None) => open.push(mutant.name.clone()),
        }
    }
    if orderings > 0 {
        println!("\n{orderings} orderings, {noticed_orderings} noticed");
    }
    println!("\n{wakes} wake-ups, {noticed} noticed");
    loom::print_list("that survive are explained", &known);
    loom::print_list(&format!("that {EXPLAINED} explains were noticed"), &stale);
    loom::print_list("survive, and nobody explains them", &open);
    if noticed * 100 < wakes * WANTED {
        return Err(format!("less than {WANTED} % of the wake-ups were noticed"));
    }
    match open.is_empty() {
        true => Ok(()),
        false => Err(format!("{} wake-ups survive without a reason in {EXPLAINED}", open.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
const A: Ordering = Ordering::AcqRel;
fn sleep() {
    self.x.swap(1, A);
    self.parker.unpark(); // wake: sleeper
    match x {
        Some(y) => y.wake(), // wake: y
    }
}
";

    #[test]
    fn each_mutant_notes_that_it_was_come_by() {
        let found = mutants::find("a.rs", TEXT);
        let numbered: Vec<_> = (1..).zip(&found).collect();
        let text = armed(TEXT, &numbered);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        assert!(lines[0].contains("match crate::mutant_at(1) { 1 => Ordering::Acquire, 2 =>"));
        assert_eq!(lines[3], "{ if crate::is_there(3) { self.parker.unpark(); } }");
        assert_eq!(lines[5], "Some(y) => { if crate::is_there(4) { y.wake() } }");
    }

    #[test]
    fn a_report_has_its_seed_and_its_kind() {
        let text = "x\n==== `a::b` fails under seed 17\ndeadlock: nobody can run\nmore\n";
        assert_eq!(failure(text), (Some(17), "deadlock: nobody can run".into()));
        assert_eq!(failure("killed"), (None, "killed".into()));
    }

    #[test]
    fn mutants_are_of_this_tree() {
        let found = find(&root(), Some(20));
        let wakes = found.iter().filter(|mutant| is_wake(mutant)).count();
        assert!(wakes > 90, "{wakes}");
        assert_eq!(found.len() - wakes, 20);
    }
}
