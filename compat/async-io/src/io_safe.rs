//! Which values keep their descriptor through reads and writes.

use std::borrow::Cow;
use std::io::{BufReader, BufWriter, LineWriter, Read, Write};

/// A promise that reading, writing and seeking a value never drops its descriptor.
///
/// [`Async`](crate::Async) has registered the descriptor. Methods of [`Read`] and [`Write`] get the
/// value mutably, so their code could put another value in its place, and drop the first one. With
/// this promise `Async` implements the async forms of these traits.
///
/// # Safety
///
/// No method of [`Read`], [`Write`], [`Seek`](std::io::Seek) or [`BufRead`](std::io::BufRead) of
/// the type drops or exchanges its descriptor.
///
/// # Examples
///
/// ```
/// use async_io::IoSafe;
/// use std::net::TcpStream;
///
/// /// Counts what it reads.
/// struct Counted(TcpStream, u64);
///
/// // SAFETY: nothing ever takes the stream out.
/// unsafe impl IoSafe for Counted {}
/// ```
pub unsafe trait IoSafe {}

// SAFETY: through a shared reference nothing can be moved out.
unsafe impl<T: ?Sized> IoSafe for &T {}

macro_rules! types_of_std {
    ($($(#[$cfg:meta])? $name:ty),* $(,)?) => {$(
        // SAFETY: the library's types read and write, and nothing else.
        $(#[$cfg])?
        unsafe impl IoSafe for $name {}
    )*};
}

types_of_std! {
    std::fs::File,
    std::io::Stderr,
    std::io::StderrLock<'_>,
    std::io::Stdin,
    std::io::StdinLock<'_>,
    std::io::Stdout,
    std::io::StdoutLock<'_>,
    std::net::TcpStream,
    std::process::ChildStderr,
    std::process::ChildStdin,
    std::process::ChildStdout,
    #[cfg(unix)]
    std::os::unix::net::UnixStream,
    #[cfg(not(no_pipes))]
    std::io::PipeReader,
    #[cfg(not(no_pipes))]
    std::io::PipeWriter,
}

// SAFETY: these pass on what the value in them does, and put none in its place.
unsafe impl<T: IoSafe + Read> IoSafe for BufReader<T> {}
// SAFETY: see above.
unsafe impl<T: IoSafe + Write> IoSafe for BufWriter<T> {}
// SAFETY: see above.
unsafe impl<T: IoSafe + Write> IoSafe for LineWriter<T> {}
// SAFETY: see above.
unsafe impl<T: IoSafe + ?Sized> IoSafe for &mut T {}
// SAFETY: see above.
unsafe impl<T: IoSafe + ?Sized> IoSafe for Box<T> {}
// SAFETY: see above. An owned clone is another value than the borrowed one, which stays.
unsafe impl<T: Clone + IoSafe> IoSafe for Cow<'_, T> {}
