//! Clients of PostgreSQL, Redis and NATS, and a TCP proxy, on tokio and on `compat/tokio`: built
//! twice, then run in turns against one server.
//!
//! | file         | content                                                    |
//! |--------------|------------------------------------------------------------|
//! | `servers.rs` | how the servers are found and started                      |
//!
//! Rates and processor time are of rounds in turns. System calls are counted in a pass of its own,
//! with `perf`, since that slows a program down.

mod servers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sides::{self, SIDES, cell, failed, median, numbers};
use crate::{Outcome, root};
use servers::{Kind, Server};

struct Load {
    name: &'static str,
    server: Option<Kind>,
    what: &'static str,
}

const fn load(name: &'static str, server: Option<Kind>, what: &'static str) -> Load {
    Load { name, server, what }
}

const LOADS: [Load; 10] = [
    load("nats-request-1", Some(Kind::Nats), "async-nats: one request after the other"),
    load("nats-request", Some(Kind::Nats), "200 tasks that send requests on one connection"),
    load("redis-ping", Some(Kind::Redis), "redis: one ping after the other"),
    load("redis-shared", Some(Kind::Redis), "400 tasks that set and get on one connection"),
    load("redis-pubsub", Some(Kind::Redis), "50 tasks publish on one connection, one receives"),
    load("postgres-pipelined", Some(Kind::Postgres), "tokio-postgres: 100 tasks, one connection"),
    load("deadpool-select", Some(Kind::Postgres), "deadpool: 400 tasks, 20 connections"),
    load("sqlx-select", Some(Kind::Postgres), "sqlx: 400 tasks, 20 connections"),
    load("proxy-echo", None, "`copy_bidirectional`: 50 connections, 64 bytes there and back"),
    load("proxy-bulk", None, "`copy_bidirectional`: 4 connections, a piece of 64 KiB"),
];

/// System calls that send.
const WRITES: [&str; 4] = ["sendto", "sendmsg", "write", "writev"];
/// System calls in which a thread waits, or wakes one.
const WAITS: [&str; 3] = ["epoll_wait", "epoll_pwait2", "futex"];

/// One round on one side.
#[derive(Clone, Copy)]
struct Figures {
    per_second: f64,
    /// Of one operation, in microseconds.
    cpu: f64,
    /// Of 1,000 operations.
    switches: f64,
    /// In a second.
    migrations: f64,
}

struct Options {
    words: Vec<String>,
    rounds: usize,
    seconds: f64,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options { words: Vec::new(), rounds: 5, seconds: 2.0 };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let number = |value: Option<&String>| {
                value
                    .and_then(|value| value.parse::<f64>().ok())
                    .filter(|number| (1.0..=3600.0).contains(number))
                    .ok_or(format!("`{argument}` needs a number from 1 to 3600"))
            };
            match argument.as_str() {
                // A part of a round does not count.
                "--rounds" => options.rounds = number(rest.next())?.floor() as usize,
                "--seconds" => options.seconds = number(rest.next())?,
                flag if flag.starts_with('-') => {
                    return Err(format!(
                        "no option `{flag}`: known are `--rounds N`, `--seconds N`"
                    ));
                }
                word => options.words.push(word.into()),
            }
        }
        let known = |word: &String| LOADS.iter().any(|load| load.name.contains(word.as_str()));
        if let Some(word) = options.words.iter().find(|word| !known(word)) {
            let names: Vec<&str> = LOADS.iter().map(|load| load.name).collect();
            return Err(format!("no load has `{word}` in its name: {}", names.join(", ")));
        }
        Ok(options)
    }

    fn wants(&self, load: &Load) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| load.name.contains(word.as_str()))
    }
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let options = Options::parse(arguments)?;
    let programs = build()?;
    println!("\n{} rounds of {} s, medians; ours / tokio\n", options.rounds, options.seconds);
    println!(
        "| load | operations/s | CPU an operation, us | writes an operation | waits and wakes \
         an operation | switches in 1,000 | migrations/s |\n|---|---|---|---|---|---|---|"
    );
    let mut quotients = Vec::new();
    for kind in [Some(Kind::Nats), Some(Kind::Redis), Some(Kind::Postgres), None] {
        let loads = LOADS.iter().filter(|load| load.server == kind && options.wants(load));
        let loads: Vec<&Load> = loads.collect();
        if loads.is_empty() {
            continue;
        }
        let server = match kind.map(Server::start).transpose()? {
            Some(None) => {
                let skipped: Vec<&str> = loads.iter().map(|load| load.name).collect();
                let package = kind.map_or("", Kind::package);
                println!("skipped: {}; Debian's package `{package}`", skipped.join(", "));
                continue;
            }
            server => server.flatten(),
        };
        let address = server.as_ref().map_or("-", |server| &server.address);
        for load in loads {
            let (row, quotient) = compare(&programs, load, address, &options)?;
            println!("{row}");
            quotients.push(quotient);
        }
    }
    if quotients.is_empty() {
        return Err("no server of these loads is installed".into());
    }
    let mean = quotients.iter().map(|quotient| quotient.ln()).sum::<f64>() / quotients.len() as f64;
    println!("\nOperations/s, geometric mean of the quotients: {:.2}", mean.exp());
    println!("\n| load | what it is |\n|---|---|");
    LOADS.iter().for_each(|load| println!("| {} | {} |", load.name, load.what));
    Ok(())
}

/// Builds the program for both sides, with one lock file for all but tokio.
fn build() -> Result<[PathBuf; 2], String> {
    let source = root().join("compat/clients-bench");
    let folder = root().join("target/clients-bench");
    let [tokio, ours] = SIDES.map(|side| folder.join(side));
    let mut programs = [PathBuf::new(), PathBuf::new()];
    programs[0] = sides::build_program(&source, &tokio, &sides::patch(SIDES[0]))?;
    // Cargo takes the patch out of what is locked, and leaves the rest.
    let [from, to] = [&tokio, &ours].map(|side| side.join("Cargo.lock"));
    if !to.exists() {
        fs::create_dir_all(&ours).map_err(failed(&ours))?;
        fs::copy(&from, &to).map_err(failed(&from))?;
    }
    programs[1] = sides::build_program(&source, &ours, &sides::patch(SIDES[1]))?;
    Ok(programs)
}

/// A row of the table, and the quotient of the rates.
fn compare(
    programs: &[PathBuf; 2],
    load: &Load,
    address: &str,
    options: &Options,
) -> Result<(String, f64), String> {
    let mut all: [Vec<Figures>; 2] = Default::default();
    for round in 0..options.rounds {
        // The side that goes first changes from round to round.
        for turn in 0..2 {
            let side = (round + turn) % 2;
            all[side].push(measure(&programs[side], load, address, options.seconds)?);
        }
    }
    let both = |of: fn(&Figures) -> f64| {
        [1, 0].map(|side: usize| median(all[side].iter().map(of).collect()))
    };
    let of = |of: fn(&Figures) -> f64, digits: usize| {
        let [ours, tokio] = both(of);
        cell(ours, tokio, digits)
    };
    let plain = |of: fn(&Figures) -> f64| {
        let [ours, tokio] = both(of);
        format!("{ours:.0} / {tokio:.0}")
    };
    let calls = [1, 0].map(|side: usize| calls(&programs[side], load, address));
    let called = |which: usize| match &calls {
        [Some(ours), Some(tokio)] => cell(ours[which], tokio[which], 3),
        _ => "no `perf`".to_owned(),
    };
    let [ours, tokio] = both(|f| f.per_second);
    let row = format!(
        "| {} | {} | {} | {} | {} | {} | {} |",
        load.name,
        of(|f| f.per_second, 0),
        of(|f| f.cpu, 2),
        called(0),
        called(1),
        of(|f| f.switches, 0),
        plain(|f| f.migrations),
    );
    Ok((row, ours / tokio))
}

fn measure(program: &Path, load: &Load, address: &str, seconds: f64) -> Result<Figures, String> {
    let mut command = Command::new(program);
    command.args([load.name, address, &seconds.to_string()]);
    let [operations, seconds, cpu, switches, migrations] = numbers(&sides::text(&mut command)?)?;
    if operations == 0.0 {
        return Err(format!("{}: nothing was done in {seconds:.1} s", load.name));
    }
    Ok(Figures {
        per_second: operations / seconds,
        cpu: cpu / operations,
        switches: switches * 1000.0 / operations,
        migrations: migrations / seconds,
    })
}

/// System calls of an operation: those that send, and those in which threads wait or are woken.
/// Nothing if `perf` is not installed, or may not count them.
fn calls(program: &Path, load: &Load, address: &str) -> Option<[f64; 2]> {
    let event = |call: &&str| format!("syscalls:sys_enter_{call}");
    let events: Vec<String> = WRITES.iter().chain(&WAITS).map(event).collect();
    let report = std::env::temp_dir().join(format!("clients-bench-{}.perf", std::process::id()));
    let mut command = Command::new("perf");
    command.args(["stat", "-x,", "-e", &events.join(","), "-o"]).arg(&report).arg("--");
    command.arg(program).args([load.name, address, "1"]);
    let printed = sides::text(&mut command).ok();
    let counted = fs::read_to_string(&report).ok();
    let _ = fs::remove_file(&report);
    let [operations, seconds, ..]: [f64; 5] = numbers(&printed?).ok()?;
    // perf counts the warm-up, too.
    let operations = operations * (seconds + WARM_UP) / seconds;
    let sum = |calls: &[&str]| {
        let counts = calls.iter().map(|call| count(counted.as_deref()?, call));
        Some(counts.sum::<Option<f64>>()? / operations)
    };
    Some([sum(&WRITES)?, sum(&WAITS)?])
}

/// How long the program is at work before it counts.
const WARM_UP: f64 = 0.3;

/// The number of calls in a report of perf: `count,,event,...`.
fn count(report: &str, call: &str) -> Option<f64> {
    let event = format!("syscalls:sys_enter_{call}");
    let mut lines = report.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.get(2) == Some(&event.as_str()))?;
    line[0].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_are_named() {
        let parse = |line: &str| {
            Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let options = parse("redis --rounds 3 proxy-bulk --seconds 1.5").unwrap();
        assert_eq!((options.rounds, options.seconds), (3, 1.5));
        assert_eq!(LOADS.iter().filter(|load| options.wants(load)).count(), 4);
        for wrong in ["--rounds", "--rounds 0", "--round 3", "mysql", "--seconds x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts_of_perf_are_read() {
        let report = "# started\n\n300,,syscalls:sys_enter_writev,1,100.00,,\n\
                      <not supported>,,syscalls:sys_enter_write,0,100.00,,\n";
        assert_eq!(count(report, "writev"), Some(300.0));
        assert_eq!(count(report, "write"), None);
        assert_eq!(count(report, "sendto"), None);
    }
}
