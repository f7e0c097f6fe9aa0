//! Spawns tasks and blocking work.

use std::future::Future;
use std::panic::Location;

use crate::engine::coop::{self, Budget};
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::task::{Id, Identity, JoinHandle};
use crate::engine::task_id::current_id;
use crate::engine::{entered, messages, scheduler};
use crate::runtime::{context, this_thread};

/// Spawns a task on the current runtime: it runs by itself, also if the handle is never awaited or
/// is dropped.
///
/// It is not defined whether the task starts to run before this returns. When the runtime shuts
/// down the task is dropped at its `.await`; it is not waited for.
///
/// # Panics
///
/// Outside a runtime; see [`Handle::enter`](crate::Handle::enter).
///
/// # Examples
///
/// ```
/// #[runtime::main]
/// async fn main() {
///     let handles: Vec<_> = (0..10).map(|i| runtime::spawn(async move { i * i })).collect();
///     let mut sum = 0;
///     for handle in handles {
///         sum += handle.await.unwrap();
///     }
///     assert_eq!(sum, 285);
/// }
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (location, size) = (Location::caller(), FullSize::of::<F>());
    large_on_heap!(future: F => spawn_here(future, Identity::at(location).of_size(size)))
}

/// Spawns a future on the current runtime. A large one is already boxed.
#[track_caller]
pub(super) fn spawn_here<F>(future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    context::expect().spawn_boxed(future, identity)
}

/// Runs a closure that may block its thread on the blocking pool, and yields its result.
///
/// The pool grows to [`max_blocking_threads`](crate::Builder::max_blocking_threads) threads;
/// further jobs wait. A job that has started cannot be cancelled: it goes on when the handle is
/// aborted or dropped, and the drop of the runtime waits for it. A job that waits for a thread can
/// be cancelled at once ([`JoinHandle::abort`]). A shutdown cancels jobs that wait because all
/// threads are busy; a job for which a thread is free counts as started.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// let names = runtime::spawn_blocking(|| std::fs::read_dir("/").map(|dir| dir.count())).await??;
/// assert!(names > 0);
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(closure: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (location, size) = (Location::caller(), FullSize::of::<F>());
    large_on_heap!(closure closure: F => spawn_blocking_here(closure, Identity::at(location).of_size(size)))
}

/// Runs a closure on the pool of the current runtime. A large one is already boxed.
#[track_caller]
pub(super) fn spawn_blocking_here<F, R>(closure: F, identity: Identity<'_>) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    context::expect().spawn_blocking_boxed(closure, identity)
}

/// Runs a closure that may block on this thread, while another thread takes over this worker's
/// other tasks: a free worker, or a thread of the blocking pool. So it counts against
/// [`max_blocking_threads`](crate::Builder::max_blocking_threads). At that limit the closure still
/// runs, and this worker's other tasks wait for a thread.
///
/// The rest of the calling task waits for the closure: other branches of its `join!` or `select!`
/// do not go on meanwhile. Inside the closure `Handle::block_on` is allowed, and so is dropping the
/// runtime itself: that waits for all other tasks, and this one is dropped at the end of its poll.
///
/// # Panics
///
/// Where no thread could take over: in a [`LocalSet`](crate::task::LocalSet), and on the
/// `current_thread` flavour, except in [`Handle::block_on`](crate::Handle::block_on).
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// let sum = runtime::task::block_in_place(|| (1..=1000u64).sum::<u64>());
/// assert_eq!(sum, 500_500);
/// # }
/// ```
#[track_caller]
pub fn block_in_place<F, R>(closure: F) -> R
where
    F: FnOnce() -> R,
{
    if !entered::is_inside() {
        return closure();
    }
    let multi_thread = context::with_current(|handle| handle.is_multi_thread()).unwrap_or(false);
    let bound = this_thread::is_in_local_set() || !(multi_thread || entered::is_alone());
    assert!(!bound, "{}", messages::BLOCK_IN_PLACE_NEEDS_WORKERS);
    scheduler::block_in_place(|| {
        let _outside = entered::leave();
        let _budget = coop::set(Budget::UNLIMITED);
        closure()
    })
}

/// The id of the task that this code runs in.
///
/// # Panics
///
/// Outside a task: in the future of `block_on`, or outside a runtime. See [`try_id`].
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// let task = runtime::spawn(async { runtime::task::id() });
/// let id = task.id();
/// assert_eq!(task.await.unwrap(), id);
/// # }
/// ```
#[track_caller]
pub fn id() -> Id {
    match current_id() {
        Some(id) => id,
        None => panic!("{}", messages::NO_TASK),
    }
}

/// The id of the task that this code runs in, or `None` outside a task.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// let task = runtime::spawn(async { runtime::task::try_id() });
/// assert!(task.await.unwrap().is_some());
/// // The future of `block_on` is no task.
/// assert!(runtime::task::try_id().is_none());
/// # }
/// ```
pub fn try_id() -> Option<Id> {
    current_id()
}
