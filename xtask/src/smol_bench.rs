//! The same programs of smol and async-std on the registry's crates and on the stand-ins in
//! `compat/`: built twice, then run in turns.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::originals::patch_lines;
use crate::sides::{self, Process, median, numbers};
use crate::{Outcome, root};

const KINDS: [&str; 2] = ["smol", "async-std"];

/// Names that the program understands, and what each is.
const PROGRAMS: [(&str, &str); 13] = [
    ("spawn-one", "spawn from a task, await it, one by one"),
    ("spawn-1000", "1,000 spawned from a task, then all awaited"),
    ("spawn-outside", "1,000 spawned in `block_on`, then all awaited"),
    ("yield-8", "8 tasks that yield"),
    ("block-on", "`block_on` of a future that is ready"),
    ("timers-10000", "10,000 tasks that sleep 1 to 11 ms, a task"),
    ("timer-one", "a sleep of 100 us, one after the other"),
    ("timer-dropped", "a sleep of an hour, polled once, then dropped"),
    ("unblock-one", "one blocking job at a time, a job"),
    ("unblock-1000", "1,000 blocking jobs in flight, a job"),
    ("file-whole-4k", "the whole of a file of 4 KiB"),
    ("file-whole-1m", "the whole of a file of 1 MiB"),
    ("file-pieces-4k", "a file of 1 MiB in pieces of 4 KiB, a piece"),
];

/// Connections of the echo: 64 bytes there and back.
const ECHOES: [&str; 3] = ["1", "50", "500"];

/// Workers of each runtime.
const WORKERS: &str = "2";

/// One program on one side, in nanoseconds; of an echo the time between two answers.
#[derive(Clone, Copy)]
struct Figures {
    wall: f64,
    cpu: f64,
    /// The 99th percentile, for an echo.
    p99: f64,
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (mut rounds, mut words) = (5, Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--rounds" => {
                let count = rest.next().and_then(|count| count.parse().ok());
                rounds = count.filter(|count| *count > 0).ok_or("`--rounds` needs a number")?;
            }
            word if word.starts_with("--") => {
                return Err(format!("there is no `{word}`, only `--rounds N`"));
            }
            word => words.push(word),
        }
    }
    let programs = [build("originals", "")?, build("ours", &patch_lines()?)?];
    println!("\n{rounds} rounds, medians; ours / the originals; {WORKERS} workers\n");
    println!("| program | wall, ns | CPU, ns | p99, us |\n|---|---|---|---|");
    let names = PROGRAMS.iter().map(|(name, _)| (*name).to_owned());
    let echoes = ECHOES.iter().map(|connections| format!("echo-{connections}"));
    for name in names.chain(echoes) {
        for kind in KINDS {
            let row = format!("{kind} {name}");
            if words.is_empty() || words.iter().any(|word| row.contains(word)) {
                println!("{}", compare(&programs, kind, &name, rounds)?);
            }
        }
    }
    println!("\n| program | what it is |\n|---|---|");
    PROGRAMS.iter().for_each(|(name, what)| println!("| {name} | {what} |"));
    println!("| echo-N | 64 bytes there and back, N connections, the time between two answers |");
    Ok(())
}

fn compare(
    programs: &[PathBuf; 2],
    kind: &str,
    name: &str,
    rounds: usize,
) -> Result<String, String> {
    let mut all: [Vec<Figures>; 2] = Default::default();
    for round in 0..rounds {
        // The side that goes first changes from round to round.
        for turn in 0..2 {
            let side = (round + turn) % 2;
            // The client is the same for both.
            let figures = match name.strip_prefix("echo-") {
                Some(connections) => echo(&programs[side], &programs[0], kind, connections)?,
                None => measure(&programs[side], kind, name)?,
            };
            all[side].push(figures);
        }
    }
    let cell = |of: fn(&Figures) -> f64, digits: usize| {
        let [originals, ours] = [0, 1].map(|side| median(all[side].iter().map(of).collect()));
        sides::cell(ours, originals, digits)
    };
    let p99 = if name.starts_with("echo-") { cell(|f| f.p99, 0) } else { String::new() };
    let (wall, cpu) = (cell(|f| f.wall, 0), cell(|f| f.cpu, 0));
    Ok(format!("| {kind} {name} | {wall} | {cpu} | {p99} |"))
}

fn build(side: &str, patch: &str) -> Result<PathBuf, String> {
    let (source, folder) = (root().join("compat/smol-bench"), root().join("target/smol-bench"));
    sides::build_program(&source, &folder.join(side), patch)
}

fn program(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command.env("SMOL_THREADS", WORKERS).env("ASYNC_STD_THREAD_COUNT", WORKERS);
    command
}

fn measure(path: &Path, kind: &str, name: &str) -> Result<Figures, String> {
    let [wall, cpu] = numbers(&sides::text(&mut program(path, &[kind, name]))?)?;
    Ok(Figures { wall, cpu, p99: 0.0 })
}

fn echo(server: &Path, client: &Path, kind: &str, connections: &str) -> Result<Figures, String> {
    let mut command = program(server, &[kind, "serve"]);
    command.stdout(Stdio::piped());
    let mut process = Process::start(command)?;
    let mut address = String::new();
    let stdout = process.child.stdout.take().ok_or("the server has no output")?;
    BufReader::new(stdout).read_line(&mut address).map_err(|error| error.to_string())?;
    let load = |ms: &str| {
        numbers(&sides::text(&mut program(client, &["load", address.trim(), connections, ms]))?)
    };
    let _: [f64; 3] = load("100")?;
    let cpu = process.cpu_us();
    let [per_second, _, p99] = load("1000")?;
    let cpu = (process.cpu_us() - cpu) * 1000.0 / per_second;
    Ok(Figures { wall: 1e9 / per_second, cpu, p99 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_without_its_number_is_refused() {
        assert!(run(&["--rounds".to_owned()]).is_err());
    }
}
