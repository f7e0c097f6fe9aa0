//! How the threads of a runtime are started: their names, their stacks, their start and stop hooks.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::engine::catch_panic::catch_panic;
use crate::engine::messages;
use crate::engine::process_wide::signal_mask::{self, Mask};
use crate::engine::scheduler::Hook;

/// What a thread does. Boxed, so that std's code around it exists once in the program, and not for
/// each kind of thread.
pub(super) type Body = Box<dyn FnOnce() + Send>;

/// The same for a thread that calls its hooks itself, while its runtime is current.
pub(super) type BodyWithHooks = Box<dyn FnOnce(&Hooks) + Send>;

/// The start and stop hooks of a thread.
pub(super) struct Hooks {
    on_start: Option<Hook>,
    on_stop: Option<Hook>,
}

impl Hooks {
    /// Calls the start hook. The thread is set up, and inside its runtime.
    pub(super) fn start(&self) {
        call(self.on_start.as_ref());
    }

    /// Calls the stop hook. The thread's work is done, and it is still inside its runtime.
    pub(super) fn stop(&self) {
        call(self.on_stop.as_ref());
    }
}

fn call(hook: Option<&Hook>) {
    if let Some(hook) = hook {
        catch_panic(|| hook());
    }
}

/// The default name of a thread.
const NAMELESS: &str = "runtime-worker";

/// How threads get their names.
#[derive(Clone)]
pub(super) enum ThreadName {
    /// All have this name.
    Fixed(Arc<str>),
    /// Each is named by this user function, which may block, panic, or return an invalid name.
    By(Arc<dyn Fn() -> String + Send + Sync>),
}

impl ThreadName {
    /// The default name.
    pub(super) fn usual() -> ThreadName {
        ThreadName::Fixed(NAMELESS.into())
    }

    /// Checks a fixed name.
    ///
    /// # Errors
    ///
    /// If the system does not allow it.
    pub(super) fn check(&self) -> io::Result<()> {
        match self {
            ThreadName::Fixed(name) if name.contains('\0') => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, messages::name_with_nul(name)))
            }
            _ => Ok(()),
        }
    }

    /// The name for a thread that `build` starts.
    ///
    /// # Errors
    ///
    /// If the function panics, or the system does not allow the name.
    pub(super) fn for_worker(&self) -> io::Result<String> {
        let name = self.ask()?;
        if name.contains('\0') {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                messages::name_with_nul(&name),
            ));
        }
        Ok(name)
    }

    /// The name for a thread that is started later. NULs are left out, so that the thread can be
    /// started.
    ///
    /// # Errors
    ///
    /// If the function panicked.
    pub(super) fn for_any(&self) -> io::Result<String> {
        self.ask().map(|name| name.replace('\0', ""))
    }

    /// As [`for_any`](ThreadName::for_any), but a panic goes to the caller.
    pub(super) fn for_job(&self) -> String {
        match self {
            ThreadName::Fixed(name) => name.replace('\0', ""),
            ThreadName::By(name) => name().replace('\0', ""),
        }
    }

    fn ask(&self) -> io::Result<String> {
        match self {
            ThreadName::Fixed(name) => Ok((**name).to_owned()),
            ThreadName::By(function) => {
                let mut name = None;
                catch_panic(|| name = Some(function()));
                name.ok_or_else(|| io::Error::other("the function that names threads panicked"))
            }
        }
    }
}

/// The default name, for a thread that got no other.
pub(super) fn nameless() -> String {
    NAMELESS.to_owned()
}

/// How the runtime's threads are started.
pub(super) struct ThreadPlan {
    pub(super) name: ThreadName,
    pub(super) stack_size: Option<usize>,
    pub(super) on_start: Option<Hook>,
    pub(super) on_stop: Option<Hook>,
    /// The signal mask of the thread that built the runtime.
    pub(super) mask: Mask,
}

impl ThreadPlan {
    /// Starts a thread. `body` is given the hooks, which it must call.
    pub(super) fn start(
        &self,
        name: String,
        body: BodyWithHooks,
    ) -> io::Result<thread::JoinHandle<()>> {
        let mut builder = thread::Builder::new().name(name);
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        let hooks = Hooks { on_start: self.on_start.clone(), on_stop: self.on_stop.clone() };
        let mask = signal_mask::for_new_thread(self.mask);
        let body: Body = Box::new(move || {
            if let Some(mask) = mask {
                mask.apply();
            }
            body(&hooks);
        });
        builder.spawn(body)
    }
}
