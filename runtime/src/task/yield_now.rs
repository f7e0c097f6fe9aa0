//! Lets other tasks run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::engine::coop;

/// Lets other tasks of this worker run before this one goes on.
///
/// The task goes to the back of the queue. It is not defined which tasks run meanwhile, nor on
/// which thread this one goes on.
///
/// # Cancel safety
///
/// Cancel safe. Other tasks may or may not have run.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// for _ in 0..3 {
///     // a piece of a long computation
///     runtime::task::yield_now().await;
/// }
/// # }
/// ```
pub async fn yield_now() {
    YieldNow { yielded: false }.await;
}

struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        ready!(coop::poll_unspent(cx));
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
