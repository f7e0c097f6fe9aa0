//! Names of the system calls in which a thread may wait for long.

/// The name of the system call with this number, if it is one that threads are known to wait in.
pub(crate) fn name(number: i64) -> Option<&'static str> {
    NAMES.iter().chain(OLDER).find(|&&(other, _)| other == number).map(|&(_, name)| name)
}

/// The pairs of number and name.
macro_rules! names {
    ($($number:ident $name:literal),* $(,)?) => {
        // The numbers are `c_long`, which is 64 bits wide on the processors with stack captures,
        // but not on every one.
        &[$((libc::$number as i64, $name)),*]
    };
}

const NAMES: &[(i64, &str)] = names![
    SYS_accept "accept",
    SYS_accept4 "accept4",
    SYS_clock_nanosleep "clock_nanosleep",
    SYS_clone "clone",
    SYS_close "close",
    SYS_connect "connect",
    SYS_copy_file_range "copy_file_range",
    SYS_epoll_pwait "epoll_pwait",
    SYS_execve "execve",
    SYS_fallocate "fallocate",
    SYS_fcntl "fcntl",
    SYS_fdatasync "fdatasync",
    SYS_flock "flock",
    SYS_fsync "fsync",
    SYS_ftruncate "ftruncate",
    SYS_futex "futex",
    SYS_getdents64 "getdents64",
    SYS_getrandom "getrandom",
    SYS_io_getevents "io_getevents",
    SYS_ioctl "ioctl",
    SYS_madvise "madvise",
    SYS_mmap "mmap",
    SYS_mprotect "mprotect",
    SYS_mremap "mremap",
    SYS_msgrcv "msgrcv",
    SYS_msgsnd "msgsnd",
    SYS_msync "msync",
    SYS_munmap "munmap",
    SYS_nanosleep "nanosleep",
    SYS_openat "openat",
    SYS_ppoll "ppoll",
    SYS_pread64 "pread64",
    SYS_preadv "preadv",
    SYS_pselect6 "pselect6",
    SYS_pwrite64 "pwrite64",
    SYS_pwritev "pwritev",
    SYS_read "read",
    SYS_readv "readv",
    SYS_recvfrom "recvfrom",
    SYS_recvmmsg "recvmmsg",
    SYS_recvmsg "recvmsg",
    SYS_renameat2 "renameat2",
    SYS_restart_syscall "restart_syscall",
    SYS_rt_sigsuspend "rt_sigsuspend",
    SYS_rt_sigtimedwait "rt_sigtimedwait",
    SYS_sched_yield "sched_yield",
    SYS_semtimedop "semtimedop",
    SYS_sendfile "sendfile",
    SYS_sendmmsg "sendmmsg",
    SYS_sendmsg "sendmsg",
    SYS_sendto "sendto",
    SYS_splice "splice",
    SYS_statx "statx",
    SYS_sync "sync",
    SYS_syncfs "syncfs",
    SYS_tee "tee",
    SYS_unlinkat "unlinkat",
    SYS_vmsplice "vmsplice",
    SYS_wait4 "wait4",
    SYS_waitid "waitid",
    SYS_write "write",
    SYS_writev "writev",
];

/// Calls that newer architectures have only under other names.
#[cfg(target_arch = "x86_64")]
const OLDER: &[(i64, &str)] = names![
    SYS_epoll_wait "epoll_wait",
    SYS_open "open",
    SYS_pause "pause",
    SYS_poll "poll",
    SYS_rename "rename",
    SYS_select "select",
    SYS_stat "stat",
    SYS_unlink "unlink",
    SYS_vfork "vfork",
];

#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[(i64, &str)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_wait_have_names_each_its_own() {
        assert_eq!(name(libc::SYS_futex), Some("futex"));
        assert_eq!(name(libc::SYS_clock_nanosleep), Some("clock_nanosleep"));
        assert_eq!(name(-1), None);
        for (number, name_) in NAMES.iter().chain(OLDER) {
            assert_eq!(name(*number), Some(*name_));
        }
    }
}
