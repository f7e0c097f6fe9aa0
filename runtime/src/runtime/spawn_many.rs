//! Spawns many tasks that become runnable together.

use std::future::Future;

use super::handle::Handle;
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::task::{Identity, JoinHandle, Runnable};

/// Tasks that have been made and are not queued yet. No user code but the spawn hook runs between
/// the first of them and [`publish`](Batch::publish): a shutdown waits for it.
pub(crate) struct Batch<'a> {
    handle: &'a Handle,
    tasks: Vec<Runnable>,
}

impl Handle {
    /// A batch without tasks, with room for so many.
    pub(crate) fn spawn_together(&self, room: usize) -> Batch<'_> {
        self.assert_not_forked();
        Batch { handle: self, tasks: Vec::with_capacity(room) }
    }
}

impl Batch<'_> {
    /// Makes a task.
    pub(crate) fn spawn<F>(&mut self, future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let identity = identity.of_size(FullSize::of::<F>());
        let (scheduler, tasks) = (self.handle.scheduler(), &mut self.tasks);
        large_on_heap!(future: F => scheduler.spawn_into(tasks, future, identity))
    }

    /// Queues the tasks: they may run from here on.
    pub(crate) fn publish(&mut self) {
        if !self.tasks.is_empty() {
            self.handle.scheduler().schedule_all(&mut self.tasks);
        }
    }
}

impl Drop for Batch<'_> {
    /// After a panic of a hook.
    fn drop(&mut self) {
        self.publish();
    }
}
