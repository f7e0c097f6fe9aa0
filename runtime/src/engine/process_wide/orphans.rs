//! Child processes that were dropped and whose runtime is gone.
//!
//! # Problem
//!
//! A child that has ended stays in the system's table as a zombie until its parent asks for its
//! status. For a dropped `Child` its driver asks (see `engine/driver/child.rs`). If that driver is
//! shut down first, another runtime must ask: one that is alive then, or is made later.
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
//! A *home* is an open driver. All homes watch, not only one, since a runtime may be alive and not
//! be driven (a `current_thread` runtime between two calls of `block_on`).
//!
//! # Invariants
//!
//! 1. A thread that leaves children in the list has armed the listener before it asked them for the
//!    last time: a child that ends later raises a signal that the listener receives.
//! 2. While there are children, every home watches signals, whenever it opened.
//! 3. The list's lock is taken before those of the signals. Homes are called without it, since the
//!    call may drop the last reference to one, and its wakers with it.
//!
//! Without a home the signal stays pending until one opens; that one asks.
//!
//! # Children that were killed
//!
//! A program may kill its children when it drops its last runtime, never make another one, and go
//! on. A killed child usually ends at once, so no signal is needed: a thread asks for all of them,
//! less and less often, and ends when none is left. It is started with the first child, and again
//! with one that comes later.
//!
//! | who adopts, under the lock               | the thread, under the lock                    |
//! |------------------------------------------|-----------------------------------------------|
//! | adds the child                           | asks all, and forgets those that have ended   |
//! | starts a thread if there is none, notes it | if none is left: notes that there is no thread, and ends |
//!
//! Both sides use one lock. So either a child is added before the thread asks for the last time, or
//! it starts a new thread. If no thread can be started, a home asks instead.
//!
//! # Rejected
//!
//! - A thread that waits for every child: it would have to outlive every runtime.
//! - This list for every dropped child: each SIGCHLD asks all of them, so n children cost n² system
//!   calls. With a descriptor for each child, each costs one.

use std::io;
use std::process::Child;
use std::sync::Weak;
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use super::fork::ForkGeneration;
use super::signals::Listener;
use crate::engine::primitive::{Arc, Mutex};

/// A driver that is polled and can watch signals.
pub(crate) trait Home: Send + Sync {
    /// Watches the process's signals from now on.
    fn watch_signals(&self) -> io::Result<()>;
}

struct Orphans {
    homes: Vec<Weak<dyn Home>>,
    children: Vec<Child>,
    /// Present while there are children.
    listener: Option<Listener>,
}

static ORPHANS: Mutex<Orphans> =
    Mutex::new(Orphans { homes: Vec::new(), children: Vec::new(), listener: None });

/// A waker that asks for the children's status. It has a size, so that its pointer is inside the
/// allocation and not behind it: leak checkers would take it for lost.
struct Reaper {
    _size: u8,
}

impl Wake for Reaper {
    fn wake(self: Arc<Self>) {
        reap();
    }
}

/// Adds a home, which is polled until [`close`].
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

/// Removes a home, which is no longer polled.
pub(crate) fn close(home: &dyn Home) {
    ORPHANS.lock().homes.retain(|other| !std::ptr::addr_eq(other.as_ptr(), home));
}

/// Takes over a child whose status nothing else will ask for.
pub(crate) fn adopt(child: Child) {
    ORPHANS.lock().children.push(child);
    watch();
}

/// Killed children whose status nothing else will ask for.
struct Killed {
    children: Vec<Child>,
    /// The process in which the asking thread was started, if there is one.
    reaper: Option<ForkGeneration>,
}

static KILLED: Mutex<Killed> = Mutex::new(Killed { children: Vec::new(), reaper: None });

/// The time until the thread asks for the second time. It doubles each time, up to [`SELDOM`].
const SOON: Duration = Duration::from_millis(1);
/// The longest pause, for a killed child that does not end because the system holds it.
const SELDOM: Duration = Duration::from_millis(500);

/// As [`adopt`], for a killed child: a thread asks for it, whether there is a runtime or not.
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

/// The body of the thread that asks for killed children.
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
        // On an error (no descriptor, or shut down) another home watches, or the next one to open.
        let _ = home.watch_signals();
    }
    reap();
}

/// Asks every child, and removes those that have ended or whose status was already fetched.
fn reap() {
    let mut orphans = ORPHANS.lock();
    let orphans = &mut *orphans;
    if orphans.listener.is_none() && !orphans.children.is_empty() {
        // If making one fails, the next call tries again.
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
