//! The content of files: reading and writing at a place, lengths, syncs, locks; and mappings, which
//! there are none of.

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::io::{IoSlice, IoSliceMut};

use libc::{gid_t, iovec, off_t, size_t, ssize_t, timespec, uid_t};

use super::call::{blocking, caller, errno, model, moved, simple};
use super::descriptors::{content, slices, slices_mut};
use super::{fail, kernel, refuse};
use crate::conductor::baton::me;
use crate::os::{self, Direction, Errno, Fd, Range};

fn read_parts(me: u32, fd: Fd, at: off_t, parts: &mut [IoSliceMut<'_>]) -> ssize_t {
    let result = model(me, |os, _, now| os.read_at(now, fd, at, parts));
    match result {
        Ok(length) => {
            let hash = content(parts.iter().map(|part| &**part), length);
            moved(me, "pread", length as u64, hash);
        }
        Err(_) => moved(me, "pread", u64::MAX, 0),
    }
    errno(result, |length| length as isize)
}

fn write_parts(me: u32, fd: Fd, at: off_t, parts: &[IoSlice<'_>]) -> ssize_t {
    let result = model(me, |os, _, now| os.write_at(now, fd, at, parts));
    match result {
        Ok(length) => {
            let hash = content(parts.iter().map(|part| &**part), length);
            moved(me, "pwrite", length as u64, hash);
        }
        Err(_) => moved(me, "pwrite", u64::MAX, 0),
    }
    errno(result, |length| length as isize)
}

/// At most so many parts of a scattered read or write, as the kernel has it (`IOV_MAX`).
const MOST_PARTS: c_int = 1024;

macro_rules! at_places {
    ($($pread:ident $pwrite:ident $preadv:ident $pwritev:ident)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $pread(
            fd: c_int,
            place: *mut c_void,
            length: size_t,
            at: off_t,
        ) -> ssize_t {
            let Some(me) = caller(fd) else {
                let args = [fd as usize, place as usize, length, at as usize];
                return unsafe { kernel(libc::SYS_pread64, &args) };
            };
            let part = iovec { iov_base: place, iov_len: length };
            read_parts(me, fd, at, &mut unsafe { slices_mut(&part, 1) })
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $pwrite(
            fd: c_int,
            place: *const c_void,
            length: size_t,
            at: off_t,
        ) -> ssize_t {
            let Some(me) = caller(fd) else {
                let args = [fd as usize, place as usize, length, at as usize];
                return unsafe { kernel(libc::SYS_pwrite64, &args) };
            };
            let part = iovec { iov_base: place.cast_mut(), iov_len: length };
            write_parts(me, fd, at, &unsafe { slices(&part, 1) })
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $preadv(
            fd: c_int,
            parts: *const iovec,
            count: c_int,
            at: off_t,
        ) -> ssize_t {
            let Some(me) = caller(fd) else {
                let args = [fd as usize, parts as usize, count as usize, at as usize, 0];
                return unsafe { kernel(libc::SYS_preadv, &args) };
            };
            if !(0..=MOST_PARTS).contains(&count) {
                return fail(libc::EINVAL) as ssize_t;
            }
            read_parts(me, fd, at, &mut unsafe { slices_mut(parts, count as usize) })
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $pwritev(
            fd: c_int,
            parts: *const iovec,
            count: c_int,
            at: off_t,
        ) -> ssize_t {
            let Some(me) = caller(fd) else {
                let args = [fd as usize, parts as usize, count as usize, at as usize, 0];
                return unsafe { kernel(libc::SYS_pwritev, &args) };
            };
            if !(0..=MOST_PARTS).contains(&count) {
                return fail(libc::EINVAL) as ssize_t;
            }
            write_parts(me, fd, at, &unsafe { slices(parts, count as usize) })
        }
    )* };
}

at_places! {
    pread pwrite preadv pwritev
    pread64 pwrite64 preadv64 pwritev64
}

macro_rules! with_flags {
    ($($name:ident $number:ident $plain:ident $at:ident;)*) => { $(
        /// The flags are hints, or ask that nothing waits; a disk never lets anybody wait.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            fd: c_int,
            parts: *const iovec,
            count: c_int,
            at: off_t,
            flags: c_int,
        ) -> ssize_t {
            if caller(fd).is_none() {
                let args =
                    [fd as usize, parts as usize, count as usize, at as usize, 0, flags as usize];
                return unsafe { kernel(libc::$number, &args) };
            }
            match at {
                -1 => unsafe { super::descriptors::$plain(fd, parts, count) },
                at => unsafe { $at(fd, parts, count, at) },
            }
        }
    )* };
}

with_flags! {
    preadv2 SYS_preadv2 readv preadv;
    preadv64v2 SYS_preadv2 readv preadv;
    pwritev2 SYS_pwritev2 writev pwritev;
    pwritev64v2 SYS_pwritev2 writev pwritev;
}

// ---- places and lengths ----

#[unsafe(no_mangle)]
unsafe extern "C" fn lseek(fd: c_int, offset: off_t, whence: c_int) -> off_t {
    match caller(fd) {
        Some(me) => {
            errno(model(me, |os, _, _| os.seek(fd, offset, whence)), |at| at as isize) as off_t
        }
        None => {
            let args = [fd as usize, offset as usize, whence as usize];
            unsafe { kernel(libc::SYS_lseek, &args) as off_t }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn lseek64(fd: c_int, offset: off_t, whence: c_int) -> off_t {
    unsafe { lseek(fd, offset, whence) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    match caller(fd) {
        Some(me) => {
            simple(me, "ftruncate", |os, _, now| os.truncate(now, fd, length), |()| 0) as c_int
        }
        None => unsafe { kernel(libc::SYS_ftruncate, &[fd as usize, length as usize]) as c_int },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    unsafe { ftruncate(fd, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fallocate(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, mode as usize, at as usize, length as usize];
        return unsafe { kernel(libc::SYS_fallocate, &args) } as c_int;
    };
    match mode {
        0 => {
            simple(me, "fallocate", |os, _, now| os.allocate(now, fd, at, length), |()| 0) as c_int
        }
        // As file systems do that know no holes.
        _ => fail(libc::EOPNOTSUPP),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fallocate64(fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int {
    unsafe { fallocate(fd, mode, at, length) }
}

/// Returns the errno.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fallocate(fd: c_int, at: off_t, length: off_t) -> c_int {
    match unsafe { fallocate(fd, 0, at, length) } {
        0 => 0,
        _ => unsafe { *libc::__errno_location() },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fallocate64(fd: c_int, at: off_t, length: off_t) -> c_int {
    unsafe { posix_fallocate(fd, at, length) }
}

/// Returns the errno.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fadvise(fd: c_int, at: off_t, length: off_t, advice: c_int) -> c_int {
    match caller(fd) {
        Some(me) => match model(me, |os, _, _| os.stat(fd)) {
            Ok(_) => 0,
            Err(Errno(errno)) => errno,
        },
        None => {
            let args = [fd as usize, at as usize, length as usize, advice as usize, 0, 0];
            -unsafe { crate::raw::call(libc::SYS_fadvise64, args) } as c_int
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fadvise64(fd: c_int, at: off_t, length: off_t, advice: c_int) -> c_int {
    unsafe { posix_fadvise(fd, at, length, advice) }
}

// ---- syncs ----

unsafe fn sync_one(fd: c_int, call: &'static str, number: c_long) -> c_int {
    match caller(fd) {
        Some(me) => simple(me, call, |os, _, now| os.sync(now, fd), |()| 0) as c_int,
        None => unsafe { kernel(number, &[fd as usize]) as c_int },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    unsafe { sync_one(fd, "fsync", libc::SYS_fsync) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    unsafe { sync_one(fd, "fdatasync", libc::SYS_fdatasync) }
}

/// It promises nothing about a loss of power, so nothing is safer after it.
#[unsafe(no_mangle)]
unsafe extern "C" fn sync_file_range(fd: c_int, at: off_t, length: off_t, flags: c_uint) -> c_int {
    match caller(fd) {
        Some(me) => simple(me, "sync_file_range", |os, _, _| os.stat(fd), |_| 0) as c_int,
        None => {
            let args = [fd as usize, at as usize, length as usize, flags as usize];
            unsafe { kernel(libc::SYS_sync_file_range, &args) as c_int }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn syncfs(fd: c_int) -> c_int {
    let Some(me) = caller(fd) else {
        return unsafe { kernel(libc::SYS_syncfs, &[fd as usize]) } as c_int;
    };
    let all = |os: &mut os::Os, host, now| {
        os.stat(fd)?;
        os.sync_all(host, now);
        Ok(())
    };
    simple(me, "syncfs", all, |()| 0) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sync() {
    match super::files::of_host() {
        Some(me) => {
            let all = |os: &mut os::Os, host, now| {
                os.sync_all(host, now);
                Ok(())
            };
            simple(me, "sync", all, |()| 0);
        }
        None => {
            unsafe { kernel(libc::SYS_sync, &[]) };
        }
    }
}

// ---- what belongs to a file ----

#[unsafe(no_mangle)]
unsafe extern "C" fn fchmod(fd: c_int, mode: c_uint) -> c_int {
    match caller(fd) {
        Some(me) => {
            simple(me, "fchmod", |os, _, now| os.change_mode_of(now, fd, mode), |()| 0) as c_int
        }
        None => unsafe { kernel(libc::SYS_fchmod, &[fd as usize, mode as usize]) as c_int },
    }
}

/// Files belong to the program, whatever it says.
#[unsafe(no_mangle)]
unsafe extern "C" fn fchown(fd: c_int, user: uid_t, group: gid_t) -> c_int {
    match caller(fd) {
        Some(me) => simple(me, "fchown", |os, _, _| os.stat(fd), |_| 0) as c_int,
        None => {
            let args = [fd as usize, user as usize, group as usize];
            unsafe { kernel(libc::SYS_fchown, &args) as c_int }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn futimens(fd: c_int, place: *const timespec) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, 0, place as usize, 0];
        return unsafe { kernel(libc::SYS_utimensat, &args) } as c_int;
    };
    let times = unsafe { super::paths::times(place) };
    simple(me, "futimens", |os, _, now| os.set_times_of(now, fd, times), |()| 0) as c_int
}

// ---- locks ----

#[unsafe(no_mangle)]
unsafe extern "C" fn flock(fd: c_int, how: c_int) -> c_int {
    let Some(me) = caller(fd) else {
        return unsafe { kernel(libc::SYS_flock, &[fd as usize, how as usize]) } as c_int;
    };
    let at_once = how & libc::LOCK_NB != 0;
    let result =
        blocking(me, fd, Direction::Write, at_once, |os, _, now| os.lock_file(now, fd, how));
    simple(me, "flock", |_, _, _| result, |()| 0) as c_int
}

/// `fcntl` with one of the locks: those of a process, which always has its own, and those of an
/// open file description.
pub(super) unsafe fn control_lock(
    me: u32,
    fd: Fd,
    command: c_int,
    place: *mut libc::flock,
) -> c_int {
    let wanted = unsafe { &mut *place };
    let base = match c_int::from(wanted.l_whence) {
        libc::SEEK_SET => Ok(0),
        libc::SEEK_CUR => model(me, |os, _, _| os.seek(fd, 0, libc::SEEK_CUR)),
        libc::SEEK_END => model(me, |os, _, _| os.stat(fd)).map(|stat| stat.size),
        _ => Err(Errno::EINVAL),
    };
    let base = match base {
        Ok(base) => base as i64,
        Err(Errno(errno)) => return fail(errno),
    };
    let Some(start) = base.checked_add(wanted.l_start) else { return fail(libc::EOVERFLOW) };
    let (start, end) = match wanted.l_len {
        0 => (start, i64::MAX),
        length if length < 0 => (start + length, start),
        length => (start, start.saturating_add(length)),
    };
    let (Ok(start), Ok(end)) = (u64::try_from(start), u64::try_from(end)) else {
        return fail(libc::EINVAL);
    };
    let is_exclusive = match c_int::from(wanted.l_type) {
        libc::F_RDLCK => Some(false),
        libc::F_WRLCK => Some(true),
        libc::F_UNLCK => None,
        _ => return fail(libc::EINVAL),
    };
    let range = Range { start, end, is_exclusive };
    match command {
        libc::F_GETLK => {
            // A host is one process, and its own locks are not in its way.
            wanted.l_type = libc::F_UNLCK as _;
            0
        }
        libc::F_SETLK | libc::F_SETLKW => {
            simple(me, "fcntl", |os, _, _| os.stat(fd), |_| 0) as c_int
        }
        libc::F_OFD_GETLK => match model(me, |os, _, _| os.range_conflict(fd, range)) {
            Ok(None) => {
                wanted.l_type = libc::F_UNLCK as _;
                0
            }
            Ok(Some(other)) => {
                let is_exclusive = other.is_exclusive == Some(true);
                wanted.l_type = if is_exclusive { libc::F_WRLCK } else { libc::F_RDLCK } as _;
                wanted.l_whence = libc::SEEK_SET as _;
                wanted.l_start = other.start as i64;
                let is_open = other.end == i64::MAX as u64;
                wanted.l_len = if is_open { 0 } else { (other.end - other.start) as i64 };
                wanted.l_pid = -1;
                0
            }
            Err(Errno(errno)) => fail(errno),
        },
        _ => {
            let at_once = command == libc::F_OFD_SETLK;
            let result = blocking(me, fd, Direction::Write, at_once, |os, _, now| {
                os.lock_range(now, fd, range)
            });
            simple(me, "fcntl", |_, _, _| result, |()| 0) as c_int
        }
    }
}

// ---- from one descriptor to another, within the kernel ----

/// Not between these two, as for kinds of files that Linux does not do it for: whoever calls it
/// reads and writes instead, as std does.
fn not_within(one: c_int, other: c_int) -> bool {
    me().is_some() && (os::is_simulated(one) || os::is_simulated(other))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_at: *mut off_t,
    to: c_int,
    to_at: *mut off_t,
    length: size_t,
    flags: c_uint,
) -> ssize_t {
    if not_within(from, to) {
        return fail(libc::EXDEV) as ssize_t;
    }
    let args =
        [from as usize, from_at as usize, to as usize, to_at as usize, length, flags as usize];
    unsafe { kernel(libc::SYS_copy_file_range, &args) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile(to: c_int, from: c_int, at: *mut off_t, length: size_t) -> ssize_t {
    if not_within(from, to) {
        return fail(libc::EINVAL) as ssize_t;
    }
    unsafe { kernel(libc::SYS_sendfile, &[to as usize, from as usize, at as usize, length]) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendfile64(to: c_int, from: c_int, at: *mut off_t, length: size_t) -> ssize_t {
    unsafe { sendfile(to, from, at, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn splice(
    from: c_int,
    from_at: *mut off_t,
    to: c_int,
    to_at: *mut off_t,
    length: size_t,
    flags: c_uint,
) -> ssize_t {
    if not_within(from, to) {
        return fail(libc::EINVAL) as ssize_t;
    }
    let args =
        [from as usize, from_at as usize, to as usize, to_at as usize, length, flags as usize];
    unsafe { kernel(libc::SYS_splice, &args) }
}

// ---- mappings ----

/// Allocates nothing unless it refuses: allocators call it (I2).
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn mmap(
    place: *mut c_void,
    length: size_t,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    at: off_t,
) -> *mut c_void {
    if os::is_simulated(fd) && flags & libc::MAP_ANONYMOUS == 0 && me().is_some() {
        refuse(
            "a mapping of a file (`mmap`)",
            "Read and write the file instead; most databases have a setting for that.",
        );
        fail(libc::ENODEV);
        return libc::MAP_FAILED;
    }
    let args =
        [place as usize, length, protection as usize, flags as usize, fd as usize, at as usize];
    unsafe { kernel(libc::SYS_mmap, &args) as *mut c_void }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mmap64(
    place: *mut c_void,
    length: size_t,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    at: off_t,
) -> *mut c_void {
    unsafe { mmap(place, length, protection, flags, fd, at) }
}
