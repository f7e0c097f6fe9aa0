//! Tests of futures, state machines, timeouts and retries: without sleeping, and without races.
//!
//! A [`TestExecutor`] does only what the test tells it to: poll this future, run the tasks that are
//! ready, let an hour pass. In between everything stands still, so the test can look at what has
//! happened so far. All of it is on the test's own thread, and each run is like the one before.
//!
//! ```
//! use std::pin::pin;
//! use std::task::Poll;
//!
//! use runtime::sync::oneshot;
//! use runtime::testing::TestExecutor;
//! use runtime::time::{Duration, timeout};
//!
//! let mut exec = TestExecutor::new();
//! let (_sender, receiver) = oneshot::channel::<u32>();
//! let mut answer = pin!(timeout(Duration::from_secs(5), receiver));
//!
//! assert!(exec.run_until_stalled(&mut answer).is_pending()); // waits ..
//! assert_eq!(exec.next_timer(), Some(exec.now() + Duration::from_secs(5)));
//!
//! exec.advance(Duration::from_secs(5) - Duration::from_nanos(1));
//! assert_eq!(exec.wakes(), 0); // .. to the last nanosecond ..
//!
//! exec.advance(Duration::from_nanos(1));
//! assert_eq!(exec.wakes(), 1); // .. and is woken once
//! assert!(matches!(exec.run_until_stalled(&mut answer), Poll::Ready(Err(_))));
//! ```
//!
//! # What to take
//!
//! | you test | take |
//! |---|---|
//! | one future or stream that you wrote by hand: does it wake, how often, whom | [`CountingWaker`] |
//! | what happens at each step, in which order, at which time | [`TestExecutor`] |
//! | async code as a whole, from its beginning to its end | [`TestExecutor::run`], or `#[runtime::test(start_paused = true)]` |
//! | with sockets, processes or threads | [`#[runtime::test]`](macro@crate::test) |
//!
//! # What works inside
//!
//! The executor is a [`LocalRuntime`](crate::runtime::LocalRuntime) with its time frozen, and is
//! the current runtime of the test's thread until it is dropped: also in the test's own body
//! [`spawn`](crate::spawn), [`spawn_local`](crate::task::spawn_local) and
//! [`sleep`](crate::time::sleep) belong to it, and [`Instant::now`](crate::time::Instant::now)
//! tells its time.
//!
//! | | |
//! |---|---|
//! | tasks, [`LocalSet`](crate::task::LocalSet)s, [`Scope`](crate::task::Scope)s | run inside of the executor's calls, and at no other time |
//! | channels, locks | as anywhere, also between the test's body and the tasks |
//! | [`sleep`](crate::time::sleep), [`timeout`](crate::time::timeout()), [`interval`](crate::time::interval()) | in the executor's time, which the test moves |
//! | [`time::advance`](crate::time::advance) | works in the code under test, too; [`time::resume`](crate::time::resume) panics |
//! | [`select!`](crate::select!) | begins at random, by a fixed seed: [`TestExecutor::with_seed`] |
//! | a panic in a task | goes to its [`JoinHandle`](crate::task::JoinHandle), one in the main future to the test |
//! | [`block_in_place`](crate::task::block_in_place) | panics, as on any single thread |
//! | sockets, processes, signals | work, but what the system does in between nobody sees: see below |
//! | [`spawn_blocking`](crate::spawn_blocking), [`fs`](crate::fs), [`spawn_pinned`](crate::task::spawn_pinned) | on threads of their own: see below |
//!
//! # In which order
//!
//! - Tasks run in the order in which they became ready. The future that the test hands in stands in
//!   the same line: a call polls it first, and again when it was woken and has its turn.
//! - Timers that become due are woken in the order of their deadlines, equal ones in the order in
//!   which they were set.
//! - A timer fires when the time has reached its deadline, to the nanosecond, and only a call that
//!   moves the time makes that so.
//!
//! # Sockets and other threads
//!
//! *Stalled* means that nobody is ready now. While something outside of the executor is under way,
//! a socket's peer, a blocking job, a thread of the test's own, it does not mean that nobody will
//! be:
//!
//! - [`run_until_stalled`](TestExecutor::run_until_stalled) and its like look at what has come, and
//!   do not wait for it. A test that relies on that has a race.
//! - [`run`](TestExecutor::run) and [`run_for`](TestExecutor::run_for) wait for blocking jobs, and
//!   move no time meanwhile. `run` waits for events, too, if there is neither a timer nor a task.
//! - For nobody else: a future that is to be woken by a thread of the program's own stands still
//!   for good, as far as `run` knows.
//!
//! For the bytes of a connection take [`io::duplex`](crate::io::duplex), which is part of the
//! executor's world.

mod executor;
mod waker;

pub use executor::TestExecutor;
pub use waker::CountingWaker;
