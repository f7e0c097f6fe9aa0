//! The current runtime of a thread.
//!
//! # At the end of a thread
//!
//! Destructors of a program's thread-locals run in an unknown order, and may enter a runtime that
//! is still alive: block on it, set a timer there. So the list of entered handles has no destructor
//! of its own, and is usable to the end. When [`Sweep`] is dropped it drops what is left in the
//! list (handles whose guards were forgotten).
//!
//! A worker's timer shard belongs to its runtime, and is set only while that is the first entered
//! one: neither a hook at the thread's end nor such a destructor sees it.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::Handle;
use crate::engine::clock::Clock;
use crate::engine::driver::IoDriver;
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::timer::Shard;
use crate::engine::trace::span::of_root;
use crate::engine::{entered, messages};

thread_local! {
    // `Rc`, so that no borrow is held while user code runs, which may enter or leave a runtime.
    /// The handles that have been entered; the last is current.
    static ENTERED: RefCell<ManuallyDrop<Vec<Rc<Handle>>>> =
        const { RefCell::new(ManuallyDrop::new(Vec::new())) };
    static SWEEP: Sweep = const { Sweep };
    /// The shard of the worker that this thread is.
    static OWN_SHARD: RefCell<Option<Arc<Shard>>> = const { RefCell::new(None) };
}

/// Empties the list of entered handles when the thread ends.
struct Sweep;

impl Sweep {
    /// Makes sure that the thread has a `Sweep`. Returns false if it was dropped already: the
    /// thread's locals are being destroyed.
    fn is_to_come() -> bool {
        SWEEP.try_with(|_| ()).is_ok()
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        let left = ENTERED.with_borrow_mut(|entered| std::mem::take(&mut **entered));
        // Dropped outside the borrow: the last handle of a runtime drops the runtime.
        drop(left);
    }
}

/// Makes the handle that was current before current again when dropped.
#[derive(Debug)]
pub(super) struct Restore {
    /// How many handles were entered with this one: guards must be dropped in reverse order.
    depth: usize,
    // Not `Send`, but `Sync`.
    _thread: std::marker::PhantomData<std::sync::MutexGuard<'static, ()>>,
}

/// Makes `handle` the current one of this thread.
pub(super) fn enter(handle: Handle) -> Restore {
    Sweep::is_to_come();
    let depth = ENTERED.with_borrow_mut(|entered| {
        entered.push(Rc::new(handle));
        entered.len()
    });
    Restore { depth, _thread: std::marker::PhantomData }
}

impl Drop for Restore {
    fn drop(&mut self) {
        let left = ENTERED.with_borrow_mut(|entered| {
            if entered.len() != self.depth {
                return Err(());
            }
            let left = entered.pop();
            // After the sweep, only this can free the list's memory.
            let all = entered.is_empty() && !Sweep::is_to_come();
            Ok((left, all.then(|| std::mem::take(&mut **entered))))
        });
        // The handle is dropped outside the borrow, since it may be the last of its runtime. After
        // the sweep an older guard has nothing to restore.
        if left.is_err() && !std::thread::panicking() && Sweep::is_to_come() {
            panic!("{}", messages::GUARDS_OUT_OF_ORDER);
        }
    }
}

/// Undoes [`own_shard`] when dropped.
#[derive(Debug)]
pub(super) struct OwnShard(());

/// Makes `shard` the timer shard of this thread, a worker, until the guard is dropped. Until then
/// the worker's runtime is the first entered one.
pub(super) fn own_shard(shard: Arc<Shard>) -> OwnShard {
    OWN_SHARD.set(Some(shard));
    OwnShard(())
}

impl Drop for OwnShard {
    fn drop(&mut self) {
        let shard = OWN_SHARD.try_with(RefCell::take);
        drop(shard);
    }
}

/// The current handle.
pub(crate) fn current() -> Result<Rc<Handle>, TryCurrentError> {
    match ENTERED.with_borrow(|entered| entered.last().cloned()) {
        Some(handle) => Ok(handle),
        None if Sweep::is_to_come() => Err(TryCurrentError::missing()),
        None => Err(TryCurrentError::destroyed()),
    }
}

/// Calls `f` with the current handle.
pub(crate) fn with_current<R>(f: impl FnOnce(&Handle) -> R) -> Result<R, TryCurrentError> {
    current().map(|handle| f(&handle))
}

/// The current handle; panics with advice without one.
#[track_caller]
pub(crate) fn expect() -> Rc<Handle> {
    let Ok(handle) = current() else { panic!("{}", messages::NO_RUNTIME) };
    handle.assert_not_forked();
    handle
}

/// Calls `f` with the current handle; panics with advice without one.
#[track_caller]
pub(crate) fn expect_current<R>(f: impl FnOnce(&Handle) -> R) -> R {
    f(&expect())
}

/// The driver of the current runtime.
#[track_caller]
pub(crate) fn io_driver() -> Arc<IoDriver> {
    match expect_current(|handle| handle.io().cloned()) {
        Some(driver) => driver,
        None => panic!("{}", messages::IO_DISABLED),
    }
}

/// The driver of the current runtime, if there is one.
pub(crate) fn try_io_driver() -> Option<Arc<IoDriver>> {
    with_current(|handle| handle.io().cloned()).ok().flatten()
}

/// The shard for timers made on this thread: a worker's own, or that of all other threads.
#[track_caller]
pub(crate) fn timer_shard() -> Arc<Shard> {
    // A worker's runtime is the current one unless another was entered inside a task.
    let own = OWN_SHARD.try_with(|own| own.borrow().clone()).ok().flatten();
    if let Some(own) = own {
        if ENTERED.with_borrow(|entered| entered.len()) == 1 {
            return own;
        }
    }
    match expect_current(|handle| handle.outside_shard().cloned()) {
        Some(shard) => shard,
        None => panic!("{}", messages::TIME_DISABLED),
    }
}

/// Whether this thread is the worker whose slot owns the shard.
#[inline]
pub(crate) fn on_owner_of(shard: &Arc<Shard>) -> bool {
    OWN_SHARD
        .try_with(|own| own.borrow().as_ref().is_some_and(|own| Arc::ptr_eq(own, shard)))
        .unwrap_or(false)
}

/// The shard of the worker that this thread is; `None` on every other thread.
#[inline]
pub(crate) fn worker_timer_shard() -> Option<Arc<Shard>> {
    OWN_SHARD.try_with(|own| own.borrow().clone()).ok().flatten()
}

/// The clock of the current runtime.
pub(crate) fn clock() -> Option<Arc<Clock>> {
    with_current(|handle| handle.clock().clone()).ok()
}

impl Handle {
    /// The handle of the runtime that this code runs in.
    ///
    /// # Panics
    ///
    /// Outside a runtime; see [`try_current`](Handle::try_current).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::runtime::{Handle, RuntimeFlavor};
    ///
    /// let handle = Handle::current();
    /// assert_eq!(handle.runtime_flavor(), RuntimeFlavor::MultiThread);
    /// // The handle can go where there is no runtime, and spawn from there.
    /// let thread = std::thread::spawn(move || handle.spawn(async { 1 }));
    /// assert_eq!(thread.join().unwrap().await.unwrap(), 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn current() -> Handle {
        expect_current(Handle::clone)
    }

    /// The handle of the runtime that this code runs in.
    ///
    /// # Errors
    ///
    /// Outside a runtime, or while the thread's locals are being destroyed.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::runtime::Handle;
    ///
    /// let error = Handle::try_current().unwrap_err();
    /// assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// let inside = runtime.block_on(async { Handle::try_current().is_ok() });
    /// assert!(inside);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        with_current(Handle::clone)
    }

    /// Makes this the current runtime of the thread until the guard is dropped: `runtime::spawn`,
    /// sockets and timers belong to it.
    ///
    /// # Panics
    ///
    /// If guards are not dropped in the reverse order of their creation.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// let handle = runtime.handle();
    /// let task = {
    ///     let _guard = handle.enter();
    ///     runtime::spawn(async { 1 })
    /// };
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard { _restore: enter(self.clone()), _handle: std::marker::PhantomData }
    }

    /// Runs a future to completion on this thread, inside the runtime.
    ///
    /// On the `current_thread` flavour this drives neither tasks, nor I/O, nor timers: they make
    /// progress only while a thread is in [`Runtime::block_on`](super::Runtime::block_on).
    ///
    /// # Panics
    ///
    /// Inside async code, and if the future panics.
    ///
    /// # Examples
    ///
    /// See [`Handle`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let (size, location) = (FullSize::of::<F>(), Location::caller());
        large_on_heap!(future: F => self.block_on_sized(future, size, location))
    }

    #[track_caller]
    fn block_on_sized<F: Future>(
        &self,
        future: F,
        size: FullSize,
        location: &'static Location<'static>,
    ) -> F::Output {
        self.assert_not_forked();
        let _inside = entered::enter_alone();
        let _current = self.enter();
        let _seeded = self.seeded();
        let future = self.observe_root(of_root(future, size, location), location);
        if self.panics().guards_roots() {
            return self.run_root(self.panics().guard(future));
        }
        self.run_root(future)
    }
}

/// Keeps a runtime current on this thread. Made by [`Handle::enter`].
///
/// # Examples
///
/// See [`Handle::enter`].
#[derive(Debug)]
#[must_use = "the runtime is current only as long as the guard is kept"]
pub struct EnterGuard<'a> {
    _restore: Restore,
    _handle: std::marker::PhantomData<&'a Handle>,
}

/// Why there is no current runtime.
///
/// # Examples
///
/// See [`Handle::try_current`].
pub struct TryCurrentError {
    destroyed: bool,
}

impl TryCurrentError {
    fn missing() -> TryCurrentError {
        TryCurrentError { destroyed: false }
    }

    fn destroyed() -> TryCurrentError {
        TryCurrentError { destroyed: true }
    }

    /// This thread is in no runtime.
    ///
    /// # Examples
    ///
    /// See [`Handle::try_current`].
    pub fn is_missing_context(&self) -> bool {
        !self.destroyed
    }

    /// The thread is ending, and its locals are gone.
    ///
    /// # Examples
    ///
    /// See [`Handle::try_current`].
    pub fn is_thread_local_destroyed(&self) -> bool {
        self.destroyed
    }
}

impl fmt::Debug for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.destroyed { "ThreadLocalDestroyed" } else { "NoContext" };
        f.debug_tuple("TryCurrentError").field(&what).finish()
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.destroyed { messages::THREAD_ENDING } else { messages::NO_RUNTIME })
    }
}

impl std::error::Error for TryCurrentError {}
