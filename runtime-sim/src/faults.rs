//! What goes wrong, and when: data, so that it can be written down, replayed and made smaller.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::os::Stream;

/// One thing that goes wrong for some time.
///
/// Each stands for itself: when its time is over, what it did is undone. So one can be taken out of
/// a plan, and the others keep their meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When it begins, since the start of the run.
    pub at: Duration,
    /// How long it lasts.
    pub lasts: Duration,
    /// What it is.
    pub kind: FaultKind,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The host's process dies, and its kernel resets its connections; later its main function is
    /// called again.
    Crash {
        /// The host.
        host: String,
    },
    /// The host loses its power: nobody hears from it, and of what it had not synced to its disk
    /// some is lost; later its main function is called again.
    PowerLoss {
        /// The host.
        host: String,
    },
    /// No packet gets from one host to another, nor back.
    Partition {
        /// One host.
        a: String,
        /// The other.
        b: String,
    },
    /// No packet gets from one host to another; those back do.
    OneWay {
        /// Whose packets vanish.
        from: String,
        /// Who does not get them.
        to: String,
    },
    /// Packets between two hosts take so much longer.
    Slow {
        /// One host.
        a: String,
        /// The other.
        b: String,
        /// By how much.
        by: Duration,
    },
    /// The host's disk is full: nothing on it can grow, nothing new can be made (`ENOSPC`).
    DiskFull {
        /// The host.
        host: String,
    },
    /// The host's disk fails: a quarter of the calls that read, write or sync a file end with
    /// `EIO`. What a sync that failed has not written, a later one does not write either.
    DiskErrors {
        /// The host.
        host: String,
    },
    /// Half of the calls that read or write a file do a part of it only, as they may at any time.
    ShortTransfers {
        /// The host.
        host: String,
    },
    /// The host's time of day is ahead.
    Skew {
        /// The host.
        host: String,
        /// By how much, in ms; behind if negative.
        ms: i64,
    },
    /// The host's clocks go too fast, and all that waits there for a time with them. Afterwards the
    /// time of day is right again; the monotonic clock keeps what it has gained.
    Drift {
        /// The host.
        host: String,
        /// By how many millionths; too slow if negative. A clock goes at a tenth of its rate at
        /// least, and ten times as fast at most.
        ppm: i64,
    },
}

/// How faults are made.
///
/// ```
/// use runtime_sim::{Fault, FaultKind, Faults};
/// use std::time::Duration;
///
/// // A new set of faults for each seed, all over after ten seconds.
/// let random = Faults::swarm().during(Duration::from_secs(10));
/// // One that the test is about.
/// let known = Faults::none().and(Fault {
///     at: Duration::from_secs(1),
///     lasts: Duration::from_millis(300),
///     kind: FaultKind::Crash { host: "db".into() },
/// });
/// # let _ = (random, known);
/// ```
#[derive(Clone, Debug)]
pub struct Faults {
    planned: Vec<Fault>,
    most: u64,
    until: Duration,
    kinds: Kinds,
}

#[derive(Clone, Copy, Debug)]
struct Kinds {
    crashes: bool,
    partitions: bool,
    delays: bool,
    skew: bool,
    disks: bool,
}

impl Faults {
    /// None but those that are added.
    pub fn none() -> Faults {
        let (crashes, partitions, delays, skew, disks) = (false, false, false, false, false);
        let kinds = Kinds { crashes, partitions, delays, skew, disks };
        Faults { planned: Vec::new(), most: 0, until: Duration::from_secs(10), kinds }
    }

    /// Of every kind. Each seed leaves some kinds out altogether: a run with crashes alone finds
    /// other bugs than one with everything at once. Up to eight faults in the first 10 s.
    pub fn swarm() -> Faults {
        let (crashes, partitions, delays, skew, disks) = (true, true, true, true, true);
        let kinds = Kinds { crashes, partitions, delays, skew, disks };
        Faults { most: 8, kinds, ..Faults::none() }
    }

    /// Crashes and losses of power, with restarts.
    pub fn crashes() -> Faults {
        let kinds = Kinds { crashes: true, ..Faults::none().kinds };
        Faults { most: 4, kinds, ..Faults::none() }
    }

    /// Partitions, one-way ones too.
    pub fn partitions() -> Faults {
        let kinds = Kinds { partitions: true, ..Faults::none().kinds };
        Faults { most: 4, kinds, ..Faults::none() }
    }

    /// Clocks that show another time of day, or go too fast or too slow.
    pub fn clocks() -> Faults {
        let kinds = Kinds { skew: true, ..Faults::none().kinds };
        Faults { most: 4, kinds, ..Faults::none() }
    }

    /// Disks that are full, that fail, and that read and write less than they were asked to.
    pub fn disks() -> Faults {
        let kinds = Kinds { disks: true, ..Faults::none().kinds };
        Faults { most: 4, kinds, ..Faults::none() }
    }

    /// Packets that take longer.
    pub fn delays() -> Faults {
        let kinds = Kinds { delays: true, ..Faults::none().kinds };
        Faults { most: 4, kinds, ..Faults::none() }
    }

    /// Adds one.
    #[must_use]
    pub fn and(mut self, fault: Fault) -> Faults {
        self.planned.push(fault);
        self
    }

    /// The time in which random faults begin and end; 10 s by default. What comes later runs
    /// without faults: [`Sim::eventually`](crate::Sim::eventually) is about that.
    #[must_use]
    pub fn during(mut self, time: Duration) -> Faults {
        self.until = time;
        self
    }

    /// The most random faults in one run.
    #[must_use]
    pub fn at_most(mut self, count: u32) -> Faults {
        self.most = u64::from(count);
        self
    }

    /// The same without crashes and losses of power.
    #[must_use]
    pub fn without_crashes(mut self) -> Faults {
        self.kinds.crashes = false;
        self
    }

    /// The faults of a run, by time. They follow from the stream and the names alone.
    pub(crate) fn plan(&self, stream: &mut Stream, hosts: &[String], all: &[String]) -> Vec<Fault> {
        let mut plan = self.planned.clone();
        let on = Kinds {
            crashes: stream.below(2) == 0,
            partitions: stream.below(2) == 0,
            delays: stream.below(2) == 0,
            skew: stream.below(3) == 0,
            // A stream of its own: plans without faults of disks are what they were before.
            disks: stream.sub("disks").below(3) == 0,
        };
        // With one kind only nothing is left out.
        let kinds = self.kinds;
        let allowed = [kinds.crashes, kinds.partitions, kinds.delays, kinds.skew, kinds.disks];
        let single = allowed.iter().filter(|&&kind| kind).count() == 1;
        let on = [on.crashes, on.partitions, on.delays, on.skew, on.disks];
        let chosen: Vec<usize> = (0..5).filter(|&at| allowed[at] && (single || on[at])).collect();
        let count = if self.most == 0 { 0 } else { stream.between(1, self.most) };
        let until = u64::try_from(self.until.as_nanos()).unwrap_or(u64::MAX / 4).max(4);
        for number in 0..count {
            // Each fault has a stream of its own.
            let mut own = stream.sub_number(number);
            if chosen.is_empty() || hosts.is_empty() {
                break;
            }
            let at = own.below(until);
            let lasts = own.between(1_000_000, (until - at).max(1_000_000)).min(until - at);
            let host = hosts[own.below(hosts.len() as u64) as usize].clone();
            let other = all[own.below(all.len() as u64) as usize].clone();
            let kind = match chosen[own.below(chosen.len() as u64) as usize] {
                0 if own.below(2) == 0 => FaultKind::Crash { host },
                0 => FaultKind::PowerLoss { host },
                1 | 2 if host == other => continue,
                1 => match own.below(3) {
                    0 => FaultKind::Partition { a: host, b: other },
                    1 => FaultKind::OneWay { from: host, to: other },
                    _ => FaultKind::OneWay { from: other, to: host },
                },
                2 => {
                    let by = Duration::from_nanos(own.between(1_000_000, 2_000_000_000));
                    FaultKind::Slow { a: host, b: other, by }
                }
                4 => match own.below(3) {
                    0 => FaultKind::DiskFull { host },
                    1 => FaultKind::DiskErrors { host },
                    _ => FaultKind::ShortTransfers { host },
                },
                // A stream of its own: a skew is what it was before there were drifts.
                _ => match own.sub("drift").below(2) {
                    0 => FaultKind::Skew { host, ms: own.between(1, 120_000) as i64 - 60_000 },
                    _ => FaultKind::Drift { host, ppm: drift(&mut own) },
                },
            };
            let (at, lasts) = (Duration::from_nanos(at), Duration::from_nanos(lasts));
            plan.push(Fault { at, lasts, kind });
        }
        plan.sort_by_key(|fault| fault.at);
        plan
    }
}

/// From a crystal's 100 millionths to a tenth, in either direction.
fn drift(stream: &mut Stream) -> i64 {
    let size = [100, 1_000, 10_000, 100_000][stream.below(4) as usize];
    if stream.below(2) == 0 { size } else { -size }
}

impl Fault {
    /// The hosts that it names.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &String> {
        let (one, other) = match &self.kind {
            FaultKind::Crash { host }
            | FaultKind::PowerLoss { host }
            | FaultKind::DiskFull { host }
            | FaultKind::DiskErrors { host }
            | FaultKind::ShortTransfers { host }
            | FaultKind::Skew { host, .. }
            | FaultKind::Drift { host, .. } => (host, None),
            FaultKind::Partition { a, b } | FaultKind::Slow { a, b, .. } => (a, Some(b)),
            FaultKind::OneWay { from, to } => (from, Some(to)),
        };
        std::iter::once(one).chain(other)
    }
}

impl fmt::Display for Fault {
    /// One line, which [`FromStr`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.at.as_nanos(), self.lasts.as_nanos())?;
        match &self.kind {
            FaultKind::Crash { host } => write!(f, "crash {host}"),
            FaultKind::PowerLoss { host } => write!(f, "power-loss {host}"),
            FaultKind::DiskFull { host } => write!(f, "disk-full {host}"),
            FaultKind::DiskErrors { host } => write!(f, "disk-errors {host}"),
            FaultKind::ShortTransfers { host } => write!(f, "short-transfers {host}"),
            FaultKind::Partition { a, b } => write!(f, "partition {a} {b}"),
            FaultKind::OneWay { from, to } => write!(f, "one-way {from} {to}"),
            FaultKind::Slow { a, b, by } => write!(f, "slow {a} {b} {}", by.as_nanos()),
            FaultKind::Skew { host, ms } => write!(f, "skew {host} {ms}"),
            FaultKind::Drift { host, ppm } => write!(f, "drift {host} {ppm}"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(line: &str) -> Result<Fault, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ns = |word: &str| {
            let number = word.parse().map_err(|_| format!("`{word}` is no time in ns"))?;
            Ok::<_, String>(Duration::from_nanos(number))
        };
        let [at, lasts, rest @ ..] = words.as_slice() else {
            return Err(format!("`{line}` is no fault"));
        };
        let kind = match rest {
            ["crash", host] => FaultKind::Crash { host: (*host).into() },
            ["power-loss", host] => FaultKind::PowerLoss { host: (*host).into() },
            ["disk-full", host] => FaultKind::DiskFull { host: (*host).into() },
            ["disk-errors", host] => FaultKind::DiskErrors { host: (*host).into() },
            ["short-transfers", host] => FaultKind::ShortTransfers { host: (*host).into() },
            ["partition", a, b] => FaultKind::Partition { a: (*a).into(), b: (*b).into() },
            ["one-way", from, to] => FaultKind::OneWay { from: (*from).into(), to: (*to).into() },
            ["slow", a, b, by] => FaultKind::Slow { a: (*a).into(), b: (*b).into(), by: ns(by)? },
            ["skew", host, ms] => {
                let ms = ms.parse().map_err(|_| format!("`{ms}` is no number of ms"))?;
                FaultKind::Skew { host: (*host).into(), ms }
            }
            ["drift", host, ppm] => {
                let ppm = ppm.parse().map_err(|_| format!("`{ppm}` is no number of millionths"))?;
                FaultKind::Drift { host: (*host).into(), ppm }
            }
            _ => return Err(format!("`{line}` is no fault")),
        };
        Ok(Fault { at: ns(at)?, lasts: ns(lasts)?, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["db", "web", "user"].map(String::from).to_vec()
    }

    #[test]
    fn a_plan_follows_from_its_seed_and_survives_the_way_through_text() {
        let all = names();
        let mut kinds = std::collections::BTreeSet::new();
        for seed in 0..300 {
            let plan = Faults::swarm().plan(&mut Stream::new(seed), &all[..2], &all);
            assert_eq!(plan, Faults::swarm().plan(&mut Stream::new(seed), &all[..2], &all));
            for fault in plan {
                let text = fault.to_string();
                kinds.insert(text.split(' ').nth(2).unwrap().to_owned());
                assert_eq!(text.parse(), Ok(fault.clone()));
                assert!(fault.at + fault.lasts <= Duration::from_secs(10));
            }
        }
        assert_eq!(kinds.len(), 10, "{kinds:?}");
    }

    #[test]
    fn a_profile_has_its_kind_only() {
        let all = names();
        for seed in 0..100 {
            let plan = Faults::crashes().plan(&mut Stream::new(seed), &all[..2], &all);
            assert!(!plan.is_empty());
            assert!(plan.iter().all(|fault| matches!(
                fault.kind,
                FaultKind::Crash { .. } | FaultKind::PowerLoss { .. }
            )));
            assert!(Faults::none().plan(&mut Stream::new(seed), &all, &all).is_empty());
        }
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for line in [
            "",
            "1 2",
            "1 2 crash",
            "x 2 crash db",
            "1 2 skew db x",
            "1 2 drift db",
            "1 2 flood db",
        ] {
            assert!(line.parse::<Fault>().is_err(), "{line}");
        }
    }
}
