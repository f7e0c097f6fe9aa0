//! What a thread is for a runtime, and which tasks stay on it: facts that name no runtime's parts.
//! `context.rs` has those that do.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::id::RuntimeId;
use crate::engine::scheduler::LocalTasks;

thread_local! {
    /// The runtime whose activities this thread is one of.
    static COUNTED_FOR: Cell<Option<RuntimeId>> = const { Cell::new(None) };
    /// The runtime that waits for this thread when it ends.
    static SERVES: Cell<Option<(RuntimeId, Service)>> = const { Cell::new(None) };
    /// The tasks of the local set that this thread is inside of.
    static CURRENT: RefCell<Option<LocalTasks>> = const { RefCell::new(None) };
}

/// Takes back what [`count_thread`] said when dropped.
#[derive(Debug)]
pub(super) struct CountedThread {
    before: Option<RuntimeId>,
}

/// This thread counts as one that is active in the runtime, as a worker or with a blocking job,
/// until the guard is dropped: a `block_on` in there is not counted once more.
pub(super) fn count_thread(runtime: RuntimeId) -> CountedThread {
    CountedThread { before: COUNTED_FOR.replace(Some(runtime)) }
}

/// Calls `f` on a thread that is not active just now: a `block_on` in there is counted.
pub(super) fn while_inactive(f: &dyn Fn()) {
    let _before = CountedThread { before: COUNTED_FOR.take() };
    f();
}

impl Drop for CountedThread {
    fn drop(&mut self) {
        let _ = COUNTED_FOR.try_with(|counted| counted.set(self.before));
    }
}

/// Whether this thread counts as active in the runtime.
pub(super) fn is_counted_for(runtime: RuntimeId) -> bool {
    COUNTED_FOR.get() == Some(runtime)
}

/// What a thread does for its runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// A worker or a spare.
    Worker,
    /// It has tasks pinned to it.
    Pinned,
}

/// Takes back what [`serve`] said when dropped.
#[derive(Debug)]
pub(super) struct Serves(());

/// The end of the runtime waits for this thread until the guard is dropped.
pub(super) fn serve(runtime: RuntimeId, service: Service) -> Serves {
    SERVES.set(Some((runtime, service)));
    Serves(())
}

/// What this thread does for the runtime, if its end waits for this thread.
pub(super) fn service(runtime: RuntimeId) -> Option<Service> {
    SERVES.get().filter(|&(served, _)| served == runtime).map(|(_, service)| service)
}

impl Drop for Serves {
    fn drop(&mut self) {
        SERVES.set(None);
    }
}

/// Makes a set current on this thread. Made by [`LocalSet::enter`](crate::task::LocalSet::enter).
///
/// # Examples
///
/// See [`LocalSet::enter`](crate::task::LocalSet::enter).
pub struct LocalEnterGuard {
    before: Option<LocalTasks>,
}

/// Makes these the tasks of [`spawn_local`](crate::task::spawn_local) on this thread.
#[inline]
pub(crate) fn enter_local(tasks: LocalTasks) -> LocalEnterGuard {
    let before = CURRENT.with_borrow_mut(|current| current.replace(tasks));
    LocalEnterGuard { before }
}

impl Drop for LocalEnterGuard {
    fn drop(&mut self) {
        let before = self.before.take();
        let ours = CURRENT.try_with(|current| current.replace(before));
        drop(ours);
    }
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish_non_exhaustive()
    }
}

/// The tasks of [`spawn_local`](crate::task::spawn_local) on this thread.
#[inline]
pub(crate) fn local_tasks() -> Option<LocalTasks> {
    CURRENT.with_borrow(|current| current.as_ref().map(LocalTasks::share))
}

/// Whether this thread is inside a local set.
#[inline]
pub(crate) fn is_in_local_set() -> bool {
    CURRENT.try_with(|current| current.borrow().is_some()).unwrap_or(false)
}

/// False when the thread's locals have been destroyed.
#[inline]
pub(crate) fn can_enter_local() -> bool {
    CURRENT.try_with(|_| ()).is_ok()
}
