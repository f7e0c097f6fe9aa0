//! The second tier: the tests under sanitizers and valgrind, and over and over under load.
//!
//! Each test binary runs by itself, with its output in a file; a failure does not keep the others
//! from running. The end of the output lists what ran, what failed and how to run it again. A
//! binary that does not end is stopped and counts as failed; its threads' stacks are put into its
//! file if gdb is there.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::loom::executables;
use crate::{Outcome, root};

/// What a tool does not run: its name, a test binary, a test in it or nothing for the whole binary,
/// the reason. `docs/testing.md` has the same list.
const SKIPPED: &[(&str, &str, &str, &str)] = &[
    ("*", "ui", "", "runs the compiler and looks at its messages"),
    ("sanitize", "panic_abort", "", "builds its program itself, without the tool"),
    (
        "thread",
        "accept_recovers",
        "",
        "without descriptors no stack gets names, so nothing in `tsan.txt` matches",
    ),
    (
        "thread",
        "signal_every_listener_hears_it",
        "",
        "a signal that finds its thread in a futex call is put off without end",
    ),
    (
        "thread",
        "after_a_fork",
        "",
        "parent and child share the process that gives stacks their names, and hang",
    ),
    (
        "thread",
        "threads_that_cannot_be_had",
        "",
        "limits the address space, of which the sanitizer needs terabytes",
    ),
    (
        "thread",
        "runtimes_side_by_side",
        "a_hundred_leave_no_thread_and_no_descriptor",
        "what gives stacks their names is another process, on two descriptors",
    ),
    (
        "thread",
        "an_idle_process_sleeps",
        "",
        "the sanitizer has a thread that wakes ten times a second",
    ),
    (
        "thread",
        "process_leaves_no_zombies",
        "children_without_descriptors_are_reaped",
        "needs SIGCHLD, which finds its thread in a futex call",
    ),
    (
        "thread",
        "a_closed_stderr_harms_nobody",
        "a_closed_stderr_harms_nothing_when_no_thread_can_be_started",
        "as `threads_that_cannot_be_had`",
    ),
    (
        "thread",
        "stalls_are_reported_in_a_sandbox",
        "a_child_sees_its_own_stacks",
        "as `after_a_fork`",
    ),
    (
        "thread",
        "a_dump_shows_at_which_await_each_task_waits",
        "",
        "built optimised, the functions of a chain are one, and it looks for their names",
    ),
    (
        "thread",
        "insight_answers_while_all_workers_are_stuck",
        "",
        "as `a_dump_shows_at_which_await_each_task_waits`",
    ),
    (
        "thread",
        "insight_programs_can_be_attached_to",
        "but_not_with_insight_off",
        "as `runtimes_side_by_side`",
    ),
    (
        "thread",
        "insight_the_socket_is_its_users_alone",
        "without_a_descriptor_for_it_the_program_runs_all_the_same",
        "without descriptors no stack gets names, so nothing in `tsan.txt` matches",
    ),
    (
        "thread",
        "threads_of_its_own_take_no_signals",
        "",
        "as `after_a_fork`, and the sanitizer has a thread",
    ),
    (
        "memcheck",
        "accept_recovers",
        "",
        "the limit of descriptors is valgrind's: it accepts a connection and then closes it",
    ),
    (
        "memcheck",
        "after_a_fork",
        "",
        "what the threads held that are not in the child counts as lost there",
    ),
    ("memcheck", "net_accept_survives_want_of_descriptors", "", "as `accept_recovers`"),
    (
        "memcheck",
        "a_closed_stderr_harms_nobody",
        "a_closed_stderr_harms_nothing_when_no_thread_can_be_started",
        "limits the address space, of which valgrind needs some, too",
    ),
    (
        "memcheck",
        "stalls_are_reported_in_a_sandbox",
        "",
        "the stack that the kernel knows is valgrind's own",
    ),
    ("memcheck", "threads_of_its_own_take_no_signals", "", "as `after_a_fork`"),
    (
        "memcheck",
        "process_commands_say_how_to_start",
        "an_error_before_the_program_runs_is_the_spawns",
        "valgrind takes the child's exec over, and it succeeds",
    ),
    (
        "memcheck",
        "process_leaves_no_zombies",
        "a_thousand_children_dropped_at_once_are_reaped",
        "valgrind knows no pidfd, and SIGCHLD takes its place",
    ),
    (
        "memcheck",
        "process_leaves_no_zombies",
        "children_that_run_on_and_end_together_are_reaped",
        "the same: the sockets of the signals stay, once for the process",
    ),
    (
        "memcheck",
        "runtime",
        "engine::stall::tests",
        "the stack that the kernel knows is valgrind's own",
    ),
    (
        "memcheck",
        "runtime",
        "a_wait_ends_neither_early_nor_a_millisecond_late",
        "valgrind knows no epoll_pwait2, and without it waits end on the millisecond",
    ),
    (
        "memcheck",
        "stalls_are_reported",
        "a_report_has_name_id_place_and_stack",
        "the stack that the kernel knows is valgrind's own",
    ),
    (
        "memcheck",
        "threads_that_cannot_be_had",
        "no_thread_for_some_workers_is_an_error_that_leaves_nothing",
        "limits the address space, of which valgrind needs some, too",
    ),
    (
        "memcheck",
        "everybody_gets_a_turn",
        "events_after_a_few_yields",
        "one thread runs at a time, and it may be another that sees the event",
    ),
    (
        "memcheck",
        "stalls_are_reported",
        "a_thread_that_gets_no_processor_is_said_to_be_starved",
        "a thread that may not run waits for valgrind's lock, so it is blocked",
    ),
];

/// Whether a row of the table is about this tool: `*` means all, `sanitize` all but stress.
fn means(row: &str, tool: &str) -> bool {
    row == tool || row == "*" || (row == "sanitize" && tool != "stress")
}

/// Packages with unit tests; their test binaries have the same names.
const LIBRARIES: [&str; 2] = ["runtime", "tests"];

/// How long a test binary may take at most, when the program is as fast as usual.
const LIMIT: Duration = Duration::from_secs(10 * 60);

struct Tool {
    name: &'static str,
    /// How many times slower programs are. The tests wait that many times longer, and make numbers
    /// that are large for their own sake that many times smaller (`tests/src/lib.rs::slowness`).
    slowness: u32,
    /// Compiler flags, and whether the binaries are instrumented at all.
    flags: Option<&'static str>,
    /// Whether to build with the release profile; then what is put before the binary.
    release: bool,
    before: &'static [&'static str],
    /// The beginnings of reports in the output.
    reports: &'static [&'static str],
}

const ADDRESS: Tool = Tool {
    name: "address",
    slowness: 2,
    flags: Some("-Zsanitizer=address"),
    release: false,
    before: &[],
    reports: &["ERROR: AddressSanitizer", "ERROR: LeakSanitizer"],
};

/// The standard library is not instrumented, but what its fences and futexes synchronise is. The
/// build is optimised, because races hide in slow programs.
const THREAD: Tool = Tool {
    name: "thread",
    slowness: 10,
    flags: Some("-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer"),
    release: true,
    before: &[],
    reports: &["WARNING: ThreadSanitizer", "FATAL: ThreadSanitizer"],
};

/// The tests' own children are traced, too: many tests run in a process of their own.
const MEMCHECK: Tool = Tool {
    name: "memcheck",
    slowness: 25,
    flags: None,
    release: false,
    before: &[
        "valgrind",
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--show-leak-kinds=definite",
        "--errors-for-leak-kinds=definite",
        "--fair-sched=yes",
        "--trace-children=yes",
        "--trace-children-skip=/bin/*,/usr/bin/*",
        "--child-silent-after-fork=yes",
    ],
    reports: &[
        "Invalid read",
        "Invalid write",
        "Invalid free",
        "Mismatched free",
        "depends on uninitialised value",
        "Use of uninitialised value",
        "contains uninitialised byte",
        "points to uninitialised byte",
        "are definitely lost",
    ],
};

pub(crate) fn sanitize(arguments: &[String]) -> Outcome {
    let (kind, rest) = match arguments.split_first() {
        Some((kind, rest)) => (kind.as_str(), rest),
        None => ("", arguments),
    };
    let choice = Choice::parse(rest)?;
    match kind {
        "address" => under(&ADDRESS, &choice),
        "thread" => under(&THREAD, &choice),
        "memcheck" => under(&MEMCHECK, &choice),
        "" => {
            let outcomes = [&ADDRESS, &THREAD, &MEMCHECK].map(|tool| under(tool, &choice));
            outcomes.into_iter().fold(Ok(()), Outcome::and)
        }
        other => Err(format!("there is no `{other}`: write `address`, `thread` or `memcheck`")),
    }
}

/// Which test binaries run, from which one on, and with which arguments.
#[derive(Debug, Default, PartialEq)]
struct Choice {
    words: Vec<String>,
    from: Option<String>,
    arguments: Vec<String>,
}

impl Choice {
    fn parse(arguments: &[String]) -> Result<Choice, String> {
        let mut choice = Choice::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--" => {
                    choice.arguments = rest.by_ref().cloned().collect();
                }
                "--from" => {
                    let name = rest.next().ok_or("`--from` needs the name of a test binary")?;
                    choice.from = Some(name.clone());
                }
                flag if flag.starts_with('-') => {
                    return Err(format!("there is no option `{flag}`"));
                }
                word => choice.words.push(word.into()),
            }
        }
        Ok(choice)
    }

    fn means(&self, name: &str) -> bool {
        let named = self.words.is_empty() || self.words.iter().any(|word| name.contains(word));
        named && self.from.as_deref().is_none_or(|from| name >= from)
    }

    /// What cargo is told to build: the unit tests of the libraries, and the files of
    /// `tests/tests`.
    fn targets(&self) -> Result<Vec<String>, String> {
        let folder = root().join("tests").join("tests");
        let entries =
            fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let files = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
        let stems = files.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()));
        let mut targets: Vec<_> = stems
            .filter(|name| self.means(name))
            .flat_map(|name| ["--test".to_owned(), name])
            .collect();
        if LIBRARIES.iter().any(|name| self.means(name)) {
            targets.push("--lib".into());
        }
        if targets.is_empty() { Err("no test binary matches".into()) } else { Ok(targets) }
    }

    /// The chosen binaries, in the order of their names.
    fn of(&self, mut binaries: Vec<PathBuf>) -> Vec<PathBuf> {
        binaries.retain(|binary| self.means(&name_of(binary)));
        binaries.sort_by_key(|binary| name_of(binary));
        binaries
    }
}

/// Why the tool skips this test, or this whole binary (`""`); nothing if it does not.
fn skipped(tool: &str, binary: &str, test: &str) -> Option<&'static str> {
    SKIPPED
        .iter()
        .find(|(row, b, name, _)| means(row, tool) && *b == binary && *name == test)
        .map(|(.., reason)| *reason)
}

/// The tests that the tool skips in this binary.
fn skipped_tests(tool: &str, binary: &str) -> Vec<(&'static str, &'static str)> {
    SKIPPED
        .iter()
        .filter(|(row, b, name, _)| means(row, tool) && *b == binary && !name.is_empty())
        .map(|(_, _, name, reason)| (*name, *reason))
        .collect()
}

fn under(tool: &Tool, choice: &Choice) -> Outcome {
    let folder = root().join("target").join("sanitize");
    let mut arguments = Vec::new();
    let mut build = Command::new("cargo");
    let host = host()?;
    if let Some(flags) = tool.flags {
        build.arg("+nightly").env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", &folder);
        // With `--target`, build scripts and procedural macros stay without the sanitizer.
        arguments.extend(["--target", &host]);
    }
    if tool.release {
        arguments.push("--release");
    }
    let binaries = test_binaries(build, &arguments, choice)?;
    let mut report = Report::new(folder.join("logs").join(tool.name))?;
    for binary in &binaries {
        let name = name_of(binary);
        if let Some(reason) = skipped(tool.name, &name, "") {
            report.skip(&name, reason);
            continue;
        }
        let mut command = match tool.before.split_first() {
            Some((program, options)) => {
                let mut command = Command::new(program);
                command.args(options).arg(binary).arg("--test-threads=1");
                command
            }
            None => Command::new(binary),
        };
        for (test, reason) in skipped_tests(tool.name, &name) {
            command.args(["--skip", test]);
            report.skip(&format!("{name}::{test}"), reason);
        }
        // The output goes to a file anyhow, and the buffer in which the harness would keep it is
        // the uninstrumented standard library's.
        command.arg("--nocapture").args(&choice.arguments);
        // Many tests panic on purpose. The library's way to a backtrace is slow under a tool, and
        // under a lock that ThreadSanitizer does not see.
        command.env("RUST_BACKTRACE", "0");
        command.env("RUNTIME_TEST_SLOWNESS", tool.slowness.to_string());
        if tool.name == "thread" {
            let suppressions = root().join("tests").join("tsan.txt");
            // A forked child may start threads: a test of the runtime after a fork does.
            let options = format!("suppressions={} die_after_fork=0", suppressions.display());
            command.env("TSAN_OPTIONS", options);
        }
        report.run(command, &name, tool.slowness, tool.reports)?;
    }
    let again = format!("cargo xtask sanitize {}", tool.name);
    report.end(&again)
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

/// Builds the chosen tests and returns their binaries.
fn test_binaries(
    mut cargo: Command,
    arguments: &[&str],
    choice: &Choice,
) -> Result<Vec<PathBuf>, String> {
    let output = cargo
        .current_dir(root())
        .args(["test", "--no-run", "--message-format=json"])
        .args(LIBRARIES.iter().flat_map(|package| ["-p", package]))
        .args(choice.targets()?)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the tests do not build".into());
    }
    Ok(choice.of(executables(&String::from_utf8_lossy(&output.stdout))))
}

/// The name of a test binary, without the hash that cargo appends.
fn name_of(binary: &Path) -> String {
    let file = binary.file_stem().map(|name| name.to_string_lossy().into_owned());
    let file = file.unwrap_or_default();
    file.rsplit_once('-').map_or(file.clone(), |(name, _)| name.to_string())
}

// ---- stress ----

/// Runs the test binaries over and over in changing company: with one test at a time and with many,
/// on idle cores and on busy ones.
pub(crate) fn stress(arguments: &[String]) -> Outcome {
    let mut minutes = 10.0_f64;
    let mut others = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--minutes" {
            minutes = rest
                .next()
                .and_then(|value| value.parse().ok())
                .filter(|minutes| (0.0..100_000.0).contains(minutes))
                .ok_or("`--minutes` needs a number")?;
        } else {
            others.push(argument.clone());
        }
    }
    let choice = Choice::parse(&others)?;
    let mut binaries = test_binaries(Command::new("cargo"), &["--release"], &choice)?;
    let mut report = Report::new(root().join("target").join("stress"))?;
    binaries.retain(|binary| {
        let name = name_of(binary);
        let reason = skipped("stress", &name, "");
        reason.inspect(|reason| report.skip(&name, reason));
        reason.is_none()
    });
    let end = Instant::now() + Duration::from_secs_f64(minutes * 60.0);
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let mut round = 0;
    while Instant::now() < end {
        let threads = [1, cores, 4 * cores][round % 3];
        let hogs = if round % 2 == 0 { 0 } else { 2 * cores };
        round += 1;
        println!("round {round}: {threads} tests at a time, {hogs} busy threads beside");
        let busy = Hogs::new(hogs);
        for binary in &binaries {
            let name = name_of(binary);
            let mut command = Command::new(binary);
            command.arg(format!("--test-threads={threads}")).args(&choice.arguments);
            report.run(command, &name, 1, &[])?;
            if Instant::now() >= end {
                break;
            }
        }
        drop(busy);
    }
    report.end("cargo xtask stress")
}

/// Threads that use up the processor until dropped.
struct Hogs(Arc<AtomicBool>);

impl Hogs {
    fn new(count: usize) -> Hogs {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..count {
            let stop = stop.clone();
            thread::spawn(move || {
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

// ---- one run, and the report over all ----

struct Report {
    logs: PathBuf,
    started: Instant,
    runs: usize,
    tests: usize,
    skipped: Vec<String>,
    /// The name, what was wrong, and the file with the output.
    failed: Vec<(String, String, PathBuf)>,
}

impl Report {
    fn new(logs: PathBuf) -> Result<Report, String> {
        fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
        println!("output in {}", logs.display());
        Ok(Report {
            logs,
            started: Instant::now(),
            runs: 0,
            tests: 0,
            skipped: Vec::new(),
            failed: Vec::new(),
        })
    }

    fn skip(&mut self, name: &str, reason: &str) {
        println!("{name:<56} skipped: {reason}");
        self.skipped.push(format!("{name}: {reason}"));
    }

    /// Runs one binary. An error only if that is not possible at all.
    fn run(
        &mut self,
        mut command: Command,
        name: &str,
        slowness: u32,
        reports: &[&str],
    ) -> Outcome {
        self.runs += 1;
        let log = self.logs.join(format!("{name}.log"));
        let failure = |error: std::io::Error| format!("{}: {error}", log.display());
        let file = File::create(&log).map_err(failure)?;
        command.current_dir(root().join(if name == "runtime" { "runtime" } else { "tests" }));
        command.stdin(Stdio::null()).stdout(file.try_clone().map_err(failure)?).stderr(file);
        let started = Instant::now();
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let ended = wait(&mut child, LIMIT * slowness, &log);
        let output = fs::read(&log).map_err(failure)?;
        let output = String::from_utf8_lossy(&output);
        let tests = passed(&output);
        let found = count(&output, reports);
        self.tests += tests;
        let wrong = match ended {
            Ok(status) if status.success() && found == 0 => String::new(),
            Ok(status) if found == 0 => status.to_string(),
            Ok(status) => format!("{found} reports, {status}"),
            Err(text) => text,
        };
        let took = started.elapsed().as_secs_f64();
        println!(
            "{name:<56} {tests:>4} passed {took:>7.1} s  {}",
            if wrong.is_empty() { "ok" } else { &wrong }
        );
        if !wrong.is_empty() {
            let kept = self.logs.join(format!("{name}.failed-{}.log", self.runs));
            fs::rename(&log, &kept).map_err(failure)?;
            self.failed.push((name.into(), wrong, kept));
        }
        Ok(())
    }

    fn end(self, again: &str) -> Outcome {
        println!(
            "\n{} runs of test binaries, {} tests passed, {} runs failed, {} skipped, {:.0} s",
            self.runs,
            self.tests,
            self.failed.len(),
            self.skipped.len(),
            self.started.elapsed().as_secs_f64()
        );
        for skipped in &self.skipped {
            println!("  skipped {skipped}");
        }
        if self.failed.is_empty() {
            return Ok(());
        }
        let mut text = String::from("these failed:");
        for (name, wrong, log) in &self.failed {
            text += &format!("\n  {name}: {wrong}\n    {}\n    {again} {name}", log.display());
        }
        Err(text)
    }
}

/// Waits for its end. At the limit its stacks go to the log, and it is stopped.
fn wait(
    child: &mut Child,
    limit: Duration,
    log: &Path,
) -> Result<std::process::ExitStatus, String> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if started.elapsed() < limit => thread::sleep(Duration::from_millis(20)),
            Ok(None) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    if let Ok(log) = File::options().append(true).open(log) {
        // Without gdb only the stacks are missing.
        let _ = Command::new("gdb")
            .args(["-batch", "-ex", "thread apply all backtrace", "-p", &child.id().to_string()])
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .status();
    }
    let _ = child.kill();
    let _ = child.wait();
    Err(format!("hangs: stopped after {} s", limit.as_secs()))
}

/// The number of tests that passed, from the last line of the test binary's own output. Output of
/// binaries that it started may come before that line.
fn passed(output: &str) -> usize {
    output
        .lines()
        .rfind(|line| line.starts_with("test result:"))
        .and_then(|line| line.split(';').next()?.split_whitespace().rev().nth(1)?.parse().ok())
        .unwrap_or(0)
}

fn count(output: &str, reports: &[&str]) -> usize {
    output.lines().filter(|line| reports.iter().any(|report| line.contains(report))).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let choice = Choice::parse(&words("net_ time_ --from net_tcp -- --skip slow")).unwrap();
        assert_eq!(choice.words, ["net_", "time_"]);
        assert_eq!(choice.arguments, ["--skip", "slow"]);
        let paths = ["x/time_out-1", "x/net_udp-2", "x/net_acc-3", "x/sync-4", "x/net_tcp-5"];
        let chosen = choice.of(paths.map(PathBuf::from).to_vec());
        assert_eq!(chosen, ["x/net_tcp-5", "x/net_udp-2", "x/time_out-1"].map(PathBuf::from));
        let words_of = |text: &str| Choice::parse(&words(text)).unwrap().targets();
        assert_eq!(words_of("executor_sm").unwrap(), ["--test", "executor_smoke"]);
        assert!(words_of("runtime").unwrap().contains(&"--lib".to_owned()));
        assert!(words_of("no-such-test").is_err());
        assert!(Choice::parse(&words("--form net")).is_err());
        assert!(Choice::parse(&words("--from")).is_err());
    }

    #[test]
    fn names_are_those_of_the_source() {
        assert_eq!(name_of(Path::new("target/debug/deps/net_tcp-0a1b2c")), "net_tcp");
    }

    #[test]
    fn outputs_are_understood() {
        let output = "test result: ok. 1 passed; 0 failed\nx\ntest result: ok. 12 passed; 0 failed; 0 ignored";
        assert_eq!(passed(output), 12);
        assert_eq!(passed("killed"), 0);
        assert_eq!(count("==1== ERROR: LeakSanitizer: x\ny", ADDRESS.reports), 1);
    }

    #[test]
    fn what_is_skipped_is_documented() {
        let page = fs::read_to_string(root().join("docs/testing.md")).unwrap();
        for (_, binary, test, _) in SKIPPED {
            let name =
                if test.is_empty() { binary.to_string() } else { format!("{binary}::{test}") };
            assert!(page.contains(&format!("`{name}`")), "docs/testing.md does not name {name}");
        }
    }
}
