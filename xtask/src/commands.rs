//! The commands that run other programs.

use std::process::Command;

use crate::{Outcome, root};

/// Runs a command with its output on this terminal.
pub(crate) fn run(mut command: Command) -> Outcome {
    let shown = shown(&command);
    println!("\n$ {shown}");
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed: {status}")) }
}

/// The command line as one would type it.
fn shown(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}='{}'", name.to_string_lossy(), value.to_string_lossy()));
        }
    }
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root()).args(arguments);
    command
}

pub(crate) fn lint() -> Outcome {
    run(cargo(&["fmt", "--all", "--check"]))?;
    run(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    for features in FEATURES {
        let package = ["clippy", "-p", "runtime", "--no-default-features", "--features", features];
        let mut clippy = cargo(&package);
        clippy.args(["--", "-D", "warnings"]);
        run(clippy)?;
    }
    let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    run(doc)?;
    for workspace in ECOSYSTEM {
        run(cargo_in(workspace, &["fmt", "--all", "--check"]))?;
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        run(cargo_in(workspace, &clippy))?;
    }
    let mut clippy = cargo_in(ECOSYSTEM[1], &["clippy"]);
    clippy.args(DUMPS).args(["--", "-D", "warnings"]);
    run(clippy)
}

/// Sets of features of `runtime` in which it is built alone: without each of the default ones.
const FEATURES: [&str; 3] = ["", "insight", "stall-lines"];

/// The workspaces with other people's crates: built as usual, built with tokio's flag, and those of
/// smol and async-std.
const ECOSYSTEM: [&str; 3] = ["compat", "compat/unstable", "compat/smol-tests"];

/// Tests of the second workspace that run apart: their feature changes what other tests see.
const DUMPS: [&str; 4] = ["--features", "taskdump", "--test", "dumps_show_where_tasks_wait"];

fn cargo_in(workspace: &str, arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command.current_dir(root().join(workspace));
    command
}

pub(crate) fn test(arguments: &[String]) -> Outcome {
    let apart = ["--exclude", "models", "--exclude", "simulated-promises"];
    let mut all = cargo(&["test", "--workspace", "--no-fail-fast"]);
    all.args(apart).args(arguments);
    let rest = run(all);
    // Unoptimised, loom's models take minutes instead of seconds.
    let mut models = cargo(&["test", "-p", "models", "--release", "--no-fail-fast"]);
    models.args(arguments);
    let models = run(models);
    // What only a feature that is off by default does.
    let mut lines = cargo(&["test", "-p", "runtime", "--lib", "--features", "stall-lines"]);
    let lines = run({
        lines.arg("stall::");
        lines
    });
    let simulated = crate::simulate::run(&["tests".to_owned()]);
    let [ecosystem, unstable, smol] = ECOSYSTEM.map(|workspace| {
        let mut tests = cargo_in(workspace, &["test", "--workspace", "--no-fail-fast"]);
        tests.args(arguments);
        run(tests)
    });
    let mut dumps = cargo_in(ECOSYSTEM[1], &["test"]);
    dumps.args(DUMPS).args(arguments);
    rest.and(models)
        .and(lines)
        .and(simulated)
        .and(ecosystem)
        .and(unstable)
        .and(smol)
        .and(run(dumps))
}

pub(crate) fn bench(arguments: &[String]) -> Outcome {
    let mut command = cargo(&["run", "--release", "-p", "benches"]);
    let manifest = std::fs::read_to_string(root().join("benches/Cargo.toml")).unwrap_or_default();
    if manifest.contains("\nours = ") {
        command.args(["--features", "ours"]);
    }
    command.arg("--").args(arguments);
    run(command)
}
