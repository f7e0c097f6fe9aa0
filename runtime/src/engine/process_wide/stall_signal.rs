//! The signal that makes a computing thread copy its own registers and stack.
//!
//! # Why a signal, and which
//!
//! The registers of a running thread are only in the processor; a signal is the only way to get
//! them into memory. It is SIGURG, as for the preemption of Go's runtime, for the same reasons. Its
//! default action is to ignore it, so a late one, or one after the handler was replaced, does no
//! harm. Hardly any program uses it (for out-of-band data), and such a program must expect spurious
//! ones. Debuggers pass it on. The C library does not use it. A real-time signal would be queued,
//! kills a process without the handler, and may be in use by another library.
//!
//! # What it can disturb
//!
//! It is sent only to a thread that the kernel has just reported as running, not to one in a system
//! call. The thread may enter a call before the signal arrives. Most calls are restarted
//! (`SA_RESTART`), but `nanosleep`, `epoll_wait`, `poll`, `select` and socket operations with a
//! timeout then end early with EINTR. std and this runtime handle EINTR. C code that does not could
//! see one EINTR for each report of a thread that had computed for the whole threshold. Programs
//! that cannot accept that turn the capture of computing threads off. A handler that was installed
//! before ours is called for every SIGURG that we did not send. Our handler is installed on first
//! use, and stays.
//!
//! # What the handler may do
//!
//! It checks whether it was asked ([`Slot::answer`]), and copies. It uses only `gettid`, `pread`
//! and atomics, which are async-signal-safe. It does not allocate, takes no lock, and restores
//! `errno`. Everything it needs is made before it is installed, and lives as long as the process.
#![allow(unsafe_code, reason = "a signal handler and its slot; blocks cite docs/unsafe.md")]

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use crate::engine::primitive::Mutex;
use crate::engine::stall::stack::slot::Slot;
use crate::engine::stall::stack::{memory, registers};
use crate::engine::stall::{Registers, STACK_BYTES, Tid, Why};

const SIGNAL: libc::c_int = libc::SIGURG;

/// How often the asking thread waits for the answer, and how long each time: at least 100 ms in
/// all.
const WAITS: u32 = 1000;
const WAIT: Duration = Duration::from_micros(100);

/// What the handler uses; made before the handler is installed.
static ROOM: OnceLock<Room> = OnceLock::new();

/// Held by the thread that asks. True if the handler is installed.
static ASKING: Mutex<bool> = Mutex::new(false);

struct Room {
    slot: Slot<Copied>,
    /// The handler that was installed before.
    previous: libc::sigaction,
}

struct Copied {
    registers: Registers,
    start: u64,
    length: usize,
    stack: Box<[u8]>,
}

/// Makes thread `tid` copy its stack, and fetches the copy: the registers, the address of the first
/// byte, and the number of bytes.
pub(crate) fn ask(tid: Tid, into: &mut [u8]) -> Result<(Registers, u64, usize), Why> {
    let mut installed = ASKING.lock();
    let slot = install(&mut installed)?;
    let whom = u32::try_from(tid.0).map_err(|_| Why::Gone)?;
    if !slot.ask(whom) {
        return Err(Why::Busy);
    }
    // SAFETY: tgkill takes numbers only. The process is our own, so the worst that a number used
    // anew can do is to signal another thread of it, whose handler then finds a question to itself.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid.0, SIGNAL) };
    if sent != 0 {
        let error = io::Error::last_os_error();
        // No thread was signalled, so none answers, unless a stray signal came.
        let _ = slot.take_back(whom);
        return Err(match error.raw_os_error() {
            Some(libc::ESRCH) => Why::Gone,
            _ => Why::Io(error),
        });
    }
    for _ in 0..WAITS {
        let answer = slot.collect(|copy| {
            let length = copy.length.min(into.len());
            into[..length].copy_from_slice(&copy.stack[..length]);
            (copy.registers, copy.start, length)
        });
        if let Some(answer) = answer {
            return Ok(answer);
        }
        std::thread::sleep(WAIT);
    }
    Err(if slot.take_back(whom) { Why::NoAnswer } else { Why::Busy })
}

/// Installs the handler, once for the process.
fn install(installed: &mut bool) -> Result<&'static Slot<Copied>, Why> {
    let room = match ROOM.get() {
        Some(room) => room,
        None => {
            let previous = replace(None)?;
            ROOM.get_or_init(|| {
                let stack = vec![0; STACK_BYTES].into_boxed_slice();
                let registers = Registers::default();
                let slot = Slot::new(Copied { registers, start: 0, length: 0, stack });
                Room { slot, previous }
            })
        }
    };
    // The handler may run only now that everything it needs exists.
    if !*installed {
        // SAFETY: a zeroed sigaction is a valid one: no flags, an empty mask, the default action.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK | libc::SA_SIGINFO;
        replace(Some(&action))?;
        *installed = true;
    }
    Ok(&room.slot)
}

/// Returns the present action for the signal, and replaces it if `by` is given.
fn replace(by: Option<&libc::sigaction>) -> Result<libc::sigaction, Why> {
    let by = by.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: as in `install`, a zeroed sigaction is valid. `by` is null or a valid action whose
    // function has the signature that its flags tell; `previous` is written by the call.
    unsafe {
        let mut previous: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(SIGNAL, by, &mut previous) != 0 {
            return Err(Why::Io(io::Error::last_os_error()));
        }
        Ok(previous)
    }
}

extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(room) = ROOM.get() else { return };
    // SAFETY: `__errno_location` points to the calling thread's own errno, for as long as the
    // thread lives; gettid touches no memory.
    let (errno, me) = unsafe { (libc::__errno_location(), libc::gettid()) };
    // SAFETY: as above.
    let saved = unsafe { *errno };
    let asked = room.slot.answer(me.unsigned_abs(), |copy| {
        // SAFETY: with SA_SIGINFO the kernel passes the context of the interrupted code as the
        // third argument, valid for the call.
        copy.registers = registers::registers(unsafe { &*context.cast::<libc::ucontext_t>() });
        copy.start = copy.registers.sp.saturating_sub(registers::RED_ZONE);
        copy.length = memory::read(copy.start, &mut copy.stack);
    });
    if !asked {
        forward(&room.previous, signal, info, context);
    }
    // SAFETY: as above.
    unsafe { *errno = saved };
}

/// Passes a signal that was not a question to the handler that was installed before.
fn forward(
    previous: &libc::sigaction,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let function = previous.sa_sigaction;
    if function == libc::SIG_DFL || function == libc::SIG_IGN {
        return;
    }
    // SAFETY: sigaction reported this as the handler of this signal, with these flags, so it is a
    // function of the type that the flags tell, and is called as the kernel would have.
    unsafe {
        if previous.sa_flags & libc::SA_SIGINFO != 0 {
            let function: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                std::mem::transmute(function);
            function(signal, info, context);
        } else {
            let function: extern "C" fn(libc::c_int) = std::mem::transmute(function);
            function(signal);
        }
    }
}
