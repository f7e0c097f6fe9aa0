//! The signals of the process, told to any number of listeners in any number of runtimes.
//!
//! # Problem
//!
//! A signal handler may do almost nothing: no lock, no allocation, no waker. And a process has one
//! handler a signal, but may make many runtimes, one after another or at the same time.
//!
//! # Shape
//!
//! ```text
//!   handler ----> pending[n] = true ----> one byte into a socket pair
//!                                            |
//!                  every driver that ever had a listener watches the other end
//!                                            v
//!   collect: empty the socket; for each pending signal: count it, take its waiters
//!                                            v
//!                        the poll's holder wakes them, in whatever runtime they are
//! ```
//!
//! A listener remembers the count that it has seen. So a signal that comes before the first poll is
//! not lost, each listener hears of it by itself, and several signals of a kind that come before a
//! listener looks are one to it, as they are to the system.
//!
//! # Invariants
//!
//! 1. The handler sets the flag before it writes, and whoever reads looks at the flags after it has
//!    emptied the socket: the byte of a flag that was not seen is still there, or will be.
//! 2. A full socket swallows the byte, but then it holds others that were not read yet (1).
//! 3. A driver watches the socket by a duplicate of its own, by edges: when a byte comes all drivers
//!    are told, the first one to look takes the flags, the others find none. So it does not matter
//!    which runtime a listener was made in, as long as one driver that watches is polled; a listener
//!    makes the driver of the runtime that polls it watch.
//! 4. The count changes before the waiters are taken under the lock; a listener stores its waker under
//!    the lock and then looks at the count. It is woken or sees the count.
//! 5. A handler stays once it is installed: nobody can tell whether its absence would matter.
//!
//! # Orderings
//!
//! [`RAISE`] with [`TAKE`]: the flag, so that it is not seen before what the handler's thread did
//! before. The count is Relaxed: the lock orders it (4).
#![allow(unsafe_code, reason = "the handler and its one write; blocks cite docs/unsafe.md")]

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::task::{Poll, Waker};

use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::engine::text;
use crate::engine::waiter_list::{Key, WaiterList};
use crate::engine::wake_list::WakeList;

/// The handler says that its signal came. Pairs with [`TAKE`].
const RAISE: Ordering = Ordering::Release;
/// The poll's holder takes the news. Pairs with [`RAISE`].
const TAKE: Ordering = Ordering::Acquire;

static SIGNALS: OnceLock<Signals> = OnceLock::new();

#[derive(Debug)]
struct Signals {
    /// Read by whoever is told first.
    receiver: UnixStream,
    /// Written by the handler.
    sender: UnixStream,
    kinds: Box<[Kind]>,
}

/// One number's state.
#[derive(Debug)]
struct Kind {
    installed: Mutex<bool>,
    pending: AtomicBool,
    count: AtomicU64,
    waiters: Mutex<WaiterList<()>>,
}

impl Kind {
    fn new() -> Kind {
        Kind {
            installed: Mutex::new(false),
            pending: AtomicBool::new(false),
            count: AtomicU64::new(0),
            waiters: Mutex::new(WaiterList::new()),
        }
    }
}

impl Signals {
    fn new() -> io::Result<Signals> {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        sender.set_nonblocking(true)?;
        let kinds = (0..=highest()).map(|_| Kind::new()).collect();
        Ok(Signals { receiver, sender, kinds })
    }

    fn get() -> io::Result<&'static Signals> {
        if let Some(signals) = SIGNALS.get() {
            return Ok(signals);
        }
        let new = Signals::new()?;
        // Somebody else may have been first; then ours is dropped.
        Ok(SIGNALS.get_or_init(|| new))
    }
}

#[cfg(target_os = "linux")]
fn highest() -> libc::c_int {
    libc::SIGRTMAX()
}

#[cfg(not(target_os = "linux"))]
fn highest() -> libc::c_int {
    33
}

/// Another end of the socket, to be watched by a driver.
pub(crate) fn receiver() -> io::Result<UnixStream> {
    Signals::get()?.receiver.try_clone()
}

/// Counts what came, and collects who waits for it. Called by the poll's holder when the socket is
/// readable.
pub(crate) fn collect(wakers: &mut WakeList) {
    let Some(signals) = SIGNALS.get() else { return };
    let mut bytes = [0; 128];
    // Ends by an error: there is always a sender, so never by the end of the stream.
    while matches!((&signals.receiver).read(&mut bytes), Ok(1..)) {}
    for kind in &signals.kinds {
        if kind.pending.swap(false, TAKE) {
            kind.count.fetch_add(1, Ordering::Relaxed);
            kind.waiters.lock().take(|()| true, wakers);
        }
    }
}

/// One listener for one kind of signal.
#[derive(Debug)]
pub(crate) struct Listener {
    kind: &'static Kind,
    seen: u64,
    key: Option<Key>,
}

impl Listener {
    /// Listens from now on. The first listener of a kind installs the handler, and with it the
    /// system's default for that signal is gone for good.
    ///
    /// # Errors
    ///
    /// For signals that cannot or must not be caught, and what the system says.
    pub(crate) fn new(signal: libc::c_int) -> io::Result<Listener> {
        if signal < 0 || signal_hook_registry::FORBIDDEN.contains(&signal) {
            return Err(io::Error::other(text::SIGNAL_REFUSED));
        }
        let signals = Signals::get()?;
        let kind = usize::try_from(signal).ok().and_then(|n| signals.kinds.get(n));
        let kind = kind.ok_or_else(|| io::Error::other(text::SIGNAL_UNKNOWN))?;
        {
            let mut installed = kind.installed.lock();
            if !*installed {
                install(signal, kind, signals.sender.as_raw_fd())?;
                *installed = true;
            }
        }
        Ok(Listener { kind, seen: kind.count.load(Ordering::Relaxed), key: None })
    }

    fn news(&mut self) -> bool {
        let count = self.kind.count.load(Ordering::Relaxed);
        std::mem::replace(&mut self.seen, count) != count
    }

    /// Waits until the signal has come since the last time this was ready (or since it was made).
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        if self.news() {
            return Poll::Ready(());
        }
        let new = waker.clone();
        let (_old, news) = {
            let mut waiters = self.kind.waiters.lock();
            let (key, old) = waiters.put(self.key, (), new);
            self.key = Some(key);
            (old, self.news())
        };
        if news { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let _gone = { self.kind.waiters.lock().remove(key) };
        }
    }
}

fn install(signal: libc::c_int, kind: &'static Kind, sender: RawFd) -> io::Result<()> {
    let handler = move || {
        kind.pending.store(true, RAISE);
        // SAFETY: write(2) may be called in a signal handler; the byte is a static, and `sender` is
        // never closed, since its owner is in a static. A full socket is no loss (invariant 2).
        unsafe { libc::write(sender, c"!".as_ptr().cast(), 1) }; // wake: signal handler
    };
    // SAFETY: all that the handler does, a store to a lock-free atomic and one write(2), is allowed
    // in a signal handler; the registry keeps `errno` as it was.
    unsafe { signal_hook_registry::register(signal, handler) }.map(|_| ())
}
