//! The table of tasks that refreshes.
//!
//! Two samples a second apart make a table: how long each task was polled between them, and how
//! busy each worker was. On a terminal it goes on until a key or a signal ends it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use runtime::Builder;
use runtime::signal::unix::{SignalKind, signal};
use runtime::sync::mpsc::UnboundedReceiver;
use runtime::time::sleep;
use runtime_insight::{Client, Dump, Error, Hello, Metrics, RuntimeNumbers, Task};
use serde_json::Value;

use super::screen::Screen;
use super::table::{Table, cut, one_line, time};
use super::{Failed, print};

const REFRESH: Duration = Duration::from_secs(1);
/// The rows where there is no terminal to say how many fit.
const ROWS: usize = 50;

pub(super) fn run(pid: u32, client: Client) -> Result<(), Failed> {
    let mut program = Program { pid, client };
    let hello = program.client.hello()?;
    if !Screen::is_to_be_had() {
        let first = program.sample()?;
        std::thread::sleep(REFRESH);
        let lines = lines(&hello, &program.sample()?, &first, usize::MAX, usize::MAX);
        return print((lines.join("\n") + "\n").as_bytes());
    }
    // This command must not appear among the programs to look at.
    let runtime = Builder::new_current_thread().enable_all().insight(false).build();
    let runtime = runtime.map_err(Failed::because)?;
    runtime.block_on(refresh(&hello, &mut program))
}

/// Shows table after table.
async fn refresh(hello: &Hello, program: &mut Program) -> Result<(), Failed> {
    let told = |kind| signal(kind).map_err(Failed::because);
    let mut terminate = told(SignalKind::terminate())?;
    let mut interrupt = told(SignalKind::interrupt())?;
    let mut hang_up = told(SignalKind::hangup())?;
    let mut resized = told(SignalKind::window_change())?;
    let mut last = program.sample()?;
    let mut now = None::<Sample>;
    // From here on an error leaves the terminal as it was.
    let screen = Screen::enter()?;
    let mut keys = screen.keys();
    let mut pause = Duration::from_millis(200);
    loop {
        runtime::select! {
            _ = sleep(pause) => {
                let next = program.sample()?;
                if let Some(before) = now.replace(next) {
                    last = before;
                }
                pause = REFRESH;
            }
            () = is_left(&mut keys) => return Ok(()),
            _ = resized.recv() => {}
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
        }
        if let Some(now) = &now {
            let (width, height) = screen.size();
            screen.show(&lines(hello, now, &last, width, height))?;
        }
    }
}

/// Ends when a key asks for it.
async fn is_left(keys: &mut UnboundedReceiver<u8>) {
    loop {
        match keys.recv().await {
            Some(key) if Screen::is_way_out(key) => return,
            Some(_) => {}
            // Without keys a signal is the way out.
            None => std::future::pending().await,
        }
    }
}

struct Program {
    pid: u32,
    client: Client,
}

impl Program {
    fn sample(&mut self) -> Result<Sample, Error> {
        match self.try_sample() {
            // The program closes a connection after ten silent seconds, for example at Ctrl-Z.
            Err(Error::Io(error)) => {
                // What it says of one that is gone, or has no runtime any more, would be less.
                self.client = Client::attach(self.pid).map_err(|_| Error::Io(error))?;
                self.try_sample()
            }
            other => other,
        }
    }

    fn try_sample(&mut self) -> Result<Sample, Error> {
        let dump = self.client.dump()?;
        let at = Instant::now();
        let up_us = self.client.hello()?.started_us_ago;
        Ok(Sample { at, up_us, dump, metrics: self.client.metrics()? })
    }
}

/// The data of a program at one moment.
struct Sample {
    at: Instant,
    up_us: f64,
    dump: Dump,
    metrics: Metrics,
}

/// A row of the table, with what it is sorted by.
struct Row<'a> {
    task: &'a Task,
    runtime: u64,
    busy_us: f64,
    polls: u64,
}

/// How long a task was polled since its spawn, with the poll that goes on.
fn busy_us(task: &Task) -> f64 {
    let running = if task.state == "running" { task.since_us.unwrap_or(0.0) } else { 0.0 };
    task.busy_us + running
}

/// The table, in lines that fit.
fn lines(hello: &Hello, now: &Sample, last: &Sample, width: usize, height: usize) -> Vec<String> {
    let elapsed = now.at.saturating_duration_since(last.at).as_secs_f64().max(1e-3);
    let up = time(now.up_us);
    let mut all = vec![format!("{} ({}), up {up}", hello.program, hello.pid)];
    for numbers in &now.metrics.runtimes {
        let before = last.metrics.runtimes.iter().find(|other| other.id == numbers.id);
        all.extend(about(numbers, before, &now.dump, elapsed));
    }
    all.push(String::new());
    let mut rows = rows(&now.dump, &last.dump);
    rows.sort_by(|a, b| {
        b.busy_us.total_cmp(&a.busy_us).then(b.polls.cmp(&a.polls)).then(a.task.id.cmp(&b.task.id))
    });
    let mut table = Table::new(&["TASK", "BUSY", "POLLS/s", "STATE", "NAME", "WAITS FOR"]);
    table.align_right(&[0, 1, 2]);
    // One line is the table's head.
    let room = if height == usize::MAX { ROWS } else { height.saturating_sub(all.len() + 2) };
    let several = now.dump.runtimes.len() > 1;
    for row in rows.iter().take(room) {
        table.row(cells(row, several, elapsed));
    }
    all.extend(table.text(width).lines().map(str::to_owned));
    match rows.len().checked_sub(room) {
        Some(1) => all.push("and 1 more task".to_owned()),
        Some(more @ 2..) => all.push(format!("and {more} more tasks")),
        _ if height != usize::MAX => all.push("q leaves".to_owned()),
        _ => {}
    }
    all.truncate(height);
    all.iter().map(|line| cut(&one_line(line), width).to_owned()).collect()
}

fn rows<'a>(now: &'a Dump, last: &Dump) -> Vec<Row<'a>> {
    let before = last.runtimes.iter().flat_map(|runtime| {
        runtime.tasks.iter().map(move |task| ((runtime.id, task.id), (busy_us(task), task.polls)))
    });
    let before: HashMap<_, _> = before.collect();
    let each = now.runtimes.iter().flat_map(|runtime| {
        runtime.tasks.iter().map(|task| {
            // A task that is new has no time before.
            let (busy, polls) = before.get(&(runtime.id, task.id)).copied().unwrap_or_default();
            Row {
                task,
                runtime: runtime.id,
                busy_us: (busy_us(task) - busy).max(0.0),
                polls: task.polls.saturating_sub(polls),
            }
        })
    });
    each.collect()
}

fn cells(row: &Row<'_>, several: bool, elapsed: f64) -> Vec<String> {
    let task = row.task;
    let id = if several { format!("{}/{}", row.runtime, task.id) } else { task.id.to_string() };
    let mut state = task.state.clone();
    if let Some(worker) = task.worker {
        state += &format!(" on {worker}");
    }
    if let Some(since) = task.since_us {
        state += &format!(" {}", time(since));
    }
    let mut waits: Vec<_> = task.waits.iter().map(|wait| wait.text.clone()).collect();
    if task.more_waits > 0 {
        waits.push(format!("{} more", task.more_waits));
    }
    vec![
        id,
        format!("{:.1} %", row.busy_us / 1e4 / elapsed),
        format!("{:.0}", row.polls as f64 / elapsed),
        state,
        task.name.clone().unwrap_or_else(|| task.spawned_at.clone()),
        waits.join("; "),
    ]
}

/// The lines about a runtime.
fn about(
    numbers: &RuntimeNumbers,
    before: Option<&RuntimeNumbers>,
    dump: &Dump,
    elapsed: f64,
) -> Vec<String> {
    let name = numbers.name.as_ref().map_or(String::new(), |name| format!(" {name:?}"));
    let number = |name| numbers.number(name);
    let first = format!(
        "runtime {}{name}: {} tasks, {} queued; blocking: {} threads, {} idle, {} queued; \
         {} timers; {} stalls",
        numbers.id,
        number("tasks_alive"),
        number("global_queue_depth"),
        number("blocking_threads"),
        number("blocking_threads_idle"),
        number("blocking_queue_depth"),
        number("timers"),
        number("stalls_total"),
    );
    let workers = numbers.per_worker.iter().enumerate().map(|(index, worker)| {
        let seconds = |of: &serde_json::Map<String, Value>| {
            of.get("busy_seconds_total").and_then(Value::as_f64).unwrap_or(0.0)
        };
        let was = before.and_then(|before| before.per_worker.get(index)).map_or(0.0, seconds);
        // A worker updates its time when it goes to sleep, so the poll that it is in counts, too.
        let running = dump.runtimes.iter().filter(|runtime| runtime.id == numbers.id);
        let running = running.flat_map(|runtime| &runtime.tasks);
        let running = running.filter(|task| task.worker == Some(index));
        let in_poll = running.filter_map(|task| task.since_us).fold(0.0, f64::max) / 1e6;
        let busy = (seconds(worker) - was).max(in_poll.min(elapsed)) / elapsed;
        format!("{index}: {:.0} %", (busy * 100.0).min(100.0))
    });
    vec![first, format!("workers busy: {}", workers.collect::<Vec<_>>().join(", "))]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: Instant, tasks: &str, busy: f64) -> Sample {
        let dump = format!(r#"{{"runtimes":[{{"id":1,"tasks":[{tasks}]}}]}}"#);
        let metrics = format!(
            r#"{{"runtimes":[{{"id":1,"name":"web","tasks_alive":2,
               "per_worker":[{{"busy_seconds_total":{busy}}},{{"busy_seconds_total":0}}]}}]}}"#
        );
        Sample {
            at,
            up_us: 5.0,
            dump: serde_json::from_str(&dump).unwrap(),
            metrics: serde_json::from_str(&metrics).unwrap(),
        }
    }

    fn shown(width: usize, height: usize) -> Vec<String> {
        let hello = r#"{"protocol":1,"pid":5,"program":"p","started_us_ago":5,"runtimes":[]}"#;
        let begun = Instant::now();
        let first = r#"{"id":7,"spawned_at":"a.rs:1:2","state":"waiting","busy_us":1000,"polls":5},
            {"id":8,"name":"slow","spawned_at":"b.rs:1:2","state":"running","worker":1,
             "since_us":500000,"busy_us":0,"polls":1}"#;
        let second = r#"{"id":7,"spawned_at":"a.rs:1:2","state":"waiting","busy_us":3000,"polls":9,
             "waits":[{"kind":"timer","text":"a timer in 1 s"}]},
            {"id":8,"name":"slow","spawned_at":"b.rs:1:2","state":"running","worker":1,
             "since_us":1500000,"busy_us":0,"polls":1}"#;
        lines(
            &serde_json::from_str(hello).unwrap(),
            &sample(begun + Duration::from_secs(1), second, 0.25),
            &sample(begun, first, 0.0),
            width,
            height,
        )
    }

    #[test]
    fn what_was_busy_since_the_last_table_comes_first() {
        let lines = shown(usize::MAX, usize::MAX);
        assert_eq!(lines[2], "workers busy: 0: 25 %, 1: 100 %");
        let words = |index: usize| lines[index].split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(5)[..3], ["8", "100.0", "%"]);
        assert_eq!(words(6)[..4], ["7", "0.2", "%", "4"]);
        assert!(lines[6].ends_with("a.rs:1:2  a timer in 1 s"), "{lines:?}");
    }

    #[test]
    fn it_fits_on_a_small_screen() {
        for (width, height) in [(20, 7), (80, 24), (10, 3)] {
            let lines = shown(width, height);
            assert!(lines.iter().all(|line| line.chars().count() <= width));
            assert!(lines.len() <= height, "{height}: {lines:?}");
        }
    }
}
