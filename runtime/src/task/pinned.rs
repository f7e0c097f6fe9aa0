//! Tasks that are made on the thread where they stay.

use std::future::Future;
use std::panic::Location;

use crate::engine::task::{Identity, JoinHandle};
use crate::runtime::context;

/// Spawns a task that never leaves one thread, so that its future need not be `Send`: `make` is
/// called on that thread, and what it returns is polled and dropped there.
///
/// The runtime keeps a few such threads beside its workers
/// ([`Builder::pinned_threads`](crate::Builder::pinned_threads)), and takes the one with the fewest
/// tasks. Tasks share a thread, and no spare stands in for it: a task that blocks stops the others
/// there, and is reported like any stall. Inside, [`spawn_local`](crate::task::spawn_local) spawns
/// on the same thread. Abort, panics, names, metrics and shutdown work as for any task.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// #[runtime::main]
/// async fn main() {
///     let length = runtime::task::spawn_pinned(|| async {
///         let text = Rc::new("not Send");
///         runtime::task::yield_now().await;
///         text.len()
///     });
///     assert_eq!(length.await.unwrap(), 8);
/// }
/// ```
#[track_caller]
pub fn spawn_pinned<M, F>(make: M) -> JoinHandle<F::Output>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let identity = Identity::at(Location::caller());
    context::expect_current(|handle| handle.spawn_pinned_as(None, make, None, identity))
}

/// As [`spawn_pinned`], on the pinned thread with this index, from 0: for tasks that share a thread
/// and its thread-locals.
///
/// # Panics
///
/// Outside a runtime, and if `idx` is not below
/// [`Builder::pinned_threads`](crate::Builder::pinned_threads).
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
///
/// thread_local!(static VISITS: Cell<u32> = const { Cell::new(0) });
///
/// # #[runtime::main]
/// # async fn main() {
/// for visits in 1..=3 {
///     let visit = || async {
///         VISITS.set(VISITS.get() + 1);
///         VISITS.get()
///     };
///     assert_eq!(runtime::task::spawn_pinned_by_idx(visit, 0).await.unwrap(), visits);
/// }
/// # }
/// ```
#[track_caller]
pub fn spawn_pinned_by_idx<M, F>(make: M, idx: usize) -> JoinHandle<F::Output>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let identity = Identity::at(Location::caller());
    context::expect_current(|handle| handle.spawn_pinned_as(None, make, Some(idx), identity))
}
