//! What the current thread knows of its runtime. (A stub: it knows of timers only.)

use std::cell::RefCell;
use std::sync::Arc;

use crate::engine::clock::Clock;
use crate::engine::driver::Driver;
use crate::engine::text;
use crate::engine::timer::Shard;

thread_local! {
    static CURRENT: RefCell<Option<(Arc<Shard>, bool)>> = const { RefCell::new(None) };
}

/// The shard for timers made on this thread: the worker's own, or that of the threads outside.
#[track_caller]
pub(crate) fn timer_shard() -> Arc<Shard> {
    match CURRENT.with_borrow(|current| current.as_ref().map(|(shard, _)| Arc::clone(shard))) {
        Some(shard) => shard,
        None => panic!("{}", text::NO_RUNTIME),
    }
}

/// Whether this thread is the worker whose seat owns the shard.
#[inline]
pub(crate) fn on_owner_of(shard: &Arc<Shard>) -> bool {
    CURRENT.with_borrow(|current| {
        current.as_ref().is_some_and(|(own, worker)| *worker && Arc::ptr_eq(own, shard))
    })
}

/// The shard of the worker that this thread is; `None` on every other thread.
#[inline]
pub(crate) fn worker_timer_shard() -> Option<Arc<Shard>> {
    CURRENT.with_borrow(|current| {
        current.as_ref().filter(|(_, worker)| *worker).map(|(own, _)| Arc::clone(own))
    })
}

/// The clock of the current runtime.
pub(crate) fn clock() -> Option<Arc<Clock>> {
    CURRENT.with_borrow(|current| current.as_ref().map(|(shard, _)| Arc::clone(shard.clock())))
}

/// Enters a runtime that consists of a shard.
#[cfg(test)]
pub(crate) fn enter_stub(shard: Arc<Shard>, worker: bool) {
    CURRENT.set(Some((shard, worker)));
}

thread_local! {
    static DRIVER: RefCell<Option<Arc<Driver>>> = const { RefCell::new(None) };
}

/// The driver of the current runtime. (A stub.)
#[track_caller]
pub(crate) fn io_driver() -> Arc<Driver> {
    match DRIVER.with_borrow(Clone::clone) {
        Some(driver) => driver,
        None => panic!("{}", text::NO_RUNTIME),
    }
}

/// Enters a runtime that consists of a driver.
#[cfg(test)]
pub(crate) fn enter_stub_driver(driver: Option<Arc<Driver>>) {
    DRIVER.set(driver);
}
