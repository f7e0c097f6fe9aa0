//! The kernel itself, past everything that is interposed.
#![allow(unsafe_code, reason = "system calls; blocks cite docs/unsafe.md")]

use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// A system call. The result is the kernel's: an errno below 0 for a failure.
///
/// # Safety
///
/// The arguments must be what this call may be given.
#[cfg(target_arch = "x86_64")]
#[inline(never)] // `interpose/past.rs` knows its one instruction.
pub(crate) unsafe fn call(number: libc::c_long, args: [usize; 6]) -> isize {
    let result: isize;
    let [a, b, c, d, e, f] = args;
    // SAFETY: this is how the architecture calls Linux: it changes rax, rcx and r11 alone, and what
    // memory the call touches the caller answers for.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// A system call. The result is the kernel's: an errno below 0 for a failure.
///
/// # Safety
///
/// The arguments must be what this call may be given.
#[cfg(target_arch = "aarch64")]
#[inline(never)] // `interpose/past.rs` knows its one instruction.
pub(crate) unsafe fn call(number: libc::c_long, args: [usize; 6]) -> isize {
    let result: isize;
    let [a, b, c, d, e, f] = args;
    // SAFETY: this is how the architecture calls Linux: it changes x0 alone, and what memory the
    // call touches the caller answers for.
    unsafe {
        std::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    result
}

/// Sleeps while `word` holds `expected`; may return early.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as _,
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    let args = [word.as_ptr() as usize, op as usize, expected as usize, timeout as usize, 0, 0];
    // SAFETY: word and timeout live for the whole call, which only reads them (K1).
    unsafe { call(libc::SYS_futex, args) };
}

/// Wakes the one who waits on `word`.
pub(crate) fn futex_wake(word: &AtomicU32) {
    let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: the call uses the address as a key only (K1).
    unsafe { call(libc::SYS_futex, [word.as_ptr() as usize, op as usize, 1, 0, 0, 0]) };
}

/// Ends the process at once: no destructor runs, nothing is flushed.
pub(crate) fn exit(code: i32) -> ! {
    loop {
        // SAFETY: the call takes a number, and does not return.
        unsafe { call(libc::SYS_exit_group, [code as usize, 0, 0, 0, 0, 0]) };
    }
}

/// The kernel's number of this thread.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: the call takes no argument.
    unsafe { call(libc::SYS_gettid, [0; 6]) as u32 }
}

/// The processor time that this process has used.
pub(crate) fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let args = [libc::CLOCK_PROCESS_CPUTIME_ID as usize, &raw mut time as usize, 0, 0, 0, 0];
    // SAFETY: `time` is one live `timespec`, which the kernel writes (K1).
    unsafe { call(libc::SYS_clock_gettime, args) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The monotonic clock of the machine.
pub(crate) fn clock() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let args = [libc::CLOCK_MONOTONIC as usize, &raw mut time as usize, 0, 0, 0, 0];
    // SAFETY: `time` is one live `timespec`, which the kernel writes (K1).
    unsafe { call(libc::SYS_clock_gettime, args) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Writes bytes to a descriptor of the kernel's, as far as they go.
pub(crate) fn write(fd: i32, bytes: &[u8]) {
    // SAFETY: the kernel reads the bytes, which live for the call (K1).
    unsafe {
        call(libc::SYS_write, [fd as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0]);
    }
}

/// Sends a signal to a thread of this process.
pub(crate) fn signal(thread: u32, signal: i32) {
    // SAFETY: the calls take numbers.
    unsafe {
        let process = call(libc::SYS_getpid, [0; 6]) as usize;
        call(libc::SYS_tgkill, [process, thread as usize, signal as usize, 0, 0, 0]);
    }
}

/// Waits until there is no thread of this number in this process.
pub(crate) fn wait_until_gone(thread: u32) {
    // SAFETY: the calls take numbers; signal 0 only asks.
    unsafe {
        let process = call(libc::SYS_getpid, [0; 6]) as usize;
        while call(libc::SYS_tgkill, [process, thread as usize, 0, 0, 0, 0]) == 0 {
            call(libc::SYS_sched_yield, [0; 6]);
        }
    }
}

/// Forks. `None` in the child. For a process whose only thread this is, in all that matters.
pub(crate) fn fork() -> std::io::Result<Option<i32>> {
    // SAFETY: the child goes on with a copy of everything; no other thread holds a lock that it
    // needs, since the only one that there may be waits for this one's end.
    match unsafe { libc::fork() } {
        -1 => Err(std::io::Error::last_os_error()),
        0 => Ok(None),
        child => Ok(Some(child)),
    }
}

/// Waits for the end of a child, and says how it ended.
pub(crate) fn wait_for(child: i32) -> std::io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is one live number, which the call writes (K1).
        if unsafe { libc::waitpid(child, &mut status, 0) } == child {
            return Ok(status);
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Keeps this thread, and those that it starts, on one core; where that is not allowed nothing
/// happens.
pub(crate) fn pin(core: usize) {
    let mut set = [0_u64; 16];
    if let Some(word) = set.get_mut(core / 64) {
        *word |= 1 << (core % 64);
        // SAFETY: the kernel reads the set, whose size is given (K1).
        unsafe {
            let args = [0, size_of_val(&set), set.as_ptr() as usize, 0, 0, 0];
            call(libc::SYS_sched_setaffinity, args);
        }
    }
}

/// The program that is started has its memory at the same place each time.
pub(crate) fn without_random_addresses(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec one system call is made, which takes a number.
    unsafe {
        command.pre_exec(|| {
            libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
            Ok(())
        });
    }
}
