//! How the threads of a runtime are made: their names, their stacks, the hooks at both ends.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::engine::catch_panic::catch_panic;
use crate::engine::messages;
use crate::engine::process_wide::signal_mask::{self, Mask};
use crate::engine::scheduler::Hook;

/// What a thread does. Boxed, so that the program holds what std does around it once, and not for
/// each kind of thread.
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
        catch_panic(|| hook());
    }
}

/// What a thread is called where its own name cannot be had.
const NAMELESS: &str = "runtime-worker";

/// How threads get their names.
#[derive(Clone)]
pub(super) enum ThreadName {
    /// All the same.
    Fixed(Arc<str>),
    /// Each by this function, which is the user's: it may block, panic, or give something that is
    /// no name.
    By(Arc<dyn Fn() -> String + Send + Sync>),
}

impl ThreadName {
    /// The name that threads have if nobody gives them one.
    pub(super) fn usual() -> ThreadName {
        ThreadName::Fixed(NAMELESS.into())
    }

    /// Says whether it is known beforehand that the system takes no such name.
    ///
    /// # Errors
    ///
    /// It does not.
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
    /// There is none that the system would take.
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

    /// The name for a thread that is started later. It is not to be missing because of its name, so
    /// what the system would not take is left out.
    ///
    /// # Errors
    ///
    /// The function panicked.
    pub(super) fn for_any(&self) -> io::Result<String> {
        self.ask().map(|name| name.replace('\0', ""))
    }

    /// As [`for_any`](ThreadName::for_any), and a panic goes through.
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

/// A name where none could be had.
pub(super) fn nameless() -> String {
    NAMELESS.to_owned()
}

/// How the runtime's threads are made.
pub(super) struct ThreadPlan {
    pub(super) name: ThreadName,
    pub(super) stack_size: Option<usize>,
    pub(super) on_start: Option<Hook>,
    pub(super) on_stop: Option<Hook>,
    /// The signals that the thread blocks which built the runtime.
    pub(super) mask: Mask,
}

impl ThreadPlan {
    /// Starts a thread. `body` is given the hooks that it is to call.
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
