//! Waiting for a future by putting the thread to sleep: what the `blocking_` methods of the channels
//! and locks rest on. No task, no driver, no budget: the future is one that another thread wakes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::engine::coop::{self, Budget};
use crate::engine::entered;
use crate::engine::primitive::Parker;

struct Unpark(Parker);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        let _ = self.0.unpark(); // wake: park_on
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let _ = self.0.unpark(); // wake: park_on
    }
}

/// Sleeps until `future` is ready.
///
/// # Panics
///
/// Panics where a thread must not sleep: see [`entered::deny_blocking`].
#[track_caller]
pub(crate) fn park_on<F: Future>(future: F) -> F::Output {
    entered::deny_blocking();
    run(future)
}

/// Sleeps until `future` is ready, with no question asked: the root future of a multi-thread runtime.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // Each call has a parker of its own, so a waker kept too long wakes nobody else.
    let unpark = Arc::new(Unpark(Parker::new()));
    let waker = Waker::from(unpark.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        let polled = {
            let _budget = coop::set(Budget::FULL);
            future.as_mut().poll(&mut cx)
        };
        if let Poll::Ready(output) = polled {
            return output;
        }
        unpark.0.park();
    }
}
