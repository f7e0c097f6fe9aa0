//! Reads the bytes of `runtime::insight::Trace::to_bytes`. The form is described there.

use std::collections::HashMap;

use super::Error;

const MAGIC: &[u8; 8] = b"RTTRACE\0";
const VERSION: u32 = 1;

/// A trace as it was recorded.
#[derive(Default)]
pub(super) struct Trace {
    pub(super) process: u32,
    pub(super) program: String,
    pub(super) runtime: String,
    /// The tick at the end of the trace.
    pub(super) now: u64,
    pub(super) ns_per_tick: f64,
    /// Nanoseconds from 1970 to the end.
    pub(super) unix_ns: u64,
    pub(super) alive: u64,
    pub(super) lost: u64,
    places: Vec<String>,
    /// The tasks, by the part of the id that an event has.
    tasks: HashMap<u64, Task>,
    pub(super) rings: Vec<Ring>,
}

pub(super) struct Task {
    pub(super) id: u64,
    place: u32,
    name: String,
}

/// The kind of thread that a ring belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Worker,
    CurrentThread,
    Pinned,
    /// Threads without a ring of their own.
    Others,
}

pub(super) struct Ring {
    pub(super) owner: Owner,
    pub(super) number: u32,
    pub(super) name: String,
    /// The running task (the part of its id that an event has), and since which tick.
    pub(super) running: Option<(u64, u64)>,
    pub(super) events: Vec<Event>,
}

/// An event. It has the lower 40 bits of a task's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The time in ticks.
    pub(super) at: u64,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A poll that took so many ticks has ended.
    Poll {
        task: u64,
        took: u64,
        is_last: bool,
    },
    Wake {
        task: u64,
    },
    Spawn {
        task: u64,
    },
    End,
    Park,
    Unpark,
    Steal {
        tasks: u64,
    },
    Stall {
        task: u64,
        worker: u64,
    },
    Recovered,
    Spare,
    Timers {
        wakers: u64,
    },
    Io {
        wakers: u64,
    },
    JobBegin {
        task: u64,
    },
    JobEnd {
        task: u64,
        took: u64,
    },
    Queues {
        common: u64,
        own: u64,
    },
    Panic {
        task: u64,
    },
}

const SUBJECT_SHIFT: u32 = 24;
const MORE: u64 = (1 << SUBJECT_SHIFT) - 1;
const KIND_BITS: u32 = 5;

/// The part of an id that an event has.
fn subject_of(id: u64) -> u64 {
    id << SUBJECT_SHIFT >> SUBJECT_SHIFT
}

impl Trace {
    pub(super) fn read(bytes: &[u8]) -> Result<Trace, Error> {
        let mut input = Input(bytes);
        if input.take(MAGIC.len())? != MAGIC {
            return Err(Error("this is no trace of a flight recorder".to_owned()));
        }
        let version = input.u32()?;
        if version != VERSION {
            return Err(Error(format!(
                "the trace has version {version}, and this program knows version {VERSION}: take \
                 the one that was released with the runtime that the trace is of"
            )));
        }
        let mut trace = Trace { ns_per_tick: 1.0, ..Trace::default() };
        let mut rings = Vec::new();
        while !input.0.is_empty() {
            let number = input.u32()?;
            let length = usize::try_from(input.u64()?).unwrap_or(usize::MAX);
            let mut section = Input(input.take(length)?);
            match number {
                1 => {
                    trace.process = section.u32()?;
                    trace.program = section.text()?;
                    trace.runtime = section.text()?;
                }
                2 => {
                    trace.now = section.u64()?;
                    trace.ns_per_tick = f64::from_bits(section.u64()?);
                    trace.unix_ns = section.u64()?;
                }
                3 => {
                    trace.alive = section.u64()?;
                    let _workers = section.u32()?;
                    trace.lost = section.u64()?;
                }
                4 => {
                    for _ in 0..section.u32()? {
                        let (file, line, _) = (section.text()?, section.u32()?, section.u32()?);
                        trace.places.push(format!("{file}:{line}"));
                    }
                }
                5 => {
                    for _ in 0..section.u32()? {
                        let (id, place) = (section.u64()?, section.u32()?);
                        let name = section.text()?;
                        trace.tasks.insert(subject_of(id), Task { id, place, name });
                    }
                }
                6 => rings.push(section),
                _ => {}
            }
        }
        if !(trace.ns_per_tick > 0.0 && trace.ns_per_tick.is_finite()) {
            return Err(Error(format!("a tick of {} ns is none", trace.ns_per_tick)));
        }
        // The ticks of events are near the end of the trace, which is in another section.
        let rings = rings.into_iter().map(|section| Ring::read(section, trace.now));
        trace.rings = rings.collect::<Result<_, _>>()?;
        Ok(trace)
    }

    /// The label of a task: its name, else where it was spawned, else its number.
    pub(super) fn task_name(&self, task: u64) -> String {
        let Some(known) = self.tasks.get(&task) else { return format!("task {task}") };
        if !known.name.is_empty() {
            return known.name.clone();
        }
        let place = self.places.get(known.place as usize);
        place.cloned().unwrap_or_else(|| format!("task {}", known.id))
    }

    /// The whole id, as far as it is known.
    pub(super) fn task_id(&self, task: u64) -> u64 {
        self.tasks.get(&task).map_or(task, |known| known.id)
    }
}

impl Ring {
    fn read(mut section: Input<'_>, now: u64) -> Result<Ring, Error> {
        let owner = match section.u32()? {
            0 => Owner::Worker,
            1 => Owner::CurrentThread,
            2 => Owner::Pinned,
            _ => Owner::Others,
        };
        let number = section.u32()?;
        let name = section.text()?;
        let _overwritten = section.u64()?;
        let (task, since) = (section.u64()?, section.u64()?);
        let running = (task != 0).then_some((subject_of(task), since));
        let count = section.u32()? as usize;
        let words = section.take(count.saturating_mul(16))?;
        let mut events = Vec::with_capacity(count);
        let mut long = None;
        for event in words.chunks_exact(16) {
            let mut event = Input(event);
            let (first, second) = (event.u64()?, event.u64()?);
            let kind = first & ((1 << KIND_BITS) - 1);
            if kind == 4 {
                long = Some(second);
                continue;
            }
            let at = time(first >> KIND_BITS, now);
            if let Some(what) = what(kind, second, long.take()) {
                events.push(Event { at, what });
            }
        }
        Ok(Ring { owner, number, name, running, events })
    }
}

/// The tick nearest to `now` whose lower 59 bits are `low`.
fn time(low: u64, now: u64) -> u64 {
    let behind = (now.wrapping_sub(low) << KIND_BITS) as i64 >> KIND_BITS;
    now.wrapping_sub(behind as u64)
}

/// The event of these words. `None` for kinds that this program does not know, and for a poll whose
/// time has been overwritten: it is the oldest event of its ring.
fn what(kind: u64, second: u64, long: Option<u64>) -> Option<What> {
    let (subject, more) = (second >> SUBJECT_SHIFT, second & MORE);
    let task = subject;
    let took = if more == MORE { long } else { Some(more) };
    Some(match kind {
        1 | 2 => What::Poll { task, took: took?, is_last: false },
        3 => What::Poll { task, took: took?, is_last: true },
        5 => What::Wake { task },
        6 => What::Spawn { task },
        7 => What::End,
        8 => What::Park,
        9 => What::Unpark,
        10 => What::Steal { tasks: subject },
        11 => What::Stall { task, worker: more },
        12 => What::Recovered,
        13 => What::Spare,
        14 => What::Timers { wakers: subject },
        15 => What::Io { wakers: subject },
        17 => What::JobBegin { task },
        18 => What::JobEnd { task, took: took? },
        19 => What::Queues { common: subject, own: more },
        20 => What::Panic { task },
        _ => return None,
    })
}

/// The bytes that are left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (taken, rest) = self
            .0
            .split_at_checked(count)
            .ok_or_else(|| Error("the trace ends in the middle: it was cut off".to_owned()))?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("four bytes")))
    }

    fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.take(8)?.try_into().expect("eight bytes")))
    }

    fn text(&mut self) -> Result<String, Error> {
        let length = self.u32()? as usize;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }
}
