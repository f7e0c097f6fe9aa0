//! A task of the runtime behind a handle of the crate async-task.
//!
//! # Problem
//!
//! Programs name the type `async_task::Task`, which smol's crates re-export: a `Vec` of them may
//! hold tasks of `smol::spawn` beside those of an `Executor`. So the handle must be that type. But
//! the future must be a task of the runtime, with its location, its place in dumps and reports, and
//! wakers that cost no detour.
//!
//! # Shape
//!
//! ```text
//!   Task<T> --- async-task's task ------------> Outcome<T> ---> JoinHandle<T> ---> the runtime's
//!  (the user)   (its schedule function has       (its future)                      task
//!                the task's AbortHandle)
//! ```
//!
//! The task of async-task has a future that only waits for the `JoinHandle`. It is polled once when
//! it is made, where it leaves its waker. After that its schedule function is called, with the
//! permission to poll it:
//!
//! 1. By the end of the runtime's task, which calls that waker. The task is finished: the poll
//!    finds the output.
//! 2. When the user's handle is dropped or cancelled. If the runtime's task is not finished it is
//!    aborted, and the permission is kept until it has ended ([`cancel`]): dropping that is what
//!    ends `cancel().await`, which so waits until the future has been dropped. If it is finished,
//!    the poll drops the `JoinHandle`, and with it the output.
//! 3. By `Outcome` itself, if there is no output since the runtime was shut down. It never has one
//!    then, so the second call for a finished task drops the permission, as an executor drops what
//!    it has not run: who awaits the handle gets a panic, or `None` if it is fallible.
//!
//! The first poll with an output completes the task of async-task, which is not scheduled again. So
//! a second call for a finished task is of the third kind, or follows one.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker, ready};

use async_task::{Builder, Runnable, Task};
use runtime::task::futures::Ended;
use runtime::task::{AbortHandle, JoinHandle, unconstrained};

/// Spawns a task on the runtime of this thread, or else of the process. It is cancelled when the
/// handle is dropped.
#[track_caller]
pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    hand_over(crate::handle().spawn(future))
}

/// A handle of async-task for a task of the runtime.
pub(crate) fn hand_over<T: Send + 'static>(join: JoinHandle<T>) -> Task<T> {
    let running = join.abort_handle();
    let polled = AtomicBool::new(false);
    let schedule = move |runnable: Runnable| {
        if !running.is_finished() {
            cancel(&running, runnable);
        } else if !polled.swap(true, Ordering::Relaxed) {
            runnable.run();
        }
    };
    let outcome = Outcome(Some(join));
    let (runnable, task) = Builder::new().propagate_panic(true).spawn(|()| outcome, schedule);
    // Leaves the waker, or takes what is there already.
    runnable.run();
    task
}

/// The future of the task of async-task. Holds nothing once the runtime's task has ended.
struct Outcome<T>(Option<JoinHandle<T>>);

impl<T> Future for Outcome<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if let Some(join) = &mut self.0 {
            // Spends no budget: a poll that is put off would look like a cancellation. And the task
            // that spawns does not wait.
            ready!(join.poll_end(cx));
            let ended = ready!(Pin::new(&mut unconstrained(join)).poll(cx));
            self.0 = None;
            match ended.map_err(|error| error.try_into_panic()) {
                Ok(output) => return Poll::Ready(output),
                Err(Ok(panic)) => resume_unwind(panic),
                Err(Err(_)) => {}
            }
        }
        // Asks to be dropped, without an output.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Aborts a task, and drops the permission to poll its handle's when the future has been dropped.
#[cold]
fn cancel(task: &AbortHandle, runnable: Runnable) {
    let kept = Arc::new(Kept(Mutex::new(None)));
    let waker = Waker::from(Arc::clone(&kept));
    let mut ended = task.ended();
    {
        // Locked before the waker can be called, so that the call finds what is kept.
        let mut kept = kept.0.lock().unwrap_or_else(|error| error.into_inner());
        if ended.poll_end(&mut Context::from_waker(&waker)).is_pending() {
            *kept = Some((runnable, ended));
        }
    }
    task.abort();
}

/// What is kept until a task has ended.
struct Kept(Mutex<Option<(Runnable, Ended)>>);

impl Wake for Kept {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let kept = { self.0.lock().unwrap_or_else(|error| error.into_inner()).take() };
        // Not under the lock: the awaiter's waker is called, and an output may be dropped.
        drop(kept);
    }
}
