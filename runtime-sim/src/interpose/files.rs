//! Opening files, and what a path of a simulated program means.
//!
//! Some directories are the host's own, on its disk; every other path is the real system's, to be
//! read only. What would tell about the real machine and its load is not there (`/proc`, control
//! groups), and random devices give the host's random numbers.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

use super::call::{done, model};
use super::{fail, kernel, real, refuse};
use crate::conductor::NO_HOST;
use crate::conductor::baton::{me, with};
use crate::os::{self, Errno, Fd, HostId, Os, Result, Where};

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

/// What of the real system may be opened to write: nothing stays of it.
const WRITABLE: [&[u8]; 4] = [b"/dev/null", b"/dev/zero", b"/dev/full", b"/dev/tty"];

// ---- what a path means ----

/// The thread, if it belongs to a host: only hosts have disks. The one that describes the world and
/// looks at checks sees the real files.
pub(super) fn of_host() -> Option<u32> {
    me().filter(|&me| with(|conductor| conductor.threads[me as usize].host != NO_HOST))
}

/// A path, and the descriptor of the model's that it begins at, if it does at one.
pub(super) struct Path<'a> {
    pub(super) at: Option<Fd>,
    pub(super) text: Cow<'a, [u8]>,
}

/// The path that a call is given. One that begins at a real directory becomes an absolute one.
pub(super) unsafe fn path<'a>(dir: c_int, path: *const c_char) -> Result<Path<'a>> {
    if path.is_null() {
        return Err(Errno::EFAULT);
    }
    let text = unsafe { CStr::from_ptr(path) }.to_bytes();
    if dir == libc::AT_FDCWD || text.starts_with(b"/") || text.is_empty() {
        return Ok(Path { at: None, text: Cow::Borrowed(text) });
    }
    if os::is_simulated(dir) {
        return Ok(Path { at: Some(dir), text: Cow::Borrowed(text) });
    }
    let mut whole = real_directory(dir)?;
    whole.push(b'/');
    whole.extend_from_slice(text);
    Ok(Path { at: None, text: Cow::Owned(whole) })
}

/// The path of a real directory that is open.
pub(super) fn real_directory(dir: c_int) -> Result<Vec<u8>> {
    let link = format!("/proc/self/fd/{dir}\0");
    let mut place = [0_u8; 4096];
    let at = libc::AT_FDCWD as usize;
    let args = [at, link.as_ptr() as usize, place.as_mut_ptr() as usize, place.len()];
    let length = unsafe { kernel(libc::SYS_readlinkat, &args) };
    let length = usize::try_from(length).map_err(|_| Errno::EBADF)?;
    Ok(place[..length].to_vec())
}

/// A call that takes a path: the model's, or `outside` with the real path.
pub(super) unsafe fn with_path<T>(
    me: u32,
    call: &'static str,
    (dir, name): (c_int, *const c_char),
    f: impl FnOnce(&mut Os, HostId, u64, &Path<'_>) -> Result<Where<T>>,
    value: impl FnOnce(T) -> isize,
    outside: impl FnOnce(&CStr) -> isize,
) -> isize {
    let found = unsafe { path(dir, name) };
    let result = found.and_then(|path| model(me, |os, host, now| f(os, host, now, &path)));
    match result {
        Ok(Where::Here(found)) => {
            let value = value(found);
            done(me, call, value as c_int);
            value
        }
        Ok(Where::Outside(real)) => match CString::new(real) {
            Ok(real) => outside(&real),
            Err(_) => fail(libc::EINVAL) as isize,
        },
        Err(Errno(errno)) => {
            done(me, call, -errno);
            fail(errno) as isize
        }
    }
}

/// A call that would change the real system's files.
pub(super) fn outside_is_fixed(path: &CStr) -> isize {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    if !IS_SAID.swap(true, Ordering::Relaxed) {
        refuse(
            &format!("a change of `{}`", path.to_string_lossy()),
            "It is the real system's, which simulated programs can only read (EROFS). Hosts have \
             /data (where they start), /tmp, /var, /run and /srv for themselves; \
             `Sim::own_directory` adds others.",
        );
    }
    fail(libc::EROFS) as isize
}

// ---- opening ----

unsafe fn open_real(path: &CStr, flags: c_int, mode: c_uint) -> isize {
    let at = libc::AT_FDCWD as usize;
    unsafe {
        kernel(libc::SYS_openat, &[at, path.as_ptr() as usize, flags as usize, mode as usize])
    }
}

/// Opens a path of the real system's for a simulated thread.
unsafe fn open_outside(path: &CStr, flags: c_int, mode: c_uint) -> isize {
    let name = path.to_bytes();
    if HIDDEN.iter().any(|hidden| name.starts_with(hidden)) {
        return fail(libc::ENOENT) as isize;
    }
    let changes = flags & libc::O_ACCMODE != libc::O_RDONLY
        || flags & (libc::O_CREAT | libc::O_TRUNC) != 0
        || flags & libc::O_TMPFILE == libc::O_TMPFILE;
    if changes && !WRITABLE.contains(&name) {
        return outside_is_fixed(path);
    }
    let fd = unsafe { open_real(path, flags, mode) };
    if fd >= 0 && matches!(name, b"/dev/urandom" | b"/dev/random") {
        match RANDOM.get(fd as usize) {
            Some(place) => place.store(true, Ordering::Relaxed),
            None => {
                unsafe { kernel(libc::SYS_close, &[fd as usize]) };
                return fail(libc::EMFILE) as isize;
            }
        }
    }
    fd
}

pub(super) unsafe fn open_at(dir: c_int, path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    let Some(me) = of_host() else {
        let args = [dir as usize, path as usize, flags as usize, mode as usize];
        return unsafe { kernel(libc::SYS_openat, &args) } as c_int;
    };
    let opened = unsafe {
        with_path(
            me,
            "open",
            (dir, path),
            |os, host, now, path| os.open(host, now, path.at, &path.text, flags, mode),
            |fd| fd as isize,
            |path| open_outside(path, flags, mode),
        )
    };
    opened as c_int
}

macro_rules! opens {
    ($($name:ident $at:ident)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
            unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $at(
            dir: c_int,
            path: *const c_char,
            flags: c_int,
            mode: c_uint,
        ) -> c_int {
            unsafe { open_at(dir, path, flags, mode) }
        }
    )* };
}

opens! {
    open openat
    open64 openat64
    // What C programs call that are built with checks of their arguments.
    __open_2 __openat_2
    __open64_2 __openat64_2
}

#[unsafe(no_mangle)]
unsafe extern "C" fn creat(path: *const c_char, mode: c_uint) -> c_int {
    let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC;
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn creat64(path: *const c_char, mode: c_uint) -> c_int {
    unsafe { creat(path, mode) }
}

// ---- what goes past these functions inside of libc ----

const STREAMS: &str = "The streams of C (`fopen`) call the kernel from within libc, past the \
                       simulation. Use `open`, or leave that part out of the simulated test.";

unsafe fn stream(
    function: unsafe extern "C" fn(*const c_char, *const c_char) -> *mut c_void,
    path: *const c_char,
    mode: *const c_char,
) -> *mut c_void {
    let Some(me) = of_host() else { return unsafe { function(path, mode) } };
    let name = unsafe { CStr::from_ptr(path) };
    let is_reading = unsafe { CStr::from_ptr(mode) }.to_bytes().iter();
    let is_reading =
        is_reading.clone().next() == Some(&b'r') && !is_reading.clone().any(|&b| b == b'+');
    match model(me, |os, host, _| os.real_path(host, name.to_bytes())) {
        Ok(Where::Outside(_)) if !is_reading => {
            outside_is_fixed(name);
        }
        Ok(Where::Outside(real)) if HIDDEN.iter().any(|hidden| real.starts_with(hidden)) => {
            fail(libc::ENOENT);
        }
        Ok(Where::Outside(real)) => {
            if let Ok(real) = CString::new(real) {
                return unsafe { function(real.as_ptr(), mode) };
            }
            fail(libc::EINVAL);
        }
        _ => {
            refuse("`fopen` of a file of the host's", STREAMS);
            fail(libc::ENOSYS);
        }
    }
    std::ptr::null_mut()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fopen(path: *const c_char, mode: *const c_char) -> *mut c_void {
    let function = real!(c"fopen", fn(*const c_char, *const c_char) -> *mut c_void);
    unsafe { stream(function, path, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fopen64(path: *const c_char, mode: *const c_char) -> *mut c_void {
    let function = real!(c"fopen64", fn(*const c_char, *const c_char) -> *mut c_void);
    unsafe { stream(function, path, mode) }
}

const TEMPORARY: &str = "It makes a file from within libc, past the simulation. Use `open` with \
                         `O_CREAT | O_EXCL` and a name of your own, as the crate tempfile does.";

macro_rules! past {
    ($($name:ident $literal:literal ($($arg:ident: $type:ty),*) -> $result:ty, $none:expr;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($arg: $type),*) -> $result {
            if of_host().is_some() {
                refuse(concat!("`", stringify!($name), "`"), TEMPORARY);
                fail(libc::ENOSYS);
                return $none;
            }
            unsafe { real!($literal, fn($($type),*) -> $result)($($arg),*) }
        }
    )* };
}

past! {
    mkstemp c"mkstemp" (name: *mut c_char) -> c_int, -1;
    mkstemp64 c"mkstemp64" (name: *mut c_char) -> c_int, -1;
    mkostemp c"mkostemp" (name: *mut c_char, flags: c_int) -> c_int, -1;
    mkostemp64 c"mkostemp64" (name: *mut c_char, flags: c_int) -> c_int, -1;
    mkdtemp c"mkdtemp" (name: *mut c_char) -> *mut c_char, std::ptr::null_mut();
    tmpfile c"tmpfile" () -> *mut c_void, std::ptr::null_mut();
    tmpfile64 c"tmpfile64" () -> *mut c_void, std::ptr::null_mut();
    shm_open c"shm_open" (name: *const c_char, flags: c_int, mode: c_uint) -> c_int, -1;
}
