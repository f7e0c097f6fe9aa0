//! Finds what is wrong in a program by looking at its tasks now and then.
//!
//! # What is looked for
//!
//! | finding | when |
//! |---|---|
//! | deadlock | a circle of tasks, of which each waits for the next one and for nothing else |
//! | lost task | nobody has a waker of it, nor a handle by which it could be aborted |
//! | busy loop | a task wakes itself, more than [`BUSY_POLLS`] times a second |
//! | lock held in a sleep | others wait for a lock whose holder sleeps, for longer than [`LONG`] |
//! | blocking pool full | the same job has waited for a thread since the last look |
//! | large future | a task's future has more than [`LARGE`] bytes; told once for each place of a spawn |
//! | growing queue | the common queue has grown in [`GROWTHS`] looks, beyond [`DEEP`] tasks |
//!
//! A finding counts when two looks in a row have seen it, but for the last two, which are certain
//! when they are seen. Each is told once.
//!
//! Which tasks wait for each other, [`stuck`](super::stuck) says.

use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::dump::Time;
use super::{TaskDump, TaskInfo, TaskState, WaitKind, WokenBy};
use crate::engine::insight::Numbers;
use crate::task::Id;

/// A task that only gives way, as a spinning one does, is polled a million times a second; one that
/// computes in steps of 100 µs, ten thousand times.
const BUSY_POLLS: u64 = 50_000;
/// A task that has waited for a lock for so long is taken to be stuck.
const LONG: Duration = Duration::from_secs(1);
/// In how many looks in a row a queue must have grown.
const GROWTHS: u32 = 5;
/// A task of that size is moved by copies of as many bytes on its way into its allocation, and a
/// thousand of them take 16 MB. Most futures have some hundred bytes.
const LARGE: usize = 16 << 10;
/// A shorter queue is no matter: a worker takes that many in some milliseconds.
const DEEP: usize = 1000;

/// What is wrong, as far as one can see from outside.
///
/// # Examples
///
/// See [`Insight::on_finding`](crate::insight::Insight::on_finding).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FindingKind {
    /// Tasks wait for each other in a circle.
    Deadlock,
    /// Nobody can wake the task, nor abort it.
    LostTask,
    /// The task wakes itself all the time.
    BusyLoop,
    /// The task holds a lock for which others wait, and sleeps.
    LockHeldInSleep,
    /// The blocking pool has no thread for a job.
    BlockingPoolFull,
    /// More tasks become ready than the workers run.
    GrowingQueue,
    /// The task's future takes more than 16 KiB.
    LargeFuture,
}

impl FindingKind {
    /// The name as one word, for programs.
    ///
    /// # Examples
    ///
    /// See [`Insight::on_finding`](crate::insight::Insight::on_finding).
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::Deadlock => "deadlock",
            FindingKind::LostTask => "lost_task",
            FindingKind::BusyLoop => "busy_loop",
            FindingKind::LockHeldInSleep => "lock_held_in_sleep",
            FindingKind::BlockingPoolFull => "blocking_pool_full",
            FindingKind::GrowingQueue => "growing_queue",
            FindingKind::LargeFuture => "large_future",
        }
    }
}

/// Something that is wrong. `Display` says it in words, with the places in the source.
///
/// # Examples
///
/// See [`Insight::on_finding`](crate::insight::Insight::on_finding).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Finding {
    /// The kind of finding.
    pub kind: FindingKind,
    /// The tasks. Of a deadlock in order: each waits for the next one, the last for the first.
    pub tasks: Vec<Id>,
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What earlier looks at a runtime have found and reported.
#[derive(Default)]
pub(super) struct Lints {
    /// What the last look has found, told or not.
    suspects: HashSet<Suspect>,
    /// A task that is looked at is polled, so polls do not count here: they are 0.
    told: HashSet<Suspect>,
    /// The polls of each task that waits or wakes itself, at the last look.
    polls: Numbers,
    /// The places where large futures are spawned, as far as they have been told.
    large: Vec<&'static Location<'static>>,
    depth: usize,
    growths: u32,
}

/// The kind of finding, its tasks, and how often they had been polled.
type Suspect = (FindingKind, Vec<Id>, u64);

fn without_polls((kind, tasks, _): &Suspect) -> Suspect {
    (*kind, tasks.clone(), 0)
}

impl Lints {
    /// Looks at a dump. `depth`: tasks in the common queue; `passed`: the time since the last look.
    /// Returns the findings to report now.
    pub(super) fn look(&mut self, dump: &TaskDump, depth: usize, passed: Duration) -> Vec<Finding> {
        let mut all = Vec::new();
        deadlocks(dump, &mut all);
        lost(dump, &mut all);
        self.busy(dump, passed, &mut all);
        asleep(dump, &mut all);
        full(dump, &mut all);
        let mut new: Vec<_> = all
            .iter()
            .filter(|(suspect, _)| {
                self.suspects.contains(suspect) && !self.told.contains(&without_polls(suspect))
            })
            .cloned()
            .collect();
        self.suspects = all.into_iter().map(|(suspect, _)| suspect).collect();
        // A finding that is over may be reported again.
        let there: HashSet<_> = self.suspects.iter().map(without_polls).collect();
        self.told.retain(|told| there.contains(told));
        self.told.extend(new.iter().map(|(suspect, _)| without_polls(suspect)));
        self.polls = dump.tasks.iter().map(|task| (task.id.as_u64(), task.polls)).collect();
        self.large(dump, &mut new);
        self.grows(depth, &mut new);
        new.into_iter().map(|((kind, tasks, _), text)| Finding { kind, tasks, text }).collect()
    }

    fn busy(&self, dump: &TaskDump, passed: Duration, all: &mut Vec<(Suspect, String)>) {
        for task in &dump.tasks {
            let wakes_itself = task.woken.is_some_and(|(by, _)| by == WokenBy::Task(task.id));
            let Some(before) = self.polls.get(&task.id.as_u64()).filter(|_| wakes_itself) else {
                continue;
            };
            let polls = task.polls.saturating_sub(*before);
            let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
            let rate = polls.saturating_mul(1_000) / ms;
            if rate >= BUSY_POLLS {
                let text = format!(
                    "busy loop: {} wakes itself all the time: {rate} polls a second. Let it \
                     wait for what it needs",
                    Named(task)
                );
                all.push(((FindingKind::BusyLoop, vec![task.id], 0), text));
            }
        }
    }

    fn large(&mut self, dump: &TaskDump, new: &mut Vec<(Suspect, String)>) {
        for task in dump.tasks.iter().filter(|task| task.future_size > LARGE) {
            if !self.large.contains(&task.spawned_at) {
                self.large.push(task.spawned_at);
                let text = format!(
                    "large future: {} has {} KiB. What lives across an `.await` is a part of the \
                     future: put large buffers into a `Vec`, and large futures that it awaits into \
                     a `Box`",
                    Named(task),
                    task.future_size >> 10,
                );
                new.push(((FindingKind::LargeFuture, vec![task.id], 0), text));
            }
        }
    }

    fn grows(&mut self, depth: usize, new: &mut Vec<(Suspect, String)>) {
        let has_grown = depth > self.depth && depth > DEEP;
        self.depth = depth;
        self.growths = if has_grown { self.growths + 1 } else { 0 };
        if self.growths == GROWTHS {
            let text = format!(
                "growing queue: {depth} tasks are ready and wait for a worker, more at each look"
            );
            new.push(((FindingKind::GrowingQueue, Vec::new(), 0), text));
        }
    }
}

fn deadlocks(dump: &TaskDump, all: &mut Vec<(Suspect, String)>) {
    let all_tasks = dump.tasks.iter().zip(0_u64..);
    let stuck: Numbers = all_tasks
        .filter(|(task, _)| task.is_stuck)
        .map(|(task, at)| (task.id.as_u64(), at))
        .collect();
    if stuck.is_empty() {
        return;
    }
    let get = |id: Id| &dump.tasks[stuck[&id.as_u64()] as usize];
    let next = |task: &TaskInfo| task.waits[0].leads_to().expect("it is stuck");
    let mut seen = vec![false; dump.tasks.len()];
    for first in dump.tasks.iter().filter(|task| task.is_stuck) {
        // Each stuck task leads into a circle.
        let mut at = first.id;
        let mut way = Vec::new();
        while !std::mem::replace(&mut seen[stuck[&at.as_u64()] as usize], true) {
            way.push(at);
            at = next(get(at));
        }
        let Some(begin) = way.iter().position(|&id| id == at) else { continue };
        let mut circle = way.split_off(begin);
        let least = (0..circle.len()).min_by_key(|&i| circle[i]).unwrap_or(0);
        circle.rotate_left(least);
        let polls = circle.iter().map(|&id| get(id).polls).sum();
        let mut text = match circle.len() {
            1 => "deadlock: a task waits for itself:".to_owned(),
            n => format!("deadlock: {n} tasks wait for each other:"),
        };
        for &id in &circle {
            let task = get(id);
            text.push_str(&format!("\n  {} waits for {}", Named(task), task.waits[0]));
        }
        let others = stuck.len() - circle.len();
        if others > 0 {
            text.push_str(&format!("\n  and {others} more wait behind them or in other circles"));
        }
        all.push(((FindingKind::Deadlock, circle, polls), text));
    }
}

/// One finding for each place where lost tasks were spawned.
fn lost(dump: &TaskDump, all: &mut Vec<(Suspect, String)>) {
    let mut places: Vec<(&TaskInfo, usize)> = Vec::new();
    for task in dump.tasks.iter().filter(|task| task.is_lost) {
        match places.iter_mut().find(|(first, _)| first.spawned_at == task.spawned_at) {
            Some((_, others)) => *others += 1,
            None => places.push((task, 0)),
        }
    }
    for (task, others) in places {
        let first = Named(task);
        let others = match others {
            0 => String::new(),
            n => format!(" and {n} more from there"),
        };
        let text = format!(
            "lost task: {first}{others} waits, and nobody can wake or abort it: its future keeps \
             no waker. It stays until the runtime ends"
        );
        all.push(((FindingKind::LostTask, vec![task.id], task.polls), text));
    }
}

fn asleep(dump: &TaskDump, all: &mut Vec<(Suspect, String)>) {
    let sleeps = |task: &&TaskInfo| {
        let TaskState::Waiting { since: Some(since) } = task.state else { return false };
        since >= LONG
            && !task.waits.is_empty()
            && task.waits.iter().all(|wait| wait.kind == WaitKind::Timer)
    };
    let asleep = dump.tasks.iter().zip(0..).filter(|(task, _)| sleeps(task));
    let asleep: Numbers = asleep.map(|(task, at)| (task.id.as_u64(), at)).collect();
    if asleep.is_empty() {
        return;
    }
    for waiter in &dump.tasks {
        for wait in &waiter.waits {
            let is_lock = matches!(wait.kind, WaitKind::Mutex | WaitKind::RwLock);
            let holder = wait.held_by.filter(|_| is_lock);
            let Some(&at) = holder.and_then(|id| asleep.get(&id.as_u64())) else { continue };
            let holder = &dump.tasks[at as usize];
            let suspect = (FindingKind::LockHeldInSleep, vec![holder.id], holder.polls);
            if all.iter().any(|(other, _)| *other == suspect) {
                continue;
            }
            let since = holder.state.since().unwrap_or_default();
            let text = format!(
                "lock held in a sleep: {} has been sleeping for {}, and {} waits for {wait}. Drop \
                 the guard before",
                Named(holder),
                Time(since),
                Named(waiter),
            );
            all.push((suspect, text));
        }
    }
}

fn full(dump: &TaskDump, all: &mut Vec<(Suspect, String)>) {
    let queued = || dump.blocking.iter().filter(|job| !job.running);
    if let Some(first) = queued().next() {
        let running = dump.blocking.len() - queued().count();
        let text = format!(
            "blocking pool full: {} jobs wait behind {running} that run; the first is {first}. See \
             `Builder::max_blocking_threads`",
            queued().count(),
        );
        let id = first.id.into_iter().collect();
        all.push(((FindingKind::BlockingPoolFull, id, 0), text));
    }
}

/// A task, as a finding names it.
struct Named<'a>(&'a TaskInfo);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TaskInfo { id, name, spawned_at, .. } = self.0;
        match name {
            Some(name) => write!(f, "task {id} {name:?}, spawned at {spawned_at},"),
            None => write!(f, "task {id}, spawned at {spawned_at},"),
        }
    }
}

#[cfg(test)]
mod tests;
