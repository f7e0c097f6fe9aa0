//! Reports panics that no handle can show.
//!
//! A task's panic is kept in its [`JoinError`](super::JoinError). If the error is dropped before
//! any code has received it (there is no handle, or the handle is dropped without being awaited),
//! the [`PanicSink`] is told, once. The sink is fetched when a task panics, and stored in the
//! error: a handle may be dropped after the scheduler is gone.

use std::any::Any;
use std::panic::Location;
use std::sync::Arc;

use super::Id;

/// What a task panicked with.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Receives the panics of tasks.
pub(crate) trait PanicSink: Send + Sync + 'static {
    /// Whether a panic ends the scheduler, whether or not a handle shows it.
    fn ends_scheduler(&self) -> bool;

    /// Told that the scheduler has been stopped for that reason.
    fn ended(&self);

    /// A task has panicked, seen by somebody or not. Called in the middle of its end: waits for
    /// nobody and runs nothing of the user's.
    fn panicked(&self, _task: Id) {}

    /// Told of a panic that no handle can show any more. Called on any thread; may run user code.
    fn unseen(&self, panic: UnseenPanic);
}

/// A panic that no handle can show.
pub(crate) struct UnseenPanic {
    pub(crate) id: Id,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) location: &'static Location<'static>,
    pub(crate) payload: Payload,
}

/// Which task has panicked, and the sink to tell.
pub(super) struct Origin {
    pub(super) name: Option<Arc<str>>,
    pub(super) location: &'static Location<'static>,
    pub(super) sink: Option<Arc<dyn PanicSink>>,
}

/// The message of a panic, if its payload is a string.
pub(crate) fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
