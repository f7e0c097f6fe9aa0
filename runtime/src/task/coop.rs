//! The cooperative budget: why a task that never has to wait still lets others run.
//!
//! Each poll of a task may make so much progress with sockets, channels, timers and locks; then the
//! next operation returns `Pending` and wakes the task, which goes to the back of the queue. Code
//! that makes no such operation for long should call [`consume_budget`].

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::engine::coop::{self, Budget};

/// Whether this poll may still make progress. Always true outside a task.
pub fn has_budget_remaining() -> bool {
    coop::has_budget_remaining()
}

/// Spends a unit of the budget, and lets others run if none is left.
///
/// # Cancel safety
///
/// Cancel safe.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// let mut sum = 0u64;
/// for i in 0..10_000 {
///     sum += i;
///     runtime::task::coop::consume_budget().await;
/// }
/// # assert_eq!(sum, 49_995_000);
/// # }
/// ```
pub async fn consume_budget() {
    std::future::poll_fn(|cx| {
        ready!(poll_proceed(cx)).made_progress();
        Poll::Ready(())
    })
    .await;
}

/// For futures of your own: spends a unit of the budget. With none left it wakes the task and
/// returns `Pending`. Unless [`RestoreOnPending::made_progress`] is called, the unit is given back.
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    coop::poll_proceed(cx).map(|unit| RestoreOnPending { unit, _thread: PhantomData })
}

/// Gives the unit back when dropped. See [`poll_proceed`].
#[derive(Debug)]
#[must_use]
pub struct RestoreOnPending {
    unit: coop::RestoreOnPending,
    // The unit is this thread's.
    _thread: PhantomData<*const ()>,
}

impl RestoreOnPending {
    /// The unit was well spent: keep it spent.
    pub fn made_progress(&self) {
        self.unit.made_progress();
    }
}

pin_project! {
    /// A future that spends a unit of the budget when it is ready. Made by [`cooperative`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Coop<F: Future> {
        #[pin]
        inner: F,
    }
}

/// For futures of somebody else's, which do not know of the budget: without any left the future is
/// not polled, and when it is ready a unit has been spent.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use futures::channel::mpsc;
/// use futures::stream::StreamExt;
/// use runtime::task::coop::cooperative;
///
/// let (sender, mut receiver) = mpsc::unbounded();
/// sender.unbounded_send(1).unwrap();
/// assert_eq!(cooperative(receiver.next()).await, Some(1));
/// # }
/// ```
pub fn cooperative<F: Future>(inner: F) -> Coop<F> {
    Coop { inner }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let unit = ready!(coop::poll_proceed(cx));
        let output = ready!(self.project().inner.poll(cx));
        unit.made_progress();
        Poll::Ready(output)
    }
}

pin_project! {
    /// A future that the budget does not hold back. Made by [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        inner: F,
    }
}

/// Lets a future make as much progress in one poll as it can. Others on the same worker wait as
/// long.
pub fn unconstrained<F>(inner: F) -> Unconstrained<F> {
    Unconstrained { inner }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _unlimited = coop::set(Budget::UNLIMITED);
        self.project().inner.poll(cx)
    }
}
