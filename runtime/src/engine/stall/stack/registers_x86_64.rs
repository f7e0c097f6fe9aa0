//! The registers of x86-64, as the unwind tables number them and as the kernel gives them.
#![allow(unsafe_code, reason = "reads registers; docs/unsafe.md, K1")]

use gimli::{Register, Vendor, X86_64};

use super::Registers;

/// How many registers the tables number, without those for floating-point numbers.
pub(super) const REGISTERS: usize = 17;
pub(super) const SP: Register = X86_64::RSP;
pub(super) const FP: Register = X86_64::RBP;
/// The registers that a function preserves.
pub(super) const PRESERVED: [Register; 6] =
    [X86_64::RBX, X86_64::RBP, X86_64::R12, X86_64::R13, X86_64::R14, X86_64::R15];
pub(super) const VENDOR: Vendor = Vendor::Default;

/// Bytes below the stack pointer that a function may use without moving it.
pub(crate) const RED_ZONE: u64 = 128;

/// The registers of an interrupted thread.
pub(crate) fn registers(context: &libc::ucontext_t) -> Registers {
    let of = |index: libc::c_int| context.uc_mcontext.gregs[index as usize] as u64;
    Registers {
        pc: of(libc::REG_RIP),
        sp: of(libc::REG_RSP),
        fp: Some(of(libc::REG_RBP)),
        lr: None,
        interrupted: true,
    }
}

/// Return addresses are stored as they are.
pub(super) fn without_signature(address: u64) -> u64 {
    address
}

/// The registers of this thread, in the caller's frame.
#[cfg_attr(not(feature = "insight"), allow(dead_code, reason = "nobody asks"))]
#[inline(always)]
pub(super) fn here() -> Registers {
    let (pc, sp, fp): (u64, u64, u64);
    // SAFETY: K1: reads three registers, and changes nothing.
    unsafe {
        std::arch::asm!(
            "lea {pc}, [rip]",
            "mov {sp}, rsp",
            "mov {fp}, rbp",
            pc = out(reg) pc,
            sp = out(reg) sp,
            fp = out(reg) fp,
            options(nomem, nostack, preserves_flags),
        );
    }
    Registers { pc, sp, fp: Some(fp), lr: None, interrupted: true }
}
