//! Whether the operating system is simulated, and scheduling points for whoever simulates it.
//!
//! The package `runtime-sim` puts functions of its own in the place of libc's. This crate does not
//! know it: it makes a system call that does not exist, and only where the environment says that
//! somebody may answer. So there is nothing of a simulation in a program but one look at the
//! environment for each runtime that is built.
#![allow(unsafe_code, reason = "one system call; blocks cite docs/unsafe.md")]

/// Set in processes that are simulated.
const VARIABLE: &str = "RUNTIME_SIM";
/// No system call of Linux has this number.
const TO_SIMULATION: libc::c_long = 0x0052_5453;
/// Is there a simulation?
const HELLO: libc::c_ulong = 0;
/// Others may run here.
const POINT: libc::c_ulong = 1;

/// Whether this thread is simulated.
pub(crate) fn is_on() -> bool {
    std::env::var_os(VARIABLE).is_some() && ask(HELLO) > 0
}

/// Lets the simulation decide who goes on. For a simulated thread.
pub(crate) fn point() {
    ask(POINT);
}

fn ask(what: libc::c_ulong) -> libc::c_long {
    // SAFETY: the call takes numbers. The kernel does not know it, and says so (K1).
    unsafe { libc::syscall(TO_SIMULATION, what) }
}
