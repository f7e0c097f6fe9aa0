//! Letting others run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Lets other tasks of this worker run before this one goes on.
///
/// The task goes to the back of its queue. Which tasks run meanwhile, and on which thread it goes
/// on, is not defined.
///
/// # Cancel safety
///
/// Cancel safe. The others may have had their turn, or not.
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
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
