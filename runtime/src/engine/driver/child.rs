//! Waits for the end of a child process, and reaps children that were dropped.
//!
//! # Problem
//!
//! The system keeps a child that has ended as a zombie until its parent asks for its status
//! (`waitpid`). Asking must not block, so the runtime must learn when to ask. It must ask even when
//! nobody wants the status. A thread for each child would do both, at the price of a thread.
//!
//! # Shape
//!
//! ```text
//!             poll_exit                      drop, not ended
//!   user <------------- Running                 ----------->  Orphan (its own waker)
//!                          |                                     |
//!                        Watch: a place in the driver's table, and what tells:
//!                          |      a pidfd in the poll, or else a listener for SIGCHLD
//!                          |                                     |
//!             driver shut: error, or the driver           driver shut: the list of
//!             of the runtime that polls                   `process_wide/orphans.rs`,
//!                                                         or its thread, if it was killed
//! ```
//!
//! With a pidfd, the end of a child wakes only its own waiter: one event, one `waitpid`. Without
//! one (before Linux 5.3, on other systems, or when descriptors are used up) every SIGCHLD wakes
//! all that wait for a child, and each asks for its own.
//!
//! An orphan is itself a waker in the driver. When the thread that polls the driver wakes it, it
//! asks for the status and is freed. Only its place in the driver keeps it alive.
//!
//! # Invariants
//!
//! 1. A waiter is registered (`poll_event`, `Listener::poll`) before it asks: an end after the
//!    question wakes it.
//! 2. A child's status is asked for through its one `std` value, so its number is no longer used
//!    once the system may give it to another process.
//! 3. A watch has a place in the table even if the selector does not know it. So a shutdown wakes
//!    the waiter, and each child has something that will ask for its status.
//! 4. Either a child is not traced, or the event comes twice: when it ends, and when its tracer
//!    releases it. So "not ended" after an event means to wait for the next one.

use std::io;
use std::process::{Child, ExitStatus};
use std::task::{Context, Poll, Wake, Waker};

use super::pidfd::Pidfd;
use super::{Direction, Interest, IoDriver, Ready, Registration};
use crate::engine::primitive::{Arc, Mutex};
use crate::engine::process_wide::orphans;
use crate::engine::process_wide::signals::Listener;

/// How the end of a child is noticed.
#[derive(Debug)]
enum Told {
    ByPidfd(Pidfd),
    BySignal(Listener),
}

impl mio::event::Source for Told {
    fn register(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interest: mio::Interest,
    ) -> io::Result<()> {
        match self {
            Told::ByPidfd(pidfd) => pidfd.register(registry, token, interest),
            Told::BySignal(_) => Ok(()),
        }
    }

    fn reregister(
        &mut self,
        registry: &mio::Registry,
        token: mio::Token,
        interest: mio::Interest,
    ) -> io::Result<()> {
        match self {
            Told::ByPidfd(pidfd) => pidfd.reregister(registry, token, interest),
            Told::BySignal(_) => Ok(()),
        }
    }

    fn deregister(&mut self, registry: &mio::Registry) -> io::Result<()> {
        match self {
            Told::ByPidfd(pidfd) => pidfd.deregister(registry),
            Told::BySignal(_) => Ok(()),
        }
    }
}

/// A place in a driver that is woken by the end of one child.
#[derive(Debug)]
struct Watch {
    told: Told,
    registration: Registration,
}

impl Watch {
    fn new(child: &Child, driver: &Arc<IoDriver>) -> io::Result<Watch> {
        let by_pidfd =
            Pidfd::open(child).and_then(|pidfd| Watch::place(Told::ByPidfd(pidfd), driver));
        by_pidfd.or_else(|_| Watch::by_signal(driver))
    }

    fn by_signal(driver: &Arc<IoDriver>) -> io::Result<Watch> {
        let listener = Listener::new(libc::SIGCHLD)?;
        let watch = Watch::place(Told::BySignal(listener), driver)?;
        driver.watch_signals()?;
        Ok(watch)
    }

    fn place(mut told: Told, driver: &Arc<IoDriver>) -> io::Result<Watch> {
        let descriptor = match &told {
            Told::ByPidfd(pidfd) => pidfd.descriptor(),
            Told::BySignal(_) => -1,
        };
        let registration =
            driver.register(&mut told, descriptor, Interest::READABLE, Ready::EMPTY)?;
        Ok(Watch { told, registration })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // An error means that the system has forgotten the descriptor already.
        let _ = self.registration.deregister(&mut self.told);
    }
}

/// How a wait ended.
#[derive(Debug)]
enum End {
    /// The child has ended, or cannot be asked.
    OfChild(io::Result<ExitStatus>),
    /// The driver is shut down, and the child still runs.
    OfDriver(io::Error),
}

#[derive(Debug)]
struct Watched {
    child: Child,
    watch: Watch,
    /// The child was killed, and so ends at once.
    killed: bool,
}

impl Watched {
    fn poll(&mut self, waker: &Waker) -> Poll<End> {
        let Watched { child, watch, .. } = self;
        loop {
            let by_signal = match &mut watch.told {
                Told::ByPidfd(_) => None,
                Told::BySignal(listener) => Some(listener.poll(waker)),
            };
            let cx = &mut Context::from_waker(waker);
            let event = watch.registration.poll_event(cx, Direction::Read);
            if by_signal.is_none() && event.is_pending() {
                return Poll::Pending;
            }
            match child.try_wait() {
                Ok(Some(status)) => return Poll::Ready(End::OfChild(Ok(status))),
                Ok(None) => {}
                Err(error) => return Poll::Ready(End::OfChild(Err(error))),
            }
            match event {
                Poll::Ready(Ok(event)) => watch.registration.clear(event),
                Poll::Ready(Err(error)) => return Poll::Ready(End::OfDriver(error)),
                Poll::Pending if by_signal == Some(Poll::Pending) => return Poll::Pending,
                Poll::Pending => {}
            }
        }
    }
}

/// A child whose status has not been fetched. If it is dropped, the driver fetches the status when
/// the child has ended, and discards it.
#[derive(Debug)]
pub(crate) struct Running(Option<Watched>);

/// Why the value is always there.
const RUNS: &str = "taken by drop only";

impl Running {
    /// Watches `child`.
    ///
    /// # Errors
    ///
    /// If the driver is shut down, or no descriptor is left for any way to watch. The child is then
    /// killed, since it could not be waited for.
    pub(crate) fn new(mut child: Child, driver: &Arc<IoDriver>) -> io::Result<Running> {
        match Watch::new(&child, driver) {
            Ok(watch) => Ok(Running(Some(Watched { child, watch, killed: false }))),
            Err(error) => {
                let _ = child.kill();
                orphans::adopt_killed(child);
                Err(error)
            }
        }
    }

    /// The `std` value.
    pub(crate) fn child(&self) -> &Child {
        &self.0.as_ref().expect(RUNS).child
    }

    /// The `std` value.
    pub(crate) fn child_mut(&mut self) -> &mut Child {
        &mut self.0.as_mut().expect(RUNS).child
    }

    /// Kills the child.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        let watched = self.0.as_mut().expect(RUNS);
        watched.child.kill()?;
        watched.killed = true;
        Ok(())
    }

    /// Waits for the end. If the driver is shut down, waits with the driver of `elsewhere` instead.
    ///
    /// # Errors
    ///
    /// If the child cannot be asked, or the driver is shut down and there is no other.
    pub(crate) fn poll_exit(
        &mut self,
        waker: &Waker,
        elsewhere: impl Fn() -> Option<Arc<IoDriver>>,
    ) -> Poll<io::Result<ExitStatus>> {
        let watched = self.0.as_mut().expect(RUNS);
        loop {
            match watched.poll(waker) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(End::OfChild(status)) => return Poll::Ready(status),
                Poll::Ready(End::OfDriver(error)) => match elsewhere() {
                    Some(driver) => watched.watch = Watch::new(&watched.child, &driver)?,
                    None => return Poll::Ready(Err(error)),
                },
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut watched) = self.0.take() else { return };
        // An error means that there is nothing to ask for.
        if matches!(watched.child.try_wait(), Ok(None)) {
            Arc::new(Orphan(Mutex::new(Some(watched)))).look();
        }
    }
}

/// A child that was dropped before it ended.
struct Orphan(Mutex<Option<Watched>>);

impl Orphan {
    /// Asks whether the child has ended; if not, waits again.
    fn look(self: &Arc<Self>) {
        let mut held = self.0.lock();
        let Some(watched) = held.as_mut() else { return };
        let end = match watched.poll(&Waker::from(self.clone())) {
            Poll::Pending => return,
            Poll::Ready(end) => end,
        };
        let Some(Watched { child, watch, killed }) = held.take() else { return };
        drop(held);
        drop(watch);
        match end {
            End::OfChild(_) => {}
            End::OfDriver(_) if killed => orphans::adopt_killed(child),
            End::OfDriver(_) => orphans::adopt(child),
        }
    }
}

impl Wake for Orphan {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}

#[cfg(all(test, target_os = "linux"))]
#[path = "child_tests.rs"]
mod tests;
