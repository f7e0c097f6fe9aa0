//! The function `syscall`: the futex, and calls that have no function or whose function crates go
//! around.

use std::ffi::{c_int, c_long, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{ssize_t, timespec};

use super::time::{at, in_time, nanos};
use super::{entropy, fail, kernel, refuse, threads};
use crate::conductor::baton::{me, point, wait, with};
use crate::conductor::hash::Op;
use crate::conductor::{BySignal, How, NEVER, On, Wait, Why, baton};

/// A number that no system call has: how `runtime` talks to a simulation that it does not depend
/// on. It asks only where the environment says that there is one.
const TO_SIMULATION: c_long = 0x0052_5453;
/// Is there a simulation? The answer is its version.
const HELLO: usize = 0;
/// A scheduling point.
const POINT: usize = 1;

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn syscall(
    number: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    let Some(me) = me() else {
        return unsafe { kernel(number, &[a, b, c, d, e, f]) as c_long };
    };
    match number {
        libc::SYS_futex => unsafe { futex(me, a, b as c_int, c, d, e, f as u32) as c_long },
        libc::SYS_getrandom => unsafe {
            entropy::getrandom(a as *mut c_void, b, c as u32) as c_long
        },
        libc::SYS_getpid => unsafe { c_long::from(super::signals::getpid()) },
        libc::SYS_gettid => c_long::from(threads::number(me)),
        libc::SYS_clock_gettime => unsafe {
            super::time::clock_gettime(a as _, b as *mut timespec) as c_long
        },
        libc::SYS_sched_yield => unsafe { threads::sched_yield() as c_long },
        libc::SYS_epoll_pwait2 => unsafe {
            super::epoll::epoll_pwait2(a as _, b as *mut _, c as _, d as *const _, e as *const _)
                as c_long
        },
        libc::SYS_sendmmsg => unsafe {
            super::sockets::sendmmsg(a as _, b as *mut _, c as _, d as _) as c_long
        },
        libc::SYS_recvmmsg => unsafe {
            super::sockets::recvmmsg(a as _, b as *mut _, c as _, d as _, e as *mut _) as c_long
        },
        libc::SYS_statx => unsafe {
            super::stat::statx(a as _, b as *const _, c as _, d as _, e as *mut _) as c_long
        },
        libc::SYS_renameat2 => unsafe {
            let (from, to) = (b as *const _, d as *const _);
            super::paths::renameat2(a as _, from, c as _, to, e as _) as c_long
        },
        libc::SYS_copy_file_range => unsafe {
            let (from_at, to_at) = (b as *mut _, d as *mut _);
            super::data::copy_file_range(a as _, from_at, c as _, to_at, e, f as _) as c_long
        },
        libc::SYS_mmap => unsafe {
            super::data::mmap(a as *mut c_void, b, c as _, d as _, e as _, f as _) as c_long
        },
        // A host's disk does not say what it has in memory; who asks has another way.
        libc::SYS_openat2 => c_long::from(fail(libc::ENOSYS)),
        TO_SIMULATION => match a {
            HELLO => 1,
            POINT => {
                baton::reschedule(me, How::Point);
                0
            }
            _ => c_long::from(fail(libc::ENOSYS)),
        },
        // About memory, this process or its limits: of no concern to other threads.
        libc::SYS_munmap
        | libc::SYS_mprotect
        | libc::SYS_madvise
        | libc::SYS_mremap
        | libc::SYS_membarrier
        | libc::SYS_prctl
        | libc::SYS_getcpu
        | libc::SYS_rt_sigprocmask
        | libc::SYS_rseq
        | libc::SYS_memfd_create => unsafe { kernel(number, &[a, b, c, d, e, f]) as c_long },
        other => {
            with(|conductor| conductor.note(me, Op::Call, other as u64, 0));
            refuse(
                &format!("system call {other} by way of `syscall`"),
                "If the code can do without it, it will; else leave it out of the simulated test.",
            );
            c_long::from(fail(libc::ENOSYS))
        }
    }
}

unsafe fn futex(
    me: u32,
    word: usize,
    op: c_int,
    value: usize,
    time: usize,
    other: usize,
    last: u32,
) -> ssize_t {
    let by_day = op & libc::FUTEX_CLOCK_REALTIME != 0;
    match op & !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) {
        kind @ (libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET) => {
            let held = unsafe { AtomicU32::from_ptr(word as *mut u32) }.load(Ordering::SeqCst);
            if held != value as u32 {
                return fail(libc::EAGAIN) as ssize_t;
            }
            let deadline = match unsafe { (time as *const timespec).as_ref() } {
                None => NEVER,
                Some(time) => match nanos(time) {
                    None => return fail(libc::EINVAL) as ssize_t,
                    Some(ns) => with(|conductor| match kind {
                        libc::FUTEX_WAIT if !by_day => in_time(conductor, me, ns),
                        _ => at(conductor, me, ns),
                    }),
                },
            };
            let mask = if kind == libc::FUTEX_WAIT { u32::MAX } else { last };
            // With a time the kernel does not restart it.
            let by_signal = if deadline == NEVER { BySignal::Restarts } else { BySignal::Goes };
            match wait(me, &Wait { on: On::Futex, key: word, mask, deadline, by_signal }) {
                Why::Woken => 0,
                Why::TimedOut => fail(libc::ETIMEDOUT) as ssize_t,
                Why::Interrupted => fail(libc::EINTR) as ssize_t,
            }
        }
        kind @ (libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET) => {
            let mask = if kind == libc::FUTEX_WAKE { u32::MAX } else { last };
            let most = usize::try_from(value as c_int).unwrap_or(0);
            let woken = with(|conductor| conductor.wake(me, On::Futex, word, mask, most));
            if woken > 0 {
                point(me);
            }
            woken as ssize_t
        }
        kind @ (libc::FUTEX_REQUEUE | libc::FUTEX_CMP_REQUEUE) => {
            let held = unsafe { AtomicU32::from_ptr(word as *mut u32) }.load(Ordering::SeqCst);
            if kind == libc::FUTEX_CMP_REQUEUE && held != last {
                return fail(libc::EAGAIN) as ssize_t;
            }
            let most = usize::try_from(value as c_int).unwrap_or(0);
            let moved = with(|conductor| {
                let woken = conductor.wake(me, On::Futex, word, u32::MAX, most);
                woken + conductor.requeue(word, other, time)
            });
            if moved > 0 {
                point(me);
            }
            moved as ssize_t
        }
        _ => fail(libc::ENOSYS) as ssize_t,
    }
}
