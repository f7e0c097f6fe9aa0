//! The futures that threads block on: `Runtime::block_on` and its like. They are no tasks, so a
//! dump finds them in a list of their own.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::engine::insight::{Block, NoteTaking, Reading, WakeSource};
use crate::engine::primitive::{Mutex, ticks};
use crate::engine::scheduler::NO_WORKER;

/// All roots of a runtime.
#[derive(Default)]
pub(super) struct Roots(Mutex<Vec<Arc<Entry>>>);

/// A root future.
pub(super) struct Entry {
    pub(super) called_at: &'static Location<'static>,
    pub(super) thread: Option<String>,
    block: Block,
}

impl Entry {
    pub(super) fn read(&self) -> Reading {
        self.block.read()
    }
}

impl Roots {
    /// Wraps the future so that it notes what it waits for, if the runtime `is_observed`.
    pub(super) fn observe<F: Future>(
        self: &Arc<Roots>,
        is_observed: bool,
        future: F,
        called_at: &'static Location<'static>,
    ) -> Observed<F> {
        let listed = is_observed.then(|| self.list(called_at, size_of::<F>()));
        Observed { future, listed }
    }

    #[cold]
    fn list(
        self: &Arc<Roots>,
        called_at: &'static Location<'static>,
        future_size: usize,
    ) -> Listed {
        let thread = std::thread::current().name().map(str::to_owned);
        let block = Block::new(ticks(), WakeSource::here(), future_size);
        let entry = Arc::new(Entry { called_at, thread, block });
        self.0.lock().push(Arc::clone(&entry));
        Listed { entry, roots: Arc::clone(self) }
    }

    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.0.lock().clone()
    }
}

/// Takes the entry off the list when dropped.
struct Listed {
    entry: Arc<Entry>,
    roots: Arc<Roots>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.roots.0.lock().retain(|entry| !Arc::ptr_eq(entry, &self.entry));
    }
}

pin_project! {
    /// Made by [`Roots::observe`].
    pub(super) struct Observed<F> {
        #[pin]
        future: F,
        listed: Option<Listed>,
    }
}

impl<F: Future> Future for Observed<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(listed) = this.listed else { return this.future.poll(cx) };
        let block = &listed.entry.block;
        let notes = NoteTaking::begin();
        block.begin_poll(ticks(), NO_WORKER);
        let polled = this.future.poll(cx);
        notes.leave_in(block, ticks());
        polled
    }
}
