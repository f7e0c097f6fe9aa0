//! What happened in a run, written to files: all events as lines, or a trace for the Perfetto UI in
//! virtual time.

use std::fmt::Write as _;
use std::fs;

use crate::conductor::hash::{Event, Hash, Op};
use crate::conductor::{Conductor, NOBODY};

fn put(path: &str, text: &str) {
    if let Err(error) = fs::write(path, text) {
        eprintln!("runtime-sim: {path} could not be written: {error}");
    }
}

/// A line for each event, with the hash up to it: where two such files begin to differ, two runs
/// do.
pub(crate) fn write_events(path: &str, ended: &Conductor) {
    let mut text = String::new();
    let mut hash = Hash::new();
    for event in ended.events() {
        hash.add(event);
        let Event { at, thread, op, a, b } = event;
        let thread = if *thread == NOBODY { -1 } else { i64::from(*thread) };
        let _ = writeln!(text, "{at} {thread} {op:?} {a} {b} {:016x}", hash.value() as u64);
    }
    put(path, &text);
}

fn escaped(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.flat_map(|c| if matches!(c, '"' | '\\') { vec!['\\', c] } else { vec![c] }).collect()
}

/// A trace in the JSON form: a process for each host, a track for each thread.
pub(crate) fn write_perfetto(path: &str, ended: &Conductor) {
    let host_of = |thread: u32| {
        let host = ended.threads.get(thread as usize).map_or(u32::MAX, |thread| thread.host);
        // 0 is the simulation itself.
        host.wrapping_add(1)
    };
    let mut lines = Vec::new();
    for host in 0..=ended.hosts.len() as u32 {
        let name = ended.host_name(host.wrapping_sub(1));
        lines.push(format!(
            r#"{{"ph":"M","pid":{host},"name":"process_name","args":{{"name":"{}"}}}}"#,
            escaped(name),
        ));
    }
    for (thread, known) in ended.threads.iter().enumerate() {
        lines.push(format!(
            r#"{{"ph":"M","pid":{},"tid":{thread},"name":"thread_name","args":{{"name":"{}"}}}}"#,
            host_of(thread as u32),
            escaped(&known.name()),
        ));
    }
    let micros = |ns: u64| format!("{}.{:03}", ns / 1000, ns % 1000);
    let slice = |thread: u32, name: &str, from: u64, to: u64| {
        format!(
            r#"{{"ph":"X","pid":{},"tid":{thread},"name":"{name}","ts":{},"dur":{}}}"#,
            host_of(thread),
            micros(from),
            micros(to.saturating_sub(from).max(1)),
        )
    };
    let mut running: Option<(u32, u64)> = None;
    for event in ended.events() {
        match event.op {
            Op::Run => {
                if let Some((thread, since)) = running {
                    lines.push(slice(thread, "runs", since, event.at));
                }
                running = Some((event.a as u32, event.at));
            }
            Op::Jump => {
                if let Some((thread, since)) = running.take() {
                    lines.push(slice(thread, "runs", since, since + 1));
                }
            }
            Op::Fault => lines.push(format!(
                r#"{{"ph":"i","s":"g","pid":0,"tid":0,"name":"fault {}","ts":{}}}"#,
                event.a,
                micros(event.at),
            )),
            Op::Call | Op::Bytes | Op::Wake if event.thread != NOBODY => lines.push(format!(
                r#"{{"ph":"i","s":"t","pid":{},"tid":{},"name":"{:?} {} {}","ts":{}}}"#,
                host_of(event.thread),
                event.thread,
                event.op,
                event.a,
                event.b,
                micros(event.at),
            )),
            _ => {}
        }
    }
    put(path, &format!("[\n{}\n]\n", lines.join(",\n")));
}
