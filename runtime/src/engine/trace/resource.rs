//! Locks, channels and timers as `tracing` spans, with events, for tokio-console.
//!
//! ```text
//! runtime.resource                  the lock, from its making to its drop
//!   runtime.resource.async_op       one wait for it, from the call to the drop of the future
//!     runtime.resource.async_op.poll   entered for each poll of the wait
//! ```
//!
//! Events in the resource's span give its state; events in a wait's span say how a poll ended. The
//! names, fields, targets and parents are tokio's, because tokio-console looks for those. So a
//! lock, a semaphore and a bounded channel have a second resource inside, their permits, and a wait
//! for the lock has a wait for permits inside; an interval has a sleep.
//!
//! A subscriber is user code. So nothing here is called under a lock of the engine, and a panic of
//! an event is caught where it would leave a lock locked or lose a value. Where nothing is lost,
//! when permits are awaited or added, the panic goes to the caller: see [`Resource::say`]. Without
//! a subscriber, each call is one load and a branch.

use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tracing::level_filters::LevelFilter;
use tracing::{Span, trace, trace_span};

use crate::engine::catch_panic::catch_panic;
use crate::engine::primitive::atomic::{AtomicBool, Ordering};

/// The span of a resource.
macro_rules! resource {
    ($target:literal, $concrete_type:literal, $kind:literal, $location:expr $(, $more:ident = $value:expr)?) => {{
        let location: &Location<'_> = $location;
        Resource(trace_span!(
            target: $target,
            parent: None,
            "runtime.resource",
            concrete_type = $concrete_type,
            kind = $kind,
            loc.file = location.file(),
            loc.line = location.line(),
            loc.col = location.column(),
            $($more = $value)?
        ))
    }};
}

/// The spans of a wait, inside the entered resource.
macro_rules! wait {
    ($target:literal, $source:expr $(, $more:ident = $value:expr)?) => {{
        let source: &str = $source;
        trace_span!(target: $target, "runtime.resource.async_op", source $(, $more = $value)?)
    }};
    (polls $target:literal) => {
        trace_span!(target: $target, "runtime.resource.async_op.poll")
    };
}

/// An event that gives a part of the entered resource's state, or a change of it.
macro_rules! state {
    ($($field:tt)*) => {
        trace!(target: "runtime::resource::state_update", $($field)*)
    };
}

/// As [`state!`], for a wait.
macro_rules! wait_state {
    ($($field:tt)*) => {
        trace!(target: "runtime::resource::async_op::state_update", $($field)*)
    };
}

/// Whether there may be a subscriber.
#[inline]
fn is_heard() -> bool {
    LevelFilter::current() == LevelFilter::TRACE
}

/// A lock, a channel or a timer, as a span.
#[derive(Clone)]
pub(crate) struct Resource(Span);

// A span is a handle to a subscriber, which itself handles panics; locks can be used after a panic.
impl UnwindSafe for Resource {}
impl RefUnwindSafe for Resource {}

/// Constructors.
impl Resource {
    /// A resource without a span: for a `static`, which is made before there can be a subscriber.
    pub(crate) const fn none() -> Resource {
        Resource(Span::none())
    }

    /// A mutex, and a part of it that is made inside its span.
    pub(crate) fn mutex<R>(location: &Location<'_>, part: impl FnOnce() -> R) -> (Resource, R) {
        let resource = resource!("tokio::sync::mutex", "Mutex", "Sync", location);
        let part = resource.0.in_scope(|| {
            state!(locked = false);
            part()
        });
        (resource, part)
    }

    /// A read-write lock, and a part of it that is made inside its span.
    pub(crate) fn rwlock<R>(
        location: &Location<'_>,
        max_readers: u32,
        part: impl FnOnce() -> R,
    ) -> (Resource, R) {
        let resource = resource!("tokio::sync::rwlock", "RwLock", "Sync", location);
        resource.0.in_scope(|| {
            state!(max_readers);
            state!(write_locked = false);
            state!(current_readers = 0);
        });
        let part = resource.0.in_scope(part);
        (resource, part)
    }

    /// A semaphore, and a part of it that is made inside its span. Its state is that of the part.
    pub(crate) fn semaphore<R>(location: &Location<'_>, part: impl FnOnce() -> R) -> (Resource, R) {
        let resource = resource!(
            "tokio::sync::semaphore",
            "Semaphore",
            "Sync",
            location,
            inherits_child_attrs = true
        );
        let part = resource.0.in_scope(part);
        (resource, part)
    }

    /// The permits inside of a lock, a semaphore or a channel.
    pub(crate) fn permits(permits: usize) -> Resource {
        let resource = Resource(trace_span!(
            target: "tokio::sync::batch_semaphore",
            parent: None,
            "runtime.resource",
            concrete_type = "Semaphore",
            kind = "Sync",
            is_internal = true,
        ));
        resource.0.in_scope(|| state!(permits, permits.op = "override"));
        resource
    }

    /// A barrier for `size` tasks.
    pub(crate) fn barrier(location: &Location<'_>, size: usize) -> Resource {
        let resource = resource!("tokio::sync::barrier", "Barrier", "Sync", location);
        resource.0.in_scope(|| {
            state!(size);
            state!(arrived = 0);
        });
        resource
    }

    /// A channel for one value.
    pub(crate) fn oneshot(location: &Location<'_>) -> Resource {
        let resource = resource!("tokio::sync::oneshot", "Sender|Receiver", "Sync", location);
        resource.0.in_scope(|| state!(tx_dropped = false, tx_dropped.op = "override"));
        resource.0.in_scope(|| state!(rx_dropped = false, rx_dropped.op = "override"));
        resource.0.in_scope(|| state!(value_sent = false, value_sent.op = "override"));
        resource.0.in_scope(|| state!(value_received = false, value_received.op = "override"));
        resource
    }

    pub(crate) fn sleep(location: &Location<'_>) -> Resource {
        resource!("tokio::time::sleep", "Sleep", "timer", location)
    }

    pub(crate) fn interval(location: &Location<'_>) -> Resource {
        resource!("tokio::time::interval", "Interval", "timer", location)
    }
}

/// Waits.
impl Resource {
    /// Begins a wait. `source` is the function that was called, `poll` the name of its polls, and
    /// `make` makes the future.
    pub(crate) fn wait<F: Future>(
        &self,
        source: &'static str,
        poll: &'static str,
        make: impl FnOnce() -> F,
    ) -> Instrumented<F> {
        self.wait_as(source, poll, false, make)
    }

    /// As [`wait`](Resource::wait), but the future is made by the first poll.
    pub(crate) fn wait_later<F: Future>(
        &self,
        source: &'static str,
        poll: &'static str,
        make: impl FnOnce() -> F,
    ) -> Instrumented<impl Future<Output = F::Output>> {
        self.wait(source, poll, || async { make().await })
    }

    /// As [`wait`](Resource::wait); the state of the wait is that of an inner one.
    pub(crate) fn wait_inside<F: Future>(
        &self,
        source: &'static str,
        poll: &'static str,
        make: impl FnOnce() -> F,
    ) -> Instrumented<F> {
        self.wait_as(source, poll, true, make)
    }

    fn wait_as<F: Future>(
        &self,
        source: &'static str,
        poll: &'static str,
        inherits: bool,
        make: impl FnOnce() -> F,
    ) -> Instrumented<F> {
        if self.0.is_none() {
            return Instrumented { future: make(), op: Op(None) };
        }
        let mut future = None;
        let op = self.op(
            poll,
            || wait!("tokio::util::trace", source, inherits_child_attrs = inherits),
            || {
                let polls = wait!(polls "tokio::util::trace");
                future = Some(make());
                polls
            },
        );
        Instrumented { future: future.expect("`op` calls its arguments"), op }
    }

    /// The wait of a oneshot's receiver. It begins with the channel. The receiver already has a
    /// handle to the channel, so the wait has none: poll it [`within`](Resource::within) the
    /// resource.
    pub(crate) fn receiving(&self) -> Op {
        if self.0.is_none() {
            return Op(None);
        }
        let wait = self.0.in_scope(|| wait!("tokio::sync::oneshot", "Receiver::await"));
        let polls = wait.in_scope(|| wait!(polls "tokio::sync::oneshot"));
        Op(Some(Box::new(Spans::new(wait, polls, Span::none(), "poll_recv"))))
    }

    /// The wait for a sleep. It begins with the sleep.
    pub(crate) fn sleeping(self) -> Op {
        let resource = self.0;
        if resource.is_none() {
            return Op(None);
        }
        let wait = trace_span!(
            target: "tokio::time::sleep",
            parent: &resource,
            "runtime.resource.async_op",
            source = "Sleep::new_timeout",
        );
        let polls = trace_span!(
            target: "tokio::time::sleep",
            parent: &wait,
            "runtime.resource.async_op.poll",
        );
        Op(Some(Box::new(Spans::new(wait, polls, resource, "poll_elapsed"))))
    }

    /// The wait for `permits` permits.
    pub(crate) fn acquiring(&self, permits: usize) -> Op {
        self.op(
            "poll_acquire",
            || wait!("tokio::sync::batch_semaphore", "Acquire::new"),
            || {
                catch_panic(|| {
                    wait_state!(permits_requested = permits, permits.op = "override");
                    wait_state!(permits_obtained = 0_usize, permits.op = "override");
                });
                wait!(polls "tokio::sync::batch_semaphore")
            },
        )
    }

    /// Makes the spans of a wait: the wait inside the resource, and its polls inside the wait.
    fn op(
        &self,
        poll: &'static str,
        wait: impl FnOnce() -> Span,
        polls: impl FnOnce() -> Span,
    ) -> Op {
        if self.0.is_none() {
            return Op(None);
        }
        self.0.in_scope(|| {
            let wait = wait();
            let polls = wait.in_scope(polls);
            Op(Some(Box::new(Spans::new(wait, polls, self.0.clone(), poll))))
        })
    }
}

/// Events.
impl Resource {
    /// Calls `f` inside the resource's span.
    #[inline]
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.in_scope(f)
    }

    fn tell(&self, event: impl FnOnce()) {
        if !self.0.is_none() {
            catch_panic(|| self.0.in_scope(event));
        }
    }

    /// Sends an event, also if there was no subscriber when the resource was made. A panic of the
    /// subscriber goes to the caller.
    fn say(&self, event: impl FnOnce()) {
        if is_heard() {
            self.0.in_scope(event);
        }
    }

    pub(crate) fn locked(&self, locked: bool) {
        self.tell(|| state!(locked));
    }

    pub(crate) fn write_locked(&self, write_locked: bool) {
        self.tell(|| state!(write_locked, write_locked.op = "override"));
    }

    pub(crate) fn reader_came(&self) {
        self.tell(|| state!(current_readers = 1, current_readers.op = "add"));
    }

    pub(crate) fn reader_left(&self) {
        self.tell(|| state!(current_readers = 1, current_readers.op = "sub"));
    }

    /// The polled waiter has taken permits, or has lined up and has them kept for it.
    pub(crate) fn permits_obtained(&self, permits: usize) {
        self.say(|| {
            state!(permits, permits.op = "sub");
            wait_state!(permits_obtained = permits, permits.op = "add");
        });
    }

    /// Permits were taken without a wait.
    pub(crate) fn permits_taken(&self, permits: usize) {
        self.tell(|| state!(permits, permits.op = "sub"));
    }

    /// Permits have come back.
    pub(crate) fn permits_back(&self, permits: usize) {
        self.tell(|| state!(permits, permits.op = "add"));
    }

    /// Permits were added.
    pub(crate) fn permits_added(&self, permits: usize) {
        self.say(|| state!(permits, permits.op = "add"));
    }

    /// A task arrived at a barrier, as the last one or not. Called in the poll of the wait.
    pub(crate) fn arrived(&self, is_last: bool) {
        if self.0.is_none() {
            return;
        }
        catch_panic(|| {
            state!(arrived = 1, arrived.op = "add");
            wait_state!(arrived = true);
            if is_last {
                wait_state!(is_leader = true);
                state!(arrived = 0, arrived.op = "override");
            }
        });
    }

    pub(crate) fn value_sent(&self) {
        self.tell(|| state!(value_sent = true, value_sent.op = "override"));
    }

    pub(crate) fn value_received(&self) {
        self.tell(|| state!(value_received = true, value_received.op = "override"));
    }

    pub(crate) fn tx_dropped(&self) {
        self.tell(|| state!(tx_dropped = true, tx_dropped.op = "override"));
    }

    pub(crate) fn rx_dropped(&self) {
        self.tell(|| state!(rx_dropped = true, rx_dropped.op = "override"));
    }
}

fn due_in(left: Duration) {
    let duration = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    state!(duration, duration.unit = "ms", duration.op = "override");
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
    wait: Span,
    polls: Span,
    resource: Span,
    poll: &'static str,
    /// Whether the deadline has not been sent to the subscriber yet.
    due_untold: AtomicBool,
}

impl Op {
    /// Polls with `f` inside the spans.
    #[inline]
    pub(crate) fn poll<T>(&self, f: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.within(|| self.told(f()))
    }

    /// Calls `f` inside the span of a poll.
    #[inline]
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.0 {
            None => f(),
            Some(spans) => spans.within(f),
        }
    }

    /// Sends how a poll, or a step of it, ended.
    #[inline]
    pub(crate) fn told<T>(&self, polled: Poll<T>) -> Poll<T> {
        if let Some(spans) = &self.0 {
            spans.tell(polled.is_ready());
        }
        polled
    }

    /// Sends the time until the timer is due, in a poll, if it has not been sent.
    #[inline]
    pub(crate) fn due_in(&self, left: impl FnOnce() -> Duration) {
        if let Some(spans) = &self.0 {
            // Polls exclude each other.
            if spans.due_untold.swap(false, Ordering::Relaxed) {
                catch_panic(|| due_in(left()));
            }
        }
    }

    /// The timer has another deadline.
    #[inline]
    pub(crate) fn is_moved(&mut self) {
        if let Some(spans) = &mut self.0 {
            *spans.due_untold.get_mut() = true;
        }
    }

    /// The sleep was given another deadline, `left` from now. From now on there is another wait.
    #[inline]
    pub(crate) fn sleep_again(&mut self, left: impl FnOnce() -> Duration) {
        if let Some(spans) = &mut self.0 {
            spans.sleep_again(left);
        }
    }

    /// The handle that a serving thread needs to send the event.
    pub(crate) fn handle(&self) -> WaitHandle {
        let wait = self.0.as_ref().map_or(Span::none(), |spans| spans.wait.clone());
        WaitHandle { wait, obtained: 0 }
    }
}

/// A wait, as seen by another thread than the waiting one.
#[derive(Debug)]
pub(crate) struct WaitHandle {
    wait: Span,
    /// The permits already sent as obtained.
    obtained: usize,
}

impl WaitHandle {
    /// Records how many permits were sent as obtained.
    pub(crate) fn obtains(&mut self, permits: usize) {
        self.obtained = permits;
    }
}

/// Permits that were given under a lock; the events are sent after it is released.
#[derive(Debug)]
pub(crate) struct Given {
    waits: Vec<(WaitHandle, usize)>,
    /// Permits that are left when the line is empty.
    rest: usize,
}

impl Given {
    pub(crate) const fn new() -> Given {
        Given { waits: Vec::new(), rest: 0 }
    }

    /// Records that a wait ends with `permits` permits. Sends no event.
    pub(crate) fn push(&mut self, wait: WaitHandle, permits: usize) {
        if !wait.wait.is_none() || is_heard() {
            self.waits.push((wait, permits));
        }
    }

    /// Records that the line is empty, with `permits` left.
    pub(crate) fn rest(&mut self, permits: usize) {
        self.rest += permits;
    }

    /// Sends the events and catches a panic of the subscriber.
    pub(crate) fn tell(self, permits: &Resource) {
        catch_panic(|| self.say(permits));
    }

    /// Sends the events. A panic of the subscriber goes to the caller.
    pub(crate) fn say(self, permits: &Resource) {
        for (WaitHandle { wait, obtained }, permits) in self.waits {
            let permits_obtained = permits - obtained;
            wait.in_scope(|| wait_state!(permits_obtained, permits.op = "add"));
        }
        if self.rest > 0 {
            permits.permits_added(self.rest);
        }
    }
}

impl Spans {
    fn new(wait: Span, polls: Span, resource: Span, poll: &'static str) -> Spans {
        Spans { wait, polls, resource, poll, due_untold: AtomicBool::new(true) }
    }

    fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        let _resource = self.resource.enter();
        let _wait = self.wait.enter();
        let _polls = self.polls.enter();
        f()
    }

    fn sleep_again(&mut self, left: impl FnOnce() -> Duration) {
        let _resource = self.resource.enter();
        self.wait = wait!("tokio::time::sleep", "Sleep::reset");
        let _wait = self.wait.enter();
        self.polls = wait!(polls "tokio::time::sleep");
        catch_panic(|| due_in(left()));
        *self.due_untold.get_mut() = false;
    }

    fn tell(&self, is_ready: bool) {
        catch_panic(|| {
            trace!(target: "runtime::resource::poll_op", op_name = self.poll, is_ready);
        });
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Op")
    }
}

pin_project! {
    /// The future of [`Resource::wait`].
    pub(crate) struct Instrumented<F> {
        #[pin]
        future: F,
        op: Op,
    }
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let future = this.future;
        this.op.poll(|| future.poll(cx))
    }
}
