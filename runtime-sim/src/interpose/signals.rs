//! Signals to a host, and the number of its process.
//!
//! A signal of [`World::signal`](crate::World::signal) runs the handler on a thread of the host's
//! that is made for it; `raise` and `kill` of a program to itself run it at once. Nothing of it
//! reaches the kernel. On a machine the handler runs on one of the process's threads, and if that
//! one waits in a call the call ends with `EINTR`; here the schedule chooses one of those whose
//! call would end so, or none (`conductor/mod.rs::interrupt`).
//!
//! Handlers are the process's, as all statics are: what one host installs, all have. Faults of the
//! processor, `SIGABRT` and the like stay with the kernel.

use std::ffi::{c_int, c_void};
use std::sync::{Mutex, PoisonError};

use libc::{pid_t, pthread_t, sighandler_t, siginfo_t, sigset_t, timespec};

use super::{fail, files, kernel, real, refuse};
use crate::conductor::baton::{Inside, me, with};

const COUNT: usize = 65;

/// A handler and its flags.
type Action = (sighandler_t, c_int);

static ACTIONS: Mutex<[Option<Action>; COUNT]> = Mutex::new([None; COUNT]);

/// Whether the signal is simulated.
fn is_simulated(signal: c_int) -> bool {
    let is_kernels = matches!(
        signal,
        libc::SIGSEGV
            | libc::SIGBUS
            | libc::SIGFPE
            | libc::SIGILL
            | libc::SIGTRAP
            | libc::SIGABRT
            | libc::SIGSYS
            | libc::SIGKILL
            | libc::SIGSTOP
            // Threads of this runtime ask each other for their stacks by it.
            | libc::SIGURG
    );
    (1..COUNT as c_int).contains(&signal) && !is_kernels
}

/// Whether [`arrive`] takes it.
pub(crate) fn can_be_sent(signal: c_int) -> bool {
    is_simulated(signal)
}

/// The handler of a signal, and the one before.
fn action(signal: c_int, new: Option<Action>) -> Action {
    let _inside = Inside::enter();
    let mut actions = ACTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let place = &mut actions[signal as usize];
    // The start of a Rust program ignores `SIGPIPE`.
    let first = if signal == libc::SIGPIPE { libc::SIG_IGN } else { libc::SIG_DFL };
    let old = place.unwrap_or((first, 0));
    if new.is_some() {
        *place = new;
    }
    old
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigaction(
    signal: c_int,
    new: *const libc::sigaction,
    old: *mut libc::sigaction,
) -> c_int {
    if me().is_none() || !is_simulated(signal) {
        let function =
            real!(c"sigaction", fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int);
        return unsafe { function(signal, new, old) };
    }
    let new = unsafe { new.as_ref() }.map(|new| (new.sa_sigaction, new.sa_flags));
    let (handler, flags) = action(signal, new);
    if !old.is_null() {
        unsafe {
            old.write_bytes(0, 1);
            (*old).sa_sigaction = handler;
            (*old).sa_flags = flags;
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn signal(number: c_int, handler: sighandler_t) -> sighandler_t {
    if me().is_none() || !is_simulated(number) {
        let function = real!(c"signal", fn(c_int, sighandler_t) -> sighandler_t);
        return unsafe { function(number, handler) };
    }
    action(number, Some((handler, libc::SA_RESTART))).0
}

/// The signal comes from outside to the host of this thread, which was made for it.
pub(crate) fn arrive(signal: c_int) {
    deliver(signal);
    let (handler, flags) = action(signal, None);
    if let (Some(me), false) = (me(), [libc::SIG_IGN, libc::SIG_DFL].contains(&handler)) {
        with(|conductor| {
            let host = conductor.threads[me as usize].host;
            conductor.interrupt(me, host, flags & libc::SA_RESTART != 0);
        });
    }
}

/// The signal comes to the host of this thread.
fn deliver(signal: c_int) {
    if !is_simulated(signal) {
        unsafe { real!(c"raise", fn(c_int) -> c_int)(signal) };
        return;
    }
    let (handler, flags) = action(signal, None);
    match handler {
        libc::SIG_IGN => {}
        libc::SIG_DFL => match signal {
            libc::SIGCHLD | libc::SIGWINCH | libc::SIGCONT => {}
            _ => crate::world::ended_by_signal(signal),
        },
        handler if flags & libc::SA_SIGINFO != 0 => unsafe {
            let handler = std::mem::transmute::<
                usize,
                extern "C" fn(c_int, *mut siginfo_t, *mut c_void),
            >(handler);
            let mut info: siginfo_t = std::mem::zeroed();
            info.si_signo = signal;
            handler(signal, &mut info, std::ptr::null_mut());
        },
        handler => unsafe {
            std::mem::transmute::<usize, extern "C" fn(c_int)>(handler)(signal);
        },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn raise(signal: c_int) -> c_int {
    if files::of_host().is_none() || !is_simulated(signal) {
        return unsafe { real!(c"raise", fn(c_int) -> c_int)(signal) };
    }
    deliver(signal);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn kill(process: pid_t, signal: c_int) -> c_int {
    let Some(me) = files::of_host() else {
        return unsafe { kernel(libc::SYS_kill, &[process as usize, signal as usize]) as c_int };
    };
    if process != 0 && process != number(me) {
        // There is no other process on the host.
        return fail(libc::ESRCH);
    }
    match signal {
        0 => 0,
        1..=64 if is_simulated(signal) => {
            deliver(signal);
            0
        }
        libc::SIGKILL => {
            crate::world::ended_by_signal(signal);
            0
        }
        1..=64 => unsafe { raise(signal) },
        _ => fail(libc::EINVAL),
    }
}

const WAITING: &str = "Install a handler, or use `runtime::signal` or `tokio::signal`.";

/// Returns the errno.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_kill(thread: pthread_t, signal: c_int) -> c_int {
    if me().is_none() || !is_simulated(signal) {
        return unsafe { real!(c"pthread_kill", fn(pthread_t, c_int) -> c_int)(thread, signal) };
    }
    if unsafe { libc::pthread_self() } == thread {
        deliver(signal);
        return 0;
    }
    refuse("a signal to another thread", "Send it to the process.");
    libc::ENOSYS
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigwaitinfo(set: *const sigset_t, info: *mut siginfo_t) -> c_int {
    if me().is_some() {
        refuse("the wait for a signal", WAITING);
        return fail(libc::ENOSYS);
    }
    unsafe { real!(c"sigwaitinfo", fn(*const sigset_t, *mut siginfo_t) -> c_int)(set, info) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigtimedwait(
    set: *const sigset_t,
    info: *mut siginfo_t,
    time: *const timespec,
) -> c_int {
    if me().is_some() {
        refuse("the wait for a signal", WAITING);
        return fail(libc::ENOSYS);
    }
    let function =
        real!(c"sigtimedwait", fn(*const sigset_t, *mut siginfo_t, *const timespec) -> c_int);
    unsafe { function(set, info, time) }
}

/// Returns the errno.
#[unsafe(no_mangle)]
unsafe extern "C" fn sigwait(set: *const sigset_t, signal: *mut c_int) -> c_int {
    if me().is_some() {
        refuse("the wait for a signal", WAITING);
        return libc::ENOSYS;
    }
    unsafe { real!(c"sigwait", fn(*const sigset_t, *mut c_int) -> c_int)(set, signal) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pause() -> c_int {
    if me().is_some() {
        refuse("the wait for a signal", WAITING);
        return fail(libc::ENOSYS);
    }
    unsafe { real!(c"pause", fn() -> c_int)() }
}

const ALARMS: &str = "Sleep on a thread, or use a timerfd or a timer of the runtime.";

#[unsafe(no_mangle)]
unsafe extern "C" fn alarm(seconds: std::ffi::c_uint) -> std::ffi::c_uint {
    if me().is_some() {
        refuse("a timer that sends a signal", ALARMS);
        return 0;
    }
    unsafe { real!(c"alarm", fn(std::ffi::c_uint) -> std::ffi::c_uint)(seconds) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setitimer(which: c_int, new: *const c_void, old: *mut c_void) -> c_int {
    if me().is_some() {
        refuse("a timer that sends a signal", ALARMS);
        return fail(libc::ENOSYS);
    }
    unsafe { kernel(libc::SYS_setitimer, &[which as usize, new as usize, old as usize]) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timer_create(clock: c_int, event: *mut c_void, timer: *mut c_void) -> c_int {
    if me().is_some() {
        refuse("a timer that sends a signal", ALARMS);
        return fail(libc::ENOSYS);
    }
    let function = real!(c"timer_create", fn(c_int, *mut c_void, *mut c_void) -> c_int);
    unsafe { function(clock, event, timer) }
}

// ---- the number of a process ----

/// The number of the host's process: another one for each host, and after each start.
pub(super) fn number(me: u32) -> pid_t {
    with(|conductor| {
        let host = conductor.threads[me as usize].host;
        let starts = conductor.hosts.get(host as usize).map_or(0, |host| host.starts);
        // The model has no other processes, so the numbers may begin anywhere.
        1000 * (host as pid_t + 1) + starts as pid_t % 1000
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn getpid() -> pid_t {
    match files::of_host() {
        Some(me) => number(me),
        None => unsafe { kernel(libc::SYS_getpid, &[]) as pid_t },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getppid() -> pid_t {
    match files::of_host() {
        Some(_) => 1,
        None => unsafe { kernel(libc::SYS_getppid, &[]) as pid_t },
    }
}
