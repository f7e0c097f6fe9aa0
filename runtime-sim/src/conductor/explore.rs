//! Who goes on at a scheduling point.
//!
//! # Problem
//!
//! A schedule must be random enough to find a bug, the same whenever the seed is the same, and
//! small enough to be read once a bug is found.
//!
//! # Shape
//!
//! There is a default: the running thread goes on; if it cannot, the one that has waited longest. A
//! schedule is a list of *deviations* from that default. Each is named by the thread at whose point
//! it happens and by how many points that thread has passed, not by a step of the whole run: so a
//! deviation still means the same when another one, on another thread, is taken out. The explorers
//! make deviations; a replay reads them; shrinking takes some of them out.
//!
//! | explorer              | what it does                                                          |
//! |-----------------------|-----------------------------------------------------------------------|
//! | [`Explorer::Random`]  | takes the running thread off at each point with some probability       |
//! | [`Explorer::Pct`]     | random priorities, changed at `depth` random steps (Burckhardt et al.)  |
//! | [`Explorer::Bounded`] | the default, but for `preemptions` random steps                        |
//! | [`Explorer::Default`] | the default                                                            |
//! | [`Explorer::Replay`]  | the deviations that it is given                                        |

use std::collections::BTreeMap;

use crate::os::Stream;

/// How schedules are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explorer {
    /// Each seed chooses one of the explorers below, and its parameters.
    Mixed,
    /// At each point the running thread is taken off with this probability, in percent.
    Random {
        /// The probability in percent, 0 to 100.
        percent: u8,
    },
    /// Each thread has a random priority, and the highest runs; at `depth` random steps the running
    /// thread gets the lowest.
    Pct {
        /// How many changes of priority there are.
        depth: u32,
    },
    /// The running thread goes on but for this many random steps.
    Bounded {
        /// How many preemptions there are.
        preemptions: u32,
    },
    /// No deviation at all.
    Default,
    /// Exactly these deviations.
    Replay(Vec<Deviation>),
}

/// A choice that was not the default one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deviation {
    /// The thread at whose point it happens: its ordinal, in the order in which threads began.
    pub thread: u32,
    /// Which choice of that thread it is, counted from 1.
    pub choice: u64,
    /// Which of those that could be chosen was: the ordinal of a thread.
    pub chosen: u32,
    /// Whether the thread could have gone on, so that it was preempted.
    pub preempts: bool,
}

/// What an explorer is asked.
pub(crate) struct Question<'a> {
    /// The thread at whose point it is.
    pub(crate) thread: u32,
    /// Which choice of that thread it is.
    pub(crate) choice: u64,
    /// Those who can be chosen, the longest waiting first; never empty.
    pub(crate) candidates: &'a [u32],
    /// The place in `candidates` of the default.
    pub(crate) default: usize,
    /// Whether the default is that the thread goes on.
    pub(crate) goes_on: bool,
    /// Whether it has asked to be taken off.
    pub(crate) yields: bool,
}

/// The most steps up to which changes are placed: 2 to this power.
const HORIZON_BITS: u64 = 17;
/// So many deviations are kept for shrinking; with more a run is still replayed by its seed.
const KEPT: usize = 1 << 18;

/// An explorer at work.
pub(crate) struct Schedule {
    rng: Stream,
    mode: Mode,
    /// How many threads were chosen so far.
    step: u64,
    made: Vec<Deviation>,
    overflow: bool,
}

enum Mode {
    Random { per_mille: u64 },
    Pct { changes: Vec<u64>, priorities: Vec<u64>, lowest: u64 },
    Bounded { at: Vec<u64> },
    Default,
    Replay(BTreeMap<(u32, u64), u32>),
}

impl Schedule {
    pub(crate) fn new(explorer: &Explorer, mut rng: Stream, most_threads: usize) -> Schedule {
        let mode = Schedule::mode(explorer, &mut rng, most_threads);
        Schedule { rng, mode, step: 0, made: Vec::with_capacity(KEPT), overflow: false }
    }

    fn mode(explorer: &Explorer, rng: &mut Stream, most_threads: usize) -> Mode {
        match explorer {
            Explorer::Mixed => {
                let chosen = match rng.below(10) {
                    0..=4 => {
                        Explorer::Random { percent: [1, 2, 5, 10, 20, 50][rng.below(6) as usize] }
                    }
                    5..=7 => Explorer::Pct { depth: 1 + rng.below(5) as u32 },
                    _ => Explorer::Bounded { preemptions: rng.below(4) as u32 },
                };
                Schedule::mode(&chosen, rng, most_threads)
            }
            Explorer::Random { percent } => Mode::Random { per_mille: u64::from(*percent) * 10 },
            Explorer::Pct { depth } => {
                let horizon = 64 << rng.below(HORIZON_BITS - 5);
                let mut changes: Vec<u64> = (0..*depth).map(|_| rng.below(horizon)).collect();
                changes.sort_unstable();
                let priorities = Vec::with_capacity(most_threads);
                Mode::Pct { changes, priorities, lowest: 1 << 62 }
            }
            Explorer::Bounded { preemptions } => {
                let horizon = 64 << rng.below(HORIZON_BITS - 5);
                let mut at: Vec<u64> = (0..*preemptions).map(|_| rng.below(horizon)).collect();
                at.sort_unstable();
                Mode::Bounded { at }
            }
            Explorer::Default => Mode::Default,
            Explorer::Replay(list) => Mode::Replay(
                list.iter().map(|made| ((made.thread, made.choice), made.chosen)).collect(),
            ),
        }
    }

    /// The place of the chosen one among the candidates. Allocates nothing.
    pub(crate) fn choose(&mut self, asked: &Question<'_>) -> usize {
        self.step += 1;
        let chosen = if asked.candidates.len() == 1 { 0 } else { self.pick(asked) };
        if chosen != asked.default {
            if self.made.len() < KEPT {
                self.made.push(Deviation {
                    thread: asked.thread,
                    choice: asked.choice,
                    chosen: asked.candidates[chosen],
                    preempts: asked.goes_on,
                });
            } else {
                self.overflow = true;
            }
        }
        chosen
    }

    fn pick(&mut self, asked: &Question<'_>) -> usize {
        let Schedule { rng, mode, step, .. } = self;
        let count = asked.candidates.len();
        match mode {
            Mode::Default => asked.default,
            Mode::Random { per_mille } => {
                // Where the thread cannot go on anyhow, one choice is as cheap as another.
                let odds = if asked.goes_on { *per_mille } else { 500 };
                if rng.below(1000) < odds {
                    rng.below(count as u64) as usize
                } else {
                    asked.default
                }
            }
            Mode::Bounded { at } => {
                if at.binary_search(step).is_ok() {
                    rng.below(count as u64) as usize
                } else {
                    asked.default
                }
            }
            Mode::Pct { changes, priorities, lowest } => {
                let demote = asked.yields || changes.binary_search(step).is_ok();
                // A thread that is new gets its priority at the first look.
                let highest = asked.candidates.iter().copied().max().unwrap_or(0);
                let known = highest.max(asked.thread) as usize + 1;
                while priorities.len() < known && priorities.len() < priorities.capacity() {
                    priorities.push(rng.next_u64() | 1 << 63);
                }
                let of =
                    |thread: u32, list: &[u64]| list.get(thread as usize).copied().unwrap_or(0);
                if demote {
                    *lowest -= 1;
                    if let Some(own) = priorities.get_mut(asked.thread as usize) {
                        *own = *lowest;
                    }
                }
                let best = (0..count).max_by_key(|&at| of(asked.candidates[at], priorities));
                best.unwrap_or(asked.default)
            }
            Mode::Replay(list) => {
                let wanted = list.get(&(asked.thread, asked.choice));
                let place = wanted
                    .and_then(|wanted| asked.candidates.iter().position(|other| other == wanted));
                place.unwrap_or(asked.default)
            }
        }
    }

    /// The deviations of this run; `None` if there were too many to keep.
    pub(crate) fn deviations(&self) -> Option<&[Deviation]> {
        (!self.overflow).then_some(&self.made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(explorer: &Explorer, seed: u64) -> (Vec<u32>, Vec<Deviation>) {
        let mut schedule = Schedule::new(explorer, Stream::new(seed), 16);
        let mut counts = [0; 4];
        let mut running = 0;
        let mut chosen = Vec::new();
        for _ in 0..200 {
            counts[running] += 1;
            let asked = Question {
                thread: running as u32,
                choice: counts[running],
                candidates: &[0, 1, 2, 3],
                default: running,
                goes_on: true,
                yields: false,
            };
            running = schedule.choose(&asked);
            chosen.push(running as u32);
        }
        (chosen, schedule.deviations().unwrap().to_vec())
    }

    #[test]
    fn a_replay_of_the_deviations_is_the_same_schedule() {
        for explorer in [
            Explorer::Mixed,
            Explorer::Random { percent: 30 },
            Explorer::Pct { depth: 3 },
            Explorer::Bounded { preemptions: 3 },
        ] {
            for seed in 0..20 {
                let (chosen, deviations) = run(&explorer, seed);
                assert_eq!(run(&explorer, seed).0, chosen);
                assert_eq!(run(&Explorer::Replay(deviations.clone()), 1).0, chosen);
                assert!(deviations.iter().all(|made| made.preempts));
            }
        }
    }

    #[test]
    fn without_deviations_the_running_thread_goes_on() {
        assert_eq!(run(&Explorer::Default, 1).0, vec![0; 200]);
        assert!(run(&Explorer::Random { percent: 50 }, 1).1.len() > 20);
    }

    #[test]
    fn a_bounded_explorer_keeps_its_bound() {
        for seed in 0..50 {
            assert!(run(&Explorer::Bounded { preemptions: 3 }, seed).1.len() <= 3);
        }
    }
}
