//! How the threads of a runtime are made: their names, their stacks, the hooks at both ends.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::engine::contain::contain;
use crate::engine::scheduler::Hook;

/// What a thread does. Boxed, so that the program holds what std does around it once, and not for each kind of thread.
pub(super) type Body = Box<dyn FnOnce() + Send>;

/// The same for one that has the hook at its beginning called when it is set up.
pub(super) type BodyWithSetUp = Box<dyn FnOnce(&dyn Fn()) + Send>;

/// How the runtime's threads are made.
pub(super) struct ThreadPlan {
    pub(super) name: Arc<dyn Fn() -> String + Send + Sync>,
    pub(super) stack_size: Option<usize>,
    pub(super) on_start: Option<Hook>,
    pub(super) on_stop: Option<Hook>,
}

impl ThreadPlan {
    /// `body` is given what to call when the thread is set up.
    pub(super) fn start(&self, body: BodyWithSetUp) -> io::Result<thread::JoinHandle<()>> {
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
        let body: Body = Box::new(move || {
            body(&|| {
                if let Some(hook) = &on_start {
                    contain(|| hook());
                }
            });
            if let Some(hook) = on_stop {
                contain(|| hook());
            }
        });
        builder.spawn(body)
    }
}
