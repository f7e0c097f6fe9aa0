//! What differs on aarch64: the registers, and how a frame pointer that is not known is found.
//!
//! Of a blocked thread the kernel tells `sp` and `pc` alone. Functions keep frame records (the saved
//! frame pointer, then the return address) as a rule, each pointing up to the next, so the first
//! such pair above the stack pointer whose return address follows a call is taken for the record.
//! A leaf function that makes the system call has its return address in the link register only:
//! its caller is then missing from the trace.

use gimli::{AArch64, Register, Vendor};

use super::unwind::{Place, Values};
use super::{Registers, memory};

/// How many registers the tables number, but those for floating-point numbers.
pub(super) const REGISTERS: usize = 32;
pub(super) const SP: Register = AArch64::SP;
pub(super) const FP: Register = AArch64::X29;
/// What a function leaves as it was.
pub(super) const PRESERVED: [Register; 11] = [
    AArch64::X19,
    AArch64::X20,
    AArch64::X21,
    AArch64::X22,
    AArch64::X23,
    AArch64::X24,
    AArch64::X25,
    AArch64::X26,
    AArch64::X27,
    AArch64::X28,
    AArch64::X29,
];
pub(super) const VENDOR: Vendor = Vendor::AArch64;

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

/// What is known of the innermost frame's registers.
pub(super) fn values(registers: &Registers) -> Values {
    let mut values = Values::default();
    values.set(SP, Some(registers.sp));
    values.set(FP, registers.fp);
    values.set(AArch64::X30, registers.lr);
    values
}

/// A return address without the signature that a processor with pointer authentication puts into the bits above
/// those of a program's addresses.
pub(super) fn without_signature(address: u64) -> u64 {
    address & 0x0000_ffff_ffff_ffff
}

/// How many words of the stack are searched for a frame record.
const SEARCH: u64 = 4096;

/// The nearest frame record at or above `sp`.
pub(super) fn frame_pointer(place: &Place<'_>, sp: u64) -> Option<u64> {
    (0..SEARCH).map(|word| sp + word * 8).find(|fp| {
        let saved = place.word(*fp).is_some_and(|saved| saved > *fp && place.is_stack(saved));
        let after = place.word(fp + 8).map(without_signature).filter(|after| place.is_code(*after));
        saved && after.is_some_and(follows_a_call)
    })
}

/// The return address of a function that no table describes, or that has it in a link register that is not known,
/// and the registers after the return. It is that of the nearest frame record, so a caller may be missing.
pub(super) fn return_address(place: &Place<'_>, sp: u64, values: &Values) -> Option<(u64, Values)> {
    let record = frame_pointer(place, sp)?;
    let mut callers = *values;
    callers.set(FP, place.word(record));
    callers.set(SP, Some(record + 16));
    Some((without_signature(place.word(record + 8)?), callers))
}

/// Whether the instruction before `after` is `bl` or `blr`.
fn follows_a_call(after: u64) -> bool {
    memory::read_array(after.wrapping_sub(4)).map(u32::from_le_bytes).is_some_and(|instruction| {
        instruction >> 26 == 0b10_0101 || instruction & 0xffff_fc1f == 0xd63f_0000
    })
}
