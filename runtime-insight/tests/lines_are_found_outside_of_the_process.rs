//! A report has modules and addresses; the command finds files, lines and inlined calls for them,
//! later and elsewhere.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use runtime::Builder;

const BLOCKS_AT: u32 = line!() + 5;

/// Blocks until the test goes on.
#[inline(never)]
fn blocks_in_this_function(until: &mpsc::Receiver<()>) {
    let _ = until.recv_timeout(Duration::from_secs(600));
}

/// A report of a stall, without lines: the features of this package do not have them.
fn report() -> String {
    let (tell, told) = mpsc::channel();
    let (stop, until) = mpsc::channel();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .stall_report(Duration::from_millis(20))
        .on_stall(move |stall| {
            let _ = tell.send(stall.backtrace().map(str::to_owned));
        })
        .build()
        .unwrap();
    runtime.spawn(async move { blocks_in_this_function(&until) });
    let report = told.recv_timeout(Duration::from_secs(600)).unwrap().expect("a stack");
    stop.send(()).unwrap();
    report
}

fn command(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_runtime-insight"))
        .arg("lines")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // It may end without having read all.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

#[track_caller]
fn lines_of(arguments: &[&str], input: &str) -> String {
    let output = command(arguments, input);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Where the function blocks, as the lines say.
fn place() -> String {
    format!("lines_are_found_outside_of_the_process.rs:{BLOCKS_AT}")
}

/// The report as of a program at another place, and that place.
fn moved(report: &str) -> (String, PathBuf) {
    let here = std::env::current_exe().unwrap();
    let there = PathBuf::from("/nowhere/at/all");
    let (here, there_too) = (here.to_str().unwrap(), there.to_str().unwrap());
    let moved = report.replace(&format!(": {here}"), &format!(": {there_too}"));
    assert_ne!(moved, report);
    (moved, there)
}

#[test]
fn of_the_program_that_the_report_names() {
    let report = report();
    assert!(report.contains("blocks_in_this_function ("), "{report}");
    assert!(report.contains("[module ") && report.contains("runtime-insight lines"), "{report}");
    assert!(!report.contains(".rs:"), "{report}");
    let with_lines = lines_of(&[], &report);
    assert!(with_lines.contains(&place()), "{with_lines}");
    assert!(!with_lines.contains("blocks_in_this_function ("), "{with_lines}");
    assert!(!with_lines.contains("runtime-insight lines"), "{with_lines}");

    // The same from a file, and with what a log puts before each line.
    let file = std::env::temp_dir().join(format!("runtime-lines-{}", std::process::id()));
    let logged: String = report.lines().map(|line| format!("10:15:12 a: {line}\n")).collect();
    std::fs::write(&file, logged).unwrap();
    let with_lines = lines_of(&[file.to_str().unwrap()], "");
    assert!(with_lines.contains(&place()), "{with_lines}");
    assert!(with_lines.lines().all(|line| line.starts_with("10:15:12 a: ")), "{with_lines}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn of_a_program_that_lies_elsewhere_or_had_no_symbols() {
    let (report, there) = moved(&report());
    let without = lines_of(&[], &report);
    assert!(!without.contains(&place()), "{without}");
    assert!(without.contains(&format!("no lines: {}", there.display())), "{without}");
    assert!(without.contains("blocks_in_this_function ("), "{without}");

    let here = std::env::current_exe().unwrap();
    let here = here.to_str().unwrap();
    let with_lines = lines_of(&["--program", here], &report);
    assert!(with_lines.contains(&place()), "{with_lines}");

    let nameless: String = report
        .lines()
        .map(|line| match line.split_once(": ").zip(line.rsplit_once(" (")) {
            Some(((number, _), (_, place))) if line.contains("+0x") => {
                format!("{number}: <unknown> ({place}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let named = lines_of(&["--program", here], &nameless);
    assert!(named.contains("blocks_in_this_function\n"), "{named}");
    assert!(named.contains(&place()), "{named}");
}

#[test]
fn another_build_is_not_taken_for_it() {
    let report = report();
    let program = std::env::current_exe().unwrap();
    let Some((_, rest)) = report.split_once(&format!("{}, build id ", program.display())) else {
        // The linker puts none there; then nothing tells builds apart.
        return;
    };
    let (id, _) = rest.split_once(']').unwrap();
    let other: String = id.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    let other = report.replace(id, &other);
    let told = lines_of(&[], &other);
    assert!(!told.contains(&place()), "{told}");
    assert!(told.contains("so it is another build") && told.contains("--program FILE"), "{told}");
}

#[test]
fn what_is_no_report_stays_as_it_is() {
    let text = "a line\n   0: a::b\n             at src/main.rs:4\nno end";
    assert_eq!(lines_of(&[], text), text);
    let output = command(&["/nowhere/at/all"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read /nowhere/at/all"));
    let output = command(&["--program", "/nowhere"], text);
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot read /nowhere"));
}
