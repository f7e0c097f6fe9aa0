//! What is recorded, in two words.
//!
//! | bits | of | what |
//! |---|---|---|
//! | 0 to 4 | first word | the kind |
//! | 5 to 63 | first word | when, in ticks, without the upper 5 bits |
//! | 0 to 23 | second word | more |
//! | 24 to 63 | second word | the subject: a task's id without the upper 24 bits, or a count |
//!
//! 59 bits of ticks are 6 years of a counter of 3 GHz; 40 bits of an id are a million million
//! tasks. Whoever reads an event knows the time and the newest id, and takes what is nearest.
//!
//! | kind | event | subject | more |
//! |---|---|---|---|
//! | 1 | a poll has ended; the task waits | task | how long the poll took, in ticks |
//! | 2 | a poll has ended; the task has woken itself, or was woken meanwhile | task | the same |
//! | 3 | a poll has ended, and with it the task | task | the same |
//! | 4 | how long the poll or job of the next event took, in ticks: the whole second word | | |
//! | 5 | a task was made ready | task | by whom |
//! | 6 | a task was spawned | task | by whom |
//! | 7 | a task has ended | task | the number of the place where it was spawned |
//! | 8 | the thread goes to sleep | | |
//! | 9 | the thread is awake | | |
//! | 10 | the worker has taken tasks of another one | how many | |
//! | 11 | the monitor has found a stall | task, or 0 | the worker |
//! | 12 | a worker that had stalled goes on | | |
//! | 13 | a spare begins to serve | its number | |
//! | 14 | timers have gone off | how many wakers | |
//! | 15 | descriptors were ready | how many wakers | |
//! | 16 | a blocking job waits for a thread | task | the number of the place |
//! | 17 | a blocking job begins | task | |
//! | 18 | a blocking job has ended | task | how long it took, in ticks |
//! | 19 | queues were looked at | tasks in the common one | tasks in the worker's own |
//! | 20 | a task has panicked | task | |
//!
//! How long: all ones say that the event before has it. By whom: in the upper 2 bits 0 for a thread
//! that polls no task, 1 for the runtime (a descriptor or timer), 2 for a task, whose lowest 22
//! bits are in the lower 22.

use crate::engine::insight::WakeSource;
use crate::engine::task_id::Id;

/// An event. Its numbers are written to files: they do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    PollIdle = 1,
    PollWoken = 2,
    PollDone = 3,
    LongTime = 4,
    Wake = 5,
    Spawn = 6,
    End = 7,
    Park = 8,
    Unpark = 9,
    Steal = 10,
    Stall = 11,
    Recovered = 12,
    Spare = 13,
    Timers = 14,
    Io = 15,
    JobQueued = 16,
    JobBegin = 17,
    JobEnd = 18,
    Queues = 19,
    Panic = 20,
}

const KIND_BITS: u32 = 5;
const MORE_BITS: u32 = 24;
/// The largest value of [`more`](pack). In place of a time it says: see the event before.
pub(crate) const MOST: u64 = (1 << MORE_BITS) - 1;

/// Where the kind of source begins in "by whom".
const SOURCE_SHIFT: u32 = 22;
const BY_DRIVER: u64 = 1 << SOURCE_SHIFT;
const BY_TASK: u64 = 2 << SOURCE_SHIFT;

/// `more` is at most [`MOST`].
#[inline]
pub(crate) fn pack(kind: Kind, at: u64, subject: u64, more: u64) -> [u64; 2] {
    [at << KIND_BITS | kind as u64, subject << MORE_BITS | more]
}

/// The time of an event, near `now`.
pub(crate) fn time(event: [u64; 2], now: u64) -> u64 {
    let low = event[0] >> KIND_BITS;
    // The difference in 59 bits, with its sign.
    let behind = (now.wrapping_sub(low) << KIND_BITS) as i64 >> KIND_BITS;
    now.wrapping_sub(behind as u64)
}

/// The subject, without its upper bits.
pub(crate) fn subject(event: [u64; 2]) -> u64 {
    event[1] >> MORE_BITS
}

/// A task's id in the form of a subject.
pub(crate) fn subject_of(id: Id) -> u64 {
    id.as_u64() << MORE_BITS >> MORE_BITS
}

/// Whether the event's subject is a task.
pub(crate) fn is_of_task(event: [u64; 2]) -> bool {
    const TASKS: u32 = 1 << Kind::PollIdle as u32
        | 1 << Kind::PollWoken as u32
        | 1 << Kind::PollDone as u32
        | 1 << Kind::Wake as u32
        | 1 << Kind::Spawn as u32
        | 1 << Kind::Stall as u32
        | 1 << Kind::JobBegin as u32
        | 1 << Kind::JobEnd as u32
        | 1 << Kind::Panic as u32;
    1 << (event[0] & ((1 << KIND_BITS) - 1)) & TASKS != 0
}

/// The number of a place that the event names.
pub(crate) fn place(event: [u64; 2]) -> Option<u32> {
    let kind = event[0] & ((1 << KIND_BITS) - 1);
    let names_one = kind == Kind::End as u64 || kind == Kind::JobQueued as u64;
    names_one.then_some((event[1] & MOST) as u32)
}

/// The "by whom" of a wake or spawn.
#[inline]
pub(crate) fn by(source: WakeSource) -> u64 {
    match source {
        WakeSource::Outside => 0,
        WakeSource::Driver | WakeSource::Timer => BY_DRIVER,
        WakeSource::Task(id) => BY_TASK | id.as_u64() & (BY_DRIVER - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_found_again_on_either_side_of_now() {
        let now = (7 << 59) + 1000;
        for then in [now, now - 1, now + 1, now - 1000, now - 1001, now - (1 << 57), now + 5000] {
            assert_eq!(time(pack(Kind::Park, then, 0, 0), now), then);
        }
    }

    #[test]
    fn what_is_packed_does_not_mix() {
        let event = pack(Kind::Panic, u64::MAX, (1 << 40) - 1, 0);
        assert_eq!((subject(event), event[1] & MOST), ((1 << 40) - 1, 0));
        let id = Id::from_u64(1 << 41 | 5).expect("not 0");
        assert_eq!(subject_of(id), 5);
        let event = pack(Kind::End, 1, 0, MOST);
        assert_eq!((subject(event), place(event)), (0, Some(MOST as u32)));
        assert!(is_of_task(pack(Kind::Wake, 1, 1, 0)) && !is_of_task(event));
        assert_eq!(place(pack(Kind::Wake, 1, 1, 7)), None);
    }

    #[test]
    fn who_wakes_is_told_apart() {
        let task = |n| WakeSource::Task(Id::from_u64(n).expect("not 0"));
        assert_eq!((by(WakeSource::Outside), by(WakeSource::Driver)), (0, 1 << 22));
        assert_eq!(by(task(1 << 22 | 3)), 2 << 22 | 3);
        assert!(by(task(u64::MAX)) <= MOST);
    }
}
