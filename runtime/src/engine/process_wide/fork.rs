//! Detects that this process was forked after a value was made.
//!
//! # Problem
//!
//! A `fork` copies one thread. The child has the memory of a runtime without its threads, locks
//! that will not be unlocked, and an epoll instance that it shares with the parent. To wait for any
//! of them is a hang, and to change the epoll instance disturbs the parent.
//!
//! So a handler that runs in every child counts generations. A value that must not be used in a
//! child remembers its generation, and its cold entry points compare it before they take a lock.
#![allow(unsafe_code, reason = "pthread_atfork; docs/unsafe.md, K3")]

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of forks between the first process that made a [`ForkGeneration`] and this one.
// No pair: it changes only in a child that has one thread.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The process in which a value was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ForkGeneration(u64);

impl ForkGeneration {
    /// This process.
    pub(crate) fn here() -> ForkGeneration {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(install);
        ForkGeneration(GENERATION.load(Ordering::Relaxed))
    }

    /// Whether this process is a child forked since.
    #[inline]
    pub(crate) fn is_in_parent(self) -> bool {
        self.0 != GENERATION.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
fn install() {
    unsafe extern "C" fn in_child() {
        GENERATION.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: the handler is a plain function that lives for ever and does what is allowed between
    // `fork` and `exec`: one atomic addition. Without memory for it there is no handler, and a
    // child is not told from its parent.
    unsafe {
        libc::pthread_atfork(None, None, Some(in_child));
    }
}

#[cfg(not(unix))]
fn install() {}
