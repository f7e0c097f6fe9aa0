//! The environment of a host.
//!
//! `environ` is one variable of the process, which `std` and libc read without asking anybody. So a
//! host that has changed its environment, or for which the test has, gets a list of its own, and
//! the variable points to it whenever one of the host's threads has the baton.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{fail, files, real};
use crate::conductor::baton::{Inside, me, with};

type List = *mut *mut c_char;

unsafe extern "C" {
    static mut environ: List;
}

/// A host's own list. What it held before is never freed: somebody may still read it.
struct Own(List);

// SAFETY: only the thread with the baton touches it.
unsafe impl Send for Own {}

/// The lists of the hosts that have one, and the process's under [`NOBODY`].
static LISTS: Mutex<BTreeMap<u32, Own>> = Mutex::new(BTreeMap::new());
const NOBODY: u32 = u32::MAX;
/// Whether any host has a list of its own.
static IN_USE: AtomicBool = AtomicBool::new(false);

fn lists<R>(f: impl FnOnce(&mut BTreeMap<u32, Own>) -> R) -> R {
    let _inside = Inside::enter();
    f(&mut LISTS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A thread of this host has the baton from now on.
pub(crate) fn switch_to(host: u32) {
    if IN_USE.load(Ordering::Relaxed) {
        lists(|lists| {
            if let Some(Own(list)) = lists.get(&host).or_else(|| lists.get(&NOBODY)) {
                unsafe { environ = *list };
            }
        });
    }
}

/// The host of the thread with the baton.
fn host() -> Option<u32> {
    let me = files::of_host()?;
    Some(with(|conductor| conductor.threads[me as usize].host))
}

fn entries(list: List) -> Vec<*mut c_char> {
    let mut entries = Vec::new();
    let mut at = list;
    while !at.is_null() && !unsafe { *at }.is_null() {
        entries.push(unsafe { *at });
        at = unsafe { at.add(1) };
    }
    entries
}

fn is_of(entry: *mut c_char, name: &[u8]) -> bool {
    let entry = unsafe { CStr::from_ptr(entry) }.to_bytes();
    entry.strip_prefix(name).is_some_and(|rest| rest.starts_with(b"="))
}

fn leak(mut entries: Vec<*mut c_char>) -> List {
    entries.push(std::ptr::null_mut());
    Box::leak(entries.into_boxed_slice()).as_mut_ptr()
}

/// Changes the list of a host.
fn change(host: u32, f: impl FnOnce(&mut Vec<*mut c_char>)) {
    let is_current = self::host() == Some(host);
    let list = lists(|lists| {
        let original = lists.entry(NOBODY).or_insert_with(|| Own(unsafe { environ })).0;
        let mut entries = entries(lists.get(&host).map_or(original, |own| own.0));
        f(&mut entries);
        let list = leak(entries);
        lists.insert(host, Own(list));
        list
    });
    IN_USE.store(true, Ordering::Relaxed);
    if is_current {
        unsafe { environ = list };
    }
}

/// Sets a variable of a host.
fn set(host: u32, name: &[u8], value: &[u8]) {
    let Ok(text) = CString::new([name, b"=", value].concat()) else { return };
    let text = text.into_raw();
    change(host, |entries| match entries.iter_mut().find(|entry| is_of(**entry, name)) {
        Some(entry) => *entry = text,
        None => entries.push(text),
    });
}

/// The host's process begins: its environment is the test's, with these variables.
pub(crate) fn begin(host: u32, variables: &[(String, String)]) {
    lists(|lists| lists.remove(&host));
    for (name, value) in variables {
        set(host, name.as_bytes(), value.as_bytes());
    }
}

unsafe fn name<'a>(name: *const c_char) -> Option<&'a [u8]> {
    if name.is_null() {
        return None;
    }
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    (!name.is_empty() && !name.contains(&b'=')).then_some(name)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setenv(key: *const c_char, value: *const c_char, overwrite: c_int) -> c_int {
    let Some(host) = host() else {
        let function = real!(c"setenv", fn(*const c_char, *const c_char, c_int) -> c_int);
        return unsafe { function(key, value, overwrite) };
    };
    let Some(key) = (unsafe { name(key) }) else { return fail(libc::EINVAL) };
    let is_there = entries(unsafe { environ }).iter().any(|&entry| is_of(entry, key));
    if overwrite != 0 || !is_there {
        set(host, key, unsafe { CStr::from_ptr(value) }.to_bytes());
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unsetenv(key: *const c_char) -> c_int {
    let Some(host) = host() else {
        return unsafe { real!(c"unsetenv", fn(*const c_char) -> c_int)(key) };
    };
    let Some(key) = (unsafe { name(key) }) else { return fail(libc::EINVAL) };
    change(host, |entries| entries.retain(|&entry| !is_of(entry, key)));
    0
}

/// The string itself becomes a part of the environment.
#[unsafe(no_mangle)]
unsafe extern "C" fn putenv(text: *mut c_char) -> c_int {
    let Some(host) = host() else {
        return unsafe { real!(c"putenv", fn(*mut c_char) -> c_int)(text) };
    };
    let whole = unsafe { CStr::from_ptr(text) }.to_bytes();
    let Some(end) = whole.iter().position(|&byte| byte == b'=') else {
        return unsafe { unsetenv(text) };
    };
    let key = &whole[..end];
    change(host, |entries| {
        entries.retain(|&entry| !is_of(entry, key));
        entries.push(text);
    });
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clearenv() -> c_int {
    match host() {
        Some(host) => {
            change(host, Vec::clear);
            0
        }
        None if me().is_some() => fail(libc::ENOSYS),
        None => unsafe { real!(c"clearenv", fn() -> c_int)() },
    }
}
