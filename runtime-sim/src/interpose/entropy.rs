//! Random numbers: each host has a stream of its own.

use std::ffi::{c_int, c_uint, c_void};

use libc::{size_t, ssize_t};

use super::{fail, kernel};
use crate::conductor::baton::{me, with};

pub(super) unsafe fn fill(me: u32, place: *mut c_void, length: size_t) {
    if length > 0 {
        let bytes = unsafe { std::slice::from_raw_parts_mut(place.cast::<u8>(), length) };
        with(|conductor| conductor.fill(me, bytes));
    }
}

#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getrandom(
    place: *mut c_void,
    length: size_t,
    flags: c_uint,
) -> ssize_t {
    let Some(me) = me() else {
        let args = [place as usize, length, flags as usize];
        return unsafe { kernel(libc::SYS_getrandom, &args) };
    };
    unsafe { fill(me, place, length) };
    length as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(place: *mut c_void, length: size_t) -> c_int {
    if length > 256 {
        return fail(libc::EIO);
    }
    match unsafe { getrandom(place, length, 0) } {
        -1 => -1,
        _ => 0,
    }
}
