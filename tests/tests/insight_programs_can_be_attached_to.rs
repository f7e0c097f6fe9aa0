//! A program that was started with `RUNTIME_INSIGHT=1` can be looked into from outside: its tasks
//! by name, its runtimes, its numbers. Without it there is nothing to connect to.
#![cfg(unix)]

use std::path::Path;
use std::time::Duration;

use runtime::task;
use runtime::{Builder, Runtime};
use runtime_insight::Client;
use serde_json::Value;
use tests::insight::{Program, ask, be_looked_into};
use tests::{eventually, forever, isolated_with, role, workers};

/// A runtime that is known by its name, and a task that waits.
fn named(name: &str, task: &str) -> Runtime {
    let runtime =
        Builder::new_multi_thread().worker_threads(2).enable_all().name(name).build().unwrap();
    let ready = task::Builder::new()
        .name(task)
        .spawn_on(async { runtime::time::sleep(Duration::from_secs(3600)).await }, runtime.handle())
        .unwrap();
    let id = ready.id();
    eventually("the task waits", || {
        let dump = runtime.handle().task_dump();
        dump.tasks.iter().any(|task| task.id == id && !task.waits.is_empty())
    });
    runtime
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn and_tell_their_tasks_and_numbers() {
    if role().as_deref() == Some("program") {
        let _runtime = named("web", "a patient task");
        return be_looked_into();
    }
    let program = Program::start("and_tell_their_tasks_and_numbers", "program");
    // Several requests, one after the other, on a connection.
    let mut stream = program.connect();
    let hello = json(&ask(&mut stream, "hello").unwrap());
    assert_eq!((&hello["protocol"], &hello["pid"]), (&1.into(), &program.pid().into()));
    let name = std::env::current_exe().unwrap();
    assert_eq!(hello["program"], name.file_name().unwrap().to_str().unwrap());
    assert!(hello["started_us_ago"].as_f64().unwrap() > 0.0);
    let runtime = &hello["runtimes"][0];
    assert_eq!((&runtime["name"], &runtime["workers"]), (&"web".into(), &2.into()));
    assert_eq!(runtime["flavor"], "multi_thread");

    let dump = json(&ask(&mut stream, "dump").unwrap());
    let of_runtime = &dump["runtimes"][0];
    assert_eq!((&of_runtime["id"], &of_runtime["runtime"]), (&runtime["id"], &"web".into()));
    let task = &of_runtime["tasks"][0];
    assert_eq!(task["name"], "a patient task");
    assert_eq!(task["waits"][0]["kind"], "timer");
    let text = ask(&mut stream, "text").unwrap();
    assert!(text.contains("\"a patient task\"") && text.contains("waits for a timer"), "{text}");

    let metrics = json(&ask(&mut stream, "metrics").unwrap());
    let numbers = &metrics["runtimes"][0];
    assert_eq!((&numbers["name"], &numbers["tasks_alive"]), (&"web".into(), &1.into()));
    assert_eq!(numbers["per_worker"].as_array().unwrap().len(), 2);
    let text = ask(&mut stream, "prometheus").unwrap();
    let line = format!("runtime_tasks_alive{{runtime=\"web\",runtime_id=\"{}\"}} 1", runtime["id"]);
    assert!(text.lines().any(|one| one == line), "{text}");

    // What is no request is answered, and the connection goes on.
    for (request, part) in [
        ("frobnicate", "there is no request \"frobnicate\"; there are hello, dump"),
        ("", "an empty request"),
        ("hello you", "the request is: hello"),
    ] {
        let error = ask(&mut stream, request).unwrap_err().to_string();
        assert!(error.starts_with("error ") && error.contains(part), "{error}");
    }
    assert!(ask(&mut stream, "hello").is_ok());
}

#[test]
fn by_the_library_of_the_command() {
    if role().as_deref() == Some("program") {
        let _runtime = named("web", "a patient task");
        return be_looked_into();
    }
    let program = Program::start("by_the_library_of_the_command", "program");
    let mut client = Client::connect(&program.socket()).unwrap();
    assert_eq!(client.hello().unwrap().runtimes[0].name.as_deref(), Some("web"));
    let dump = client.dump().unwrap();
    let task = &dump.runtimes[0].tasks[0];
    assert_eq!((task.name.as_deref(), task.state.as_str()), (Some("a patient task"), "waiting"));
    assert_eq!(client.metrics().unwrap().runtimes[0].number("tasks_alive"), 1.0);
    assert!(client.text().unwrap().contains("a patient task"));
    let refused = client.ask("nothing").unwrap_err().to_string();
    assert!(refused.contains("there is no request"), "{refused}");
    drop(program);
    let ended = client.hello().unwrap_err().to_string();
    assert_eq!(ended, "the program has ended");
}

#[test]
fn with_all_runtimes_that_live_at_the_moment() {
    if role().as_deref() == Some("program") {
        let _first = named("first", "a");
        let second = named("second", "b");
        be_looked_into();
        drop(second);
        return be_looked_into();
    }
    let mut program = Program::start("with_all_runtimes_that_live_at_the_moment", "program");
    let mut stream = program.connect();
    let names = |dump: &str| -> Vec<String> {
        let runtimes = json(dump)["runtimes"].as_array().unwrap().clone();
        runtimes.iter().map(|one| one["runtime"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&ask(&mut stream, "dump").unwrap()), ["first", "second"]);
    let text = ask(&mut stream, "prometheus").unwrap();
    // One head, and a line of each.
    assert_eq!(text.matches("# TYPE runtime_workers gauge").count(), 1);
    assert_eq!(text.matches("runtime_workers{").count(), 2);
    program.go_on();
    eventually("the second is gone", || names(&ask(&mut stream, "dump").unwrap()) == ["first"]);
}

#[test]
fn the_socket_goes_with_the_last_runtime_and_comes_with_the_next() {
    if role().as_deref() == Some("program") {
        drop((named("first", "a"), named("second", "b")));
        be_looked_into();
        let _third = named("third", "c");
        return be_looked_into();
    }
    let test = "the_socket_goes_with_the_last_runtime_and_comes_with_the_next";
    let mut program = Program::start(test, "program");
    assert!(!program.socket().exists());
    program.go_on();
    eventually("the third can be looked into", || program.socket().exists());
    assert!(program.ask("hello").contains("\"third\""));
    let socket = program.socket();
    let (status, errors) = program.end();
    assert!(status.success(), "{errors}");
    assert!(!socket.exists());
}

#[test]
fn also_after_another_with_the_same_number_left_its_socket_behind() {
    if role().as_deref() == Some("program") {
        // What a program leaves that ends by `exit` or a signal.
        let place = std::env::var("XDG_RUNTIME_DIR").unwrap();
        let place = Path::new(&place).join("runtime-insight");
        tests::insight::private_directory(&place);
        let socket = place.join(format!("{}.sock", std::process::id()));
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert!(socket.exists());
        let _runtime = named("web", "a");
        return be_looked_into();
    }
    let test = "also_after_another_with_the_same_number_left_its_socket_behind";
    let program = Program::start(test, "program");
    assert!(program.ask("hello").contains("\"web\""));
}

/// A signal for the process is for the threads of the program.
#[cfg(target_os = "linux")]
#[test]
fn by_a_thread_that_takes_no_signals() {
    if role().as_deref() == Some("program") {
        let _runtime = named("web", "a");
        return be_looked_into();
    }
    let program = Program::start("by_a_thread_that_takes_no_signals", "program");
    assert!(program.ask("hello").contains("\"web\""));
    let threads = std::fs::read_dir(format!("/proc/{}/task", program.pid())).unwrap();
    let status = |entry: std::fs::DirEntry| {
        let read = |name| std::fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        (read("comm").trim() == "insight").then(|| read("status"))
    };
    let all: Vec<_> = threads.flatten().filter_map(status).collect();
    assert_eq!(all.len(), 1);
    let mask = all[0].lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1, libc::SIGCHLD, libc::SIGURG] {
        assert_ne!(mask & (1 << (signal - 1)), 0, "{signal}");
    }
}

/// Nothing is opened, no thread is started.
#[cfg(target_os = "linux")]
#[test]
fn but_not_with_insight_off() {
    use tests::process::{descriptors, thread_names};
    let place = tests::scratch::Scratch::new();
    let path = place.path().to_str().unwrap();
    isolated_with(
        "but_not_with_insight_off",
        &[("XDG_RUNTIME_DIR", path), ("RUNTIME_INSIGHT", "0")],
        || {
            let has_thread = || thread_names().iter().any(|name| name == "insight");
            let entries = || {
                let place = std::env::var("XDG_RUNTIME_DIR").unwrap();
                std::fs::read_dir(place).unwrap().count()
            };
            // What the process has with its first runtime stays; some of it closes later.
            drop(workers(1));
            let before = descriptors();
            let runtime = workers(1);
            runtime.spawn(forever(()));
            let off = descriptors();
            assert!(!has_thread());
            assert_eq!(entries(), 0);
            drop(runtime);
            eventually("the descriptors of the runtime are gone", || descriptors() <= before);
            let on = Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .insight(true)
                .build()
                .unwrap();
            assert!(descriptors() > off);
            assert_eq!(entries(), 1);
            // It takes its name when it begins.
            eventually("its thread is there", has_thread);
            drop(on);
            eventually("and those of the socket", || descriptors() <= before);
            eventually("and its thread", || !has_thread());
        },
    );
}
