//! The same servers on tokio and on `compat/tokio`: built twice, then loaded in turns.
//!
//! Compared figures are from the same minutes on the same machine; a figure alone says little.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::sides::{self, Process, SIDES, failed, median};
use crate::{Outcome, root};

const LOADS: [&str; 4] = ["axum /", "axum /json", "redis SET", "redis GET"];

/// One load on one side.
#[derive(Clone, Copy, Default)]
struct Figures {
    per_second: f64,
    p99_us: f64,
    /// The server's processor time.
    us_per_request: f64,
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let rounds = match arguments {
        [] => 5,
        [flag, count] if flag == "--rounds" => {
            count.parse().map_err(|_| "`--rounds` needs a number")?
        }
        _ => return Err("known is only `--rounds N`".into()),
    };
    let servers = [build(SIDES[0])?, build(SIDES[1])?];
    sizes()?;
    let mut all: Vec<[Vec<Figures>; 2]> = (0..LOADS.len()).map(|_| Default::default()).collect();
    for round in 0..rounds {
        for (load, name) in LOADS.iter().enumerate() {
            // The side that goes first changes from round to round.
            for turn in 0..2 {
                let side = (round + turn) % 2;
                all[load][side].push(measure(&servers[side], name)?);
            }
        }
    }
    println!("\n{rounds} rounds, medians; ours / tokio\n");
    println!("| load | requests/s | p99, us | CPU a request, us |\n|---|---|---|---|");
    for (load, name) in LOADS.iter().enumerate() {
        let cell = |of: fn(&Figures) -> f64, digits: usize| {
            let [tokio, ours] = [0, 1].map(|side| median(all[load][side].iter().map(of).collect()));
            sides::cell(ours, tokio, digits)
        };
        println!(
            "| {name} | {} | {} | {} |",
            cell(|f| f.per_second, 0),
            cell(|f| f.p99_us, 0),
            cell(|f| f.us_per_request, 2)
        );
    }
    Ok(())
}

/// Builds the servers from scratch, and returns how long it took and how large the program is.
fn build(side: &str) -> Result<PathBuf, String> {
    let source = root().join("compat/bench");
    let read = |file: &str| {
        let path = source.join(file);
        fs::read_to_string(&path).map_err(failed(&path))
    };
    let package = Package::write(side, "servers", &read("Cargo.toml")?, &read("src/main.rs")?)?;
    package.clean()?;
    // The time of downloads is not the compiler's.
    package.cargo(&["fetch", "--quiet"])?;
    let start = Instant::now();
    package.cargo(&["build", "--release", "--quiet"])?;
    let seconds = start.elapsed().as_secs_f64();
    let program = package.target.join("release/compat-bench");
    println!("{side}: built from scratch in {seconds:.1} s, {} KiB", kib(&program)?);
    Ok(program)
}

/// How many kinds of tasks the programs have whose sizes are compared.
const KINDS: [usize; 3] = [1, 21, 101];

/// Builds programs that spawn so many different futures, and returns their sizes. A runtime is
/// linked once; its generic code is linked once for each future.
fn sizes() -> Outcome {
    println!("\n| kinds of tasks | program, KiB, ours / tokio |\n|---|---|");
    for kinds in KINDS {
        let mut sizes = Vec::new();
        for side in SIDES {
            let package = Package::write(side, "kinds", KINDS_MANIFEST, &kinds_source(kinds))?;
            package.cargo(&["build", "--release", "--quiet"])?;
            sizes.push(kib(&package.target.join("release/kinds"))?);
        }
        println!("| {kinds} | {} / {} |", sizes[1], sizes[0]);
    }
    Ok(())
}

const KINDS_MANIFEST: &str = r#"
[package]
name = "kinds"
edition = "2024"

[workspace]

[dependencies]
tokio = { version = "1", features = ["full"] }
"#;

fn kinds_source(kinds: usize) -> String {
    let mut text = "use std::time::Duration;\n\n#[tokio::main]\nasync fn main() {\n".to_owned();
    text.push_str("let (to, mut from) = tokio::sync::mpsc::channel::<u64>(8);\n");
    for kind in 0..kinds {
        text.push_str(&format!(
            "let here = to.clone();\ntokio::spawn(async move {{\n\
             tokio::time::sleep(Duration::from_micros({kind})).await;\n\
             let _ = here.send({kind}).await;\n}});\n"
        ));
    }
    text.push_str("drop(to);\nlet mut sum = 0;\n");
    text.push_str("while let Some(number) = from.recv().await {\nsum += number;\n}\n");
    text.push_str("println!(\"{sum}\");\n}\n");
    text
}

fn kib(program: &Path) -> Result<u64, String> {
    Ok(fs::metadata(program).map_err(failed(program))?.len() / 1024)
}

/// A package that belongs to no workspace, on tokio or with the patch.
struct Package {
    folder: PathBuf,
    target: PathBuf,
}

impl Package {
    fn write(side: &str, name: &str, manifest: &str, main: &str) -> Result<Package, String> {
        let folder = root().join("target/compat-bench").join(side).join(name);
        fs::create_dir_all(folder.join("src")).map_err(failed(&folder))?;
        let manifest = format!("{manifest}{}", sides::patch(side));
        let write = |file: &str, text: &str| {
            let path = folder.join(file);
            fs::write(&path, text).map_err(failed(&path))
        };
        write("Cargo.toml", &manifest)?;
        write("src/main.rs", main)?;
        Ok(Package { target: folder.join("target"), folder })
    }

    fn clean(&self) -> Outcome {
        if self.target.exists() {
            fs::remove_dir_all(&self.target).map_err(failed(&self.target))?;
        }
        Ok(())
    }

    fn cargo(&self, arguments: &[&str]) -> Outcome {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&self.folder).env("CARGO_TARGET_DIR", &self.target);
        crate::commands::run(command)
    }
}

/// A server that runs, killed when dropped.
struct Server {
    process: Process,
    address: String,
}

impl Server {
    fn start(program: &Path, kind: &str) -> Result<Server, String> {
        let mut command = Command::new(program);
        command.arg(kind).stdout(Stdio::piped());
        let mut process = Process::start(command)?;
        let mut address = String::new();
        if let Some(stdout) = process.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut address).map_err(|error| error.to_string())?;
        }
        Ok(Server { process, address: address.trim().into() })
    }
}

fn measure(program: &Path, load: &str) -> Result<Figures, String> {
    let (kind, what) = load.split_once(' ').unwrap_or((load, ""));
    let server = Server::start(program, kind)?;
    match kind {
        "axum" => http(&server, what),
        _ => redis(&server, what),
    }
}

fn http(server: &Server, path: &str) -> Result<Figures, String> {
    let wrk = sides::wrk(&format!("http://{}{path}", server.address), 4.0)?;
    Ok(Figures {
        per_second: wrk.per_second,
        p99_us: wrk.p99_us,
        us_per_request: server.process.cpu_us() / wrk.requests,
    })
}

fn redis(server: &Server, command_name: &str) -> Result<Figures, String> {
    const REQUESTS: u32 = 200_000;
    let port = server.address.rsplit(':').next().unwrap_or_default();
    let mut command = Command::new("redis-benchmark");
    command.args([
        "-p",
        port,
        "-c",
        "50",
        "-n",
        &REQUESTS.to_string(),
        "--csv",
        "-t",
        command_name,
    ]);
    let text = sides::text(&mut command)?;
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("\"{command_name}\"")))
        .ok_or_else(|| format!("redis-benchmark said: {text}"))?;
    // "name", rps, average, min, p50, p95, p99, max; in milliseconds.
    let fields: Vec<f64> =
        line.split(',').filter_map(|field| field.trim_matches('"').parse().ok()).collect();
    match fields[..] {
        [per_second, _, _, _, _, p99, ..] => Ok(Figures {
            per_second,
            p99_us: p99 * 1_000.0,
            us_per_request: server.process.cpu_us() / f64::from(REQUESTS),
        }),
        _ => Err(format!("redis-benchmark said: {line}")),
    }
}
