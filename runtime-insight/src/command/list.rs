//! Which programs there are.

use std::time::Duration;

use runtime_insight::{Client, Error, Found, Hello, programs};

use super::table::{Table, time};
use super::{Failed, print};

/// How long a program may take for its row.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run() -> Result<(), Failed> {
    let all = programs();
    if all.is_empty() {
        return print(
            b"No program lets you look in. Start one with RUNTIME_INSIGHT=1 in its environment.\n",
        );
    }
    let mut table = Table::new(&["PID", "PROGRAM", "RUNTIMES", "TASKS", "UP"]);
    table.align_right(&[0, 3, 4]);
    for found in all {
        match row(&found) {
            Ok(row) => table.row(row),
            // The first words of the error say what is wrong.
            Err(error) => table.row(vec![found.pid.to_string(), format!("({error})")]),
        }
    }
    print(table.text(usize::MAX).as_bytes())
}

fn row(found: &Found) -> Result<Vec<String>, Error> {
    let mut client = Client::connect_within(&found.socket, PATIENCE)?;
    let hello = client.hello()?;
    let metrics = client.metrics()?;
    let tasks: f64 = metrics.runtimes.iter().map(|one| one.number("tasks_alive")).sum();
    Ok(vec![
        hello.pid.to_string(),
        hello.program.clone(),
        runtimes(&hello),
        tasks.to_string(),
        time(hello.started_us_ago),
    ])
}

/// The names of the runtimes, and how many workers each has.
fn runtimes(hello: &Hello) -> String {
    let each = hello.runtimes.iter().map(|one| {
        let name = one.name.clone().unwrap_or_else(|| one.id.to_string());
        match one.flavor.as_str() {
            "current_thread" => format!("{name} (1 thread)"),
            _ => format!("{name} ({} workers)", one.workers),
        }
    });
    each.collect::<Vec<_>>().join(", ")
}
