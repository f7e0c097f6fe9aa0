//! The command, run as a user runs it: it lists programs, shows their tasks and numbers, and says
//! what to do where it cannot.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use runtime::{Builder, task};

const ROLE: &str = "RUNTIME_TEST_ROLE";
const READY: &str = "\nready\n";

/// The program that is looked into.
fn program() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .spare_workers(0)
        .enable_all()
        .name("web")
        .build()
        .unwrap();
    let (started, starts) = std::sync::mpsc::channel();
    let waits = async { runtime::time::sleep(Duration::from_secs(3600)).await };
    task::Builder::new().name("patient").spawn_on(waits, runtime.handle()).unwrap();
    let blocks = async move {
        started.send(()).unwrap();
        std::thread::sleep(Duration::from_secs(3600));
    };
    task::Builder::new().name("blocker").spawn_on(blocks, runtime.handle()).unwrap();
    starts.recv().unwrap();
    while !runtime.handle().task_dump().tasks.iter().any(|task| !task.waits.is_empty()) {
        std::thread::yield_now();
    }
    print!("{READY}");
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
    std::process::exit(0);
}

/// The program, and the directory that it and the command take for their session's.
struct Running {
    child: Child,
    place: PathBuf,
}

impl Running {
    fn start(test: &str) -> Running {
        let place =
            std::env::temp_dir().join(format!("runtime-test-{}-{test}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&place).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(ROLE, test)
            .env("RUNTIME_INSIGHT", "1")
            .env("XDG_RUNTIME_DIR", &place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut running = Running { child, place };
        let (mut seen, mut byte) = (Vec::new(), [0]);
        while !seen.ends_with(READY.as_bytes()) {
            running.child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
        running
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runtime-insight"));
        // It has the variable as well, and is not in its own list.
        command
            .args(arguments)
            .env("XDG_RUNTIME_DIR", &self.place)
            .env("RUNTIME_INSIGHT", "1")
            .stdin(Stdio::null());
        command
    }

    /// What it prints.
    #[track_caller]
    fn shows(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says when it fails.
    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

/// Whether this is the program.
fn is_program() -> bool {
    std::env::var_os(ROLE).is_some()
}

#[test]
fn its_tasks_and_numbers() {
    if is_program() {
        return program();
    }
    let running = Running::start("its_tasks_and_numbers");
    let pid = &*running.pid();

    let list = running.shows(&[]);
    let line = list.lines().find(|line| line.trim_start().starts_with(pid)).unwrap();
    assert!(line.contains("the_command") && line.contains("web (2 workers)"), "{list}");
    assert!(list.starts_with(&" ".repeat(pid.len().saturating_sub(3))), "{list}");

    let dump = running.shows(&[pid, "dump"]);
    assert!(dump.contains("\"patient\"") && dump.contains("waits for a timer"), "{dump}");
    let dump = running.shows(&[pid, "dump", "--filter", "TIMER", "patient"]);
    assert!(dump.contains("\"patient\"") && !dump.contains("\"blocker\""), "{dump}");
    let json = running.shows(&[pid, "dump", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["runtimes"][0]["tasks"].as_array().unwrap().len(), 2);
    let json = running.shows(&[pid, "dump", "--filter", "blocker", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let tasks = json["runtimes"][0]["tasks"].as_array().unwrap();
    assert_eq!((tasks.len(), &tasks[0]["state"]), (1, &"running".into()));

    let metrics = running.shows(&[pid, "metrics"]);
    assert!(metrics.contains("\nruntime_tasks_alive{runtime=\"web\","), "{metrics}");
    let json = running.shows(&[pid, "metrics", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["runtimes"][0]["tasks_alive"], 2);

    // Without a terminal: one table. The one that blocks is the busiest.
    let top = running.shows(&[pid, "top"]);
    let rows: Vec<_> = top.lines().skip_while(|line| !line.contains("WAITS FOR")).collect();
    assert!(rows[1].contains("blocker") && rows[1].contains("running on "), "{top}");
    assert!(rows[2].contains("patient") && rows[2].contains("a timer"), "{top}");
    assert!(!top.contains('\u{1b}'), "{top}");

    // Whoever reads it may stop, as `head` does.
    let mut command = running.command(&[pid, "metrics"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    child.wait().unwrap();
    assert_eq!(errors, "");
}

#[test]
fn or_says_what_to_do() {
    if is_program() {
        return program();
    }
    let running = Running::start("or_says_what_to_do");
    let own = std::process::id().to_string();
    let none = running.says(&[&own, "dump"]);
    assert!(none.contains("start it with RUNTIME_INSIGHT=1"), "{none}");
    assert!(none.contains("(the_command_sho"), "{none}");
    let missing = running.says(&["4000000", "dump"]);
    assert_eq!(missing, "runtime-insight: there is no process 4000000\n");
    assert!(running.says(&[&running.pid(), "--at"]).contains("127.0.0.1:7070"));
    let open = running.says(&[&running.pid(), "--at", "0.0.0.0:0"]);
    assert!(open.contains("loopback only"), "{open}");
    assert!(running.says(&["frob"]).contains("--help"));
    let help = running.shows(&["--help"]);
    assert!(help.contains("usage:") && help.lines().all(|line| line.chars().count() <= 100));
    assert!(running.shows(&["--version"]).starts_with("runtime-insight "));

    // One that cannot answer is listed and does not hold up the list.
    let stop = |signal: &str| {
        let done = Command::new("kill").args([signal, &running.pid()]).status().unwrap();
        assert!(done.success());
    };
    stop("-STOP");
    let list = running.shows(&[]);
    stop("-CONT");
    assert!(list.contains(&running.pid()) && list.contains("does not answer"), "{list}");

    // A directory that others can write to is not trusted.
    let directory = running.place.join("runtime-insight");
    let mode = |mode| std::fs::set_permissions(&directory, PermissionsExt::from_mode(mode));
    mode(0o777).unwrap();
    let open = running.says(&[&running.pid(), "dump"]);
    mode(0o700).unwrap();
    assert!(open.contains("it is open to others: chmod 700"), "{open}");
    assert!(running.shows(&[&running.pid(), "dump"]).contains("patient"));
}

#[test]
fn and_removes_what_those_left_that_ended_without() {
    if is_program() {
        return program();
    }
    let running = Running::start("and_removes_what_those_left_that_ended_without");
    let directory = running.place.join("runtime-insight");
    let socket = |pid: &str| directory.join(format!("{pid}.sock"));
    let bind = |path: &Path| drop(UnixListener::bind(path).unwrap());
    // No process has this number. Another one's file stays, whatever it is.
    bind(&socket("4000000"));
    bind(&socket("own"));
    let list = running.shows(&[]);
    assert!(!list.contains("4000000"), "{list}");
    assert!(!socket("4000000").exists());
    assert!(socket("own").exists() && socket(&running.pid()).exists());
}
