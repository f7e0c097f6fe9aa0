//! What a scheduler needs from I/O and timers.

use std::time::Duration;

use crate::engine::primitive::{Parker, Unparked};
use crate::engine::wake_list::WakeList;

/// I/O and timers, as a scheduler sees them. Wakers are collected, never called in here.
pub(crate) trait Park: Send + Sync + 'static {
    /// Looks without waiting at the timers of `slot` and, if nobody else has the poll, at I/O.
    fn look(&self, slot: usize, ready: &mut WakeList);

    /// Sleeps until there is something to wake, or `parker` is given its token. Sleeps in the poll
    /// if nobody else has it, else on the parker. May return early. A worker that is counted as
    /// active is so before and after, and in between while it does not sleep.
    ///
    /// False if the token was there already: then it has only been taken, and nothing was looked
    /// at.
    fn sleep(&self, slot: usize, parker: &Parker, ready: &mut WakeList) -> bool;

    /// Sleeps in the poll until something of the outside has happened: an event, a token for
    /// `parker`, or the end of the last job of the blocking pool. With `jobs_only` it does not
    /// sleep if there is no such job. Timers count for nothing, and paused time stands still. May
    /// return early.
    fn wait_for_others(&self, parker: &Parker, jobs_only: bool, ready: &mut WakeList);

    /// Waits in the poll for at most `limit`, for whoever should have had it, and looks at all
    /// timers. Returns false, without waiting, if somebody else has the poll.
    fn stand_in(&self, limit: Duration, ready: &mut WakeList) -> bool;

    /// Looks at timers that have been due for longer than `by`: whoever should have looked at them
    /// does not.
    fn advance_overdue(&self, by: Duration, ready: &mut WakeList);

    /// Whether somebody has the poll at this moment.
    fn has_holder(&self) -> bool;

    /// How often somebody has looked at the poll so far.
    fn looks(&self) -> u64;

    /// Wakes whoever sleeps in the poll.
    fn wake(&self);

    /// How long until the next timer is due, as far as known; zero if one is due already.
    fn next_timer(&self) -> Option<Duration>;
}

/// Gives a thread its token. If it sleeps in the poll, it is woken there.
#[inline]
pub(crate) fn unpark(parker: &Parker, driver: &dyn Park) {
    if parker.unpark() == Unparked::Elsewhere {
        driver.wake(); // wake: who sleeps in the poll
    }
}
