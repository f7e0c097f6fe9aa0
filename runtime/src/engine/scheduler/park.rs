//! What a scheduler needs from I/O and timers.

use std::time::Duration;

use crate::engine::primitive::{Parker, Unparked};
use crate::engine::wake_list::WakeList;

/// I/O and timers, as a scheduler sees them. Wakers are collected, never called in here.
pub(crate) trait Park: Send + Sync + 'static {
    /// Looks without waiting at the timers of `slot` and, if no other thread waits in the driver,
    /// at I/O.
    fn look(&self, slot: usize, ready: &mut WakeList);

    /// Looks at I/O again and again without sleeping, if no other thread waits in the driver, until
    /// there is something to wake, `parker` has its token, a timer is due, or `goes_on` returns
    /// false. What it does not find, a [`sleep`](Park::sleep) after it finds. Leaves the token
    /// where it is.
    fn look_again(&self, parker: &Parker, goes_on: &mut dyn FnMut() -> bool, ready: &mut WakeList);

    /// Sleeps until there is something to wake, or `parker` is given its token. Sleeps in the
    /// driver if no other thread waits there, else on the parker. May return early, and does not
    /// sleep for longer than `limit`. A worker that is counted as active is counted before and
    /// after, and not while it sleeps.
    ///
    /// Returns false if the token was there already: it has been taken, and nothing was looked at.
    fn sleep(
        &self,
        slot: usize,
        parker: &Parker,
        limit: Option<Duration>,
        ready: &mut WakeList,
    ) -> bool;

    /// Sleeps in the driver until an event, a token for `parker`, or the end of the last job of the
    /// blocking pool. With `jobs_only` it does not sleep if there is no such job. Ignores timers;
    /// paused time does not move. May return early.
    fn wait_for_others(&self, parker: &Parker, jobs_only: bool, ready: &mut WakeList);

    /// Waits in the driver for at most `limit`, in place of a worker, and looks at all timers.
    /// Returns false, without waiting, if another thread waits in the driver.
    fn stand_in(&self, limit: Duration, ready: &mut WakeList) -> bool;

    /// Looks at timers that have been due for longer than `by`, which their own worker has not
    /// looked at.
    fn advance_overdue(&self, by: Duration, ready: &mut WakeList);

    /// Whether a thread waits in the driver at this moment.
    fn has_holder(&self) -> bool;

    /// How often any thread has looked at the driver so far.
    fn looks(&self) -> u64;

    /// Wakes the thread that sleeps in the driver.
    fn wake(&self);

    /// The time until the next timer is due, as far as known; zero if one is due already.
    fn next_timer(&self) -> Option<Duration>;
}

/// Gives a thread its token. If it sleeps in the poll, it is woken there.
#[inline]
pub(crate) fn unpark(parker: &Parker, driver: &dyn Park) {
    if parker.unpark() == Unparked::Elsewhere {
        driver.wake(); // wake: who sleeps in the poll
    }
}
