//! Who sits on which seat, how many spares are wanted, and what the guardian owes to those who sleep.
//!
//! # Problem
//!
//! A seat whose thread is stalled, or has announced that it blocks, does not serve; a spare does, as long as
//! that lasts. Stalls begin and end on their own, spares come, sleep, stall, retire and are called
//! back, all at the same time. No stalled seat may be left without its spare while work waits, no spare may
//! be left over, and no two threads may sit on one seat. Beside that somebody must have the poll
//! whenever all sleep, and nobody is told when its holder leaves it: that would be a futex call for each
//! request. Both are the guardian's business, and the guardian itself sleeps for good when all is well.
//!
//! # The counts
//!
//! ```text
//!   63            32 31             0
//!  ┌────────────────┬────────────────┐
//!  │    stalled     │     spares     │
//!  └────────────────┴────────────────┘
//! ```
//!
//! 1. `stalled` counts the seats whose thread does not serve: one for each verdict that has not been taken
//!    back (`task/watch.rs`, invariant 2).
//! 2. `spares` counts the spares that serve or are on their way. It is raised by [`Crew::call`], against
//!    `stalled` and the limit, before a seat is taken. It is lowered once for each time: by the spare
//!    that retires ([`Crew::dismiss`]), which does so only while there are more spares than stalled seats,
//!    or by whoever finds that no thread came.
//! 3. Both decisions look at both counts in the one step that changes them. In two words a spare could
//!    retire on a count of stalled seats from before a stall that did not call because of this very spare.
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
//! 4. Only `call` makes a spare's place TAKEN, by compare-exchange: one caller gets it. Only its thread takes it
//!    to RESTING and VACANT, and to LEAVING by compare-exchange against `call`: a thread that is called
//!    in its last moment finds its place TAKEN and stays.
//! 5. There is a token for each call of a thread that rests, given after its place is TAKEN: the thread
//!    looks at its place after each wait.
//! 6. A spare that was dismissed has its place until it rests, and one that leaves until it has gone. A call in that
//!    moment may find no place though the count allows one ([`Call::NotYet`]). Nobody waits for it: the
//!    guardian calls again at its next look, and it looks as long as a seat is stalled.
//! 7. `open` is one more than the last place that has ever been taken: whoever looks for work looks at the places
//!    before it, mostly those of the workers alone. It is raised before the thread is started that will push
//!    there, so the fences of `sleep.rs` that show the push to whoever must see it show this, too.
//!
//! # What the guardian owes
//!
//! | state                                              | what it does at a look                         |
//! |----------------------------------------------------|------------------------------------------------|
//! | a seat is stalled, nobody sleeps, something waits  | calls a spare                                  |
//! | a spare too many sleeps                            | unparks it ([`Crew::send_home`]); it retires   |
//! | nobody has the poll, somebody sleeps               | unparks one to take it ([`Crew::give_poll_back`]) |
//! | a verdict that came too late stands                | takes it back                                  |
//!
//! It may park for good when it owes nothing ([`Crew::is_quiet`]): everybody sleeps, one of them in the poll,
//! no seat counts as stalled, no spare serves.
//!
//! # Proof that nothing is owed while it sleeps
//!
//! The guardian says that it parks, fences (this fence is G), and looks at all of that: nothing that it knows from
//! before counts. A worker that withdraws from the sleepers fences after it, and unparks the guardian if
//! that has said that it parks ([`Crew::withdraw`], `nap.rs`). So a withdrawal whose fence comes after G wakes
//! the guardian, and one before G is seen by it, with all that came before. Let the guardian find itself quiet.
//!
//! - *Everybody who works is on the list.* Who is listed is seen to have a place, since that was taken before
//!   it came. As many are listed as places are seen to be taken, so all of these are listed. What they did
//!   before is seen: the list is read under its lock.
//! - *The counts are 0, not only as read.* Suppose that they were changed after the value that is read, and take
//!   the first change. Nobody retires, for there are no spares, so a seat stalled. By the guardian: it would
//!   know. By a thread in its own poll: it is a worker's, as there are no spares; a worker keeps its place
//!   and so is listed; the guardian has seen what it did, and read an older value. It cannot have.
//!   So no spare serves, none is on its way, and no seat is stalled, until somebody who sleeps withdraws.
//! - *Somebody has the poll.* Whoever is seen to hold it has announced itself before, and withdraws after it has left.
//!   If the fence of that is before G, it is seen to have left; if after G, it wakes the guardian.
//!
//! A worker that withdraws without having slept is no exception: the guardian may have seen it among the sleepers.
//!
//! # Orderings
//!
//! The counts are Relaxed: they are one word, and publish nothing else. What a thread did on a seat passes to
//! the next one with its place ([`LEAVE`], [`TAKE`]); to a thread that rests, with the token. What the
//! guardian must not miss is ordered by the fences of `nap.rs` and by the lock of the sleepers.
//!
//! # Rejected
//!
//! - Two counts, one of stalled seats, one of spares: see 3. The guardian repaired it at its next look.
//! - Telling the guardian each time that the poll is left, or a stall ends: it looks every 2 ms anyway.

use super::nap::Nap;
use super::sleep::{Sleep, Withdrawn};
use crate::engine::primitive::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

/// No thread.
const VACANT: u8 = 0;
/// A thread works here, or is on its way.
const TAKEN: u8 = 1;
/// A retired spare's thread waits here to be used again.
const RESTING: u8 = 2;
/// That thread has given up waiting and is about to leave.
const LEAVING: u8 = 3;

/// Publishes what the thread did on its seat. Pairs with [`TAKE`].
const LEAVE: Ordering = Ordering::Release;
/// The seat is as the last thread left it. Pairs with [`LEAVE`].
const TAKE: Ordering = Ordering::Acquire;

const ONE_SPARE: u64 = 1;
const ONE_STALLED: u64 = 1 << 32;

/// Who sits where, and who sleeps.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) sleep: Sleep,
    counts: AtomicU64,
    /// First the workers', then the spares'.
    places: Box<[AtomicU8]>,
    workers: usize,
    /// See 7.
    open: AtomicUsize,
    /// Times that a spare was wanted and not to be had. For metrics.
    refused: AtomicU64,
}

/// What came of calling a spare.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a seat that was taken needs a thread"]
pub(crate) enum Call {
    /// As many spares serve as seats are stalled.
    NotNeeded,
    /// A spare that rested has been called back.
    Back,
    /// This seat has been taken: its thread must be started, or [`Crew::never_came`] be called.
    Start(usize),
    /// More are wanted than there may be.
    Limit,
    /// The place that is free is just being left.
    NotYet,
}

fn spares(counts: u64) -> usize {
    (counts & (ONE_STALLED - 1)) as usize
}

fn stalled(counts: u64) -> usize {
    (counts / ONE_STALLED) as usize
}

impl Crew {
    pub(crate) fn new(workers: usize, spares: usize) -> Crew {
        Crew {
            sleep: Sleep::new(workers),
            counts: AtomicU64::new(0),
            places: (0..workers + spares).map(|_| AtomicU8::new(VACANT)).collect(),
            workers,
            open: AtomicUsize::new(workers),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn is_spare(&self, seat: usize) -> bool {
        seat >= self.workers
    }

    /// Only on the seats before this one there may be work.
    #[inline]
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many spares there may be.
    pub(crate) fn limit(&self) -> usize {
        self.places.len() - self.workers
    }

    // ---- the counts ----

    /// A seat does not serve any more.
    pub(crate) fn stalled(&self) {
        self.counts.fetch_add(ONE_STALLED, Ordering::Relaxed);
    }

    /// A seat serves again.
    pub(crate) fn recovered(&self) {
        self.counts.fetch_sub(ONE_STALLED, Ordering::Relaxed);
    }

    /// How many seats do not serve.
    pub(crate) fn count_stalled(&self) -> usize {
        stalled(self.counts.load(Ordering::Relaxed))
    }

    /// How many spares serve.
    pub(crate) fn count_spares(&self) -> usize {
        spares(self.counts.load(Ordering::Relaxed))
    }

    /// Times that a spare was wanted and not to be had.
    pub(crate) fn count_refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Whether there is a spare too many.
    #[inline]
    pub(crate) fn has_surplus(&self) -> bool {
        let counts = self.counts.load(Ordering::Relaxed);
        spares(counts) > stalled(counts)
    }

    /// Whether the calling spare is one too many; if so it is counted off and must retire.
    #[must_use]
    pub(crate) fn dismiss(&self) -> bool {
        self.change_counts(|counts| (spares(counts) > stalled(counts)).then(|| counts - ONE_SPARE))
            .is_ok()
    }

    /// Puts a spare to work if fewer serve than seats are stalled. `unpark` is given the seat of
    /// one that rested.
    pub(crate) fn call(&self, unpark: impl FnOnce(usize)) -> Call {
        let limit = self.limit();
        let raise =
            |counts| (spares(counts) < stalled(counts).min(limit)).then_some(counts + ONE_SPARE);
        if let Err(counts) = self.change_counts(raise) {
            if stalled(counts) <= limit {
                return Call::NotNeeded;
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Call::Limit;
        }
        let seats = self.workers..self.places.len();
        if let Some(seat) = seats.clone().find(|&seat| self.change(seat, RESTING, TAKEN)) {
            unpark(seat); // wake: resting spare
            return Call::Back;
        }
        match seats.into_iter().find(|&seat| self.change(seat, VACANT, TAKEN)) {
            Some(seat) => {
                self.open.fetch_max(seat + 1, Ordering::Relaxed);
                Call::Start(seat)
            }
            None => {
                self.not_to_be_had();
                Call::NotYet
            }
        }
    }

    fn not_to_be_had(&self) {
        self.counts.fetch_sub(ONE_SPARE, Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn change_counts(&self, change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.counts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change)
    }

    // ---- places ----

    /// Whether somebody works there.
    pub(crate) fn is_taken(&self, seat: usize) -> bool {
        self.places[seat].load(Ordering::Relaxed) == TAKEN
    }

    /// Takes a worker's seat for a thread to be started.
    pub(crate) fn take_worker(&self, seat: usize) {
        debug_assert!(!self.is_spare(seat));
        let taken = self.change(seat, VACANT, TAKEN);
        debug_assert!(taken);
    }

    /// The thread that the seat was taken for has not come.
    pub(crate) fn never_came(&self, seat: usize) {
        self.vacate(seat);
        if self.is_spare(seat) {
            self.not_to_be_had();
        }
    }

    /// A dismissed spare's thread retires until it is called again (true) or has waited long enough: then it
    /// must leave. `wait` waits for its token and says whether to go on waiting.
    #[must_use]
    pub(crate) fn rest(
        &self,
        seat: usize,
        is_closed: impl Fn() -> bool,
        mut wait: impl FnMut() -> bool,
    ) -> bool {
        self.places[seat].store(RESTING, Ordering::Relaxed);
        loop {
            if is_closed() || self.is_taken(seat) {
                return true;
            }
            if !wait() {
                // Called in the last moment, it stays.
                return !self.change(seat, RESTING, LEAVING);
            }
        }
    }

    /// The thread has gone.
    pub(crate) fn vacate(&self, seat: usize) {
        self.places[seat].store(VACANT, LEAVE);
    }

    fn change(&self, seat: usize, from: u8, to: u8) -> bool {
        self.places[seat].compare_exchange(from, to, TAKE, Ordering::Relaxed).is_ok()
    }

    // ---- the guardian's duties ----

    /// A worker does not sleep, or not any more.
    #[inline]
    pub(crate) fn withdraw(&self, seat: usize, guardian: &Nap) -> Withdrawn {
        let withdrawn = self.sleep.withdraw(seat);
        guardian.busy(); // wake: a worker is up
        withdrawn
    }

    /// Whether everybody sleeps, as it seems.
    pub(crate) fn all_asleep(&self) -> bool {
        self.sleep.sleeping() >= self.working()
    }

    fn working(&self) -> usize {
        (0..self.places.len()).filter(|&seat| self.is_taken(seat)).count()
    }

    /// Whether the guardian owes nothing. It counts only behind the fence of `nap.rs`.
    pub(crate) fn is_quiet(&self, has_holder: impl FnOnce() -> bool) -> bool {
        // First: what the sleepers did is seen by whoever sees them in the list.
        self.sleep.listed() >= self.working()
            && self.counts.load(Ordering::Relaxed) == 0
            && has_holder()
    }

    /// A spare that sleeps while the seat it stood in for has recovered does not notice by itself.
    pub(crate) fn send_home(&self, unpark: impl FnOnce(usize)) {
        if self.has_surplus() {
            if let Some(seat) = self.sleep.any_sleeper(|seat| !self.is_spare(seat)) {
                unpark(seat); // wake: surplus spare
            }
        }
    }

    /// Nobody has the poll: somebody who sleeps beside it is to take it. Not one that is sent home.
    pub(crate) fn give_poll_back(&self, unpark: impl FnOnce(usize)) {
        let except = |seat| self.is_spare(seat) && self.has_surplus();
        if let Some(seat) = self.sleep.any_sleeper(except) {
            unpark(seat); // wake: take the poll
        }
    }
}
