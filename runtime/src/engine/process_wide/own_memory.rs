//! The file by which this process reads its own memory: `/proc/self/mem`.
//!
//! # Problem
//!
//! A stack must be copied without a fault where it ends. `process_vm_readv` does that, but
//! sandboxes take it for an attack on other processes, and some kill for it. Reading a file is a
//! call that every sandbox lets through: `pread`.
//!
//! # Shape
//!
//! The file is opened by the thread that takes stacks, before its first one, and kept: a signal
//! handler uses it, at a time that nobody knows beforehand, so it must never be closed. It is one
//! descriptor for the process, which is not passed on by `exec`.
//!
//! A child that was forked has inherited a file that shows its parent's memory. So it opens one of
//! its own before it takes its first stack. Handlers of the parent's questions do not run in it.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};

use super::fork::ForkGeneration;
use crate::engine::primitive::Mutex;

/// The file, and the process whose memory it shows.
static OPEN: Mutex<Option<(ForkGeneration, File)>> = Mutex::new(None);

/// The file's descriptor; -1 as long as there is none.
// No pair: it is set by the thread that then copies, or before it asks another one by a signal,
// whose answer has an order of its own.
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

/// The descriptor, if [`open`] has been called with success. Async-signal-safe.
pub(crate) fn descriptor() -> Option<i32> {
    let descriptor = DESCRIPTOR.load(Ordering::Relaxed);
    (descriptor >= 0).then_some(descriptor)
}
