//! What can be asked, and the answers.

use std::sync::OnceLock;
use std::time::Duration;

use super::super::TaskInfo;
use super::super::decimal::seconds;
use super::super::json::Json;
use super::super::numbers::{metrics_json, prometheus};
use super::watch::Watch;
use crate::engine::catch_panic::catch_panic;
use crate::engine::primitive::process_began;
use crate::runtime::handle::Handle;
use crate::runtime::scheduler::RuntimeFlavor;

/// The number of the protocol: it changes with what a client could not understand.
const PROTOCOL: u32 = 1;

/// How long tasks may take to be polled for their stacks: other clients wait as long.
const STACKS_WITHIN: Duration = Duration::from_secs(1);

/// The bytes of an answer, or what is wrong with the request, in one line.
pub(super) type Answer = Result<Vec<u8>, String>;

/// One kind of request.
struct Request {
    name: &'static str,
    /// The words that must follow, as its user reads them.
    words: &'static [&'static str],
    /// Whether the answer grows with the tasks. It is not begun while others wait unread.
    is_large: bool,
    /// Makes the answer from the runtimes and the words.
    answer: fn(&[Handle], &Watch, &[&str]) -> Answer,
}

const REQUESTS: &[Request] = &[
    Request { name: "hello", words: &[], is_large: false, answer: hello },
    Request { name: "dump", words: &[], is_large: true, answer: dump },
    Request { name: "text", words: &[], is_large: true, answer: text },
    Request { name: "stacks", words: &["TASK|all"], is_large: true, answer: stacks },
    Request { name: "trace", words: &["SECONDS", "RUNTIME"], is_large: true, answer: trace },
    Request { name: "findings", words: &[], is_large: false, answer: findings },
    Request { name: "metrics", words: &[], is_large: false, answer: metrics },
    Request { name: "prometheus", words: &[], is_large: false, answer: prometheus_text },
];

/// Answers a line. `is_full`: much waits for clients that do not read.
pub(super) fn answer(line: &str, runtimes: &[Handle], watch: &Watch, is_full: bool) -> Answer {
    let mut words = line.split_whitespace();
    let Some(name) = words.next() else {
        return Err(format!("an empty request; {}", known()));
    };
    let words: Vec<_> = words.collect();
    let Some(request) = REQUESTS.iter().find(|request| request.name == name) else {
        return Err(format!("there is no request {name:?}; {}", known()));
    };
    if words.len() != request.words.len() {
        let form = [&[request.name], request.words].concat().join(" ");
        return Err(format!("the request is: {form}"));
    }
    if request.is_large && is_full {
        return Err("other clients do not read their answers: try again in a minute".to_owned());
    }
    let mut answer = Err(format!("{name} panicked, which is a defect of the runtime"));
    catch_panic(|| answer = (request.answer)(runtimes, watch, &words));
    answer
}

fn known() -> String {
    let names: Vec<_> = REQUESTS.iter().map(|request| request.name).collect();
    format!("there are {}", names.join(", "))
}

/// Says which program this is, and which runtimes it has.
fn hello(runtimes: &[Handle], _: &Watch, _: &[&str]) -> Answer {
    let mut json = Json::new();
    json.object(|json| {
        json.member("protocol", &PROTOCOL);
        json.member("pid", &std::process::id());
        json.member("program", program());
        json.member("started_us_ago", &process_began().elapsed());
        json.list("runtimes", runtimes, |json, handle| {
            json.member("id", &handle.id());
            json.member("name", &handle.name().map(str::to_owned));
            let flavor = match handle.runtime_flavor() {
                RuntimeFlavor::MultiThread => "multi_thread",
                RuntimeFlavor::CurrentThread => "current_thread",
            };
            json.member("flavor", flavor);
            json.member("workers", &handle.metrics().num_workers());
        });
    });
    Ok(json.into_string().into())
}

fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let path =
            std::env::current_exe().ok().or_else(|| Some(std::env::args_os().next()?.into()));
        let name = path.as_deref().and_then(|path| path.file_name());
        name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    })
}

/// Says what all tasks do.
fn dump(runtimes: &[Handle], _: &Watch, _: &[&str]) -> Answer {
    let mut all = String::from("{\"runtimes\":[");
    for (index, handle) in runtimes.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // The object of the dump, with one more member in front.
        let dump = handle.task_dump().to_json();
        all.push_str(&format!("{comma}{{\"id\":{},", handle.id()));
        all.push_str(dump.strip_prefix('{').unwrap_or(&dump));
    }
    all.push_str("]}");
    Ok(all.into())
}

/// Says the same for people.
fn text(runtimes: &[Handle], _: &Watch, _: &[&str]) -> Answer {
    use std::fmt::Write as _;
    let mut all = String::new();
    for handle in runtimes {
        if !all.is_empty() {
            all.push('\n');
        }
        let _ = writeln!(all, "runtime {}: {}", handle.id(), handle.task_dump());
    }
    Ok(all.into())
}

fn metrics(runtimes: &[Handle], _: &Watch, _: &[&str]) -> Answer {
    Ok(metrics_json(runtimes).into())
}

/// At which of their awaits tasks wait: of one task, or of all.
fn stacks(runtimes: &[Handle], _: &Watch, words: &[&str]) -> Answer {
    use std::fmt::Write as _;
    let which = match words[0] {
        "all" => None,
        number => match number.parse::<u64>() {
            Ok(number) => Some(number),
            Err(_) => return Err(format!("{number:?} is no number of a task, nor `all`")),
        },
    };
    let is_asked = |task: &TaskInfo| which.is_none_or(|number| task.id.as_u64() == number);
    let mut all = String::new();
    for handle in runtimes {
        let dump = handle.task_dump_with_stacks(STACKS_WITHIN, is_asked);
        for task in dump.tasks.iter().filter(|task| is_asked(task)) {
            let _ = writeln!(all, "{task}");
        }
    }
    match which {
        Some(number) if all.is_empty() => Err(format!("there is no task {number}: it has ended")),
        _ => Ok(all.into()),
    }
}

/// What threads of a runtime have done in the last seconds: see [`Trace::to_bytes`].
///
/// [`Trace::to_bytes`]: super::super::Trace::to_bytes
fn trace(runtimes: &[Handle], _: &Watch, words: &[&str]) -> Answer {
    let Some(last) = seconds(words[0]) else {
        return Err(format!("{:?} is no number of seconds", words[0]));
    };
    let Some(handle) = runtimes.iter().find(|handle| handle.id().to_string() == words[1]) else {
        return Err(format!("there is no runtime {:?}", words[1]));
    };
    Ok(handle.trace(last).to_bytes())
}

/// What is wrong with the program, and what has stalled.
fn findings(runtimes: &[Handle], watch: &Watch, _: &[&str]) -> Answer {
    Ok(watch.to_json(runtimes).into())
}

fn prometheus_text(runtimes: &[Handle], _: &Watch, _: &[&str]) -> Answer {
    Ok(prometheus(runtimes).into())
}
