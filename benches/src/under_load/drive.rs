//! Starts the measurements and the busy processes, and writes down what comes out.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::program::{Entry, all};
use super::{Ask, Better};
use crate::measure::{Others, median};
use crate::table;

const HELP: &str = "\
under_load [NAME ...] [options]: programs under load, on this runtime and its peers, in turns.

NAME is the name of a program, or a part of the names of several; without one, all are run.

  --burn A[,B]     so many busy processes beside each (default: as --list says)
  --seconds S      how long each takes, where that is free (default: as --list says)
  --runs N         runs of each peer; figures are their medians (default 1)
  --peers A,B      ours, tokio, smol (default: ours, tokio, and smol where it can)
  --workers N      worker threads, where they are free (default 2)
  --tasks N        equal tasks of `fair` and `short-polls` (default 200)
  --wall           a turn's length is by the clock, not by CPU time of the thread
  --json FILE      append the lines of JSON to this file instead of printing them
  --list           name the programs and stop

Ratios say how many times better the first peer is than the second: above 1 it wins.
";

#[derive(Debug)]
struct Options {
    names: Vec<String>,
    burn: Option<Vec<usize>>,
    seconds: Option<f64>,
    runs: usize,
    peers: Vec<String>,
    ask: Ask,
    json: Option<PathBuf>,
    list: bool,
}

fn options(args: &[String]) -> Result<Options, String> {
    let mut o = Options {
        names: Vec::new(),
        burn: None,
        seconds: None,
        runs: 1,
        peers: ["ours", "tokio", "smol"].map(str::to_owned).to_vec(),
        ask: Ask { workers: 2, seconds: 0.0, tasks: 200, wall: false },
        json: None,
        list: false,
    };
    if cfg!(not(feature = "ours")) {
        o.peers.remove(0);
    }
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().cloned().ok_or(format!("{arg} needs a value"));
        let number = |s: &str| s.parse::<usize>().map_err(|e| format!("{arg} {s}: {e}"));
        match arg.as_str() {
            "--burn" => o.burn = Some(value()?.split(',').map(number).collect::<Result<_, _>>()?),
            "--seconds" => {
                let s = value()?;
                let seconds: f64 = s.parse().map_err(|e| format!("{arg} {s}: {e}"))?;
                if !(0.001..=86_400.0).contains(&seconds) {
                    return Err(format!("{arg} {s}: give 0.001 to 86400"));
                }
                o.seconds = Some(seconds);
            }
            "--runs" => o.runs = number(&value()?)?.max(1),
            "--workers" => o.ask.workers = number(&value()?)?.max(1),
            "--tasks" => o.ask.tasks = number(&value()?)?.max(1),
            "--wall" => o.ask.wall = true,
            "--json" => o.json = Some(value()?.into()),
            "--list" => o.list = true,
            "--peers" => {
                let names: Vec<String> = value()?.split(',').map(str::to_owned).collect();
                if let Some(name) = names.iter().find(|n| !o.peers.contains(n)) {
                    return Err(format!("no peer named {name}; there are {}", o.peers.join(", ")));
                }
                o.peers = names;
            }
            name if !name.starts_with('-') => o.names.push(name.to_owned()),
            _ => return Err(HELP.to_owned()),
        }
    }
    Ok(o)
}

/// The programs that were asked for: one whose name this is, else those whose names contain it.
fn chosen(names: &[String]) -> Result<Vec<Entry>, String> {
    let mut all = all();
    let mut wanted = vec![names.is_empty(); all.len()];
    for name in names {
        let exact = all.iter().any(|e| e.name == *name);
        let fits = |e: &Entry| if exact { e.name == *name } else { e.name.contains(name.as_str()) };
        if !all.iter().any(fits) {
            return Err(format!("no program has {name} in its name; --list names them"));
        }
        for (wanted, entry) in wanted.iter_mut().zip(&all) {
            *wanted |= fits(entry);
        }
    }
    let mut wanted = wanted.into_iter();
    all.retain(|_| wanted.next() == Some(true));
    Ok(all)
}

pub(super) fn main(args: &[String]) {
    let chosen = options(args).and_then(|o| Ok((chosen(&o.names)?, o)));
    let (entries, o) = chosen.unwrap_or_else(|text| {
        eprintln!("{text}");
        std::process::exit(2);
    });
    if o.list {
        for e in &entries {
            println!("{:27} burn {:?}, {} s: {}", e.name, e.burn, e.seconds, e.about);
        }
        return;
    }
    println!("{}", table::short_heading(o.runs, o.ask.workers));
    for entry in &entries {
        for &burn in o.burn.as_deref().unwrap_or(entry.burn) {
            measure(&o, entry, burn);
        }
    }
}

/// Processes that compute until this is dropped.
struct Burners(Vec<Child>);

impl Burners {
    fn start(count: usize) -> Burners {
        Burners((0..count).map(|_| start(&["burn".into()]).spawn().unwrap()).collect())
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        for burner in &mut self.0 {
            end(burner);
        }
    }
}

/// This program again, with an input whose end it takes for ours.
fn start(args: &[String]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(args).stdin(Stdio::piped());
    command
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

struct Line {
    label: String,
    unit: String,
    better: Better,
    value: f64,
}

fn line(text: &str) -> Option<Line> {
    let mut parts = text.split('|');
    let (label, unit, better) = (parts.next()?, parts.next()?, parts.next()?);
    let better = match better {
        "Less" => Better::Less,
        "More" => Better::More,
        _ => Better::Neither,
    };
    let value = parts.next()?.parse().ok()?;
    Some(Line { label: label.into(), unit: unit.into(), better, value })
}

/// How one measurement ended.
enum End {
    Whole,
    Hung,
    Failed,
}

/// Runs one measurement in a process of its own.
fn one(entry: &Entry, peer: &str, ask: &Ask) -> (Vec<Line>, End) {
    let mut args = vec!["one".to_owned(), entry.name.clone(), peer.to_owned()];
    args.extend([ask.workers.to_string(), ask.seconds.to_string()]);
    args.extend([ask.tasks.to_string(), ask.wall.to_string()]);
    let mut child = start(&args).stdout(Stdio::piped()).spawn().expect("this program starts");
    let output = BufReader::new(child.stdout.take().expect("it is a pipe"));
    let (lines, all_lines) = mpsc::channel();
    let reader = thread::spawn(move || {
        for text in output.lines().map_while(Result::ok) {
            let _ = lines.send(line(&text).unwrap_or_else(|| panic!("not a figure: {text}")));
        }
    });
    let limit = Instant::now() + entry.program.limit(ask.seconds);
    let status = format!("/proc/{}/status", child.id());
    let mut threads = 0;
    let how = loop {
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break if status.success() { End::Whole } else { End::Failed };
        }
        if Instant::now() > limit {
            break End::Hung;
        }
        threads = threads.max(threads_in(&status));
        thread::sleep(Duration::from_millis(10));
    };
    end(&mut child);
    reader.join().expect("its lines are figures");
    let mut lines: Vec<Line> = all_lines.iter().collect();
    if threads > 0 {
        // Without the one that waits for the end of the input.
        let (label, unit) = ("threads at the peak".to_owned(), String::new());
        lines.push(Line { label, unit, better: Better::Neither, value: (threads - 1) as f64 });
    }
    (lines, how)
}

/// Threads of a process now; 0 where nobody says so.
fn threads_in(status: &str) -> usize {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Threads:"));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
}

/// One figure of a program, of all peers: for each run its value, NaN where there is none.
struct Row {
    label: String,
    unit: String,
    better: Better,
    values: Vec<Vec<f64>>,
}

impl Row {
    fn value(&self, peer: usize) -> Option<f64> {
        let known: Vec<f64> = self.values[peer].iter().copied().filter(|v| !v.is_nan()).collect();
        (!known.is_empty()).then(|| median(&known))
    }

    /// How many times better the first peer is than the second: the median of the runs' own ratios.
    fn ratio(&self) -> Option<f64> {
        let [a, b, ..] = &self.values[..] else { return None };
        let ratios: Vec<f64> = a
            .iter()
            .zip(b)
            .filter_map(|(a, b)| match self.better {
                Better::Less => Some(b / a),
                Better::More => Some(a / b),
                Better::Neither => None,
            })
            .filter(|r| r.is_finite())
            .collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }
}

fn measure(o: &Options, entry: &Entry, burn: usize) {
    let ask = Ask { seconds: o.seconds.unwrap_or(entry.seconds), ..o.ask.clone() };
    let can = |peer: &&String| *peer != "smol" || entry.program.runs_on_any();
    let peers: Vec<&String> = o.peers.iter().filter(can).collect();
    let others = Others::look();
    let burners = Burners::start(burn);
    let mut rows: Vec<Row> = Vec::new();
    // For each peer, runs that hung and runs that failed.
    let mut ends = vec![(0, 0); peers.len()];
    for run in 0..o.runs {
        for turn in 0..peers.len() {
            let peer = (turn + run) % peers.len();
            let (lines, end) = one(entry, peers[peer], &ask);
            match end {
                End::Whole => {}
                End::Hung => ends[peer].0 += 1,
                End::Failed => ends[peer].1 += 1,
            }
            for line in lines {
                let at = rows.iter().position(|r| r.label == line.label).unwrap_or_else(|| {
                    rows.push(Row {
                        label: line.label,
                        unit: line.unit,
                        better: line.better,
                        values: vec![vec![f64::NAN; o.runs]; peers.len()],
                    });
                    rows.len() - 1
                });
                rows[at].values[peer][run] = line.value;
            }
        }
    }
    drop(burners);
    let percent = others.percent_since();
    println!("\n{}, burn {burn} (others used {percent:.0} % of the machine)", entry.name);
    print(&rows, &peers, &ends, entry.program.limit(ask.seconds));
    let text = json(&rows, &peers, &ends, entry, burn, &ask, percent);
    match &o.json {
        None => println!("{text}"),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            if let Err(e) = file.and_then(|mut file| writeln!(file, "{text}")) {
                eprintln!("cannot write {}: {e}", path.display());
            }
        }
    }
}

fn print(rows: &[Row], peers: &[&String], ends: &[(usize, usize)], limit: Duration) {
    let mut heading = format!("  {:44}", "");
    peers.iter().for_each(|peer| _ = write!(heading, " {peer:>12}"));
    println!("{heading} {:>8}", "ratio");
    for row in rows {
        let label = if row.unit.is_empty() {
            row.label.clone()
        } else {
            format!("{}, {}", row.label, row.unit)
        };
        let mut text = format!("  {label:44}");
        for (peer, end) in ends.iter().enumerate() {
            let value = match row.value(peer) {
                Some(value) => number(value),
                None if end.0 > 0 => "HUNG".into(),
                None if end.1 > 0 => "FAILED".into(),
                None => "-".into(),
            };
            let _ = write!(text, " {value:>12}");
        }
        println!("{text} {:>8}", row.ratio().map_or("".into(), |r| format!("{r:.2}")));
    }
    for (peer, (hung, failed)) in peers.iter().zip(ends) {
        if *hung > 0 {
            println!("  {peer} HUNG: {hung} runs had not ended after {} s", limit.as_secs_f64());
        }
        if *failed > 0 {
            println!("  {peer} FAILED in {failed} runs");
        }
    }
}

/// Three digits, or a whole number.
fn number(v: f64) -> String {
    match v.abs() {
        _ if v == v.trunc() => format!("{v}"),
        a if a >= 100.0 => format!("{v:.0}"),
        a if a >= 10.0 => format!("{v:.1}"),
        a if a >= 1.0 => format!("{v:.2}"),
        _ => format!("{v:.3}"),
    }
}

fn json(
    rows: &[Row],
    peers: &[&String],
    ends: &[(usize, usize)],
    entry: &Entry,
    burn: usize,
    ask: &Ask,
    others_percent: f64,
) -> String {
    // Names and labels are this program's own: nothing in them has to be escaped. JSON has no
    // infinity.
    let value =
        |v: Option<f64>| v.filter(|v| v.is_finite()).map_or("null".into(), |v| v.to_string());
    let mut text = format!(
        "{{\"workload\":\"{}\",\"burn\":{burn},\"workers\":{},\"seconds\":{},\"tasks\":{},\
         \"others_percent\":{others_percent:.1}",
        entry.name, ask.workers, ask.seconds, ask.tasks
    );
    for (peer, (hung, failed)) in peers.iter().zip(ends) {
        let _ = write!(text, ",\"{peer}_hung\":{hung},\"{peer}_failed\":{failed}");
    }
    text += ",\"figures\":[";
    for (i, row) in rows.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{{\"label\":\"{}\",\"unit\":\"{}\"", row.label, row.unit);
        for (p, peer) in peers.iter().enumerate() {
            let _ = write!(text, ",\"{peer}\":{}", value(row.value(p)));
        }
        let _ = write!(text, ",\"ratio\":{}}}", value(row.ratio()));
    }
    text + "]}"
}
