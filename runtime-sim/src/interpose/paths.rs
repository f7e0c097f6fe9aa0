//! Names of files: making, moving, removing them, and where a program is.

use std::ffi::{CStr, c_char, c_int, c_uint};

use libc::{gid_t, off_t, size_t, ssize_t, timespec, timeval, uid_t};

use super::call::{done, errno, model, simple};
use super::files::{of_host, outside_is_fixed, path, real_directory, with_path};
use super::{fail, kernel, real};
use crate::os::{self, Errno, Where};

const HERE: c_int = libc::AT_FDCWD;

// ---- directories, removing ----

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdirat(dir: c_int, name: *const c_char, mode: c_uint) -> c_int {
    let Some(me) = of_host() else {
        let args = [dir as usize, name as usize, mode as usize];
        return unsafe { kernel(libc::SYS_mkdirat, &args) } as c_int;
    };
    let made = unsafe {
        with_path(
            me,
            "mkdir",
            (dir, name),
            |os, host, now, path| os.make_directory(host, now, path.at, &path.text, mode),
            |()| 0,
            |path| match stat_of_real(path) {
                Some(_) => fail(libc::EEXIST) as isize,
                None => outside_is_fixed(path),
            },
        )
    };
    made as c_int
}

/// Whether a real path is there.
fn stat_of_real(path: &CStr) -> Option<libc::stat64> {
    let mut stat: libc::stat64 = unsafe { std::mem::zeroed() };
    let args = [HERE as usize, path.as_ptr() as usize, &raw mut stat as usize, 0];
    let found = unsafe { kernel(libc::SYS_newfstatat, &args) };
    (found == 0).then_some(stat)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(name: *const c_char, mode: c_uint) -> c_int {
    unsafe { mkdirat(HERE, name, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlinkat(dir: c_int, name: *const c_char, flags: c_int) -> c_int {
    let Some(me) = of_host() else {
        let args = [dir as usize, name as usize, flags as usize];
        return unsafe { kernel(libc::SYS_unlinkat, &args) } as c_int;
    };
    if flags & !libc::AT_REMOVEDIR != 0 {
        return fail(libc::EINVAL);
    }
    let directory = flags & libc::AT_REMOVEDIR != 0;
    let removed = unsafe {
        with_path(
            me,
            if directory { "rmdir" } else { "unlink" },
            (dir, name),
            |os, host, now, path| os.remove(host, now, path.at, &path.text, directory),
            |()| 0,
            |path| match stat_of_real(path) {
                Some(_) => outside_is_fixed(path),
                None => -1,
            },
        )
    };
    removed as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(name: *const c_char) -> c_int {
    unsafe { unlinkat(HERE, name, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(name: *const c_char) -> c_int {
    unsafe { unlinkat(HERE, name, libc::AT_REMOVEDIR) }
}

/// C's own: a file or a directory.
#[unsafe(no_mangle)]
unsafe extern "C" fn remove(name: *const c_char) -> c_int {
    let result = unsafe { unlink(name) };
    let is_directory = result == -1 && unsafe { *libc::__errno_location() } == libc::EISDIR;
    if is_directory { unsafe { rmdir(name) } } else { result }
}

// ---- moving and linking ----

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn renameat2(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    let Some(me) = of_host() else {
        let args = [from_dir as usize, from as usize, to_dir as usize, to as usize, flags as usize];
        return unsafe { kernel(libc::SYS_renameat2, &args) } as c_int;
    };
    let target = match unsafe { path(to_dir, to) } {
        Ok(target) => target,
        Err(Errno(errno)) => return fail(errno),
    };
    let moved = unsafe {
        with_path(
            me,
            "rename",
            (from_dir, from),
            |os, host, now, path| {
                let (from, to) = ((path.at, &*path.text), (target.at, &*target.text));
                os.rename(host, now, from, to, flags)
            },
            |()| 0,
            outside_is_fixed,
        )
    };
    moved as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn renameat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
) -> c_int {
    unsafe { renameat2(from_dir, from, to_dir, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { renameat2(HERE, from, HERE, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn linkat(
    from_dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let Some(me) = of_host() else {
        let args = [from_dir as usize, from as usize, to_dir as usize, to as usize, flags as usize];
        return unsafe { kernel(libc::SYS_linkat, &args) } as c_int;
    };
    let target = match unsafe { path(to_dir, to) } {
        Ok(target) => target,
        Err(Errno(errno)) => return fail(errno),
    };
    let follow = flags & libc::AT_SYMLINK_FOLLOW != 0;
    let made = unsafe {
        with_path(
            me,
            "link",
            (from_dir, from),
            |os, host, now, path| {
                let (from, to) = ((path.at, &*path.text), (target.at, &*target.text));
                os.link(host, now, from, to, follow)
            },
            |()| 0,
            // A file of the real system's is on another disk.
            |_| fail(libc::EXDEV) as isize,
        )
    };
    made as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    unsafe { linkat(HERE, from, HERE, to, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn symlinkat(target: *const c_char, dir: c_int, name: *const c_char) -> c_int {
    let Some(me) = of_host() else {
        let args = [target as usize, dir as usize, name as usize];
        return unsafe { kernel(libc::SYS_symlinkat, &args) } as c_int;
    };
    let text = unsafe { CStr::from_ptr(target) }.to_bytes();
    let made = unsafe {
        with_path(
            me,
            "symlink",
            (dir, name),
            |os, host, now, path| os.make_symlink(host, now, text, path.at, &path.text),
            |()| 0,
            outside_is_fixed,
        )
    };
    made as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn symlink(target: *const c_char, name: *const c_char) -> c_int {
    unsafe { symlinkat(target, HERE, name) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn readlinkat(
    dir: c_int,
    name: *const c_char,
    place: *mut c_char,
    room: size_t,
) -> ssize_t {
    let Some(me) = of_host() else {
        let args = [dir as usize, name as usize, place as usize, room];
        return unsafe { kernel(libc::SYS_readlinkat, &args) };
    };
    unsafe {
        with_path(
            me,
            "readlink",
            (dir, name),
            |os, host, _, path| os.read_link(host, path.at, &path.text),
            |target| {
                let length = target.len().min(room);
                place.cast::<u8>().copy_from_nonoverlapping(target.as_ptr(), length);
                length as isize
            },
            |path| {
                let args = [HERE as usize, path.as_ptr() as usize, place as usize, room];
                kernel(libc::SYS_readlinkat, &args)
            },
        )
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn readlink(name: *const c_char, place: *mut c_char, room: size_t) -> ssize_t {
    unsafe { readlinkat(HERE, name, place, room) }
}

/// The longest path that `realpath` writes, with its end.
const PATH_MAX: usize = 4096;

#[unsafe(no_mangle)]
unsafe extern "C" fn realpath(name: *const c_char, place: *mut c_char) -> *mut c_char {
    let function = real!(c"realpath", fn(*const c_char, *mut c_char) -> *mut c_char);
    let Some(me) = of_host() else { return unsafe { function(name, place) } };
    let result = std::cell::Cell::new(std::ptr::null_mut());
    unsafe {
        with_path(
            me,
            "realpath",
            (HERE, name),
            |os, host, _, path| os.real_path(host, &path.text),
            |found| {
                if found.len() >= PATH_MAX {
                    return fail(libc::ENAMETOOLONG) as isize;
                }
                // The caller frees it, if it gave no place.
                let to = if place.is_null() { libc::malloc(PATH_MAX).cast() } else { place };
                if to.is_null() {
                    return fail(libc::ENOMEM) as isize;
                }
                to.cast::<u8>().copy_from_nonoverlapping(found.as_ptr(), found.len());
                *to.add(found.len()) = 0;
                result.set(to);
                0
            },
            |path| {
                result.set(function(path.as_ptr(), place));
                0
            },
        );
    }
    result.get()
}

// ---- what files are like ----

#[unsafe(no_mangle)]
unsafe extern "C" fn faccessat(
    dir: c_int,
    name: *const c_char,
    mode: c_int,
    flags: c_int,
) -> c_int {
    let Some(me) = of_host() else {
        if flags & libc::AT_SYMLINK_NOFOLLOW == 0 {
            let args = [dir as usize, name as usize, mode as usize];
            return unsafe { kernel(libc::SYS_faccessat, &args) } as c_int;
        }
        let function = real!(c"faccessat", fn(c_int, *const c_char, c_int, c_int) -> c_int);
        return unsafe { function(dir, name, mode, flags) };
    };
    let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
    let found = unsafe {
        with_path(
            me,
            "access",
            (dir, name),
            |os, host, _, path| os.access(host, path.at, &path.text, mode, follow),
            |()| 0,
            |path| {
                if mode & libc::W_OK != 0 && stat_of_real(path).is_some() {
                    return fail(libc::EROFS) as isize;
                }
                let args = [HERE as usize, path.as_ptr() as usize, mode as usize];
                kernel(libc::SYS_faccessat, &args)
            },
        )
    };
    found as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn access(name: *const c_char, mode: c_int) -> c_int {
    unsafe { faccessat(HERE, name, mode, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fchmodat(
    dir: c_int,
    name: *const c_char,
    mode: c_uint,
    flags: c_int,
) -> c_int {
    let Some(me) = of_host() else {
        let function = real!(c"fchmodat", fn(c_int, *const c_char, c_uint, c_int) -> c_int);
        return unsafe { function(dir, name, mode, flags) };
    };
    let changed = unsafe {
        with_path(
            me,
            "chmod",
            (dir, name),
            |os, host, now, path| os.change_mode(host, now, path.at, &path.text, mode),
            |()| 0,
            outside_is_fixed,
        )
    };
    changed as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chmod(name: *const c_char, mode: c_uint) -> c_int {
    unsafe { fchmodat(HERE, name, mode, 0) }
}

/// Files belong to the program, whatever it says.
#[unsafe(no_mangle)]
unsafe extern "C" fn fchownat(
    dir: c_int,
    name: *const c_char,
    user: uid_t,
    group: gid_t,
    flags: c_int,
) -> c_int {
    let Some(me) = of_host() else {
        let args = [dir as usize, name as usize, user as usize, group as usize, flags as usize];
        return unsafe { kernel(libc::SYS_fchownat, &args) } as c_int;
    };
    let follow = flags & libc::AT_SYMLINK_NOFOLLOW == 0;
    let found = unsafe {
        with_path(
            me,
            "chown",
            (dir, name),
            |os, host, _, path| os.stat_path(host, path.at, &path.text, follow),
            |_| 0,
            outside_is_fixed,
        )
    };
    found as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn chown(name: *const c_char, user: uid_t, group: gid_t) -> c_int {
    unsafe { fchownat(HERE, name, user, group, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn lchown(name: *const c_char, user: uid_t, group: gid_t) -> c_int {
    unsafe { fchownat(HERE, name, user, group, libc::AT_SYMLINK_NOFOLLOW) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn truncate(name: *const c_char, length: off_t) -> c_int {
    let Some(me) = of_host() else {
        return unsafe { kernel(libc::SYS_truncate, &[name as usize, length as usize]) } as c_int;
    };
    let Ok(length) = u64::try_from(length) else { return fail(libc::EINVAL) };
    let changed = unsafe {
        with_path(
            me,
            "truncate",
            (HERE, name),
            |os, host, now, path| os.truncate_path(host, now, &path.text, length),
            |()| 0,
            outside_is_fixed,
        )
    };
    changed as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn truncate64(name: *const c_char, length: off_t) -> c_int {
    unsafe { truncate(name, length) }
}

/// One of the times of `utimensat`: `Some(None)` is now, `None` leaves it.
fn wanted(time: &timespec) -> Option<Option<i64>> {
    match time.tv_nsec {
        libc::UTIME_OMIT => None,
        libc::UTIME_NOW => Some(None),
        ns => Some(Some(time.tv_sec.saturating_mul(1_000_000_000).saturating_add(ns))),
    }
}

pub(super) unsafe fn times(place: *const timespec) -> [Option<Option<i64>>; 2] {
    if place.is_null() {
        return [Some(None); 2];
    }
    unsafe { [wanted(&*place), wanted(&*place.add(1))] }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn utimensat(
    dir: c_int,
    name: *const c_char,
    place: *const timespec,
    flags: c_int,
) -> c_int {
    let Some(me) = of_host() else {
        let args = [dir as usize, name as usize, place as usize, flags as usize];
        return unsafe { kernel(libc::SYS_utimensat, &args) } as c_int;
    };
    let (times, follow) = (unsafe { times(place) }, flags & libc::AT_SYMLINK_NOFOLLOW == 0);
    let set = unsafe {
        with_path(
            me,
            "utimens",
            (dir, name),
            |os, host, now, path| os.set_times(host, now, path.at, &path.text, follow, times),
            |()| 0,
            outside_is_fixed,
        )
    };
    set as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn utimes(name: *const c_char, place: *const timeval) -> c_int {
    if place.is_null() {
        return unsafe { utimensat(HERE, name, std::ptr::null(), 0) };
    }
    let times = [0, 1].map(|at| {
        let time = unsafe { *place.add(at) };
        timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_usec * 1000 }
    });
    unsafe { utimensat(HERE, name, times.as_ptr(), 0) }
}

// ---- where a program is ----

#[unsafe(no_mangle)]
unsafe extern "C" fn chdir(name: *const c_char) -> c_int {
    let Some(me) = of_host() else {
        return unsafe { kernel(libc::SYS_chdir, &[name as usize]) } as c_int;
    };
    let changed = unsafe {
        with_path(
            me,
            "chdir",
            (HERE, name),
            |os, host, _, path| os.change_directory(host, &path.text),
            |()| 0,
            |path| match stat_of_real(path) {
                Some(stat) if stat.st_mode & libc::S_IFMT == libc::S_IFDIR => {
                    let path = path.to_bytes().to_vec();
                    model(me, |os, host, _| os.set_directory(host, path));
                    0
                }
                Some(_) => fail(libc::ENOTDIR) as isize,
                None => -1,
            },
        )
    };
    changed as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fchdir(fd: c_int) -> c_int {
    let Some(me) = of_host() else {
        return unsafe { kernel(libc::SYS_fchdir, &[fd as usize]) } as c_int;
    };
    if !os::is_simulated(fd) {
        let changed =
            real_directory(fd).map(|path| model(me, |os, host, _| os.set_directory(host, path)));
        return errno(changed, |()| 0) as c_int;
    }
    simple(me, "fchdir", |os, host, _| os.change_directory_to(host, fd), |()| 0) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getcwd(place: *mut c_char, room: size_t) -> *mut c_char {
    let Some(me) = of_host() else {
        let function = real!(c"getcwd", fn(*mut c_char, size_t) -> *mut c_char);
        return unsafe { function(place, room) };
    };
    let path = model(me, |os, host, _| os.working_directory(host).to_vec());
    let to = match (place.is_null(), room) {
        (true, 0) => unsafe { libc::malloc(path.len() + 1).cast() },
        _ if room <= path.len() => {
            fail(libc::ERANGE);
            return std::ptr::null_mut();
        }
        (true, room) => unsafe { libc::malloc(room).cast() },
        (false, _) => place,
    };
    if !to.is_null() {
        unsafe {
            to.cast::<u8>().copy_from_nonoverlapping(path.as_ptr(), path.len());
            *to.add(path.len()) = 0;
        }
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn umask(mask: c_uint) -> c_uint {
    match of_host() {
        Some(me) => model(me, |os, host, _| os.set_mask(host, mask)),
        None => unsafe { kernel(libc::SYS_umask, &[mask as usize]) as c_uint },
    }
}

/// Only looks: no scheduling point is lost if the path is outside.
pub(super) fn is_inside(me: u32, name: &CStr) -> bool {
    let found = model(me, |os, host, _| os.real_path(host, name.to_bytes()));
    let is_inside = !matches!(found, Ok(Where::Outside(_)));
    if is_inside {
        done(me, "look", 0);
    }
    is_inside
}
