//! Whether each planted bug is there in 100 replays of 100.

use std::process::Command;

use super::Options;
use crate::{Outcome, commands, root};

const REPLAYS: &str = "100";

pub(super) fn run(options: &Options) -> Outcome {
    let mut tests = Command::new("cargo");
    tests.current_dir(root());
    tests.args(["test", "-p", "runtime-sim", "--test", "planted_bugs", "--no-fail-fast", "--"]);
    tests.args(&options.words).args(["--nocapture", "--test-threads=1"]);
    tests.env("PLANTED_BUGS_REPLAYS", REPLAYS);
    commands::run(tests)
}
