//! Whether a seed is the same run in each process.
//!
//! The tests of `compat/simulated` run some seeds in fresh processes: three times as they are, with
//! all of the process's memory where the kernel likes (the usual) and without (`setarch -R`), on
//! all cores and on one (`taskset`). Each run has a hash; all twelve of a seed must be equal. The
//! processes that run seeds have no random addresses in either case, since the package switches
//! them off for them. So the last three rounds switch them on again, and are only counted: what
//! differs there goes by its addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Options;
use crate::{Outcome, loom, root};

const SEEDS: u64 = 20;
/// Fresh processes for each way to run.
const TIMES: usize = 3;
/// The test that must have so many different runs: seeds, and different ones among them.
const MANY: (&str, u64, usize) =
    ("an_application_of_three_hosts_is_the_same_run_in_each_process", 1000, 990);

/// How a program is run: its name, and what stands before the program.
const WAYS: [(&str, &[&str]); 4] = [
    ("as it is", &[]),
    ("without random addresses", &["setarch", "-R"]),
    ("on one core", &["taskset", "-c", "0"]),
    ("both", &["setarch", "-R", "taskset", "-c", "0"]),
];

/// The hashes of a test's seeds.
type Hashes = BTreeMap<(String, u64), String>;

pub(super) fn run(options: &Options) -> Outcome {
    let seeds = options.number("--seeds").unwrap_or(SEEDS);
    let programs = build()?;
    let mut wrong = Vec::new();
    println!("\n| test | seeds | different | equal in {} processes | with random addresses |", {
        WAYS.len() * TIMES
    });
    println!("|---|---|---|---|---|");
    for program in &programs {
        for test in loom::list_tests(program)? {
            if !options.wants(&test) {
                continue;
            }
            let first = hashes(program, &test, seeds, &[], false)?;
            let mut unequal = BTreeSet::new();
            for (way, prefix) in WAYS {
                for _ in 0..TIMES {
                    let others = hashes(program, &test, seeds, prefix, false)?;
                    for (key, hash) in &first {
                        if others.get(key) != Some(hash) {
                            unequal.insert(key.1);
                            wrong.push(format!("{test}, seed {}, {way}", key.1));
                        }
                    }
                }
            }
            let mut moved = BTreeSet::new();
            for _ in 0..TIMES {
                let others = hashes(program, &test, seeds, &[], true)?;
                moved.extend(
                    first
                        .iter()
                        .filter(|(key, hash)| others.get(key) != Some(hash))
                        .map(|(k, _)| k.1),
                );
            }
            let different: BTreeSet<&String> = first.values().collect();
            println!(
                "| {test} | {seeds} | {} | {} | {} |",
                different.len(),
                seeds as usize - unequal.len(),
                seeds as usize - moved.len(),
            );
            let (name, many, least) = MANY;
            if test == name {
                let all = hashes(program, &test, many, &[], false)?;
                let different = all.values().collect::<BTreeSet<_>>().len();
                println!("| {test} | {many} | {different} | | |");
                if different < least {
                    wrong.push(format!("{test}: only {different} of {many} seeds are different"));
                }
            }
        }
    }
    wrong.dedup();
    loom::print_list("that are not as they must be", &wrong);
    if wrong.is_empty() { Ok(()) } else { Err(format!("{} runs were not equal", wrong.len())) }
}

fn build() -> Result<Vec<PathBuf>, String> {
    let output = Command::new("cargo")
        .current_dir(root().join("compat"))
        .args(["test", "-p", "simulated", "--tests", "--no-run"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err("the tests of compat/simulated do not build".into());
    }
    Ok(loom::executables(&String::from_utf8_lossy(&output.stdout)))
}

/// The hash of each seed, from a process that was started for it.
fn hashes(
    program: &Path,
    test: &str,
    seeds: u64,
    prefix: &[&str],
    random_addresses: bool,
) -> Result<Hashes, String> {
    let list = root().join("target/simulated-hashes");
    let _ = fs::remove_file(&list);
    let words: Vec<&str> =
        prefix.iter().copied().chain(program.to_str()).chain(["--exact", test]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(root().join("compat/simulated"));
    command.env("RUNTIME_SIM_HASHES", &list).env("RUNTIME_SIM_SEEDS", seeds.to_string());
    if random_addresses {
        command.env("RUNTIME_SIM_RANDOM_ADDRESSES", "1");
    }
    let output = command.output().map_err(|error| format!("{}: {error}", words[0]))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{test}: {}\n{text}", output.status));
    }
    let text =
        fs::read_to_string(&list).map_err(|error| format!("{test} has no hashes: {error}"))?;
    Ok(read(&text))
}

/// Lines of name, seed and hash.
fn read(text: &str) -> Hashes {
    let mut found = Hashes::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(Ok(seed)), Some(hash)) =
            (words.next(), words.next().map(str::parse), words.next())
        {
            found.insert((name.to_owned(), seed), hash.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_hashes_is_read() {
        let found = read("a::b 7 0f\na::b 8 1f deadlock\n\n");
        assert_eq!(found[&("a::b".to_owned(), 7)], "0f");
        assert_eq!(found.len(), 2);
    }
}
