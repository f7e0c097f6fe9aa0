//! Locks, channels and timers as spans of `tracing`, and what happens to them as events: what tokio-console
//! reads.
//!
//! ```text
//! runtime.resource                  the lock, from its making to its drop
//!   runtime.resource.async_op       one wait for it, from the call to the drop of the future
//!     runtime.resource.async_op.poll   entered for each poll of the wait
//! ```
//!
//! Events in the resource's span say what its state is now, events in the wait's how a poll ended. The
//! names, fields and targets are the ones that tokio has, because the readers look for those. What tokio
//! also shows, the semaphore inside of its locks, is left out: readers hide it.
//!
//! A subscriber is user code: nothing here is called under a lock of the engine, and a panic of an event
//! is contained, because it would leave a lock locked. Without a subscriber, all is one load and a
//! branch.

use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tracing::{Span, trace, trace_span};

use crate::engine::contain::contain;

/// Says how a part of the resource's state is now, or what is added to it or taken off.
macro_rules! state {
    ($resource:expr, $($field:tt)*) => {
        $resource.tell(|| trace!(target: "runtime::resource::state_update", $($field)*))
    };
}

/// A lock, a channel or a timer, to readers of spans.
pub(crate) struct Resource(Span);

// A span is a handle to a subscriber; what that is like after a panic is its own matter, and the locks
// are safe to be used after one.
impl UnwindSafe for Resource {}
impl RefUnwindSafe for Resource {}

impl Resource {
    /// One that nobody sees: for a `static`, which is made before there can be a subscriber.
    pub(crate) const fn none() -> Resource {
        Resource(Span::none())
    }

    /// A means of synchronization.
    pub(crate) fn sync(concrete_type: &'static str, location: &Location<'_>) -> Resource {
        Resource::new("Sync", concrete_type, location)
    }

    /// A timer.
    pub(crate) fn timer(concrete_type: &'static str, location: &Location<'_>) -> Resource {
        Resource::new("timer", concrete_type, location)
    }

    fn new(kind: &str, concrete_type: &str, location: &Location<'_>) -> Resource {
        Resource(trace_span!(
            target: "runtime::resource",
            parent: None,
            "runtime.resource",
            concrete_type,
            kind,
            loc.file = location.file(),
            loc.line = location.line(),
            loc.col = location.column(),
        ))
    }

    fn tell(&self, event: impl FnOnce()) {
        if !self.0.is_none() {
            contain(|| self.0.in_scope(event));
        }
    }

    /// Somebody begins to wait. `source` is what was called, `poll` how its polls are called.
    pub(crate) fn op(&self, source: &'static str, poll: &'static str) -> Op {
        if self.0.is_none() {
            return Op(None);
        }
        let resource = self.0.clone();
        // Some readers go by the spans that are entered, others by the parents.
        let wait = resource.in_scope(|| {
            trace_span!(
                target: "runtime::resource",
                parent: &resource,
                "runtime.resource.async_op",
                source,
            )
        });
        let polls = trace_span!(
            target: "runtime::resource",
            parent: &wait,
            "runtime.resource.async_op.poll",
        );
        Op(Some(Box::new(Spans { resource, wait, polls, poll })))
    }

    pub(crate) fn locked(&self, locked: bool) {
        state!(self, locked, locked.op = "override");
    }

    pub(crate) fn write_locked(&self, write_locked: bool) {
        state!(self, write_locked, write_locked.op = "override");
    }

    pub(crate) fn max_readers(&self, max_readers: u32) {
        state!(self, max_readers, max_readers.op = "override");
    }

    pub(crate) fn reader_came(&self) {
        state!(self, current_readers = 1, current_readers.op = "add");
    }

    pub(crate) fn reader_left(&self) {
        state!(self, current_readers = 1, current_readers.op = "sub");
    }

    pub(crate) fn permits(&self, permits: usize) {
        state!(self, permits, permits.op = "override");
    }

    pub(crate) fn permits_added(&self, permits: usize) {
        state!(self, permits, permits.op = "add");
    }

    pub(crate) fn permits_taken(&self, permits: usize) {
        state!(self, permits, permits.op = "sub");
    }

    pub(crate) fn size(&self, size: usize) {
        state!(self, size, size.op = "override");
    }

    pub(crate) fn arrived(&self, arrived: usize) {
        state!(self, arrived, arrived.op = "override");
    }

    pub(crate) fn value_sent(&self) {
        state!(self, value_sent = true, value_sent.op = "override");
    }

    pub(crate) fn value_received(&self) {
        state!(self, value_received = true, value_received.op = "override");
    }

    pub(crate) fn tx_dropped(&self, tx_dropped: bool) {
        state!(self, tx_dropped, tx_dropped.op = "override");
    }

    pub(crate) fn rx_dropped(&self, rx_dropped: bool) {
        state!(self, rx_dropped, rx_dropped.op = "override");
    }

    /// How long it is until a timer is due. Asked only if somebody listens.
    pub(crate) fn due_in(&self, left: impl FnOnce() -> Duration) {
        if !self.0.is_none() {
            let duration = u64::try_from(left().as_millis()).unwrap_or(u64::MAX);
            state!(self, duration, duration.unit = "ms", duration.op = "override");
        }
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resource")
    }
}

/// A wait for a resource.
pub(crate) struct Op(Option<Box<Spans>>);

// As `Resource`.
impl UnwindSafe for Op {}
impl RefUnwindSafe for Op {}

struct Spans {
    resource: Span,
    wait: Span,
    polls: Span,
    poll: &'static str,
}

impl Op {
    /// Polls with `f`, in view of whoever listens.
    #[inline]
    pub(crate) fn poll<T>(&self, f: impl FnOnce() -> Poll<T>) -> Poll<T> {
        match &self.0 {
            None => f(),
            Some(spans) => spans.poll(f),
        }
    }

    /// A future whose polls are seen.
    pub(crate) fn wrap<F: Future>(self, future: F) -> Seen<F> {
        Seen { future, op: self }
    }
}

impl Spans {
    fn poll<T>(&self, f: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let _resource = self.resource.enter();
        let _wait = self.wait.enter();
        let _polls = self.polls.enter();
        let polled = f();
        contain(|| {
            trace!(
                target: "runtime::resource::poll_op",
                op_name = self.poll,
                is_ready = polled.is_ready(),
            );
        });
        polled
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Op")
    }
}

pin_project! {
    /// The future of [`Op::wrap`].
    pub(crate) struct Seen<F> {
        #[pin]
        future: F,
        op: Op,
    }
}

impl<F: Future> Future for Seen<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future;
        this.op.poll(|| future.poll(cx))
    }
}
