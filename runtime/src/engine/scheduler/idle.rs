//! What a worker without work does, step by step: search, announce, sleep, withdraw.
//!
//! `sleep.rs` has the protocol and its proof. The order of the steps on the worker's side stands
//! here, apart from where a worker searches and where it sleeps: [`Sleeper`] is implemented by
//! `Worker`, and by the workers of the models, which search a counter and sleep on a bare parker.

use super::sleep::{Sleep, Withdrawn};
use crate::engine::activity::Activity;
use crate::engine::wake_list::WakeList;

/// What came of having nothing to do.
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
        // On behalf of the woken worker, while the caller is counted itself.
        if let Some(activity) = activity {
            activity.begin();
        }
        unpark(slot); // wake: sleeper
    }
}

/// A worker, as far as its sleep goes.
pub(crate) trait Sleeper {
    type Task;

    fn slot(&self) -> usize;

    fn protocol(&self) -> &Sleep;

    /// Where what goes on is counted, if anybody wants to know.
    fn activity(&self) -> Option<&Activity>;

    fn is_closed(&self) -> bool;

    /// Whether anything waits that any worker could take.
    fn has_work(&self) -> bool;

    /// [`work_published`], with what the workers share.
    fn work_published(&self);

    /// One look at everything that others could take.
    fn search(&self) -> Option<Self::Task>;

    /// Something else to be done than to sleep. What may block, or make tasks runnable, has its
    /// place here: before the announcement.
    fn before_sleep(&self) -> Option<Idle<Self::Task>>;

    /// Sleeps until it is unparked, or something is ready to be woken. May return early.
    fn sleep(&self) -> WakeList;

    /// [`Sleep::withdraw`], and tells whoever else has to know.
    fn withdraw(&self) -> Withdrawn;

    /// Has slept, and does not count as searching any more. What is `ready` is woken here.
    fn after_sleep(
        &self,
        ready: WakeList,
        withdrawn: Withdrawn,
        idle: Idle<Self::Task>,
    ) -> Idle<Self::Task>;

    /// A worker that has found nothing of its own.
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
        let must_look = self.protocol().announce(self.slot());
        if self.is_closed() || (must_look && self.has_work()) {
            let withdrawn = self.come_back();
            return self.after_withdrawal(withdrawn);
        }
        let ready = self.sleep();
        let withdrawn = self.come_back();
        let idle = if ready.is_empty() {
            self.after_withdrawal(withdrawn)
        } else {
            // It has work already: whoever woke it for other work needs somebody else.
            let last = withdrawn == Withdrawn::Woken && self.protocol().end_search();
            if last && self.has_work() {
                self.work_published(); // wake: for one that has work already
            }
            Idle::LookAgain
        };
        self.after_sleep(ready, withdrawn, idle)
    }

    /// Does not sleep any more. It is counted as active before that.
    fn come_back(&self) -> Withdrawn {
        let withdrawn = self.withdraw();
        if withdrawn == Withdrawn::Woken {
            if let Some(activity) = self.activity() {
                // Whoever woke it has counted it, too.
                activity.end();
            }
        }
        withdrawn
    }

    /// Whoever was woken counts as searching already, and must stop that before anything else.
    fn after_withdrawal(&self, withdrawn: Withdrawn) -> Idle<Self::Task> {
        match withdrawn {
            Withdrawn::Alone => Idle::LookAgain,
            Withdrawn::Woken => self.search_and_stop().map_or(Idle::LookAgain, Idle::Run),
        }
    }

    /// Searches, then takes itself off the count of searchers; as the last one it sees to it that
    /// what is left finds somebody.
    fn search_and_stop(&self) -> Option<Self::Task> {
        let found = self.search();
        let last = self.protocol().end_search();
        if last && found.is_some() && self.has_work() {
            self.work_published(); // wake: next searcher
        }
        found
    }
}
