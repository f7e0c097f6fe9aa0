//! Pauses, moves and resumes time, for tests.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::engine::messages;
use crate::engine::task_id::current_id;
use crate::runtime::{Handle, RuntimeFlavor, context};

/// Calls `f` with the current runtime.
#[track_caller]
fn with_runtime(f: impl FnOnce(&Handle) -> Result<(), &'static str>) {
    let outcome = context::with_current(f).unwrap_or(Err(messages::NO_CLOCK));
    if let Err(text) = outcome {
        panic!("{text}");
    }
}

/// Stops the runtime's clock.
///
/// From then on [`Instant::now`](super::Instant::now) stands still and timers wait, until
/// [`advance`] moves the clock or [`resume`] lets it go on. When the runtime has nothing to do but
/// to wait for a timer, the clock jumps to that timer's deadline by itself, so code that sleeps
/// does not take real time. While a job on the blocking pool runs or waits, the clock does not
/// jump.
///
/// The standard library's clock is not touched, nor is anything outside the runtime, such as a
/// deadline of the operating system.
///
/// # Panics
///
/// If time is paused already, outside a runtime, and in a multi-thread runtime that was not built
/// with `Builder::start_paused(true)`.
///
/// # Examples
///
/// ```
/// use runtime::time::{self, Duration, Instant};
///
/// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # rt.block_on(async {
/// time::pause();
/// let start = Instant::now();
/// time::sleep(Duration::from_secs(3600)).await;
/// assert_eq!(start.elapsed(), Duration::from_secs(3600));
/// # });
/// ```
#[track_caller]
pub fn pause() {
    with_runtime(Handle::pause_time);
}

/// Lets a clock that was stopped by [`pause`] go on from its present time.
///
/// # Panics
///
/// If time is not paused, and outside a runtime.
///
/// # Examples
///
/// ```
/// use runtime::time;
///
/// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # rt.block_on(async {
/// time::pause();
/// time::resume();
/// # });
/// ```
#[track_caller]
pub fn resume() {
    with_runtime(Handle::resume_time);
}

/// Moves a clock that was stopped by [`pause`] forwards by `duration`.
///
/// The clock moves at the first poll. Before this returns, the tasks whose timers are then due are
/// woken (of all workers, if there are several), and other tasks get a turn. The woken tasks have
/// not necessarily run: in the `block_on` future of a `current_thread` runtime, and so in most
/// tests, none of them has. Await what you are waiting for.
///
/// The clock makes one jump: timers in between do not each see their own deadline as the time.
///
/// # Panics
///
/// If time is not paused, outside a runtime, and if the clock would move to more than some hundred
/// years after its start.
///
/// # Cancel safety
///
/// Once polled, the clock has been moved; dropping the future does not move it back.
///
/// # Examples
///
/// ```
/// use runtime::time::{self, Duration, Instant};
///
/// # let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
/// # rt.block_on(async {
/// time::pause();
/// let start = Instant::now();
/// time::advance(Duration::from_micros(1500)).await;
/// assert_eq!(start.elapsed(), Duration::from_micros(1500));
/// # });
/// ```
pub async fn advance(duration: Duration) {
    let root_of = context::with_current(|runtime| {
        let is_root =
            runtime.runtime_flavor() == RuntimeFlavor::CurrentThread && current_id().is_none();
        is_root.then(|| runtime.clone())
    });
    let Ok(Some(runtime)) = root_of else {
        with_runtime(|runtime| runtime.advance_time(duration));
        return yield_once().await;
    };
    // Ready tasks run first, at the new time. The caller goes on before the tasks that the new time
    // wakes.
    with_runtime(|runtime| runtime.move_time(duration));
    let _settle = Settle(runtime);
    yield_once().await;
}

/// Wakes what is due when it is dropped, also if the future is dropped early.
struct Settle(Handle);

impl Drop for Settle {
    fn drop(&mut self) {
        self.0.settle_time();
    }
}

async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
