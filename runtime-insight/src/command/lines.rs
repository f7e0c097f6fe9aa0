//! Files and lines for the stacks of a report.

use std::io::Read;

use runtime_insight::Lines;

use super::{Failed, print};

pub(super) fn run(report: Option<String>, programs: Vec<String>) -> Result<(), Failed> {
    let mut bytes = Vec::new();
    let read = match &report {
        Some(file) => std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut bytes)),
        None => std::io::stdin().read_to_end(&mut bytes),
    };
    let name = report.as_deref().unwrap_or("the standard input");
    read.map_err(|error| Failed::because(format_args!("cannot read {name}: {error}")))?;
    let mut lines = Lines::new();
    for file in programs {
        // A name that is wrong would look like a report without lines.
        std::fs::metadata(&file)
            .map_err(|error| Failed::because(format_args!("cannot read {file}: {error}")))?;
        lines.program(file);
    }
    print(lines.add(&String::from_utf8_lossy(&bytes)).as_bytes())
}

/// The stacks that a process has answered, with lines where its program has debug information.
pub(super) fn of_process(pid: u32, stacks: &[u8]) -> String {
    Lines::of_process(pid).add(&String::from_utf8_lossy(stacks))
}
