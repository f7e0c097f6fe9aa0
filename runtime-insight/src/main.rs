//! The command `runtime-insight`: see `command/arguments.rs` for what it can do.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

mod command;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let done = command::run(arguments.map(|one| one.to_string_lossy().into_owned()).collect());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            if let Some(text) = failed.text() {
                let _ = writeln!(std::io::stderr(), "runtime-insight: {text}");
            }
            ExitCode::FAILURE
        }
    }
}
