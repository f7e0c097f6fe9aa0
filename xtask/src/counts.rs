//! Counts instructions and locked instructions for each operation, by the number of workers.
//!
//! valgrind counts each instruction of `benches/src/bin/counts.rs`, in two runs of different
//! length. The difference is the cost of the operations, without start and end. Another core can
//! delay an instruction with a `lock` prefix, and an `xchg` with memory: a count of these that
//! grows with the number of workers will not scale. valgrind runs one thread at a time, so the
//! counts do not depend on the machine's load and contain no waiting.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, root};

const WORKLOADS: [&str; 7] = ["spawn", "batch", "yield", "ping-pong", "echo", "semaphore", "sleep"];
const WORKERS: [usize; 3] = [2, 16, 128];
/// The shorter run; the longer one is three times as long.
const OPERATIONS: u64 = 2_000;

/// Executions of each instruction of the program, by address, and of all instructions whatsoever.
struct Profile {
    total: f64,
    by_address: HashMap<u64, f64>,
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let places = arguments.iter().any(|word| word == "--places");
    let words: Vec<&String> = arguments.iter().filter(|word| *word != "--places").collect();
    if let Some(flag) = words.iter().find(|word| word.starts_with('-')) {
        return Err(format!("known is only `--places`, not `{flag}`"));
    }
    let program = build()?;
    let locked = locked_instructions(&program)?;
    println!(
        "\n| an operation of | workers | instructions, ours / tokio | locked |\n|---|---|---|---|"
    );
    for workload in WORKLOADS {
        if !words.is_empty() && !words.iter().any(|word| workload.contains(word.as_str())) {
            continue;
        }
        for workers in WORKERS {
            let ours = one_operation(&program, "ours", workload, workers)?;
            let tokio = one_operation(&program, "tokio", workload, workers)?;
            println!(
                "| {workload} | {workers} | {:.0} / {:.0} | {:.1} / {:.1} |",
                ours.total,
                tokio.total,
                ours.sum(&locked),
                tokio.sum(&locked)
            );
            if places {
                print_places(&program, &ours, &locked)?;
            }
        }
    }
    Ok(())
}

fn build() -> Result<PathBuf, String> {
    let target = root().join("target/counts");
    let mut command = Command::new("cargo");
    command
        .current_dir(root())
        .args(["build", "--release", "-p", "benches", "--bin", "counts", "--target-dir"])
        .arg(&target)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    crate::commands::run(command)?;
    Ok(target.join("release/counts"))
}

/// What a program prints, if it ends well.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        format!("{name}: {error}; it is in Debian's package of that name or in binutils")
    })?;
    if !output.status.success() {
        return Err(format!(
            "{name}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The addresses of the instructions that lock a word of memory.
fn locked_instructions(program: &Path) -> Result<Vec<u64>, String> {
    let text = output(Command::new("objdump").args(["-d", "--no-show-raw-insn"]).arg(program))?;
    let locks =
        |code: &str| code.starts_with("lock ") || (code.starts_with("xchg ") && code.contains('('));
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    Ok(lines
        .filter(|(_, code)| locks(code.trim()))
        .filter_map(|(address, _)| u64::from_str_radix(address.trim(), 16).ok())
        .collect())
}

fn one_operation(
    program: &Path,
    peer: &str,
    workload: &str,
    workers: usize,
) -> Result<Profile, String> {
    let short = profile(program, peer, workload, workers, OPERATIONS)?;
    let mut long = profile(program, peer, workload, workers, 3 * OPERATIONS)?;
    let operations = (2 * OPERATIONS) as f64;
    for (address, count) in &mut long.by_address {
        *count = (*count - short.by_address.get(address).unwrap_or(&0.0)) / operations;
    }
    long.total = (long.total - short.total) / operations;
    Ok(long)
}

fn profile(
    program: &Path,
    peer: &str,
    workload: &str,
    workers: usize,
    operations: u64,
) -> Result<Profile, String> {
    let file = root().join("target/counts/callgrind.out");
    output(
        Command::new("valgrind")
            .args(["--tool=callgrind", "--dump-instr=yes", "--fair-sched=yes"])
            .args(["--compress-strings=no", "--compress-pos=no"])
            .arg(format!("--callgrind-out-file={}", file.display()))
            .arg(program)
            .args([peer, workload, &workers.to_string(), &operations.to_string()]),
    )?;
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Profile::parse(&text, program))
}

impl Profile {
    /// Reads callgrind's format. `ob=` names the object whose instructions follow. Each line of
    /// figures is an address, a source line and a count. The line after `calls=` counts again what
    /// is inside the call.
    fn parse(text: &str, program: &Path) -> Profile {
        let (mut own, mut call) = (false, false);
        let mut profile = Profile { total: 0.0, by_address: HashMap::new() };
        for line in text.lines() {
            if let Some(object) = line.strip_prefix("ob=") {
                own = Path::new(object) == program;
            } else if line.starts_with("calls=") {
                call = true;
            } else if let Some(figures) = line.strip_prefix("0x") {
                if std::mem::take(&mut call) {
                    continue;
                }
                let mut figures = figures.split(' ');
                let address = figures.next().and_then(|word| u64::from_str_radix(word, 16).ok());
                let count = figures.nth(1).and_then(|word| word.parse::<f64>().ok());
                let (Some(address), Some(count)) = (address, count) else { continue };
                profile.total += count;
                if own {
                    *profile.by_address.entry(address).or_default() += count;
                }
            }
        }
        profile
    }

    fn sum(&self, addresses: &[u64]) -> f64 {
        addresses.iter().filter_map(|address| self.by_address.get(address)).sum()
    }
}

/// The lines of the runtime that lock at least once in twenty operations, and how often they do.
fn print_places(program: &Path, profile: &Profile, locked: &[u64]) -> Outcome {
    let count = |address: &u64| profile.by_address.get(address).copied().unwrap_or_default();
    let seen: Vec<u64> = locked.iter().copied().filter(|address| count(address) >= 0.01).collect();
    let mut places: HashMap<String, f64> = HashMap::new();
    for (address, place) in seen.iter().zip(lines_of(program, &seen)?) {
        *places.entry(place).or_default() += count(address);
    }
    let mut places: Vec<_> = places.into_iter().filter(|(_, count)| *count >= 0.05).collect();
    places.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (place, count) in places {
        println!("    {count:6.2}  {place}");
    }
    Ok(())
}

/// For each address the two innermost lines of this project that it belongs to.
fn lines_of(program: &Path, addresses: &[u64]) -> Result<Vec<String>, String> {
    let words = addresses.iter().map(|address| format!("{address:x}"));
    let mut addr2line = Command::new("addr2line");
    let text = output(addr2line.args(["-a", "-i", "-e"]).arg(program).args(words))?;
    // Each answer begins with its address.
    let answers = text.split("0x").skip(1);
    Ok(answers
        .map(|answer| {
            let ours = answer.lines().filter_map(|line| line.split_once("runtime/src/"));
            let lines: Vec<&str> = ours.map(|(_, line)| line).take(2).collect();
            if lines.is_empty() {
                answer.lines().last().unwrap_or_default().to_owned()
            } else {
                lines.join(" < ")
            }
        })
        .collect())
}
