//! The crate async-signal, on [`runtime`].
//!
//! [`Signals`] is a stream of the signals that it was told to listen for. They come in the order in
//! which the process got them. The handler writes into a socket, whose other end the runtime
//! watches; signals that come while that is full are lost.
//!
//! [`runtime`]: https://docs.rs/runtime
//!
//! # Examples
//!
//! ```no_run
//! use async_signal::{Signal, Signals};
//! use futures_lite::StreamExt;
//!
//! # async_io::block_on(async {
//! let mut signals = Signals::new([Signal::Term, Signal::Int])?;
//! if let Some(signal) = signals.next().await {
//!     println!("{:?}: the program ends", signal?);
//! }
//! # std::io::Result::Ok(()) }).unwrap();
//! ```

#![warn(missing_docs)]

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use futures_core::Stream;
use futures_io::AsyncRead;
use libc::c_int;
use signal_hook_registry::SigId;

macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $number:ident,)*) => {
        /// A signal that can be listened for.
        ///
        /// # Examples
        ///
        /// ```
        /// assert_eq!(async_signal::Signal::Term as i32, 15);
        /// ```
        #[derive(Copy, Clone, Debug, Eq, PartialEq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum Signal {
            $(
                #[doc = concat!("`", stringify!($number), "`")]
                $(#[$doc])*
                $name = libc::$number,
            )*
        }

        impl Signal {
            fn of(number: c_int) -> Option<Signal> {
                match number {
                    $(libc::$number => Some(Signal::$name),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    Hup = SIGHUP,
    Int = SIGINT,
    Quit = SIGQUIT,
    Ill = SIGILL,
    Trap = SIGTRAP,
    #[doc(alias = "Iot")]
    #[doc(alias = "Abrt")]
    Abort = SIGABRT,
    Bus = SIGBUS,
    Fpe = SIGFPE,
    Kill = SIGKILL,
    Usr1 = SIGUSR1,
    Segv = SIGSEGV,
    Usr2 = SIGUSR2,
    Pipe = SIGPIPE,
    #[doc(alias = "Alrm")]
    Alarm = SIGALRM,
    Term = SIGTERM,
    #[doc(alias = "Chld")]
    Child = SIGCHLD,
    Cont = SIGCONT,
    Stop = SIGSTOP,
    Tstp = SIGTSTP,
    Ttin = SIGTTIN,
    Ttou = SIGTTOU,
    Urg = SIGURG,
    Xcpu = SIGXCPU,
    Xfsz = SIGXFSZ,
    #[doc(alias = "Vtalrm")]
    Vtalarm = SIGVTALRM,
    Prof = SIGPROF,
    Winch = SIGWINCH,
    #[doc(alias = "Poll")]
    Io = SIGIO,
    #[doc(alias = "Unused")]
    Sys = SIGSYS,
}

/// The size of a signal's number, which is what the socket carries.
const NUMBER: usize = size_of::<c_int>();

/// A stream of signals.
///
/// As long as a signal is listened for, it does not do what it would do by itself: `SIGTERM` does
/// not end the process.
///
/// # Examples
///
/// See the head of the crate.
pub struct Signals {
    reader: Async<UnixStream>,
    writer: UnixStream,
    handlers: HashMap<Signal, SigId>,
}

impl Signals {
    /// Listens for `signals`.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    ///
    /// # Panics
    ///
    /// For signals that no process can handle (`SIGKILL`, `SIGSTOP`), and those that tell of a
    /// fault of the program itself (`SIGSEGV`, `SIGILL`, `SIGFPE`).
    pub fn new<B>(signals: impl IntoIterator<Item = B>) -> io::Result<Self>
    where
        B: Borrow<Signal>,
    {
        let (reader, writer) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        let mut all = Signals { reader: Async::new(reader)?, writer, handlers: HashMap::new() };
        all.add_signals(signals)?;
        Ok(all)
    }

    /// Listens for `signals`, too. Those that it listens for already make no difference.
    ///
    /// # Errors
    ///
    /// Errors of the system; those before the one that failed are listened for.
    ///
    /// # Panics
    ///
    /// As [`new`](Signals::new).
    pub fn add_signals<B>(&mut self, signals: impl IntoIterator<Item = B>) -> io::Result<()>
    where
        B: Borrow<Signal>,
    {
        for signal in signals {
            let signal = *signal.borrow();
            if self.handlers.contains_key(&signal) {
                continue;
            }
            let writer = self.writer.try_clone()?;
            let number = (signal as c_int).to_ne_bytes();
            let handler = move || {
                // Full: the signal is lost. Too little room for a whole number there cannot be,
                // since the socket's buffer takes whole writes of this size or none.
                let _ = (&writer).write(&number);
            };
            // SAFETY: the handler makes one system call (write), which may be made in a handler;
            // the registry keeps `errno`.
            let id = unsafe { signal_hook_registry::register(signal as c_int, handler)? };
            self.handlers.insert(signal, id);
        }
        Ok(())
    }

    /// Does not listen for `signals` any more.
    ///
    /// # Errors
    ///
    /// None.
    pub fn remove_signals<B>(&mut self, signals: impl IntoIterator<Item = B>) -> io::Result<()>
    where
        B: Borrow<Signal>,
    {
        for signal in signals {
            if let Some(id) = self.handlers.remove(signal.borrow()) {
                signal_hook_registry::unregister(id);
            }
        }
        Ok(())
    }

    fn poll_signal(&self, cx: &mut Context<'_>) -> Poll<io::Result<Signal>> {
        let mut number = [0; NUMBER];
        let mut filled = 0;
        while filled < NUMBER {
            let space = &mut number[filled..];
            match ready!(Pin::new(&mut &self.reader).poll_read(cx, space))? {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                n => filled += n,
            }
        }
        let signal = Signal::of(c_int::from_ne_bytes(number));
        Poll::Ready(signal.ok_or_else(|| io::ErrorKind::InvalidData.into()))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for &id in self.handlers.values() {
            signal_hook_registry::unregister(id);
        }
    }
}

/// Yields signals without an end.
impl Stream for Signals {
    type Item = io::Result<Signal>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_signal(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl Stream for &Signals {
    type Item = io::Result<Signal>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_signal(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.reader.as_raw_fd()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signals: Vec<&Signal> = self.handlers.keys().collect();
        f.debug_struct("Signals").field("signals", &signals).finish_non_exhaustive()
    }
}
