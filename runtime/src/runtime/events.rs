//! Where I/O, timers and schedulers meet: the [`Driver`] that the schedulers see.
//!
//! # Who covers a timer
//!
//! Each worker's timers are in a shard of its own, those of other threads in one more. Whoever sleeps
//! in the poll sleeps until the earliest deadline of all shards, and publishes it as `asleep_until`.
//! A worker that sleeps beside it trusts that, unless its own next deadline is earlier than what
//! the holder has published: then it wakes itself for it. When nobody is in the poll, the guardian is
//! awake and waits no longer than until the next deadline.
//!
//! | who has set a timer, and sleeps beside | the holder of the poll           |
//! |----------------------------------------|----------------------------------|
//! | next deadline of the shard             | `asleep_until` = earliest seen   |
//! | fence                                  | fence                            |
//! | read `asleep_until`                    | read the shards' deadlines again |
//!
//! The fences are SeqCst: one of the two sees the other's store. The same table holds for a thread that
//! sets a timer for somebody else's shard; it wakes the holder.

use std::time::Duration;

use crate::engine::clock::{Clock, NEVER};
use crate::engine::driver::Driver;
use crate::engine::primitive::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use crate::engine::primitive::{Arc, Parker};
use crate::engine::scheduler;
use crate::engine::timer::Shard;
use crate::engine::wake_list::WakeList;

/// See the table above.
const BETWEEN: Ordering = Ordering::SeqCst;

/// Nobody sleeps in the poll.
const NOBODY: u64 = 0;

/// I/O and timers of one runtime.
pub(super) struct Events {
    io: Arc<Driver>,
    /// One for each worker, then the one of all other threads.
    shards: Box<[Arc<Shard>]>,
    clock: Arc<Clock>,
    watermark: Arc<Watermark>,
    looks: AtomicU64,
    /// Paused time jumps to the next deadline when there is nothing else to do.
    auto_advance: bool,
    /// Jobs of the blocking pool in the way of such a jump.
    busy_elsewhere: Arc<AtomicU64>,
}

/// Until when the poll's holder sleeps.
#[derive(Debug, Default)]
struct Watermark {
    asleep_until: AtomicU64,
    /// The poll is held to sleep in it.
    held: AtomicBool,
}

impl Events {
    pub(super) fn new(
        io: Arc<Driver>,
        clock: Arc<Clock>,
        workers: usize,
        auto_advance: bool,
    ) -> Events {
        let watermark = Arc::new(Watermark::default());
        let shard = || {
            let (io, watermark) = (Arc::clone(&io), Arc::clone(&watermark));
            let made_earlier = move || {
                fence(BETWEEN);
                if watermark.asleep_until.load(Ordering::Relaxed) != NOBODY {
                    io.wake(); // wake: earlier deadline
                }
            };
            Arc::new(Shard::new(Arc::clone(&clock), Box::new(made_earlier)))
        };
        let shards = (0..=workers).map(|_| shard()).collect();
        Events {
            io: Arc::clone(&io),
            shards,
            clock,
            watermark,
            looks: AtomicU64::new(0),
            auto_advance,
            busy_elsewhere: Arc::default(),
        }
    }

    pub(super) fn shards(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    pub(super) fn busy_elsewhere(&self) -> &Arc<AtomicU64> {
        &self.busy_elsewhere
    }

    fn earliest(&self) -> u64 {
        self.shards.iter().map(|shard| shard.next_deadline()).min().unwrap_or(NEVER)
    }

    fn advance<'a>(&self, shards: impl IntoIterator<Item = &'a Arc<Shard>>, ready: &mut WakeList) {
        let mut now = None;
        for shard in shards {
            if shard.next_deadline() != NEVER {
                let now = *now.get_or_insert_with(|| self.clock.now());
                // What is more than a turn's worth is left to the next look: `next_deadline` is past.
                shard.advance(now, ready);
            }
        }
    }

    fn until(&self, deadline: u64) -> Option<Duration> {
        if deadline == NEVER {
            return None;
        }
        Some(Duration::from_nanos(deadline.saturating_sub(self.clock.now())))
    }

    /// How long the poll's holder may sleep; published so that others can rely on it.
    fn publish(&self, limit: Option<Duration>) -> Option<Duration> {
        let capped = |deadline: u64| match limit {
            None => deadline,
            Some(limit) => deadline.min(self.clock.now().saturating_add(limit.as_nanos() as u64)),
        };
        let mut deadline = capped(self.earliest());
        loop {
            self.watermark.asleep_until.store(deadline.max(1), Ordering::Relaxed);
            fence(BETWEEN);
            let again = capped(self.earliest());
            if again >= deadline {
                break;
            }
            deadline = again;
        }
        self.until(deadline)
    }

    fn retract(&self) {
        self.watermark.asleep_until.store(NOBODY, Ordering::Relaxed);
    }

    fn count_look(&self) {
        // Only the poll's holder counts.
        self.looks.store(self.looks.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// With paused time nobody waits for a deadline: if nothing else is to be done the clock jumps.
    fn jump(&self) -> bool {
        if !self.auto_advance || !self.clock.is_paused() {
            return false;
        }
        if self.busy_elsewhere.load(Ordering::Acquire) > 0 {
            return false;
        }
        let next = self.shards.iter().map(|shard| shard.exact_next_deadline()).min();
        match next {
            Some(next) if next != NEVER => {
                self.clock.advance_to(next);
                true
            }
            _ => false,
        }
    }
}

impl scheduler::Driver for Events {
    fn look(&self, seat: usize, ready: &mut WakeList) {
        if let Some(mut turn) = self.io.try_acquire() {
            let _ = turn.wait(Some(Duration::ZERO), ready);
            self.count_look();
        }
        let outside = self.shards.last();
        self.advance(
            self.shards[..self.shards.len() - 1].get(seat).into_iter().chain(outside),
            ready,
        );
    }

    fn sleep(&self, seat: usize, parker: &Parker, ready: &mut WakeList) {
        if let Some(mut turn) = self.io.try_acquire() {
            if !parker.begin_elsewhere() {
                return;
            }
            self.watermark.held.store(true, Ordering::Relaxed);
            let mut timeout = self.publish(None);
            if self.clock.is_paused() {
                // Virtual deadlines say nothing about how long to wait.
                timeout = self.auto_advance_timeout(&mut turn, ready);
            }
            let _ = turn.wait(timeout, ready);
            self.retract();
            self.watermark.held.store(false, Ordering::Relaxed);
            self.count_look();
            drop(turn);
            parker.end_elsewhere();
            self.advance(self.shards.iter(), ready);
            return;
        }
        let own = self.shards[..self.shards.len() - 1].get(seat);
        let deadline = own.map_or(NEVER, |shard| shard.next_deadline());
        fence(BETWEEN);
        let covered = self.watermark.asleep_until.load(Ordering::Relaxed);
        if deadline < covered && !self.clock.is_paused() {
            let timeout = self.until(deadline).expect("earlier than something");
            parker.park_timeout(timeout);
        } else {
            parker.park();
        }
        self.advance(own, ready);
    }

    fn stand_in(&self, limit: Duration, ready: &mut WakeList) -> bool {
        let Some(mut turn) = self.io.try_acquire() else { return false };
        let timeout = self.publish(Some(limit));
        let _ = turn.wait(timeout, ready);
        self.retract();
        self.count_look();
        drop(turn);
        self.advance(self.shards.iter(), ready);
        true
    }

    fn has_holder(&self) -> bool {
        self.watermark.held.load(Ordering::Relaxed)
    }

    fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        self.io.wake();
    }

    fn next_timer(&self) -> Option<Duration> {
        self.until(self.earliest())
    }
}

impl Events {
    /// With paused time: if an event waits, or something runs elsewhere, no jump. Returns how long to
    /// wait in the poll then.
    fn auto_advance_timeout(
        &self,
        turn: &mut crate::engine::driver::Turn<'_>,
        ready: &mut WakeList,
    ) -> Option<Duration> {
        let _ = turn.wait(Some(Duration::ZERO), ready);
        if !ready.is_empty() || self.jump() { Some(Duration::ZERO) } else { None }
    }
}
