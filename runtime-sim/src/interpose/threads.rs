//! Threads: their begin and end, and what they ask about themselves and the machine.

use std::ffi::{c_char, c_int, c_long, c_ulong, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{cpu_set_t, pid_t, pthread_attr_t, pthread_t, rusage, size_t, timespec};

use super::time::{at, nanos};
use super::{fail, kernel, real};
use crate::conductor::baton::{arrive, me, point, reschedule, wait, with};
use crate::conductor::hash::Op;
use crate::conductor::{BySignal, How, NEVER, On, State, Wait, Why};

type Start = extern "C" fn(*mut c_void) -> *mut c_void;

/// What a new thread is to do.
struct Begin {
    thread: u32,
    start: Start,
    argument: *mut c_void,
}

extern "C" fn begin(begin: *mut c_void) -> *mut c_void {
    let begin = unsafe { Box::from_raw(begin.cast::<Begin>()) };
    arrive(begin.thread);
    let Begin { start, argument, .. } = *begin;
    start(argument)
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pthread_create(
    handle: *mut pthread_t,
    attributes: *const pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    let create = real!(
        c"pthread_create",
        fn(*mut pthread_t, *const pthread_attr_t, Start, *mut c_void) -> c_int
    );
    let Some(me) = me() else { return unsafe { create(handle, attributes, start, argument) } };
    let Some(thread) = with(|conductor| conductor.begin(me)) else { return libc::EAGAIN };
    let what = Box::into_raw(Box::new(Begin { thread, start, argument }));
    let result = unsafe { create(handle, attributes, begin, what.cast()) };
    if result != 0 {
        drop(unsafe { Box::from_raw(what) });
        with(|conductor| conductor.forget(thread));
        return result;
    }
    with(|conductor| conductor.set_handle(thread, unsafe { *handle } as usize));
    point(me);
    0
}

/// Waits for the end of the thread, in the simulation; `false` if the time is up.
fn wait_for_end(me: u32, handle: pthread_t, deadline: u64) -> bool {
    let Some(thread) = with(|conductor| conductor.by_handle(handle as usize)) else { return true };
    let has_ended = || with(|conductor| conductor.threads[thread as usize].state == State::Ended);
    while !has_ended() {
        let by_signal = BySignal::Stays;
        let end = Wait { on: On::End, key: thread as usize, mask: u32::MAX, deadline, by_signal };
        if wait(me, &end) == Why::TimedOut && !has_ended() {
            return false;
        }
    }
    with(|conductor| conductor.threads[thread as usize].handle = 0);
    true
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pthread_join(handle: pthread_t, value: *mut *mut c_void) -> c_int {
    if let Some(me) = me() {
        wait_for_end(me, handle, NEVER);
    }
    // What is left of the thread takes no time: it has come to its end, but for what libc does.
    unsafe { real!(c"pthread_join", fn(pthread_t, *mut *mut c_void) -> c_int)(handle, value) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_timedjoin_np(
    handle: pthread_t,
    value: *mut *mut c_void,
    until: *const timespec,
) -> c_int {
    let Some(me) = me() else {
        let function = real!(
            c"pthread_timedjoin_np",
            fn(pthread_t, *mut *mut c_void, *const timespec) -> c_int
        );
        return unsafe { function(handle, value, until) };
    };
    let Some(ns) = nanos(unsafe { &*until }) else { return libc::EINVAL };
    if !wait_for_end(me, handle, with(|conductor| at(conductor, me, ns))) {
        return libc::ETIMEDOUT;
    }
    unsafe { pthread_join(handle, value) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_tryjoin_np(handle: pthread_t, value: *mut *mut c_void) -> c_int {
    if me().is_some() {
        let has_ended = with(|conductor| {
            let thread = conductor.by_handle(handle as usize);
            thread.is_none_or(|thread| conductor.threads[thread as usize].state == State::Ended)
        });
        return if has_ended { unsafe { pthread_join(handle, value) } } else { libc::EBUSY };
    }
    unsafe { real!(c"pthread_tryjoin_np", fn(pthread_t, *mut *mut c_void) -> c_int)(handle, value) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_detach(handle: pthread_t) -> c_int {
    if me().is_some() {
        with(|conductor| {
            if let Some(thread) = conductor.by_handle(handle as usize) {
                conductor.threads[thread as usize].handle = 0;
            }
        });
    }
    unsafe { real!(c"pthread_detach", fn(pthread_t) -> c_int)(handle) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setname_np(handle: pthread_t, name: *const c_char) -> c_int {
    if let Some(me) = me() {
        let name = unsafe { std::ffi::CStr::from_ptr(name) };
        let myself = unsafe { libc::pthread_self() } == handle;
        with(|conductor| {
            let thread = if myself { Some(me) } else { conductor.by_handle(handle as usize) };
            if let Some(thread) = thread {
                conductor.set_name(thread, name.to_bytes());
            }
        });
    }
    unsafe { real!(c"pthread_setname_np", fn(pthread_t, *const c_char) -> c_int)(handle, name) }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sched_yield() -> c_int {
    match me() {
        None => unsafe { kernel(libc::SYS_sched_yield, &[]) as c_int },
        Some(me) => {
            with(|conductor| conductor.note(me, Op::Point, 1, 0));
            reschedule(me, How::Yield);
            0
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_yield() -> c_int {
    unsafe { sched_yield() }
}

// ---- the machine ----

/// How many processors simulated programs see.
static PROCESSORS: AtomicU32 = AtomicU32::new(4);

pub(crate) fn processors() -> u32 {
    PROCESSORS.load(Ordering::Relaxed)
}

pub(crate) fn set_processors(count: u32) {
    PROCESSORS.store(count, Ordering::Relaxed);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getaffinity(pid: pid_t, size: size_t, set: *mut cpu_set_t) -> c_int {
    if me().is_none() {
        let args = [pid as usize, size, set as usize];
        // The kernel says how much it has written; libc clears the rest.
        let written = unsafe { kernel(libc::SYS_sched_getaffinity, &args) };
        if written < 0 {
            return -1;
        }
        unsafe { set.cast::<u8>().add(written as usize).write_bytes(0, size - written as usize) };
        return 0;
    }
    if size * 8 < processors() as usize {
        return fail(libc::EINVAL);
    }
    let bytes = unsafe { std::slice::from_raw_parts_mut(set.cast::<u8>(), size) };
    bytes.fill(0);
    for processor in 0..processors() as usize {
        bytes[processor / 8] |= 1 << (processor % 8);
    }
    0
}

/// Threads of a simulated program run where they run.
#[unsafe(no_mangle)]
unsafe extern "C" fn sched_setaffinity(pid: pid_t, size: size_t, set: *const cpu_set_t) -> c_int {
    match me() {
        Some(_) => 0,
        None => {
            let args = [pid as usize, size, set as usize];
            unsafe { kernel(libc::SYS_sched_setaffinity, &args) as c_int }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sysconf(name: c_int) -> c_long {
    let is_count = matches!(name, libc::_SC_NPROCESSORS_ONLN | libc::_SC_NPROCESSORS_CONF);
    if is_count && me().is_some() {
        return c_long::from(processors());
    }
    unsafe { real!(c"sysconf", fn(c_int) -> c_long)(name) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getcpu() -> c_int {
    match me() {
        Some(_) => 0,
        None => unsafe { real!(c"sched_getcpu", fn() -> c_int)() },
    }
}

// ---- oneself ----

/// The number that a program sees of its thread: the ordinal from here on.
const FIRST_NUMBER: u32 = 1 << 20;

pub(super) fn number(thread: u32) -> u32 {
    FIRST_NUMBER + thread
}

pub(super) fn of_number(number: u32) -> Option<u32> {
    number.checked_sub(FIRST_NUMBER)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gettid() -> pid_t {
    match me() {
        Some(me) => number(me) as pid_t,
        None => raw_id(),
    }
}

fn raw_id() -> pid_t {
    crate::raw::thread_id() as pid_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_getcpuclockid(
    handle: pthread_t,
    clock: *mut libc::clockid_t,
) -> c_int {
    if let Some(me) = me() {
        let myself = unsafe { libc::pthread_self() } == handle;
        let found = with(|conductor| conductor.by_handle(handle as usize));
        let Some(thread) = (if myself { Some(me) } else { found }) else { return libc::ESRCH };
        // The kernel's form: a thread's clock of processor time.
        unsafe { *clock = (!(number(thread) as libc::clockid_t) << 3) | 0b110 };
        return 0;
    }
    let function = real!(c"pthread_getcpuclockid", fn(pthread_t, *mut libc::clockid_t) -> c_int);
    unsafe { function(handle, clock) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getrusage(who: c_int, usage: *mut rusage) -> c_int {
    let Some(me) = me() else {
        return unsafe { kernel(libc::SYS_getrusage, &[who as usize, usage as usize]) as c_int };
    };
    let cpu = with(|conductor| match who {
        libc::RUSAGE_THREAD => conductor.threads[me as usize].cpu,
        _ => conductor.now,
    });
    unsafe {
        usage.write_bytes(0, 1);
        (*usage).ru_utime.tv_sec = (cpu / 1_000_000_000) as _;
        (*usage).ru_utime.tv_usec = (cpu % 1_000_000_000 / 1000) as _;
    }
    0
}

/// Names, slack of timers and the like are of no concern; a name is kept.
#[unsafe(no_mangle)]
unsafe extern "C" fn prctl(option: c_int, a: c_ulong, b: c_ulong, c: c_ulong, d: c_ulong) -> c_int {
    if let (Some(me), libc::PR_SET_NAME) = (me(), option) {
        let name = unsafe { std::ffi::CStr::from_ptr(a as *const c_char) };
        with(|conductor| conductor.set_name(me, name.to_bytes()));
    }
    let args = [option as usize, a as usize, b as usize, c as usize, d as usize];
    unsafe { kernel(libc::SYS_prctl, &args) as c_int }
}
