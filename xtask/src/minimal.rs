//! Builds `runtime` with the oldest releases that its manifest allows: it must compile with each.
//!
//! A program's lock file may hold these releases, and cargo changes them only when asked to. Nobody
//! who builds with the newest releases notices a requirement that is too low.

use std::fs;
use std::process::Command;

use crate::sides::{copy_folder, failed, write};
use crate::{Outcome, commands, root};

pub(crate) fn run() -> Outcome {
    let folder = root().join("target/minimal");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(failed(&folder))?;
    }
    for package in ["runtime", "runtime-macros"] {
        copy_folder(&root().join(package), &folder.join(package))?;
    }
    for file in ["README.md", "Cargo.toml", "runtime/Cargo.toml"] {
        let path = root().join(file);
        let text = fs::read_to_string(&path).map_err(failed(&path))?;
        write(&folder.join(file), &if file == "README.md" { text } else { alone(&text) })?;
    }
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.arg("+nightly").args(arguments).current_dir(&folder);
        command.env("CARGO_TARGET_DIR", folder.join("target"));
        commands::run(command)
    };
    cargo(&["update", "--quiet", "-Z", "direct-minimal-versions"])?;
    cargo(&["check", "--quiet", "--workspace", "--all-features"])
}

/// A manifest without the packages that were not copied, and without what only tests need: that is
/// no requirement to others.
fn alone(manifest: &str) -> String {
    let mut kept = true;
    let mut text = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            kept = line != "[dev-dependencies]";
        }
        let line = match line {
            _ if line.starts_with("members = ") => "members = [\"runtime\", \"runtime-macros\"]",
            _ if line.starts_with("exclude = ") || line.starts_with("default-members = ") => "",
            _ => line,
        };
        if kept {
            text += line;
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_stands_alone() {
        let manifest = "[workspace]\nmembers = [\"a\", \"b\"]\nexclude = [\"c\"]\n[dev-dependencies]\nx = \"1\"\n\n[lints]\n";
        assert_eq!(
            alone(manifest),
            "[workspace]\nmembers = [\"runtime\", \"runtime-macros\"]\n\n[lints]\n"
        );
    }
}
