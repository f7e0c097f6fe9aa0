//! The handles to a task: to wait for it, and to abort it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use super::cell;
use super::header::{BLOCKING_KIND, Header, drop_reference, scheduler_of};
use super::state::Wake;
use super::{Id, JoinError};
use crate::engine::insight::{Kind, Wait};
use crate::engine::{coop, messages};

/// Waits for a spawned task and yields its output.
///
/// Dropping the handle *detaches* the task: it goes on, and its output is dropped when it ends.
///
/// # Cancel safety
///
/// Polling is cancel safe: `(&mut handle).await` inside `select!` loses nothing.
///
/// # Panics
///
/// Polling it again after it has yielded the output panics.
///
/// # Examples
///
/// ```
/// #[runtime::main]
/// async fn main() {
///     let handle = runtime::spawn(async { 1 + 1 });
///     assert_eq!(handle.await.unwrap(), 2);
/// }
/// ```
pub struct JoinHandle<T> {
    task: NonNull<Header>,
    output: PhantomData<T>,
}

// SAFETY: the handle gives access to the output only, by value, so `T: Send` is what both need; the
// future itself is never touched through it.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: as above; shared access reads and changes only the state word.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// # Safety
    /// `task` has an output of type `T`, and one reference and JOIN_INTEREST pass to the handle.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> JoinHandle<T> {
        JoinHandle { task, output: PhantomData }
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle has a reference.
        unsafe { self.task.as_ref() }
    }

    /// Asks the task to stop: its future is dropped at the next point where it would be polled,
    /// and the handle yields a [`JoinError`] that [is cancelled](JoinError::is_cancelled).
    ///
    /// A task that has completed already is not affected. A task that is being polled is dropped
    /// when that poll returns, unless it completes in it.
    ///
    /// A job of `spawn_blocking` that has started cannot be stopped. One that waits for a thread is
    /// over when this returns: its closure is dropped here, on the calling thread. So do not hold a
    /// lock that the destructor of something in the closure takes.
    pub fn abort(&self) {
        abort(self.task, self.header());
    }

    /// Whether the task has completed, with an output, a panic or by cancellation.
    pub fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }

    /// A handle that can abort the task and does not keep its output.
    pub fn abort_handle(&self) -> AbortHandle {
        self.header().state.add_reference();
        AbortHandle { task: self.task }
    }

    /// The task's id, which is unique in this process.
    pub fn id(&self) -> Id {
        self.header().id
    }

    /// Called when the task's `Runnable` has just been queued. If the task was aborted before, the
    /// scheduler is told now.
    pub(crate) fn queued(&self) {
        tell_scheduler(self.task, self.header());
    }

    /// Waits for the task to complete and leaves its output in the handle, for handles that wrap
    /// this one: it spends no budget, and a dump does not show that the calling task waits here.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// let mut handle = runtime::spawn(async { 7 });
    /// std::future::poll_fn(|cx| handle.poll_end(cx)).await;
    /// assert!(handle.is_finished());
    /// assert_eq!(handle.await.unwrap(), 7);
    /// # }
    /// ```
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_ready(cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether the task has completed; if not, `waker` is called when it has.
    pub(crate) fn is_ready(&mut self, waker: &Waker) -> bool {
        // SAFETY: the handle has a reference and its interest.
        unsafe { cell::join_is_ready(self.task, waker) }
    }

    /// What whoever polls it waits for.
    #[cold]
    fn wait(&self) -> Wait {
        let is_job = scheduler_of(self.task, self.header()).kind() == BLOCKING_KIND;
        let kind = if is_job { Kind::Blocking } else { Kind::Join };
        Wait::new(kind, self.header().id.as_u64())
    }

    /// The output of a task that [is ready](JoinHandle::is_ready), once.
    pub(crate) fn take_output(&mut self) -> Result<T, JoinError> {
        let now = self.header().state.load();
        assert!(now.is_complete() && !now.is_taken(), "{}", messages::JOIN_HANDLE_POLLED_AGAIN);
        // SAFETY: the task is complete and its output, a `T`, was not taken; the handle has a
        // reference and its interest.
        unsafe { cell::take_output(self.task) }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let unit = ready!(coop::poll_proceed(cx));
        if !self.is_ready(cx.waker()) {
            return unit.pending(|| self.wait());
        }
        unit.made_progress();
        Poll::Ready(self.take_output())
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if !self.header().state.drop_join_fast() {
            // SAFETY: the handle gives up its interest and its reference.
            unsafe { cell::drop_join(self.task) };
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("id", &self.id()).finish()
    }
}

/// Aborts a task. See [`JoinHandle::abort`].
///
/// Dropping it does nothing to the task.
pub struct AbortHandle {
    task: NonNull<Header>,
}

// SAFETY: the handle reads and changes only the state word.
unsafe impl Send for AbortHandle {}
// SAFETY: as above.
unsafe impl Sync for AbortHandle {}
impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// # Safety
    /// One reference passes to the handle.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> AbortHandle {
        AbortHandle { task }
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle has a reference.
        unsafe { self.task.as_ref() }
    }

    /// Asks the task to stop. See [`JoinHandle::abort`].
    pub fn abort(&self) {
        abort(self.task, self.header());
    }

    /// Whether the task has completed, with an output, a panic or by cancellation.
    pub fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }

    /// Says that the table has a waker for the end. Returns whether the task is complete already.
    pub(super) fn watch(&self) -> bool {
        self.header().state.watch()
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.header().id
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> AbortHandle {
        self.header().state.add_reference();
        AbortHandle { task: self.task }
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        drop_reference(self.task);
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle").field("id", &self.id()).finish()
    }
}

/// Cancels a task. The caller has a reference to it.
pub(super) fn abort(task: NonNull<Header>, header: &Header) {
    if header.state.cancel() == Wake::Schedule {
        // SAFETY: the cancellation made the `Runnable`.
        unsafe { (header.vtable.schedule)(task) }; // wake: abort
    } else {
        tell_scheduler(task, header);
    }
}

/// Tells the scheduler that a task was aborted, if the task's `Runnable` may still wait in a
/// queue.
fn tell_scheduler(task: NonNull<Header>, header: &Header) {
    let now = header.state.load();
    if now.is_cancelled() && !now.is_complete() && !now.is_running() {
        scheduler_of(task, header).aborted();
    }
}
