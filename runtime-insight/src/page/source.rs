//! The sources of a page's data. Both answer the requests of the socket's protocol.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use runtime::Handle;
use runtime::insight::{Finding, TaskInfo, metrics_json, prometheus};
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::places;

/// A source knows what a program does. Every call may take a while.
pub(super) trait Source: Send + Sync + 'static {
    /// Returns the bytes of the answer.
    fn ask(&self, request: &str) -> Result<Vec<u8>, Error>;

    /// Whether no request will ever be answered again: then the page can end.
    fn has_ended(&self) -> bool;
}

impl<S: Source> Source for Arc<S> {
    fn ask(&self, request: &str) -> Result<Vec<u8>, Error> {
        (**self).ask(request)
    }

    fn has_ended(&self) -> bool {
        (**self).has_ended()
    }
}

/// Another program, through its socket. The connection is opened anew when it breaks.
pub(super) struct Socket {
    path: PathBuf,
    client: Mutex<Option<Client>>,
}

impl Socket {
    pub(super) fn of_process(pid: u32) -> Result<Socket, Error> {
        // The errors of `attach` and `hello` say more than those of a path.
        Client::attach(pid)?.hello()?;
        Ok(Socket { path: places::find(pid)?, client: Mutex::new(None) })
    }

    pub(super) fn at(path: &Path) -> Result<Socket, Error> {
        let mut client = Client::connect(path)?;
        client.hello()?;
        Ok(Socket { path: path.to_owned(), client: Mutex::new(Some(client)) })
    }
}

impl Source for Socket {
    fn ask(&self, request: &str) -> Result<Vec<u8>, Error> {
        let mut slot = lock(&self.client);
        if let Some(mut client) = slot.take() {
            match client.ask(request) {
                // The program closes connections that are silent for a while.
                Err(Error::Io(_)) => {}
                other => {
                    *slot = Some(client);
                    return other;
                }
            }
        }
        let mut client = Client::connect(&self.path).map_err(|error| match error {
            // Nobody listens on the socket any more.
            Error::Io(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
            {
                Error::Io(ErrorKind::UnexpectedEof.into())
            }
            other => other,
        })?;
        let answer = client.ask(request);
        if !matches!(answer, Err(Error::Io(_))) {
            *slot = Some(client);
        }
        answer
    }

    /// The program may be started again, and what was seen last can still be read in any case.
    fn has_ended(&self) -> bool {
        false
    }
}

/// How long a task may take to be polled for its stacks.
const STACKS_WITHIN: Duration = Duration::from_secs(1);
/// How many findings are kept.
const FINDINGS: usize = 100;

/// The findings of the program, in the form of the protocol.
pub(super) type Told = Mutex<VecDeque<Value>>;

pub(super) fn keep(told: &Told, finding: &Finding) {
    let tasks = finding.tasks.iter().filter_map(|id| id.to_string().parse::<u64>().ok());
    let tasks: Vec<_> = tasks.map(|id| json!({"id": id})).collect();
    let mut told = lock(told);
    if told.len() == FINDINGS {
        told.pop_front();
    }
    let (kind, text) = (finding.kind.name(), finding.to_string());
    told.push_back(json!({"kind": kind, "text": text, "tasks": tasks}));
}

/// The runtimes of this process that were built with the page.
pub(super) struct Local {
    began: Instant,
    /// `None` once the last of them has been shut down.
    handles: Mutex<Option<Vec<Handle>>>,
    told: Arc<Told>,
}

impl Local {
    pub(super) fn new(handle: &Handle, told: Arc<Told>) -> Local {
        let handles = Mutex::new(Some(vec![handle.clone()]));
        Local { began: Instant::now(), handles, told }
    }

    /// Adds a runtime. Returns false if that comes too late.
    pub(super) fn add(&self, handle: &Handle) -> bool {
        match &mut *lock(&self.handles) {
            Some(handles) => {
                handles.push(handle.clone());
                true
            }
            None => false,
        }
    }

    /// The runtimes that have not been shut down.
    fn alive(&self) -> Vec<Handle> {
        let mut handles = lock(&self.handles);
        let Some(all) = &mut *handles else { return Vec::new() };
        all.retain(|handle| !handle.is_shut_down());
        let alive = all.clone();
        if alive.is_empty() {
            *handles = None;
        }
        alive
    }

    fn hello(&self, handles: &[Handle]) -> Vec<u8> {
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(Path::file_name).unwrap_or_default();
        let runtimes: Vec<_> = handles
            .iter()
            .map(|handle| {
                let flavor = match handle.runtime_flavor() {
                    runtime::runtime::RuntimeFlavor::CurrentThread => "current_thread",
                    _ => "multi_thread",
                };
                json!({
                    "id": number_of(handle),
                    "name": handle.name(),
                    "flavor": flavor,
                    "workers": handle.metrics().num_workers(),
                })
            })
            .collect();
        let answer = json!({
            "protocol": 1,
            "pid": std::process::id(),
            "program": program.to_string_lossy(),
            "started_us_ago": self.began.elapsed().as_micros() as f64,
            "runtimes": runtimes,
        });
        answer.to_string().into_bytes()
    }
}

fn refused(text: String) -> Error {
    Error::Refused { text }
}

fn stacks(handles: &[Handle], id: &str) -> Result<Vec<u8>, Error> {
    for handle in handles {
        let is_it = |task: &TaskInfo| task.id.to_string() == id;
        let dump = handle.task_dump_with_stacks(STACKS_WITHIN, is_it);
        if let Some(task) = dump.tasks.iter().find(|task| is_it(task)) {
            return Ok(format!("{task}\n").into_bytes());
        }
    }
    Err(refused(format!("there is no task {id}: it has ended")))
}

/// The id as a number, as in the protocol.
fn number_of(handle: &Handle) -> u64 {
    handle.id().to_string().parse().unwrap_or(0)
}

impl Source for Local {
    fn ask(&self, request: &str) -> Result<Vec<u8>, Error> {
        let handles = self.alive();
        let words: Vec<_> = request.split_whitespace().collect();
        match words.as_slice() {
            ["hello"] => Ok(self.hello(&handles)),
            ["dump"] => {
                let mut all = String::from("{\"runtimes\":[");
                for (index, handle) in handles.iter().enumerate() {
                    let comma = if index > 0 { "," } else { "" };
                    let dump = handle.task_dump().to_json();
                    all.push_str(&format!("{comma}{{\"id\":{},", number_of(handle)));
                    all.push_str(dump.strip_prefix('{').unwrap_or(&dump));
                }
                all.push_str("]}");
                Ok(all.into_bytes())
            }
            ["text"] => {
                let each = handles
                    .iter()
                    .map(|handle| format!("runtime {}: {}\n", handle.id(), handle.task_dump()));
                Ok(each.collect::<Vec<_>>().join("\n").into_bytes())
            }
            ["metrics"] => Ok(metrics_json(&handles).into_bytes()),
            ["prometheus"] => Ok(prometheus(&handles).into_bytes()),
            ["findings"] => {
                let told = lock(&self.told);
                let told: Vec<_> = told.iter().rev().collect();
                let of = |handle: &Handle| {
                    let runtime = number_of(handle);
                    handle.recent_stalls().into_iter().map(move |(ago, text)| {
                        json!({"runtime": runtime, "us_ago": ago.as_micros() as f64, "text": text})
                    })
                };
                let stalls: Vec<_> = handles.iter().flat_map(of).collect();
                Ok(json!({"findings": told, "stalls": stalls}).to_string().into_bytes())
            }
            ["stacks", id] => stacks(&handles, id),
            ["trace", seconds, runtime] => {
                let seconds = seconds.parse().ok().map(Duration::from_secs);
                let handle = handles.iter().find(|handle| handle.id().to_string() == *runtime);
                let (Some(seconds), Some(handle)) = (seconds, handle) else {
                    return Err(refused(format!("there is no runtime {runtime}")));
                };
                Ok(handle.trace(seconds).to_bytes())
            }
            _ => Err(refused(format!("there is no request {request:?}"))),
        }
    }

    fn has_ended(&self) -> bool {
        self.alive().is_empty()
    }
}

/// The data of a poisoned lock is still whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
