//! How the threads of a runtime are made: their names, their stacks, the hooks at both ends.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::engine::contain::contain;
use crate::engine::scheduler::Hook;

/// How the runtime's threads are made.
pub(super) struct ThreadPlan {
    pub(super) name: Arc<dyn Fn() -> String + Send + Sync>,
    pub(super) stack_size: Option<usize>,
    pub(super) on_start: Option<Hook>,
    pub(super) on_stop: Option<Hook>,
}

impl ThreadPlan {
    /// `body` is given what to call when the thread is set up.
    pub(super) fn start(
        &self,
        body: impl FnOnce(&dyn Fn()) + Send + 'static,
    ) -> io::Result<thread::JoinHandle<()>> {
        // User code, called on whatever thread needs another one.
        let mut name = None;
        contain(|| name = Some((self.name)()));
        let name =
            name.ok_or_else(|| io::Error::other("the function that names threads panicked"))?;
        let mut builder = thread::Builder::new().name(name);
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        let (on_start, on_stop) = (self.on_start.clone(), self.on_stop.clone());
        builder.spawn(move || {
            body(&|| {
                if let Some(hook) = &on_start {
                    contain(|| hook());
                }
            });
            if let Some(hook) = on_stop {
                contain(|| hook());
            }
        })
    }
}
