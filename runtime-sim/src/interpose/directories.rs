//! Reading directories.
//!
//! A stream of a directory on a host's disk is a list that is made when it is opened. Its address
//! is known here, so that it can be told from libc's own streams.

use std::collections::BTreeSet;
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use libc::dirent64;

use super::call::{done, model};
use super::files::{of_host, open_at};
use super::{fail, real};
use crate::conductor::baton::{Inside, me};
use crate::os::{self, Errno, Name};

struct Directory {
    fd: c_int,
    names: Vec<Name>,
    at: usize,
    /// What the last `readdir` has given.
    entry: dirent64,
}

static OURS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());
/// How many there are, so that who has none need not look.
static COUNT: AtomicUsize = AtomicUsize::new(0);

fn ours(change: impl FnOnce(&mut BTreeSet<usize>) -> bool) -> bool {
    let _inside = Inside::enter();
    let mut set = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    let result = change(&mut set);
    COUNT.store(set.len(), Ordering::Relaxed);
    result
}

/// The stream, if it is one of these.
unsafe fn find<'a>(stream: *mut c_void) -> Option<&'a mut Directory> {
    let is_ours = COUNT.load(Ordering::Relaxed) > 0 && ours(|set| set.contains(&(stream as usize)));
    is_ours.then(|| unsafe { &mut *stream.cast::<Directory>() })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opendir(name: *const c_char) -> *mut c_void {
    if of_host().is_none() {
        return unsafe { real!(c"opendir", fn(*const c_char) -> *mut c_void)(name) };
    }
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    match unsafe { open_at(libc::AT_FDCWD, name, flags, 0) } {
        -1 => std::ptr::null_mut(),
        fd => unsafe { fdopendir(fd) },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdopendir(fd: c_int) -> *mut c_void {
    let Some(me) = me().filter(|_| os::is_simulated(fd)) else {
        return unsafe { real!(c"fdopendir", fn(c_int) -> *mut c_void)(fd) };
    };
    match model(me, |os, _, _| os.list(fd)) {
        Ok(names) => {
            done(me, "opendir", names.len() as c_int);
            let entry = unsafe { std::mem::zeroed() };
            let stream = Box::into_raw(Box::new(Directory { fd, names, at: 0, entry }));
            ours(|set| set.insert(stream as usize));
            stream.cast()
        }
        Err(Errno(errno)) => {
            fail(errno);
            std::ptr::null_mut()
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn readdir64(stream: *mut c_void) -> *mut dirent64 {
    let Some(directory) = (unsafe { find(stream) }) else {
        return unsafe { real!(c"readdir64", fn(*mut c_void) -> *mut dirent64)(stream) };
    };
    let Some((inode, kind, name)) = directory.names.get(directory.at) else {
        return std::ptr::null_mut();
    };
    directory.at += 1;
    let entry = &mut directory.entry;
    entry.d_ino = *inode;
    entry.d_off = directory.at as i64;
    entry.d_reclen = size_of::<dirent64>() as u16;
    entry.d_type = *kind;
    for (place, &byte) in entry.d_name.iter_mut().zip(name.iter().chain([&0])) {
        *place = byte as c_char;
    }
    entry
}

/// The same struct on 64-bit Linux.
#[unsafe(no_mangle)]
unsafe extern "C" fn readdir(stream: *mut c_void) -> *mut dirent64 {
    unsafe { readdir64(stream) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rewinddir(stream: *mut c_void) {
    match unsafe { find(stream) } {
        None => unsafe { real!(c"rewinddir", fn(*mut c_void) -> ())(stream) },
        Some(directory) => {
            directory.at = 0;
            if let Some(Ok(names)) = me().map(|me| model(me, |os, _, _| os.list(directory.fd))) {
                directory.names = names;
            }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dirfd(stream: *mut c_void) -> c_int {
    match unsafe { find(stream) } {
        None => unsafe { real!(c"dirfd", fn(*mut c_void) -> c_int)(stream) },
        Some(directory) => directory.fd,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn closedir(stream: *mut c_void) -> c_int {
    if unsafe { find(stream) }.is_none() {
        return unsafe { real!(c"closedir", fn(*mut c_void) -> c_int)(stream) };
    }
    ours(|set| set.remove(&(stream as usize)));
    let directory = unsafe { Box::from_raw(stream.cast::<Directory>()) };
    unsafe { super::descriptors::close(directory.fd) }
}
