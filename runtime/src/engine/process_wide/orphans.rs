//! Child processes that nobody waits for and whose runtime is gone.
//!
//! # Problem
//!
//! A child that has ended stays in the system's table as a zombie until its parent asks for its
//! status. A `Child` that is dropped is asked for by the driver it is registered with (see
//! `engine/driver/child.rs`); but when that driver is shut first, somebody else must ask, whichever
//! runtime is alive then, or is made later.
//!
//! # Shape
//!
//! ```text
//!   driver made: open ----> homes          children <---- adopt: a driver was shut
//!   driver shut: close ---> (weak)             |
//!                             |                | not empty: one listener for SIGCHLD,
//!                             '-- each watches '           and every home watches signals
//!                                     |
//!                                     v
//!                     SIGCHLD: the listener's waker asks for each child
//! ```
//!
//! All homes watch, and not one of them, since a runtime may be alive and not be driven (a
//! `current_thread` runtime between two calls of `block_on`).
//!
//! # Invariants
//!
//! 1. Whoever leaves children in the list has armed the listener before it asked them for the last
//!    time: a child that ends later raises a signal that the listener hears.
//! 2. While there are children, every home that opened before or after watches signals.
//! 3. The list's lock comes before those of the signals. Homes are called without it, since the
//!    last reference to one may be dropped then, and its wakers with it.
//!
//! With no home the signal stays pending until one opens, and that one asks.
//!
//! # Children that were killed
//!
//! A program that ends its children with its last runtime may never have another one, and goes on.
//! A child that was killed ends at once, as a rule, so nobody need wait for a signal: a thread asks
//! for all of those, less and less often, and ends when none is left. It is started with the first,
//! and again with one that comes later.
//!
//! | who adopts, under the lock               | the thread, under the lock                    |
//! |------------------------------------------|-----------------------------------------------|
//! | adds the child                           | asks all, and forgets those that have ended   |
//! | starts a thread if there is none, notes it | if none is left: notes that there is no thread, and ends |
//!
//! Both under one lock, so a child is added before the thread has asked for the last time, or finds
//! that there is none. If there is no thread to be had, a home must do.
//!
//! # Rejected
//!
//! - A thread that waits for every child: it would have to outlive every runtime.
//! - This list for every dropped child: each SIGCHLD asks all of them, so n children cost n² system
//!   calls. A descriptor of its own makes each child cost one.

use std::io;
use std::process::Child;
use std::sync::Weak;
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use super::fork::ForkGeneration;
use super::signals::Listener;
use crate::engine::primitive::{Arc, Mutex};

/// Something that can watch signals and is polled: a driver.
pub(crate) trait Home: Send + Sync {
    /// Watches the process's signals from now on.
    fn watch_signals(&self) -> io::Result<()>;
}

struct Orphans {
    homes: Vec<Weak<dyn Home>>,
    children: Vec<Child>,
    /// There while there are children.
    listener: Option<Listener>,
}

static ORPHANS: Mutex<Orphans> =
    Mutex::new(Orphans { homes: Vec::new(), children: Vec::new(), listener: None });

/// The waker that asks. It has a size, so that a waker points into the allocation and not just
/// behind it: tools that look for leaks take it for lost otherwise.
struct Reaper {
    _size: u8,
}

impl Wake for Reaper {
    fn wake(self: Arc<Self>) {
        reap();
    }
}

/// From now on `home` is polled, until [`close`].
pub(crate) fn open(home: Weak<dyn Home>) {
    let waiting = {
        let mut orphans = ORPHANS.lock();
        orphans.homes.retain(|home| home.strong_count() > 0);
        orphans.homes.push(home);
        !orphans.children.is_empty()
    };
    if waiting {
        watch();
    }
}

/// `home` is not polled any more.
pub(crate) fn close(home: &dyn Home) {
    ORPHANS.lock().homes.retain(|other| !std::ptr::addr_eq(other.as_ptr(), home));
}

/// Takes over a child that nobody else will ask for.
pub(crate) fn adopt(child: Child) {
    ORPHANS.lock().children.push(child);
    watch();
}

/// Children that were killed, and that nobody else will ask for.
struct Killed {
    children: Vec<Child>,
    /// Where the thread that asks was started, if there is one.
    reaper: Option<ForkGeneration>,
}

static KILLED: Mutex<Killed> = Mutex::new(Killed { children: Vec::new(), reaper: None });

/// How long it is until the thread asks for the second time; each time it is twice as long, up to
/// [`SELDOM`].
const SOON: Duration = Duration::from_millis(1);
/// For a child that does not end though it was killed: the system holds it.
const SELDOM: Duration = Duration::from_millis(500);

/// As [`adopt`], of a child that was killed: a thread asks for it, whether there is a runtime or
/// not.
pub(crate) fn adopt_killed(child: Child) {
    let left = {
        let mut killed = KILLED.lock();
        killed.children.push(child);
        // In a forked child the thread is the parent's.
        if killed.reaper.as_ref().is_some_and(|generation| !generation.is_in_parent()) {
            return;
        }
        let reaper = thread::Builder::new().name("runtime-reaper".to_owned()).spawn(ask_until_gone);
        match reaper {
            Ok(_) => {
                killed.reaper = Some(ForkGeneration::here());
                return;
            }
            Err(_) => std::mem::take(&mut killed.children),
        }
    };
    left.into_iter().for_each(adopt);
}

/// The thread.
fn ask_until_gone() {
    let mut pause = SOON;
    loop {
        {
            let mut killed = KILLED.lock();
            killed.children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
            if killed.children.is_empty() {
                killed.reaper = None;
                return;
            }
        }
        thread::sleep(pause);
        pause = (pause * 2).min(SELDOM);
    }
}

fn watch() {
    let homes: Vec<_> = { ORPHANS.lock().homes.iter().filter_map(Weak::upgrade).collect() };
    for home in homes {
        // Out of descriptors, or shut by now: another home watches, or the next to open will.
        let _ = home.watch_signals();
    }
    reap();
}

/// Asks every child, and forgets those that have ended or were asked for by somebody else.
fn reap() {
    let mut orphans = ORPHANS.lock();
    let orphans = &mut *orphans;
    if orphans.listener.is_none() && !orphans.children.is_empty() {
        // If there can be none now, the next who comes here tries again.
        orphans.listener = Listener::new(libc::SIGCHLD).ok();
    }
    if let Some(listener) = &mut orphans.listener {
        let waker = Waker::from(Arc::new(Reaper { _size: 0 }));
        while listener.poll(&waker).is_ready() {}
    }
    orphans.children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    if orphans.children.is_empty() {
        orphans.listener = None;
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_that_has_ended_is_asked_for_when_the_next_home_opens() {
        struct Deaf;
        impl Home for Deaf {
            fn watch_signals(&self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut child = Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let (stdin, pid) = (child.stdin.take(), child.id());
        adopt(child);
        let waits = || ORPHANS.lock().children.iter().any(|child| child.id() == pid);
        assert!(waits());
        drop(stdin);
        let home: Arc<dyn Home> = Arc::new(Deaf);
        let start = std::time::Instant::now();
        while waits() {
            assert!(start.elapsed().as_secs() < 20);
            open(Arc::downgrade(&home));
            close(&*home);
        }
    }
}
