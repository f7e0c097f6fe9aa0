//! The functions of libc that simulated threads must not reach.
//!
//! # Problem
//!
//! Code that nobody changed calls libc: `std` does, every crate with sockets does, C libraries do.
//!
//! # Shape
//!
//! This package defines functions of the same names. A program that is linked with it binds to
//! them; libc's own are behind `dlsym(RTLD_NEXT)`, and the kernel behind a system call. Each
//! function asks whether its thread is simulated. If not, it does what libc's would. If it is, it
//! tells the conductor or the model of the system, and takes the errors from there.
//!
//! | file          | functions                                                             |
//! |---------------|-----------------------------------------------------------------------|
//! | `time.rs`     | clocks, sleeps                                                         |
//! | `entropy.rs`  | random numbers                                                         |
//! | `threads.rs`  | threads, yields, what a program asks about its machine and itself        |
//! | `sync.rs`     | mutexes, condition variables, read-write locks, barriers, semaphores     |
//! | `futex.rs`    | the futex, and the other calls behind `syscall`                         |
//! | `descriptors.rs` | reading, writing, closing, flags; pipes, eventfds, timerfds          |
//! | `epoll.rs`    | epoll, poll                                                            |
//! | `sockets.rs`  | sockets                                                                |
//! | `names.rs`    | names of hosts                                                         |
//! | `files.rs`    | opening files, and what a path means                                   |
//! | `paths.rs`    | names of files: making, moving, removing; the working directory         |
//! | `stat.rs`     | what files and disks are like                                           |
//! | `directories.rs` | reading directories                                                  |
//! | `data.rs`     | content of files: at a place, lengths, syncs, locks, mappings           |
//! | `output.rs`   | what hosts print                                                       |
//! | `call.rs`     | how one of these becomes a call of the model                            |
//! | `environment.rs` | the environment of a host                                           |
//! | `signals.rs`  | signals to a host, and the number of its process                        |
//! | `past.rs`     | system calls that do not come from libc: the run fails                  |
//! | `refused.rs`  | what cannot be simulated: an error that says so                         |
//!
//! # Rules
//!
//! - **I1.** Each function has the contract of the function whose name it has: its pointers are
//!   what that contract says, for as long as the call lasts. That is the argument of all `unsafe`
//!   here.
//! - **I2.** Functions that an allocator may call (locks, clocks, random numbers) allocate nothing,
//!   and taking a free lock is no scheduling point: so an allocator's lock is never held by a
//!   thread that is not running, and the simulation itself may allocate.
//! - **I3.** Nothing goes to the real world in silence: what is not simulated fails, or is listed
//!   in `docs/simulation.md`.
#![allow(unsafe_code, reason = "functions of libc; blocks rest on I1, docs/unsafe.md")]
#![allow(clippy::undocumented_unsafe_blocks, reason = "one argument for all of them: I1")]
#![allow(clippy::missing_safety_doc, reason = "the contracts are libc's: I1")]

mod call;
mod data;
mod descriptors;
mod directories;
mod entropy;
mod environment;
mod epoll;
mod files;
mod futex;
mod names;
mod output;
mod past;
mod paths;
mod refused;
mod signals;
mod sockets;
mod stat;
mod sync;
mod threads;
mod time;

use std::ffi::{CStr, c_int, c_long, c_void};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use crate::conductor::baton;
use crate::raw;

pub(crate) use environment::{begin as begin_environment, switch_to};
pub(crate) use output::set_verbose;
pub(crate) use past::forbid;
pub(crate) use signals::{arrive, can_be_sent};
pub(crate) use threads::set_processors;
pub(crate) use time::DAY;

/// The function of libc behind one of ours.
fn find(place: &AtomicUsize, name: &CStr) -> usize {
    let known = place.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) } as usize;
    if found == 0 {
        let name = name.to_str().unwrap_or_default();
        baton::lost(&format!("libc has no `{name}`: is it linked statically?"));
    }
    place.store(found, Ordering::Relaxed);
    found
}

/// The same, as a function pointer of the type that the caller knows it has.
fn typed<F: Copy>(place: &AtomicUsize, name: &CStr) -> F {
    let found = find(place, name);
    assert_eq!(size_of::<F>(), size_of::<usize>());
    unsafe { std::mem::transmute_copy(&found) }
}

/// libc's own function of this name.
macro_rules! real {
    ($name:literal, fn($($arg:ty),* $(,)?) -> $result:ty) => {{
        static PLACE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        $crate::interpose::typed::<unsafe extern "C" fn($($arg),*) -> $result>(&PLACE, $name)
    }};
}
use real;

/// A system call of the kernel's, as libc returns it.
unsafe fn kernel(number: c_long, args: &[usize]) -> isize {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    result(unsafe { raw::call(number, all) })
}

/// What libc returns for what the kernel does.
fn result(value: isize) -> isize {
    if (-4095..0).contains(&value) { fail(-value as c_int) as isize } else { value }
}

fn fail(errno: c_int) -> c_int {
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// Says once a kind that something cannot be simulated.
#[cold]
fn refuse(what: &str, advice: &str) {
    let _inside = baton::Inside::enter();
    eprintln!("runtime-sim: {what} is not simulated, so the call fails. {advice}");
}

// ---- the stack of a thread that does not come back ----

/// What the handler has found.
static FOUND: Mutex<String> = Mutex::new(String::new());
static HAS_FOUND: AtomicU32 = AtomicU32::new(0);

extern "C" fn on_signal(_: c_int) {
    // Not safe in a handler in general: the thread may hold the lock that this needs. Whoever asked
    // waits for two seconds at most, and ends the process in either case.
    let _inside = baton::Inside::enter();
    let stack = std::backtrace::Backtrace::force_capture().to_string();
    if let Ok(mut found) = FOUND.try_lock() {
        *found = stack;
    }
    HAS_FOUND.store(1, Ordering::Release);
    raw::futex_wake(&HAS_FOUND);
}

/// The stack of the thread with this number of the kernel's, if it can be had. The process is to
/// end soon.
pub(crate) fn signal_stack(thread: u32) -> String {
    let handler = on_signal as extern "C" fn(c_int) as *const c_void;
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        let function =
            real!(c"sigaction", fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int);
        function(libc::SIGURG, &action, std::ptr::null_mut());
    }
    raw::signal(thread, libc::SIGURG);
    if HAS_FOUND.load(Ordering::Acquire) == 0 {
        raw::futex_wait(&HAS_FOUND, 0, Some(std::time::Duration::from_secs(2)));
    }
    FOUND.try_lock().map_or_else(|_| String::new(), |found| found.clone())
}

// ---- what a run finds ----

/// For a process that is going to run seeds.
pub(crate) fn prepare() {
    past::prepare();
    // How many pools of memory glibc makes would follow from the cores that the process may use,
    // and with it the addresses of what the program allocates.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 8) };
}

// ---- is it so? ----

/// Whether the program has bound to the functions of this package. The error says what to do.
pub(crate) fn check() -> Result<(), String> {
    let ours: [(&CStr, usize); 8] = [
        (c"clock_gettime", time::clock_gettime as *const () as usize),
        (c"clock_nanosleep", time::clock_nanosleep as *const () as usize),
        (c"getrandom", entropy::getrandom as *const () as usize),
        (c"pthread_create", threads::pthread_create as *const () as usize),
        (c"pthread_join", threads::pthread_join as *const () as usize),
        (c"pthread_mutex_lock", sync::pthread_mutex_lock as *const () as usize),
        (c"syscall", futex::syscall as *const () as usize),
        (c"sched_yield", threads::sched_yield as *const () as usize),
    ];
    for (name, ours) in ours {
        let bound = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) } as usize;
        if bound != ours {
            return Err(format!(
                "the program has not bound to the simulation's `{}`: something else that \
                 interposes libc (a sanitizer, an LD_PRELOAD) is in front of it, or libc is linked \
                 statically (musl). Build for a glibc target, without `crt-static` and without \
                 `-Zsanitizer`.",
                name.to_str().unwrap_or_default(),
            ));
        }
    }
    Ok(())
}
