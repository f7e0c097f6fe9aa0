//! Captures the state and the stack of another thread without disturbing it.
//!
//! # Problem
//!
//! A worker has been inside one poll for too long. Another thread has to report the call that
//! blocks it, in production. Three ways are not acceptable:
//!
//! - A signal interrupts system calls. `SA_RESTART` does not restart `nanosleep`, `epoll_wait`,
//!   `poll`, or a read with a receive timeout: looking at a program would change what it does.
//! - `ptrace` does not work within a process, and stops the thread.
//! - An unwinder on the stalled thread allocates and locks while the thread may hold the same
//!   locks.
//!
//! # The two ways
//!
//! [`thread_state`] asks the kernel (`/proc/self/task/TID/syscall`). [`queued`] tells how long a
//! thread was ready to run without a processor (`schedstat`).
//!
//! **Blocked** in a system call: the same file gives the stack pointer and the program counter. The
//! stack is read from `/proc/self/mem`, which fails where plain reads would fault. The thread does
//! not notice. If the file has changed afterwards, the thread has moved, the copy may be torn, and
//! it is taken again. The kernel does not give the frame pointer; where the unwinder needs it, it
//! is derived from the code of the function (`stack/unwind.rs`).
//!
//! **Running**: the registers exist only in the processor. So a signal is sent, whose handler
//! copies registers and raw stack into prepared memory, and returns (`process_wide::stall_signal`
//! argues why that is safe, and what it can disturb).
//!
//! Both give a [`Capture`]: raw words, cheap to take. The reporting thread, which owns an
//! [`Unwinder`], unwinds and symbolises the copy later.
//!
//! # Locks that the target may hold
//!
//! The target is never stopped (by the signal only for a copy that takes no lock), so it goes on to
//! release its locks. A capture that allocates while the target is inside malloc waits for that
//! critical section as any other thread would. If the target blocks for ever while it holds a lock
//! of the allocator or of the dynamic loader, the reporting thread hangs, as every other thread of
//! the process would. Therefore the monitor's thread never unwinds or symbolises. A capture needs
//! one allocation, made before anything of the target is read.
//!
//! # Elsewhere
//!
//! On other systems and processors, and without the feature `stall-backtrace`, a capture returns
//! [`Why::Unsupported`], and the report has only the spawn location.

#[cfg_attr(not(target_os = "linux"), path = "procfs_unsupported.rs")]
mod procfs;
#[cfg_attr(
    not(all(
        feature = "stall-backtrace",
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    path = "stack_unsupported.rs"
)]
pub(crate) mod stack;
#[cfg_attr(not(target_os = "linux"), path = "system_calls_unsupported.rs")]
pub(crate) mod system_calls;
mod trace;

use std::fmt;
use std::io;

pub(crate) use procfs::{queued, sleeps, thread_state};
#[cfg_attr(not(feature = "insight"), allow(unused_imports, reason = "nobody asks for stacks"))]
pub(crate) use stack::{Capture, Unwinder, capture, capture_here, prepare, stack_pointer};
pub(crate) use trace::{Address, Frame, Module, Trace};

/// Bytes of stack that are copied: some hundred frames of a release build.
pub(crate) const STACK_BYTES: usize = 256 * 1024;

/// A thread of this process, as the kernel numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tid(pub(crate) i32);

/// Which ways of looking at a thread are allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// To look at a thread that sleeps in the kernel: no side effects.
    pub(crate) blocked: bool,
    /// To look at a thread that computes: needs a signal.
    pub(crate) signal: bool,
}

impl How {
    /// Both ways.
    pub(crate) const ANY: How = How { blocked: true, signal: true };
}

/// What a thread was doing at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadState {
    /// It sleeps in the kernel; `syscall` is the system call's number, if it is one (and not, say,
    /// a page fault).
    Blocked { syscall: Option<i64> },
    /// It computes, or waits for a processor.
    Running,
}

/// Why there is no capture.
#[derive(Debug)]
pub(crate) enum Why {
    /// This system or processor offers no way, or the feature `stall-backtrace` is off.
    #[allow(dead_code, reason = "answered on other systems only")]
    Unsupported,
    /// The thread has exited.
    Gone,
    /// The thread does not hold still long enough to be copied.
    Moving,
    /// The thread is in a state that the caller did not allow to look at.
    NotAllowed(ThreadState),
    /// A thread that was asked earlier is still answering.
    Busy,
    /// The thread did not answer the signal: it blocks it, it was not scheduled, or the process has
    /// taken the signal for something else.
    NoAnswer,
    /// The kernel refused.
    Io(io::Error),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Unsupported => f.write_str(
                "stacks of other threads can be read on Linux (x86-64, aarch64) with the feature `stall-backtrace` only",
            ),
            Why::Gone => f.write_str("the thread has exited"),
            Why::Moving => f.write_str("the thread did not hold still"),
            Why::NotAllowed(state) => write!(f, "not allowed to look at a thread that is {state:?}"),
            Why::Busy => f.write_str("another thread has yet to answer the signal"),
            Why::NoAnswer => f.write_str(
                "the thread did not answer SIGURG: it blocks the signal, was not scheduled, or the process handles it otherwise",
            ),
            Why::Io(error) => write!(f, "the system refused to look at the thread: {error}"),
        }
    }
}

/// The values of the processor's registers, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Registers {
    pub(crate) pc: u64,
    pub(crate) sp: u64,
    pub(crate) fp: Option<u64>,
    /// The link register, on processors that have one.
    #[allow(dead_code, reason = "not read where there is none")]
    pub(crate) lr: Option<u64>,
    /// `pc` is an instruction that has not run yet, not one after a call.
    pub(crate) interrupted: bool,
}
