//! Opening files.
//!
//! Files are the real system's: a simulated program reads and writes them as they are. What would
//! tell it about the real machine and its load is not there (`/proc`, control groups), and random
//! devices give the host's random numbers.

use std::ffi::{CStr, c_char, c_int, c_uint};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{fail, kernel};
use crate::conductor::baton::me;

/// Descriptors of the kernel's above this are never random devices.
const MOST: usize = 1 << 12;
static RANDOM: [AtomicBool; MOST] = [const { AtomicBool::new(false) }; MOST];

/// Whether it is a random device that a simulated thread has opened.
pub(super) fn is_random(fd: c_int) -> bool {
    let place = usize::try_from(fd).ok().and_then(|fd| RANDOM.get(fd));
    place.is_some_and(|place| place.load(Ordering::Relaxed))
}

pub(super) fn closed(fd: c_int) {
    if is_random(fd) {
        RANDOM[fd as usize].store(false, Ordering::Relaxed);
    }
}

/// What tells about the real machine, its load, or this very process.
const HIDDEN: [&[u8]; 12] = [
    b"/proc/self/task",
    b"/proc/self/stat",
    b"/proc/self/schedstat",
    b"/proc/self/cgroup",
    b"/proc/self/mountinfo",
    b"/proc/stat",
    b"/proc/loadavg",
    b"/proc/uptime",
    b"/proc/cpuinfo",
    b"/proc/meminfo",
    b"/sys/fs/cgroup",
    b"/sys/devices/system",
];

unsafe fn open_at(dir: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    let simulated = me();
    let name = unsafe { CStr::from_ptr(path) }.to_bytes();
    if simulated.is_some() && HIDDEN.iter().any(|hidden| name.starts_with(hidden)) {
        return fail(libc::ENOENT);
    }
    let args = [dir as usize, path as usize, flags as usize, mode as usize];
    let fd = unsafe { kernel(libc::SYS_openat, &args) } as c_int;
    if simulated.is_some() && fd >= 0 && matches!(name, b"/dev/urandom" | b"/dev/random") {
        match RANDOM.get(fd as usize) {
            Some(place) => place.store(true, Ordering::Relaxed),
            None => {
                unsafe { kernel(libc::SYS_close, &[fd as usize]) };
                return fail(libc::EMFILE);
            }
        }
    }
    fd
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(dir: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    unsafe { open_at(dir, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(
    dir: c_int,
    path: *const c_char,
    flags: c_int,
    mode: c_uint,
) -> c_int {
    unsafe { open_at(dir, path, flags, mode) }
}
