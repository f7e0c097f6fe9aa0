//! The answers, by path.

use std::collections::BTreeMap;

use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::hub::Hub;
use super::knots::Node;
use super::query::Query;
use super::snapshot::{Line, Selection, Snapshot};
use super::source::lock;
use super::task::Wait;
use crate::error::Error;
use crate::lines::Lines;
use crate::perfetto;

/// The most rows in one answer.
const MOST_ROWS: u64 = 500;
/// The most locks, circles, places in one answer.
const MOST_LISTED: usize = 200;
/// How many of the tasks that wait for one task are looked for.
const MOST_WAITERS: usize = 50;
/// The longest time of a trace: the flight recorder may hold a few minutes.
const MOST_SECONDS: u64 = 3600;

/// What the browser gets.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
    /// The name under which the browser saves the answer as a file.
    pub(super) file: Option<String>,
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

impl Answer {
    fn ok(kind: &'static str, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status: StatusCode::OK, kind, body: body.into(), file: None }
    }

    pub(super) fn text(status: StatusCode, text: &str) -> Answer {
        Answer { status, kind: TEXT, body: text.into(), file: None }
    }

    fn json(value: &impl Serialize) -> Result<Answer, Error> {
        Ok(Answer::ok(JSON, serde_json::to_vec(value)?))
    }

    fn download(self, name: String) -> Answer {
        Answer { file: Some(name), ..self }
    }

    fn wrong(text: impl Into<String>) -> Answer {
        Answer::text(StatusCode::BAD_REQUEST, &text.into())
    }
}

/// What the browser loads first.
pub(super) const ASSETS: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=utf-8", include_str!("assets/page.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("assets/page.css")),
    ("/page.js", "text/javascript; charset=utf-8", include_str!("assets/page.js")),
    ("/charts.js", "text/javascript; charset=utf-8", include_str!("assets/charts.js")),
    ("/icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
];

pub(super) fn asset(path: &str) -> Option<Answer> {
    let (_, kind, body) = ASSETS.iter().find(|(other, _, _)| *other == path)?;
    Some(Answer::ok(kind, *body))
}

/// Answers a request. It asks the program, so it blocks.
pub(super) fn answer(hub: &Hub, path: &str, query: &str) -> Answer {
    let query = Query::parse(query);
    let answered = match path {
        "/api/overview" => overview(hub, &query),
        "/api/tasks" => tasks(hub, &query),
        "/api/groups" => groups(hub),
        "/api/locks" => locks(hub),
        "/api/findings" => findings(hub),
        "/api/dump.json" => file(hub, "dump", JSON, "dump.json"),
        "/api/dump.txt" => file(hub, "text", TEXT, "dump.txt"),
        "/api/metrics.txt" => file(hub, "prometheus", TEXT, "metrics.txt"),
        "/api/trace" => trace(hub, &query),
        _ => match (id(path, "/api/task/"), id(path, "/api/stacks/")) {
            (Some(id), _) => task(hub, id),
            (_, Some(id)) => stacks(hub, id),
            _ => return Answer::text(StatusCode::NOT_FOUND, "There is no such page."),
        },
    };
    answered.unwrap_or_else(|error| {
        let status = match error {
            Error::Refused { .. } => StatusCode::NOT_IMPLEMENTED,
            _ => StatusCode::BAD_GATEWAY,
        };
        Answer::text(status, &error.to_string())
    })
}

fn id(path: &str, front: &str) -> Option<u64> {
    path.strip_prefix(front)?.parse().ok()
}

type Answered = Result<Answer, Error>;

fn overview(hub: &Hub, query: &Query) -> Answered {
    let after = match query.number("after", 0) {
        Ok(after) => after,
        Err(text) => return Ok(Answer::wrong(text)),
    };
    // The data seen last is shown even when the program has ended.
    let trouble = hub.trouble();
    let hello = if trouble.is_none() { Some(hub.hello()?) } else { None };
    let history = lock(&hub.history);
    let last = history.last().map(|metrics| {
        let runtimes: Vec<_> = metrics
            .runtimes
            .iter()
            .map(|one| {
                json!({
                    "id": one.id,
                    "name": one.name,
                    "numbers": one.numbers,
                    "per_worker": one.per_worker,
                })
            })
            .collect();
        json!({"process": metrics.process, "runtimes": runtimes})
    });
    Answer::json(&json!({
        "hello": hello,
        "trouble": trouble,
        "next": history.next(),
        "samples": history.since(after),
        "last": last,
    }))
}

fn moment(snapshot: &Snapshot) -> Value {
    json!({
        "number": snapshot.number,
        "age_ms": snapshot.taken.elapsed().as_millis() as u64,
        "took_us": snapshot.took_us,
        "cost_ms": snapshot.cost.as_millis() as u64,
        "tasks": snapshot.rows.len(),
    })
}

fn tasks(hub: &Hub, query: &Query) -> Answered {
    let selection = Selection::parse(query);
    let numbers = (|| {
        let snapshot = query.number("snapshot", 0)?;
        Ok((snapshot, query.number("offset", 0)?, query.number("limit", 100)?.min(MOST_ROWS)))
    })();
    let (selection, (snapshot, offset, limit)) = match (selection, numbers) {
        (Ok(selection), Ok(numbers)) => (selection, numbers),
        (Err(text), _) | (_, Err(text)) => return Ok(Answer::wrong(text)),
    };
    let snapshot = hub.snapshot(Some(snapshot))?;
    let selected = snapshot.select(&selection);
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(selected.len());
    let to = from.saturating_add(limit as usize).min(selected.len());
    let rows: Vec<_> =
        selected[from..to].iter().map(|&at| Line::from(&snapshot.rows[at as usize])).collect();
    Answer::json(&json!({
        "snapshot": moment(&snapshot),
        "matched": selected.len(),
        "offset": from,
        "rows": rows,
    }))
}

fn groups(hub: &Hub) -> Answered {
    let snapshot = hub.snapshot(None)?;
    let groups = snapshot.groups();
    let count = groups.len();
    let listed = &groups[..count.min(MOST_LISTED)];
    let roots = &snapshot.roots[..snapshot.roots.len().min(MOST_LISTED)];
    Answer::json(&json!({
        "snapshot": moment(&snapshot),
        "count": count,
        "groups": listed,
        "roots": roots,
    }))
}

fn locks(hub: &Hub) -> Answered {
    let snapshot = hub.snapshot(None)?;
    let locks = &snapshot.knots().locks;
    let listed = &locks[..locks.len().min(MOST_LISTED)];
    Answer::json(&json!({"snapshot": moment(&snapshot), "count": locks.len(), "locks": listed}))
}

fn findings(hub: &Hub) -> Answered {
    let snapshot = hub.snapshot(None)?;
    let knots = snapshot.knots();
    // An older program does not know this request.
    let told: Option<Value> =
        hub.ask("findings").ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut answer = told.unwrap_or_default();
    let (mut told, stalled) = (answer["findings"].take(), answer["stalls"].take());
    for one in told.as_array_mut().into_iter().flatten() {
        let tasks = one["tasks"].as_array();
        let is_there =
            |task: &Value| task["id"].as_u64().is_some_and(|id| snapshot.row(id).is_some());
        let stands = tasks.is_some_and(|all| !all.is_empty() && all.iter().all(is_there));
        one["stands"] = stands.into();
    }
    let stalls: f64 = lock(&hub.history)
        .last()
        .map_or(0.0, |last| last.runtimes.iter().map(|one| one.number("stalls_total")).sum());
    let circles = &knots.circles;
    Answer::json(&json!({
        "snapshot": moment(&snapshot),
        "findings": told,
        "circles": circles[..circles.len().min(MOST_LISTED)],
        "circle_count": circles.len(),
        "long_polls": knots.long_polls,
        "lost": knots.lost,
        "lost_count": knots.lost_count,
        "stalls_total": stalls,
        "stalls": stalled,
        "blocking": snapshot.jobs.iter().take(MOST_LISTED).collect::<Vec<_>>(),
        "blocking_running": snapshot.jobs.iter().filter(|job| job.running).count(),
        "blocking_count": snapshot.jobs.len(),
    }))
}

fn task(hub: &Hub, id: u64) -> Answered {
    let snapshot = hub.snapshot(None)?;
    let Some(row) = snapshot.row(id) else {
        let text = format!("There is no task {id}: it has ended, or never was.");
        return Ok(Answer::text(StatusCode::NOT_FOUND, &text));
    };
    // The tasks that it names, so that the page can show their names.
    let named = row.task.waits.iter().flat_map(|wait| [wait.held_by, wait.task]);
    let named = named.chain([row.task.woken_by_task]).flatten();
    let names: BTreeMap<u64, Node> =
        named.filter_map(|id| Some((id, Node::of(&snapshot.row(id)?.task)))).collect();
    let waits_for_it = |wait: &Wait| wait.leads_to == Some(id) || wait.held_by == Some(id);
    let mut waiters = Vec::new();
    let mut count = 0;
    for other in snapshot.rows.iter().filter(|other| other.task.waits.iter().any(waits_for_it)) {
        count += 1;
        if waiters.len() < MOST_WAITERS {
            waiters.push(Node::of(&other.task));
        }
    }
    let circle =
        snapshot.knots().circles.iter().find(|circle| circle.ring.iter().any(|node| node.id == id));
    Answer::json(&json!({
        "snapshot": moment(&snapshot),
        "runtime": row.runtime,
        "load": row.load,
        "task": row.task,
        "names": names,
        "waiters": waiters,
        "waiter_count": count,
        "circle": circle,
    }))
}

/// The chain of async functions that the task is in. A failure to get it is an answer, too.
fn stacks(hub: &Hub, id: u64) -> Answered {
    let text = hub.ask(&format!("stacks {id}")).and_then(|bytes| {
        let lines = Lines::of_process(hub.hello()?.pid);
        Ok(lines.add(&String::from_utf8_lossy(&bytes)))
    });
    Answer::json(&match text {
        Ok(text) => json!({"text": text}),
        Err(error) => json!({"error": error.to_string()}),
    })
}

/// A file name that differs between programs and moments.
fn file_name(hub: &Hub, end: &str) -> Result<String, Error> {
    let hello = hub.hello()?;
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let program: String = hello.program.chars().filter(is_plain).collect();
    Ok(format!("{program}-{}-{end}", hello.pid))
}

fn file(hub: &Hub, request: &str, kind: &'static str, end: &str) -> Answered {
    Ok(Answer::ok(kind, hub.ask(request)?).download(file_name(hub, end)?))
}

fn trace(hub: &Hub, query: &Query) -> Answered {
    let seconds = match query.number("seconds", 10) {
        Ok(seconds @ 1..=MOST_SECONDS) => seconds,
        Ok(_) => return Ok(Answer::wrong(format!("seconds is from 1 to {MOST_SECONDS}"))),
        Err(text) => return Ok(Answer::wrong(text)),
    };
    let runtime = match query.number("runtime", 0) {
        Ok(0) => hub.hello()?.runtimes.first().map_or(0, |runtime| runtime.id),
        Ok(runtime) => runtime,
        Err(text) => return Ok(Answer::wrong(text)),
    };
    let raw = hub.ask(&format!("trace {seconds} {runtime}"))?;
    let trace =
        perfetto::convert(&raw).map_err(|error| Error::Unreadable { text: error.to_string() })?;
    Ok(Answer::ok("application/octet-stream", trace).download(file_name(hub, "trace.pftrace")?))
}
