//! Values that belong to a task: [`LocalKey`] and [`TaskLocalFuture`].
//!
//! # Problem
//!
//! Thread-local values do not work in async code: a task moves from thread to thread, and many
//! tasks share one. So the value is stored in the future that has it, and moves to the thread-local
//! cell only while that future is being polled or dropped.
//!
//! # Invariants
//!
//! 1. While the future runs, the cell holds its value and the future's slot holds what the cell
//!    held before: the value of an outer scope, or nothing. At all other times the slot holds the
//!    value.
//! 2. The two are also swapped back when the future panics ([`Swapped`] does it when dropped).
//! 3. No user code runs while the cell is mutably borrowed: a swap runs none.
//! 4. The future is dropped inside the scope, so its destructors still see the value; then the
//!    value is dropped outside it.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

use crate::engine::messages;

/// A key to a value that each task has for itself, declared with
/// [`task_local!`](crate::task_local).
///
/// # Examples
///
/// ```
/// runtime::task_local! {
///     static NUMBER: u32;
/// }
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// NUMBER
///     .scope(1, async {
///         assert_eq!(NUMBER.get(), 1);
///         // A scope inside hides the one around it, until it ends.
///         NUMBER.scope(2, async { assert_eq!(NUMBER.get(), 2) }).await;
///         assert_eq!(NUMBER.get(), 1);
///     })
///     .await;
/// # }
/// ```
pub struct LocalKey<T: 'static> {
    cell: thread::LocalKey<RefCell<Option<T>>>,
}

/// What `task_local!` initialises its statics with.
#[doc(hidden)]
pub const fn new_local_key<T>(cell: thread::LocalKey<RefCell<Option<T>>>) -> LocalKey<T> {
    LocalKey { cell }
}

impl<T: 'static> LocalKey<T> {
    /// Gives `value` to `future`: a future that does what `future` does, with this key set.
    ///
    /// The value is dropped with the returned future, not when `future` completes; see
    /// [`TaskLocalFuture::take_value`]. Tasks spawned by `future` do not have the value.
    ///
    /// # Panics
    ///
    /// Polling panics if it happens inside [`with`](LocalKey::with) of the same key.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `future`.
    ///
    /// # Examples
    ///
    /// ```
    /// runtime::task_local! {
    ///     static NUMBER: u32;
    /// }
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let double = NUMBER.scope(21, async { NUMBER.get() * 2 }).await;
    /// assert_eq!(double, 42);
    /// # }
    /// ```
    pub fn scope<F>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture {
            key: self,
            slot: Some(value),
            future: Some(future),
            pinned: PhantomPinned,
        }
    }

    /// Calls `f` with this key set to `value`, for code that is not async.
    ///
    /// # Panics
    ///
    /// If called inside [`with`](LocalKey::with) of the same key, or while the thread's local
    /// values are being destroyed.
    ///
    /// # Examples
    ///
    /// ```
    /// runtime::task_local! {
    ///     static NUMBER: u32;
    /// }
    ///
    /// assert_eq!(NUMBER.sync_scope(21, || NUMBER.get() * 2), 42);
    /// ```
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        let mut slot = Some(value);
        match self.enter(&mut slot) {
            Ok(_swapped) => f(),
            Err(refused) => refused.panic(),
        }
    }

    /// Calls `f` with the current value.
    ///
    /// # Panics
    ///
    /// If there is no value: the caller is not inside a `scope` of this key.
    ///
    /// # Examples
    ///
    /// ```
    /// runtime::task_local! {
    ///     static NAME: String;
    /// }
    ///
    /// NAME.sync_scope("Ada".into(), || assert_eq!(NAME.with(String::len), 3));
    /// ```
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(_) => panic!("{}", messages::TASK_LOCAL_NOT_SET),
        }
    }

    /// Calls `f` with the current value, if there is one.
    ///
    /// # Errors
    ///
    /// If there is no value: the caller is not inside a `scope` of this key.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// runtime::task_local! { static USER: String; }
    ///
    /// assert!(USER.try_with(|user| user.len()).is_err());
    /// let length = USER.scope("ada".to_owned(), async { USER.try_with(|user| user.len()) }).await;
    /// assert_eq!(length.unwrap(), 3);
    /// # }
    /// ```
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        // A destroyed cell means that no scope of this key is running.
        match self.cell.try_with(|cell| cell.borrow().as_ref().map(f)) {
            Ok(Some(result)) => Ok(result),
            Ok(None) | Err(_) => Err(AccessError(())),
        }
    }

    /// Puts the value of `slot` into the cell until the guard is dropped (invariant 1).
    fn enter<'a>(&'static self, slot: &'a mut Option<T>) -> Result<Swapped<'a, T>, Refused> {
        self.cell
            .try_with(|cell| match cell.try_borrow_mut() {
                Ok(mut current) => {
                    mem::swap(slot, &mut current);
                    Ok(())
                }
                Err(_) => Err(Refused::Borrowed),
            })
            .unwrap_or(Err(Refused::Destroyed))
            .map(|()| Swapped { key: self, slot })
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A clone of the current value.
    ///
    /// # Panics
    ///
    /// If there is no value: the caller is not inside a `scope` of this key.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// runtime::task_local! { static REQUEST: u64; }
    ///
    /// let number = REQUEST.scope(7, async { REQUEST.get() }).await;
    /// assert_eq!(number, 7);
    /// # }
    /// ```
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A clone of the current value, if there is one.
    ///
    /// # Errors
    ///
    /// If there is no value: the caller is not inside a `scope` of this key.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// runtime::task_local! { static REQUEST: u64; }
    ///
    /// assert!(REQUEST.try_get().is_err());
    /// assert_eq!(REQUEST.scope(7, async { REQUEST.try_get() }).await.unwrap(), 7);
    /// # }
    /// ```
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalKey { .. }")
    }
}

/// Keeps invariant 1: swaps back when dropped.
struct Swapped<'a, T: 'static> {
    key: &'static LocalKey<T>,
    slot: &'a mut Option<T>,
}

impl<T: 'static> Drop for Swapped<'_, T> {
    fn drop(&mut self) {
        // Neither call can fail: the cell was there when the guard was made, it outlives all that
        // runs inside the scope, and no borrow of it leaves this module (invariant 3).
        self.key.cell.with(|cell| mem::swap(self.slot, &mut cell.borrow_mut()));
    }
}

/// Why a scope could not be entered.
enum Refused {
    Borrowed,
    Destroyed,
}

impl Refused {
    #[track_caller]
    fn panic(self) -> ! {
        match self {
            Refused::Borrowed => panic!("{}", messages::TASK_LOCAL_BORROWED),
            Refused::Destroyed => panic!("{}", messages::TASK_LOCAL_DESTROYED),
        }
    }
}

pin_project! {
    /// A future that has a task-local value: what [`LocalKey::scope`] returns.
    ///
    /// # Examples
    ///
    /// See [`LocalKey::scope`].
    #[must_use = "futures do nothing unless you await or poll them"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        slot: Option<T>,
        // `None` once it has completed.
        #[pin]
        future: Option<F>,
        // Not `Unpin`, whatever `F` is, as in tokio.
        #[pin]
        pinned: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !mem::needs_drop::<F>() || this.future.is_none() {
                return;
            }
            // Invariant 4. Where no scope can be entered the field's own drop does it, without
            // the value.
            if let Ok(_swapped) = this.key.enter(this.slot) {
                this.future.set(None);
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out; polls that follow run with the key unset.
    ///
    /// Returns `None` if it was taken before. After the future has completed this gives the value
    /// back, with whatever was done to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// runtime::task_local! {
    ///     static COUNT: Cell<u32>;
    /// }
    ///
    /// # #[runtime::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let counted = COUNT.scope(Cell::new(0), async { COUNT.with(|count| count.set(1)) });
    /// runtime::pin!(counted);
    /// counted.as_mut().await;
    /// assert_eq!(counted.take_value(), Some(Cell::new(1)));
    /// # }
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().slot.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _swapped = match this.key.enter(this.slot) {
            Ok(swapped) => swapped,
            Err(refused) => refused.panic(),
        };
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("{}", messages::TASK_LOCAL_POLLED_AFTER_COMPLETION);
        };
        let poll = future.poll(cx);
        if poll.is_ready() {
            this.future.set(None);
        }
        poll
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskLocalFuture");
        match &self.slot {
            Some(value) => debug.field("value", value),
            None => debug.field("value", &format_args!("<missing>")),
        };
        debug.finish_non_exhaustive()
    }
}

/// There is no value for this key: the caller is not inside one of its scopes.
///
/// Returned by [`LocalKey::try_with`] and [`LocalKey::try_get`].
///
/// # Examples
///
/// See [`LocalKey::try_with`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessError")
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(messages::TASK_LOCAL_ACCESS_ERROR)
    }
}

impl Error for AccessError {}
