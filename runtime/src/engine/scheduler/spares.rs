//! Assigns threads to worker slots, decides when a spare is needed, and says what the monitor must
//! do for sleeping workers.
//!
//! # Problem
//!
//! A slot whose thread is stalled, or has announced that it blocks, does not serve; meanwhile a
//! spare does. Stalls begin and end on their own. Spares come, sleep, stall, retire and are called
//! back, all at the same time. No stalled slot may be left without its spare while work waits, no
//! spare may be left over, and no two threads may hold one slot. Besides, one thread must wait in
//! the driver (*have the poll*) whenever all sleep. No thread is told when the holder leaves the
//! poll: that would be a futex call for each request. Both are the monitor's duties, and the
//! monitor itself sleeps without a time limit when it has none.
//!
//! # Two accounts
//!
//! A slot is *stalled* when its poll does not return, or is expected not to: that is a mistake in a
//! task. A slot is *in place* when its thread is in `block_in_place`: that was announced, and there
//! may be many. Each kind has an account of its own, so that announced blocking never uses up the
//! spares for mistakes.
//!
//! | account    | who is missing      | who serves instead | at most                | whose threads        |
//! |------------|---------------------|--------------------|------------------------|----------------------|
//! | `stalls`   | stalled slots       | spares             | `Builder::spare_workers` | their own          |
//! | `in_place` | slots in place      | stand-ins          | `max_blocking_threads`, | the blocking pool's: |
//! |            |                     |                    | with the blocking jobs | each is a job there  |
//!
//! ```text
//!   63       42 41       21 20        0
//!  ┌───────────┬───────────┬───────────┐
//!  │  missing  │  coming   │  serving  │
//!  └───────────┴───────────┴───────────┘
//! ```
//!
//! 1. `missing` counts the slots of that kind whose thread does not serve: one for each verdict
//!    that has not been taken back (`task/watch.rs`, invariant 2); and one for each marked task
//!    that a worker has given away and nobody polls yet (`marked.rs`, rule 6).
//! 2. `serving` counts the threads that serve instead. `coming` counts the stand-ins that the
//!    blocking pool has been asked for and that have not come; a spare serves from its call on.
//! 3. A caller checks `missing` and the limit and raises a count before it takes a slot. Each raise
//!    is lowered once: by the thread that retires ([`Spares::dismiss`]), only while more serve than
//!    are missing; by a stand-in that comes and is no longer needed; or by the thread that finds
//!    that none could be started.
//! 4. Each decision reads all counts of its account in the one step that changes them. With two
//!    words, a spare could retire on an old count of stalled slots, while a newer stall called no
//!    spare because of this very one.
//! 5. A serving stand-in does not retire because another is coming: the blocking pool may have no
//!    thread for that one for as long as its jobs take.
//!
//! # Places
//!
//! ```text
//!            take (call)                retire             give up
//!   VACANT ---------------> TAKEN <----------------> RESTING ------> LEAVING
//!      ^                      |      take (call)                        |
//!      '----------------------'-----------------------------------------'
//!          no thread came, or the thread goes (the pool is closed)
//! ```
//!
//! 6. Only `call` makes a spare's place TAKEN, by compare-exchange: one caller gets it. Only its
//!    thread takes it to RESTING and VACANT, and to LEAVING by compare-exchange against `call`: a
//!    thread that is called in its last moment finds its place TAKEN and stays.
//! 7. Each call of a resting thread gives a token after its place is TAKEN. The thread looks at its
//!    place after each wait.
//! 8. A dismissed spare keeps its place until it rests, and a leaving one until it has gone. A call
//!    in that moment may find no place though the count allows one ([`Call::NotYet`]). The caller
//!    does not wait: the monitor calls again at its next look, and it looks while a slot is
//!    stalled.
//! 9. A stand-in takes any vacant place of its kind, and leaves it when it retires: its thread goes
//!    back to the blocking pool. There are as many places as pool threads, so one is vacant.
//!
//! # The monitor's duties
//!
//! | state                                              | what it does at a look                         |
//! |----------------------------------------------------|------------------------------------------------|
//! | a slot is stalled, nobody sleeps, something waits  | calls a spare                                  |
//! | a slot is in place, nobody sleeps, something waits | asks for a stand-in                            |
//! | a surplus spare sleeps                             | unparks it ([`Spares::send_home`]); it retires   |
//! | nobody has the poll, somebody sleeps               | unparks one to take it ([`Spares::give_poll_back`]) |
//! | a verdict that came too late stands                | takes it back                                  |
//!
//! The monitor may park without a time limit when it has no duty ([`Spares::is_quiet`]): all
//! threads sleep, one of them in the poll, no slot is missing, no spare or stand-in serves. A
//! stand-in that still comes finds that it is not needed.
//!
//! # Proof that no duty arises while the monitor sleeps
//!
//! The monitor announces that it parks, fences (call this fence G), and then reads all of that
//! again. A worker that withdraws from the sleepers fences afterwards, and wakes the monitor
//! (within 2 ms) if it sees that announcement ([`Spares::withdraw`], `monitor_park.rs`). So a
//! withdrawal whose fence comes after G wakes the monitor. One whose fence comes before G is seen
//! by it, with all that came before. Let the monitor find itself quiet.
//!
//! - *Every thread that serves is on the list.* The place of a listed thread is seen as taken,
//!   since it was taken before the thread came. As many threads are listed as places are seen to be
//!   taken, so all of these are listed. What they did before is seen: the list is read under its
//!   lock.
//! - *The counts are 0, and not just stale reads of 0.* Suppose that they were changed after the
//!   value that was read, and take the first change. No thread retires, since none serves instead,
//!   and a stand-in that comes is not needed. So a slot went missing. If the monitor made it
//!   missing, it would know. If a thread did so in its own poll, that thread is a worker, since
//!   none serves instead. A worker keeps its place, hence it is listed, hence the monitor saw what
//!   it did and cannot have read an older value. So no thread serves instead, and no slot is
//!   missing, until a sleeper withdraws.
//! - *A thread has the poll.* The thread that is seen to hold it has announced itself before, and
//!   withdraws after it has left. If the fence of that withdrawal is before G, it is seen to have
//!   left; if after G, it wakes the monitor.
//!
//! A worker that withdraws without having slept is no exception: the monitor may have seen it among
//! the sleepers.
//!
//! # Orderings
//!
//! The counts are Relaxed: each account is one word, and publishes nothing else. The place passes
//! what a thread did on a slot to the next thread ([`LEAVE`], [`TAKE`]); to a resting thread, the
//! token does. The fences of `monitor_park.rs` and the lock of the sleepers order what the monitor
//! must not miss.
//!
//! # Rejected
//!
//! - Two separate counts of stalled slots and of spares: see 4. The monitor repaired the error at
//!   its next look.
//! - One account for both kinds: 80 tasks in `block_in_place` that waited for each other used up 64
//!   spares, and hung for ever.
//! - Separate scheduler threads for slots in place: then `block_in_place` and `spawn_blocking` need
//!   two limits, and each leaves threads idle that the other lacks.
//! - Telling the monitor each time that a thread leaves the poll or a stall ends: it looks every
//!   2 ms anyway.

use std::io;

use super::monitor_park::MonitorPark;
use super::sleep::{Sleep, Withdrawn};
use crate::engine::primitive::atomic::{AtomicU8, AtomicU64, Ordering};
use crate::engine::task::{Absence, Mark, PollId, Watch};

/// No thread holds the place.
const VACANT: u8 = 0;
/// A thread works here, or is on its way.
const TAKEN: u8 = 1;
/// A retired spare's thread waits here to be used again.
const RESTING: u8 = 2;
/// A resting thread has waited long enough and is about to leave.
const LEAVING: u8 = 3;

/// Publishes what the thread did on its slot. Pairs with [`TAKE`].
const LEAVE: Ordering = Ordering::Release;
/// The slot is as the last thread left it. Pairs with [`LEAVE`] and [`REST`].
const TAKE: Ordering = Ordering::Acquire;
/// Publishes the removal of the slot from `awake` to the thread that puts it in again. Pairs with
/// [`TAKE`].
const REST: Ordering = Ordering::Release;

const ONE_SERVING: u64 = 1;
const ONE_COMING: u64 = 1 << 21;
const ONE_MISSING: u64 = 1 << 42;
const FIELD: u64 = ONE_COMING - 1;

/// The counts of missing slots and of threads that serve instead, in one word.
#[derive(Debug)]
struct Account(AtomicU64);

/// An account at one moment.
#[derive(Clone, Copy)]
struct Counts(u64);

impl Counts {
    fn missing(self) -> usize {
        ((self.0 / ONE_MISSING) & FIELD) as usize
    }

    fn coming(self) -> usize {
        ((self.0 / ONE_COMING) & FIELD) as usize
    }

    fn serving(self) -> usize {
        (self.0 & FIELD) as usize
    }

    fn has_surplus(self) -> bool {
        self.serving() > self.missing()
    }
}

impl Account {
    fn new() -> Account {
        Account(AtomicU64::new(0))
    }

    #[inline]
    fn counts(&self) -> Counts {
        Counts(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn sub(&self, amount: u64) {
        self.0.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Decides and changes in one step. If `change` declines, the error has the counts that it saw.
    fn change(&self, change: impl Fn(Counts) -> Option<u64>) -> Result<(), Counts> {
        let change = |counts| change(Counts(counts));
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change) {
            Ok(_) => Ok(()),
            Err(counts) => Err(Counts(counts)),
        }
    }
}

/// Which slots are held, which do not serve, and which sleep.
#[derive(Debug)]
pub(crate) struct Spares {
    pub(crate) sleep: Sleep,
    stalls: Account,
    in_place: Account,
    /// First those of workers, then of spares, then of stand-ins.
    places: Box<[AtomicU8]>,
    workers: usize,
    limit: usize,
    /// Times that a spare was needed and none was available. For metrics.
    refused: AtomicU64,
}

/// A spare or a stand-in is needed, and none is available.
#[derive(Debug)]
pub(crate) struct Shortage {
    /// Why the slots do not serve.
    pub(crate) absence: Absence,
    /// How many slots do not serve for that reason.
    pub(crate) missing: usize,
    /// How many spares, or stand-ins, serve in their place.
    pub(crate) serving: usize,
    /// The most that there may be: spares, or threads of the blocking pool.
    pub(crate) limit: usize,
    /// Why the system gave no thread, if the limit has not been reached.
    pub(crate) no_thread: Option<io::Error>,
}

/// The result of calling a spare.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a slot that was taken needs a thread"]
pub(crate) enum Call {
    /// As many spares serve as slots are stalled.
    NotNeeded,
    /// A resting spare has been called back.
    Back,
    /// This slot has been taken. Its thread must be started, or [`Spares::never_came`] called.
    Start(usize),
    /// More spares are needed than there may be.
    Limit,
    /// The only free place is still being left (rule 8).
    NotYet,
}

impl Spares {
    /// Places for workers, for spares, and for as many stand-ins as the blocking pool may have
    /// threads.
    pub(crate) fn new(workers: usize, spares: usize, stand_ins: usize) -> Spares {
        let slots = workers + spares + stand_ins;
        Spares {
            sleep: Sleep::new(workers, slots),
            stalls: Account::new(),
            in_place: Account::new(),
            places: (0..slots).map(|_| AtomicU8::new(VACANT)).collect(),
            workers,
            limit: spares,
            refused: AtomicU64::new(0),
        }
    }

    /// How many places there are, of all kinds.
    pub(crate) fn slots(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// Whether the slot is a spare's or a stand-in's.
    pub(crate) fn is_extra(&self, slot: usize) -> bool {
        slot >= self.workers
    }

    /// Whether the slot is a stand-in's, whose thread is of the blocking pool.
    pub(crate) fn is_stand_in(&self, slot: usize) -> bool {
        slot >= self.workers + self.limit
    }

    /// The most spares that there may be.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    // ---- the accounts ----

    fn account_of(&self, absence: Absence) -> &Account {
        match absence {
            Absence::Stalled => &self.stalls,
            Absence::InPlace => &self.in_place,
        }
    }

    /// The account in which the slot's holder counts as serving.
    fn account_at(&self, slot: usize) -> &Account {
        if self.is_stand_in(slot) { &self.in_place } else { &self.stalls }
    }

    /// Counts a slot that no longer serves.
    pub(crate) fn missing(&self, absence: Absence) {
        self.account_of(absence).add(ONE_MISSING);
    }

    /// Counts off a slot that serves again.
    pub(crate) fn returned(&self, absence: Absence) {
        self.account_of(absence).sub(ONE_MISSING);
    }

    /// The poll that was `seen` counts as stalled. False if it has ended, or a verdict stands.
    pub(crate) fn condemn(&self, watch: &Watch, seen: PollId, mark: Mark) -> bool {
        // Counted before the verdict can be seen and taken back.
        self.missing(Absence::Stalled);
        let is_so = watch.condemn(seen, mark);
        if !is_so {
            self.returned(Absence::Stalled);
        }
        is_so
    }

    /// Takes a verdict back that came when its poll had ended.
    pub(crate) fn pardon(&self, watch: &Watch) {
        if watch.pardon() {
            self.returned(Absence::Stalled);
        }
    }

    /// The owner of a slot is about to block by announcement. False if it has said so already.
    pub(crate) fn announce(&self, watch: &Watch) -> bool {
        let before = watch.announce();
        let is_new = before != Some(Absence::InPlace);
        if is_new {
            self.missing(Absence::InPlace);
        }
        if before == Some(Absence::Stalled) {
            self.returned(Absence::Stalled);
        }
        is_new
    }

    /// How many slots do not serve.
    pub(crate) fn count_missing(&self, absence: Absence) -> usize {
        self.account_of(absence).counts().missing()
    }

    /// How many threads serve instead.
    pub(crate) fn count_serving(&self, absence: Absence) -> usize {
        self.account_of(absence).counts().serving()
    }

    /// How many more threads are needed than serve.
    pub(crate) fn count_wanted(&self, absence: Absence) -> usize {
        let counts = self.account_of(absence).counts();
        counts.missing().saturating_sub(counts.serving())
    }

    /// Whether another stall would get its spare.
    pub(crate) fn has_spare(&self) -> bool {
        self.stalls.counts().missing() < self.limit
    }

    /// Times that a spare was wanted and not to be had.
    pub(crate) fn count_refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether more threads of this slot's kind serve than are needed.
    #[inline]
    pub(crate) fn has_surplus(&self, slot: usize) -> bool {
        self.account_at(slot).counts().has_surplus()
    }

    /// Whether the slot's holder is surplus. If so it is counted off and must retire.
    #[must_use]
    pub(crate) fn dismiss(&self, slot: usize) -> bool {
        let lower = |counts: Counts| counts.has_surplus().then(|| counts.0 - ONE_SERVING);
        self.account_at(slot).change(lower).is_ok()
    }

    /// Calls a spare if fewer serve than slots are stalled. `unpark` is given the slot of a spare
    /// that rested.
    pub(crate) fn call(&self, unpark: impl FnOnce(usize)) -> Call {
        let limit = self.limit;
        let raise = |counts: Counts| {
            let wanted = counts.missing().min(limit);
            (counts.serving() < wanted).then(|| counts.0 + ONE_SERVING)
        };
        if let Err(counts) = self.stalls.change(raise) {
            if counts.missing() <= limit || limit == 0 {
                return Call::NotNeeded;
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Call::Limit;
        }
        let slots = self.workers..self.workers + self.limit;
        if let Some(slot) = slots.clone().find(|&slot| self.change(slot, RESTING, TAKEN)) {
            self.sleep.awake().insert(slot);
            unpark(slot); // wake: resting spare
            return Call::Back;
        }
        match slots.into_iter().find(|&slot| self.change(slot, VACANT, TAKEN)) {
            Some(slot) => {
                self.sleep.awake().insert(slot);
                Call::Start(slot)
            }
            None => {
                self.not_to_be_had();
                Call::NotYet
            }
        }
    }

    fn not_to_be_had(&self) {
        self.stalls.sub(ONE_SERVING);
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a stand-in is needed. If so it is counted as coming. The caller must give the
    /// blocking pool a job that calls [`arrive`](Spares::arrive), or
    /// [`not_coming`](Spares::not_coming) if it is dropped unrun.
    #[must_use]
    pub(crate) fn ask_for_stand_in(&self) -> bool {
        let raise = |counts: Counts| {
            let wanted = counts.coming() + counts.serving() < counts.missing();
            wanted.then(|| counts.0 + ONE_COMING)
        };
        self.in_place.change(raise).is_ok()
    }

    /// A stand-in's thread has come. Returns its slot, or `None` if it is no longer needed.
    #[must_use]
    pub(crate) fn arrive(&self) -> Option<usize> {
        let serve = |counts: Counts| {
            let wanted = counts.serving() < counts.missing();
            wanted.then(|| counts.0 - ONE_COMING + ONE_SERVING)
        };
        if self.in_place.change(serve).is_err() {
            self.not_coming();
            return None;
        }
        let mut slots = self.workers + self.limit..self.places.len();
        let slot = slots.find(|&slot| self.change(slot, VACANT, TAKEN));
        match slot {
            Some(slot) => self.sleep.awake().insert(slot),
            None => self.in_place.sub(ONE_SERVING),
        }
        slot
    }

    /// The blocking pool has no thread for a stand-in.
    pub(crate) fn not_coming(&self) {
        self.in_place.sub(ONE_COMING);
    }

    // ---- places ----

    /// Whether a thread holds the slot.
    pub(crate) fn is_taken(&self, slot: usize) -> bool {
        self.places[slot].load(Ordering::Relaxed) == TAKEN
    }

    /// Takes a worker's slot for a thread that is about to be started.
    pub(crate) fn take_worker(&self, slot: usize) {
        debug_assert!(!self.is_extra(slot));
        let taken = self.change(slot, VACANT, TAKEN);
        debug_assert!(taken);
        self.sleep.awake().insert(slot);
    }

    /// Gives up a slot whose thread could not be started.
    pub(crate) fn never_came(&self, slot: usize) {
        self.vacate(slot);
        if self.is_stand_in(slot) {
            self.in_place.sub(ONE_SERVING);
        } else if self.is_extra(slot) {
            self.not_to_be_had();
        }
    }

    /// Rests a dismissed spare's thread. Returns true if it was called again, false if it has
    /// waited long enough and must leave. `wait` waits for the token and returns whether to go on.
    #[must_use]
    pub(crate) fn rest(
        &self,
        slot: usize,
        is_closed: impl Fn() -> bool,
        mut wait: impl FnMut() -> bool,
    ) -> bool {
        // The slot is empty. It is removed before its place can be taken, since the taker puts it
        // in again.
        self.sleep.awake().remove(slot);
        self.places[slot].store(RESTING, REST);
        loop {
            if is_closed() {
                // The thread now cancels tasks, and their destructors are watched.
                self.sleep.awake().insert(slot);
                return true;
            }
            if self.is_taken(slot) {
                return true;
            }
            if !wait() {
                // If it was called in the last moment it stays.
                return !self.change(slot, RESTING, LEAVING);
            }
        }
    }

    /// Marks the place of a thread that has gone as vacant.
    pub(crate) fn vacate(&self, slot: usize) {
        self.sleep.awake().remove(slot);
        self.places[slot].store(VACANT, LEAVE);
    }

    fn change(&self, slot: usize, from: u8, to: u8) -> bool {
        self.places[slot].compare_exchange(from, to, TAKE, Ordering::Relaxed).is_ok()
    }

    // ---- the monitor's duties ----

    /// Withdraws a worker from the sleepers, and calls the monitor.
    #[inline]
    pub(crate) fn withdraw(&self, slot: usize, monitor: &MonitorPark) -> Withdrawn {
        let withdrawn = self.sleep.withdraw(slot);
        monitor.busy(); // wake: a worker is up
        withdrawn
    }

    /// Whether all threads seem to sleep. A hint.
    pub(crate) fn all_asleep(&self) -> bool {
        self.sleep.sleeping() >= self.working()
    }

    fn working(&self) -> usize {
        (0..self.places.len()).filter(|&slot| self.is_taken(slot)).count()
    }

    /// Whether the monitor has no duty. Valid only behind the fence of `monitor_park.rs`.
    pub(crate) fn is_quiet(&self, has_holder: impl FnOnce() -> bool) -> bool {
        let is_even = |account: &Account| {
            let counts = account.counts();
            counts.missing() == 0 && counts.serving() == 0
        };
        // Read first: a thread that sees sleepers in the list sees what they did before.
        self.sleep.listed() >= self.working()
            && is_even(&self.stalls)
            && is_even(&self.in_place)
            && has_holder()
    }

    /// Somebody sleeps: one too many is sent home, and if nobody has the poll, one is to take it.
    pub(crate) fn look_after_sleepers(
        &self,
        has_holder: impl FnOnce() -> bool,
        unpark: impl Fn(usize),
    ) {
        self.send_home(&unpark);
        if !has_holder() {
            self.give_poll_back(&unpark);
        }
    }

    /// One that sleeps while the slot it stood in for has recovered does not notice by itself.
    fn send_home(&self, unpark: impl FnOnce(usize)) {
        if self.stalls.counts().has_surplus() || self.in_place.counts().has_surplus() {
            if let Some(slot) = self.sleep.any_sleeper(|slot| !self.is_too_many(slot)) {
                unpark(slot); // wake: surplus spare
            }
        }
    }

    fn is_too_many(&self, slot: usize) -> bool {
        self.is_extra(slot) && self.has_surplus(slot)
    }

    /// Nobody has the poll: somebody who sleeps beside it is to take it. Not one that is sent home.
    fn give_poll_back(&self, unpark: impl FnOnce(usize)) {
        if let Some(slot) = self.sleep.any_sleeper(|slot| self.is_too_many(slot)) {
            unpark(slot); // wake: take the poll
        }
    }
}
