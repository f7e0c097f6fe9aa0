//! What came out, as tables: Markdown for people, comma-separated runs for whoever wants to look
//! closer.

use std::fmt::Write;

use crate::harness::{Row, Unit};
use crate::peers;

/// Above which a ratio counts as even.
pub const EVEN: f64 = 0.97;

/// How it was measured and where, in a line.
pub fn short_heading(runs: usize, workers: usize) -> String {
    format!(
        "{runs} interleaved runs, {workers} workers; {}; profile {}, opt-level {}, {}; {}",
        env!("BENCH_RUSTC"),
        env!("BENCH_PROFILE"),
        env!("BENCH_OPT_LEVEL"),
        env!("BENCH_TARGET"),
        machine()
    )
}

/// What was measured with what: versions, features, profile, machine.
pub fn heading(peers: &[&str], runs: usize, workers: usize) -> String {
    let mut s = String::new();
    let _ = writeln!(s, "{}", short_heading(runs, workers));
    for (name, features) in peers::NAMES.iter().zip(peers::FEATURES) {
        if peers.contains(name) {
            let _ = writeln!(s, "- {name} {}: {features}", version_of(name));
        }
    }
    let others = [
        "async-executor",
        "async-io",
        "async-lock",
        "async-channel",
        "async-process",
        "blocking",
        "hyper",
    ];
    let others = others.map(|name| format!("{name} {}", version_of(name)));
    let _ = writeln!(s, "- beside them: {}", others.join(", "));
    s
}

/// Our lock file, as it was when this was compiled.
fn version_of(name: &str) -> &'static str {
    let package = if name == "ours" { "runtime" } else { name };
    let lock = include_str!("../../Cargo.lock");
    let versions = lock.split("[[package]]").filter_map(|entry| {
        let named = entry.contains(&format!("name = \"{package}\"\n"));
        let at = entry.find("version = \"")? + 11;
        named.then(|| entry[at..].split('"').next().unwrap_or_default())
    });
    // Of two versions of a companion crate the newer one comes last.
    versions.last().unwrap_or("?")
}

fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find(|l| l.starts_with("model name"));
    let model = model.and_then(|l| l.split(": ").nth(1)).unwrap_or("unknown CPU").trim();
    let cores = std::thread::available_parallelism().map_or(0, |n| n.get());
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    format!("{cores} x {model}, Linux {kernel}")
}

pub fn number(value: f64, unit: Unit) -> String {
    match unit {
        _ if !value.is_finite() => "-".to_owned(),
        Unit::PerSecond => format!("{value:.0}"),
        // A difference of two counts may come out as minus nothing.
        Unit::Each if value.abs() < 0.005 => "0".to_owned(),
        Unit::Each => format!("{value:.2}"),
        _ if value.abs() >= 100.0 => format!("{value:.0}"),
        _ if value.abs() >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn what(row: &Row) -> String {
    match row.label {
        "" => row.workload.to_owned(),
        label => format!("{}: {label}", row.workload),
    }
}

/// The table. A ratio says how many times better the first peer is; above 1 it wins.
pub fn markdown(rows: &[Row], peers: &[&'static str]) -> String {
    let us = 0;
    let mut s = String::new();
    let _ = write!(s, "| workload | unit |");
    for peer in peers {
        let _ = write!(s, " {peer} |");
    }
    for peer in &peers[1..] {
        let _ = write!(s, " vs {peer} |");
    }
    let _ = writeln!(s, " vs best |");
    let columns = 2 + peers.len() + peers.len();
    let _ = writeln!(s, "|{}", "---|".repeat(columns));
    let mut group = "";
    for row in rows {
        if row.group != group {
            group = row.group;
            let _ = writeln!(s, "| **{group}** |{}", " |".repeat(columns - 1));
        }
        let _ = write!(s, "| {} | {} |", what(row), row.unit.name());
        for p in 0..peers.len() {
            let _ = match row.median(p) {
                Some(m) => {
                    let (low, high) = row.spread(p);
                    let n = |v| number(v, row.unit);
                    write!(s, " {} ({}..{}) |", n(m), n(low), n(high))
                }
                None => write!(s, " - |"),
            };
        }
        for p in 1..peers.len() {
            let _ = write!(s, " {} |", ratio(row.times_better(us, p)));
        }
        let best = row.best_but(us).and_then(|p| row.times_better(us, p));
        let _ = writeln!(s, " {} |", ratio(best));
    }
    s
}

fn ratio(r: Option<f64>) -> String {
    match r {
        Some(r) if r < EVEN => format!("*{r:.2}*"),
        Some(r) => format!("{r:.2}"),
        None => "-".to_owned(),
    }
}

/// The explanation of every workload in the table.
pub fn legend(rows: &[Row]) -> String {
    let mut s = String::new();
    let mut last = "";
    for row in rows {
        if row.workload != last {
            last = row.workload;
            let _ = writeln!(s, "- `{}`: {}", row.workload, row.about);
        }
    }
    s
}

/// Every run of every peer: group, workload, figure, unit, peer, run, value.
pub fn csv(rows: &[Row], peers: &[&str]) -> String {
    let mut s = String::from("group,workload,figure,unit,peer,run,value\n");
    for row in rows {
        for (p, peer) in peers.iter().enumerate() {
            for (run, value) in row.values[p].iter().enumerate() {
                let _ = writeln!(
                    s,
                    "{},{},{},{},{peer},{run},{value}",
                    row.group,
                    row.workload,
                    row.label.replace(',', ""),
                    row.unit.name()
                );
            }
        }
    }
    s
}
