//! The signal that makes a computing thread copy its own registers and stack.
//!
//! # Why a signal, and which
//!
//! The registers of a thread that runs are in the processor and nowhere else; a signal is the one
//! way to have them put into memory. It is SIGURG, as it is for the preemption of Go's runtime and
//! for the same reasons: its default action is to be ignored, so one that comes too late, or after
//! somebody has replaced the handler, harms nobody; hardly any program uses it (out-of-band data),
//! and one that does must expect it to come for no reason; debuggers pass it on; the C library does
//! not use it. A real-time signal would be queued, kills a process without the handler, and may be
//! taken by another library.
//!
//! # What it can disturb
//!
//! It is sent only to a thread that the kernel has just called running, never to one in a system
//! call. Between the two the thread may enter one; most are restarted (`SA_RESTART`), but
//! `nanosleep`, `epoll_wait`, `poll`, `select` and socket operations with a timeout then end early
//! with EINTR. std and this runtime cope with EINTR; C code that does not could see it, once per
//! report of a thread that had computed for the whole threshold up to that moment. Programs that
//! cannot have that turn the capture of computing threads off. A handler that was installed before
//! ours is called for every SIGURG that we did not ask for. The handler is installed on first use,
//! and stays.
//!
//! # The hand-over
//!
//! One slot, used by one asking thread at a time (`ASKING`), in static memory.
//!
//! | state   | who may touch the slot  | leaves it by                                     |
//! |---------|-------------------------|--------------------------------------------------|
//! | FREE    | the asking thread       | ask: to ARMED                                    |
//! | ARMED   | nobody                  | handler: to COPYING; asking thread: to FREE      |
//! | COPYING | the handler             | handler: to DONE                                 |
//! | DONE    | the asking thread       | ask: to FREE                                     |
//!
//! 1. The handler touches the slot only after it has moved ARMED to COPYING itself, on the thread
//!    whose number the slot names. So a signal that comes late, twice or from elsewhere does nothing.
//! 2. The asking thread reads the slot only in DONE. If it gives up while the state is COPYING (the
//!    thread was descheduled within the handler), the slot stays taken until it is DONE, and further
//!    questions are answered `Busy`.
//! 3. The handler calls what is async-signal-safe and nothing else: `gettid`, `process_vm_readv`, and
//!    atomics. It allocates nothing, takes no lock, and puts `errno` back.
//!
//! ARM publishes the slot's thread to TAKE; FINISH publishes the copy to SEE.
#![allow(unsafe_code, reason = "a signal handler and its slot; blocks cite docs/unsafe.md")]

use std::cell::UnsafeCell;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use crate::engine::primitive::Mutex;
use crate::engine::stall::{Registers, STACK_BYTES, Tid, Why, arch, memory};

const SIGNAL: libc::c_int = libc::SIGURG;

const FREE: u32 = 0;
const ARMED: u32 = 1;
const COPYING: u32 = 2;
const DONE: u32 = 3;

/// Publishes whom the question is for. Pairs with [`TAKE`].
const ARM: Ordering = Ordering::Release;
/// Sees whom the question is for. Pairs with [`ARM`].
const TAKE: Ordering = Ordering::Acquire;
/// Publishes the copy. Pairs with [`SEE`].
const FINISH: Ordering = Ordering::Release;
/// Sees the copy. Pairs with [`FINISH`].
const SEE: Ordering = Ordering::Acquire;

/// How often, and how long each time, the asking thread waits for the answer: 100 ms and more.
const WAITS: u32 = 1000;
const WAIT: Duration = Duration::from_micros(100);

/// Held by the thread that asks.
static ASKING: Mutex<()> = Mutex::new(());

static SLOT: Slot = Slot {
    state: AtomicU32::new(FREE),
    tid: AtomicI32::new(0),
    copy: UnsafeCell::new(Copied {
        registers: Registers { pc: 0, sp: 0, fp: None, lr: None, interrupted: true },
        start: 0,
        length: 0,
        stack: [0; STACK_BYTES],
    }),
};

/// The outcome of installing the handler, with what was installed before.
static HANDLER: OnceLock<Result<Previous, i32>> = OnceLock::new();

struct Slot {
    state: AtomicU32,
    tid: AtomicI32,
    copy: UnsafeCell<Copied>,
}

// SAFETY: `copy` is touched by one thread at a time, as the table of states above says: rules 1 and
// 2 give it to the handler in COPYING and to the holder of `ASKING` in FREE and DONE; the orderings
// publish each hand-over.
unsafe impl Sync for Slot {}

struct Copied {
    registers: Registers,
    start: u64,
    length: usize,
    stack: [u8; STACK_BYTES],
}

struct Previous(libc::sigaction);

/// Makes thread `tid` copy its stack, and fetches the copy: the registers, the address of the first
/// byte, and the number of bytes.
pub(crate) fn ask(tid: Tid, into: &mut [u8]) -> Result<(Registers, u64, usize), Why> {
    install()?;
    let _asking = ASKING.lock();
    match SLOT.state.load(SEE) {
        // An answer for which nobody waited any longer.
        DONE => SLOT.state.store(FREE, Ordering::Relaxed),
        FREE => {}
        _ => return Err(Why::Busy),
    }
    SLOT.tid.store(tid.0, Ordering::Relaxed);
    SLOT.state.store(ARMED, ARM);
    // SAFETY: tgkill takes numbers only. The process is our own, so the worst a stale thread number
    // can do is to signal another thread of it, whose handler finds that it was not meant (rule 1).
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid.0, SIGNAL) };
    if sent != 0 {
        let error = io::Error::last_os_error();
        SLOT.state.store(FREE, Ordering::Relaxed);
        return Err(match error.raw_os_error() {
            Some(libc::ESRCH) => Why::Gone,
            _ => Why::Io(error),
        });
    }
    for _ in 0..WAITS {
        if SLOT.state.load(SEE) == DONE {
            // SAFETY: DONE gives the slot to the holder of `ASKING` (rule 2).
            let copy = unsafe { &*SLOT.copy.get() };
            let length = copy.length.min(into.len());
            into[..length].copy_from_slice(&copy.stack[..length]);
            let answer = (copy.registers, copy.start, length);
            SLOT.state.store(FREE, Ordering::Relaxed);
            return Ok(answer);
        }
        std::thread::sleep(WAIT);
    }
    // Nobody has begun: take the question back.
    let back = SLOT.state.compare_exchange(ARMED, FREE, Ordering::Relaxed, Ordering::Relaxed);
    Err(if back.is_ok() { Why::NoAnswer } else { Why::Busy })
}

/// Installs the handler, once for the process.
fn install() -> Result<(), Why> {
    let mut installed = Ok(());
    let outcome = HANDLER.get_or_init(|| {
        // SAFETY: a zeroed sigaction is a valid one (no flags, empty mask, default action), and with
        // a null new action the call only writes `previous`.
        let mut previous: libc::sigaction = unsafe { std::mem::zeroed() };
        if unsafe { libc::sigaction(SIGNAL, std::ptr::null(), &mut previous) } != 0 {
            return Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
        }
        Ok(Previous(previous))
    });
    static DID: Mutex<bool> = Mutex::new(false);
    let mut did = DID.lock();
    match outcome {
        Err(code) => installed = Err(*code),
        Ok(_) if *did => {}
        Ok(_) => {
            // Only now, with the previous action in its place, may the handler run.
            // SAFETY: as above; `handle` has the signature that SA_SIGINFO asks for and keeps rule 3.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK | libc::SA_SIGINFO;
            if unsafe { libc::sigaction(SIGNAL, &action, std::ptr::null_mut()) } == 0 {
                *did = true;
            } else {
                installed = Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
            }
        }
    }
    installed.map_err(|code| Why::Io(io::Error::from_raw_os_error(code)))
}

extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: `__errno_location` gives the calling thread's own errno, and gettid touches nothing.
    let (errno, tid) = unsafe { (libc::__errno_location(), libc::gettid()) };
    // SAFETY: as above.
    let saved = unsafe { *errno };
    let meant = SLOT.tid.load(Ordering::Relaxed) == tid
        && SLOT.state.compare_exchange(ARMED, COPYING, TAKE, Ordering::Relaxed).is_ok();
    // The exchange has seen the question; only now is it certain whom it is for.
    if meant && SLOT.tid.load(Ordering::Relaxed) == tid {
        // SAFETY: COPYING, set by this thread, gives it the slot (rule 1). With SA_SIGINFO the
        // kernel passes the interrupted thread's context as the third argument.
        unsafe {
            let copy = &mut *SLOT.copy.get();
            copy.registers = arch::registers(&*context.cast::<libc::ucontext_t>());
            copy.start = copy.registers.sp.saturating_sub(arch::RED_ZONE);
            copy.length = memory::read(copy.start, &mut copy.stack);
        }
        SLOT.state.store(DONE, FINISH);
    } else if meant {
        // A question for another thread: give it back untouched.
        SLOT.state.store(ARMED, ARM);
    } else {
        forward(signal, info, context);
    }
    // SAFETY: as above.
    unsafe { *errno = saved };
}

/// A signal that was not a question goes to whoever handled it before.
fn forward(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(Ok(Previous(previous))) = HANDLER.get() else { return };
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
