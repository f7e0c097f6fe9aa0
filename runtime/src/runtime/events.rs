//! Where I/O, timers and schedulers meet: the [`Driver`] that the schedulers see.
//!
//! # Who covers a timer
//!
//! Each worker's timers are in a shard of its own, those of other threads in one more. Whoever sleeps
//! in the poll sleeps until the earliest deadline of all shards, and publishes it as `asleep_until`.
//! A worker that sleeps beside it trusts that, unless its own next deadline is earlier than what
//! the holder has published: then it wakes itself for it. When nobody is in the poll, the guardian is
//! awake and waits no longer than until the next deadline. `timer/cover.rs` has the proof.

use std::time::Duration;

use crate::engine::clock::{Clock, NEVER};
use crate::engine::driver::Driver;
use crate::engine::primitive::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::engine::primitive::{Arc, Parker};
use crate::engine::scheduler;
use crate::engine::timer::{Cover, Shard};
use crate::engine::wake_list::WakeList;

/// I/O and timers of one runtime.
pub(super) struct Events {
    io: Arc<Driver>,
    /// One for each worker, then the one of all other threads.
    shards: Box<[Arc<Shard>]>,
    clock: Arc<Clock>,
    cover: Arc<Cover>,
    /// The poll is held to sleep in it.
    held: AtomicBool,
    looks: AtomicU64,
    /// Paused time jumps to the next deadline when there is nothing else to do.
    auto_advance: bool,
    /// Jobs of the blocking pool in the way of such a jump.
    busy_elsewhere: Arc<AtomicU64>,
}

impl Events {
    pub(super) fn new(
        io: Arc<Driver>,
        clock: Arc<Clock>,
        workers: usize,
        auto_advance: bool,
    ) -> Events {
        let cover = Arc::new(Cover::new());
        let shard = || {
            let (io, cover) = (Arc::clone(&io), Arc::clone(&cover));
            let made_earlier = move || {
                if cover.is_anybody() {
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
            cover,
            held: AtomicBool::new(false),
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
        let latest =
            limit.map_or(NEVER, |limit| self.clock.now().saturating_add(limit.as_nanos() as u64));
        self.until(self.cover.publish(|| self.earliest().min(latest)))
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
            self.held.store(true, Ordering::Relaxed);
            let mut timeout = self.publish(None);
            if self.clock.is_paused() {
                // Virtual deadlines say nothing about how long to wait.
                timeout = self.auto_advance_timeout(&mut turn, parker, ready);
            }
            let _ = turn.wait(timeout, ready);
            self.cover.retract();
            self.held.store(false, Ordering::Relaxed);
            self.count_look();
            drop(turn);
            parker.end_elsewhere();
            self.advance(self.shards.iter(), ready);
            return;
        }
        let own = self.shards[..self.shards.len() - 1].get(seat);
        let deadline = own.map_or(NEVER, |shard| shard.next_deadline());
        if deadline != NEVER && self.cover.leaves_out(deadline) && !self.clock.is_paused() {
            parker.park_timeout(self.until(deadline).expect("earlier than something"));
        } else {
            parker.park();
        }
        self.advance(own, ready);
    }

    fn stand_in(&self, limit: Duration, ready: &mut WakeList) -> bool {
        let Some(mut turn) = self.io.try_acquire() else { return false };
        let timeout = self.publish(Some(limit));
        let _ = turn.wait(timeout, ready);
        self.cover.retract();
        self.count_look();
        drop(turn);
        self.advance(self.shards.iter(), ready);
        true
    }

    fn advance_overdue(&self, by: Duration, ready: &mut WakeList) {
        let earliest = self.earliest();
        if earliest == NEVER {
            return;
        }
        let limit = self.clock.now().saturating_sub(by.as_nanos() as u64);
        let overdue = self.shards.iter().filter(|shard| shard.next_deadline() < limit);
        self.advance(overdue, ready);
    }

    fn has_holder(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    fn wake(&self) {
        self.io.wake();
    }

    fn next_timer(&self) -> Option<Duration> {
        self.until(self.earliest()).filter(|timer| !timer.is_zero())
    }
}

impl Events {
    /// With paused time: if an event waits, or something runs elsewhere, no jump. Returns how long to
    /// wait in the poll then.
    fn auto_advance_timeout(
        &self,
        turn: &mut crate::engine::driver::Turn<'_>,
        parker: &Parker,
        ready: &mut WakeList,
    ) -> Option<Duration> {
        let _ = turn.wait(Some(Duration::ZERO), ready);
        // The look may have taken the driver's wake along: the token tells. It is read after the count
        // of what runs elsewhere, since a job wakes who waits for it before it is counted off.
        let quiet = self.busy_elsewhere.load(Ordering::Acquire) == 0;
        if !ready.is_empty() || parker.is_notified() || (quiet && self.jump()) {
            Some(Duration::ZERO)
        } else {
            None
        }
    }
}
