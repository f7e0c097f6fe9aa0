//! All the timers of a runtime: a shard for each worker and one for all other threads.
//!
//! # Paused time
//!
//! Real time moves by itself, and any thread that looks at a shard fires what is due. Paused time
//! is moved by [`Shards::move_by`], [`Shards::move_to`] or [`Shards::jump`]. When such a call is
//! done, everything that it made due must have been woken. So moving the clock and collecting what
//! is then due from all shards is one step under `moving`. While the clock is virtual, a look at a
//! shard takes that lock, too, so that no other thread holds some of those wakers. Wakers are
//! called after the lock is released.
//!
//! Lock order: `moving`, then a shard's own.

use std::time::Duration;

use super::Shard;
use super::occupied::{Mark, Occupied};
use crate::engine::clock::{Clock, LAST, NEVER};
use crate::engine::primitive::{Arc, Mutex};
use crate::engine::wake_list::WakeList;

/// The shards of one runtime and their clock.
#[derive(Debug)]
pub(crate) struct Shards {
    /// One shard for each worker, then the one of all other threads.
    all: Box<[Arc<Shard>]>,
    occupied: Arc<Occupied>,
    clock: Arc<Clock>,
    moving: Mutex<()>,
}

impl Shards {
    /// Shards for `workers` workers. `shard` makes the shard for a mark.
    pub(crate) fn new(clock: Arc<Clock>, workers: usize, shard: impl Fn(Mark) -> Shard) -> Shards {
        let occupied = Occupied::new(workers + 1);
        let shard = |index| Arc::new(shard(Mark::new(Arc::clone(&occupied), index)));
        let all = (0..=workers).map(shard).collect();
        Shards { all, occupied, clock, moving: Mutex::new(()) }
    }

    pub(crate) fn all(&self) -> &[Arc<Shard>] {
        &self.all
    }

    /// The shards that have a deadline.
    pub(crate) fn with_deadline(&self) -> impl Iterator<Item = &Arc<Shard>> {
        self.occupied.iter().map(|shard| &self.all[shard])
    }

    /// The shard of the worker on a slot; spares have none.
    pub(crate) fn of_worker(&self, slot: usize) -> Option<&Arc<Shard>> {
        self.all[..self.all.len() - 1].get(slot)
    }

    /// The shard of all other threads.
    pub(crate) fn outside(&self) -> &Arc<Shard> {
        &self.all[self.all.len() - 1]
    }

    pub(crate) fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// The time before which nothing is due.
    pub(crate) fn earliest(&self) -> u64 {
        self.with_deadline().map(|shard| shard.next_deadline()).min().unwrap_or(NEVER)
    }

    /// When the last timer is due, as far as known, of those that are due together with the one at
    /// `earliest`: see `shard.rs`, "Groups".
    pub(crate) fn last_with(&self, earliest: u64, slack: u64) -> u64 {
        let limit = earliest.saturating_add(slack).min(LAST);
        if slack == 0 || earliest == NEVER {
            return earliest;
        }
        let last = self.with_deadline().map(|shard| shard.last_until(limit));
        last.filter(|&last| last <= limit).fold(earliest, u64::max)
    }

    /// Collects what is due in `shards`.
    pub(crate) fn look<'a>(
        &self,
        shards: impl IntoIterator<Item = &'a Arc<Shard>>,
        ready: &mut WakeList,
    ) {
        let _moving = self.clock.is_virtual().then(|| self.moving.lock());
        let mut now = None;
        for shard in shards {
            if shard.next_deadline() != NEVER {
                let now = *now.get_or_insert_with(|| self.clock.now());
                // The rest after one turn is left to the next look, since `next_deadline` has
                // passed.
                shard.advance(now, ready);
            }
        }
    }

    /// Moves the frozen clock and collects everything that is then due.
    ///
    /// # Errors
    ///
    /// The error text: the clock is not frozen, or the time is too long.
    pub(crate) fn move_by(&self, by: Duration, ready: &mut WakeList) -> Result<(), &'static str> {
        let _moving = self.moving.lock();
        self.clock.advance(by)?;
        self.collect(ready);
        Ok(())
    }

    /// Collects everything that is due on the frozen clock.
    pub(crate) fn due(&self, ready: &mut WakeList) {
        let _moving = self.moving.lock();
        self.collect(ready);
    }

    /// The exact next deadline, or [`NEVER`].
    pub(crate) fn exact_earliest(&self) -> u64 {
        self.with_deadline().map(|shard| shard.exact_next_deadline()).min().unwrap_or(NEVER)
    }

    /// Moves the frozen clock to `at`, unless that has passed, and collects everything that is then
    /// due, in the order of the deadlines. (Within a tick the wheel keeps the order of insertion.)
    pub(crate) fn move_to(&self, at: u64, ready: &mut WakeList) {
        let _moving = self.moving.lock();
        loop {
            let next = self.exact_earliest().min(at);
            self.clock.advance_to(next);
            self.collect(ready);
            if next == at {
                return;
            }
        }
    }

    /// Moves the frozen clock to the next deadline, if there is one and it is ahead, and collects
    /// everything that is then due.
    pub(crate) fn jump(&self, ready: &mut WakeList) {
        let _moving = self.moving.lock();
        self.clock.advance_to(self.exact_earliest());
        self.collect(ready);
    }

    /// Collects everything that is due. Called under `moving`.
    fn collect(&self, ready: &mut WakeList) {
        let now = self.clock.now();
        for shard in self.with_deadline() {
            while shard.advance(now, ready) {}
        }
    }
}
