//! Switches the events of one source off and on, in the system.
//!
//! A source whose events nobody waits for wakes the thread that sleeps in the poll for nothing.
//! `readiness.rs` says when that is, and proves that no event is lost by it.
#![allow(unsafe_code, reason = "one system call; its block cites docs/unsafe.md")]

use std::os::fd::{AsRawFd, RawFd};

/// How many events in a row nobody waits for before the source is switched off. Off and on again
/// are two system calls, some 0.3 microseconds each; an event that nobody waits for costs the
/// thread in the poll some two microseconds, and whoever causes it a wake.
pub(crate) const AFTER: u8 = 8;

/// The source as the system knows it.
#[derive(Debug)]
pub(crate) struct Switch {
    epoll: RawFd,
    descriptor: RawFd,
    token: u64,
    events: u32,
}

impl Switch {
    /// For a source that is registered under `token`, for `interest`, by mio: with edges.
    pub(super) fn new(
        registry: &mio::Registry,
        descriptor: RawFd,
        token: usize,
        interest: mio::Interest,
    ) -> Switch {
        let mut events = libc::EPOLLET;
        if interest.is_readable() {
            events |= libc::EPOLLIN | libc::EPOLLRDHUP;
        }
        if interest.is_writable() {
            events |= libc::EPOLLOUT;
        }
        if interest.is_priority() {
            events |= libc::EPOLLPRI;
        }
        let epoll = registry.as_raw_fd();
        Switch { epoll, descriptor, token: token as u64, events: events as u32 }
    }

    /// No more events but errors and hang-ups. Returns whether it is off.
    pub(crate) fn off(&self) -> bool {
        self.set(libc::EPOLLET as u32)
    }

    /// Events again: if there is something to tell by now, it is told at once.
    pub(crate) fn on(&self) {
        // It fails only if the source is no longer registered.
        self.set(self.events);
    }

    fn set(&self, events: u32) -> bool {
        let mut event = libc::epoll_event { events, u64: self.token };
        // SAFETY: K1: `event` is ours and outlives the call. The descriptor is the source's: nobody
        // calls this after the source has been deregistered, which comes before its close.
        let done = unsafe {
            libc::epoll_ctl(self.epoll, libc::EPOLL_CTL_MOD, self.descriptor, &mut event)
        };
        done == 0
    }
}
