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
//!   Task<T> ---- async-task's task ----> Outcome<T> -----> Shared <----- Body <---- the runtime's
//!  (the user)    (nobody polls it       (its future)                  (future, End)     task
//!                 but `settle`)
//! ```
//!
//! The task of async-task has a future that only waits for the [`Shared`] outcome. It is polled
//! once when it is made, where it leaves its waker, and once when the outcome is there, by
//! whoever ends the body. async-task asks for a third poll when the handle is dropped or cancelled:
//! then the runtime's task is aborted, and what async-task wants polled is kept until the body is
//! gone. So `cancel().await` ends when the future has been dropped, not before.
//!
//! # Invariants (under the lock of `Shared`)
//!
//! 1. `Runs` becomes `Ended` once, when the future has been dropped: `End` is the last field of
//!    `Body`.
//! 2. Whoever changes it takes the waker and the kept `Runnable` and, after the lock, calls the one
//!    and drops the other. Who comes later sees `Ended`, and keeps nothing.
//!
//! The lock orders everything; no user code runs under it.

use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::thread;

use async_task::{Builder, Runnable, Task};
use pin_project_lite::pin_project;

/// Spawns a task on the runtime of this thread, or else of the process. It is cancelled when the
/// handle is dropped.
#[track_caller]
pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    let shared = Arc::new(Shared(Mutex::new(State::Runs { waker: None, cancelled: None })));
    let body = Body { future: Some(future), end: End(Some(Arc::clone(&shared))) };
    let running = crate::handle().spawn(body).abort_handle();
    let outcome = Outcome(Arc::clone(&shared));
    let schedule = move |runnable| {
        if let Some(runnable) = shared.keep(runnable) {
            settle(&shared, runnable);
        } else {
            running.abort();
        }
    };
    let (runnable, task) = Builder::new().propagate_panic(true).spawn(|()| outcome, schedule);
    // Leaves the waker, or takes what is there already.
    runnable.run();
    task
}

struct Shared<T>(Mutex<State<T>>);

enum State<T> {
    Runs {
        /// Of the task of async-task.
        waker: Option<Waker>,
        /// That task once it is closed: its handle was dropped or cancelled.
        cancelled: Option<Runnable>,
    },
    /// The future is gone. `None` if it had no output, or the output has been taken.
    Ended(Option<thread::Result<T>>),
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(|error| error.into_inner())
    }

    /// Keeps a closed task until the body is gone; gives it back if that has happened.
    fn keep(&self, runnable: Runnable) -> Option<Runnable> {
        match &mut *self.lock() {
            State::Runs { cancelled, .. } => {
                *cancelled = Some(runnable);
                None
            }
            State::Ended(_) => Some(runnable),
        }
    }
}

/// Polls the task of async-task, whose future finds the output. If there is none, since the runtime
/// was shut down, it is dropped, as an executor drops what it has not run: who awaits the handle
/// gets a panic, or `None` if it is fallible.
fn settle<T>(shared: &Shared<T>, runnable: Runnable) {
    let has_output = matches!(&*shared.lock(), State::Ended(Some(_)));
    if has_output {
        runnable.run();
    }
}

/// The future of the task of async-task.
struct Outcome<T>(Arc<Shared<T>>);

impl<T> Future for Outcome<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let output = match &mut *self.0.lock() {
            State::Runs { waker, .. } => {
                // The waker of a task is always the same: nothing is dropped here.
                *waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            State::Ended(output) => output.take(),
        };
        match output {
            Some(Ok(output)) => Poll::Ready(output),
            Some(Err(panic)) => resume_unwind(panic),
            None => {
                // Asks to be settled, without an output.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

pin_project! {
    /// The future of the runtime's task.
    struct Body<F, T> {
        #[pin]
        future: Option<F>,
        // The last field: when it is dropped the future is gone.
        end: End<T>,
    }
}

impl<F: Future<Output = T>, T> Future for Body<F, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let future = this.future.as_mut().as_pin_mut();
            let output = ready!(future.expect("a task that has ended is not polled").poll(cx));
            this.future.set(None);
            Poll::Ready(output)
        }));
        let output = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => {
                // A second panic, in the drop, is the task's end as well.
                let _ = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
                Err(panic)
            }
        };
        this.end.reached(Some(output));
        Poll::Ready(())
    }
}

struct End<T>(Option<Arc<Shared<T>>>);

impl<T> End<T> {
    fn reached(&mut self, output: Option<thread::Result<T>>) {
        let Some(shared) = self.0.take() else { return };
        let before = mem::replace(&mut *shared.lock(), State::Ended(output));
        let State::Runs { waker, cancelled } = before else { return };
        // Tells the handle that its task is gone.
        drop(cancelled);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        self.reached(None);
    }
}
