//! The file through which this process reads its own memory: `/proc/self/mem`.
//!
//! # Problem
//!
//! A stack must be copied without a fault at its end. `process_vm_readv` does that, but sandboxes
//! take it for an attack on other processes, and some kill the process. Every sandbox allows
//! `pread`.
//!
//! # Shape
//!
//! The thread that takes stacks opens the file before its first one, and keeps it open: a signal
//! handler may use it at any time, so it must not be closed. It is one descriptor for the process,
//! which `exec` closes.
//!
//! A forked child inherits a file that shows its parent's memory. So it opens its own file before
//! it takes its first stack. Signals that the parent sent do not reach the child.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};

use super::fork::ForkGeneration;
use crate::engine::primitive::Mutex;

/// The file, and the process whose memory it shows.
static OPEN: Mutex<Option<(ForkGeneration, File)>> = Mutex::new(None);

/// The file's descriptor; -1 as long as there is none.
// No pair: the thread that sets it then copies by itself, or asks another thread by a signal. The
// answer has its own ordering.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(-1);

/// Opens the file, unless this process has it open.
pub(crate) fn open() -> io::Result<()> {
    let mut open = OPEN.lock();
    if open.as_ref().is_some_and(|(generation, _)| !generation.is_in_parent()) {
        return Ok(());
    }
    let file = File::open("/proc/self/mem")?;
    DESCRIPTOR.store(file.as_raw_fd(), Ordering::Relaxed);
    *open = Some((ForkGeneration::here(), file));
    Ok(())
}

/// The descriptor, if [`open`] has succeeded. Async-signal-safe.
pub(crate) fn descriptor() -> Option<i32> {
    let descriptor = DESCRIPTOR.load(Ordering::Relaxed);
    (descriptor >= 0).then_some(descriptor)
}
