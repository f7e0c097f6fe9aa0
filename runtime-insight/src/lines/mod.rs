//! Files, lines and inlined calls for the stacks of a report.
//!
//! A program of the crate `runtime` names the functions of a stack by its symbol table. Files and
//! lines are in its debug information, and what reads that is large and slow to build. So a report
//! has the module and the address of each call, and the lines are found here, outside of the
//! process and also long after it.
//!
//! | file | content |
//! |---|---|
//! | `report.rs` | what a report says of modules and addresses |
//! | `places.rs` | the lines of one module's addresses |

mod places;
mod report;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use places::{Call, Lookup};
use report::{Frame, Module, Report};

/// Finds files, lines and inlined calls for the stacks of reports: of stalls, and those that
/// [`Client::ask`](crate::Client::ask) gives for `stacks`.
///
/// A stack that has lines already, or comes from elsewhere, is left as it is. A module is looked
/// for at its path, and in `/usr/lib/debug/.build-id`. A file with another build id than the
/// report's is not used, since its lines would be wrong. For Linux, on programs in the ELF format.
///
/// # Examples
///
/// ```no_run
/// use runtime_insight::Lines;
///
/// let report = std::fs::read_to_string("stalls.log")?;
/// print!("{}", Lines::new().program("target/release/my-server").add(&report));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lines {
    programs: Vec<PathBuf>,
    process: Option<u32>,
}

impl Lines {
    /// Looks for modules where the reports say that they are.
    ///
    /// # Examples
    ///
    /// See [`Lines`].
    pub fn new() -> Lines {
        Lines::default()
    }

    /// Looks for modules where that process sees them, which may be in a container, and then on
    /// this machine.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use runtime_insight::{Client, Lines};
    ///
    /// let stacks = Client::attach(4711)?.ask("stacks all")?;
    /// print!("{}", Lines::of_process(4711).add(&String::from_utf8_lossy(&stacks)));
    /// # Ok::<(), runtime_insight::Error>(())
    /// ```
    pub fn of_process(pid: u32) -> Lines {
        Lines { process: Some(pid), ..Lines::default() }
    }

    /// Looks into this file first. Its name does not matter; its build id does. To be used for a
    /// report from another machine, and for a program whose debug information was stripped into a
    /// file of its own.
    ///
    /// # Examples
    ///
    /// See [`Lines`].
    pub fn program(&mut self, file: impl Into<PathBuf>) -> &mut Lines {
        self.programs.push(file.into());
        self
    }

    /// The report with what was found. Where nothing was found for the program, a line says why.
    ///
    /// # Examples
    ///
    /// See [`Lines`].
    pub fn add(&self, report: &str) -> String {
        let report = Report::parse(report);
        let looked_up: Vec<Lookup> = report
            .modules
            .iter()
            .enumerate()
            .map(|(number, module)| {
                let frames = report.frames.values().filter(|frame| frame.module == number);
                let addresses: BTreeSet<u64> = frames.map(|frame| frame.address).collect();
                places::look_up(&self.candidates(module), module.build_id.as_deref(), &addresses)
            })
            .collect();
        written(&report, &looked_up)
    }

    /// Where the module's file may be, the best place first.
    fn candidates(&self, module: &Module) -> Vec<PathBuf> {
        let mut all = self.programs.clone();
        let path = module.path.strip_suffix(" (deleted)").unwrap_or(&module.path);
        if let Some(pid) = self.process {
            all.push(format!("/proc/{pid}/root{path}").into());
            all.push(format!("/proc/{pid}/exe").into());
        }
        all.push(path.into());
        if let Some((first, rest)) =
            module.build_id.as_deref().and_then(|id| id.split_at_checked(2))
        {
            all.push(format!("/usr/lib/debug/.build-id/{first}/{rest}.debug").into());
        }
        all
    }
}

/// The report with the lines.
fn written(report: &Report<'_>, looked_up: &[Lookup]) -> String {
    let mut out = String::new();
    // The modules and stacks for which a line was found.
    let has_line = |frame: &&Frame<'_>| {
        looked_up[frame.module].calls.get(&frame.address).is_some_and(|calls| has_place(calls))
    };
    let found: HashSet<_> =
        report.frames.values().filter(has_line).map(|frame| (frame.module, frame.stack)).collect();
    for (number, line) in report.lines.iter().enumerate() {
        if let Some(frame) = report.frames.get(&number) {
            match looked_up[frame.module].calls.get(&frame.address).map(Vec::as_slice) {
                Some(calls) if has_place(calls) => write_calls(&mut out, frame, calls),
                Some([Call { name: Some(name), .. }, ..]) if frame.is_nameless() => {
                    out.push_str(&line.replacen(report::NAMELESS, name, 1));
                }
                _ => out.push_str(line),
            }
            continue;
        }
        if report.advice.contains(&number) {
            // Its advice was followed.
            continue;
        }
        out.push_str(line);
        let Some(&(module, stack)) = report.listed.get(&number) else { continue };
        let lookup = &looked_up[module];
        // Libraries of the system mostly have no debug information, and nobody misses it.
        let is_missed = lookup.must_be_told || !report.modules[module].path.contains(".so");
        let says = is_missed && !found.contains(&(module, stack));
        if let (Some(why), true) = (&lookup.why, says) {
            if !out.ends_with('\n') {
                out.push('\n');
            }
            let before = &line[..line.len() - line.trim_start().len()];
            out.push_str(&format!("{before}(no lines: {why})\n"));
        }
    }
    out
}

fn has_place(calls: &[Call]) -> bool {
    calls.iter().any(|call| call.place.is_some())
}

/// Writes a frame as a stack with lines has it. The calls that were inlined into it have its
/// number.
fn write_calls(out: &mut String, frame: &Frame<'_>, calls: &[Call]) {
    for (nth, call) in calls.iter().enumerate() {
        let is_last = nth + 1 == calls.len();
        // The report's name has been made short; one from debug information may be long.
        let name = match &call.name {
            Some(name) if !is_last || frame.is_nameless() => name,
            _ => frame.name,
        };
        let (number, colon) = if nth == 0 { (frame.number, ':') } else { ("", ' ') };
        out.push_str(&format!("{}{number:>4}{colon} {name}\n", frame.before));
        if let Some(place) = &call.place {
            out.push_str(&format!("{}             at {place}\n", frame.before));
        }
    }
}
