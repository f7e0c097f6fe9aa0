//! Waits for a future by putting the thread to sleep. The `blocking_` methods of channels and locks
//! use it. There is no task, no driver and no budget: another thread wakes the future.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use crate::engine::activity::Activity;
use crate::engine::coop::{self, Budget};
use crate::engine::entered;
use crate::engine::idle_spin::IdleSpin;
use crate::engine::primitive::atomic::{AtomicU8, Ordering};
use crate::engine::primitive::{Parker, hint};

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
/// If the thread must not sleep: see [`entered::deny_blocking`].
#[track_caller]
pub(crate) fn park_on<F: Future>(future: F) -> F::Output {
    entered::deny_blocking();
    run(future)
}

/// As [`run`], for the root future of a multi-thread runtime. Looks again before it sleeps, as
/// `spin` says, by the clock `now`.
pub(crate) fn run_root<F: Future>(
    future: F,
    spin: &IdleSpin,
    now: impl Fn() -> Instant,
) -> F::Output {
    if !spin.is_on() {
        return run(future);
    }
    let unpark = Arc::new(Unpark(Parker::new()));
    poll_until_ready(pin!(future), &Waker::from(unpark.clone()), || {
        let idle_since = now();
        if let Some(until) = spin.until(|| idle_since) {
            while !unpark.0.is_notified() && now() < until {
                hint::spin_loop();
            }
        }
        unpark.0.park();
        spin.note(now() - idle_since);
    })
}

/// Sleeps until `future` is ready, without that check.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    // Each call has a parker of its own, so a waker that is kept too long wakes no later call.
    let unpark = Arc::new(Unpark(Parker::new()));
    poll_until_ready(pin!(future), &Waker::from(unpark.clone()), || unpark.0.park())
}

/// Sleeps until `future` is ready, on a thread that may be inside a poll already. `in_place` is
/// called only if the first poll does not end it, and calls what it is given, which sleeps.
pub(crate) fn run_in_place<F: Future>(
    future: F,
    in_place: impl FnOnce(&mut dyn FnMut()),
) -> F::Output {
    let unpark = Arc::new(Unpark(Parker::new()));
    let waker = Waker::from(unpark.clone());
    let mut future = pin!(future);
    let first = {
        let _budget = coop::set(Budget::FULL);
        future.as_mut().poll(&mut Context::from_waker(&waker))
    };
    if let Poll::Ready(output) = first {
        return output;
    }
    let mut output = None;
    in_place(&mut || {
        unpark.0.park();
        output = Some(poll_until_ready(future.as_mut(), &waker, || unpark.0.park()));
    });
    output.expect("what sleeps was called")
}

/// Polls `future`, each time with a full budget, and calls `wait` after each `Pending`.
#[inline]
fn poll_until_ready<F: Future>(
    mut future: Pin<&mut F>,
    waker: &Waker,
    mut wait: impl FnMut(),
) -> F::Output {
    let mut cx = Context::from_waker(waker);
    loop {
        let polled = {
            let _budget = coop::set(Budget::FULL);
            future.as_mut().poll(&mut cx)
        };
        if let Poll::Ready(output) = polled {
            return output;
        }
        wait();
    }
}

/// Publishes what the waking thread did to the poll that follows. Pairs with [`TAKE`].
const WAKE: Ordering = Ordering::Release;
/// See [`WAKE`].
const TAKE: Ordering = Ordering::Acquire;

/// The thread polls, or is about to.
const POLLS: u8 = 0;
/// The thread polls, and was woken meanwhile: it polls again.
const WOKEN: u8 = 1;
/// The thread sleeps and is not counted. A thread that wakes it counts it.
const WAITS: u8 = 2;

/// The waker of a root future that is counted as an activity while it does not wait.
///
/// ```text
///           future pending              woken: count, give the token
///   POLLS ------------------> WAITS ---------------------------------+
///     |  ^                                                           |
///     |  +---- poll again ---- WOKEN <-------------------------------+
///     +------ woken ------------^
/// ```
struct Counted {
    state: AtomicU8,
    parker: Parker,
    activity: Arc<Activity>,
}

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, WAKE) == WAITS {
            // Counted first: before the thread runs, and before the caller ends its own activity.
            self.activity.begin();
            let _ = self.parker.unpark(); // wake: counted root
        }
    }
}

/// As [`run`], on a thread that is counted in `activity` except while the future waits.
pub(crate) fn run_counted<F: Future>(future: F, activity: &Arc<Activity>) -> F::Output {
    let root = Arc::new(Counted {
        state: AtomicU8::new(POLLS),
        parker: Parker::new(),
        activity: Arc::clone(activity),
    });
    poll_until_ready(pin!(future), &Waker::from(root.clone()), || {
        let waits = root.state.compare_exchange(POLLS, WAITS, Ordering::Relaxed, Ordering::Relaxed);
        if waits.is_ok() {
            activity.end();
            root.parker.park();
        }
        root.state.swap(POLLS, TAKE);
    })
}
