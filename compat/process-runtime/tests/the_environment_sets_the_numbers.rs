//! What the variables of the originals say about the runtime of the process. Each case is a process
//! of its own: the runtime starts once.

use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const VARIABLES: [&str; 4] = [
    "SMOL_THREADS",
    "ASYNC_GLOBAL_EXECUTOR_THREADS",
    "ASYNC_STD_THREAD_COUNT",
    "BLOCKING_MAX_THREADS",
];

/// What such a process has printed: its workers.
fn workers(variables: &[(&str, &str)]) -> usize {
    run("prints_its_workers", variables).parse().unwrap()
}

/// Runs one of the tests below that are only for processes like this.
fn run(what: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([what, "--exact", "--nocapture"]);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.env("IS_A_CASE", "1").envs(variables.iter().copied());
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    // The harness may have begun the line.
    let (_, answer) = text.split_once("answer: ").unwrap_or_else(|| panic!("said {text}"));
    answer.lines().next().unwrap().to_owned()
}

fn is_a_case() -> bool {
    std::env::var_os("IS_A_CASE").is_some()
}

#[test]
fn prints_its_workers() {
    if is_a_case() {
        let handle = process_runtime::of_the_process();
        println!("answer: {}", handle.metrics().num_workers());
    }
}

/// Prints how many of three jobs have to wait while the others are at work, of which it is told how
/// many there are.
#[test]
fn prints_how_many_jobs_wait() {
    let Ok(at_once) = std::env::var("AT_ONCE") else { return };
    let (begins, begun) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let gone = Arc::new(Mutex::new(gone));
    for _ in 0..3 {
        let (begins, gone) = (begins.clone(), Arc::clone(&gone));
        process_runtime::unblock(move || {
            begins.send(()).unwrap();
            let _ = gone.lock().unwrap().recv_timeout(PATIENCE);
        })
        .detach();
    }
    for _ in 0..at_once.parse().unwrap() {
        begun.recv_timeout(PATIENCE).expect("so many may be at work");
    }
    println!("answer: {}", process_runtime::handle().metrics().blocking_queue_depth());
    drop(go);
}

#[test]
fn each_variable_sets_the_workers_and_the_largest_counts() {
    let processors = thread::available_parallelism().unwrap().get();
    assert_eq!(workers(&[]), processors);
    for name in &VARIABLES[..3] {
        assert_eq!(workers(&[(name, "3")]), 3, "{name}");
    }
    let all = [
        ("SMOL_THREADS", "2"),
        ("ASYNC_GLOBAL_EXECUTOR_THREADS", "5"),
        ("ASYNC_STD_THREAD_COUNT", "4"),
    ];
    assert_eq!(workers(&all), 5);
    // The other variable says nothing about them.
    assert_eq!(workers(&[("BLOCKING_MAX_THREADS", "7")]), processors);
}

#[test]
fn zero_workers_are_one_and_what_is_no_number_is_not_there() {
    let processors = thread::available_parallelism().unwrap().get();
    assert_eq!(workers(&[("SMOL_THREADS", "0")]), 1);
    for bad in ["", "many", "-1", "2.5", "99999999999999999999999"] {
        assert_eq!(workers(&[("SMOL_THREADS", bad)]), processors, "{bad:?}");
        assert_eq!(workers(&[("SMOL_THREADS", bad), ("ASYNC_STD_THREAD_COUNT", "3")]), 3);
    }
}

#[test]
fn so_many_jobs_run_at_once_as_the_variable_says() {
    let waits = |value: &str, at_once: &str| {
        run("prints_how_many_jobs_wait", &[("BLOCKING_MAX_THREADS", value), ("AT_ONCE", at_once)])
    };
    assert_eq!(waits("1", "1"), "2");
    // It is raised to the least that runs anything.
    assert_eq!(waits("0", "1"), "2");
    assert_eq!(waits("2", "2"), "1");
    assert_eq!(waits("nonsense", "3"), "0");
}
