//! What comparisons of programs on tokio and on `compat/tokio` share: the two sides, packages that
//! belong to no workspace, processes that are watched from outside, medians.

use std::env;
use std::fs;
use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Outcome, root};

/// The side of the registry's tokio, and that of the patch.
pub(crate) const SIDES: [&str; 2] = ["tokio", "ours"];

/// The lines at the end of a manifest that put `compat/tokio` in tokio's place, on the side that
/// has it.
pub(crate) fn patch(side: &str) -> String {
    let shim = root().join("compat/tokio");
    let lines = format!("\n[patch.crates-io]\ntokio = {{ path = {shim:?} }}\n");
    if side == SIDES[1] { lines } else { String::new() }
}

/// Adds the file's name to an error.
pub(crate) fn failed(what: &Path) -> impl FnOnce(Error) -> String {
    move |error| format!("{}: {error}", what.display())
}

/// Writes a file unless it has this content already: cargo rebuilds what is newer.
pub(crate) fn write(path: &Path, text: &str) -> Outcome {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(failed(folder))?;
    fs::write(path, text).map_err(failed(path))
}

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let (old, new) = (entry.path(), to.join(entry.file_name()));
        if old.is_dir() {
            copy_folder(&old, &new)?;
        } else {
            fs::copy(&old, &new).map_err(failed(&old))?;
        }
    }
    Ok(())
}

/// Builds the program of a package that belongs to no workspace, from a copy in `package` whose
/// manifest has the lines of `patch`. It must be called as its folder.
pub(crate) fn build_program(source: &Path, package: &Path, patch: &str) -> Result<PathBuf, String> {
    copy_folder(&source.join("src"), &package.join("src"))?;
    let path = source.join("Cargo.toml");
    let manifest = fs::read_to_string(&path).map_err(failed(&path))?;
    write(&package.join("Cargo.toml"), &format!("{manifest}{patch}"))?;
    let target = package.join("target");
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--quiet"]).current_dir(package);
    command.env("CARGO_TARGET_DIR", &target);
    crate::commands::run(command)?;
    let name = source.file_name().ok_or_else(|| format!("{} has no name", source.display()))?;
    Ok(target.join("release").join(name))
}

/// Lets cargo download packages, each a name and a version, as dependencies of a package in
/// `folder` that has nothing else. Returns where cargo has unpacked them.
pub(crate) fn fetch(folder: &Path, packages: &[(&str, &str)]) -> Result<Vec<PathBuf>, String> {
    let mut manifest = String::from(
        "[package]\nname = \"fetch\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n",
    );
    // Of one package there may be two releases.
    for (at, (name, version)) in packages.iter().enumerate() {
        manifest += &format!(
            "p{at} = {{ package = \"{name}\", version = \"={version}\", default-features = false }}\n"
        );
    }
    write(&folder.join("Cargo.toml"), &manifest)?;
    write(&folder.join("src/lib.rs"), "")?;
    if packages.iter().any(|package| source(package).is_none()) {
        // cargo warns that packages without a library are no dependencies, which is right.
        let mut command = Command::new("cargo");
        command.args(["fetch", "--quiet"]).current_dir(folder);
        crate::commands::run(command)?;
    }
    let found = |package: &(&str, &str)| {
        let (name, version) = package;
        let place = cargo_home().join("registry/src");
        let missing = || {
            format!("cargo has downloaded {name} {version}, but it is not in {}", place.display())
        };
        source(package).ok_or_else(missing)
    };
    packages.iter().map(found).collect()
}

fn cargo_home() -> PathBuf {
    let own = || env::home_dir().unwrap_or_default().join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(own, PathBuf::from)
}

/// Where cargo has unpacked a package.
fn source((name, version): &(&str, &str)) -> Option<PathBuf> {
    let registries = fs::read_dir(cargo_home().join("registry/src")).ok()?;
    let folder = format!("{name}-{version}");
    let mut places = registries.flatten().map(|registry| registry.path().join(&folder));
    places.find(|place| place.join("Cargo.toml").exists())
}

/// Returns what a program wrote to its standard output; an error if it failed.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error} (is it installed?)"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{name} failed, {}: {said}", output.status));
    }
    Ok(output.stdout)
}

/// Returns the same as text.
pub(crate) fn text(command: &mut Command) -> Result<String, String> {
    Ok(String::from_utf8_lossy(&output(command)?).into_owned())
}

/// The median; for an even number of values the upper one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The numbers of a line that a program has printed.
pub(crate) fn numbers<const N: usize>(text: &str) -> Result<[f64; N], String> {
    let all: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    all.try_into().map_err(|_| format!("the program said: {text}"))
}

/// A cell of a table: both values, and the quotient of ours and tokio's.
pub(crate) fn cell(ours: f64, tokio: f64, digits: usize) -> String {
    format!("{ours:.digits$} / {tokio:.digits$} ({:.2})", ours / tokio)
}

// ---- processes ----

/// A program that runs, killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Result<Process, String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        Ok(Process { child })
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap_or_default()
    }

    /// The processor time it has used, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        let stat = self.file("stat");
        // After the name in parentheses, user and system time are the 12th and 13th field, in ticks
        // of 10 ms.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>()
            * 10_000.0
    }

    /// The memory that is resident, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        number_after(&self.file("status"), "VmRSS:")
    }

    pub(crate) fn threads(&self) -> u64 {
        number_after(&self.file("status"), "Threads:")
    }

    pub(crate) fn descriptors(&self) -> u64 {
        let folder = format!("/proc/{}/fd", self.child.id());
        fs::read_dir(folder).map_or(0, |entries| entries.count() as u64)
    }

    /// How many times its threads have left a processor, of those that are still there.
    pub(crate) fn switches(&self) -> u64 {
        let folder = format!("/proc/{}/task", self.child.id());
        let threads = fs::read_dir(folder).into_iter().flatten().flatten();
        let of = |status: String| {
            number_after(&status, "voluntary_ctxt_switches:")
                + number_after(&status, "nonvoluntary_ctxt_switches:")
        };
        threads
            .filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok())
            .map(of)
            .sum()
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) -> Outcome {
        let line = format!("kill -{name} {}", self.child.id());
        output(Command::new("sh").args(["-c", &line])).map(drop)
    }

    /// Returns how it has ended, if it has within this time.
    pub(crate) fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                _ if start.elapsed() > limit => return None,
                _ => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number behind a label at the beginning of a line, or nothing.
fn number_after(text: &str, label: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

// ---- wrk ----

/// What `wrk` says of a run.
pub(crate) struct Wrk {
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
    pub(crate) p99_us: f64,
}

/// Loads a URL with 50 connections; an error if an answer was not what was asked for.
pub(crate) fn wrk(url: &str, seconds: f64) -> Result<Wrk, String> {
    let mut command = Command::new("wrk");
    let length = format!("-d{}s", seconds.ceil().max(1.0));
    Wrk::parse(&text(command.args(["-t1", "-c50", &length, "--latency", url]))?)
}

impl Wrk {
    fn parse(text: &str) -> Result<Wrk, String> {
        let word_after = |label: &str| {
            let line = text.lines().find(|line| line.trim_start().starts_with(label))?;
            line.trim_start().trim_start_matches(label).split_whitespace().next()
        };
        if let Some(line) = text.lines().find(|line| line.contains("Non-2xx")) {
            return Err(format!("wrk got errors: {}", line.trim()));
        }
        let p99 = word_after("99%").ok_or("wrk printed no 99%")?;
        let unit = p99.find(|c: char| c.is_alphabetic()).unwrap_or(p99.len());
        let (number, unit) = p99.split_at(unit);
        let scale = match unit {
            "us" => 1.0,
            "ms" => 1_000.0,
            _ => 1_000_000.0,
        };
        let number: f64 = number.parse().map_err(|_| "wrk's 99% is no number")?;
        let requests = text
            .lines()
            .find(|line| line.contains(" requests in "))
            .and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
            .ok_or("wrk printed no count")?;
        let per_second = word_after("Requests/sec:").and_then(|word| word.parse().ok());
        Ok(Wrk {
            requests,
            per_second: per_second.ok_or("wrk printed no rate")?,
            p99_us: number * scale,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_wrk_are_understood() {
        let text = "  Latency Distribution\n     50%    0.90ms\n     99%    1.50ms\n  \
                    120 requests in 1.00s, 2.00MB read\nRequests/sec:    119.50\n";
        let wrk = Wrk::parse(text).unwrap();
        assert_eq!((wrk.requests, wrk.per_second, wrk.p99_us), (120.0, 119.5, 1500.0));
        assert!(Wrk::parse(&format!("{text}  Non-2xx or 3xx responses: 3\n")).is_err());
        assert!(Wrk::parse("unable to connect").is_err());
    }

    #[test]
    fn the_middle_of_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(Vec::new()), 0.0);
        assert_eq!(cell(3.0, 2.0, 1), "3.0 / 2.0 (1.50)");
    }

    #[test]
    fn numbers_are_read() {
        assert_eq!(numbers("1.5 20\n"), Ok([1.5, 20.0]));
        assert!(numbers::<2>("1.5").is_err());
    }

    #[test]
    fn a_process_is_seen_from_outside() {
        let mut sleeper = Command::new("sleep");
        sleeper.arg("100");
        let mut process = Process::start(sleeper).unwrap();
        assert!(process.descriptors() > 0 && process.threads() == 1 && process.resident_kib() > 0);
        process.signal("TERM").unwrap();
        assert!(process.ended(Duration::from_secs(10)).is_some());
    }

    #[test]
    fn only_one_side_is_patched() {
        assert_eq!(patch(SIDES[0]), "");
        assert!(patch(SIDES[1]).contains("compat/tokio"));
    }
}
