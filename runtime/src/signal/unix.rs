//! Signals of Unix, by their kind.
//!
//! [`signal`] makes a [`Signal`], which receives each signal of one [`SignalKind`] from then on.
//!
//! # Examples
//!
//! A server that shuts down gracefully when it is told to:
//!
//! ```no_run
//! use std::time::Duration;
//! use runtime::signal::unix::{SignalKind, signal};
//!
//! let runtime = runtime::Runtime::new()?;
//! runtime.block_on(async {
//!     // Spawn what serves here.
//!     signal(SignalKind::terminate())?.recv().await;
//!     std::io::Result::Ok(())
//! })?;
//! let report = runtime.shutdown(Duration::from_secs(30));
//! eprint!("{report}");
//! # Ok::<(), std::io::Error>(())
//! ```

use std::ffi::c_int;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use crate::engine::coop;
use crate::engine::insight::{Kind, Wait};
use crate::engine::process_wide::signals::Listener;
use crate::runtime::context;

/// A kind of signal.
///
/// # Examples
///
/// ```
/// use runtime::signal::unix::SignalKind;
///
/// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
/// ```
///
/// As a number, and back:
///
/// ```
/// use runtime::signal::unix::SignalKind;
///
/// assert_eq!(SignalKind::interrupt().as_raw_value(), 2);
/// assert_eq!(i32::from(SignalKind::hangup()), 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignalKind(c_int);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:ident,)*) => {
        impl SignalKind {$(
            $(#[$doc])*
            ///
            /// # Examples
            ///
            /// See [`SignalKind`].
            pub const fn $name() -> SignalKind {
                SignalKind(libc::$number)
            }
        )*}
    };
}

kinds! {
    /// `SIGALRM`: a timer of the process ran out.
    alarm = SIGALRM,
    /// `SIGCHLD`: a child process ended or stopped.
    child = SIGCHLD,
    /// `SIGHUP`: the terminal is gone; for servers, usually: read the configuration again.
    hangup = SIGHUP,
    /// `SIGINT`: Ctrl-C.
    interrupt = SIGINT,
    /// `SIGIO`: a descriptor is ready.
    io = SIGIO,
    /// `SIGPIPE`: a write to a pipe without a reader.
    pipe = SIGPIPE,
    /// `SIGQUIT`: Ctrl-\.
    quit = SIGQUIT,
    /// `SIGTERM`: the process should end.
    terminate = SIGTERM,
    /// `SIGUSR1`: defined by the program.
    user_defined1 = SIGUSR1,
    /// `SIGUSR2`: defined by the program.
    user_defined2 = SIGUSR2,
    /// `SIGWINCH`: the terminal has another size.
    window_change = SIGWINCH,
}

impl SignalKind {
    /// The kind with this number.
    ///
    /// # Examples
    ///
    /// See [`SignalKind`].
    pub const fn from_raw(signum: c_int) -> SignalKind {
        SignalKind(signum)
    }

    /// The kind's number.
    ///
    /// # Examples
    ///
    /// See [`SignalKind`].
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    /// `SIGINFO`: Ctrl-T.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::signal::unix::{SignalKind, signal};
    ///
    /// let mut asked = signal(SignalKind::info())?;
    /// asked.recv().await;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(any(
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    pub const fn info() -> SignalKind {
        SignalKind(libc::SIGINFO)
    }
}

impl From<c_int> for SignalKind {
    fn from(signum: c_int) -> SignalKind {
        SignalKind(signum)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> c_int {
        kind.0
    }
}

/// Listens for signals of one kind from now on.
///
/// The first listener of a kind installs a handler. From then on the system's default action
/// (mostly: to end the process) no longer happens, even when the listener is dropped.
///
/// # Panics
///
/// Outside a runtime, or in one without I/O.
///
/// # Errors
///
/// For a signal that cannot be caught (`SIGKILL`, `SIGSTOP`) or must not be (`SIGILL`, `SIGFPE`,
/// `SIGSEGV`), for a number that is no signal, and errors of the system.
///
/// # Examples
///
/// ```no_run
/// use runtime::signal::unix::{SignalKind, signal};
///
/// # async fn example() -> std::io::Result<()> {
/// let mut hangups = signal(SignalKind::hangup())?;
/// while hangups.recv().await.is_some() {
///     println!("the configuration is to be read again");
/// }
/// # Ok(()) }
/// ```
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let driver = context::io_driver();
    let listener = Listener::new(kind.0)?;
    driver.watch_signals()?;
    Ok(Signal { listener, kind })
}

/// A listener for signals of one kind: made by [`signal`].
///
/// Each listener receives each signal. Several signals that come before it looks count as one, as
/// they do for the system. It may be used in another runtime than the one in which it was made.
///
/// # Examples
///
/// See [`signal`].
#[derive(Debug)]
#[must_use = "what comes while nobody listens is not kept"]
pub struct Signal {
    listener: Listener,
    kind: SignalKind,
}

impl Signal {
    /// Waits for the next signal since the last call, or since the listener was made. Never `None`.
    ///
    /// # Cancel safety
    ///
    /// Safe: no signal is lost.
    ///
    /// # Examples
    ///
    /// Two signals that end a server:
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::signal::unix::{SignalKind, signal};
    ///
    /// let mut interrupt = signal(SignalKind::interrupt())?;
    /// let mut terminate = signal(SignalKind::terminate())?;
    /// runtime::select! {
    ///     _ = interrupt.recv() => println!("Ctrl-C"),
    ///     _ = terminate.recv() => println!("told to end"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`recv`](Self::recv), for use in a `poll` method.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::future::poll_fn;
    /// use runtime::signal::unix::{SignalKind, signal};
    ///
    /// let mut child = signal(SignalKind::child())?;
    /// poll_fn(|cx| child.poll_recv(cx)).await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let coop = ready!(coop::poll_proceed(cx));
        if self.listener.poll(cx.waker()).is_pending() {
            // The polling runtime may be another one than that in which the listener was made.
            // If it cannot watch, the listener's own runtime still does.
            if let Some(driver) = context::try_io_driver() {
                let _ = driver.watch_signals();
            }
            return coop.pending(|| Wait::new(Kind::Signal, self.kind.as_raw_value() as u64));
        }
        coop.made_progress();
        Poll::Ready(Some(()))
    }
}
