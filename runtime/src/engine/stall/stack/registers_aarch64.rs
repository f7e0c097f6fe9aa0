//! The registers of aarch64, as the unwind tables number them and as the kernel gives them.
#![allow(unsafe_code, reason = "reads registers; docs/unsafe.md, K1")]

use gimli::{AArch64, Register, Vendor};

use super::Registers;

/// How many registers the tables number, without those for floating-point numbers.
pub(super) const REGISTERS: usize = 32;
pub(super) const SP: Register = AArch64::SP;
pub(super) const FP: Register = AArch64::X29;
/// The registers that a function preserves.
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

/// A return address without the signature that a processor with pointer authentication puts into
/// the bits above those of a program's addresses.
pub(super) fn without_signature(address: u64) -> u64 {
    address & 0x0000_ffff_ffff_ffff
}

/// The registers of this thread, in the caller's frame.
#[cfg_attr(not(feature = "insight"), allow(dead_code, reason = "nobody asks"))]
#[inline(always)]
pub(super) fn here() -> Registers {
    let (pc, sp, fp): (u64, u64, u64);
    // SAFETY: K1: reads three registers, and changes nothing.
    unsafe {
        std::arch::asm!(
            "adr {pc}, .",
            "mov {sp}, sp",
            "mov {fp}, x29",
            pc = out(reg) pc,
            sp = out(reg) sp,
            fp = out(reg) fp,
            options(nomem, nostack, preserves_flags),
        );
    }
    // The link register is on the stack by now: the caller has called others.
    Registers { pc, sp, fp: Some(fp), lr: None, interrupted: true }
}
