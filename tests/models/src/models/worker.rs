//! A worker of the models, which takes the steps of `scheduler/idle.rs`.
//!
//! `Worker` itself cannot be here: its queues are crossbeam's, which know nothing of loom, and it
//! reads the clock. So tasks are a bare counter without an ordering of its own (what a worker sees
//! of it, it sees by the protocol), and there are no queues to be looked at before a search.

use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::activity::Activity;
use crate::engine::scheduler::idle::{Idle, Sleeper, work_published};
use crate::engine::scheduler::monitor_park::MonitorPark;
use crate::engine::scheduler::sleep::{Place, Sleep, Withdrawn};
use crate::engine::scheduler::spares::Spares;
use crate::engine::wake_list::WakeList;

/// The tasks that the workers of a model share.
#[derive(Default)]
pub(super) struct Tasks(AtomicUsize);

impl Tasks {
    /// Adds one task, which the caller then publishes.
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    pub(super) fn take(&self) -> bool {
        let take = |tasks: usize| tasks.checked_sub(1);
        self.is_any() && self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

pub(super) struct Worker<'a> {
    pub(super) slot: usize,
    pub(super) protocol: &'a Sleep,
    pub(super) activity: Option<&'a Activity>,
    /// `None` if there are never any.
    pub(super) tasks: Option<&'a Tasks>,
    pub(super) is_closed: &'a dyn Fn() -> bool,
    pub(super) unpark: &'a dyn Fn(usize),
    /// The thread that it tells when it is up.
    pub(super) monitor: Option<(&'a Spares, &'a MonitorPark)>,
    pub(super) sleep: &'a dyn Fn() -> WakeList,
    pub(super) after_sleep: &'a dyn Fn(WakeList),
}

impl Sleeper for Worker<'_> {
    type Task = ();

    fn slot(&self) -> usize {
        self.slot
    }

    fn protocol(&self) -> &Sleep {
        self.protocol
    }

    fn place(&self) -> Place {
        Place::Next
    }

    fn activity(&self) -> Option<&Activity> {
        self.activity
    }

    fn is_closed(&self) -> bool {
        (self.is_closed)()
    }

    fn has_work(&self) -> bool {
        self.tasks.is_some_and(Tasks::is_any)
    }

    fn work_published(&self) {
        work_published(self.protocol, self.activity, self.unpark);
    }

    fn search(&self) -> Option<()> {
        self.tasks.is_some_and(Tasks::take).then_some(())
    }

    fn before_sleep(&self) -> Option<Idle<()>> {
        None
    }

    fn sleep(&self) -> WakeList {
        (self.sleep)()
    }

    fn withdraw(&self) -> Withdrawn {
        match self.monitor {
            Some((spares, park)) => spares.withdraw(self.slot, park),
            None => self.protocol.withdraw(self.slot),
        }
    }

    fn after_sleep(&self, ready: WakeList, _: Withdrawn, idle: Idle<()>) -> Idle<()> {
        (self.after_sleep)(ready);
        idle
    }
}
