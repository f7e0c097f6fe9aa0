//! What all descriptors have: reading, writing, closing, flags; and pipes, counters of events,
//! timers.
//!
//! A descriptor below [`FIRST_FD`](crate::os::FIRST_FD) is the kernel's, also for a simulated
//! thread: a file, or the standard streams. What a host writes to its standard output and error is
//! shown in a replay, with the time and the host's name in front of each line, and dropped
//! otherwise.

use std::ffi::{c_int, c_ulong, c_void};
use std::io::{IoSlice, IoSliceMut};

use libc::{iovec, itimerspec, size_t, ssize_t};

use super::call::{blocking, caller, errno, model, moved, simple};
use super::time::{nanos, shown_at, to_timespec};
use super::{fail, kernel, output};
use crate::conductor::baton::{me, with};
use crate::conductor::hash::of_bytes;
use crate::os::{Direction, Fd};

/// At most so many parts of a scattered read or write, as the kernel has it (`IOV_MAX`).
const MOST_PARTS: usize = 1024;

/// The buffers of a scattered write.
pub(super) unsafe fn slices<'a>(parts: *const iovec, count: usize) -> Vec<IoSlice<'a>> {
    let parts =
        if count == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(parts, count) } };
    let filled = parts.iter().filter(|part| part.iov_len > 0);
    filled
        .map(|part| {
            let base = part.iov_base.cast::<u8>();
            IoSlice::new(unsafe { std::slice::from_raw_parts(base, part.iov_len) })
        })
        .collect()
}

/// The buffers of a scattered read.
pub(super) unsafe fn slices_mut<'a>(parts: *const iovec, count: usize) -> Vec<IoSliceMut<'a>> {
    let parts =
        if count == 0 { &[][..] } else { unsafe { std::slice::from_raw_parts(parts, count) } };
    let filled = parts.iter().filter(|part| part.iov_len > 0);
    filled
        .map(|part| {
            let base = part.iov_base.cast::<u8>();
            IoSliceMut::new(unsafe { std::slice::from_raw_parts_mut(base, part.iov_len) })
        })
        .collect()
}

/// A hash of the first `length` bytes of the buffers.
pub(super) fn content<'a>(parts: impl Iterator<Item = &'a [u8]>, mut length: usize) -> u64 {
    let mut hash: u64 = 0;
    for part in parts {
        let part = &part[..part.len().min(length)];
        length -= part.len();
        if !part.is_empty() {
            hash = hash.rotate_left(7) ^ of_bytes(part);
        }
    }
    hash
}

fn read_parts(me: u32, fd: Fd, parts: &mut [IoSliceMut<'_>]) -> isize {
    let result =
        blocking(me, fd, Direction::Read, false, |os, host, now| os.read(host, now, fd, parts));
    if let Ok(length) = result {
        let hash = content(parts.iter().map(|part| &**part), length);
        moved(me, "read", length as u64, hash);
    } else {
        moved(me, "read", u64::MAX, 0);
    }
    errno(result, |length| length as isize)
}

/// The rest of the buffers after the first `done` bytes.
pub(super) fn rest<'a>(parts: &[IoSlice<'a>], mut done: usize) -> Vec<IoSlice<'a>> {
    let mut left = Vec::with_capacity(parts.len());
    for part in parts {
        let skip = done.min(part.len());
        done -= skip;
        if skip < part.len() {
            let bytes: &[u8] = part;
            // The buffers outlive the call, whose caller lends them.
            let bytes: &'a [u8] =
                unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) };
            left.push(IoSlice::new(&bytes[skip..]));
        }
    }
    left
}

fn write_parts(me: u32, fd: Fd, parts: &[IoSlice<'_>]) -> isize {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let mut done = 0;
    let result = loop {
        let left = rest(parts, done);
        let result = blocking(me, fd, Direction::Write, false, |os, host, now| {
            os.write(host, now, fd, &left)
        });
        match result {
            Ok(length) => {
                done += length;
                let blocks = || {
                    model(me, |os, host, _| os.is_blocking(host, fd) == Ok(true) && !os.is_file(fd))
                };
                // A blocking write goes on until all is written, unless a disk is full or busy.
                if done >= total || length == 0 || !blocks() {
                    break Ok(done);
                }
            }
            Err(_) if done > 0 => break Ok(done),
            Err(error) => break Err(error),
        }
    };
    match result {
        Ok(length) => {
            let hash = content(parts.iter().map(|part| &**part), length);
            moved(me, "write", length as u64, hash);
        }
        Err(_) => moved(me, "write", u64::MAX, 0),
    }
    errno(result, |length| length as isize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: c_int, place: *mut c_void, length: size_t) -> ssize_t {
    let Some(me) = caller(fd) else {
        if let Some(me) = me().filter(|_| super::files::is_random(fd)) {
            unsafe { super::entropy::fill(me, place, length) };
            return length as ssize_t;
        }
        return unsafe { kernel(libc::SYS_read, &[fd as usize, place as usize, length]) };
    };
    let part = iovec { iov_base: place, iov_len: length };
    read_parts(me, fd, &mut unsafe { slices_mut(&part, 1) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn readv(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    let Some(me) = caller(fd) else {
        return unsafe { kernel(libc::SYS_readv, &[fd as usize, parts as usize, count as usize]) };
    };
    match usize::try_from(count) {
        Ok(count) if count <= MOST_PARTS => {
            read_parts(me, fd, &mut unsafe { slices_mut(parts, count) })
        }
        _ => fail(libc::EINVAL) as ssize_t,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: c_int, place: *const c_void, length: size_t) -> ssize_t {
    let Some(me) = caller(fd) else {
        if let (Some(me), 1 | 2) = (me(), fd) {
            let bytes = unsafe { std::slice::from_raw_parts(place.cast::<u8>(), length) };
            output::print(me, bytes);
            return length as ssize_t;
        }
        return unsafe { kernel(libc::SYS_write, &[fd as usize, place as usize, length]) };
    };
    let part = iovec { iov_base: place.cast_mut(), iov_len: length };
    write_parts(me, fd, &unsafe { slices(&part, 1) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    let bounded = usize::try_from(count).ok().filter(|&count| count <= MOST_PARTS);
    let Some(me) = caller(fd) else {
        if let (Some(me), 1 | 2, Some(count)) = (me(), fd, bounded) {
            let parts = unsafe { slices(parts, count) };
            for part in &parts {
                output::print(me, part);
            }
            return parts.iter().map(|part| part.len()).sum::<usize>() as ssize_t;
        }
        return unsafe { kernel(libc::SYS_writev, &[fd as usize, parts as usize, count as usize]) };
    };
    match bounded {
        Some(count) => write_parts(me, fd, &unsafe { slices(parts, count) }),
        None => fail(libc::EINVAL) as ssize_t,
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn close(fd: c_int) -> c_int {
    let Some(me) = caller(fd) else {
        super::files::closed(fd);
        return unsafe { kernel(libc::SYS_close, &[fd as usize]) } as c_int;
    };
    simple(me, "close", |os, host, now| os.close(host, now, fd), |()| 0) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup(fd: c_int) -> c_int {
    let Some(me) = caller(fd) else {
        return unsafe { kernel(libc::SYS_dup, &[fd as usize]) } as c_int;
    };
    simple(me, "dup", |os, host, _| os.dup(host, fd, 0), |fd| fd as isize) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup3(fd: c_int, to: c_int, flags: c_int) -> c_int {
    let Some(me) = caller(fd) else {
        return unsafe { kernel(libc::SYS_dup3, &[fd as usize, to as usize, flags as usize]) }
            as c_int;
    };
    if fd == to {
        return fail(libc::EINVAL);
    }
    simple(me, "dup3", |os, host, now| os.dup_to(host, now, fd, to), |fd| fd as isize) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup2(fd: c_int, to: c_int) -> c_int {
    if fd == to && caller(fd).is_some() {
        return fd;
    }
    match unsafe { dup3(fd, to, 0) } {
        // The kernel's `dup3` does not take twice the same.
        -1 if fd == to => fd,
        result => result,
    }
}

unsafe fn control(fd: c_int, command: c_int, argument: usize) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, command as usize, argument];
        return unsafe { kernel(libc::SYS_fcntl, &args) } as c_int;
    };
    let value = argument as c_int;
    match command {
        libc::F_GETFL => {
            errno(model(me, |os, host, _| os.status_flags(host, fd)), |flags| flags as isize)
                as c_int
        }
        libc::F_SETFL => {
            errno(model(me, |os, host, _| os.set_status_flags(host, fd, value)), |()| 0) as c_int
        }
        libc::F_GETFD => {
            let flags = model(me, |os, host, _| os.descriptor_flags(host, fd));
            errno(flags, |flags| flags as isize) as c_int
        }
        libc::F_SETFD => {
            errno(model(me, |os, host, _| os.set_descriptor_flags(host, fd, value)), |()| 0)
                as c_int
        }
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => {
            simple(me, "dup", |os, host, _| os.dup(host, fd, value), |fd| fd as isize) as c_int
        }
        libc::F_GETLK
        | libc::F_SETLK
        | libc::F_SETLKW
        | libc::F_OFD_GETLK
        | libc::F_OFD_SETLK
        | libc::F_OFD_SETLKW => unsafe {
            super::data::control_lock(me, fd, command, argument as *mut libc::flock)
        },
        _ => fail(libc::EINVAL),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    unsafe { control(fd, command, argument) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int {
    unsafe { control(fd, command, argument) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ioctl(fd: c_int, request: c_ulong, argument: *mut c_int) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, request as usize, argument as usize];
        return unsafe { kernel(libc::SYS_ioctl, &args) } as c_int;
    };
    match request as u32 as c_ulong {
        libc::FIONBIO => {
            let on = unsafe { *argument } != 0;
            let result = model(me, |os, host, _| {
                let flags = os.status_flags(host, fd)?;
                let flags = if on { flags | libc::O_NONBLOCK } else { flags & !libc::O_NONBLOCK };
                os.set_status_flags(host, fd, flags)
            });
            errno(result, |()| 0) as c_int
        }
        libc::FIONREAD => {
            let result = model(me, |os, host, _| os.bytes_to_read(host, fd));
            errno(result, |bytes| {
                unsafe { *argument = bytes as c_int };
                0
            }) as c_int
        }
        libc::FIOCLEX => {
            let flags = libc::FD_CLOEXEC;
            errno(model(me, |os, host, _| os.set_descriptor_flags(host, fd, flags)), |()| 0)
                as c_int
        }
        _ => fail(libc::ENOTTY),
    }
}

// ---- pipes, counters, timers ----

#[unsafe(no_mangle)]
unsafe extern "C" fn pipe2(ends: *mut c_int, flags: c_int) -> c_int {
    let Some(me) = me() else {
        return unsafe { kernel(libc::SYS_pipe2, &[ends as usize, flags as usize]) } as c_int;
    };
    simple(
        me,
        "pipe2",
        |os, host, _| os.pipe(host, flags),
        |(read, write)| {
            unsafe {
                *ends = read;
                *ends.add(1) = write;
            }
            0
        },
    ) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pipe(ends: *mut c_int) -> c_int {
    unsafe { pipe2(ends, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn eventfd(value: u32, flags: c_int) -> c_int {
    let Some(me) = me() else {
        return unsafe { kernel(libc::SYS_eventfd2, &[value as usize, flags as usize]) } as c_int;
    };
    simple(me, "eventfd", |os, host, _| os.eventfd(host, value, flags), |fd| fd as isize) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timerfd_create(clock: c_int, flags: c_int) -> c_int {
    let Some(me) = me() else {
        let args = [clock as usize, flags as usize];
        return unsafe { kernel(libc::SYS_timerfd_create, &args) } as c_int;
    };
    let made = |os: &mut crate::os::Os, host, _| os.timerfd_create(host, clock, flags);
    simple(me, "timerfd_create", made, |fd| fd as isize) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timerfd_settime(
    fd: c_int,
    flags: c_int,
    new: *const itimerspec,
    old: *mut itimerspec,
) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, flags as usize, new as usize, old as usize];
        return unsafe { kernel(libc::SYS_timerfd_settime, &args) } as c_int;
    };
    let new = unsafe { &*new };
    let (Some(value), Some(interval)) = (nanos(&new.it_value), nanos(&new.it_interval)) else {
        return fail(libc::EINVAL);
    };
    let first = (value != 0).then(|| {
        with(|conductor| match flags & libc::TFD_TIMER_ABSTIME {
            0 => conductor.clock_of(me).elapsed(conductor.now).saturating_add(value),
            _ => shown_at(conductor, me, value),
        })
    });
    let set =
        |os: &mut crate::os::Os, host, now| os.timerfd_settime(host, now, fd, first, interval);
    simple(me, "timerfd_settime", set, |(left, interval)| {
        unsafe { put_timer(old, left, interval) };
        0
    }) as c_int
}

unsafe fn put_timer(place: *mut itimerspec, left: u64, interval: u64) {
    if !place.is_null() {
        let (it_interval, it_value) = (to_timespec(interval), to_timespec(left));
        unsafe { *place = itimerspec { it_interval, it_value } };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timerfd_gettime(fd: c_int, place: *mut itimerspec) -> c_int {
    let Some(me) = caller(fd) else {
        return unsafe { kernel(libc::SYS_timerfd_gettime, &[fd as usize, place as usize]) }
            as c_int;
    };
    let result = model(me, |os, host, now| os.timerfd_gettime(host, now, fd));
    errno(result, |(left, interval)| {
        unsafe { put_timer(place, left, interval) };
        0
    }) as c_int
}
