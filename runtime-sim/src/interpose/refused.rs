//! What would leave the simulation.

use std::ffi::{c_char, c_int, c_void};

use libc::pid_t;

use super::{fail, kernel, real, refuse};
use crate::conductor::baton::me;

const PROCESSES: &str = "A simulated program has one process; put what the child does behind a \
                         function, and leave the start of the process out of the test.";

#[unsafe(no_mangle)]
unsafe extern "C" fn fork() -> pid_t {
    if me().is_some() {
        refuse("fork", PROCESSES);
        return fail(libc::ENOSYS);
    }
    unsafe { real!(c"fork", fn() -> pid_t)() }
}

type Spawn = unsafe extern "C" fn(
    *mut pid_t,
    *const c_char,
    *const c_void,
    *const c_void,
    *const *const c_char,
    *const *const c_char,
) -> c_int;

macro_rules! spawns {
    ($($name:ident $literal:literal;)*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            pid: *mut pid_t,
            path: *const c_char,
            actions: *const c_void,
            attributes: *const c_void,
            arguments: *const *const c_char,
            environment: *const *const c_char,
        ) -> c_int {
            if me().is_some() {
                refuse("the start of a process", PROCESSES);
                return libc::ENOSYS;
            }
            static PLACE: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
            let found = super::find(&PLACE, $literal);
            let function = unsafe { std::mem::transmute::<usize, Spawn>(found) };
            unsafe { function(pid, path, actions, attributes, arguments, environment) }
        }
    )* };
}

spawns! {
    posix_spawn c"posix_spawn";
    posix_spawnp c"posix_spawnp";
}

#[unsafe(no_mangle)]
unsafe extern "C" fn inotify_init1(flags: c_int) -> c_int {
    if me().is_some() {
        refuse("inotify", "Leave the watching of files out of the simulated test.");
        return fail(libc::ENOSYS);
    }
    unsafe { kernel(libc::SYS_inotify_init1, &[flags as usize]) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn signalfd(fd: c_int, mask: *const c_void, flags: c_int) -> c_int {
    if me().is_some() {
        refuse("signalfd", "Signals belong to the whole process, not to a host.");
        return fail(libc::ENOSYS);
    }
    unsafe { real!(c"signalfd", fn(c_int, *const c_void, c_int) -> c_int)(fd, mask, flags) }
}
