//! The stack of another thread: copied, and later unwound and symbolised. `stall/mod.rs` says how
//! and why.

#[cfg_attr(target_arch = "aarch64", path = "arch_aarch64.rs")]
#[cfg_attr(target_arch = "x86_64", path = "arch_x86_64.rs")]
mod arch;
mod capture;
mod frame;
#[cfg_attr(not(feature = "stall-lines"), path = "lines_off.rs")]
mod lines;
pub(crate) mod memory;
mod modules;
#[cfg_attr(target_arch = "aarch64", path = "registers_aarch64.rs")]
#[cfg_attr(target_arch = "x86_64", path = "registers_x86_64.rs")]
pub(crate) mod registers;
pub(crate) mod slot;
mod symbols;
#[cfg(test)]
mod tests;
mod unwind;

use super::{Address, Frame, How, Module, Registers, STACK_BYTES, Tid, Trace, Why, procfs};

#[cfg_attr(not(feature = "insight"), allow(unused_imports, reason = "nobody asks for stacks"))]
pub(crate) use capture::{Capture, capture, capture_here, prepare, stack_pointer};
pub(crate) use unwind::Unwinder;
