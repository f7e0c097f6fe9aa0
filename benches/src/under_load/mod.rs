//! The same programs on this runtime and on tokio, beside processes that keep the cores busy.
//!
//! Each measurement is a process of its own, so that its threads and its CPU time are its own and
//! one that hangs can be ended and told. `drive` starts them in turns, and the busy processes
//! beside them; `program` lists what there is to run; the other files hold the programs.
//!
//! A process that was started by another one ends when its standard input does, that is, when the
//! other one ends, however it ends.

mod batch;
mod blocking;
mod drive;
mod fair;
mod net;
mod outside;
mod peer;
mod polls;
mod program;
mod stuck;

use std::fmt::Display;
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use self::peer::{UnderLoad, threads_started};
use self::program::Program;
use crate::measure::spin_for;
use crate::peers::tokio::Tokio;

pub fn main(args: &[String]) {
    match args.first().map(String::as_str) {
        Some("burn") => burn(),
        Some("one") => one(&args[1..]),
        Some("client") => net::client(&args[1..]),
        _ => drive::main(args),
    }
}

/// Ends this process when the one that started it does.
fn end_with_parent() {
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(3);
    });
}

/// A process that computes until it is ended.
fn burn() {
    end_with_parent();
    loop {
        spin_for(Duration::from_millis(100));
    }
}

/// What one measurement is asked for.
#[derive(Clone, Debug)]
struct Ask {
    workers: usize,
    seconds: f64,
    /// Of the tasks that are alike.
    tasks: usize,
    /// A turn's length is measured by the clock, not by the thread's CPU time.
    wall: bool,
}

impl Ask {
    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// Which of two figures is the better one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Better {
    Less,
    More,
    /// It is there to be known.
    Neither,
}

/// Hands figures to the process that asked for them, each as soon as it is known.
struct Out;

impl Out {
    fn put(&self, label: impl Display, unit: &str, better: Better, value: f64) {
        // A line of text is all that these two processes have to agree on.
        println!("{label}|{unit}|{better:?}|{value}");
        let _ = std::io::stdout().flush();
    }
    fn less(&self, label: impl Display, unit: &str, value: f64) {
        self.put(label, unit, Better::Less, value);
    }
    fn more(&self, label: impl Display, unit: &str, value: f64) {
        self.put(label, unit, Better::More, value);
    }
    fn known(&self, label: impl Display, unit: &str, value: f64) {
        self.put(label, unit, Better::Neither, value);
    }
}

/// One measurement: `NAME PEER WORKERS SECONDS TASKS WALL`, written by `drive`.
fn one(args: &[String]) {
    end_with_parent();
    let [name, peer, workers, seconds, tasks, wall] = args else {
        panic!("one: NAME PEER WORKERS SECONDS TASKS WALL; this is for the program itself");
    };
    let ask = Ask {
        workers: workers.parse().unwrap(),
        seconds: seconds.parse().unwrap(),
        tasks: tasks.parse().unwrap(),
        wall: wall.parse().unwrap(),
    };
    let program = program::all().into_iter().find(|p| p.name == *name).unwrap().program;
    match peer.as_str() {
        #[cfg(feature = "ours")]
        "ours" => on::<crate::peers::ours::Ours>(program, &ask),
        "tokio" => on::<Tokio>(program, &ask),
        "smol" => program.run_on_any::<crate::peers::smol::Smol>(&ask, &Out),
        _ => panic!("one: no peer named {peer}"),
    }
    // Without stopping the runtime: how it stops is not measured here, and its tasks may be in the
    // middle of something long.
    std::process::exit(0);
}

fn on<P: UnderLoad>(program: Program, ask: &Ask) {
    let rt = P::build(&program.settings(ask));
    program.run::<P>(&rt, ask, &Out);
    // Also after a short run somebody has counted the threads, which end seconds later.
    thread::sleep(Duration::from_millis(50));
    Out.known("threads started by the runtime", "", threads_started() as f64);
    if let Some(stalls) = P::stalls(&rt) {
        Out.known("stall reports", "", stalls as f64);
    }
    std::mem::forget(rt);
}
