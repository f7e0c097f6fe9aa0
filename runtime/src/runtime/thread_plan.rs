//! How the threads of a runtime are made: their names, their stacks, the hooks at both ends.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::engine::contain::contain;
use crate::engine::scheduler::Hook;

/// What a thread does. Boxed, so that the program holds what std does around it once, and not for each kind of thread.
pub(super) type Body = Box<dyn FnOnce() + Send>;

/// The same for one that calls the hooks at both ends itself, where its runtime is current.
pub(super) type BodyWithHooks = Box<dyn FnOnce(&Hooks) + Send>;

/// The hooks at the ends of a thread.
pub(super) struct Hooks {
    on_start: Option<Hook>,
    on_stop: Option<Hook>,
}

impl Hooks {
    /// The thread is set up, and inside its runtime.
    pub(super) fn start(&self) {
        call(self.on_start.as_ref());
    }

    /// The thread has done all it had to do, and is still inside its runtime.
    pub(super) fn stop(&self) {
        call(self.on_stop.as_ref());
    }
}

fn call(hook: Option<&Hook>) {
    if let Some(hook) = hook {
        contain(|| hook());
    }
}

/// How the runtime's threads are made.
pub(super) struct ThreadPlan {
    pub(super) name: Arc<dyn Fn() -> String + Send + Sync>,
    pub(super) stack_size: Option<usize>,
    pub(super) on_start: Option<Hook>,
    pub(super) on_stop: Option<Hook>,
}

impl ThreadPlan {
    /// `body` is given the hooks that it is to call.
    pub(super) fn start(&self, body: BodyWithHooks) -> io::Result<thread::JoinHandle<()>> {
        // User code, called on whatever thread needs another one.
        let mut name = None;
        contain(|| name = Some((self.name)()));
        let name =
            name.ok_or_else(|| io::Error::other("the function that names threads panicked"))?;
        let mut builder = thread::Builder::new().name(name);
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        let hooks = Hooks { on_start: self.on_start.clone(), on_stop: self.on_stop.clone() };
        let body: Body = Box::new(move || body(&hooks));
        builder.spawn(body)
    }
}
