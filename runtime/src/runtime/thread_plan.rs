//! How the threads of a runtime are made: their names, their stacks, the hooks at both ends.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::engine::contain::contain;
use crate::engine::process_wide::signal_mask::{self, Mask};
use crate::engine::scheduler::Hook;
use crate::engine::text;

/// What a thread does. Boxed, so that the program holds what std does around it once, and not for each kind of thread.
pub(super) type Body = Box<dyn FnOnce() + Send>;

/// The same for one that has the hook at its beginning called when it is set up.
pub(super) type BodyWithSetUp = Box<dyn FnOnce(&dyn Fn()) + Send>;

/// What a thread is called where its own name cannot be had.
const NAMELESS: &str = "runtime-worker";

/// How threads get their names.
#[derive(Clone)]
pub(super) enum ThreadName {
    /// All the same.
    Fixed(Arc<str>),
    /// Each by this function, which is the user's: it may block, panic, or give something that is no name.
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
                Err(io::Error::new(io::ErrorKind::InvalidInput, text::name_with_nul(name)))
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
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text::name_with_nul(&name)));
        }
        Ok(name)
    }

    /// The name for a thread that is started later. It is not to be missing because of its name, so what the
    /// system would not take is left out.
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
                contain(|| name = Some(function()));
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
    /// Starts a thread. `body` is given what to call when the thread is set up.
    pub(super) fn start(
        &self,
        name: String,
        body: BodyWithSetUp,
    ) -> io::Result<thread::JoinHandle<()>> {
        let mut builder = thread::Builder::new().name(name);
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        let (on_start, on_stop) = (self.on_start.clone(), self.on_stop.clone());
        let mask = signal_mask::for_new_thread(self.mask);
        let body: Body = Box::new(move || {
            if let Some(mask) = mask {
                mask.apply();
            }
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
