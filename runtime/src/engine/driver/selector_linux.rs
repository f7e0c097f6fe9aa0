//! Waits for events on Linux, as exactly as the kernel's timers allow.
//!
//! # Problem
//!
//! mio rounds a timeout up to whole milliseconds, the unit of epoll_wait. epoll_pwait2 (Linux 5.11)
//! takes nanoseconds and also costs one call. Where it is missing, epoll_wait waits for the whole
//! milliseconds, and ppoll on the epoll descriptor for the rest.
//!
//! Measured on 2026-11-23 on a busy machine with 2 cores, lateness in the median, microseconds:
//!
//! | wait   | mio | epoll_pwait2 | the same, on a thread with [`exact_timers`] |
//! |--------|-----|--------------|---------------------------------------------|
//! | 0.1 ms | 940 | 83           | 29                                          |
//! | 1 ms   | 41  | 100          | 56                                          |
//! | 5.3 ms | 772 | 153          | 113                                         |
//! | 100 ms | -   | 101          | 38                                          |
//!
//! The kernel may end a wait late by a thousandth of its length. So a long wait returns a little
//! early: the caller reads its clock and waits for the rest, which is short enough to be exact.
#![allow(unsafe_code, reason = "three system calls; blocks cite docs/unsafe.md")]

use std::fmt;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::batch::Batch;
use super::ready::Ready;

/// From this length on the kernel's thousandth exceeds its usual 50 microseconds.
const LONG: Duration = Duration::from_millis(50);

/// The epoll instance and room for its events.
pub(super) struct Selector {
    poll: mio::Poll,
    events: Box<[libc::epoll_event]>,
    /// Events fetched by a call that does not wait.
    busy: usize,
    fetched: usize,
    has_pwait2: bool,
}

// Not derived: the events of older releases of `libc` have no `Debug`.
impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selector").field("poll", &self.poll).finish_non_exhaustive()
    }
}

/// The kernel's own form of a time span, 64 bits on every architecture.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
}

impl Selector {
    pub(super) fn new(batch: Batch) -> io::Result<Selector> {
        let events = vec![libc::epoll_event { events: 0, u64: 0 }; batch.idle].into_boxed_slice();
        let busy = batch.busy.min(batch.idle);
        Ok(Selector { poll: mio::Poll::new()?, events, busy, fetched: 0, has_pwait2: true })
    }

    pub(super) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Waits for events, at most for `timeout`; may return early without any.
    pub(super) fn select(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.fetched = 0;
        let fetched = match timeout {
            None => self.epoll_wait(-1, self.events.len()),
            Some(Duration::ZERO) => self.epoll_wait(0, self.busy),
            Some(timeout) if timeout > LONG => self.wait_exactly(timeout - timeout / 256),
            Some(timeout) => self.wait_exactly(timeout),
        };
        match fetched {
            Ok(n) => self.fetched = n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// The tokens of the last [`select`](Self::select), and what is ready.
    pub(super) fn events(&self) -> impl Iterator<Item = (usize, Ready)> {
        self.events[..self.fetched].iter().map(|event| (event.u64 as usize, ready_of(event.events)))
    }

    fn wait_exactly(&mut self, timeout: Duration) -> io::Result<usize> {
        if self.has_pwait2 {
            match self.epoll_pwait2(timeout) {
                // ENOSYS: an old kernel. EPERM: an old sandbox's answer to a call it does not know.
                Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    self.has_pwait2 = false;
                }
                done => return done,
            }
        }
        match i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX) {
            0 => {
                self.ppoll(timeout)?;
                self.epoll_wait(0, self.events.len())
            }
            // The caller waits again for the rest, which is below a millisecond.
            whole_ms => self.epoll_wait(whole_ms, self.events.len()),
        }
    }

    fn epoll_wait(&mut self, timeout_ms: i32, most: usize) -> io::Result<usize> {
        let room = i32::try_from(most.min(self.events.len())).unwrap_or(i32::MAX);
        let epoll = self.poll.as_raw_fd();
        // SAFETY: `events` is initialised, exclusively borrowed and has at least `room` entries;
        // the kernel writes no more than that. The descriptor is open: `self.poll` owns it.
        let n = unsafe { libc::epoll_wait(epoll, self.events.as_mut_ptr(), room, timeout_ms) };
        usize::try_from(n).map_err(|_| io::Error::last_os_error())
    }

    fn epoll_pwait2(&mut self, timeout: Duration) -> io::Result<usize> {
        let timeout = KernelTimespec {
            seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: i64::from(timeout.subsec_nanos()),
        };
        // SAFETY: as in `epoll_wait`. `timeout` has the kernel's layout and outlives the call. A
        // null signal mask leaves the thread's own in place, and its size is then not looked at.
        let n = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.poll.as_raw_fd(),
                self.events.as_mut_ptr(),
                i32::try_from(self.events.len()).unwrap_or(i32::MAX),
                std::ptr::from_ref(&timeout),
                std::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        usize::try_from(n).map_err(|_| io::Error::last_os_error())
    }

    /// Waits until the epoll instance has an event, at most for `timeout`, which is below a second.
    fn ppoll(&mut self, timeout: Duration) -> io::Result<()> {
        let mut watched =
            libc::pollfd { fd: self.poll.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let timeout = libc::timespec { tv_sec: 0, tv_nsec: timeout.subsec_nanos() as _ };
        // SAFETY: `watched` is one live entry, as the count says; `timeout` outlives the call; a
        // null signal mask is allowed.
        let n = unsafe { libc::ppoll(&mut watched, 1, &timeout, std::ptr::null()) };
        if n < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn ready_of(bits: u32) -> Ready {
    let has = |bit: libc::c_int| bits & bit as u32 != 0;
    let mut ready = Ready::EMPTY;
    let mut add = |ready_if: bool, what: Ready| {
        if ready_if {
            ready |= what;
        }
    };
    let (input, output) = (has(libc::EPOLLIN), has(libc::EPOLLOUT));
    let (hang_up, error) = (has(libc::EPOLLHUP), has(libc::EPOLLERR));
    add(input || has(libc::EPOLLPRI), Ready::READABLE);
    add(output, Ready::WRITABLE);
    add(hang_up || (input && has(libc::EPOLLRDHUP)), Ready::READ_CLOSED);
    // An error alone is how a pipe says that its reader has gone.
    add(hang_up || (error && (output || bits == libc::EPOLLERR as u32)), Ready::WRITE_CLOSED);
    add(has(libc::EPOLLPRI), Ready::PRIORITY);
    add(error, Ready::ERROR);
    ready
}

/// Asks the kernel to end this thread's waits as exactly as it can. By default it may delay them by
/// 50 microseconds, so that wake-ups of several threads coincide, which saves power. For threads of
/// the engine only.
pub(crate) fn exact_timers() {
    // SAFETY: the call takes two numbers and concerns the calling thread alone. If it fails, waits
    // end as late as before.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64) };
}

/// The interest in urgent data alone.
pub(super) const PRIORITY: Option<mio::Interest> = Some(mio::Interest::PRIORITY);
