//! What programs ask about files and disks.

use std::ffi::{CStr, c_char, c_int, c_uint};

use super::call::{caller, errno, model};
use super::files::{of_host, with_path};
use super::{fail, kernel, real};
use crate::conductor::baton::me;
use crate::os::{self, Result, Stat};

const HERE: c_int = libc::AT_FDCWD;
const SECOND: i64 = 1_000_000_000;
/// Every host has one disk; its number tells it from those of the real system.
const DEVICE: u64 = 0xfe00;

/// `stat` and `stat64` are one struct on 64-bit Linux.
fn fill(stat: &Stat) -> libc::stat64 {
    let mut place: libc::stat64 = unsafe { std::mem::zeroed() };
    place.st_dev = DEVICE;
    place.st_ino = stat.inode;
    place.st_mode = stat.mode;
    place.st_nlink = stat.links as _;
    place.st_uid = unsafe { libc::getuid() };
    place.st_gid = unsafe { libc::getgid() };
    place.st_size = stat.size as i64;
    place.st_blksize = 4096;
    place.st_blocks = stat.blocks as i64;
    for (time, seconds, ns) in [
        (stat.accessed, &mut place.st_atime, &mut place.st_atime_nsec),
        (stat.modified, &mut place.st_mtime, &mut place.st_mtime_nsec),
        (stat.changed, &mut place.st_ctime, &mut place.st_ctime_nsec),
    ] {
        (*seconds, *ns) = (time.div_euclid(SECOND), time.rem_euclid(SECOND));
    }
    place
}

fn put(found: Result<Stat>, place: *mut libc::stat64) -> c_int {
    errno(found, |stat| {
        unsafe { *place = fill(&stat) };
        0
    }) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fstatat64(
    dir: c_int,
    name: *const c_char,
    place: *mut libc::stat64,
    flags: c_int,
) -> c_int {
    let real = |dir: c_int, name: *const c_char| unsafe {
        let args = [dir as usize, name as usize, place as usize, flags as usize];
        kernel(libc::SYS_newfstatat, &args)
    };
    let Some(me) = of_host() else { return real(dir, name) as c_int };
    let is_empty = flags & libc::AT_EMPTY_PATH != 0 && unsafe { *name } == 0;
    if is_empty && dir != HERE {
        return unsafe { fstat64(dir, place) };
    }
    let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
    let found = unsafe {
        with_path(
            me,
            "stat",
            (dir, name),
            |os, host, _, path| os.stat_path(host, path.at, &path.text, follow),
            |stat| {
                *place = fill(&stat);
                0
            },
            |path| real(HERE, path.as_ptr()),
        )
    };
    found as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fstat64(fd: c_int, place: *mut libc::stat64) -> c_int {
    match caller(fd) {
        Some(me) => put(model(me, |os, _, _| os.stat(fd)), place),
        None => unsafe { kernel(libc::SYS_fstat, &[fd as usize, place as usize]) as c_int },
    }
}

macro_rules! stats {
    ($($stat:ident $lstat:ident)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $stat(name: *const c_char, place: *mut libc::stat64) -> c_int {
            unsafe { fstatat64(HERE, name, place, 0) }
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $lstat(name: *const c_char, place: *mut libc::stat64) -> c_int {
            unsafe { fstatat64(HERE, name, place, libc::AT_SYMLINK_NOFOLLOW) }
        }
    )* };
}

stats! { stat lstat stat64 lstat64 }

#[unsafe(no_mangle)]
unsafe extern "C" fn fstat(fd: c_int, place: *mut libc::stat64) -> c_int {
    unsafe { fstat64(fd, place) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fstatat(
    dir: c_int,
    name: *const c_char,
    place: *mut libc::stat64,
    flags: c_int,
) -> c_int {
    unsafe { fstatat64(dir, name, place, flags) }
}

fn fill_extended(stat: &Stat) -> libc::statx {
    let time = |ns: i64| {
        let mut time: libc::statx_timestamp = unsafe { std::mem::zeroed() };
        (time.tv_sec, time.tv_nsec) = (ns.div_euclid(SECOND), ns.rem_euclid(SECOND) as u32);
        time
    };
    let mut place: libc::statx = unsafe { std::mem::zeroed() };
    place.stx_mask = libc::STATX_BASIC_STATS | libc::STATX_BTIME;
    place.stx_blksize = 4096;
    place.stx_nlink = stat.links as u32;
    place.stx_uid = unsafe { libc::getuid() };
    place.stx_gid = unsafe { libc::getgid() };
    place.stx_mode = stat.mode as u16;
    place.stx_ino = stat.inode;
    place.stx_size = stat.size;
    place.stx_blocks = stat.blocks;
    place.stx_atime = time(stat.accessed);
    place.stx_btime = time(stat.born);
    place.stx_ctime = time(stat.changed);
    place.stx_mtime = time(stat.modified);
    place.stx_dev_major = (DEVICE >> 8) as u32;
    place
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn statx(
    dir: c_int,
    name: *const c_char,
    flags: c_int,
    mask: c_uint,
    place: *mut libc::statx,
) -> c_int {
    let real = |dir: c_int, name: *const c_char| unsafe {
        let args = [dir as usize, name as usize, flags as usize, mask as usize, place as usize];
        kernel(libc::SYS_statx, &args)
    };
    let is_empty = name.is_null() || (flags & libc::AT_EMPTY_PATH != 0 && unsafe { *name } == 0);
    if let (true, Some(me)) = (is_empty && os::is_simulated(dir), me()) {
        return errno(model(me, |os, _, _| os.stat(dir)), |stat| {
            unsafe { *place = fill_extended(&stat) };
            0
        }) as c_int;
    }
    let (Some(me), false) = (of_host(), is_empty) else { return real(dir, name) as c_int };
    let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
    let found = unsafe {
        with_path(
            me,
            "stat",
            (dir, name),
            |os, host, _, path| os.stat_path(host, path.at, &path.text, follow),
            |stat| {
                *place = fill_extended(&stat);
                0
            },
            |path| real(HERE, path.as_ptr()),
        )
    };
    found as c_int
}

// ---- disks ----

/// The name of the file system of Linux that is most like it.
const TMPFS: i64 = 0x0102_1994;

macro_rules! disks {
    ($($name:ident $literal:literal $of:ident $of_literal:literal $type:ident $fill:ident;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(name: *const c_char, place: *mut libc::$type) -> c_int {
            let function = real!($literal, fn(*const c_char, *mut libc::$type) -> c_int);
            let Some(me) = of_host() else { return unsafe { function(name, place) } };
            if name.is_null() {
                return fail(libc::EFAULT);
            }
            if !super::paths::is_inside(me, unsafe { CStr::from_ptr(name) }) {
                return unsafe { function(name, place) };
            }
            let found = unsafe {
                with_path(
                    me,
                    "statfs",
                    (HERE, name),
                    |os, host, _, path| os.stat_path(host, path.at, &path.text, true),
                    |_| 0,
                    |_| fail(libc::ENOENT) as isize,
                )
            };
            if found == 0 {
                let (size, free) = model(me, |os, host, _| os.disk_room(host));
                unsafe { *place = $fill(size, free) };
            }
            found as c_int
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $of(fd: c_int, place: *mut libc::$type) -> c_int {
            let Some(me) = caller(fd) else {
                let function = real!($of_literal, fn(c_int, *mut libc::$type) -> c_int);
                return unsafe { function(fd, place) };
            };
            let found = model(me, |os, host, _| os.stat(fd).map(|_| os.disk_room(host)));
            errno(found, |(size, free)| {
                unsafe { *place = $fill(size, free) };
                0
            }) as c_int
        }
    )* };
}

disks! {
    statfs c"statfs" fstatfs c"fstatfs" statfs64 file_system;
    statfs64 c"statfs64" fstatfs64 c"fstatfs64" statfs64 file_system;
    statvfs c"statvfs" fstatvfs c"fstatvfs" statvfs64 virtual_file_system;
    statvfs64 c"statvfs64" fstatvfs64 c"fstatvfs64" statvfs64 virtual_file_system;
}

fn file_system(size: u64, free: u64) -> libc::statfs64 {
    let mut place: libc::statfs64 = unsafe { std::mem::zeroed() };
    place.f_type = TMPFS as _;
    place.f_bsize = 4096;
    place.f_frsize = 4096;
    place.f_blocks = size / 4096;
    place.f_bfree = free / 4096;
    place.f_bavail = free / 4096;
    place.f_files = size / 4096;
    place.f_ffree = free / 4096;
    place.f_namelen = 255;
    place
}

fn virtual_file_system(size: u64, free: u64) -> libc::statvfs64 {
    let mut place: libc::statvfs64 = unsafe { std::mem::zeroed() };
    place.f_bsize = 4096;
    place.f_frsize = 4096;
    place.f_blocks = size / 4096;
    place.f_bfree = free / 4096;
    place.f_bavail = free / 4096;
    place.f_files = size / 4096;
    place.f_ffree = free / 4096;
    place.f_favail = free / 4096;
    place.f_namemax = 255;
    place
}
