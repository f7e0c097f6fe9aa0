//! What is asked of a process that runs seeds, and what it answers: lines of text, which are also
//! what a replay file holds.

use std::fmt::Write as _;
use std::io::{self, BufRead};

use crate::conductor::explore::{Deviation, Explorer};
use crate::faults::Fault;

/// One run to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) seed: u64,
    pub(crate) explorer: Explorer,
    /// In place of the faults that the seed would make.
    pub(crate) faults: Option<Vec<Fault>>,
    /// Whether the program's output is shown, and stacks are wanted.
    pub(crate) is_verbose: bool,
    /// Where all events go.
    pub(crate) events: Option<String>,
    /// Where a trace for Perfetto goes.
    pub(crate) trace: Option<String>,
}

/// What went wrong in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which kind: `panic`, `error`, `always`, `eventually`, `deadlock`, `time limit`, `step
    /// limit`, `stuck`, `setup` or `died`.
    pub kind: String,
    /// What it is, in one line or a few.
    pub text: String,
    /// Who stood where.
    pub detail: String,
}

impl Failure {
    pub(crate) fn new(kind: &str, text: String, detail: String) -> Failure {
        Failure { kind: kind.into(), text, detail }
    }

    /// Whether both are the same in what a smaller run keeps: kind, and place or first words.
    pub(crate) fn is_like(&self, other: &Failure) -> bool {
        let head = |failure: &Failure| -> String {
            let line = failure.text.lines().next().unwrap_or_default();
            // Numbers differ from run to run.
            let letters = line.chars().filter(|c| !c.is_ascii_digit());
            letters.take(60).collect()
        };
        self.kind == other.kind && (self.kind == "stuck" || head(self) == head(other))
    }
}

/// How a run went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// A hash over everything that happened in it: equal for equal runs.
    pub hash: u128,
    /// How many scheduling points there were.
    pub steps: u64,
    /// How often another thread got its turn.
    pub switches: u64,
    /// How much virtual time it took, in ns.
    pub virtual_ns: u64,
    /// What went wrong, if anything.
    pub failure: Option<Failure>,
    /// The faults that it was given.
    pub faults: Vec<Fault>,
    /// Where its schedule left the default; `None` if there were too many to keep.
    pub deviations: Option<Vec<Deviation>>,
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "")
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}

fn write_deviations(text: &mut String, list: &[Deviation]) {
    for made in list {
        let Deviation { thread, choice, chosen, preempts } = made;
        let _ = writeln!(text, "deviation {thread} {choice} {chosen} {}", u8::from(*preempts));
    }
}

fn read_deviation(rest: &str) -> Option<Deviation> {
    let mut words = rest.split(' ');
    let thread = words.next()?.parse().ok()?;
    let choice = words.next()?.parse().ok()?;
    let chosen = words.next()?.parse().ok()?;
    let preempts = words.next()? == "1";
    Some(Deviation { thread, choice, chosen, preempts })
}

/// Lines up to one that is `end`; an error if the other side has gone before.
fn lines_to<'a>(from: &'a mut impl BufRead, end: &'a str) -> io::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return if lines.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        let line = line.trim_end_matches('\n');
        if line == end {
            return Ok(Some(lines));
        }
        lines.push(line.to_owned());
    }
}

fn bad(line: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{line}` is not understood"))
}

impl Job {
    pub(crate) fn new(seed: u64, explorer: Explorer) -> Job {
        Job { seed, explorer, faults: None, is_verbose: false, events: None, trace: None }
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("seed {}\n", self.seed);
        match &self.explorer {
            Explorer::Mixed => text.push_str("explorer mixed 0\n"),
            Explorer::Random { percent } => {
                let _ = writeln!(text, "explorer random {percent}");
            }
            Explorer::Pct { depth } => {
                let _ = writeln!(text, "explorer pct {depth}");
            }
            Explorer::Bounded { preemptions } => {
                let _ = writeln!(text, "explorer bounded {preemptions}");
            }
            Explorer::Default => text.push_str("explorer default 0\n"),
            Explorer::Replay(list) => {
                text.push_str("explorer replay 0\n");
                write_deviations(&mut text, list);
            }
        }
        if let Some(faults) = &self.faults {
            text.push_str("faults\n");
            for fault in faults {
                let _ = writeln!(text, "fault {fault}");
            }
        }
        if self.is_verbose {
            text.push_str("verbose\n");
        }
        if let Some(path) = &self.events {
            let _ = writeln!(text, "events {path}");
        }
        if let Some(path) = &self.trace {
            let _ = writeln!(text, "trace {path}");
        }
        text.push_str("go\n");
        text
    }

    /// The next job; `None` if there is none any more.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Job>> {
        let Some(lines) = lines_to(from, "go")? else { return Ok(None) };
        let mut job = Job::new(0, Explorer::Mixed);
        for line in &lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let number = |text: &str| text.parse::<u32>().map_err(|_| bad(line));
            match word {
                "seed" => job.seed = rest.parse().map_err(|_| bad(line))?,
                "explorer" => {
                    let (kind, value) = rest.split_once(' ').ok_or_else(|| bad(line))?;
                    let value = number(value)?;
                    job.explorer = match kind {
                        "mixed" => Explorer::Mixed,
                        "random" => Explorer::Random { percent: value.min(100) as u8 },
                        "pct" => Explorer::Pct { depth: value },
                        "bounded" => Explorer::Bounded { preemptions: value },
                        "default" => Explorer::Default,
                        "replay" => Explorer::Replay(Vec::new()),
                        _ => return Err(bad(line)),
                    };
                }
                "deviation" => match &mut job.explorer {
                    Explorer::Replay(list) => {
                        list.push(read_deviation(rest).ok_or_else(|| bad(line))?);
                    }
                    _ => return Err(bad(line)),
                },
                "faults" => job.faults = Some(Vec::new()),
                "fault" => {
                    let fault = rest.parse().map_err(|_| bad(line))?;
                    job.faults.get_or_insert_default().push(fault);
                }
                "verbose" => job.is_verbose = true,
                "events" => job.events = Some(rest.into()),
                "trace" => job.trace = Some(rest.into()),
                _ => return Err(bad(line)),
            }
        }
        Ok(Some(job))
    }
}

impl Outcome {
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "seed {}", self.seed);
        let _ = writeln!(text, "hash {:032x}", self.hash);
        let _ = writeln!(text, "steps {}", self.steps);
        let _ = writeln!(text, "switches {}", self.switches);
        let _ = writeln!(text, "time {}", self.virtual_ns);
        if let Some(failure) = &self.failure {
            let _ = writeln!(text, "failure {}", escape(&failure.kind));
            let _ = writeln!(text, "text {}", escape(&failure.text));
            let _ = writeln!(text, "detail {}", escape(&failure.detail));
        }
        for fault in &self.faults {
            let _ = writeln!(text, "fault {fault}");
        }
        // Only whoever makes a failure smaller wants to know.
        if self.failure.is_some() {
            match &self.deviations {
                Some(list) => write_deviations(&mut text, list),
                None => text.push_str("too-many\n"),
            }
        }
        text.push_str("done\n");
        text
    }

    /// The answer to a job; an error if the other side has gone.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Outcome> {
        let lines = lines_to(from, "done")?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut read = Outcome {
            seed: 0,
            hash: 0,
            steps: 0,
            switches: 0,
            virtual_ns: 0,
            failure: None,
            faults: Vec::new(),
            deviations: Some(Vec::new()),
        };
        for line in &lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let number = || rest.parse::<u64>().map_err(|_| bad(line));
            match word {
                "seed" => read.seed = number()?,
                "hash" => read.hash = u128::from_str_radix(rest, 16).map_err(|_| bad(line))?,
                "steps" => read.steps = number()?,
                "switches" => read.switches = number()?,
                "time" => read.virtual_ns = number()?,
                "failure" => {
                    let failure = Failure::new(&unescape(rest), String::new(), String::new());
                    read.failure = Some(failure);
                }
                "text" | "detail" => {
                    let Some(failure) = &mut read.failure else { return Err(bad(line)) };
                    let part = if word == "text" { &mut failure.text } else { &mut failure.detail };
                    *part = unescape(rest);
                }
                "fault" => read.faults.push(rest.parse().map_err(|_| bad(line))?),
                "deviation" => {
                    let made = read_deviation(rest).ok_or_else(|| bad(line))?;
                    read.deviations.get_or_insert_default().push(made);
                }
                "too-many" => read.deviations = None,
                _ => return Err(bad(line)),
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_outcomes_survive_the_way_through_text() {
        let made = Deviation { thread: 1, choice: 2, chosen: 3, preempts: true };
        let fault: Fault = "5 6 crash db".parse().unwrap();
        let job = Job {
            seed: 7,
            explorer: Explorer::Replay(vec![made]),
            faults: Some(vec![fault.clone()]),
            is_verbose: true,
            events: Some("a b".into()),
            trace: None,
        };
        let plain = Job::new(u64::MAX, Explorer::Pct { depth: 3 });
        let text = job.to_text() + &plain.to_text();
        let mut from = text.as_bytes();
        assert_eq!(Job::read(&mut from).unwrap(), Some(job));
        assert_eq!(Job::read(&mut from).unwrap(), Some(plain));
        assert_eq!(Job::read(&mut from).unwrap(), None);
        let outcome = Outcome {
            seed: 1,
            hash: u128::MAX - 5,
            steps: 2,
            switches: 3,
            virtual_ns: 4,
            failure: Some(Failure::new("panic", "a\nb\\n".into(), "\\".into())),
            faults: vec![fault],
            deviations: Some(vec![made]),
        };
        assert_eq!(Outcome::read(&mut outcome.to_text().as_bytes()).unwrap(), outcome);
        assert!(Outcome::read(&mut "seed 1\n".as_bytes()).is_err());
        assert!(Job::read(&mut "sead 1\ngo\n".as_bytes()).is_err());
    }
}
