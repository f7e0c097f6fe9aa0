//! Threads as the Linux kernel sees them.
#![allow(unsafe_code, reason = "system calls; blocks cite docs/unsafe.md")]

use std::mem::MaybeUninit;
use std::time::Duration;

use super::simulation;

/// The kernel's number of this thread.
pub(crate) fn os_id() -> u32 {
    // SAFETY: the call takes no argument and touches no memory.
    unsafe { libc::gettid() as u32 }
}

/// How long a thread of this process has had a processor, up to now. `None` if there is no such
/// thread. One system call of some 300 ns; needs neither `/proc` nor a descriptor.
pub(crate) fn cpu_time(os_id: u32) -> Option<Duration> {
    /// The kernel's clock id bits for "a thread's clock" and "processor time".
    const OF_A_THREAD: libc::clockid_t = 0b110;
    let thread = libc::clockid_t::try_from(os_id).ok().filter(|&id| id != 0)?;
    let clock = (!thread << 3) | OF_A_THREAD;
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the kernel checks the clock, and writes one `timespec` where there is room for it.
    let failed = unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) } != 0;
    if failed {
        return None;
    }
    // SAFETY: the call has succeeded, so it has written it.
    let time = unsafe { time.assume_init() };
    Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Asks for long slices of a processor for this thread: other threads that wake up may interrupt
/// them, while those of equally long slices let each other finish. It gets no less time thereby,
/// unlike by a low priority. Threads that it starts have slices as usual.
///
/// Linux has it from 6.12 on; before, it does nothing. Neither does it where the thread has another
/// policy than the usual one, or where a sandbox refuses the call.
pub(crate) fn ask_for_long_slices() {
    /// The longest that the kernel gives.
    const SLICE: Duration = Duration::from_millis(100);
    /// Threads that this one starts do not inherit it.
    const RESET_ON_FORK: u64 = 1;
    /// The kernel's `struct sched_attr`, in its first version.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    if simulation::is_on() {
        return;
    }
    let mut now = Attributes::default();
    let (this_thread, size, no_flags) = (0, size_of::<Attributes>() as u32, 0);
    // SAFETY: the kernel writes at most `size` bytes.
    let failed = unsafe {
        libc::syscall(libc::SYS_sched_getattr, this_thread, &raw mut now, size, no_flags)
    };
    if failed != 0 || now.policy != libc::SCHED_OTHER as u32 {
        return;
    }
    let flags = now.flags | RESET_ON_FORK;
    let wanted = Attributes { size, flags, runtime: SLICE.as_nanos() as u64, ..now };
    // SAFETY: the kernel reads `size` bytes, which are there. If it refuses, nothing has changed.
    let _ =
        unsafe { libc::syscall(libc::SYS_sched_setattr, this_thread, &raw const wanted, no_flags) };
}

/// The processor time that this thread has used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    cpu: Duration,
    /// How often the thread has given the processor up by itself.
    waits: libc::c_long,
}

impl Usage {
    /// `None` if the system does not tell.
    pub(crate) fn now() -> Option<Usage> {
        let mut usage = MaybeUninit::<libc::rusage>::uninit();
        // SAFETY: the kernel writes one `rusage` where there is room for it.
        let failed = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) } != 0;
        if failed {
            return None;
        }
        // SAFETY: the call has succeeded, so it has written it.
        let usage = unsafe { usage.assume_init() };
        let span = |time: libc::timeval| {
            Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
        };
        let cpu = span(usage.ru_utime) + span(usage.ru_stime);
        Some(Usage { cpu, waits: usage.ru_nvcsw })
    }

    /// What the thread has done since then.
    pub(crate) fn since(self) -> Option<Spent> {
        let now = Usage::now()?;
        let computed = now.cpu.saturating_sub(self.cpu);
        Some(Spent { computed, has_waited: now.waits != self.waits })
    }
}

/// What a thread has done in some time. In the rest of that time it waited for a processor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) computed: Duration,
    /// Whether the thread has waited by itself, in a system call or for a lock.
    pub(crate) has_waited: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_computes_uses_time_and_one_that_sleeps_does_not() {
        let before = cpu_time(os_id()).unwrap();
        while cpu_time(os_id()).unwrap() - before < Duration::from_millis(5) {}
        let before = cpu_time(os_id()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(cpu_time(os_id()).unwrap() - before < Duration::from_millis(20));
        assert!(cpu_time(0).is_none());
    }

    #[test]
    fn who_waits_and_who_computes_is_told_apart() {
        let usage = Usage::now().unwrap();
        std::thread::sleep(Duration::from_millis(1));
        assert!(usage.since().unwrap().has_waited);
        let usage = Usage::now().unwrap();
        let before = cpu_time(os_id()).unwrap();
        while cpu_time(os_id()).unwrap() - before < Duration::from_millis(5) {}
        assert!(usage.since().unwrap().computed >= Duration::from_millis(4));
    }
}
