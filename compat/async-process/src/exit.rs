//! The end of a child.
//!
//! Any number of tasks may wait for one child. Each looks whether it has ended, waits for what may
//! be its end, and looks again. On Linux that is an event of its pidfd. On other systems, and on
//! kernels without pidfds, it is a SIGCHLD: the listener is made before the look, so none is
//! missed.
//!
//! The last owner that goes before the child has ended leaves it to a task that waits for it. If
//! that task's runtime is shut down before, another one of the process's runtime takes its place.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[cfg(any(target_os = "linux", target_os = "android"))]
use async_io::Async;
use async_io::Timer;
use runtime::signal::unix::{SignalKind, signal};

/// How often a child is asked for of whose end nothing tells.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// A child, and what its owners have decided on.
pub(crate) struct Guard {
    /// `None` after it was left to a task.
    child: Option<Child>,
    events: Events,
    pub(crate) reap_on_drop: bool,
    pub(crate) kill_on_drop: bool,
}

/// What tells of a child's end.
#[derive(Clone)]
enum Events {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Pidfd(Arc<Async<std::os::fd::OwnedFd>>),
    Signals,
}

impl Events {
    fn of(child: &Child) -> Events {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        {
            use rustix::process::{Pid, PidfdFlags, pidfd_open};
            let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty());
            if let Some(pidfd) = pidfd.ok().and_then(|pidfd| Async::new(pidfd).ok()) {
                return Events::Pidfd(Arc::new(pidfd));
            }
        }
        let _ = child;
        Events::Signals
    }
}

impl Guard {
    pub(crate) fn new(child: Child, reap_on_drop: bool, kill_on_drop: bool) -> Guard {
        let events = Events::of(&child);
        Guard { child: Some(child), events, reap_on_drop, kill_on_drop }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("it is taken only by the drop")
    }
}

pub(crate) fn lock(guard: &Mutex<Guard>) -> MutexGuard<'_, Guard> {
    guard.lock().unwrap_or_else(|error| error.into_inner())
}

/// Waits for the end of a child.
pub(crate) async fn wait(guard: Arc<Mutex<Guard>>) -> io::Result<ExitStatus> {
    let events = lock(&guard).events.clone();
    until(events, || lock(&guard).child().try_wait()).await
}

async fn until(
    events: Events,
    mut look: impl FnMut() -> io::Result<Option<ExitStatus>>,
) -> io::Result<ExitStatus> {
    match events {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        Events::Pidfd(pidfd) => loop {
            if let Some(status) = look()? {
                return Ok(status);
            }
            pidfd.readable().await?;
        },
        Events::Signals => {
            let mut signals = process_runtime::within(|| signal(SignalKind::child()))?;
            loop {
                if let Some(status) = look()? {
                    return Ok(status);
                }
                if signals.recv().await.is_none() {
                    return Err(io::Error::other("the runtime that listens for SIGCHLD has ended"));
                }
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.kill_on_drop {
            // An error means that it has ended.
            let _ = self.child().kill();
        }
        if let Some(child) = self.child.take().filter(|_| self.reap_on_drop) {
            Zombie { child: Some(child), events: self.events.clone() }.leave();
        }
    }
}

/// A child that nobody waits for any more, but to reap it.
struct Zombie {
    /// `None` once it was reaped.
    child: Option<Child>,
    events: Events,
}

impl Zombie {
    fn leave(mut self) {
        if self.is_reaped() {
            return;
        }
        process_runtime::spawn(self.reap()).detach();
    }

    /// An error means that it is no child of this process any more.
    fn is_reaped(&mut self) -> bool {
        let Some(child) = &mut self.child else { return true };
        let reaped = !matches!(child.try_wait(), Ok(None));
        if reaped {
            self.child = None;
        }
        reaped
    }

    async fn reap(mut self) {
        let events = self.events.clone();
        let by_events = until(events, || match &mut self.child {
            Some(child) => child.try_wait(),
            None => unreachable!("it is taken after the wait"),
        });
        if by_events.await.is_ok() {
            self.child.take();
        }
        // Nothing tells of its end: it is asked for now and then.
        while !self.is_reaped() {
            Timer::after(ASK_EVERY).await;
        }
    }
}

impl Drop for Zombie {
    fn drop(&mut self) {
        // The task was dropped, with its runtime.
        if let Some(child) = self.child.take() {
            let events = Events::of(&child);
            Zombie { child: Some(child), events }.leave();
        }
    }
}
