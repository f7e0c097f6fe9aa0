//! In place of `resource.rs` without the feature `tracing`: nobody is told anything.

use std::future::Future;
use std::panic::Location;
use std::task::Poll;
use std::time::Duration;

#[derive(Debug)]
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
    pub(crate) fn sync(_: &'static str, _: &Location<'_>) -> Resource {
        Resource
    }

    #[inline]
    pub(crate) fn timer(_: &'static str, _: &Location<'_>) -> Resource {
        Resource
    }

    #[inline]
    pub(crate) fn op(&self, _: &'static str, _: &'static str) -> Op {
        Op
    }

    nothing! {
        locked(bool);
        write_locked(bool);
        max_readers(u32);
        reader_came();
        reader_left();
        permits(usize);
        permits_added(usize);
        permits_taken(usize);
        size(usize);
        arrived(usize);
        value_sent();
        value_received();
        tx_dropped(bool);
        rx_dropped(bool);
    }

    #[inline]
    pub(crate) fn due_in(&self, _: impl FnOnce() -> Duration) {}
}

#[derive(Debug)]
pub(crate) struct Op;

pub(crate) type Seen<F> = F;

impl Op {
    #[inline]
    pub(crate) fn poll<T>(&self, f: impl FnOnce() -> Poll<T>) -> Poll<T> {
        f()
    }

    #[inline]
    pub(crate) fn wrap<F: Future>(self, future: F) -> Seen<F> {
        future
    }
}
