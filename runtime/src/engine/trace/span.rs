//! Tasks as `tracing` spans, with events for the use of their wakers, for tokio-console.
//!
//! A task's span begins at its spawn, is entered for every poll and for the drop of the future, and
//! ends with the future. The names, fields and targets are tokio's, because tokio-console looks for
//! those.
//!
//! A subscriber is user code. It is called when a task is spawned, polled and dropped, where user
//! code runs anyway, and when a waker is used. So the monitor treats the waker of a task with a
//! span like a user's waker: see [`is_task_waker`](crate::engine::task::is_task_waker).

use std::future::Future;
use std::panic::Location;

use tracing::instrument::{Instrument, Instrumented};
use tracing::{Span, trace, trace_span};

use crate::engine::catch_panic::catch_panic;
use crate::engine::large::FullSize;
use crate::engine::task_id::{self, Id, next_id};

/// The kind of a job of the blocking pool.
const BLOCKING: &str = "blocking";

/// A future inside the span of its task.
pub(crate) type InSpan<F> = Instrumented<F>;

/// What a task's wakers know of its span. `None` if there was no subscriber when it was spawned.
#[derive(Debug)]
pub(crate) struct SpanId(Option<tracing::Id>);

impl SpanId {
    /// Whether [`tell`](SpanId::tell) may call a subscriber.
    #[inline]
    pub(crate) fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// Sends an event for what is about to be done with a waker of the task.
    #[inline]
    pub(crate) fn tell(&self, op: &'static str) {
        if let Some(id) = &self.0 {
            // tokio-console wants the span's number in the field of the task's id.
            let event = || trace!(target: "tokio::task::waker", op, task.id = id.into_u64());
            // A panic of the subscriber must not lose a wake-up.
            catch_panic(event);
        }
    }
}

/// Puts the future of a new task into its span.
pub(crate) fn of_task<F: Future>(
    future: F,
    kind: &'static str,
    id: Id,
    named: bool,
    location: &'static Location<'static>,
    full_size: FullSize,
) -> (InSpan<F>, SpanId) {
    let name = if named { task_id::name(id) } else { None };
    let name = name.as_deref().unwrap_or_default();
    let id = id.as_u64();
    let size = size_of::<F>();
    let original_size = full_size.get();
    let span = if kind == BLOCKING {
        let function = closure_name(std::any::type_name::<F>());
        trace_span!(
            target: "tokio::task::blocking",
            "runtime.spawn",
            kind = %kind,
            task.name = %name,
            task.id = id,
            "fn" = %function,
            original_size.bytes = original_size,
            size.bytes = size,
            loc.file = location.file(),
            loc.line = location.line(),
            loc.col = location.column(),
        )
    } else {
        task_span(kind, name, id, size, original_size, location)
    };
    let id = SpanId(span.id());
    (future.instrument(span), id)
}

/// Puts the future of a `block_on` into a span of its own, which is shown as a task.
pub(crate) fn of_root<F: Future>(
    future: F,
    full_size: FullSize,
    location: &'static Location<'static>,
) -> InSpan<F> {
    let (id, size) = (next_id().as_u64(), size_of::<F>());
    let span = task_span("block_on", "", id, size, full_size.get(), location);
    future.instrument(span)
}

fn task_span(
    kind: &str,
    name: &str,
    id: u64,
    size: usize,
    original_size: Option<usize>,
    location: &'static Location<'static>,
) -> Span {
    trace_span!(
        target: "tokio::task",
        parent: None,
        "runtime.spawn",
        kind = %kind,
        task.name = %name,
        task.id = id,
        original_size.bytes = original_size,
        size.bytes = size,
        loc.file = location.file(),
        loc.line = location.line(),
        loc.col = location.column(),
    )
}

/// The closure's name: a job's future is a wrapper, whose type has that name in angle brackets.
fn closure_name(future: &str) -> &str {
    let inside = future.split_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
    inside.unwrap_or(future)
}

#[cfg(test)]
mod tests {
    use super::closure_name;

    #[test]
    fn a_closure_is_named_without_its_wrapper() {
        assert_eq!(closure_name("a::Once<b::f<u8>::{{closure}}>"), "b::f<u8>::{{closure}}");
        assert_eq!(closure_name("a::Bare"), "a::Bare");
    }
}
