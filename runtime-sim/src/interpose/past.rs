//! System calls that a program makes itself, past libc.
//!
//! # Problem
//!
//! A crate that has the instruction for system calls in its own code (rustix does, unless told
//! otherwise) goes past every function here, and nobody would notice: it would sleep, read and
//! listen in the real world.
//!
//! # Shape
//!
//! Before a run the process gets a seccomp filter, which all its threads inherit. It lets pass what
//! comes from libc and its parts, from the kernel's own page, and from the one instruction of
//! [`raw::call`]; the kernel answers everything else with `SIGSYS`, at the place of the call. If
//! the thread is simulated, the run has failed, and the report says who called. If it is not, the
//! handler makes the call for it.
//!
//! Where the kernel takes no filter (a sandbox that forbids it) the run goes on without.
//!
//! What it costs: a look at two numbers for each call of the kernel's, which a run makes mostly to
//! hand the baton over. 200 seeds of `simulated_bank` took 9.5 and 10.5 s of processor time with
//! the filter, and 9.1 s without (2026-11-29, release, on a machine that others used too).

use std::ffi::{c_int, c_long, c_void};
use std::sync::OnceLock;

use libc::{siginfo_t, sock_filter, sock_fprog};

use super::real;
use crate::conductor::Verdict;
use crate::conductor::baton::{self, Inside, me};
use crate::raw;

/// Parts of libc: what they call the kernel for is either behind a function of this package, or
/// of no concern.
const LIBC: [&str; 10] = [
    "/libc.so",
    "/libc-2.",
    "/ld-linux",
    "/ld-2.",
    "/libpthread",
    "/librt",
    "/libdl",
    "/libresolv",
    "/libanl",
    "/libnss_",
];

/// The first and the last address of a place from which calls may come.
type Place = (u64, u64);

/// The addresses behind an instruction that may call the kernel.
fn places() -> Vec<Place> {
    let mut places = Vec::new();
    if let Some(own) = own_instruction() {
        places.push((own, own));
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let name = words.nth(3).unwrap_or_default();
        let is_libc = LIBC.iter().any(|part| name.contains(part)) || name == "[vdso]";
        if !rights.contains('x') || !is_libc {
            continue;
        }
        let mut ends = range.split('-').map(|end| u64::from_str_radix(end, 16));
        if let (Some(Ok(start)), Some(Ok(end))) = (ends.next(), ends.next()) {
            places.push((start, end));
        }
    }
    places
}

/// What the kernel sees as the place of [`raw::call`]: the address behind its instruction.
fn own_instruction() -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    const INSTRUCTION: &[u8] = &[0x0f, 0x05];
    #[cfg(target_arch = "aarch64")]
    const INSTRUCTION: &[u8] = &[0x01, 0x00, 0x00, 0xd4];
    let start = raw::call as *const () as usize;
    // More than the function is long, without optimization too.
    let code = unsafe { std::slice::from_raw_parts(start as *const u8, 512) };
    let at = code.windows(INSTRUCTION.len()).position(|bytes| bytes == INSTRUCTION)?;
    Some((start + at + INSTRUCTION.len()) as u64)
}

// The numbers of `linux/filter.h` and `linux/seccomp.h`.
const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const TRAP: u32 = 0x0003_0000;
/// Where `struct seccomp_data` has the address, low half first.
const ADDRESS: u32 = 8;

/// The filter: for each place a comparison of the high half, then of the low one.
fn filter(places: &[Place]) -> Vec<sock_filter> {
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let mut program = Vec::new();
    for &(start, last) in places {
        // A place that goes over a border of 4 GiB becomes several.
        let mut start = start;
        while start <= last {
            let end = last.min(start | 0xffff_ffff);
            program.extend([
                step(LOAD, 0, 0, ADDRESS + 4),
                step(JUMP_EQUAL, 0, 4, (start >> 32) as u32),
                step(LOAD, 0, 0, ADDRESS),
                step(JUMP_AT_LEAST, 0, 2, start as u32),
                step(JUMP_GREATER, 1, 0, end as u32),
                step(RETURN, 0, 0, ALLOW),
            ]);
            match end.checked_add(1) {
                Some(next) => start = next,
                None => break,
            }
        }
    }
    program.push(step(RETURN, 0, 0, TRAP));
    program
}

static FILTER: OnceLock<Vec<sock_filter>> = OnceLock::new();

/// Makes the filter, so that the copies of this process have it.
pub(crate) fn prepare() {
    FILTER.get_or_init(|| {
        let places = places();
        // Without the places nothing would be allowed.
        if places.len() < 3 { Vec::new() } else { filter(&places) }
    });
}

const SECCOMP_SET_MODE_FILTER: usize = 1;
const SECCOMP_FILTER_FLAG_SPEC_ALLOW: usize = 1 << 2;

/// From now on this thread, and those that it starts, cannot go past libc. Says whether it is so.
pub(crate) fn forbid() -> bool {
    prepare();
    let Some(filter) = FILTER.get().filter(|filter| !filter.is_empty()) else { return false };
    let program = sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_trap as *const () as usize;
        // The run may end inside of the handler, and another trap must not kill the process.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_NODEFER;
        let function =
            real!(c"sigaction", fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int);
        if function(libc::SIGSYS, &action, std::ptr::null_mut()) != 0 {
            return false;
        }
        let args = [libc::PR_SET_NO_NEW_PRIVS as usize, 1, 0, 0, 0, 0];
        if raw::call(libc::SYS_prctl, args) != 0 {
            return false;
        }
        // The kernel's measures against speculation would cost more than the filter.
        let flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;
        let args = [SECCOMP_SET_MODE_FILTER, flags, &raw const program as usize, 0, 0, 0];
        raw::call(libc::SYS_seccomp, args) == 0
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn registers(context: *mut c_void) -> (c_long, [usize; 6], *mut i64) {
    let found = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let names =
        [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10, libc::REG_R8, libc::REG_R9];
    let args = names.map(|name| found[name as usize] as usize);
    let result = &mut found[libc::REG_RAX as usize];
    (*result as c_long, args, result)
}

#[cfg(target_arch = "aarch64")]
unsafe fn registers(context: *mut c_void) -> (c_long, [usize; 6], *mut i64) {
    let found = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.regs };
    let args = [0, 1, 2, 3, 4, 5].map(|at| found[at] as usize);
    (found[8] as c_long, args, (&raw mut found[0]).cast())
}

extern "C" fn on_trap(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    let (number, args, result) = unsafe { registers(context) };
    // Not a signal in the middle of anything: the thread itself has come here, by a call.
    match me() {
        Some(me) => {
            let stack = {
                let _inside = Inside::enter();
                std::backtrace::Backtrace::force_capture().to_string()
            };
            baton::with(|conductor| conductor.stacks.push((me, stack)));
            let text = format!(
                "system call {number} was made past libc, so it would leave the simulation. A \
                 crate has the instruction in its own code; for rustix set the feature \
                 `use-libc` (in the tests' dependencies is enough), or build with \
                 `--cfg=rustix_use_libc`. For others look for a backend that uses libc."
            );
            baton::end_run(me, Verdict::Failed { kind: "past libc", text });
        }
        None => unsafe { *result = raw::call(number, args) as i64 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter says about a call from this address.
    fn run(program: &[sock_filter], address: u64) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let step = program[at];
            at += 1;
            let jump = |is: bool| usize::from(if is { step.jt } else { step.jf });
            match step.code {
                LOAD => value = (address >> (8 * (step.k - ADDRESS))) as u32,
                JUMP_EQUAL => at += jump(value == step.k),
                JUMP_GREATER => at += jump(value > step.k),
                JUMP_AT_LEAST => at += jump(value >= step.k),
                RETURN => return step.k,
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn the_filter_allows_its_places_and_nothing_else() {
        let places = [(0x5555_0000_1234, 0x5555_0000_1234), (0x7fff_ffff_f000, 0x8000_0000_0fff)];
        let program = filter(&places);
        let allowed = [0x5555_0000_1234, 0x7fff_ffff_f000, 0x7fff_ffff_ffff, 0x8000_0000_0fff];
        for address in allowed {
            assert_eq!(run(&program, address), ALLOW, "{address:#x}");
        }
        let others = [
            0,
            0x5555_0000_1233,
            0x5555_0000_1235,
            0x5556_0000_1234,
            0x7fff_ffff_efff,
            0x8000_0000_1000,
        ];
        for address in others {
            assert_eq!(run(&program, address), TRAP, "{address:#x}");
        }
    }

    #[test]
    fn the_places_are_found() {
        let places = places();
        assert!(own_instruction().is_some());
        assert!(places.len() >= 3, "{places:x?}");
        let libc = unsafe { libc::dlsym(libc::RTLD_NEXT, c"getppid".as_ptr()) } as u64;
        assert!(places.iter().any(|&(start, last)| (start..last).contains(&libc)));
    }
}
