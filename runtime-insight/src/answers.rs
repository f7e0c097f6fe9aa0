//! The answers of programs. A member that a newer program adds is ignored; one that an older
//! program does not know is `None`, zero or empty.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The identity of a program.
///
/// # Examples
///
/// See [`Client::hello`](crate::Client::hello).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Hello {
    /// The number of the protocol.
    pub protocol: u32,
    /// The number of the process.
    pub pid: u32,
    /// The name of its executable.
    pub program: String,
    /// How many microseconds ago it began to use the runtime.
    pub started_us_ago: f64,
    /// The runtimes whose insight is on.
    pub runtimes: Vec<RuntimeInfo>,
}

/// A runtime.
///
/// # Examples
///
/// See [`Client::hello`](crate::Client::hello).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct RuntimeInfo {
    /// Its number in its process.
    pub id: u64,
    /// The name given by `Builder::name`.
    pub name: Option<String>,
    /// `multi_thread` or `current_thread`.
    pub flavor: String,
    /// How many workers it has.
    pub workers: usize,
}

/// All tasks of a program.
///
/// # Examples
///
/// See [`Client::dump`](crate::Client::dump).
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Dump {
    /// A list for each runtime whose insight is on.
    pub runtimes: Vec<RuntimeDump>,
}

/// All tasks of a runtime: see `runtime::insight::TaskDump`.
///
/// # Examples
///
/// See [`Client::dump`](crate::Client::dump).
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct RuntimeDump {
    /// The number of the runtime in its process.
    pub id: u64,
    /// The name of the runtime.
    pub runtime: Option<String>,
    /// How long the program took for the dump, in microseconds.
    #[serde(default)]
    pub took_us: f64,
    /// The tasks, in order of their ids.
    pub tasks: Vec<Task>,
    /// The futures that threads block on.
    #[serde(default)]
    pub roots: Vec<Root>,
    /// The jobs of the blocking pool.
    #[serde(default)]
    pub blocking: Vec<Job>,
}

/// One task: see `runtime::insight::TaskInfo`.
///
/// # Examples
///
/// See [`Client::dump`](crate::Client::dump).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Task {
    /// Its id.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned: file, line, column.
    pub spawned_at: String,
    /// Where its scope was opened, if it was spawned into one.
    #[serde(default)]
    pub scope: Option<String>,
    /// Where it lives.
    #[serde(default)]
    pub place: String,
    /// `running`, `queued` or `waiting`.
    pub state: String,
    /// For how long, in microseconds.
    pub since_us: Option<f64>,
    /// On which worker it runs.
    pub worker: Option<usize>,
    /// How often it was polled.
    #[serde(default)]
    pub polls: u64,
    /// For how long it was polled, in microseconds.
    #[serde(default)]
    pub busy_us: f64,
    /// How long ago it was spawned, in microseconds.
    pub age_us: Option<f64>,
    /// The size of its future in bytes.
    #[serde(default)]
    pub future_size: usize,
    /// Who made it ready the last time: `task`, `driver`, `timer` or `outside`.
    pub woken_by: Option<String>,
    /// The task that made it ready, if one did.
    pub woken_by_task: Option<u64>,
    /// How long ago, in microseconds.
    pub woken_us_ago: Option<f64>,
    /// What it waits for.
    #[serde(default)]
    pub waits: Vec<Wait>,
    /// How many more things it waits for.
    #[serde(default)]
    pub more_waits: u32,
    /// Nobody can wake or abort it any more.
    #[serde(default)]
    pub lost: bool,
    /// It can go on only after another task that is stuck.
    #[serde(default)]
    pub stuck: bool,
}

/// One thing that a task waits for: see `runtime::insight::WaitInfo`.
///
/// # Examples
///
/// See [`Client::dump`](crate::Client::dump).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Wait {
    /// The kind of wait.
    pub kind: String,
    /// The whole wait in words, for people.
    pub text: String,
    /// Where the lock or channel was made.
    pub made_at: Option<String>,
    /// A number for the lock or channel.
    pub object: Option<u64>,
    /// Which task holds the lock, or receives from the full channel.
    pub held_by: Option<u64>,
    /// Which task or job it waits for.
    pub task: Option<u64>,
    /// The number of permits, or of tasks of a set.
    pub count: Option<u64>,
    /// How long it is until the deadline, in microseconds.
    pub left_us: Option<f64>,
    /// The number of the child process, or of the signal.
    pub number: Option<u64>,
    /// The number of the descriptor.
    pub descriptor: Option<i32>,
    /// The descriptor's own address.
    pub local: Option<String>,
    /// The address at the other end.
    pub peer: Option<String>,
    /// Whether it may be over.
    #[serde(default)]
    pub old: bool,
}

/// A future that a thread blocks on: see `runtime::insight::RootInfo`.
///
/// # Examples
///
/// See [`Client::dump`](crate::Client::dump).
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Root {
    /// Where `block_on` was called: file, line, column.
    pub called_at: String,
    /// The name of the thread.
    pub thread: Option<String>,
    /// `running`, `queued` or `waiting`.
    pub state: String,
    /// For how long, in microseconds.
    pub since_us: Option<f64>,
    /// How often it was polled.
    #[serde(default)]
    pub polls: u64,
    /// For how long it was polled, in microseconds.
    #[serde(default)]
    pub busy_us: f64,
    /// What it waits for.
    #[serde(default)]
    pub waits: Vec<Wait>,
}

/// A job of the blocking pool.
///
/// # Examples
///
/// See [`Client::dump`](crate::Client::dump).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Job {
    /// Its id.
    pub id: Option<u64>,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was spawned, where that is known.
    pub spawned_at: Option<String>,
    /// Whether it runs. If not, it waits for a thread.
    pub running: bool,
}

/// The numbers of a program: see `runtime::insight::metrics_json`.
///
/// # Examples
///
/// See [`Client::metrics`](crate::Client::metrics).
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Metrics {
    /// The numbers of the process, by their names.
    #[serde(default)]
    pub process: Map<String, Value>,
    /// The numbers of each runtime.
    pub runtimes: Vec<RuntimeNumbers>,
}

/// The numbers of a runtime.
///
/// # Examples
///
/// See [`Client::metrics`](crate::Client::metrics).
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct RuntimeNumbers {
    /// Its number in its process.
    pub id: u64,
    /// Its name.
    pub name: Option<String>,
    /// The numbers of each worker, by their names.
    #[serde(default)]
    pub per_worker: Vec<Map<String, Value>>,
    /// The numbers of each thread for pinned tasks, by their names.
    #[serde(default)]
    pub per_pinned_thread: Vec<Map<String, Value>>,
    /// The numbers of the whole runtime, by their names.
    #[serde(flatten)]
    pub numbers: Map<String, Value>,
}

impl RuntimeNumbers {
    /// A number of the whole runtime; 0 if the program does not know it.
    ///
    /// # Examples
    ///
    /// See [`Client::metrics`](crate::Client::metrics).
    pub fn number(&self, name: &str) -> f64 {
        self.numbers.get(name).and_then(Value::as_f64).unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_passed_over_and_what_is_missing_is_none() {
        let text = r#"{"runtimes":[{"id":1,"new":{},"tasks":[{"id":7,"spawned_at":"a.rs:1:2",
            "state":"waiting","newer":[1],"waits":[{"kind":"timer","text":"a timer"}]}]}]}"#;
        let dump: Dump = serde_json::from_str(text).unwrap();
        let task = &dump.runtimes[0].tasks[0];
        assert_eq!((task.id, task.polls, task.name.as_deref()), (7, 0, None));
        assert_eq!(task.waits[0].left_us, None);
    }

    #[test]
    fn numbers_are_found_by_their_names() {
        let text = r#"{"process":{},"runtimes":[{"id":1,"name":"a","tasks_alive":3,
            "per_worker":[{"worker":0,"polls_total":5}]}]}"#;
        let metrics: Metrics = serde_json::from_str(text).unwrap();
        let one = &metrics.runtimes[0];
        assert_eq!((one.number("tasks_alive"), one.number("nothing")), (3.0, 0.0));
        assert_eq!(one.per_worker[0]["polls_total"], 5);
    }
}
