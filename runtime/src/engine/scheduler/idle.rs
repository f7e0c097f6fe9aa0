//! What a worker without work does, step by step: search, announce, sleep, withdraw.
//!
//! `sleep.rs` has the protocol and its proof. The order of the steps on the worker's side stands
//! here, apart from where a worker searches and where it sleeps: [`Sleeper`] is implemented by
//! `Worker`, and by the workers of the models, which search a counter and sleep on a bare parker.

use super::sleep::{Place, Sleep, Withdrawn};
use crate::engine::activity::Activity;
use crate::engine::wake_list::WakeList;

/// How an idle worker goes on.
pub(crate) enum Idle<T> {
    Run(T),
    LookAgain,
    Leave,
}

/// Work has been published: wakes a sleeper for it, if one is needed.
#[inline]
pub(crate) fn work_published(
    sleep: &Sleep,
    activity: Option<&Activity>,
    unpark: impl FnOnce(usize),
) {
    if let Some(slot) = sleep.published() {
        // Counts the woken worker in its place, while the caller itself is still counted.
        if let Some(activity) = activity {
            activity.begin();
        }
        unpark(slot); // wake: sleeper
    }
}

/// What this file needs to know of a worker.
pub(crate) trait Sleeper {
    type Task;

    fn slot(&self) -> usize;

    fn protocol(&self) -> &Sleep;

    /// Where to list this worker among the sleepers.
    fn place(&self) -> Place;

    /// The count of what goes on, if somebody reads it.
    fn activity(&self) -> Option<&Activity>;

    fn is_closed(&self) -> bool;

    /// Whether there is work that any worker could take.
    fn has_work(&self) -> bool;

    /// Calls [`work_published`] with the state that the workers share.
    fn work_published(&self);

    /// Looks once at all work that any worker could take.
    fn search(&self) -> Option<Self::Task>;

    /// Does what may block or make tasks runnable, which must precede the announcement. Returns how
    /// to go on if the worker is not to sleep.
    fn before_sleep(&self) -> Option<Idle<Self::Task>>;

    /// Sleeps until the worker is unparked or wakers are ready. May return early.
    fn sleep(&self) -> WakeList;

    /// Calls [`Sleep::withdraw`], and tells others that must know.
    fn withdraw(&self) -> Withdrawn;

    /// Runs after a sleep, when the worker no longer counts as searching. Wakes what is `ready`.
    fn after_sleep(
        &self,
        ready: WakeList,
        withdrawn: Withdrawn,
        idle: Idle<Self::Task>,
    ) -> Idle<Self::Task>;

    /// Searches and sleeps. Called by a worker that has no work of its own.
    fn idle(&self) -> Idle<Self::Task> {
        if self.protocol().begin_search() {
            if let Some(task) = self.search_and_stop() {
                return Idle::Run(task);
            }
        }
        match self.before_sleep() {
            Some(instead) => instead,
            None => self.sleep_unless_needed(),
        }
    }

    /// Announces itself and sleeps, unless there is work.
    fn sleep_unless_needed(&self) -> Idle<Self::Task> {
        let must_look = self.protocol().announce(self.slot(), self.place());
        if self.is_closed() || (must_look && self.has_work()) {
            let withdrawn = self.come_back();
            return self.after_withdrawal(withdrawn);
        }
        let ready = self.sleep();
        let withdrawn = self.come_back();
        let idle = if ready.is_empty() {
            self.after_withdrawal(withdrawn)
        } else {
            // The worker has work already. A wake meant for other work must reach another worker.
            let last = withdrawn == Withdrawn::Woken && self.protocol().end_search();
            if last && self.has_work() {
                self.work_published(); // wake: for one that has work already
            }
            Idle::LookAgain
        };
        self.after_sleep(ready, withdrawn, idle)
    }

    /// Takes the announcement back. The worker counts as active before that.
    fn come_back(&self) -> Withdrawn {
        let withdrawn = self.withdraw();
        if withdrawn == Withdrawn::Woken {
            if let Some(activity) = self.activity() {
                // The waking thread has counted this worker, too.
                activity.end();
            }
        }
        withdrawn
    }

    /// A woken worker counts as searching already, and must stop that before anything else.
    fn after_withdrawal(&self, withdrawn: Withdrawn) -> Idle<Self::Task> {
        match withdrawn {
            Withdrawn::Alone => Idle::LookAgain,
            Withdrawn::Woken => self.search_and_stop().map_or(Idle::LookAgain, Idle::Run),
        }
    }

    /// Searches, then takes the worker off the count of searchers. If it was the last one and has
    /// found a task, it wakes another worker for what is left.
    fn search_and_stop(&self) -> Option<Self::Task> {
        let found = self.search();
        let last = self.protocol().end_search();
        if last && found.is_some() && self.has_work() {
            self.work_published(); // wake: next searcher
        }
        found
    }
}
