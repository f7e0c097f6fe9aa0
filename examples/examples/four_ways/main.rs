//! One small server, written in four ways, and what each costs.
//!
//! ```text
//! cargo run --release -p examples --example four_ways
//! ```
//!
//! | file | what serves a connection |
//! |---|---|
//! | `threads.rs` | a thread of the operating system |
//! | `event_loop.rs` | a callback; one thread calls all of them |
//! | `actors.rs` | an actor, which asks another actor for what they share |
//! | `tasks.rs` | a task of the runtime |
//!
//! All four speak the protocol of `protocol.rs` and have its buffer. Each runs in a process of its
//! own, so its memory is its own; the clients (`load.rs`) are one thread in this process. The page
//! `docs/four-ways.md` shows the four side by side, with figures.
//!
//! | option | default | |
//! |---|---|---|
//! | `--connections 10,1000` | 10,1000,10000 | how many, one measurement each |
//! | `--seconds 1.5` | 3 | how long each of the two phases of a measurement is |
//! | `--runs 5` | 1 | so many, in turns; what is shown are the medians |
//! | `--plot FILE` | none | writes a drawing, as SVG |
//! | `serve WAY` | | serves, and measures nothing: `threads`, `event-loop`, `actors`, `tasks` |

mod actors;
mod event_loop;
mod load;
mod plot;
mod protocol;
mod server;
mod tasks;
mod threads;

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use load::Load;
use server::{Server, allow_descriptors};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Threads,
    EventLoop,
    Actors,
    Tasks,
}

impl Way {
    pub(crate) const ALL: [Way; 4] = [Way::Threads, Way::EventLoop, Way::Actors, Way::Tasks];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Threads => "threads",
            Way::EventLoop => "event-loop",
            Way::Actors => "actors",
            Way::Tasks => "tasks",
        }
    }

    fn serve(self, listener: TcpListener) -> io::Result<()> {
        match self {
            Way::Threads => threads::serve(listener),
            Way::EventLoop => event_loop::serve(listener),
            Way::Actors => actors::serve(listener),
            Way::Tasks => tasks::serve(listener),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["serve", way] => serve(way),
        options => Options::parse(options).and_then(|options| compare(&options)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("four_ways: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(name: &str) -> Result<(), String> {
    let way = Way::ALL.into_iter().find(|way| way.name() == name);
    let way = way.ok_or("serve what? `threads`, `event-loop`, `actors` or `tasks`")?;
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    println!("{}", listener.local_addr().map_err(|error| error.to_string())?);
    way.serve(listener).map_err(|error| error.to_string())
}

struct Options {
    connections: Vec<usize>,
    phase: Duration,
    runs: usize,
    plot: Option<String>,
}

impl Options {
    fn parse(words: &[&str]) -> Result<Options, String> {
        let mut options = Options {
            connections: vec![10, 1000, 10_000],
            phase: Duration::from_secs(3),
            runs: 1,
            plot: None,
        };
        for pair in words.chunks(2) {
            let (option, value) = (pair[0], pair.get(1).copied().unwrap_or_default());
            let wrong = || format!("`{option} {value}` is no option; they stand in main.rs");
            let positive = |word: &str| word.parse().ok().filter(|&n| n > 0).ok_or_else(wrong);
            match option {
                "--connections" => {
                    options.connections =
                        value.split(',').map(positive).collect::<Result<_, _>>()?;
                }
                "--seconds" => {
                    let seconds = value.parse().ok().filter(|&n| n > 0.0);
                    let phase = seconds.and_then(|n| Duration::try_from_secs_f64(n).ok());
                    options.phase = phase.ok_or_else(wrong)?;
                }
                "--runs" => options.runs = positive(value)?,
                "--plot" if !value.is_empty() => options.plot = Some(value.into()),
                _ => return Err(wrong()),
            }
        }
        Ok(options)
    }
}

/// What one server was measured to need, in the order of [`FIGURES`].
type Figures = [f64; 5];

/// The columns: name, unit, how many of the unit are one of what was measured.
pub(crate) const FIGURES: [(&str, &str, f64); 5] = [
    ("memory", "MiB", 1.0 / 1024.0 / 1024.0),
    ("throughput", "requests/s", 1.0),
    ("CPU", "µs a request", 1e6),
    ("latency, median", "µs", 1e6),
    ("latency, 99th percentile", "µs", 1e6),
];

/// One row of the table: the medians of all runs.
pub(crate) struct Row {
    pub(crate) connections: usize,
    pub(crate) way: Way,
    pub(crate) figures: Figures,
}

fn compare(options: &Options) -> Result<(), String> {
    let most = options.connections.iter().copied().max().unwrap_or(0);
    allow_descriptors(most as u64 + 64)?;
    let heads: Vec<String> =
        FIGURES.iter().map(|(name, unit, _)| format!("{name}, {unit}")).collect();
    println!("| connections | way | {} |", heads.join(" | "));
    println!("|---|---|{}", "---|".repeat(heads.len()));
    let mut rows = Vec::new();
    for &connections in &options.connections {
        let mut runs = Way::ALL.map(|_| Vec::new());
        for _ in 0..options.runs {
            for (way, runs) in Way::ALL.into_iter().zip(&mut runs) {
                let figures = measure(way, connections, options.phase);
                let context = |error| format!("{}, {connections} connections: {error}", way.name());
                runs.push(figures.map_err(context)?);
            }
        }
        for (way, runs) in Way::ALL.into_iter().zip(runs) {
            let row = Row { connections, way, figures: medians(&runs) };
            println!("{}", line(&row));
            rows.push(row);
        }
    }
    match &options.plot {
        Some(path) => {
            let drawing = plot::svg(&options.connections, &rows);
            std::fs::write(path, drawing).map_err(|error| format!("{path}: {error}"))
        }
        None => Ok(()),
    }
}

fn measure(way: Way, connections: usize, phase: Duration) -> io::Result<Figures> {
    let server = Server::start(way)?;
    let mut load = Load::open(server.address, connections)?;
    load.flat_out(phase / 4)?; // warms up: not counted

    let before = server.cpu();
    let flat_out = load.flat_out(phase)?;
    let cpu = server.cpu() - before;
    let mut paced = load.paced(phase)?;
    let memory = server.memory();
    load.check(server.address)?;

    paced.latencies.sort_unstable();
    let latency = |hundredths: usize| {
        let at = paced.latencies.len() * hundredths / 100;
        paced.latencies.get(at).map_or(f64::NAN, Duration::as_secs_f64)
    };
    Ok([
        memory,
        flat_out.in_time as f64 / flat_out.took.as_secs_f64(),
        cpu.as_secs_f64() / flat_out.latencies.len() as f64,
        latency(50),
        latency(99),
    ])
}

fn medians(runs: &[Figures]) -> Figures {
    std::array::from_fn(|figure| {
        let mut all: Vec<f64> = runs.iter().map(|run| run[figure]).collect();
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    })
}

fn line(row: &Row) -> String {
    let mut line = format!("| {} | {} |", row.connections, row.way.name());
    for (&value, (_, _, units)) in row.figures.iter().zip(FIGURES) {
        line += &format!(" {} |", number(value * units));
    }
    line
}

/// Three digits that count.
pub(crate) fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "-".into(),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
