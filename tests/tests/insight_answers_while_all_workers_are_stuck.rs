//! Whoever looks into a program needs no worker of it: all of them may block, without spares, and
//! the dump has every task.
#![cfg(unix)]

use std::thread;
use std::time::Duration;

use runtime::{Builder, task};
use serde_json::Value;
use tests::insight::{Program, be_looked_into};
use tests::{Gate, eventually, forever, role};

const WORKERS: usize = 3;
const WAITING: usize = 1000;

fn all_stuck(current_thread: bool) {
    let gate = Gate::default();
    let count = if current_thread { 1 } else { WORKERS };
    let mut builder = match current_thread {
        true => Builder::new_current_thread(),
        false => Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(WORKERS).spare_workers(0).enable_all().build().unwrap();
    for _ in 0..WAITING {
        runtime.spawn(forever(()));
    }
    let handle = runtime.handle().clone();
    for number in 0..count {
        let gate = gate.clone();
        let blocks = async move {
            gate.wait_for(0);
            // It says where it is and does not come back.
            let arrives = gate.clone();
            thread::spawn(move || arrives.block());
            thread::sleep(Duration::from_secs(3600));
        };
        let name = format!("stuck {number}");
        task::Builder::new().name(&name).spawn_on(blocks, &handle).unwrap();
    }
    if current_thread {
        thread::spawn(move || runtime.block_on(forever(())));
    } else {
        std::mem::forget(runtime);
    }
    gate.wait_for(count);
    be_looked_into();
    // Its threads sleep for an hour.
    std::process::exit(0);
}

fn look(program: &Program, stuck: usize) {
    let dump: Value = serde_json::from_str(&program.ask("dump")).unwrap();
    let tasks = dump["runtimes"][0]["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), WAITING + stuck);
    let running: Vec<_> = tasks.iter().filter(|task| task["state"] == "running").collect();
    assert_eq!(running.len(), stuck);
    let mut names: Vec<_> =
        running.iter().map(|task| task["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, (0..stuck).map(|number| format!("stuck {number}")).collect::<Vec<_>>());
    assert!(program.ask("text").contains("\"stuck 0\""));
    assert!(program.ask("metrics").contains("\"tasks_alive\":"));
    // The first report; further ones within a second are left out.
    eventually("the stall is told with its stack", || {
        let found: Value = serde_json::from_str(&program.ask("findings")).unwrap();
        found["stalls"].as_array().unwrap().iter().any(|stall| {
            let text = stall["text"].as_str().unwrap();
            text.contains("\"stuck ") && text.contains("all_stuck")
        })
    });
}

#[test]
fn on_several_threads() {
    if role().as_deref() == Some("program") {
        return all_stuck(false);
    }
    look(&Program::start("on_several_threads", "program"), WORKERS);
}

#[test]
fn on_one_thread() {
    if role().as_deref() == Some("program") {
        return all_stuck(true);
    }
    look(&Program::start("on_one_thread", "program"), 1);
}
