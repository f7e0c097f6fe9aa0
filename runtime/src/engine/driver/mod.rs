//! The driver: it waits for the system's events and turns them into readiness and wakers.
//!
//! # Problem
//!
//! One `epoll` (or `kqueue`) serves thousands of sources. A thread must sleep in it, and its events
//! must reach the tasks at once, with as few threads and system calls as possible.
//!
//! # Shape
//!
//! ```text
//!    task ---- Registration ----> Readiness <---- Table <---- PollGuard::wait <---- the system
//!              (operations)       (one source)   (token)      (poll's holder)
//! ```
//!
//! *The poll* is the right to wait for events. One thread holds it at a time:
//! [`IoDriver::try_acquire`] makes the caller the holder until the [`PollGuard`] is dropped. The
//! driver has no thread of its own.
//!
//! # Invariants
//!
//! 1. Under the poll's lock, readiness is set and wakers are collected, but not called. The holder
//!    gives the poll up and then calls them.
//! 2. Locks are taken in this order: poll, table, a source's waiters. A task that registers or
//!    waits never takes the poll's lock.
//! 3. A source enters the table before it is registered with the system, and leaves it after it is
//!    deregistered. Events of a source that has left the table reach no source (see `table.rs`).
//! 4. The table is closed under its lock, and [`table::shut_all`] shuts every source that was in it
//!    then: a source is either refused or shut, never forgotten.
//! 5. The system's waker lives as long as the driver, and a thread that sleeps in the poll borrows
//!    the driver: dropping the waker cannot undo a wake.
//!
//! # Orderings
//!
//! The counters are Relaxed, no pair. Everything else is behind locks.

mod batch;
mod child;
mod interest;
mod level;
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "pidfd_unsupported.rs")]
mod pidfd;
mod readiness;
mod ready;
mod registration;
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "selector_linux.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "selector_portable.rs")]
mod selector;
#[cfg_attr(any(target_os = "linux", target_os = "android"), path = "switch_linux.rs")]
#[cfg_attr(not(any(target_os = "linux", target_os = "android")), path = "switch_portable.rs")]
mod switch;
mod table;

#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Weak;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use crate::engine::messages;
use crate::engine::primitive::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::engine::primitive::{Arc, Mutex, MutexGuard};
use crate::engine::process_wide::fork::ForkGeneration;
use crate::engine::process_wide::orphans::{self, Home};
use crate::engine::process_wide::signals;
use crate::engine::wake_list::WakeList;

pub(crate) use batch::Batch;
pub(crate) use child::Running;
pub use interest::Interest;
pub(crate) use readiness::{Direction, ReadyEvent};
pub use ready::Ready;
pub(crate) use registration::{Registration, Short};

pub(crate) use selector::exact_timers;

use crate::engine::slab::Key;
use selector::Selector;
use table::Table;

/// The token of the waker. The table has no key so large.
const WAKE: usize = usize::MAX;
/// The token of the process's signals.
const SIGNALS: usize = usize::MAX - 1;

/// Events handled before the table's lock is released for a moment, for threads that register.
const BATCH: usize = 64;

/// The I/O driver of one runtime.
#[derive(Debug)]
pub(crate) struct IoDriver {
    /// On a cache line of its own, as `table` is: both are written often, by different threads.
    selector: CachePadded<Mutex<Selector>>,
    registry: mio::Registry,
    waker: mio::Waker,
    table: CachePadded<Mutex<Table>>,
    /// This driver's end of the process's signal socket, once a listener has been made.
    signals: Mutex<Option<mio::net::UnixStream>>,
    watches_signals: AtomicBool,
    delivered: AtomicU64,
    generation: ForkGeneration,
}

/// What the driver has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Events that were handed to a source.
    pub(crate) events: u64,
    /// Sources that were registered.
    pub(crate) registered: u64,
    /// Sources that were deregistered.
    pub(crate) deregistered: u64,
}

impl IoDriver {
    /// Makes a driver. Until its [`shutdown`](Self::shutdown) it also serves the orphans of the
    /// process.
    ///
    /// # Errors
    ///
    /// If the process is out of file descriptors or memory.
    pub(crate) fn new(batch: Batch) -> io::Result<Arc<IoDriver>> {
        let selector = Selector::new(batch)?;
        let registry = selector.registry().try_clone()?;
        let waker = mio::Waker::new(&registry, mio::Token(WAKE))?;
        let driver = Arc::new(IoDriver {
            selector: CachePadded::new(Mutex::new(selector)),
            registry,
            waker,
            table: CachePadded::default(),
            signals: Mutex::default(),
            watches_signals: AtomicBool::new(false),
            delivered: AtomicU64::new(0),
            generation: ForkGeneration::here(),
        });
        let home: Weak<IoDriver> = Arc::downgrade(&driver);
        orphans::open(home);
        Ok(driver)
    }

    /// The descriptor of the system's poll.
    pub(crate) fn poll_fd(&self) -> RawFd {
        self.registry.as_raw_fd()
    }

    /// Makes the caller the poll's holder. `None` if another thread holds it.
    pub(crate) fn try_acquire(&self) -> Option<PollGuard<'_>> {
        let selector = self.selector.try_lock()?;
        Some(PollGuard { driver: self, selector })
    }

    /// Ends the wait of the poll's holder; if no thread waits, the next wait returns at once.
    pub(crate) fn wake(&self) {
        // Fails only if the descriptor is closed, which only this driver does.
        let _ = self.waker.wake();
    }

    /// Deregisters the source from the system.
    fn deregister(&self, source: &mut impl mio::event::Source) -> io::Result<()> {
        if self.generation.is_in_parent() {
            // A forked child shares the epoll with its parent, which still uses the source.
            return Ok(());
        }
        source.deregister(&self.registry)
    }

    fn release(&self, key: Key) {
        if self.generation.is_in_parent() {
            return;
        }
        let _source = { self.table.lock().remove(key) };
    }

    /// # Errors
    ///
    /// If the driver is shut down.
    pub(crate) fn check_open(&self) -> io::Result<()> {
        if self.table.lock().is_closed() { Err(messages::shut_down()) } else { Ok(()) }
    }

    /// Watches the process's signals from now on.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn watch_signals(&self) -> io::Result<()> {
        if self.generation.is_in_parent() {
            return Err(messages::forked());
        }
        // Relaxed, no pair: it only saves taking the lock.
        if self.watches_signals.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut watched = self.signals.lock();
        if watched.is_none() {
            let mut receiver = mio::net::UnixStream::from_std(signals::receiver()?);
            self.registry.register(&mut receiver, mio::Token(SIGNALS), mio::Interest::READABLE)?;
            *watched = Some(receiver);
        }
        self.watches_signals.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Ends the driver for its users: all that wait for a source are woken, and every operation
    /// returns the error that the runtime is shut down. Calls wakers, so the caller holds no lock.
    pub(crate) fn shutdown(&self) {
        orphans::close(self);
        table::shut_all(&self.table);
    }

    /// Whether an event may come: there is a source, or a listener for signals was made.
    pub(crate) fn is_used(&self) -> bool {
        let (registered, deregistered) = self.table.lock().counts();
        registered != deregistered || self.watches_signals.load(Ordering::Relaxed)
    }

    /// The counters, for metrics.
    pub(crate) fn counts(&self) -> Counts {
        let (registered, deregistered) = self.table.lock().counts();
        Counts { events: self.delivered.load(Ordering::Relaxed), registered, deregistered }
    }
}

impl Home for IoDriver {
    fn watch_signals(&self) -> io::Result<()> {
        IoDriver::watch_signals(self)
    }
}

/// The right to sleep in the poll. Given up by dropping it.
#[derive(Debug)]
pub(crate) struct PollGuard<'a> {
    driver: &'a IoDriver,
    selector: MutexGuard<'a, Selector>,
}

impl PollGuard<'_> {
    /// Waits for events, a [`IoDriver::wake`] or the end of `timeout`, whichever is first. Sets the
    /// readiness of the sources and collects the wakers to call. May return early without reason.
    ///
    /// `None` waits without a limit. A zero timeout is one system call that does not wait. On Linux
    /// other timeouts are as exact as the kernel's timers (some 50 microseconds).
    ///
    /// # Errors
    ///
    /// Errors of the system, except an interruption by a signal, which is an early return.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut WakeList,
    ) -> io::Result<()> {
        self.selector.select(timeout)?;
        let mut events = self.selector.events().peekable();
        let mut delivered = 0;
        while events.peek().is_some() {
            let table = self.driver.table.lock();
            for (token, conditions) in events.by_ref().take(BATCH) {
                if let Some(source) = table.get(token) {
                    source.set(conditions, ready);
                    delivered += 1;
                } else if token == SIGNALS {
                    signals::collect(ready);
                }
            }
        }
        // Only this thread writes: it holds the poll's lock.
        let before = self.driver.delivered.load(Ordering::Relaxed);
        self.driver.delivered.store(before + delivered, Ordering::Relaxed);
        Ok(())
    }
}

/// The interest to register with the system. Errors are always reported, but the system's interest
/// may not be empty.
fn system_interest(interest: Interest) -> mio::Interest {
    [
        interest.is_readable().then_some(mio::Interest::READABLE),
        interest.is_writable().then_some(mio::Interest::WRITABLE),
        interest.is_priority().then_some(selector::PRIORITY).flatten(),
    ]
    .into_iter()
    .flatten()
    .reduce(mio::Interest::add)
    .unwrap_or(mio::Interest::READABLE)
}
