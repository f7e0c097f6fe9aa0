//! Builds and runs a package of tests: what came of each test.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::lay::{Side, package_name};
use super::{Subject, label};
use crate::loom::{executables, list_tests};
use crate::sides::{failed, write};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    Passed,
    Ignored,
    /// With how it failed.
    Failed(String),
}

impl Fate {
    pub(super) fn absent() -> Fate {
        Fate::Failed("is not there".into())
    }
}

/// How long a test binary may take, and all examples of a crate's documentation.
const LIMIT: Duration = Duration::from_secs(300);
const LIMIT_OF_EXAMPLES: Duration = Duration::from_secs(30 * 60);

/// How long a test may take alone.
const LIMIT_ALONE: Duration = Duration::from_secs(60);

/// How often a test is run that fails: they count on times, and the machine may be busy.
const TRIES: u32 = 3;

/// Runs the tests of a crate on one side. `expected` is what came out on the other.
pub(super) fn of(
    subject: &Subject,
    side: &Side,
    expected: Option<&BTreeMap<String, Fate>>,
) -> Result<BTreeMap<String, Fate>, String> {
    let start = Instant::now();
    let logs = side.folder.join("logs").join(label(subject));
    fs::create_dir_all(&logs).map_err(failed(&logs))?;
    let package = side.package(subject);
    let mut fates = BTreeMap::new();
    let mut known = |target: &str, why: String| {
        let of_target = format!("{target} ");
        let tests = expected.into_iter().flatten().map(|(test, _)| test);
        for test in tests.filter(|test| test.starts_with(&of_target)) {
            fates.insert(test.clone(), Fate::Failed(why.clone()));
        }
    };

    // Examples have only to compile.
    let log = logs.join("build");
    let built = build(subject, side, &log)?;
    let mut compiled = BTreeMap::new();
    for kind in ["tests", "examples"] {
        for name in targets(&package.join(kind))? {
            let there = match kind {
                "tests" => built.tests.iter().any(|binary| name_of(binary) == name),
                _ => built.examples.contains(&name),
            };
            let why = "does not compile".to_owned();
            if !there && kind == "tests" {
                known(&format!("tests/{name}.rs"), why.clone());
            }
            let fate = if there { Fate::Passed } else { Fate::Failed(why) };
            compiled.insert(format!("{kind}/{name}.rs compiles"), fate);
        }
    }
    fates.append(&mut compiled);
    for binary in &built.tests {
        let name = name_of(binary);
        let log = logs.join(&name);
        for (test, fate) in run_binary(binary, &package, &log)? {
            fates.insert(format!("tests/{name}.rs {test}"), fate);
        }
    }
    let examples = run_examples(subject, side, &logs.join("documentation"), expected)?;
    fates.extend(examples);
    write(&results_file(subject, side), &shown(&fates))?;
    let passed = fates.values().filter(|fate| **fate == Fate::Passed).count();
    let seconds = start.elapsed().as_secs_f64();
    let [name, all] = [label(subject), fates.len().to_string()];
    println!("{name} on {}: {passed} of {all} pass, {seconds:.0} s", side.name);
    Ok(fates)
}

fn results_file(subject: &Subject, side: &Side) -> PathBuf {
    side.folder.join("results").join(label(subject))
}

/// What came out when the tests of a crate last ran on this side, if they ever did.
pub(super) fn last(
    subject: &Subject,
    side: &Side,
) -> Result<Option<BTreeMap<String, Fate>>, String> {
    let path = results_file(subject, side);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).map_err(failed(&path))?;
    Ok(Some(text.lines().filter_map(parsed).collect()))
}

/// A line for each test: how it ended, a tabulator, its name.
fn shown(fates: &BTreeMap<String, Fate>) -> String {
    let word = |fate: &Fate| match fate {
        Fate::Passed => "ok".to_owned(),
        Fate::Ignored => "ignored".to_owned(),
        Fate::Failed(why) => why.clone(),
    };
    fates.iter().map(|(test, fate)| format!("{}\t{test}\n", word(fate))).collect()
}

fn parsed(line: &str) -> Option<(String, Fate)> {
    let (word, test) = line.split_once('\t')?;
    let fate = match word {
        "ok" => Fate::Passed,
        "ignored" => Fate::Ignored,
        why => Fate::Failed(why.to_owned()),
    };
    Some((test.to_owned(), fate))
}

// ---- building ----

struct Built {
    tests: Vec<PathBuf>,
    examples: Vec<String>,
}

/// Builds as much as compiles.
fn build(subject: &Subject, side: &Side, log: &Path) -> Result<Built, String> {
    let package = package_name(subject);
    let mut command = side.cargo(&["build", "--keep-going", "--tests", "--examples"]);
    command.args(["--message-format=json-render-diagnostics", "--package", &package]);
    command.stderr(File::create(log).map_err(failed(log))?);
    let output = command.output().map_err(|error| format!("cargo: {error}"))?;
    let messages = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = fs::read_to_string(log).map_err(failed(log))?;
    // Nothing of it is there, not even a failure: the workspace itself is wrong.
    if !output.status.success() && !messages.contains("compiler-artifact") {
        return Err(format!("nothing compiles for {package}: {said}"));
    }
    let tests = executables(&messages);
    let folder = side.target().join("debug/examples");
    let example = |line: &str| {
        let rest = line.split_once("\"kind\":[\"example\"]")?.1;
        let name = rest.split_once("\"name\":\"")?.1.split('"').next()?;
        Some(name.to_owned())
    };
    let artifacts = messages.lines().filter(|line| line.contains("\"compiler-artifact\""));
    let ours = artifacts.filter(|line| line.contains(&*folder.to_string_lossy()));
    Ok(Built { tests, examples: ours.filter_map(example).collect() })
}

/// The names of the targets in a folder: files, and folders with a `main.rs`.
fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    if folder.exists() {
        for entry in fs::read_dir(folder).map_err(failed(folder))? {
            let path = entry.map_err(failed(folder))?.path();
            let file = path.extension().is_some_and(|extension| extension == "rs");
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let elsewhere = ["windows", "kqueue"].iter().any(|word| name.starts_with(word));
            if (file || path.join("main.rs").exists()) && !elsewhere {
                names.push(name);
            }
        }
    }
    Ok(names)
}

/// The name of a target, from its program: without the hash.
fn name_of(binary: &Path) -> String {
    let stem = binary.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    stem.rsplit_once('-').map_or(stem.clone(), |(name, _)| name.to_owned())
}

// ---- running ----

/// Runs all tests of a binary together, and those alone that failed or have no result.
fn run_binary(binary: &Path, package: &Path, log: &Path) -> Result<Vec<(String, Fate)>, String> {
    let command = |arguments: &[&str]| {
        let mut command = Command::new(binary);
        command.args(arguments).current_dir(package).env("CARGO_MANIFEST_DIR", package);
        command
    };
    let tests = list_tests(binary)?;
    if tests.is_empty() {
        // Without the harness, the program is the test.
        let fate = match run(command(&[]), LIMIT, log)? {
            Ok(status) if status.success() => Fate::Passed,
            Ok(status) => Fate::Failed(status.to_string()),
            Err(why) => Fate::Failed(why),
        };
        return Ok(vec![("main".into(), fate)]);
    }
    // How it ends is seen from the results.
    let _ = run(command(&[]), LIMIT, log)?;
    let results = results(log)?;
    let mut fates = Vec::new();
    for test in tests {
        let mut fate = results.get(&test).cloned().unwrap_or_else(Fate::absent);
        let mut tries = 1;
        while matches!(fate, Fate::Failed(_)) && tries < TRIES {
            tries += 1;
            let name = format!("{}-{}", name_of(binary), test.replace("::", "-"));
            let log = log.with_file_name(name);
            fate = match run(command(&["--exact", &test]), LIMIT_ALONE, &log)? {
                Ok(status) if status.success() => Fate::Passed,
                Ok(_) => Fate::Failed("fails".into()),
                Err(why) => Fate::Failed(why),
            };
            if fate == Fate::Passed {
                println!("  {} {test} passes alone, at try {tries}", name_of(binary));
            }
        }
        fates.push((test, fate));
    }
    Ok(fates)
}

/// Runs the examples of a crate's documentation, and once more those that pass on the other side.
fn run_examples(
    subject: &Subject,
    side: &Side,
    log: &Path,
    expected: Option<&BTreeMap<String, Fate>>,
) -> Result<BTreeMap<String, Fate>, String> {
    let package = package_name(subject);
    let mut command = side.cargo(&["test", "--doc", "--package", &package]);
    let ended = run(command, LIMIT_OF_EXAMPLES, log)?;
    let mut fates = results(log)?;
    let said = fs::read_to_string(log).map_err(failed(log))?;
    if !said.contains("\nrunning ") {
        return Err(format!("the examples of {package} do not run: {said}"));
    }
    for (test, fate) in expected.into_iter().flatten() {
        if test.starts_with("src/") && *fate == Fate::Passed && !fates.contains_key(test) {
            fates.insert(test.clone(), Fate::absent());
        }
    }
    for (test, fate) in &mut fates {
        let passes_there = |expected: &BTreeMap<_, _>| expected.get(test) == Some(&Fate::Passed);
        if matches!(fate, Fate::Failed(_)) && expected.is_some_and(passes_there) {
            // The harness names the file from the workspace.
            let full = format!("{}/{test}", label(subject));
            let only = ["test", "--doc", "--package", &package, "--", "--exact", &full];
            command = side.cargo(&only);
            let line = test.rsplit("line ").next().unwrap_or_default().replace(')', "");
            let log = log.with_file_name(format!("documentation-{line}"));
            let again = run(command, LIMIT_ALONE, &log)?;
            let passes = results(&log)?.get(test) == Some(&Fate::Passed);
            *fate = match again {
                Ok(_) if passes => Fate::Passed,
                Ok(_) => Fate::Failed("fails".into()),
                Err(why) => Fate::Failed(why),
            };
        }
    }
    if let Err(why) = ended {
        println!("  the examples of {package}: {why}");
    }
    Ok(fates)
}

/// Runs a program with its output in a file, and with an input that does not end. With all that it
/// has started it is stopped at the limit; that is the inner error.
fn run(
    mut command: Command,
    limit: Duration,
    log: &Path,
) -> Result<Result<ExitStatus, String>, String> {
    let file = File::create(log).map_err(failed(log))?;
    let errors = file.try_clone().map_err(failed(log))?;
    command.stdin(Stdio::piped()).stdout(file).stderr(errors).process_group(0);
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Ok(status)),
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(10)),
            Ok(None) => break,
            Err(error) => return Err(format!("{program}: {error}")),
        }
    }
    let group = format!("kill -KILL -{}", child.id());
    let _ = Command::new("sh").args(["-c", &group]).status();
    let _ = child.wait();
    Ok(Err(format!("hangs, stopped after {} s", limit.as_secs())))
}

/// What a harness said of its tests. Other output may stand before or between. Examples are named
/// by their file in the package.
fn results(log: &Path) -> Result<BTreeMap<String, Fate>, String> {
    let said = fs::read(log).map_err(failed(log))?;
    let said = String::from_utf8_lossy(&said);
    let result = |line: &str| {
        let (test, word) = line.split_once("test ")?.1.rsplit_once(" ... ")?;
        // What kind of test it is stands behind its name, but an example's line belongs to it.
        let kinds = [" - should panic", " - compile fail", " - compile"];
        let test = kinds.iter().find_map(|kind| test.strip_suffix(kind)).unwrap_or(test);
        let test = test.find("src/").map_or(test, |start| &test[start..]);
        let fate = match word.split(',').next()?.trim() {
            "ok" => Fate::Passed,
            "ignored" => Fate::Ignored,
            "FAILED" => Fate::Failed("fails".into()),
            _ => return None,
        };
        Some((test.to_owned(), fate))
    };
    Ok(said.lines().filter_map(result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read() {
        let folder = crate::root().join("target/originals");
        fs::create_dir_all(&folder).unwrap();
        let log = folder.join(format!("results-{}", std::process::id()));
        let said = "\nrunning 5 tests\ntest one ... ok\nnoise test two - should panic ... ok\n\
                    test x-1/src/a.rs - a::line_3 (line 2) - compile ... ok\ntest three ... FAILED\n\
                    test four ... ignored, why\ntest five ... noise\n\ntest result: ok. 1 passed\n";
        fs::write(&log, said).unwrap();
        let results = results(&log).unwrap();
        fs::remove_file(&log).unwrap();
        let passed: Vec<&str> = results
            .iter()
            .filter(|(_, fate)| **fate == Fate::Passed)
            .map(|(test, _)| test.as_str())
            .collect();
        assert_eq!(passed, ["one", "src/a.rs - a::line_3 (line 2)", "two"]);
        assert_eq!(results["four"], Fate::Ignored);
        assert!(matches!(results["three"], Fate::Failed(_)));
        assert_eq!(results.len(), 5);
    }

    #[test]
    fn results_are_kept() {
        let fates = [Fate::Passed, Fate::Ignored, Fate::Failed("hangs".into())];
        let fates: BTreeMap<String, Fate> =
            ["src/a.rs - x (line 1)", "b", "c"].map(str::to_owned).into_iter().zip(fates).collect();
        assert_eq!(shown(&fates).lines().filter_map(parsed).collect::<BTreeMap<_, _>>(), fates);
    }

    #[test]
    fn a_program_that_hangs_is_stopped() {
        let log = crate::root().join("target").join(format!("hangs-{}", std::process::id()));
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & wait"]);
        let ended = run(command, Duration::from_millis(100), &log).unwrap();
        fs::remove_file(&log).unwrap();
        assert!(ended.unwrap_err().contains("hangs"));
    }

    #[test]
    fn targets_lose_their_hash() {
        assert_eq!(name_of(Path::new("target/debug/deps/async_io-0123abcd")), "async_io");
    }
}
