//! Opens the page of `runtime-insight` in a real browser: once the page from inside the program,
//! once that of the command. `runtime-insight/browser/check.mjs` says what is checked.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::sides::failed;
use crate::{Outcome, root};

/// How many tasks wait beside the others.
const TASKS: &str = "100000";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    if let Some(other) = arguments.first() {
        return Err(format!("page takes no arguments, not {other:?}"));
    }
    let root = root();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), Into::into);
    let folder = target.join("page");
    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    let built = ["build", "--release", "-p", "runtime-insight", "-p", "examples", "--example"];
    succeeds(
        Command::new("cargo")
            .args(built)
            .args(["insight", "--bin", "runtime-insight"])
            .current_dir(&root),
    )?;
    // The check is copied beside what npm installs for it, and so outside of the tree.
    for file in ["check.mjs", "package.json"] {
        let from = root.join("runtime-insight/browser").join(file);
        fs::copy(&from, folder.join(file)).map_err(failed(&from))?;
    }
    succeeds(
        Command::new("npm").args(["install", "--no-audit", "--no-fund"]).current_dir(&folder),
    )?;

    let mut example = Command::new(target.join("release/examples/insight"));
    let (program, inside) = Running::start(example.env("TASKS", TASKS).stderr(Stdio::null()))?;
    println!("the page from inside the program:");
    check(&folder, &inside, "inside")?;
    let pid = program.0.id().to_string();
    let mut command = Command::new(target.join("release/runtime-insight"));
    let (_command, outside) = Running::start(command.arg(pid))?;
    println!("the page of the command:");
    check(&folder, &outside, "outside")
}

fn check(folder: &Path, address: &str, name: &str) -> Outcome {
    let pictures = folder.join(name);
    fs::create_dir_all(&pictures).map_err(failed(&pictures))?;
    let node = Command::new("node")
        .args(["check.mjs", address])
        .arg(&pictures)
        .current_dir(folder)
        .status()
        .map_err(|error| format!("node: {error} (is it installed?)"))?;
    println!("the pictures are in {}", pictures.display());
    if node.success() { Ok(()) } else { Err("the page does not do what it should".to_owned()) }
}

fn succeeds(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("{name}: {error} (is it installed?)")),
    }
}

/// A program that prints the address of a page. It is killed when this is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Result<(Running, String), String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.stdout(Stdio::piped()).spawn();
        let mut running = Running(child.map_err(|error| format!("{name}: {error}"))?);
        let mut lines = BufReader::new(running.0.stdout.take().expect("it is piped")).lines();
        let address = lines.find_map(|line| {
            let line = line.ok()?;
            Some(line[line.find("http://")?..].trim().to_owned())
        });
        // Reads what the program prints later, so that it can go on.
        std::thread::spawn(move || lines.for_each(drop));
        Ok((running, address.ok_or(format!("{name} prints no address"))?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
