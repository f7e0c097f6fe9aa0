//! Channels, locks and other synchronization between tasks.
//!
//! # Which one when
//!
//! Channels move values from one task to another:
//!
//! | need | use | senders | receivers | what a receiver gets |
//! |---|---|---|---|---|
//! | a queue of work or messages | [`mpsc`] | many | one | every value, in order |
//! | one answer | [`oneshot`] | one | one | one value |
//! | events for all receivers | [`broadcast`] | many | many | every value, each of them |
//! | the current state of something | [`watch`] | many | many | the latest value |
//!
//! Locks and similar types keep a value in place, and let tasks take turns:
//!
//! | need | use |
//! |---|---|
//! | a value that tasks change in turn, with an `.await` in between | [`Mutex`] |
//! | a value that many read and few change | [`RwLock`] |
//! | a value that is made when it is first needed | [`OnceCell`] |
//! | a value that is set once, and waited for | [`SetOnce`] |
//! | tell that something has happened | [`Notify`] |
//! | limit how many tasks do something at once | [`Semaphore`] |
//! | let a number of tasks wait for each other | [`Barrier`] |
//!
//! None of them needs a runtime: they work with any executor, and across runtimes. Only
//! [`mpsc::Sender::send_timeout`] uses a timer.
//!
//! # Channels
//!
//! **[`mpsc`]**: many tasks send, one receives. The channel has a limit, so a sender that is too
//! fast waits.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use runtime::sync::mpsc;
//!
//! let (sender, mut receiver) = mpsc::channel(32);
//! for worker in 0..3 {
//!     let sender = sender.clone();
//!     runtime::spawn(async move { sender.send(worker * 10).await });
//! }
//! drop(sender); // so that the loop ends with the last worker
//! let mut total = 0;
//! while let Some(result) = receiver.recv().await {
//!     total += result;
//! }
//! assert_eq!(total, 30);
//! # }
//! ```
//!
//! **[`oneshot`]**: the answer to one question. The receiver is a future of the value.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use runtime::sync::oneshot;
//!
//! let (answer, question) = oneshot::channel();
//! runtime::spawn(async move { answer.send(6 * 7) });
//! assert_eq!(question.await, Ok(42));
//! # }
//! ```
//!
//! **[`broadcast`]**: each receiver gets each value. A receiver that falls too far behind misses
//! the oldest, and is told how many.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use runtime::sync::broadcast;
//!
//! let (sender, mut logger) = broadcast::channel(16);
//! let mut screen = sender.subscribe();
//! sender.send("user joined").unwrap();
//! assert_eq!(logger.recv().await, Ok("user joined"));
//! assert_eq!(screen.recv().await, Ok("user joined"));
//! # }
//! ```
//!
//! **[`watch`]**: only the latest value counts: a configuration, a progress, a flag that says
//! "stop". A receiver that looks late sees only the latest one.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use runtime::sync::watch;
//!
//! let (stop, mut stopped) = watch::channel(false);
//! let worker = runtime::spawn(async move { stopped.wait_for(|stop| *stop).await.is_ok() });
//! stop.send(true).unwrap();
//! assert!(worker.await.unwrap());
//! # }
//! ```
//!
//! # Locks
//!
//! **`std::sync::Mutex` or [`Mutex`]?** If there is no `.await` between lock and unlock, use that
//! of
//! [`std`]: it is faster, and a task waits for it only for a moment. Use the one of this module if
//! the lock is held across an `.await`: its guard may be held that long, and a task that waits for
//! it lets other tasks run.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use std::sync::Mutex;
//!
//! // A counter: no `.await` while it is locked.
//! let hits = Mutex::new(0);
//! *hits.lock().unwrap() += 1;
//!
//! // A request and its answer belong together.
//! let connection = runtime::sync::Mutex::new(Vec::new());
//! let mut guard = connection.lock().await;
//! guard.push("request");
//! runtime::task::yield_now().await; // waits for the answer, with the lock held
//! guard.push("answer");
//! # }
//! ```
//!
//! **[`RwLock`]**: several readers, or one writer. Worth it where reading takes long and writing is
//! rare.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use runtime::sync::RwLock;
//!
//! let routes = RwLock::new(vec!["/"]);
//! routes.write().await.push("/about");
//! let (one, two) = runtime::join!(routes.read(), routes.read());
//! assert_eq!(one.len(), two.len());
//! # }
//! ```
//!
//! **[`OnceCell`] and [`SetOnce`]**: a value that is set once and does not change. The first task
//! that needs a `OnceCell` fills it. One task fills a `SetOnce`, and others wait for it.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use runtime::sync::{OnceCell, SetOnce};
//!
//! static CONFIG: OnceCell<String> = OnceCell::const_new();
//! let config = CONFIG.get_or_init(|| async { "loaded once".to_owned() }).await;
//! assert_eq!(config, "loaded once");
//!
//! static ADDRESS: SetOnce<u16> = SetOnce::const_new();
//! runtime::spawn(async { ADDRESS.set(8080) });
//! assert_eq!(ADDRESS.wait().await, &8080);
//! # }
//! ```
//!
//! # Signals between tasks
//!
//! **[`Notify`]** wakes a task, without a value. One notification is kept if no task waits yet.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use std::sync::Arc;
//! use runtime::sync::Notify;
//!
//! let work = Arc::new(Notify::new());
//! let worker = runtime::spawn(work.clone().notified_owned());
//! work.notify_one();
//! worker.await.unwrap();
//! # }
//! ```
//!
//! **[`Semaphore`]** has a number of permits. Hold one while you use a limited resource: a
//! connection, a file, memory.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use runtime::sync::Semaphore;
//!
//! let downloads = Semaphore::new(2);
//! let _first = downloads.acquire().await.unwrap();
//! let second = downloads.acquire().await.unwrap();
//! assert!(downloads.try_acquire().is_err());
//! drop(second);
//! assert!(downloads.try_acquire().is_ok());
//! # }
//! ```
//!
//! **[`Barrier`]** holds back a number of tasks until all of them have arrived.
//!
//! ```
//! # #[runtime::main]
//! # async fn main() {
//! use runtime::sync::Barrier;
//!
//! let start = Barrier::new(2);
//! let (one, two) = runtime::join!(start.wait(), start.wait());
//! // One of them is the leader: it may do what is to be done once.
//! assert!(one.is_leader() != two.is_leader());
//! # }
//! ```
//!
//! # In `select!`
//!
//! [One table](crate::select#cancel-safety) lists which futures can be dropped without a loss.

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;
pub mod watch;

mod barrier;
mod guard_macros;
mod mutex;
mod notify;
mod once_cell;
mod rwlock;
mod semaphore;
mod sender_count;
mod set_once;

pub use barrier::{Barrier, BarrierWaitResult};
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
pub use set_once::{SetOnce, SetOnceError};

/// The types of futures, for instance to store one in a struct.
///
/// # Examples
///
/// ```
/// use std::pin::Pin;
/// use runtime::sync::{Notify, futures::Notified};
///
/// struct Waiting<'a> {
///     notified: Pin<Box<Notified<'a>>>,
/// }
///
/// # #[runtime::main]
/// # async fn main() {
/// let notify = Notify::new();
/// let waiting = Waiting { notified: Box::pin(notify.notified()) };
/// notify.notify_one();
/// waiting.notified.await;
/// # }
/// ```
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}
