//! Delivers the signals of the process to any number of listeners in any number of runtimes.
//!
//! # Problem
//!
//! A signal handler may do almost nothing: no lock, no allocation, no waker. A process has one
//! handler for each signal, but may have many runtimes, one after another or at the same time.
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
//! This file has the system's side: the handler and the socket. `signal_kind.rs` argues why no
//! signal is lost.
//!
//! # Invariants
//!
//! 1. Each driver watches a duplicate of the socket, edge-triggered. When a byte comes all drivers
//!    get an event; the first one to look takes the flags, the others find none. So a listener's
//!    runtime does not matter, as long as one driver that watches is polled. A listener makes the
//!    driver of the runtime that polls it watch.
//! 2. A handler is never removed: the runtime cannot know whether that would matter.
//! 3. A forked child inherits the socket, and would take the parent's bytes. So before anything is
//!    made in a child, the descriptors that the handler and the drivers use are redirected to a new
//!    socket. The parent's waiters are dropped from the lists, since nothing runs their tasks here.
//! 4. Under a simulation several simulated processes share these statics. Each has signals of its
//!    own, by its number, and a handler does nothing in the process of another.
#![allow(unsafe_code, reason = "the handler and its one write; blocks cite docs/unsafe.md")]

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::task::{Poll, Waker};

use super::fork::ForkGeneration;
use super::signal_kind::{self, Ear, Kind};
use crate::engine::messages;
use crate::engine::primitive::{Mutex, simulation};
use crate::engine::wake_list::WakeList;

static SIGNALS: OnceLock<Signals> = OnceLock::new();
/// Those of simulated processes (4).
static SIMULATED: OnceLock<Mutex<BTreeMap<u32, &'static Signals>>> = OnceLock::new();

#[derive(Debug)]
struct Signals {
    /// Read by the first driver that gets the event.
    receiver: UnixStream,
    /// Written by the handler.
    sender: UnixStream,
    /// The process whose socket it is.
    generation: Mutex<ForkGeneration>,
    numbers: Box<[Number]>,
}

/// One number's state.
#[derive(Debug)]
struct Number {
    installed: Mutex<bool>,
    kind: Kind,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        let (receiver, sender) = pair()?;
        let generation = Mutex::new(ForkGeneration::here());
        let number = |_| Number { installed: Mutex::new(false), kind: Kind::new() };
        Ok(Signals { receiver, sender, generation, numbers: (0..=highest()).map(number).collect() })
    }

    /// Those of this process, if it has some.
    fn here() -> Option<&'static Signals> {
        if simulation::is_on() {
            return SIMULATED.get()?.lock().get(&std::process::id()).copied();
        }
        SIGNALS.get()
    }

    fn get() -> io::Result<&'static Signals> {
        if simulation::is_on() {
            return Signals::get_simulated();
        }
        if let Some(signals) = SIGNALS.get() {
            signals.part_from_parent()?;
            return Ok(signals);
        }
        let new = Signals::new()?;
        // If another thread was first, ours is dropped.
        Ok(SIGNALS.get_or_init(|| new))
    }

    /// Those of this simulated process (4). They stay when it ends: its handlers do.
    #[cold]
    fn get_simulated() -> io::Result<&'static Signals> {
        if let Some(signals) = Signals::here() {
            return Ok(signals);
        }
        let new = Signals::new()?;
        let mut all = SIMULATED.get_or_init(Mutex::default).lock();
        Ok(all.entry(std::process::id()).or_insert_with(|| Box::leak(Box::new(new))))
    }

    /// In a forked child: replaces the parent's socket by a new one (3).
    fn part_from_parent(&self) -> io::Result<()> {
        let mut generation = self.generation.lock();
        if generation.is_in_parent() {
            let (receiver, sender) = pair()?;
            replace(&self.receiver, &receiver)?;
            replace(&self.sender, &sender)?;
            for number in &self.numbers {
                number.kind.start_over();
            }
            *generation = ForkGeneration::here();
        }
        Ok(())
    }
}

fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (receiver, sender) = UnixStream::pair()?;
    receiver.set_nonblocking(true)?;
    sender.set_nonblocking(true)?;
    Ok((receiver, sender))
}

/// Makes the descriptor of `old` refer to `new`, in this process.
fn replace(old: &UnixStream, new: &UnixStream) -> io::Result<()> {
    // SAFETY: K1: no pointers. Both descriptors are open and stay their owners', and a handler that
    // writes to the old one meanwhile writes to the one socket or the other.
    let done = unsafe { libc::dup2(new.as_raw_fd(), old.as_raw_fd()) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: K1: no pointers, and `old` is open.
    let done = unsafe { libc::fcntl(old.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(target_os = "linux")]
fn highest() -> libc::c_int {
    libc::SIGRTMAX()
}

#[cfg(not(target_os = "linux"))]
fn highest() -> libc::c_int {
    33
}

/// A duplicate of the receiving end, for a driver to watch.
pub(crate) fn receiver() -> io::Result<UnixStream> {
    Signals::get()?.receiver.try_clone()
}

/// Counts the signals that came, and collects the wakers that wait for them. Called by the thread
/// that polls the driver when the socket is readable.
pub(crate) fn collect(wakers: &mut WakeList) {
    let Some(signals) = Signals::here() else { return };
    let empty = || {
        let mut bytes = [0; 128];
        // Ends with an error. The stream has no end, since there is always a sender.
        while matches!((&signals.receiver).read(&mut bytes), Ok(1..)) {}
    };
    signal_kind::collect(empty, signals.numbers.iter().map(|number| &number.kind), wakers);
}

/// One listener for one kind of signal.
#[derive(Debug)]
pub(crate) struct Listener(Ear<&'static Kind>);

impl Listener {
    /// Listens from now on. The first listener of a kind installs the handler, which replaces the
    /// system's default action for good.
    ///
    /// # Errors
    ///
    /// For signals that cannot or must not be caught, and errors of the system.
    pub(crate) fn new(signal: libc::c_int) -> io::Result<Listener> {
        if signal < 0 || signal_hook_registry::FORBIDDEN.contains(&signal) {
            return Err(io::Error::other(messages::SIGNAL_REFUSED));
        }
        let signals = Signals::get()?;
        let number = usize::try_from(signal).ok().and_then(|n| signals.numbers.get(n));
        let number = number.ok_or_else(|| io::Error::other(messages::SIGNAL_UNKNOWN))?;
        {
            let mut installed = number.installed.lock();
            if !*installed {
                install(signal, &number.kind, signals.sender.as_raw_fd())?;
                *installed = true;
            }
        }
        Ok(Listener(Ear::new(&number.kind)))
    }

    /// Waits for a signal after the last one for which this was ready (or after it was made).
    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        self.0.poll(waker)
    }
}

fn install(signal: libc::c_int, kind: &'static Kind, sender: RawFd) -> io::Result<()> {
    let simulated = simulation::is_on().then(std::process::id);
    let handler = move || {
        if simulated.is_some_and(|process| process != std::process::id()) {
            return;
        }
        kind.raise(|| {
            // SAFETY: write(2) may be called in a signal handler; the byte is a static, and
            // `sender` is never closed, since its owner is in a static. A full socket is no loss
            // (see `Kind`).
            unsafe { libc::write(sender, c"!".as_ptr().cast(), 1) };
        });
    };
    // SAFETY: all that the handler does, a swap of a lock-free atomic and one write(2), and a
    // getpid(2) under a simulation, is allowed in a signal handler; the registry keeps `errno` as
    // it was.
    unsafe { signal_hook_registry::register(signal, handler) }.map(|_| ())
}
