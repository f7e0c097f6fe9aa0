//! Runs every workload on every peer, interleaved.
//!
//! A machine drifts: figures taken minutes apart differ by more than the peers do. So the order is:
//! workload, then run, then peer; each run starts with the next peer; and a ratio is the median
//! over runs of the ratio within one run, never a ratio of figures from different minutes.

use std::thread;
use std::time::Duration;

use crate::measure::median;
use crate::peers::Peer;

/// How much to do in a run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub workers: usize,
    /// A tenth or so of the work: to see that everything runs, not to compare.
    pub quick: bool,
}

impl Plan {
    /// `n`, or `quick_n` in a quick run.
    pub fn count(&self, n: usize, quick_n: usize) -> usize {
        if self.quick { quick_n } else { n }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unit {
    Ns,
    Us,
    Ms,
    Bytes,
    /// Things an operation: allocations, system calls.
    Each,
    PerSecond,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::Ns => "ns",
            Unit::Us => "µs",
            Unit::Ms => "ms",
            Unit::Bytes => "bytes",
            Unit::Each => "each",
            Unit::PerSecond => "1/s",
        }
    }
    pub fn more_is_better(self) -> bool {
        self == Unit::PerSecond
    }
}

/// One number that came out of one run of a workload.
#[derive(Clone, Debug)]
pub struct Figure {
    pub label: &'static str,
    pub unit: Unit,
    pub value: f64,
}

pub fn figure(label: &'static str, unit: Unit, value: f64) -> Figure {
    Figure { label, unit, value }
}

/// A workload with one peer, ready to run again and again.
pub trait Runner {
    fn run(&mut self, plan: &Plan) -> Vec<Figure>;
}

type Start = Box<dyn Fn(&Plan) -> Box<dyn Runner>>;

/// How one peer starts on a workload.
pub struct Cell {
    pub peer: &'static str,
    pub start: Start,
}

pub struct Workload {
    pub name: &'static str,
    pub group: &'static str,
    /// What one figure is: shown in the table.
    pub about: &'static str,
    pub cells: Vec<Cell>,
}

/// A workload inside this process: holds its runtime from run to run.
struct InProcess<P: Peer> {
    rt: Option<P::Runtime>,
    run: fn(&P::Runtime, &Plan) -> Vec<Figure>,
}

impl<P: Peer> Runner for InProcess<P> {
    fn run(&mut self, plan: &Plan) -> Vec<Figure> {
        (self.run)(self.rt.as_ref().unwrap(), plan)
    }
}

impl<P: Peer> Drop for InProcess<P> {
    fn drop(&mut self) {
        P::stop(self.rt.take().unwrap());
    }
}

pub fn in_process<P: Peer>(run: fn(&P::Runtime, &Plan) -> Vec<Figure>) -> Cell {
    let start = move |plan: &Plan| {
        Box::new(InProcess::<P> { rt: Some(P::start(plan.workers)), run }) as Box<dyn Runner>
    };
    Cell { peer: P::NAME, start: Box::new(start) }
}

struct ByName(&'static str, fn(&str, &Plan) -> Vec<Figure>);

impl Runner for ByName {
    fn run(&mut self, plan: &Plan) -> Vec<Figure> {
        (self.1)(self.0, plan)
    }
}

/// A workload whose server is a process of its own, named by its peer.
pub fn by_name(peer: &'static str, run: fn(&str, &Plan) -> Vec<Figure>) -> Cell {
    Cell { peer, start: Box::new(move |_| Box::new(ByName(peer, run))) }
}

/// One line of the table: one figure of one workload, for every peer.
pub struct Row {
    pub workload: &'static str,
    pub group: &'static str,
    pub about: &'static str,
    pub label: &'static str,
    pub unit: Unit,
    /// For each peer of the run, its value in each run; empty if it has none.
    pub values: Vec<Vec<f64>>,
}

impl Row {
    pub fn median(&self, peer: usize) -> Option<f64> {
        (!self.values[peer].is_empty()).then(|| median(&self.values[peer]))
    }

    pub fn spread(&self, peer: usize) -> (f64, f64) {
        let v = &self.values[peer];
        let low = v.iter().copied().fold(f64::INFINITY, f64::min);
        (low, v.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    /// How many times better `a` is than `b`: the median of the runs' own ratios. Above 1, `a`
    /// wins.
    ///
    /// None where a count is next to nothing: a multiple of it says nothing, the figures do.
    pub fn times_better(&self, a: usize, b: usize) -> Option<f64> {
        if self.unit == Unit::Each && [a, b].iter().any(|&p| self.median(p) < Some(0.05)) {
            return None;
        }
        let pairs = self.values[a].iter().zip(&self.values[b]);
        let ratios: Vec<f64> = pairs
            .map(|(&a, &b)| if self.unit.more_is_better() { a / b } else { b / a })
            .filter(|r| r.is_finite())
            .collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    /// The peer other than `us` with the best median.
    pub fn best_but(&self, us: usize) -> Option<usize> {
        let others = (0..self.values.len()).filter(|&p| p != us);
        let with = others.filter_map(|p| self.median(p).map(|m| (p, m)));
        let key = |&(_, m): &(usize, f64)| if self.unit.more_is_better() { -m } else { m };
        with.min_by(|a, b| key(a).total_cmp(&key(b))).map(|(p, _)| p)
    }
}

/// Runs one workload on `peers`, `runs` times each after one run that warms up.
pub fn measure(w: &Workload, peers: &[&'static str], runs: usize, plan: &Plan) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut runners: Vec<(usize, Box<dyn Runner>)> = Vec::new();
    for (p, peer) in peers.iter().enumerate() {
        if let Some(cell) = w.cells.iter().find(|c| c.peer == *peer) {
            runners.push((p, (cell.start)(plan)));
        }
    }
    for (_, runner) in &mut runners {
        runner.run(&Plan { quick: true, ..*plan });
    }
    for run in 0..runs {
        for turn in 0..runners.len() {
            let at = (turn + run) % runners.len();
            let (p, runner) = &mut runners[at];
            // Let the peer that ran before go to sleep.
            thread::sleep(Duration::from_millis(3));
            for f in runner.run(plan) {
                let at = rows.iter().position(|r| r.label == f.label);
                let row = match at {
                    Some(at) => &mut rows[at],
                    None => {
                        rows.push(Row {
                            workload: w.name,
                            group: w.group,
                            about: w.about,
                            label: f.label,
                            unit: f.unit,
                            values: vec![Vec::new(); peers.len()],
                        });
                        rows.last_mut().unwrap()
                    }
                };
                row.values[*p].push(f.value);
            }
        }
    }
    rows
}
