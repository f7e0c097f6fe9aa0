//! The state that a client has been sent. The next dump is sent as the difference from it.
//!
//! A dump has ages, and the protocol has moments. A value that has not changed keeps the moment
//! that it was first given, so nothing flickers and nothing is sent twice.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use runtime_insight::{Dump, Job, Root, RuntimeDump, Task, Wait};

use super::waits::Waits;
use runtime_insight::protobuf::Message;

/// A client takes no message of more than 4 MiB. A dump of many tasks is sent in several messages.
const FULL: usize = 1 << 20;

/// The ids of the descriptions that everything refers to.
pub(super) const TASK: u64 = 1;
pub(super) const RESOURCE: u64 = 2;
pub(super) const ASYNC_OP: u64 = 3;

/// The ids of `block_on`s begin here: they have no ids of their own. Ids of tasks stay below.
const FIRST_ROOT: u64 = 1 << 62;

/// The state that a client has been sent.
pub(super) struct Picture {
    is_new: bool,
    tasks: HashMap<u64, Told>,
    roots: HashMap<RootKey, u64>,
    next_root: u64,
    waits: Waits,
    round: u64,
}

/// The runtime, the thread, the place, and a number among those that have all of these in common.
type RootKey = (u64, Option<String>, String, usize);

/// The state of a task that has been sent.
struct Told {
    stats: Stats,
    /// The last dump that the task was in.
    round: u64,
}

/// The numbers of a task.
#[derive(Clone, Debug, PartialEq)]
struct Stats {
    state: State,
    polls: u64,
    busy: Duration,
    wakes: u64,
    is_lost: bool,
    created: SystemTime,
    dropped: Option<SystemTime>,
    last_wake: Option<SystemTime>,
    poll_began: Option<SystemTime>,
    poll_ended: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Queued,
    Waiting,
}

/// A task, a `block_on` or a blocking job, as it stands in the dump.
struct Entry<'a> {
    id: u64,
    /// The number that the program gives it.
    task_id: Option<u64>,
    kind: &'static str,
    name: Option<&'a str>,
    place: &'a str,
    runtime: String,
    size: Option<usize>,
    state: State,
    since: Option<Duration>,
    /// The polls without the one that goes on.
    polls: u64,
    busy: Duration,
    age: Option<Duration>,
    woken: Option<Duration>,
    is_lost: bool,
    waits: &'a [Wait],
}

fn duration(us: f64) -> Duration {
    Duration::try_from_secs_f64(us / 1e6).unwrap_or_default()
}

fn state(name: &str) -> State {
    match name {
        "running" => State::Running,
        "queued" => State::Queued,
        _ => State::Waiting,
    }
}

impl<'a> Entry<'a> {
    fn task(task: &'a Task, runtime: String) -> Entry<'a> {
        Entry {
            id: task.id,
            task_id: Some(task.id),
            kind: match task.place.as_str() {
                "local_set" => "local",
                "pinned_thread" => "pinned",
                _ => "task",
            },
            name: task.name.as_deref(),
            place: &task.spawned_at,
            runtime,
            size: Some(task.future_size),
            state: state(&task.state),
            since: task.since_us.map(duration),
            polls: task.polls,
            busy: duration(task.busy_us),
            age: task.age_us.map(duration),
            woken: task.woken_us_ago.map(duration),
            is_lost: task.lost,
            waits: &task.waits,
        }
    }

    fn root(root: &'a Root, id: u64, runtime: String) -> Entry<'a> {
        Entry {
            id,
            task_id: None,
            kind: "block_on",
            name: root.thread.as_deref(),
            place: &root.called_at,
            runtime,
            size: None,
            state: state(&root.state),
            since: root.since_us.map(duration),
            polls: root.polls,
            busy: duration(root.busy_us),
            age: None,
            woken: None,
            is_lost: false,
            waits: &root.waits,
        }
    }

    /// `None` for a job without an id: jobs of `fs` have none, and are soon over.
    fn job(job: &'a Job, runtime: String) -> Option<Entry<'a>> {
        let id = job.id?;
        Some(Entry {
            id,
            task_id: Some(id),
            kind: "blocking",
            name: job.name.as_deref(),
            place: job.spawned_at.as_deref().unwrap_or_default(),
            runtime,
            size: None,
            state: if job.running { State::Running } else { State::Queued },
            since: None,
            polls: 0,
            busy: Duration::ZERO,
            age: None,
            woken: None,
            is_lost: false,
            waits: &[],
        })
    }

    /// The numbers at the moment `now`. Values that are as they were `before` keep their moments.
    fn stats(&self, before: Option<&Stats>, now: SystemTime) -> Stats {
        let polls = self.polls + u64::from(self.state == State::Running);
        if let Some(before) = before {
            if (before.state, before.polls, before.is_lost) == (self.state, polls, self.is_lost) {
                return before.clone();
            }
        }
        let ago = |age: Duration| now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        let created = before.map_or_else(|| ago(self.age.unwrap_or_default()), |it| it.created);
        let since = self.since.map_or(now, ago).max(created);
        let woken = self.woken.map(ago).or(before.and_then(|before| before.last_wake));
        let woken = woken.map(|woken| woken.max(created));
        let (mut last_wake, poll_began, poll_ended);
        match self.state {
            State::Running => {
                last_wake = woken.map(|woken| woken.min(since));
                poll_began = Some(since);
                poll_ended = before.and_then(|before| before.poll_ended);
            }
            State::Queued => {
                // The spawn is the first wake.
                last_wake = Some(if self.polls == 0 { created } else { since });
                let known = before.and_then(|before| before.poll_began);
                poll_began = (self.polls > 0).then(|| known.unwrap_or(created));
                poll_ended = (self.polls > 0).then_some(since);
                // A client takes a task for queued if its wake is after the beginning of its poll.
                last_wake = last_wake.max(poll_began.map(|at| at + Duration::from_nanos(1)));
            }
            State::Waiting => {
                last_wake = woken.map(|woken| woken.min(since));
                // The beginning is estimated: after the wake, as long ago as a poll usually takes.
                let usual = self.busy / u32::try_from(self.polls).unwrap_or(u32::MAX).max(1);
                let began = since.checked_sub(usual).unwrap_or(since);
                poll_began = Some(began.max(last_wake.unwrap_or(created)));
                poll_ended = Some(since);
            }
        }
        Stats {
            state: self.state,
            polls,
            busy: self.busy,
            // Each poll but the first comes from a wake. A queued task has one wake more.
            wakes: (polls + u64::from(self.state == State::Queued)).saturating_sub(1),
            is_lost: self.is_lost,
            created,
            dropped: None,
            last_wake,
            poll_began,
            poll_ended,
        }
    }

    /// The fields that never change.
    fn describe(&self, task: &mut Message) {
        task.id(1, self.id);
        task.id(2, TASK);
        task.number(3, u64::from(self.kind == "blocking"));
        let name = self.name.unwrap_or_default();
        for (key, text) in [("kind", self.kind), ("task.name", name), ("runtime", &self.runtime)] {
            if !text.is_empty() {
                task.message(4, |field| text_field(field, TASK, key, text));
            }
        }
        let size = self.size.map(|size| size as u64);
        for (key, number) in [("task.id", self.task_id), ("size.bytes", size)] {
            if let Some(number) = number {
                task.message(4, |field| number_field(field, TASK, key, number));
            }
        }
        if !self.place.is_empty() {
            task.message(6, |location| place(location, self.place));
        }
    }
}

impl Stats {
    fn write(&self, stats: &mut Message) {
        stats.moment(1, self.created);
        stats.moment(2, self.dropped);
        stats.number(3, self.wakes);
        // The number of wakers is not known, but zero is: then a client warns.
        stats.number(4, 1);
        stats.number(5, self.is_lost.into());
        stats.moment(6, self.last_wake);
        stats.message(7, |polls| {
            polls.number(1, self.polls);
            polls.moment(4, self.poll_began);
            polls.moment(5, self.poll_ended);
            polls.duration(6, self.busy);
        });
        stats.duration(9, Duration::ZERO);
    }
}

/// A field with a text.
pub(super) fn text_field(field: &mut Message, metadata: u64, key: &str, text: &str) {
    field.text(1, key);
    field.text(4, text);
    field.id(8, metadata);
}

/// A field with a number.
pub(super) fn number_field(field: &mut Message, metadata: u64, key: &str, number: u64) {
    field.text(1, key);
    field.number(5, number);
    field.id(8, metadata);
}

/// A place in the source: file, line, column.
pub(super) fn place(location: &mut Message, text: &str) {
    let mut parts = text.rsplitn(3, ':');
    let (column, line) = (parts.next(), parts.next());
    let numbers = (line.and_then(|line| line.parse().ok()), column.and_then(|it| it.parse().ok()));
    if let (Some(file), (Some(line), Some(column))) = (parts.next(), numbers) {
        location.text(1, file);
        location.number(3, line);
        location.number(4, column);
    } else {
        location.text(1, text);
    }
}

/// Something with an id that has numbers, and the way it goes into an update.
pub(super) fn numbered(list: &mut Message, field: u64, id: u64, stats: impl FnOnce(&mut Message)) {
    list.message(field, |entry| {
        entry.number(1, id);
        entry.message(2, stats);
    });
}

/// The messages of one dump.
pub(super) struct Updates {
    now: SystemTime,
    done: Vec<Message>,
    metadata: Option<Message>,
    pub(super) tasks: Message,
    pub(super) resources: Message,
    pub(super) ops: Message,
}

impl Updates {
    fn new(now: SystemTime, metadata: Option<Message>) -> Updates {
        let (tasks, resources, ops) = Default::default();
        Updates { now, done: Vec::new(), metadata, tasks, resources, ops }
    }

    /// Called between two entries: finishes a message that is long enough.
    pub(super) fn entry_ends(&mut self) {
        if self.tasks.len() + self.resources.len() + self.ops.len() > FULL {
            self.message_ends();
        }
    }

    fn message_ends(&mut self) {
        let metadata = self.metadata.take();
        let parts = [&mut self.tasks, &mut self.resources, &mut self.ops].map(std::mem::take);
        self.done.push(Message::with(|update| {
            update.moment(1, self.now);
            for (field, part) in (2..).zip(&parts) {
                update.put(field, part);
            }
            if let Some(metadata) = &metadata {
                update.put(5, metadata);
            }
        }));
    }

    /// Returns at least one message, so that a client sees that time goes on.
    fn end(mut self) -> Vec<Message> {
        self.message_ends();
        self.done
    }
}

/// The descriptions that everything refers to.
fn descriptions() -> Message {
    let all = [
        (TASK, "runtime.spawn", "runtime::task"),
        (RESOURCE, "runtime.resource", "runtime"),
        (ASYNC_OP, "runtime.resource.async_op", "runtime"),
    ];
    Message::with(|list| {
        for (id, name, target) in all {
            list.message(1, |one| {
                one.id(1, id);
                one.message(2, |metadata| {
                    metadata.text(1, name);
                    metadata.text(2, target);
                    // A span, with the level for frequent ones.
                    metadata.number(5, 0);
                    metadata.number(6, 4);
                });
            });
        }
    })
}

impl Picture {
    pub(super) fn new() -> Picture {
        Picture {
            is_new: true,
            tasks: HashMap::new(),
            roots: HashMap::new(),
            next_root: FIRST_ROOT,
            waits: Waits::default(),
            round: 0,
        }
    }

    /// The messages that tell a client of a dump.
    pub(super) fn updates(&mut self, dump: &Dump, now: SystemTime) -> Vec<Message> {
        self.round += 1;
        let metadata = std::mem::replace(&mut self.is_new, false).then(descriptions);
        let mut updates = Updates::new(now, metadata);
        let several = dump.runtimes.len() > 1;
        let mut roots = HashMap::new();
        for runtime in &dump.runtimes {
            let label = || if several { label(runtime) } else { String::new() };
            for task in &runtime.tasks {
                self.entry(&Entry::task(task, label()), &mut updates);
            }
            for job in &runtime.blocking {
                if let Some(entry) = Entry::job(job, label()) {
                    self.entry(&entry, &mut updates);
                }
            }
            for root in &runtime.roots {
                let id = self.root_id(root, runtime.id, &mut roots);
                self.entry(&Entry::root(root, id, label()), &mut updates);
            }
        }
        self.roots = roots;
        self.tasks.retain(|&id, told| {
            if told.round == self.round {
                return true;
            }
            // The task has ended since the dump before.
            told.stats.dropped = Some(now);
            numbered(&mut updates.tasks, 3, id, |stats| told.stats.write(stats));
            updates.entry_ends();
            false
        });
        self.waits.end(&mut updates, now);
        updates.end()
    }

    fn root_id(&mut self, root: &Root, runtime: u64, new: &mut HashMap<RootKey, u64>) -> u64 {
        let mut key = (runtime, root.thread.clone(), root.called_at.clone(), 0);
        while new.contains_key(&key) {
            key.3 += 1;
        }
        let id = self.roots.get(&key).copied().unwrap_or_else(|| {
            self.next_root += 1;
            self.next_root
        });
        new.insert(key, id);
        id
    }

    fn entry(&mut self, entry: &Entry<'_>, updates: &mut Updates) {
        let now = updates.now;
        let before = self.tasks.get(&entry.id).map(|told| &told.stats);
        let stats = entry.stats(before, now);
        if before.is_none() {
            updates.tasks.message(1, |task| entry.describe(task));
        }
        if before != Some(&stats) {
            numbered(&mut updates.tasks, 3, entry.id, |message| stats.write(message));
        }
        updates.entry_ends();
        if entry.state == State::Waiting {
            let since = stats.poll_ended.unwrap_or(now);
            for wait in entry.waits {
                self.waits.wait(entry.id, wait, since, updates, now);
            }
        }
        self.tasks.insert(entry.id, Told { stats, round: self.round });
    }
}

/// A name that tells this runtime from others.
fn label(runtime: &RuntimeDump) -> String {
    runtime.runtime.clone().unwrap_or_else(|| runtime.id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(tasks: &str) -> Dump {
        serde_json::from_str(&format!(r#"{{"runtimes":[{{"id":1,"tasks":[{tasks}]}}]}}"#)).unwrap()
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30)
    }

    /// The numbers of a task with this text in the dump.
    fn stats(before: Option<&Stats>, now: SystemTime, rest: &str) -> Stats {
        let text = format!(r#"{{"id":7,"spawned_at":"a.rs:1:2","age_us":1000000,{rest}}}"#);
        let dump = dump(&text);
        Entry::task(&dump.runtimes[0].tasks[0], String::new()).stats(before, now)
    }

    #[test]
    fn who_is_in_the_queue_was_woken_after_its_last_poll_began() {
        let new = stats(None, now(), r#""state":"queued","since_us":5"#);
        assert!(new.last_wake > new.poll_began && new.poll_began.is_none());
        assert_eq!((new.polls, new.wakes), (0, 0));
        // It was polled before it was seen, or since.
        let text = r#""state":"queued","since_us":5,"polls":3,"busy_us":30"#;
        for before in [None, Some(&new)] {
            let queued = stats(before, now(), text);
            assert!(queued.last_wake > queued.poll_began && queued.poll_began.is_some());
            assert!(queued.poll_ended >= queued.poll_began);
            assert_eq!((queued.polls, queued.wakes), (3, 3));
        }
    }

    #[test]
    fn who_waits_was_polled_after_it_was_woken() {
        // The poll took longer than others: it began with the wake, at the earliest.
        let text = r#""state":"waiting","since_us":100,"woken_us_ago":105,"polls":2,"busy_us":30"#;
        let waits = stats(None, now(), text);
        assert_eq!(waits.poll_ended, Some(now() - Duration::from_micros(100)));
        assert_eq!(waits.poll_began, Some(now() - Duration::from_micros(105)));
        assert_eq!(waits.wakes, 1);
        // The wake came after the dump had read the poll, so it is no wake of this poll.
        let text = r#""state":"waiting","since_us":100,"woken_us_ago":1,"polls":2,"busy_us":30"#;
        let waits = stats(None, now(), text);
        assert!(waits.last_wake <= waits.poll_began && waits.poll_began <= waits.poll_ended);
    }

    #[test]
    fn what_has_not_changed_keeps_its_moments() {
        let text = r#""state":"waiting","since_us":100,"polls":2,"busy_us":30"#;
        let first = stats(None, now(), text);
        let later = now() + Duration::from_secs(1);
        assert_eq!(stats(Some(&first), later, text), first);
        let text = r#""state":"waiting","since_us":100,"polls":3,"busy_us":30"#;
        let polled = stats(Some(&first), later, text);
        assert!(polled.poll_ended > first.poll_ended && polled.created == first.created);
    }

    #[test]
    fn a_hundred_thousand_tasks_go_in_messages_that_a_client_takes() {
        let one = |id: u64| {
            format!(
                r#"{{"id":{id},"spawned_at":"src/a/file/of/some/length.rs:1:2","state":"waiting",
                "age_us":1,"waits":[{{"kind":"readable","text":"input","descriptor":{id}}}]}}"#
            )
        };
        let all: Vec<_> = (1..=100_000).map(one).collect();
        let mut picture = Picture::new();
        let messages = picture.updates(&dump(&all.join(",")), now());
        let longest = messages.iter().map(Message::len).max().unwrap();
        assert!(longest < 4 << 20 && messages.len() > 10, "{} of {longest}", messages.len());
        assert_eq!(picture.updates(&dump(&all.join(",")), now()).len(), 1);
        // All tasks end at once.
        let messages = picture.updates(&dump(""), now());
        assert!(messages.iter().map(Message::len).max().unwrap() < 4 << 20);
        assert!(picture.tasks.is_empty());
    }

    #[test]
    fn a_place_is_a_file_with_a_line_and_a_column() {
        let written = |text: &str| Message::with(|message| place(message, text)).into_bytes();
        assert_eq!(written("a:b.rs:3:4")[..2], [0x0a, 6]);
        assert_eq!(written("a:b.rs:3:4")[8..], [0x18, 3, 0x20, 4]);
        assert_eq!(written("a:b"), [0x0a, 3, b'a', b':', b'b']);
    }
}
