//! What the command does with its arguments.

mod arguments;
mod console;
mod dump;
mod findings;
mod lines;
mod list;
mod page;
mod screen;
mod table;
mod top;
mod trace;

use std::fmt::Display;
use std::io::{self, Write};

use arguments::{Action, Arguments};
use runtime_insight::{Client, Error};

/// Why the command fails.
pub(crate) enum Failed {
    /// An error with a message.
    Because(String),
    /// The reader of the output has gone, as `head` does. Nobody is left to read a message.
    NobodyReads,
}

impl Failed {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Failed::Because(text) => Some(text),
            Failed::NobodyReads => None,
        }
    }

    fn because(text: impl Display) -> Failed {
        Failed::Because(text.to_string())
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::because(error)
    }
}

/// Turns an error of writing into a failure.
impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failed::NobodyReads,
            _ => Failed::because(format_args!("cannot write: {error}")),
        }
    }
}

pub(crate) fn run(arguments: Vec<String>) -> Result<(), Failed> {
    match Arguments::parse(&arguments).map_err(Failed::Because)? {
        Arguments::Help => print(arguments::HELP.as_bytes()),
        Arguments::Version => {
            print(format!("runtime-insight {}\n", env!("CARGO_PKG_VERSION")).as_bytes())
        }
        Arguments::List => list::run(),
        Arguments::Lines { report, programs } => lines::run(report, programs),
        Arguments::Of(pid, action) => {
            let mut client = Client::attach(pid)?;
            match action {
                Action::Dump { form, filter } => dump::run(pid, &mut client, form, &filter),
                Action::Stacks { task } => {
                    let stacks = client.ask(&format!("stacks {task}"))?;
                    print(lines::of_process(pid, &stacks).as_bytes())
                }
                Action::Trace { last, runtime, file } => {
                    trace::run(pid, &mut client, last, runtime, file)
                }
                Action::Findings { json: true } => print(&with_end(client.ask("findings")?)),
                Action::Findings { json: false } => findings::run(&mut client),
                Action::Metrics { json: false } => print(&client.ask("prometheus")?),
                Action::Metrics { json: true } => print(&with_end(client.ask("metrics")?)),
                Action::Console { port } => console::run(pid, client, port),
                Action::Top => top::run(pid, client),
                Action::Page { at } => page::run(client, pid, &at),
            }
        }
    }
}

/// Writes to the standard output.
fn print(bytes: &[u8]) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

fn with_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() != Some(&b'\n') {
        bytes.push(b'\n');
    }
    bytes
}
