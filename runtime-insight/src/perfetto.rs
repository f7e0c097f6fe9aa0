//! Converts the contents of a flight recorder to a trace of [Perfetto](https://perfetto.dev), for
//! its page <https://ui.perfetto.dev>.
//!
//! | in Perfetto | is |
//! |---|---|
//! | a track | a worker, a spare, a pinned thread, or the thread of a `current_thread` runtime |
//! | a slice | a poll, named after the task, or the place where it was spawned |
//! | a slice without an end | a poll that was going on |
//! | an arrow | from a wake or spawn to the poll that it caused |
//! | a point | a wake, a spawn, a steal, a stall, a panic; a thread goes to sleep or wakes up |
//! | tracks "other polls" | polls on threads without a track of their own |
//! | tracks "blocking" | jobs of the blocking pool, as many tracks as ran at the same time |
//! | counters | tasks alive, tasks in the common queue, tasks in each worker's queue |
//!
//! # Examples
//!
//! ```
//! let runtime = runtime::Builder::new_multi_thread().insight(true).build()?;
//! runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
//! let trace = runtime.handle().trace(std::time::Duration::from_secs(10));
//! let for_perfetto = runtime_insight::perfetto::convert(&trace.to_bytes())?;
//! # let path = std::env::temp_dir().join(format!("doc-{}.pftrace", std::process::id()));
//! std::fs::write(&path, for_perfetto)?;
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod raw;

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::protobuf::Message;
use raw::{Owner, Ring, Trace, What};

/// Why bytes are not a trace that can be converted.
///
/// # Examples
///
/// ```
/// let error = runtime_insight::perfetto::convert(b"something else").unwrap_err();
/// assert_eq!(error.to_string(), "this is no trace of a flight recorder");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Makes a trace for Perfetto of what [`Trace::to_bytes`](runtime::insight::Trace::to_bytes) gave.
///
/// # Errors
///
/// If the bytes are something else, are cut off, or have a version that this does not know.
///
/// # Examples
///
/// See the [module](self).
pub fn convert(trace: &[u8]) -> Result<Vec<u8>, Error> {
    let trace = Trace::read(trace)?;
    let mut writer = Writer::new(&trace);
    writer.describe();
    let mut tracks = Tracks::new(&trace);
    tracks.match_wakes();
    for track in &tracks.all {
        writer.track(track);
    }
    writer.counters();
    Ok(writer.out.into_bytes())
}

/// Fields of messages.
mod field {
    pub(super) const PACKET: u64 = 1;
    pub(super) mod packet {
        pub(in super::super) const CLOCKS: u64 = 6;
        pub(in super::super) const TIME: u64 = 8;
        pub(in super::super) const SEQUENCE: u64 = 10;
        pub(in super::super) const EVENT: u64 = 11;
        pub(in super::super) const INTERNED: u64 = 12;
        pub(in super::super) const FLAGS: u64 = 13;
        pub(in super::super) const TRACK: u64 = 60;
    }
    pub(super) mod event {
        pub(in super::super) const DETAIL: u64 = 4;
        pub(in super::super) const TYPE: u64 = 9;
        pub(in super::super) const NAME: u64 = 10;
        pub(in super::super) const TRACK: u64 = 11;
        pub(in super::super) const VALUE: u64 = 30;
        pub(in super::super) const FLOW: u64 = 47;
        pub(in super::super) const FLOW_END: u64 = 48;
    }
    pub(super) mod track {
        pub(in super::super) const ID: u64 = 1;
        pub(in super::super) const NAME: u64 = 2;
        pub(in super::super) const PROCESS: u64 = 3;
        pub(in super::super) const PARENT: u64 = 5;
        pub(in super::super) const COUNTER: u64 = 8;
        pub(in super::super) const ORDERING: u64 = 11;
        pub(in super::super) const RANK: u64 = 12;
    }
}

/// Types of events.
const BEGIN: u64 = 1;
const END: u64 = 2;
const POINT: u64 = 3;
const COUNTER: u64 = 4;

/// The track of the process, of which all others are parts.
const PROCESS_TRACK: u64 = 1;
/// Tracks of threads and jobs have numbers from here on.
const FIRST_TRACK: u64 = 16;
/// Tracks of counters have numbers from here on.
const FIRST_COUNTER: u64 = 1 << 32;
/// A counter that changes faster is shown once in so many nanoseconds.
const COUNTER_STEP: u64 = 20_000;

/// One row of slices and points.
struct Track {
    name: String,
    slices: Vec<Slice>,
    points: Vec<Point>,
}

/// A poll, or a job. Times are in ticks.
struct Slice {
    begin: u64,
    /// `None` if it goes on.
    end: Option<u64>,
    task: u64,
    is_last: bool,
    /// The wake or spawn that caused it.
    flow: Option<u64>,
}

struct Point {
    at: u64,
    name: &'static str,
    task: Option<u64>,
    /// The value of the counter.
    count: Option<u64>,
    flow: Option<u64>,
}

struct Tracks {
    all: Vec<Track>,
}

impl Tracks {
    fn new(trace: &Trace) -> Tracks {
        let mut all = Vec::new();
        let mut by_worker = HashMap::new();
        let mut others =
            Track { name: "other threads".to_owned(), slices: Vec::new(), points: Vec::new() };
        let (mut jobs, mut loose) = (Vec::new(), Vec::new());
        let mut stalls = Vec::new();
        for ring in &trace.rings {
            let mut own = Track::of(ring);
            let track = if ring.owner == Owner::Others { &mut others } else { &mut own };
            track.add(ring, &mut jobs, &mut stalls);
            if ring.owner == Owner::Others {
                // Several threads share this ring, so their polls may overlap.
                loose.append(&mut others.slices);
            }
            if ring.owner != Owner::Others {
                if matches!(ring.owner, Owner::Worker | Owner::CurrentThread) {
                    by_worker.insert(u64::from(ring.number), all.len());
                }
                all.push(own);
            }
        }
        // Workers come first, then spares, by their numbers; those without an event are not shown.
        for (worker, stall) in stalls {
            let track = by_worker.get(&worker).map(|&at| &mut all[at]);
            track.unwrap_or(&mut others).points.push(stall);
        }
        all.push(others);
        all.extend(lanes("other polls", loose));
        all.extend(lanes("blocking", without_begins(jobs)));
        all.retain(|track| !track.slices.is_empty() || !track.points.is_empty());
        Tracks { all }
    }

    /// Connects each wake and spawn to the poll that it causes: the first poll of the task that
    /// ends after it. A poll that follows another on a worker is taken to begin where that has
    /// ended. So it may seem to begin before the wake that caused it; then it begins with the wake.
    fn match_wakes(&mut self) {
        let mut polls: HashMap<u64, Vec<(u64, usize, usize)>> = HashMap::new();
        for (at, track) in self.all.iter().enumerate() {
            for (index, slice) in track.slices.iter().enumerate() {
                let end = slice.end.unwrap_or(u64::MAX);
                polls.entry(slice.task).or_default().push((end, at, index));
            }
        }
        polls.values_mut().for_each(|polls| polls.sort_unstable());
        let mut next_flow = 1;
        for at in 0..self.all.len() {
            for index in 0..self.all[at].points.len() {
                let point = &self.all[at].points[index];
                let Some(task) = point.task.filter(|_| point.leads_to_a_poll()) else { continue };
                let when = point.at;
                let Some(polls) = polls.get(&task) else { continue };
                let first = polls.partition_point(|&(end, ..)| end < when);
                let Some(&(_, track, slice)) = polls.get(first) else { continue };
                let slice = &mut self.all[track].slices[slice];
                if slice.flow.is_some() {
                    continue;
                }
                slice.flow = Some(next_flow);
                slice.begin = slice.begin.max(when);
                self.all[at].points[index].flow = Some(next_flow);
                next_flow += 1;
            }
        }
    }
}

impl Point {
    fn leads_to_a_poll(&self) -> bool {
        matches!(self.name, "wake" | "spawn")
    }
}

impl Track {
    fn of(ring: &Ring) -> Track {
        Track { name: ring.name.clone(), slices: Vec::new(), points: Vec::new() }
    }

    fn add(&mut self, ring: &Ring, jobs: &mut Vec<Slice>, stalls: &mut Vec<(u64, Point)>) {
        for event in &ring.events {
            let at = event.at;
            let point = |name, task, count| Point { at, name, task, count, flow: None };
            match event.what {
                What::Poll { task, took, is_last } => {
                    let begin = at.saturating_sub(took);
                    self.slices.push(Slice { begin, end: Some(at), task, is_last, flow: None });
                }
                What::JobBegin { task } => {
                    jobs.push(Slice { begin: at, end: None, task, is_last: false, flow: None });
                }
                What::JobEnd { task, took } => {
                    let begin = at.saturating_sub(took);
                    jobs.push(Slice { begin, end: Some(at), task, is_last: true, flow: None });
                }
                What::Stall { task, worker } => {
                    let task = Some(task).filter(|&task| task != 0);
                    stalls.push((worker, point("stall", task, None)));
                }
                What::Wake { task } => self.points.push(point("wake", Some(task), None)),
                What::Spawn { task } => self.points.push(point("spawn", Some(task), None)),
                What::Panic { task } => self.points.push(point("panic", Some(task), None)),
                What::Park => self.points.push(point("sleeps", None, None)),
                What::Unpark => self.points.push(point("is awake", None, None)),
                What::Recovered => self.points.push(point("goes on after a stall", None, None)),
                What::Spare => self.points.push(point("begins to serve", None, None)),
                What::Steal { tasks } => self.points.push(point("steal", None, Some(tasks))),
                What::Timers { wakers } => self.points.push(point("timers", None, Some(wakers))),
                What::Io { wakers } => self.points.push(point("I/O", None, Some(wakers))),
                What::End | What::Queues { .. } => {}
            }
        }
        if let Some((task, begin)) = ring.running {
            // A task that ended before the list of tasks was read is there already.
            let is_later = self.slices.last().is_none_or(|last| last.end <= Some(begin));
            if is_later {
                self.slices.push(Slice { begin, end: None, task, is_last: false, flow: None });
            }
        }
    }
}

/// A job that has begun and ended is there twice. If its end is known, the event of its beginning
/// is dropped.
fn without_begins(mut jobs: Vec<Slice>) -> Vec<Slice> {
    let ended = jobs.iter().filter(|job| job.end.is_some()).map(|job| job.task);
    let ended: HashSet<u64> = ended.collect();
    jobs.retain(|job| job.end.is_some() || !ended.contains(&job.task));
    jobs
}

/// Puts slices that may overlap on as few tracks as possible.
fn lanes(name: &str, mut slices: Vec<Slice>) -> Vec<Track> {
    slices.sort_by_key(|slice| slice.begin);
    let mut lanes: Vec<Vec<Slice>> = Vec::new();
    for slice in slices {
        let is_free = |lane: &&mut Vec<Slice>| {
            lane.last().is_some_and(|last| last.end.is_some_and(|end| end <= slice.begin))
        };
        match lanes.iter_mut().find(is_free) {
            Some(lane) => lane.push(slice),
            None => lanes.push(vec![slice]),
        }
    }
    let track = |(slices, n)| Track { name: format!("{name} {n}"), slices, points: Vec::new() };
    lanes.into_iter().zip(1..).map(track).collect()
}

struct Writer<'a> {
    trace: &'a Trace,
    out: Message,
    /// The numbers of names that have been written.
    names: HashMap<String, u64>,
    next_track: u64,
}

impl<'a> Writer<'a> {
    fn new(trace: &'a Trace) -> Writer<'a> {
        let (out, names) = (Message::default(), HashMap::new());
        Writer { trace, out, names, next_track: FIRST_TRACK }
    }

    /// A tick in nanoseconds.
    fn time(&self, tick: u64) -> u64 {
        let ns = |ticks: u64| (ticks as f64 * self.trace.ns_per_tick) as u64;
        let end = ns(self.trace.now);
        match self.trace.now.checked_sub(tick) {
            Some(before) => end.saturating_sub(ns(before)),
            None => end + ns(tick - self.trace.now),
        }
    }

    /// A packet of the one sequence that there is. `flags`: 1 forgets names, 2 uses them.
    fn packet(&mut self, flags: u64, content: impl FnOnce(&mut Message)) {
        self.out.message(field::PACKET, |packet| {
            packet.number(field::packet::SEQUENCE, 1);
            packet.number(field::packet::FLAGS, flags);
            content(packet);
        });
    }

    /// The first packets: whose trace it is, and what its clock is.
    fn describe(&mut self) {
        let trace = self.trace;
        self.packet(1, |packet| {
            packet.message(field::packet::TRACK, |track| {
                track.number(field::track::ID, PROCESS_TRACK);
                track.message(field::track::PROCESS, |process| {
                    process.number(1, trace.process.into());
                    let mut name = trace.program.clone();
                    if !trace.runtime.is_empty() {
                        name = format!("{name}: {}", trace.runtime);
                    }
                    process.text(6, &name);
                });
                // Tracks are in the order of their numbers.
                track.number(field::track::ORDERING, 3);
            });
        });
        let now = self.time(trace.now);
        self.packet(2, |packet| {
            packet.message(field::packet::CLOCKS, |clocks| {
                // The time since boot, which all events use, and the time of day.
                for (clock, now) in [(6, now), (1, trace.unix_ns)] {
                    clocks.message(1, |pair| {
                        pair.number(1, clock);
                        pair.number(2, now);
                    });
                }
            });
        });
    }

    /// The number of a name. The first time the name is written, too.
    fn name(&mut self, name: String) -> u64 {
        if let Some(&number) = self.names.get(&name) {
            return number;
        }
        let number = self.names.len() as u64 + 1;
        self.packet(2, |packet| {
            packet.message(field::packet::INTERNED, |interned| {
                interned.message(2, |entry| {
                    entry.number(1, number);
                    entry.text(2, &name);
                });
            });
        });
        self.names.insert(name, number);
        number
    }

    fn new_track(&mut self, id: u64, rank: u64, name: &str, is_counter: bool) {
        self.packet(2, |packet| {
            packet.message(field::packet::TRACK, |track| {
                track.number(field::track::ID, id);
                track.number(field::track::PARENT, PROCESS_TRACK);
                track.text(field::track::NAME, name);
                track.number(field::track::RANK, rank);
                if is_counter {
                    track.message(field::track::COUNTER, |_| {});
                }
            });
        });
    }

    fn event(&mut self, at: u64, kind: u64, track: u64, content: impl FnOnce(&mut Message)) {
        let time = self.time(at);
        self.packet(2, |packet| {
            packet.number(field::packet::TIME, time);
            packet.message(field::packet::EVENT, |event| {
                event.number(field::event::TYPE, kind);
                event.number(field::event::TRACK, track);
                content(event);
            });
        });
    }

    /// A row: nested slices, and points.
    fn track(&mut self, track: &Track) {
        let id = self.next_track;
        self.next_track += 1;
        self.new_track(id, id, &track.name, false);
        let mut slices: Vec<&Slice> = track.slices.iter().collect();
        // An outer slice comes before those in it.
        let end = |slice: &Slice| slice.end.unwrap_or(u64::MAX);
        slices.sort_by(|a, b| a.begin.cmp(&b.begin).then(end(b).cmp(&end(a))));
        let mut open: Vec<u64> = Vec::new();
        let close = |writer: &mut Writer<'_>, at: u64| {
            // A slice that goes on has no end.
            if at != u64::MAX {
                writer.event(at, END, id, |_| {});
            }
        };
        for slice in slices {
            while let Some(&last) = open.last().filter(|&&last| last <= slice.begin) {
                open.pop();
                close(self, last);
            }
            self.begin(id, slice);
            let limit = open.last().copied().unwrap_or(u64::MAX);
            open.push(end(slice).min(limit));
        }
        while let Some(last) = open.pop() {
            close(self, last);
        }
        for point in &track.points {
            let about = point.task.map(|task| self.trace.task_name(task));
            let name = match &about {
                Some(about) => format!("{} {about}", point.name),
                None => point.name.to_owned(),
            };
            let name = self.name(name);
            let task = point.task.map(|task| self.trace.task_id(task));
            self.event(point.at, POINT, id, |event| {
                event.number(field::event::NAME, name);
                detail(event, "task", task);
                detail(event, "count", point.count);
                if let Some(flow) = point.flow {
                    event.fixed(field::event::FLOW, flow);
                }
            });
        }
    }

    fn begin(&mut self, track: u64, slice: &Slice) {
        let name = self.name(self.trace.task_name(slice.task));
        let task = self.trace.task_id(slice.task);
        self.event(slice.begin, BEGIN, track, |event| {
            event.number(field::event::NAME, name);
            detail(event, "task", Some(task));
            if slice.is_last {
                detail(event, "last", Some(1));
            }
            if let Some(flow) = slice.flow {
                event.fixed(field::event::FLOW_END, flow);
            }
        });
    }

    fn counters(&mut self) {
        let trace = self.trace;
        let events = || trace.rings.iter().flat_map(|ring| &ring.events);
        let mut changes: Vec<(u64, i64)> = events()
            .filter_map(|event| match event.what {
                What::Spawn { .. } => Some((event.at, 1)),
                What::End => Some((event.at, -1)),
                _ => None,
            })
            .collect();
        changes.sort_unstable();
        let mut alive = trace.alive as i64 - changes.iter().map(|(_, change)| change).sum::<i64>();
        let alive = changes.iter().map(|(at, change)| {
            alive += change;
            (*at, alive.max(0) as u64)
        });
        self.counter(0, "tasks alive", alive.collect());
        let common = events().filter_map(|event| match event.what {
            What::Queues { common, .. } => Some((event.at, common)),
            _ => None,
        });
        let mut common: Vec<_> = common.collect();
        common.sort_unstable();
        self.counter(1, "common queue", common);
        for (ring, number) in trace.rings.iter().zip(2..) {
            let own = ring.events.iter().filter_map(|event| match event.what {
                What::Queues { own, .. } => Some((event.at, own)),
                // Nothing is left to convert.
                What::Park => Some((event.at, 0)),
                _ => None,
            });
            self.counter(number, &format!("queue of {}", ring.name), own.collect());
        }
        if trace.lost > 0 {
            self.counter(FIRST_COUNTER, "events that found no room", vec![(trace.now, trace.lost)]);
        }
    }

    /// Values in order of their times.
    fn counter(&mut self, number: u64, name: &str, values: Vec<(u64, u64)>) {
        if values.is_empty() {
            return;
        }
        let id = FIRST_COUNTER + number;
        self.new_track(id, id, name, true);
        let step = (COUNTER_STEP as f64 / self.trace.ns_per_tick) as u64;
        let mut written = None;
        for (n, &(at, value)) in values.iter().enumerate() {
            // Only the last of close values is kept.
            let next = values.get(n + 1);
            let is_shown = next.is_none_or(|&(next, _)| next / step.max(1) != at / step.max(1));
            if is_shown && written != Some(value) {
                written = Some(value);
                self.event(at, COUNTER, id, |event| event.number(field::event::VALUE, value));
            }
        }
    }
}

/// Writes a number with a name, if there is one.
fn detail(event: &mut Message, name: &str, value: Option<u64>) {
    if let Some(value) = value {
        event.message(field::event::DETAIL, |detail| {
            detail.text(10, name);
            detail.number(3, value);
        });
    }
}
