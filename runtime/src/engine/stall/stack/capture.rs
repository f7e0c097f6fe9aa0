//! The raw copy of a thread's stack and registers.

use super::procfs::{self, Syscall};
use super::{How, Registers, STACK_BYTES, Tid, Why, memory, registers};
use crate::engine::process_wide::{own_memory, stall_signal};

/// After this many looks that do not find a blocked thread twice in the same place, capture gives
/// up.
const ATTEMPTS: usize = 4;

/// A raw copy of a thread's registers and of the stack from its stack pointer on.
pub(crate) struct Capture {
    pub(super) registers: Registers,
    /// The address of the copy's first byte.
    pub(super) start: u64,
    pub(super) stack: Vec<u8>,
}

impl Capture {
    /// The word at `address`, if it is part of the copy.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        let offset = usize::try_from(address.checked_sub(self.start)?).ok()?;
        let bytes = self.stack.get(offset..offset.checked_add(8)?)?;
        Some(u64::from_ne_bytes(bytes.try_into().ok()?))
    }

    /// The address after the copy's last byte.
    pub(super) fn end(&self) -> u64 {
        self.start + self.stack.len() as u64
    }
}

/// Copies the stack and the registers of another thread of this process.
///
/// Takes some 100 microseconds for a blocked thread. For a running one it takes until the thread is
/// scheduled, up to 100 milliseconds.
pub(crate) fn capture(tid: Tid, how: How) -> Result<Capture, Why> {
    // The only allocation comes before anything is read.
    let mut stack = vec![0; STACK_BYTES];
    own_memory::open().map_err(Why::Io)?;
    for _ in 0..ATTEMPTS {
        let before = procfs::syscall(tid)?;
        let Some(registers) = before.registers() else {
            if !how.signal {
                return Err(Why::NotAllowed(before.state()));
            }
            return by_signal(tid, stack);
        };
        if !how.blocked {
            return Err(Why::NotAllowed(before.state()));
        }
        let start = registers.sp.saturating_sub(registers::RED_ZONE);
        let length = memory::read(start, &mut stack);
        // The same place before and after: the thread slept throughout, or went round a loop and
        // sleeps again in the same frames.
        let after: Syscall = procfs::syscall(tid)?;
        if after == before {
            stack.truncate(length);
            return Ok(Capture { registers, start, stack });
        }
    }
    Err(Why::Moving)
}

/// Where this thread's stack ends at present.
#[cfg_attr(not(feature = "insight"), allow(dead_code, reason = "nobody asks"))]
pub(crate) fn stack_pointer() -> usize {
    registers::here().sp as usize
}

/// Opens what [`capture_here`] reads the stack from.
#[cfg_attr(not(feature = "insight"), allow(dead_code, reason = "nobody asks"))]
pub(crate) fn prepare() -> Result<(), Why> {
    own_memory::open().map_err(Why::Io)
}

/// Copies the stack of this thread, from the caller's frame up to the address `base`, or some more.
/// Nothing before [`prepare`].
#[cfg_attr(not(feature = "insight"), allow(dead_code, reason = "nobody asks"))]
#[inline(never)]
pub(crate) fn capture_here(base: usize) -> Option<Capture> {
    /// What is above the base: the frame that the base is in.
    const ABOVE: u64 = 1024;
    let registers = registers::here();
    let end = (base as u64).checked_add(ABOVE)?;
    let length = usize::try_from(end.checked_sub(registers.sp)?).ok()?;
    let mut stack = vec![0; length.min(STACK_BYTES)];
    let length = memory::read(registers.sp, &mut stack);
    stack.truncate(length);
    (length > 0).then_some(Capture { registers, start: registers.sp, stack })
}

fn by_signal(tid: Tid, mut stack: Vec<u8>) -> Result<Capture, Why> {
    let (registers, start, length) = stall_signal::ask(tid, &mut stack)?;
    stack.truncate(length);
    Ok(Capture { registers, start, stack })
}
