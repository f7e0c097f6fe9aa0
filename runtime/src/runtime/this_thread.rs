//! Thread-local facts about a runtime that name none of its parts: what the thread does for it, and
//! the current local set. `context.rs` has those that name a `Handle`.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::id::RuntimeId;
use crate::engine::scheduler::LocalTasks;

thread_local! {
    /// The runtime that counts this thread as active.
    static COUNTED_FOR: Cell<Option<RuntimeId>> = const { Cell::new(None) };
    /// The runtime that waits for this thread when it ends.
    static SERVES: Cell<Option<(RuntimeId, Service)>> = const { Cell::new(None) };
    /// The tasks of the local set that this thread is inside of.
    static CURRENT: RefCell<Option<LocalTasks>> = const { RefCell::new(None) };
}

/// Undoes [`count_thread`] when dropped.
#[derive(Debug)]
pub(super) struct CountedThread {
    before: Option<RuntimeId>,
}

/// Records that the runtime counts this thread as active, as a worker or for a blocking job, until
/// the guard is dropped. A `block_on` inside is not counted again.
pub(super) fn count_thread(runtime: RuntimeId) -> CountedThread {
    CountedThread { before: COUNTED_FOR.replace(Some(runtime)) }
}

/// Calls `f` while this thread is not counted as active. A `block_on` inside is counted.
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
    /// A pinned thread.
    Pinned,
}

/// Undoes [`serve`] when dropped.
#[derive(Debug)]
pub(super) struct Serves(());

/// Records that the end of the runtime waits for this thread, until the guard is dropped.
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
