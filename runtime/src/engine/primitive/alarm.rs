//! A wait that another thread ends after a delay.
//!
//! A parker can only be woken now. To wake a thread in two milliseconds, a parker would wake it at
//! once to let it wait. A kernel timer is set by one system call and wakes no thread until it
//! fires.
#![allow(unsafe_code, reason = "two system calls; blocks cite docs/unsafe.md")]

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::Duration;

/// One thread's alarm clock. Other threads set it.
#[derive(Debug)]
pub(crate) struct Alarm(File);

impl Alarm {
    /// An alarm that is not set. It uses one file descriptor.
    pub(crate) fn new() -> io::Result<Alarm> {
        // SAFETY: the call takes two numbers.
        let timer = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC) };
        if timer < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor that has just been made for this call, so nobody else owns it.
        Ok(Alarm(unsafe { File::from_raw_fd(timer) }))
    }

    /// Ends the owner's wait, or its next one, after `delay`. Replaces an earlier setting.
    pub(crate) fn set(&self, delay: Duration) {
        // Zero would turn the timer off.
        self.set_to(delay.max(Duration::from_nanos(1)));
    }

    /// Clears the setting, unless the owner's wait has ended already.
    pub(crate) fn clear(&self) {
        self.set_to(Duration::ZERO);
    }

    fn set_to(&self, delay: Duration) {
        let value =
            libc::timespec { tv_sec: delay.as_secs() as _, tv_nsec: delay.subsec_nanos() as _ };
        let interval = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let setting = libc::itimerspec { it_interval: interval, it_value: value };
        // SAFETY: `setting` outlives the call; the old setting is not asked for; the descriptor is
        // open.
        unsafe { libc::timerfd_settime(self.0.as_raw_fd(), 0, &setting, std::ptr::null_mut()) };
    }

    /// Waits until the alarm goes off. May return early.
    pub(crate) fn wait(&self) {
        let mut times = [0; 8];
        let _ = (&self.0).read(&mut times);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn an_alarm_ends_the_wait_when_it_was_set_for() {
        let alarm = Alarm::new().unwrap();
        let begun = Instant::now();
        alarm.set(Duration::from_secs(3600));
        alarm.set(Duration::from_millis(20));
        alarm.wait();
        assert!(begun.elapsed() >= Duration::from_millis(20));
        alarm.set(Duration::ZERO);
        alarm.wait();
    }

    #[test]
    fn an_alarm_that_was_cleared_ends_no_wait() {
        let alarm = Alarm::new().unwrap();
        alarm.set(Duration::ZERO);
        alarm.clear();
        let begun = Instant::now();
        std::thread::scope(|threads| {
            threads.spawn(|| alarm.wait());
            std::thread::sleep(Duration::from_millis(20));
            alarm.set(Duration::from_millis(1));
        });
        assert!(begun.elapsed() >= Duration::from_millis(21));
    }
}
