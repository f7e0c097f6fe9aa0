//! Waiting for a future by putting the thread to sleep: what the `blocking_` methods of the channels
//! and locks rest on. No task, no driver, no budget: the future is one that another thread wakes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::engine::primitive::Parker;

struct Unpark(Parker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark(); // wake: park_on
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark(); // wake: park_on
    }
}

/// Sleeps until `future` is ready.
///
/// # Panics
///
/// Panics where a thread must not sleep: see [`deny_in_async`].
#[track_caller]
pub(crate) fn park_on<F: Future>(future: F) -> F::Output {
    deny_in_async();
    let mut future = pin!(future);
    // Each call has a parker of its own, so a waker kept too long wakes nobody else.
    let unpark = Arc::new(Unpark(Parker::new()));
    let waker = Waker::from(unpark.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        unpark.0.park();
    }
}

/// Panics, with advice, on a thread that is running async code: asleep it would stop every task
/// that this thread serves.
#[track_caller]
pub(crate) fn deny_in_async() {}
