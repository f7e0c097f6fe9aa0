//! Clocks and sleeps.
//!
//! The monotonic clocks begin at 10,000 s, the time of day at the first second of 2026; so a time
//! tells by its size which of them it is of.

use std::ffi::{c_int, c_uint, c_void};

use libc::{clockid_t, time_t, timespec, timeval};

use super::{fail, kernel};
use crate::conductor::baton::{me, wait, with};
use crate::conductor::{BySignal, Conductor, NEVER, On, Wait, Why};

const SECOND: u64 = 1_000_000_000;
/// What the monotonic clocks show at virtual time 0, in ns.
pub(crate) const BOOTED: u64 = 10_000 * SECOND;
/// What the time of day is at virtual time 0, in ns since 1970.
pub(crate) const DAY: u64 = 1_767_225_600 * SECOND;

/// A length of time, in ns; `None` if it is none.
pub(super) fn nanos(time: &timespec) -> Option<u64> {
    let fraction = u64::try_from(time.tv_nsec).ok().filter(|&ns| ns < SECOND)?;
    let seconds = u64::try_from(time.tv_sec).ok()?;
    Some(seconds.saturating_mul(SECOND).saturating_add(fraction))
}

pub(super) fn to_timespec(ns: u64) -> timespec {
    timespec { tv_sec: (ns / SECOND) as time_t, tv_nsec: (ns % SECOND) as _ }
}

/// A length beyond 100 years is for ever.
const FOR_EVER: u64 = 3_200_000_000 * SECOND;

/// The virtual time at which so much has passed on the thread's clock.
pub(super) fn in_time(conductor: &Conductor, thread: u32, ns: u64) -> u64 {
    if ns > FOR_EVER { NEVER } else { conductor.clock_of(thread).after(conductor.now, ns) }
}

/// What the monotonic clock shows, from the world's beginning on, at a moment on one of the clocks;
/// [`NEVER`] if that is out of sight.
pub(super) fn shown_at(conductor: &Conductor, thread: u32, ns: u64) -> u64 {
    // Half of the day's beginning: no monotonic clock gets there.
    let shown = match ns < DAY / 2 {
        true => ns.saturating_sub(BOOTED),
        false => conductor.clock_of(thread).at_day(ns),
    };
    if shown > FOR_EVER { NEVER } else { shown }
}

/// The virtual time of a moment on one of the clocks.
pub(super) fn at(conductor: &Conductor, thread: u32, ns: u64) -> u64 {
    match shown_at(conductor, thread, ns) {
        NEVER => NEVER,
        shown => conductor.clock_of(thread).when(shown),
    }
}

fn read(clock: clockid_t, thread: u32) -> Option<u64> {
    with(|conductor| {
        let now = conductor.read_clock(thread);
        let shows = conductor.clock_of(thread);
        Some(match clock {
            libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => {
                shows.day(now).max(0) as u64
            }
            libc::CLOCK_MONOTONIC
            | libc::CLOCK_MONOTONIC_RAW
            | libc::CLOCK_MONOTONIC_COARSE
            | libc::CLOCK_BOOTTIME => BOOTED + shows.elapsed(now),
            libc::CLOCK_THREAD_CPUTIME_ID => conductor.threads[thread as usize].cpu,
            libc::CLOCK_PROCESS_CPUTIME_ID => now,
            // A thread's clock, by the thread's number: `pthread_getcpuclockid`, or made by hand.
            other if other < 0 => {
                let number = !(other >> 3) as u32;
                let of = super::threads::of_number(number);
                conductor.threads.get(of? as usize)?.cpu
            }
            _ => return None,
        })
    })
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    let Some(me) = me() else {
        let function = real_clock();
        return unsafe { function(clock, time) };
    };
    match read(clock, me) {
        Some(now) => {
            unsafe { *time = to_timespec(now) };
            0
        }
        None => fail(libc::EINVAL),
    }
}

/// libc's own reads the clock without a system call.
fn real_clock() -> unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int {
    super::real!(c"clock_gettime", fn(clockid_t, *mut timespec) -> c_int)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(time: *mut timeval, zone: *mut c_void) -> c_int {
    let now = match me() {
        None => {
            let function = super::real!(c"gettimeofday", fn(*mut timeval, *mut c_void) -> c_int);
            return unsafe { function(time, zone) };
        }
        Some(me) => read(libc::CLOCK_REALTIME, me).unwrap_or_default(),
    };
    if !time.is_null() {
        let micros = (now % SECOND / 1000) as _;
        unsafe { *time = timeval { tv_sec: (now / SECOND) as time_t, tv_usec: micros } };
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn time(place: *mut time_t) -> time_t {
    let now = match me() {
        None => {
            let function = super::real!(c"time", fn(*mut time_t) -> time_t);
            return unsafe { function(place) };
        }
        Some(me) => (read(libc::CLOCK_REALTIME, me).unwrap_or_default() / SECOND) as time_t,
    };
    if !place.is_null() {
        unsafe { *place = now };
    }
    now
}

/// Waits until then, or for a signal.
pub(super) fn sleep_until(me: u32, deadline: u64) -> Why {
    let by_signal = BySignal::Goes;
    loop {
        match wait(me, &Wait { on: On::Time, key: 0, mask: 0, deadline, by_signal }) {
            Why::Woken => {}
            why => return why,
        }
    }
}

/// A sleep of so long by the thread's clock. What was left is put into `left` if a signal has ended
/// it; gives the errno.
unsafe fn sleep_for(me: u32, ns: u64, left: *mut timespec) -> c_int {
    let clock = |conductor: &mut Conductor| conductor.clock_of(me).elapsed(conductor.now);
    let began = with(clock);
    match sleep_until(me, with(|conductor| in_time(conductor, me, ns))) {
        Why::Interrupted => {
            if !left.is_null() {
                let slept = with(clock) - began;
                unsafe { *left = to_timespec(ns.saturating_sub(slept)) };
            }
            libc::EINTR
        }
        _ => 0,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nanosleep(wanted: *const timespec, left: *mut timespec) -> c_int {
    let Some(me) = me() else {
        return unsafe { kernel(libc::SYS_nanosleep, &[wanted as usize, left as usize]) } as c_int;
    };
    let Some(ns) = nanos(unsafe { &*wanted }) else { return fail(libc::EINVAL) };
    match unsafe { sleep_for(me, ns, left) } {
        0 => 0,
        errno => fail(errno),
    }
}

/// Returns the errno.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    wanted: *const timespec,
    left: *mut timespec,
) -> c_int {
    let Some(me) = me() else {
        let args = [clock as usize, flags as usize, wanted as usize, left as usize, 0, 0];
        return -unsafe { crate::raw::call(libc::SYS_clock_nanosleep, args) } as c_int;
    };
    let Some(ns) = nanos(unsafe { &*wanted }) else { return libc::EINVAL };
    if flags & libc::TIMER_ABSTIME == 0 {
        return unsafe { sleep_for(me, ns, left) };
    }
    match sleep_until(me, with(|conductor| at(conductor, me, ns))) {
        Why::Interrupted => libc::EINTR,
        _ => 0,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn usleep(micros: c_uint) -> c_int {
    let wanted = to_timespec(u64::from(micros) * 1000);
    unsafe { nanosleep(&wanted, std::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sleep(seconds: c_uint) -> c_uint {
    let wanted = timespec { tv_sec: seconds as time_t, tv_nsec: 0 };
    let mut left = timespec { tv_sec: 0, tv_nsec: 0 };
    match unsafe { nanosleep(&wanted, &mut left) } {
        0 => 0,
        _ => left.tv_sec as c_uint,
    }
}
