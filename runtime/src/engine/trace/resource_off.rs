//! Replaces `resource.rs` without the feature `tracing`: no events.

use std::future::Future;
use std::panic::Location;
use std::task::Poll;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Resource;

macro_rules! nothing {
    ($($verb:ident($($type:ty)?);)*) => {
        $(
            #[inline]
            pub(crate) fn $verb(&self $(, _: $type)?) {}
        )*
    };
}

impl Resource {
    #[inline]
    pub(crate) const fn none() -> Resource {
        Resource
    }

    #[inline]
    pub(crate) fn mutex<R>(_: &Location<'_>, part: impl FnOnce() -> R) -> (Resource, R) {
        (Resource, part())
    }

    #[inline]
    pub(crate) fn rwlock<R>(_: &Location<'_>, _: u32, part: impl FnOnce() -> R) -> (Resource, R) {
        (Resource, part())
    }

    #[inline]
    pub(crate) fn semaphore<R>(_: &Location<'_>, part: impl FnOnce() -> R) -> (Resource, R) {
        (Resource, part())
    }

    #[inline]
    pub(crate) fn permits(_: usize) -> Resource {
        Resource
    }

    #[inline]
    pub(crate) fn barrier(_: &Location<'_>, _: usize) -> Resource {
        Resource
    }

    #[inline]
    pub(crate) fn oneshot(_: &Location<'_>) -> Resource {
        Resource
    }

    #[inline]
    pub(crate) fn sleep(_: &Location<'_>) -> Resource {
        Resource
    }

    #[inline]
    pub(crate) fn interval(_: &Location<'_>) -> Resource {
        Resource
    }

    #[inline]
    pub(crate) fn wait<F: Future>(
        &self,
        _: &'static str,
        _: &'static str,
        make: impl FnOnce() -> F,
    ) -> Instrumented<F> {
        make()
    }

    #[inline]
    pub(crate) fn wait_later<F: Future>(
        &self,
        _: &'static str,
        _: &'static str,
        make: impl FnOnce() -> F,
    ) -> F {
        make()
    }

    #[inline]
    pub(crate) fn wait_inside<F: Future>(
        &self,
        _: &'static str,
        _: &'static str,
        make: impl FnOnce() -> F,
    ) -> Instrumented<F> {
        make()
    }

    #[inline]
    pub(crate) fn receiving(&self) -> Op {
        Op
    }

    #[inline]
    pub(crate) fn sleeping(self) -> Op {
        Op
    }

    #[inline]
    pub(crate) fn acquiring(&self, _: usize) -> Op {
        Op
    }

    #[inline]
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }

    nothing! {
        locked(bool);
        write_locked(bool);
        reader_came();
        reader_left();
        permits_obtained(usize);
        permits_taken(usize);
        permits_back(usize);
        permits_added(usize);
        arrived(bool);
        value_sent();
        value_received();
        tx_dropped();
        rx_dropped();
    }
}

#[derive(Debug)]
pub(crate) struct Op;

pub(crate) type Instrumented<F> = F;

impl Op {
    #[inline]
    pub(crate) fn poll<T>(&self, f: impl FnOnce() -> Poll<T>) -> Poll<T> {
        f()
    }

    #[inline]
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }

    #[inline]
    pub(crate) fn told<T>(&self, polled: Poll<T>) -> Poll<T> {
        polled
    }

    #[inline]
    pub(crate) fn due_in(&self, _: impl FnOnce() -> Duration) {}

    #[inline]
    pub(crate) fn is_moved(&mut self) {}

    #[inline]
    pub(crate) fn sleep_again(&mut self, _: impl FnOnce() -> Duration) {}

    #[inline]
    pub(crate) fn handle(&self) -> WaitHandle {
        WaitHandle
    }
}

#[derive(Debug)]
pub(crate) struct WaitHandle;

impl WaitHandle {
    #[inline]
    pub(crate) fn obtains(&mut self, _: usize) {}
}

#[derive(Debug)]
pub(crate) struct Given;

impl Given {
    #[inline]
    pub(crate) const fn new() -> Given {
        Given
    }

    #[inline]
    pub(crate) fn push(&mut self, _: WaitHandle, _: usize) {}

    #[inline]
    pub(crate) fn rest(&mut self, _: usize) {}

    #[inline]
    pub(crate) fn tell(self, _: &Resource) {}

    #[inline]
    pub(crate) fn say(self, _: &Resource) {}
}
