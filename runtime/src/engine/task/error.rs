//! Why a task yielded no output.

use std::any::Any;
use std::fmt;
use std::io;

use super::Id;
use super::panic::{Origin, Payload, UnseenPanic, message};
use crate::engine::primitive::Mutex;

/// A task ended without an output: it panicked or was cancelled.
// Two words: every task reserves this room beside its future.
pub struct JoinError {
    id: Id,
    panic: Option<Box<Panic>>,
}

struct Panic {
    /// What the task panicked with. The lock makes it `Sync`; no thread ever waits for the lock.
    payload: Mutex<Payload>,
    origin: Origin,
}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> JoinError {
        JoinError { id, panic: None }
    }

    pub(super) fn panicked(id: Id, payload: Payload, origin: Origin) -> JoinError {
        let panic = Panic { payload: Mutex::new(payload), origin };
        JoinError { id, panic: Some(Box::new(panic)) }
    }

    /// Reports the panic of an error that nobody has been or will be given.
    #[cold]
    pub(super) fn unseen(self) {
        let Some(panic) = self.panic else { return };
        let Panic { payload, origin: Origin { name, location, sink } } = *panic;
        let payload = payload.into_inner();
        match sink {
            Some(sink) => sink.unseen(UnseenPanic { id: self.id, name, location, payload }),
            None => drop(payload),
        }
    }

    /// Whether the task was aborted, or dropped by the runtime's shutdown.
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// The value that the task panicked with, to be passed to
    /// [`resume_unwind`](std::panic::resume_unwind) or looked into.
    ///
    /// # Panics
    ///
    /// If the task did not panic; see [`try_into_panic`](JoinError::try_into_panic).
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        self.try_into_panic().expect("`JoinError` reason is not a panic.")
    }

    /// The value that the task panicked with, or the error back if it did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        let JoinError { id, panic } = self;
        match panic {
            Some(panic) => Ok(panic.payload.into_inner()),
            None => Err(JoinError { id, panic: None }),
        }
    }

    /// The id of the task.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Calls `f` with the panic message, if the payload is a string.
    pub(super) fn with_message<R>(&self, f: impl FnOnce(Option<&str>) -> R) -> R {
        match &self.panic {
            None => f(None),
            Some(panic) => f(message(&**panic.payload.lock())),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cancelled() {
            return write!(f, "task {} was cancelled", self.id);
        }
        self.with_message(|message| match message {
            Some(message) => write!(f, "task {} panicked with message {message:?}", self.id),
            None => write!(f, "task {} panicked", self.id),
        })
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_cancelled() {
            return write!(f, "JoinError::Cancelled({:?})", self.id);
        }
        self.with_message(|message| match message {
            Some(message) => write!(f, "JoinError::Panic({:?}, {message:?}, ...)", self.id),
            None => write!(f, "JoinError::Panic({:?}, ...)", self.id),
        })
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        let what = if error.is_panic() { "task panicked" } else { "task was cancelled" };
        io::Error::other(what)
    }
}
