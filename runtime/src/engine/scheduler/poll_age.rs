//! The age of a poll: how long it has gone on, without the time in which its thread was ready but
//! had no processor.
//!
//! # Problem
//!
//! Wall-clock time is not processor time. On a busy machine a poll of a microsecond that is
//! preempted takes as long on the wall clock as one that blocks. Judged by the wall clock, equal
//! tasks stall by chance, spares come that only take processors from each other, and reports name
//! tasks that did nothing wrong.
//!
//! # What counts
//!
//! The age of a poll is the time that its thread has spent *computing* or *waiting by itself* (in a
//! system call, for a lock, for a page). Time spent waiting for a processor does not count.
//!
//! | what                 | from where                                                    | costs    |
//! |----------------------|---------------------------------------------------------------|----------|
//! | computed             | the thread's clock, read at the first sight of the poll       | 0.3 us   |
//! | whether it sleeps    | `/proc/self/task/TID/syscall`, if it has not computed for     | 8 us     |
//! |                      | half of the time                                              |          |
//! | waited for processor | `/proc/self/task/TID/schedstat`, likewise                     | 8 us     |
//!
//! After the second sight these are read again only when the poll may have reached a threshold:
//! until then its age has grown by no more than the wall clock. So a poll that blocks for a second
//! is read four or five times.
//!
//! The kernel adds a wait for the processor only when that wait is over. So while the thread sleeps
//! all three values are exact, and the rest of the wall-clock time is what it waited by itself.
//! While the thread is ready to run, its own wait is known only as of the last look; the age is
//! that wait plus what it has computed.
//!
//! Between the first two sights nothing is known of waits for the processor. A poll that sleeps at
//! the second sight is taken to have slept since the first, up to [`BETWEEN_SIGHTS`].
//!
//! Where the system does not tell (no such clock; no descriptor left for the files), wall-clock
//! time counts. The files are not kept open: a server that is out of descriptors needs each.

use std::time::{Duration, Instant};

use crate::engine::primitive::thread;
use crate::engine::stall;
use crate::engine::task::{Mark, PollId, Watch};

/// The most sleep that is assumed between the first two sights: the time between two looks when
/// nothing delays the second.
const BETWEEN_SIGHTS: Duration = Duration::from_millis(2);

/// The monitor's eye on one thread.
#[derive(Debug, Default)]
pub(super) struct Eye {
    known: Option<Known>,
}

/// What is known of the current poll.
#[derive(Debug)]
struct Known {
    seen: PollId,
    /// The instant of the first sight.
    since: Instant,
    /// The thread's processor time at the first sight.
    cpu: Option<Duration>,
    second: Option<Second>,
    /// As of the last reading.
    age: Duration,
    computed: Duration,
    read: Option<Instant>,
    reported: bool,
}

/// What was read at the second sight.
#[derive(Debug)]
struct Second {
    at: Instant,
    cpu: Duration,
    /// How long the thread had waited for a processor by then.
    queued: Option<Duration>,
    /// How long the thread has waited by itself, as of the last look at which it slept.
    waited: Duration,
    slept_before: Duration,
}

impl Eye {
    /// The age of the current poll; zero if there is none, or at its first sight. `os_id` is the
    /// kernel's number of the thread, 0 if unknown. Below `threshold`, and between `threshold` and
    /// `last`, the result may be that of an earlier look.
    pub(super) fn look(
        &mut self,
        watch: &Watch,
        os_id: u32,
        now: Instant,
        threshold: Duration,
        last: Option<Duration>,
    ) -> Duration {
        let Some(seen) = watch.look() else {
            self.known = None;
            return Duration::ZERO;
        };
        match &mut self.known {
            Some(known) if known.seen == seen => {
                let next = if known.age < threshold { Some(threshold) } else { last };
                let next = next.filter(|_| !known.reported);
                let at_most = |read| known.age + now.saturating_duration_since(read);
                let is_due =
                    known.read.is_none_or(|read| next.is_some_and(|next| at_most(read) >= next));
                if is_due {
                    known.age = known.age_now(os_id, now).max(known.age);
                    known.read = Some(now);
                }
                known.age
            }
            _ => {
                self.known = Some(Known {
                    seen,
                    since: now,
                    cpu: thread::cpu_time(os_id),
                    second: None,
                    age: Duration::ZERO,
                    computed: Duration::ZERO,
                    read: None,
                    reported: false,
                });
                Duration::ZERO
            }
        }
    }

    /// The current poll, if there is one.
    pub(super) fn seen(&self) -> Option<PollId> {
        self.known.as_ref().map(|known| known.seen)
    }

    /// Whether most of the poll's age is computing or blocking.
    pub(super) fn how(&self) -> Mark {
        match &self.known {
            Some(known) if known.computed < known.age / 2 => Mark::Blocks,
            _ => Mark::Computes,
        }
    }

    /// The poll, if it is `threshold` old and has not been reported: once for each poll.
    pub(super) fn becomes(&mut self, threshold: Duration) -> Option<PollId> {
        let known = self.known.as_mut()?;
        let due = known.age >= threshold && !known.reported;
        due.then_some(known.seen)
    }

    /// Records that the poll has been reported.
    pub(super) fn told(&mut self) {
        if let Some(known) = &mut self.known {
            known.reported = true;
        }
    }

    /// The wall-clock time of the poll, and the share of it for which the thread computed.
    pub(super) fn on_the_wall(&self, os_id: u32, now: Instant) -> (Duration, Option<f64>) {
        let Some(known) = &self.known else { return (Duration::ZERO, None) };
        let wall = now.saturating_duration_since(known.since);
        let computed = known.computed(os_id).filter(|_| !wall.is_zero());
        (wall, computed.map(|computed| (computed.as_secs_f64() / wall.as_secs_f64()).min(1.0)))
    }

    /// Excludes a time in which the process did not run from the poll's age.
    pub(super) fn excuse(&mut self, stopped: Duration) {
        if let Some(known) = &mut self.known {
            known.since += stopped;
            known.read = known.read.map(|read| read + stopped);
            if let Some(second) = &mut known.second {
                second.at += stopped;
            }
        }
    }
}

impl Known {
    fn computed(&self, os_id: u32) -> Option<Duration> {
        Some(thread::cpu_time(os_id)?.saturating_sub(self.cpu?))
    }

    fn age_now(&mut self, os_id: u32, now: Instant) -> Duration {
        let wall = now.saturating_duration_since(self.since);
        let Some(computed) = self.computed(os_id) else { return wall };
        self.computed = computed;
        if self.second.is_none() && computed >= wall / 2 {
            return computed;
        }
        let Some(sleeps) = stall::sleeps(os_id) else { return wall };
        let queued = stall::queued(os_id);
        let second = self.second.get_or_insert_with(|| Second {
            at: now,
            cpu: computed,
            queued,
            waited: Duration::ZERO,
            slept_before: match sleeps {
                true => wall.saturating_sub(computed).min(BETWEEN_SIGHTS),
                false => Duration::ZERO,
            },
        });
        if sleeps {
            second.waited = second.waited_by(now, computed, queued);
        }
        computed + second.slept_before + second.waited
    }
}

impl Second {
    /// How long a thread that sleeps has waited by itself since the second sight.
    fn waited_by(&self, now: Instant, computed: Duration, queued: Option<Duration>) -> Duration {
        let off = now
            .saturating_duration_since(self.at)
            .saturating_sub(computed.saturating_sub(self.cpu));
        match (queued, self.queued) {
            (Some(queued), Some(before)) => off.saturating_sub(queued.saturating_sub(before)),
            _ => off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_millis(2);

    #[test]
    fn looks_that_are_always_late_still_add_up_to_an_age() {
        let (watch, mut eye) = (Watch::new(), Eye::default());
        let (begin, late) = (Instant::now(), Duration::from_secs(1));
        watch.begin(1, None);
        // For an unknown thread the wall-clock time counts.
        let look = |eye: &mut Eye, now| eye.look(&watch, 0, now, LOOK, None);
        assert_eq!(look(&mut eye, begin), Duration::ZERO);
        eye.excuse(late);
        assert_eq!(look(&mut eye, begin + LOOK + late), LOOK);
        let (watch, mut eye) = (Watch::new(), Eye::default());
        watch.begin(1, None);
        let threshold = LOOK * 100;
        let look = |eye: &mut Eye, now| eye.look(&watch, 0, now, threshold, None);
        look(&mut eye, begin);
        for looks in 1..100 {
            eye.excuse(late);
            assert!(look(&mut eye, begin + (LOOK + late) * looks) < threshold);
        }
        eye.excuse(late);
        assert_eq!(look(&mut eye, begin + (LOOK + late) * 100), threshold);
    }

    #[test]
    fn a_wait_for_the_processor_is_no_wait_by_itself() {
        let begin = Instant::now();
        let ms = Duration::from_millis;
        let second = Second {
            at: begin,
            cpu: ms(1),
            queued: Some(ms(50)),
            waited: ms(0),
            slept_before: ms(0),
        };
        // Of 100 ms the thread has computed 4, waited 90 for the processor, and slept the rest.
        assert_eq!(second.waited_by(begin + ms(100), ms(5), Some(ms(140))), ms(6));
        assert_eq!(second.waited_by(begin + ms(100), ms(5), None), ms(96));
    }
}
