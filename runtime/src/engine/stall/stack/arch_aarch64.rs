//! How an unknown frame pointer is found on aarch64.
//!
//! For a blocked thread the kernel gives only `sp` and `pc`. Functions usually keep frame records
//! (the saved frame pointer, then the return address), each pointing up to the next. So the first
//! such pair above the stack pointer whose return address follows a call is taken for the record. A
//! leaf function that makes the system call has its return address only in the link register: its
//! caller is then missing from the trace.

use gimli::AArch64;

use super::frame::{Place, Values};
use super::registers::{FP, SP, without_signature};
use super::{Registers, memory};

/// What is known of the innermost frame's registers.
pub(super) fn values(registers: &Registers) -> Values {
    let mut values = Values::default();
    values.set(SP, Some(registers.sp));
    values.set(FP, registers.fp);
    values.set(AArch64::X30, registers.lr);
    values
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

/// The return address, and the registers after the return, of a function that no table describes or
/// whose link register is not known. It comes from the nearest frame record, so a caller may be
/// missing.
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
