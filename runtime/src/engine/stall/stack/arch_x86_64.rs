//! How an unknown frame pointer is found on x86-64.
//!
//! # The missing frame pointer
//!
//! For a blocked thread the kernel gives only `rsp` and `rip`. Most functions are unwound by `rsp`.
//! A function that keeps a frame pointer (as all of std do) is described relative to `rbp`. At a
//! call it has `rsp == rbp - pushed registers - locals`, both fixed by its first instructions:
//!
//! ```text
//!     push rbp; mov rbp, rsp; push r15; ...; sub rsp, LOCALS
//! ```
//!
//! and `rsp` at the call is known from unwinding its callee. So [`frame_pointer`] adds up what the
//! prologue subtracts. If the prologue has another form, it searches the stack for a pair (saved
//! `rbp`, return address) whose return address follows a call of this function. A signal handler
//! has no caller: it returns to the code that ends the signal, which is recognised by its
//! instructions.

use super::frame::{Place, Values};
use super::registers::{FP, SP};
use super::{Registers, memory};

/// What is known of the innermost frame's registers.
pub(super) fn values(registers: &Registers) -> Values {
    let mut values = Values::default();
    values.set(SP, Some(registers.sp));
    values.set(FP, registers.fp);
    values
}

/// How many words of the stack are searched for a frame whose prologue is not understood.
const SEARCH: u64 = 4096;

/// The frame pointer of a function that is at a call, from its stack pointer there.
pub(super) fn frame_pointer(place: &Place<'_>, sp: u64) -> Option<u64> {
    let function = place.description()?.start();
    let code: [u8; 256] = memory::read_array(function)?;
    let exact = frame_size(&code).map(|size| sp.wrapping_add(size));
    if let Some(fp) = exact.filter(|fp| returns_to_a_call(place, *fp, None)) {
        return Some(fp);
    }
    let candidates = || (0..SEARCH).map(|word| sp + word * 8);
    candidates().find(|fp| returns_to_a_call(place, *fp, Some(function))).or_else(|| {
        candidates().find(|fp| {
            let saved = place.word(*fp);
            let saved = saved.is_some_and(|saved| saved > *fp && place.is_stack(saved));
            saved && returns_to_a_call(place, *fp, None) || ends_a_signal(place, *fp)
        })
    })
}

/// For a function that no table describes: how many words of the stack are searched for its return
/// address, and how far into it the program counter is taken to be at most.
const SEARCH_RETURN: u64 = 64;
const MOST_CODE: u64 = 1 << 14;

/// The return address of a function that no table describes, and the registers after the return:
/// the nearest address on the stack that follows a call of code that begins shortly before `pc`.
pub(super) fn return_address(place: &Place<'_>, sp: u64, values: &Values) -> Option<(u64, Values)> {
    let returns = || {
        (0..SEARCH_RETURN).map(|word| sp + word * 8).filter_map(|at| {
            let after = place.word(at).filter(|after| place.is_code(*after))?;
            Some((Call::before(after)?.target, after, at + 8))
        })
    };
    // A call with a known target is certain; one through a register is a good guess.
    let inside = |target: u64| place.pc().checked_sub(target).is_some_and(|by| by < MOST_CODE);
    let certain = returns().find(|(target, ..)| target.is_some_and(inside));
    let found = certain.or_else(|| returns().find(|(target, ..)| target.is_none()));
    found.map(|(_, after, sp)| {
        let mut callers = *values;
        callers.set(SP, Some(sp));
        (after, callers)
    })
}

/// Whether above `fp` there is a return address that follows a call instruction; if `function` is
/// given, a call of it.
fn returns_to_a_call(place: &Place<'_>, fp: u64, function: Option<u64>) -> bool {
    let after = place.word(fp.wrapping_add(8)).filter(|after| place.is_code(*after));
    let call = after.and_then(Call::before);
    call.is_some_and(|call| function.is_none() || call.target == function)
}

/// `mov $15, %rax; syscall`: the code that returns from a signal handler. It is the handler's
/// return address, and has the same form in every C library.
const SIGNAL_RETURN: [u8; 9] = [0x48, 0xc7, 0xc0, 0x0f, 0x00, 0x00, 0x00, 0x0f, 0x05];

/// Whether above `fp` there is a signal handler's return address.
fn ends_a_signal(place: &Place<'_>, fp: u64) -> bool {
    let after = place.word(fp.wrapping_add(8)).filter(|after| place.is_code(*after));
    after.and_then(memory::read_array) == Some(SIGNAL_RETURN)
}

/// A call instruction.
struct Call {
    /// The call's target, if the instruction contains it.
    target: Option<u64>,
}

impl Call {
    /// The call that ends where `after` begins.
    fn before(after: u64) -> Option<Call> {
        let before = memory::read_array::<7>(after.wrapping_sub(7))?;
        let displacement = i32::from_le_bytes([before[3], before[4], before[5], before[6]]);
        let near = after.wrapping_add_signed(i64::from(displacement));
        if before[2] == 0xe8 {
            Some(Call { target: Some(near) })
        } else if before[1..3] == [0xff, 0x15] {
            Some(Call { target: memory::read_array(near).map(u64::from_le_bytes) })
        } else {
            is_indirect_call(&before).then_some(Call { target: None })
        }
    }
}

/// Whether the bytes end in `call reg` or `call [reg + displacement]`.
fn is_indirect_call(before: &[u8; 7]) -> bool {
    (2..=7).any(|length| {
        let instruction = &before[7 - length..];
        let [0xff, modrm, rest @ ..] = instruction else { return false };
        if modrm & 0b0011_1000 != 0b0001_0000 {
            return false;
        }
        let has_sib = usize::from(modrm >> 6 != 3 && modrm & 7 == 4);
        rest.len()
            == match modrm >> 6 {
                0b11 | 0b00 => has_sib,
                0b01 => has_sib + 1,
                _ => has_sib + 4,
            }
    })
}

/// The distance from `rsp` up to `rbp` after a prologue that sets up a frame pointer.
fn frame_size(code: &[u8]) -> Option<u64> {
    let code = code.strip_prefix(&[0xf3, 0x0f, 0x1e, 0xfa]).unwrap_or(code);
    let code = code.strip_prefix(&[0x55])?;
    let mut code = code.strip_prefix(&[0x48, 0x89, 0xe5])?;
    let mut size = 0;
    loop {
        code = match code {
            // push of r12 to r15; of rax (for alignment), rbx.
            [0x41, 0x54..=0x57, rest @ ..] | [0x50 | 0x53, rest @ ..] => {
                size += 8;
                rest
            }
            // sub rsp, imm8; sub rsp, imm32.
            [0x48, 0x83, 0xec, by, rest @ ..] => {
                size += u64::from(*by);
                rest
            }
            [0x48, 0x81, 0xec, a, b, c, d, rest @ ..] => {
                size += u64::from(u32::from_le_bytes([*a, *b, *c, *d]));
                rest
            }
            // A probe of a large frame: mov qword [rsp], 0.
            [0x48, 0xc7, 0x04, 0x24, 0, 0, 0, 0, rest @ ..] => rest,
            // The loop of such probes: lea r11, [rsp - imm32]; sub; mov; cmp rsp, r11; jne.
            [0x4c, 0x8d, 0x9c, 0x24, a, b, c, d, rest @ ..] => {
                size += u64::from(i32::from_le_bytes([*a, *b, *c, *d]).unsigned_abs());
                let end = rest.windows(4).position(|w| w[..3] == [0x4c, 0x39, 0xdc])?;
                rest.get(end + 5..)?
            }
            // and rsp, imm: the distance depends on the alignment of the caller's stack.
            [0x48, 0x83, 0xe4, ..] => return None,
            _ => return Some(size),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prologues_are_added_up() {
        // push rbp; mov rbp, rsp; push r15; push rbx; sub rsp, 0x28; ret
        let code = [0x55, 0x48, 0x89, 0xe5, 0x41, 0x57, 0x53, 0x48, 0x83, 0xec, 0x28, 0xc3];
        assert_eq!(frame_size(&code), Some(16 + 0x28));
        // Without a frame pointer.
        assert_eq!(frame_size(&[0x48, 0x83, 0xec, 0x28]), None);
        // Aligned.
        let code = [0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xe4, 0xe0];
        assert_eq!(frame_size(&code), None);
    }

    #[test]
    fn calls_are_recognised() {
        // call rax; call [rax]; call [rax + 8]; call [rsp + 8]; call [rax + imm32].
        assert!(is_indirect_call(&[0, 0, 0, 0, 0, 0xff, 0xd0]));
        assert!(is_indirect_call(&[0, 0, 0, 0, 0, 0xff, 0x10]));
        assert!(is_indirect_call(&[0, 0, 0, 0, 0xff, 0x50, 8]));
        assert!(is_indirect_call(&[0, 0, 0, 0xff, 0x54, 0x24, 8]));
        assert!(is_indirect_call(&[0, 0xff, 0x90, 0, 1, 0, 0]));
        // jmp rax; nop.
        assert!(!is_indirect_call(&[0, 0, 0, 0, 0, 0xff, 0xe0]));
        assert!(!is_indirect_call(&[0x90; 7]));
    }
}
