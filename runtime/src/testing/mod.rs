//! Tests futures, state machines, timeouts and retries without sleeping and without races.
//!
//! A [`TestExecutor`] does only what the test tells it to: poll this future, run the ready tasks,
//! let an hour pass. In between everything stands still, so the test can look at what has happened
//! so far. All of it runs on the test's own thread, and each run is the same.
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
//! # What to use
//!
//! | you test | use |
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
//! | channels, locks | work as usual, also between the test's body and the tasks |
//! | [`sleep`](crate::time::sleep), [`timeout`](crate::time::timeout()), [`interval`](crate::time::interval()) | in the executor's time, which the test moves |
//! | [`time::advance`](crate::time::advance) | works in the code under test, too; [`time::resume`](crate::time::resume) panics |
//! | [`select!`](crate::select!) | begins with a random branch, by a fixed seed: [`TestExecutor::with_seed`] |
//! | a panic in a task | goes to its [`JoinHandle`](crate::task::JoinHandle), one in the main future to the test |
//! | [`block_in_place`](crate::task::block_in_place) | panics, as on any single thread |
//! | sockets, processes, signals | work, but the test does not control the system: see below |
//! | [`spawn_blocking`](crate::spawn_blocking), [`fs`](crate::fs), [`spawn_pinned`](crate::task::spawn_pinned) | on threads of their own: see below |
//!
//! # In which order
//!
//! - Tasks run in the order in which they became ready. The future that the test passes is part of
//!   this order: a call polls it first, and again when it was woken and it is its turn.
//! - Timers that become due are woken in the order of their deadlines, equal ones in the order in
//!   which they were set.
//! - A timer fires when the time has reached its deadline, to the nanosecond. Only a call that
//!   moves the time can do that.
//!
//! # Sockets and other threads
//!
//! *Stalled* means that neither the future nor a task is ready now. While something outside of the
//! executor is in progress (a socket's peer, a blocking job, a thread of the test), one may still
//! become ready later:
//!
//! - [`run_until_stalled`](TestExecutor::run_until_stalled) and similar methods see events that
//!   have come, but do not wait for them. A test that relies on such an event has a race.
//! - [`run`](TestExecutor::run) and [`run_for`](TestExecutor::run_for) wait for blocking jobs,
//!   while the time stands still. `run` also waits for events, if there is neither a timer nor a
//!   task.
//! - They wait for nothing else: to `run`, a future that the program's own thread would wake waits
//!   for ever.
//!
//! To test the bytes of a connection use [`io::duplex`](crate::io::duplex), which needs no system.

mod executor;
mod waker;

pub use executor::TestExecutor;
pub use waker::CountingWaker;
