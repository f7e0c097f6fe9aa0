//! Tests of the real system, run once more under the simulation, and what is known of the
//! simulation itself.
//!
//! `tests/simulated` has the files, and those of their tests that cannot be simulated.
//!
//! | file         | command                                                                   |
//! |--------------|---------------------------------------------------------------------------|
//! | `mod.rs`     | `tests`: the tests, with some seeds each                                    |
//! | `mutants.rs` | `mutants`: whether they notice wake-ups that are left out                   |
//! | `hashes.rs`  | `hashes`: whether a seed is the same run in each process                    |
//! | `replays.rs` | `replays`: whether each planted bug is there in 100 replays of 100          |
//! | `absent.rs`  | `absent`: that programs for users have nothing of the simulation            |

mod absent;
mod hashes;
mod mutants;
mod replays;

use std::process::Command;

use crate::{Outcome, commands, root};

/// So many seeds for each test if nobody says: a sample that takes about a minute.
const SEEDS: u64 = 2;

const HELP: &str = "\
cargo xtask simulate tests [words] [--seeds N]
                                    those tests whose name contains a word, with N seeds each
cargo xtask simulate mutants [filter] [--seeds N] [--orderings N] [--list]
                                    whether those tests notice each wake-up that is left out, and N
                                    orderings that are weaker
cargo xtask simulate hashes [words] [--seeds N]
                                    whether a seed is the same run in each process, with and without
                                    random addresses, on one core and on all
cargo xtask simulate replays [words]
                                    each planted bug, found and replayed 100 times
cargo xtask simulate absent         nothing of the simulation is in a program that is no test";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let [what, rest @ ..] = arguments else { return Err(HELP.into()) };
    match what.as_str() {
        "tests" => tests(&Options::parse(rest, &["--seeds"], &[])?),
        "mutants" => mutants::run(&Options::parse(rest, &["--seeds", "--orderings"], &["--list"])?),
        "hashes" => hashes::run(&Options::parse(rest, &["--seeds"], &[])?),
        "replays" => replays::run(&Options::parse(rest, &[], &[])?),
        "absent" => absent::run(&Options::parse(rest, &[], &[])?),
        _ => Err(format!("there is nothing called `{what}` to simulate\n\n{HELP}")),
    }
}

/// What stands behind a command.
#[derive(Debug, Default, PartialEq)]
struct Options {
    words: Vec<String>,
    numbers: Vec<(String, u64)>,
    flags: Vec<String>,
}

impl Options {
    /// `numbers` are the options that take one, `flags` those that take nothing.
    fn parse(arguments: &[String], numbers: &[&str], flags: &[&str]) -> Result<Options, String> {
        let mut options = Options::default();
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            if numbers.contains(&word.as_str()) {
                let number = rest.next().and_then(|number| number.parse().ok());
                let number = number.filter(|&number| number > 0);
                let number = number.ok_or(format!("`{word}` needs a number above 0"))?;
                options.numbers.push((word.clone(), number));
            } else if flags.contains(&word.as_str()) {
                options.flags.push(word.clone());
            } else if word.starts_with('-') {
                return Err(format!("there is no option `{word}`\n\n{HELP}"));
            } else {
                options.words.push(word.clone());
            }
        }
        Ok(options)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.numbers.iter().find(|(known, _)| known == name).map(|&(_, number)| number)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }

    /// Whether a name has one of the words in it, or there is none.
    fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }
}

fn tests(options: &Options) -> Outcome {
    let mut tests = Command::new("cargo");
    tests.current_dir(root()).args(["test", "-p", "simulated-promises", "--no-fail-fast", "--"]);
    let seeds = options.number("--seeds").unwrap_or(SEEDS);
    tests.args(&options.words).env("RUNTIME_SIM_SEEDS", seeds.to_string());
    commands::run(tests)
}

#[cfg(test)]
mod unit {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_read() {
        let options = Options::parse(&words("a --seeds 7 b --list"), &["--seeds"], &["--list"]);
        let options = options.unwrap();
        assert_eq!(options.words, ["a", "b"]);
        assert_eq!(options.number("--seeds"), Some(7));
        assert!(options.has("--list") && options.wants("xbx") && !options.wants("c"));
        for wrong in ["--seeds", "--seeds 0", "--seeds x", "--seed 3"] {
            assert!(Options::parse(&words(wrong), &["--seeds"], &[]).is_err(), "{wrong}");
        }
    }
}
