//! `cargo run --release -p benches`: measures, prints the table, writes the plots. `--help` lists
//! the options.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use benches::harness::{Plan, Row, measure};
use benches::measure::Others;
use benches::{load, peers, plot, serve, table, workloads};

const HELP: &str = "\
Every workload once, on this runtime and on its peers, interleaved run by run.

  --filter NAME[,NAME]  only workloads or groups whose names contain one of these
  --runs N              runs of each peer (default 11); figures are their medians
  --quick               a fraction of the work: to see that all of it runs
  --peers A,B           ours, tokio, smol, async-std, raw (default: all but raw)
  --workers N           worker threads of each runtime (default 2)
  --table FILE          write the table there, as Markdown
  --csv FILE            write every single run there
  --plots DIR           write one SVG a group there (default docs/plots; 'none' for none)
  --list                name the workloads and stop
";

struct Options {
    filter: Vec<String>,
    runs: usize,
    peers: Vec<&'static str>,
    plan: Plan,
    table: Option<PathBuf>,
    csv: Option<PathBuf>,
    plots: Option<PathBuf>,
    list: bool,
}

fn options(args: &[String]) -> Result<Options, String> {
    let mut o = Options {
        filter: Vec::new(),
        runs: 11,
        peers: peers::NAMES.to_vec(),
        plan: Plan { workers: 2, quick: false },
        table: None,
        csv: None,
        plots: Some("docs/plots".into()),
        list: false,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().cloned().ok_or(format!("{arg} needs a value"));
        let number = |s: String| s.parse::<usize>().map_err(|e| format!("{arg} {s}: {e}"));
        match arg.as_str() {
            "--filter" => o.filter = value()?.split(',').map(str::to_owned).collect(),
            "--runs" => o.runs = number(value()?)?.max(1),
            "--workers" => o.plan.workers = number(value()?)?.max(1),
            "--quick" => o.plan.quick = true,
            "--list" => o.list = true,
            "--table" => o.table = Some(value()?.into()),
            "--csv" => o.csv = Some(value()?.into()),
            "--plots" => o.plots = Some(value()?).filter(|v| v != "none").map(Into::into),
            "--peers" => {
                let known: Vec<&'static str> =
                    peers::NAMES.iter().copied().chain(["raw"]).collect();
                let find = |name: &str| {
                    let found = known.iter().find(|k| **k == name).copied();
                    found.ok_or(format!("no peer named {name}; there are {}", known.join(", ")))
                };
                o.peers = value()?.split(',').map(find).collect::<Result<_, _>>()?;
            }
            _ => return Err(HELP.to_owned()),
        }
    }
    Ok(o)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // SAFETY: first thing in `main`: no other thread runs.
    unsafe { peers::async_std::set_workers(&args) };
    match args.first().map(String::as_str) {
        Some("serve") => return serve::main(&args[1..]),
        Some("load") => return load::main(&args[1..]),
        _ => {}
    }
    match options(&args) {
        Ok(o) => run(&o),
        Err(text) => {
            eprintln!("{text}");
            std::process::exit(2);
        }
    }
}

fn run(o: &Options) {
    let mut all = workloads::all();
    if !o.filter.is_empty() {
        all.retain(|w| {
            o.filter.iter().any(|f| w.name.contains(f.as_str()) || w.group.contains(f.as_str()))
        });
    }
    if o.list {
        for w in &all {
            println!("{:9} {:20} {}", w.group, w.name, w.about);
        }
        return;
    }
    let mut heading = table::heading(&o.peers, o.runs, o.plan.workers);
    println!("{heading}");
    let others = Others::look();
    let mut rows: Vec<Row> = Vec::new();
    for w in &all {
        let began = Instant::now();
        let new = measure(w, &o.peers, o.runs, &o.plan);
        print(&new, &o.peers);
        eprintln!("    ({:.1} s)", began.elapsed().as_secs_f64());
        rows.extend(new);
    }
    let percent = others.percent_since();
    let quiet = format!("- other processes used {percent:.0} % of the machine meanwhile\n");
    print!("\n{quiet}");
    heading += &quiet;
    let text = table::markdown(&rows, &o.peers);
    let quick = if o.plan.quick { "\nA quick run: not for comparison.\n" } else { "" };
    if let Some(path) = &o.table {
        let about = "How many times better the first is than another: the median of the runs' own ratios; \
                     in italics where it is below even (0.97). Figures: median (least..most).";
        let legend = table::legend(&rows);
        write(
            path,
            &format!(
                "# Figures\n\n{heading}{quick}\n{about}\n\n{text}\n## What each is\n\n{legend}"
            ),
        );
    }
    if let Some(path) = &o.csv {
        write(path, &table::csv(&rows, &o.peers));
    }
    let Some(dir) = o.plots.as_ref().filter(|_| !o.plan.quick) else { return };
    let mut groups: Vec<&str> = rows.iter().map(|r| r.group).collect();
    groups.dedup();
    for group in groups {
        let of: Vec<&Row> = rows.iter().filter(|r| r.group == group).collect();
        write(&dir.join(format!("{group}.svg")), &plot::svg(group, &of, &o.peers));
    }
}

/// The rows as they come, for whoever watches.
fn print(rows: &[Row], peers: &[&str]) {
    for row in rows {
        let mut line = format!("{:24} {:26} {:6}", row.workload, row.label, row.unit.name());
        for (p, peer) in peers.iter().enumerate() {
            let (low, high) = row.spread(p);
            let n = |v| table::number(v, row.unit);
            line += &match row.median(p) {
                Some(m) => format!("  {peer} {} ({}..{})", n(m), n(low), n(high)),
                None => format!("  {peer} -"),
            };
        }
        for (p, peer) in peers.iter().enumerate().skip(1) {
            if let Some(r) = row.times_better(0, p) {
                line += &format!("  {r:.2}x {peer}");
            }
        }
        println!("{line}");
    }
}

fn write(path: &std::path::Path, text: &str) {
    if let Some(dir) = path.parent() {
        let _ = fs::create_dir_all(dir);
    }
    match fs::write(path, text) {
        Ok(()) => eprintln!("wrote {}", path.display()),
        Err(e) => eprintln!("cannot write {}: {e}", path.display()),
    }
}
