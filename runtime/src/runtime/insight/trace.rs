//! What the flight recorder holds: [`Handle::trace`].
//!
//! # The form of a trace as bytes
//!
//! Numbers are little-endian; a text is its length in bytes (`u32`) and its bytes, in UTF-8. First
//! come the eight bytes of [`MAGIC`], and the version of the form (`u32`): 1. Then sections: a
//! number (`u32`), the length of the rest (`u64`), the rest. A reader skips sections with numbers
//! that it does not know, and what a section has beyond what it knows.
//!
//! | number | section | content |
//! |---|---|---|
//! | 1 | process | its number (`u32`), the program, the runtime's name: empty if it has none |
//! | 2 | clock | the tick of the end (`u64`), nanoseconds a tick (`f64`), nanoseconds from 1970 to the end (`u64`), the nanoseconds that were asked for (`u64`) |
//! | 3 | numbers | tasks alive (`u64`), workers (`u32`), events that found no room (`u64`) |
//! | 4 | places | how many (`u32`), and of each: file, line (`u32`), column (`u32`) |
//! | 5 | tasks | how many (`u32`), and of each: id (`u64`; of one that has ended without its upper 24 bits), number of the place (`u32`), name: empty if it has none |
//! | 6 | a ring | whose (`u32`): 0 of a worker, 1 of the thread of a `current_thread` runtime, 2 of a pinned thread, 3 of others; its number (`u32`), its name, how many events ever were overwritten (`u64`), the task that it is polling (`u64`, 0 if none) and since which tick (`u64`), how many events (`u32`) and each event: 16 bytes |
//!
//! Section 6 is there once for each ring. An event is two words (`u64`). The lowest 5 bits of the
//! first are its kind, the others the tick, without the upper 5 bits: the reader takes the time
//! that is nearest to the end. The lowest 24 bits of the second word are "more", the others the
//! "subject". The subject of an event that concerns a task is its id, without the upper 24 bits.
//! The kinds stand in `engine/insight/recorder/event.rs`; they do not change, and new ones may come
//! without a new version.

use std::fmt;
use std::panic::Location;
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::clock::time_of_day;
use crate::engine::insight::Numbers;
use crate::engine::insight::recorder::{
    Contents, EVENT_BYTES, Owner, Recording, is_of_task, place, subject, subject_of,
};
use crate::engine::primitive::{Scale, ticks};
use crate::engine::scheduler::NO_WORKER;
use crate::engine::task_id;
use crate::runtime::handle::Handle;
use crate::task::Id;

const MAGIC: &[u8; 8] = b"RTTRACE\0";
const VERSION: u32 = 1;

/// What the threads of a runtime have done in the last seconds: what
/// [`Handle::trace`](crate::Handle::trace) gives.
///
/// It has each poll of a task, with how it ended and how long it took; wakes and spawns, with who
/// made them; when threads slept, stole, stalled. [`to_bytes`](Trace::to_bytes) is for the command
/// `runtime-insight`, which makes a trace of it that the Perfetto UI opens.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use runtime::insight::Trace;
///
/// let runtime = runtime::Builder::new_multi_thread().insight(true).build()?;
/// runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
/// let trace: Trace = runtime.handle().trace(Duration::from_secs(10));
/// assert!(trace.event_count() >= 3);
/// // For example on a signal of your choice.
/// # let path = std::env::temp_dir().join(format!("runtime-doc-{}.rttrace", std::process::id()));
/// std::fs::write(&path, trace.to_bytes())?;
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Trace {
    runtime: Option<String>,
    now: u64,
    ns_per_tick: f64,
    unix: Duration,
    asked: Duration,
    alive: usize,
    workers: usize,
    lost: u64,
    threads: Vec<ThreadEvents>,
    names: Names,
}

/// The events of a thread, or of those that share a ring.
#[derive(Clone)]
struct ThreadEvents {
    owner: Owner,
    name: String,
    contents: Contents,
    /// Which task it polls, and since when.
    running: Option<(u64, u64)>,
}

impl Handle {
    /// What the threads of the runtime have done within the time `last`, as far as the flight
    /// recorder has it: by default some 260,000 events of each thread
    /// ([`recorder_bytes`](crate::insight::Insight::recorder_bytes)).
    ///
    /// May be called on any thread, also while all workers are stuck. It stops nobody: the threads
    /// go on recording, and what they overwrite meanwhile is left out. It copies 16 bytes an event,
    /// and looks at all tasks for the names of those in it, as [`task_dump`](Handle::task_dump)
    /// does. Without [insight](crate::Builder::insight) the trace is empty.
    ///
    /// # Examples
    ///
    /// See [`Trace`].
    pub fn trace(&self, last: Duration) -> Trace {
        let scale = Scale::now();
        let now = ticks();
        let from = now.saturating_sub(scale.ticks(last));
        let recorder = self.observe().recorder.as_ref();
        let recording = recorder.map(|recorder| recorder.read(from, now)).unwrap_or_default();
        let alive = if recorder.is_some() { self.tasks_in(&recording) } else { Vec::new() };
        // Reads the tasks that have ended meanwhile. The list of places only grows.
        let ended = recorder.map(|recorder| recorder.read(now, ticks())).unwrap_or_default();
        let mut names = Names::new(ended.places.clone());
        recording.events().chain(ended.events()).for_each(|event| names.add_ended(event));
        alive.iter().for_each(|task| names.add_alive(task));
        if let Some(recorder) = recorder {
            recorder.each_ended_name(|id, name| names.add_name(id, name));
        }
        let workers = self.scheduler().pool().map_or(1, |pool| pool.workers());
        let threads = recording.rings.into_iter().map(|(owner, contents)| {
            let worker = match owner {
                Owner::Worker(n) => Some(n),
                Owner::CurrentThread => Some(0),
                Owner::Pinned(_) | Owner::Shared => None,
            };
            let running = alive.iter().find_map(|task| {
                let (on, began) = task.running?;
                (Some(on) == worker).then_some((task.id.as_u64(), began))
            });
            ThreadEvents { owner, name: thread_name(owner, workers), contents, running }
        });
        Trace {
            runtime: self.name().map(str::to_owned),
            now,
            ns_per_tick: scale.ns_per_tick(),
            unix: time_of_day(),
            asked: last,
            alive: self.metrics().num_alive_tasks(),
            workers,
            lost: recording.lost,
            threads: threads.collect(),
            names,
        }
    }

    /// The living tasks that are in the recording or are being polled.
    fn tasks_in(&self, recording: &Recording) -> Vec<Alive> {
        let of_tasks = recording.events().filter(|&event| is_of_task(event));
        let wanted: Numbers = of_tasks.map(|event| (subject(event), 0)).collect();
        let mut alive = Vec::new();
        self.each_place(|list, _| {
            list.walk(|task| {
                let reading = task.read().filter(|_| task.is_running()).unwrap_or_default();
                let running = (task.is_running() && reading.worker != NO_WORKER)
                    .then_some((reading.worker, reading.began));
                if running.is_some() || wanted.contains_key(&subject_of(task.id())) {
                    let (id, location, is_named) = (task.id(), task.location(), task.is_named());
                    alive.push(Alive { id, location, is_named, running });
                }
            });
        });
        alive
    }
}

fn thread_name(owner: Owner, workers: usize) -> String {
    match owner {
        Owner::Worker(n) if n as usize >= workers => format!("spare {n}"),
        Owner::Worker(n) => format!("worker {n}"),
        Owner::CurrentThread => "current thread".to_owned(),
        Owner::Pinned(n) => format!("pinned {n}"),
        Owner::Shared => "other threads".to_owned(),
    }
}

/// A task that is alive, as it was seen in the list.
struct Alive {
    id: Id,
    location: &'static Location<'static>,
    is_named: bool,
    /// On which worker, and since when.
    running: Option<(u32, u64)>,
}

/// The names of the tasks in a trace.
#[derive(Clone, Debug)]
struct Names {
    tasks: Vec<TaskName>,
    /// Where in `tasks` an id is.
    by_id: Numbers,
    places: Vec<&'static Location<'static>>,
    by_address: Numbers,
}

#[derive(Clone, Debug)]
struct TaskName {
    /// That of a task that has ended lacks its upper bits.
    id: u64,
    /// The number of the place.
    place: u32,
    name: Option<Arc<str>>,
}

impl Names {
    fn new(places: Vec<&'static Location<'static>>) -> Names {
        let by_address = places.iter().zip(0..);
        let by_address = by_address.map(|(&at, n)| (ptr::from_ref(at).addr() as u64, n)).collect();
        Names { tasks: Vec::new(), by_id: Numbers::new(), by_address, places }
    }

    fn add(&mut self, task: TaskName) {
        let next = self.tasks.len() as u64;
        match *self.by_id.entry(task.id).or_insert(next) {
            at if at < next => self.tasks[at as usize] = task,
            _ => self.tasks.push(task),
        }
    }

    fn add_ended(&mut self, event: [u64; 2]) {
        if let Some(place) = place(event) {
            self.add(TaskName { id: subject(event), place, name: None });
        }
    }

    fn add_alive(&mut self, task: &Alive) {
        let address = ptr::from_ref(task.location).addr() as u64;
        let place = *self.by_address.entry(address).or_insert_with(|| {
            self.places.push(task.location);
            self.places.len() as u64 - 1
        }) as u32;
        let name = if task.is_named { task_id::name(task.id) } else { None };
        self.add(TaskName { id: task.id.as_u64(), place, name });
    }

    /// The name of a task that has ended.
    fn add_name(&mut self, id: Id, name: &Arc<str>) {
        if let Some(&at) = self.by_id.get(&subject_of(id)) {
            self.tasks[at as usize].name = Some(Arc::clone(name));
        }
    }
}

impl Trace {
    /// How many events there are.
    ///
    /// # Examples
    ///
    /// See [`Trace`].
    pub fn event_count(&self) -> usize {
        self.threads.iter().map(|thread| thread.contents.events.len()).sum()
    }

    /// The whole trace in a form of its own, for the command `runtime-insight` and the library of
    /// that name. The form has a version; the documentation of the flight recorder describes it.
    ///
    /// # Examples
    ///
    /// See [`Trace`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Bytes(Vec::with_capacity(self.event_count() * EVENT_BYTES + 4096));
        bytes.0.extend_from_slice(MAGIC);
        bytes.u32(VERSION);
        bytes.section(1, |bytes| {
            bytes.u32(std::process::id());
            let program = std::env::current_exe().ok();
            let program = program.as_deref().and_then(Path::file_name).unwrap_or_default();
            bytes.text(&program.to_string_lossy());
            bytes.text(self.runtime.as_deref().unwrap_or_default());
        });
        bytes.section(2, |bytes| {
            bytes.u64(self.now);
            bytes.u64(self.ns_per_tick.to_bits());
            bytes.u64(nanoseconds(self.unix));
            bytes.u64(nanoseconds(self.asked));
        });
        bytes.section(3, |bytes| {
            bytes.u64(self.alive as u64);
            bytes.u32(self.workers as u32);
            bytes.u64(self.lost);
        });
        bytes.section(4, |bytes| {
            bytes.u32(self.names.places.len() as u32);
            for place in &self.names.places {
                bytes.text(place.file());
                bytes.u32(place.line());
                bytes.u32(place.column());
            }
        });
        bytes.section(5, |bytes| {
            bytes.u32(self.names.tasks.len() as u32);
            for TaskName { id, place, name } in &self.names.tasks {
                bytes.u64(*id);
                bytes.u32(*place);
                bytes.text(name.as_deref().unwrap_or_default());
            }
        });
        for thread in &self.threads {
            bytes.section(6, |bytes| thread.write(bytes));
        }
        bytes.0
    }
}

impl ThreadEvents {
    fn write(&self, bytes: &mut Bytes) {
        let (owner, number) = match self.owner {
            Owner::Worker(n) => (0, n),
            Owner::CurrentThread => (1, 0),
            Owner::Pinned(n) => (2, n),
            Owner::Shared => (3, 0),
        };
        bytes.u32(owner);
        bytes.u32(number);
        bytes.text(&self.name);
        bytes.u64(self.contents.overwritten);
        let (task, since) = self.running.unwrap_or_default();
        bytes.u64(task);
        bytes.u64(since);
        bytes.u32(self.contents.events.len() as u32);
        for [first, second] in &self.contents.events {
            bytes.u64(*first);
            bytes.u64(*second);
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace")
            .field("runtime", &self.runtime)
            .field("event_count", &self.event_count())
            .finish_non_exhaustive()
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A trace as it is written.
struct Bytes(Vec<u8>);

impl Bytes {
    fn u32(&mut self, n: u32) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    fn u64(&mut self, n: u64) {
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.u32(text.len() as u32);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn section(&mut self, number: u32, content: impl FnOnce(&mut Bytes)) {
        self.u32(number);
        let at = self.0.len();
        self.u64(0);
        content(self);
        let length = (self.0.len() - at - 8) as u64;
        self.0[at..at + 8].copy_from_slice(&length.to_le_bytes());
    }
}
