//! Tasks: spawn them, wait for them, cancel them.
//!
//! A task is a future that runs by itself. [`spawn`] starts one and returns a [`JoinHandle`], which
//! is a future of its output. Tasks are cheap: a program may have hundreds of thousands of them.
//!
//! ```
//! #[runtime::main]
//! async fn main() {
//!     let task = runtime::spawn(async { 6 * 7 });
//!     // Something else can be done here, while the task runs.
//!     assert_eq!(task.await.unwrap(), 42);
//! }
//! ```
//!
//! # Which way to spawn
//!
//! | you have | use |
//! |---|---|
//! | one future that should run by itself | [`spawn`] |
//! | tasks that must end before the caller goes on | [`Scope`] |
//! | tasks of one kind whose results you collect as they come | [`JoinSet`] |
//! | a future that is not `Send` | [`spawn_pinned`], [`LocalSet`] |
//! | code that blocks its thread, or computes for long | [`spawn_blocking`], [`block_in_place`] |
//! | a task that has a name in reports | [`Builder`] |
//! | two or three futures that need no task each | [`join!`](crate::join), [`select!`](crate::select) |
//!
//! # How a task ends
//!
//! | the task | its [`JoinHandle`] yields | its destructors run |
//! |---|---|---|
//! | returns | `Ok` with what it returned | yes |
//! | panics | a [`JoinError`] with the panic; other tasks are not affected | yes |
//! | is aborted | a [`JoinError`] that says cancelled | yes, at its next `.await` |
//! | is alive when its runtime ends | the same | the same |
//!
//! Dropping the handle does not stop the task. [`JoinHandle::abort`] does, and so do a [`JoinSet`]
//! or a [`Scope`] that is dropped.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! let panics = runtime::spawn(async { panic!("oh no") });
//! assert!(panics.await.unwrap_err().is_panic());
//!
//! let endless = runtime::spawn(std::future::pending::<()>());
//! endless.abort();
//! assert!(endless.await.unwrap_err().is_cancelled());
//! # }
//! ```
//!
//! # Tasks that end together
//!
//! A task that is not waited for outlives the function that spawned it, and its errors are lost. A
//! [`Scope`] makes tasks end with the block of code that started them, as local variables do. This
//! is called structured concurrency:
//!
//! - [`close`](Scope::close) waits for all tasks of the scope, and for those that they have spawned
//!   in it.
//! - The first task that panics, or returns an error, stops the others. `close` returns that error.
//! - Dropping the scope, for instance by `?`, stops them all.
//!
//! ```
//! use runtime::task::{Scope, ScopeError};
//!
//! async fn fetch(page: u32) -> Result<u32, std::io::Error> {
//!     Ok(page * 10)
//! }
//!
//! async fn fetch_all() -> Result<(), ScopeError> {
//!     let scope = Scope::new();
//!     for page in 0..3 {
//!         scope.try_spawn(fetch(page)); // one that fails stops the others
//!     }
//!     scope.close().await // here all of them have ended
//! }
//! # #[runtime::main]
//! # async fn main() { fetch_all().await.unwrap() }
//! ```
//!
//! # `Send`, or why the compiler refuses a task
//!
//! A task may move from one worker to another at each `.await`. So every value that it holds across
//! an `.await` must be `Send`. This function holds an [`Rc`](std::rc::Rc), which is not:
//!
//! ```compile_fail
//! use std::rc::Rc;
//!
//! # #[runtime::main]
//! # async fn main() {
//! runtime::spawn(async {
//!     let text = Rc::new("hello");
//!     runtime::task::yield_now().await;
//!     println!("{text}");
//! });
//! # }
//! ```
//!
//! The compiler says where the value comes from and at which `.await` it is held:
//!
//! ```text
//! error: future cannot be sent between threads safely
//!    = help: within `{async block@..}`, the trait `Send` is not implemented for `Rc<&str>`
//! note: future is not `Send` as this value is used across an await
//!   |
//! 6 |         let text = Rc::new("hello");
//!   |             ---- has type `Rc<&str>` which is not `Send`
//! 7 |         runtime::task::yield_now().await;
//!   |                                    ^^^^^ await occurs here, with `text` maybe used later
//! note: required by a bound in `runtime::spawn`
//! ```
//!
//! The same message comes for a guard of [`std::sync::Mutex`] that is still alive at an `.await`.
//! There are three solutions.
//!
//! **1. Do not hold it.** End its life before the `.await`, with a block of its own. `drop` is
//! often not enough: a value that was borrowed counts as held until the end of its block.
//!
//! ```
//! use std::rc::Rc;
//!
//! # #[runtime::main]
//! # async fn main() {
//! runtime::spawn(async {
//!     let length = {
//!         let text = Rc::new("hello");
//!         text.len()
//!     };
//!     runtime::task::yield_now().await;
//!     println!("{length}");
//! });
//! # }
//! ```
//!
//! **2. Hold something that is `Send`.** [`Arc`](std::sync::Arc) for `Rc`, an atomic or a mutex for
//! `Cell` and `RefCell`, [`sync::Mutex`](crate::sync::Mutex) for a lock that must be held across an
//! `.await`.
//!
//! ```
//! use std::sync::Arc;
//!
//! # #[runtime::main]
//! # async fn main() {
//! runtime::spawn(async {
//!     let text = Arc::new("hello");
//!     runtime::task::yield_now().await;
//!     println!("{text}");
//! });
//! # }
//! ```
//!
//! **3. Let the task stay on one thread.** [`spawn_pinned`] makes the future on a thread that it
//! never leaves; [`LocalSet`] and [`LocalRuntime`](crate::runtime::LocalRuntime) run such futures
//! on yours.
//!
//! ```
//! use std::rc::Rc;
//!
//! # #[runtime::main]
//! # async fn main() {
//! let task = runtime::task::spawn_pinned(|| async {
//!     let text = Rc::new("hello");
//!     runtime::task::yield_now().await;
//!     text.len()
//! });
//! assert_eq!(task.await.unwrap(), 5);
//! # }
//! ```
//!
//! # Code that blocks
//!
//! A task that does not reach an `.await` keeps its thread from all others. [`spawn_blocking`] runs
//! a closure on a thread of the blocking pool. [`block_in_place`] runs it here, while other threads
//! take over this thread's tasks. [Stalls](crate::runtime#stalls-tasks-that-do-not-return) says
//! what happens to a task that blocks nevertheless.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() -> std::io::Result<()> {
//! # let path = std::env::temp_dir().join(format!("runtime-doc-task-{}", std::process::id()));
//! # std::fs::write(&path, "x")?;
//! let size = runtime::spawn_blocking(move || {
//!     let bytes = std::fs::read(&path)?;
//!     # std::fs::remove_file(&path)?;
//!     std::io::Result::Ok(bytes.len())
//! });
//! assert_eq!(size.await??, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # How a future is cancelled
//!
//! A future is cancelled by dropping it: at an `.await`, never in between. "Cancel safety" says
//! what that means for each function of this crate; [one table](crate::select#cancel-safety) has
//! all of them.

mod builder;
pub mod coop;
pub mod join_set;
mod local_set;
mod pinned;
mod scope;
mod spawn;
pub(crate) mod task_local;
mod yield_now;

pub use crate::engine::task::{AbortHandle, Id, JoinError, JoinHandle, Priority};
pub use crate::runtime::this_thread::LocalEnterGuard;
pub use builder::Builder;
#[doc(hidden)]
#[deprecated = "moved to `task::coop::consume_budget`"]
pub use coop::consume_budget;
#[doc(inline)]
pub use coop::unconstrained;
#[doc(inline)]
pub use join_set::JoinSet;
pub use local_set::{LocalSet, spawn_local};
pub use pinned::{spawn_pinned, spawn_pinned_by_idx};
pub use scope::{CancelGuard, Scope, ScopeError, ScopeHandle};
pub use spawn::{block_in_place, block_on_in_place, id, spawn, spawn_blocking, try_id};
pub use task_local::{AccessError, LocalKey};
pub use yield_now::yield_now;

/// The types of the futures that functions of this module return, for instance to store one in a
/// struct.
///
/// # Examples
///
/// ```
/// use runtime::task::{futures::Unconstrained, unconstrained};
///
/// struct Greedy<F> {
///     inner: Unconstrained<F>,
/// }
///
/// # #[runtime::main]
/// # async fn main() {
/// let greedy = Greedy { inner: unconstrained(async { 1 }) };
/// assert_eq!(greedy.inner.await, 1);
/// # }
/// ```
pub mod futures {
    pub use super::coop::Unconstrained;
    pub use super::scope::Cancelled;
    pub use super::task_local::TaskLocalFuture;
    pub use crate::engine::task::Ended;
}
