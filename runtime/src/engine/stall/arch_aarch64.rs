//! What differs on aarch64: the registers, and how a frame pointer that is not known is found.
//!
//! Of a blocked thread the kernel tells `sp` and `pc` alone. Functions keep frame records (the saved
//! frame pointer, then the return address) as a rule, each pointing up to the next, so the first
//! such pair above the stack pointer whose return address follows a call is taken for the record.
//! A leaf function that makes the system call has its return address in the link register only:
//! its caller is then missing from the trace.

use super::unwind::Place;
use super::{Registers, memory};

pub(crate) type Native = framehop::aarch64::UnwinderAarch64<Vec<u8>>;
pub(crate) type Cache = framehop::aarch64::CacheAarch64;
pub(crate) type UnwindRegisters = framehop::aarch64::UnwindRegsAarch64;

/// Nothing below the stack pointer belongs to the thread.
pub(crate) const RED_ZONE: u64 = 0;

/// The registers of an interrupted thread.
pub(crate) fn registers(context: &libc::ucontext_t) -> Registers {
    Registers {
        pc: context.uc_mcontext.pc,
        sp: context.uc_mcontext.sp,
        fp: Some(context.uc_mcontext.regs[29]),
        lr: Some(context.uc_mcontext.regs[30]),
        interrupted: true,
    }
}

/// The registers as the unwinder takes them, with `unknown` for what is not known.
pub(super) fn unwind_registers(registers: &Registers, unknown: u64) -> UnwindRegisters {
    let lr = registers.lr.unwrap_or(unknown);
    UnwindRegisters::new(lr, registers.sp, registers.fp.unwrap_or(unknown))
}

pub(super) fn with_frame_pointer(mut registers: UnwindRegisters, fp: u64) -> UnwindRegisters {
    registers.set_fp(fp);
    registers
}

pub(super) fn with_stack_pointer(mut registers: UnwindRegisters, sp: u64) -> UnwindRegisters {
    registers.set_sp(sp);
    registers
}

pub(super) fn stack_pointer(registers: &UnwindRegisters) -> u64 {
    registers.sp()
}

/// How many words of the stack are searched for a frame record.
const SEARCH: u64 = 4096;

/// The nearest frame record at or above `sp`.
pub(super) fn frame_pointer(place: &Place<'_>, sp: u64) -> Option<u64> {
    (0..SEARCH).map(|word| sp + word * 8).find(|fp| {
        let saved = place.word(*fp).is_some_and(|saved| saved > *fp && place.is_stack(saved));
        let after = place.word(fp + 8).filter(|after| place.is_code(*after));
        saved && after.is_some_and(follows_a_call)
    })
}

/// Return addresses are in frame records or in the link register: see [`frame_pointer`].
pub(super) fn return_address(_place: &Place<'_>, _sp: u64) -> Option<(u64, u64)> {
    None
}

/// Whether the instruction before `after` is `bl` or `blr`.
fn follows_a_call(after: u64) -> bool {
    memory::read_array(after.wrapping_sub(4)).map(u32::from_le_bytes).is_some_and(|instruction| {
        instruction >> 26 == 0b10_0101 || instruction & 0xffff_fc1f == 0xd63f_0000
    })
}
