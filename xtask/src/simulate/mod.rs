//! Tests of the real system, run once more under the simulation.
//!
//! `tests/simulated` has the files, and those of their tests that cannot be simulated.

use std::process::Command;

use crate::{Outcome, commands, root};

/// So many seeds for each test if nobody says: a sample that takes about a minute.
const SEEDS: u64 = 2;

const HELP: &str = "\
cargo xtask simulate tests [words] [--seeds N]
                                    those tests whose name contains a word, with N seeds each";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let [what, rest @ ..] = arguments else { return Err(HELP.into()) };
    if what != "tests" {
        return Err(format!("there is nothing called `{what}` to simulate\n\n{HELP}"));
    }
    let mut seeds = SEEDS;
    let mut words = Vec::new();
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        if word == "--seeds" {
            let number = rest.next().and_then(|number| number.parse().ok());
            seeds =
                number.filter(|&number| number > 0).ok_or("`--seeds` needs a number above 0")?;
        } else if word.starts_with('-') {
            return Err(format!("there is no option `{word}`\n\n{HELP}"));
        } else {
            words.push(word);
        }
    }
    let mut tests = Command::new("cargo");
    tests.current_dir(root()).args(["test", "-p", "simulated-promises", "--no-fail-fast", "--"]);
    tests.args(words).env("RUNTIME_SIM_SEEDS", seeds.to_string());
    commands::run(tests)
}
