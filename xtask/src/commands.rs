//! The commands that run other programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::loom::executables;
use crate::{Outcome, root};

/// Runs a command with its output on this terminal.
pub(crate) fn run(mut command: Command) -> Outcome {
    let shown = shown(&command);
    println!("\n$ {shown}");
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed: {status}")) }
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}='{}'", name.to_string_lossy(), value.to_string_lossy()));
        }
    }
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root()).args(arguments);
    command
}

// ---- the first tier ----

pub(crate) fn lint() -> Outcome {
    run(cargo(&["fmt", "--all", "--check"]))?;
    run(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run(doc)?;
    for workspace in ECOSYSTEM {
        run(cargo_in(workspace, &["fmt", "--all", "--check"]))?;
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        run(cargo_in(workspace, &clippy))?;
    }
    Ok(())
}

/// The workspaces with other people's crates: as they are usually built, and with tokio's flag.
const ECOSYSTEM: [&str; 2] = ["compat", "compat/unstable"];

fn cargo_in(workspace: &str, arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command.current_dir(root().join(workspace));
    command
}

pub(crate) fn test(arguments: &[String]) -> Outcome {
    let mut all = cargo(&["test", "--workspace", "--exclude", "models", "--no-fail-fast"]);
    all.args(arguments);
    let rest = run(all);
    // Unoptimised, loom's models take minutes instead of seconds.
    let mut models = cargo(&["test", "-p", "models", "--release", "--no-fail-fast"]);
    models.args(arguments);
    let models = run(models);
    let [ecosystem, unstable] = ECOSYSTEM.map(|workspace| {
        let mut tests = cargo_in(workspace, &["test", "--workspace", "--no-fail-fast"]);
        tests.args(arguments);
        run(tests)
    });
    rest.and(models).and(ecosystem).and(unstable)
}

pub(crate) fn bench(arguments: &[String]) -> Outcome {
    let mut command = cargo(&["run", "--release", "-p", "benches"]);
    let manifest = std::fs::read_to_string(root().join("benches/Cargo.toml")).unwrap_or_default();
    if manifest.contains("\nours = ") {
        command.args(["--features", "ours"]);
    }
    command.arg("--").args(arguments);
    run(command)
}

// ---- the second tier ----

/// Tests that look at the compiler's output, which has nothing to find for a sanitizer.
const NOT_FOR_SANITIZERS: &str = "wrong_uses_are_explained";

pub(crate) fn sanitize(arguments: &[String]) -> Outcome {
    let (kind, filter) = match arguments.split_first() {
        Some((kind, filter)) => (kind.as_str(), filter),
        None => ("", arguments),
    };
    match kind {
        "address" => instrumented("-Zsanitizer=address", &[], filter),
        // The standard library is not instrumented; what it synchronises with fences and futexes
        // is. Optimised, because races hide in slow programs.
        "thread" => instrumented(
            "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
            &["--release"],
            filter,
        ),
        "memcheck" => memcheck(filter),
        "" => {
            instrumented("-Zsanitizer=address", &[], filter)?;
            instrumented(
                "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
                &["--release"],
                filter,
            )?;
            memcheck(filter)
        }
        other => Err(format!("there is no `{other}`: write `address`, `thread` or `memcheck`")),
    }
}

fn instrumented(flags: &str, extra: &[&str], filter: &[String]) -> Outcome {
    let host = host()?;
    // With `--target`, build scripts and procedural macros stay without the sanitizer.
    let mut command = cargo(&["+nightly", "test", "--target", &host]);
    command.args(["-p", "runtime", "-p", "tests", "--lib", "--tests", "--no-fail-fast"]);
    command.args(extra).arg("--").args(filter).args(["--skip", NOT_FOR_SANITIZERS]);
    command.env("RUSTFLAGS", flags);
    command.env("CARGO_TARGET_DIR", root().join("target").join("sanitize"));
    if let Ok(suppressions) = root().join("tests/tsan.txt").canonicalize() {
        command.env("TSAN_OPTIONS", format!("suppressions={}", suppressions.display()));
    }
    run(command)
}

/// The triple of this machine.
fn host() -> Result<String, String> {
    let output =
        Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "`rustc -vV` names no host".into())
}

fn memcheck(filter: &[String]) -> Outcome {
    let mut failed = Vec::new();
    for binary in test_binaries(&["-p", "runtime", "-p", "tests"], filter)? {
        if name_of(&binary).starts_with("ui-") {
            continue;
        }
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--error-exitcode=99", "--leak-check=full"]);
        command.args([
            "--show-leak-kinds=definite",
            "--errors-for-leak-kinds=definite",
            "--fair-sched=yes",
        ]);
        command.arg(&binary).arg("--test-threads=1");
        if let Err(text) = run(command) {
            failed.push(text);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// Builds tests and returns those binaries whose name contains a word of the filter.
fn test_binaries(packages: &[&str], filter: &[String]) -> Result<Vec<PathBuf>, String> {
    let output = cargo(&["test", "--no-run", "--lib", "--tests", "--message-format=json"])
        .args(packages)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the tests do not build".into());
    }
    let mut binaries = executables(&String::from_utf8_lossy(&output.stdout));
    binaries.retain(|binary| {
        filter.is_empty() || filter.iter().any(|word| name_of(binary).contains(word.as_str()))
    });
    if binaries.is_empty() { Err("no test binary matches".into()) } else { Ok(binaries) }
}

fn name_of(binary: &std::path::Path) -> String {
    binary.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Runs the test binaries over and over in changing company: with one test at a time and with many,
/// on idle cores and on busy ones.
pub(crate) fn stress(arguments: &[String]) -> Outcome {
    let mut minutes = 10.0_f64;
    let mut filter = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--minutes" {
            minutes = rest
                .next()
                .and_then(|value| value.parse().ok())
                .filter(|minutes| (0.0..100_000.0).contains(minutes))
                .ok_or("`--minutes` needs a number")?;
        } else {
            filter.push(argument.clone());
        }
    }
    let mut binaries = test_binaries(&["--release", "-p", "runtime", "-p", "tests"], &filter)?;
    // What looks at the compiler's output takes long and has no threads.
    binaries.retain(|binary| !name_of(binary).starts_with("ui-"));
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut round = 0;
    while Instant::now() < end {
        let threads = [1, cores, 4 * cores][round % 3];
        let hogs = if round % 2 == 0 { 0 } else { 2 * cores };
        println!("round {}: {threads} tests at a time, {hogs} busy threads beside", round + 1);
        let busy = Hogs::new(hogs);
        for binary in &binaries {
            let output = Command::new(binary)
                .arg(format!("--test-threads={threads}"))
                .output()
                .map_err(|error| format!("{}: {error}", binary.display()))?;
            if !output.status.success() {
                print!("{}", String::from_utf8_lossy(&output.stdout));
                eprint!("{}", String::from_utf8_lossy(&output.stderr));
                return Err(format!(
                    "{} failed in round {} ({threads} tests at a time, {hogs} busy threads)",
                    name_of(binary),
                    round + 1
                ));
            }
            if Instant::now() >= end {
                break;
            }
        }
        drop(busy);
        round += 1;
    }
    println!("{round} rounds over {} test binaries, nothing failed", binaries.len());
    Ok(())
}

/// Threads that use up the processor until dropped.
struct Hogs(Arc<AtomicBool>);

impl Hogs {
    fn new(count: usize) -> Hogs {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..count {
            let stop = stop.clone();
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Hogs(stop)
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
