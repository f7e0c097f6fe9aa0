//! The cooperative budget: a task that never has to wait still lets others run.
//!
//! A task that always finds something to read never waits, and would keep its worker from all other
//! tasks. So each poll has a budget: 128 units, and some 50 microseconds. Each operation on a
//! socket, a channel, a timer or a lock costs a unit. With no unit left, or when the time is over,
//! the next operation returns `Pending` and wakes the task at once: it goes to the back of the
//! queue, and others have their turn. Nothing is lost, and you need not do anything.
//!
//! The time counts from the fourth operation of the poll that was ready, and is looked at now and
//! then, so a poll may take longer; a single operation never gives way in the middle.
//!
//! | you have | use |
//! |---|---|
//! | a loop that computes, without such operations | [`consume_budget`] now and then |
//! | a future of another library, which knows no budget | [`cooperative`] |
//! | a future of your own | [`poll_proceed`] |
//! | a few operations that must not be interrupted | [`unconstrained`] |
//!
//! # Examples
//!
//! ```
//! use runtime::task::coop;
//!
//! # #[runtime::main]
//! # async fn main() {
//! let numbers: Vec<u64> = (0..10_000).collect();
//! let mut sum = 0;
//! for chunk in numbers.chunks(100) {
//!     sum += chunk.iter().sum::<u64>();
//!     coop::consume_budget().await; // others may run
//! }
//! assert_eq!(sum, 49_995_000);
//! # }
//! ```

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::engine::coop::{self, Budget};

/// Whether this poll may still make progress: a unit is left, and so is time. Always true outside a
/// task.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::task::{coop, yield_now};
///
/// let mut done = 0;
/// for _ in 0..1000 {
///     done += 1; // a piece of work that spends no budget by itself
///     if !coop::has_budget_remaining() {
///         yield_now().await;
///     }
/// }
/// assert_eq!(done, 1000);
/// # }
/// ```
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
///
/// # Examples
///
/// A future that can be ready again and again takes part in the budget:
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::task::{Context, Poll, ready};
/// use runtime::task::coop;
///
/// fn poll_next(queue: &mut Vec<u32>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
///     let budget = ready!(coop::poll_proceed(cx));
///     let next = queue.pop();
///     budget.made_progress();
///     Poll::Ready(next)
/// }
///
/// let mut queue = vec![1, 2];
/// assert_eq!(std::future::poll_fn(|cx| poll_next(&mut queue, cx)).await, Some(2));
/// # }
/// ```
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    coop::poll_proceed(cx).map(|unit| RestoreOnPending { unit, _thread: PhantomData })
}

/// Gives the unit back when dropped. See [`poll_proceed`].
///
/// # Examples
///
/// See [`poll_proceed`].
#[derive(Debug)]
#[must_use]
pub struct RestoreOnPending {
    unit: coop::RestoreOnPending,
    // The unit belongs to this thread's budget.
    _thread: PhantomData<*const ()>,
}

impl RestoreOnPending {
    /// Keeps the unit spent, since the poll made progress.
    ///
    /// # Examples
    ///
    /// See [`poll_proceed`].
    pub fn made_progress(&self) {
        self.unit.made_progress();
    }
}

pin_project! {
    /// A future that spends a unit of the budget when it is ready. Made by [`cooperative`].
    ///
    /// # Examples
    ///
    /// See [`cooperative`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Coop<F: Future> {
        #[pin]
        inner: F,
    }
}

/// For futures of other libraries, which know no budget: if no budget is left the future is not
/// polled, and when it is ready a unit is spent.
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
    ///
    /// # Examples
    ///
    /// See [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Unconstrained<F> {
        #[pin]
        inner: F,
    }
}

/// Lets a future make as much progress in one poll as it can. Meanwhile other tasks on the same
/// worker wait.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::sync::mpsc;
/// use runtime::task::unconstrained;
///
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// (0..1000).for_each(|n| sender.send(n).unwrap());
/// drop(sender);
/// // All thousand in one poll; with a budget it would have let others run in between.
/// let mut batch = Vec::new();
/// unconstrained(async { while receiver.recv_many(&mut batch, 10).await > 0 {} }).await;
/// assert_eq!(batch.len(), 1000);
/// # }
/// ```
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
