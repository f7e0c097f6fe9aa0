//! Methods that several of the net types have in common, word for word. Each type has a field `io`,
//! its `PollEvented`.

/// Defines `ready`, `readable` and `writable`. Waiting is the same for all sockets.
macro_rules! wait_methods {
    ($type:ident, $make:literal) => {
        impl $type {
            /// Waits until the socket is ready for any of `interest`, and returns what it is ready
            /// for.
            ///
            /// Any number of tasks may wait at the same time. Readiness is a hint: the operation
            /// that follows may still say that it would block, and then the wait begins anew.
            ///
            /// # Errors
            ///
            /// When the runtime that the socket was made in has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once ready, the socket stays ready until an operation would block.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// use runtime::io::Interest;
            ///
            /// let ready = socket.ready(Interest::READABLE | Interest::WRITABLE).await?;
            /// if ready.is_readable() {
            ///     // A `try_` method may succeed now.
            /// }
            /// # Ok(()) }
            /// ```
            pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
                self.io.ready(interest).await
            }

            /// Waits until the socket is readable: `ready(Interest::READABLE)`.
            ///
            /// # Errors
            ///
            /// When the runtime that the socket was made in has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once readable, the socket stays so until an operation would block.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// socket.readable().await?;
            /// # Ok(()) }
            /// ```
            pub async fn readable(&self) -> io::Result<()> {
                self.io.ready(Interest::READABLE).await.map(|_| ())
            }

            /// Waits until the socket is writable: `ready(Interest::WRITABLE)`.
            ///
            /// # Errors
            ///
            /// When the runtime that the socket was made in has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe: once writable, the socket stays so until an operation would block.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// socket.writable().await?;
            /// # Ok(()) }
            /// ```
            pub async fn writable(&self) -> io::Result<()> {
                self.io.ready(Interest::WRITABLE).await.map(|_| ())
            }

            /// Does `operation` now, if the socket is ready for `interest`.
            ///
            /// The operation must be one on this socket, and return [`WouldBlock`] only if the
            /// system said so: the readiness is then over until the next event.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`] if the socket is not ready, and what `operation` returns.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// use runtime::io::Interest;
            ///
            /// let done = socket.try_io(Interest::READABLE, || {
            ///     // Some system call on the socket's descriptor.
            ///     Ok(7)
            /// });
            /// # drop(done);
            /// # Ok(()) }
            /// ```
            ///
            /// [`WouldBlock`]: std::io::ErrorKind::WouldBlock
            pub fn try_io<R>(
                &self,
                interest: Interest,
                operation: impl FnOnce() -> io::Result<R>,
            ) -> io::Result<R> {
                self.io.try_io(interest, operation)
            }

            /// Waits until the socket is ready for `interest` and does `operation`, again and
            /// again, until `operation` returns something else than [`WouldBlock`].
            ///
            /// # Errors
            ///
            /// What `operation` returns, and when the runtime has been shut down.
            ///
            /// # Cancel safety
            ///
            /// Safe if `operation` is: it is never interrupted, but it may not be called again.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// use runtime::io::Interest;
            ///
            /// let n = socket.async_io(Interest::WRITABLE, || {
            ///     // Some system call on the socket's descriptor.
            ///     Ok(7)
            /// }).await?;
            /// # drop(n);
            /// # Ok(()) }
            /// ```
            ///
            /// [`WouldBlock`]: std::io::ErrorKind::WouldBlock
            pub async fn async_io<R>(
                &self,
                interest: Interest,
                operation: impl FnMut() -> io::Result<R>,
            ) -> io::Result<R> {
                self.io.async_io(interest, operation).await
            }
        }
    };
}
pub(crate) use wait_methods;

/// Defines waiting for one reader or writer, under the names that a type gives to it.
macro_rules! poll_ready_methods {
    ($type:ident, $poll_read:ident, $poll_write:ident) => {
        impl $type {
            /// Waits until the socket is readable, but only one task may wait: of several tasks
            /// that poll this, only the last is woken.
            ///
            /// # Errors
            ///
            /// When the runtime that the socket was made in has been shut down.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn $poll_read(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_read_ready(cx)
            }

            /// Waits until the socket is writable, but only one task may wait: of several tasks
            /// that poll this, only the last is woken.
            ///
            /// # Errors
            ///
            /// When the runtime that the socket was made in has been shut down.
            ///
            /// # Examples
            ///
            /// See [`net`](crate::net).
            pub fn $poll_write(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_write_ready(cx)
            }
        }
    };
}
pub(crate) use poll_ready_methods;

/// Defines reads and writes of a byte stream that do not wait.
macro_rules! try_stream_methods {
    ($type:ident, $make:literal) => {
        impl $type {
            /// Reads what is there into `buf` without waiting, and returns how many bytes. 0 means
            /// the end of the stream (or an empty `buf`).
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// let mut buf = [0; 1024];
            /// loop {
            ///     socket.readable().await?;
            ///     match socket.try_read(&mut buf) {
            ///         Ok(0) => break,
            ///         Ok(n) => println!("{:?}", &buf[..n]),
            ///         Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => continue,
            ///         Err(e) => return Err(e),
            ///     }
            /// }
            /// # Ok(()) }
            /// ```
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io.try_read(buf)
            }

            /// As [`try_read`](Self::try_read), into several buffers in turn.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// use std::io::IoSliceMut;
            ///
            /// let (mut head, mut body) = ([0; 8], [0; 1024]);
            /// let mut bufs = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut body)];
            /// socket.readable().await?;
            /// let n = socket.try_read_vectored(&mut bufs)?;
            /// println!("{n} bytes, the first eight of them in `head`");
            /// # Ok(()) }
            /// ```
            pub fn try_read_vectored(&self, bufs: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
                self.io.try_read_vectored(bufs)
            }

            /// As [`try_read`](Self::try_read), into the spare room of `buf`.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// let mut buf = Vec::with_capacity(1024);
            /// socket.readable().await?;
            /// let n = socket.try_read_buf(&mut buf)?;
            /// assert_eq!(buf.len(), n);
            /// # Ok(()) }
            /// ```
            pub fn try_read_buf<B: bytes::BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                self.io.try_read_buf(buf)
            }

            /// Writes what there is room for without waiting, and returns how many bytes.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if there is no room.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// socket.writable().await?;
            /// match socket.try_write(b"hello") {
            ///     Ok(n) => println!("{n} bytes are on their way"),
            ///     Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            ///     Err(e) => return Err(e),
            /// }
            /// # Ok(()) }
            /// ```
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.io.try_write(buf)
            }

            /// As [`try_write`](Self::try_write), from several buffers in turn.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](std::io::ErrorKind::WouldBlock) if there is no room.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let parts = [std::io::IoSlice::new(b"head"), std::io::IoSlice::new(b"body")];
            /// socket.writable().await?;
            /// let n = socket.try_write_vectored(&parts)?;
            /// println!("{n} of 8 bytes are sent");
            /// # Ok(()) }
            /// ```
            pub fn try_write_vectored(&self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
                self.io.try_write_vectored(bufs)
            }
        }
    };
}
pub(crate) use try_stream_methods;

/// The body of an `AsyncRead` whose bytes come from a `PollEvented`.
macro_rules! evented_read {
    ($this:ident => $io:expr) => {
        fn poll_read(
            $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            buf: &mut crate::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            $io.poll_read(cx, buf)
        }
    };
}
pub(crate) use evented_read;

/// The body of an `AsyncWrite` whose bytes go to a `PollEvented`, but for `poll_shutdown`.
macro_rules! evented_write {
    ($this:ident => $io:expr) => {
        fn poll_write(
            $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            buf: &[u8],
        ) -> std::task::Poll<std::io::Result<usize>> {
            $io.poll_write(cx, buf)
        }

        fn poll_write_vectored(
            $this: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
            bufs: &[std::io::IoSlice<'_>],
        ) -> std::task::Poll<std::io::Result<usize>> {
            $io.poll_write_vectored(cx, bufs)
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        /// Does nothing: the system already has every byte that was written.
        fn poll_flush(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Ok(()))
        }
    };
}
pub(crate) use evented_write;

/// Reading and writing a byte stream socket.
macro_rules! stream_traits {
    ($type:ident) => {
        impl AsyncRead for $type {
            crate::net::socket_macros::evented_read!(self => self.io);
        }

        impl AsyncWrite for $type {
            crate::net::socket_macros::evented_write!(self => self.io);

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown_write())
            }
        }

        impl $type {
            /// Ends what the other side can read.
            pub(super) fn shutdown_write(&self) -> io::Result<()> {
                match self.io.shutdown(Shutdown::Write) {
                    // The other side has reset the connection: there is nothing left to end.
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    done => done,
                }
            }
        }

        impl AsRef<$type> for $type {
            fn as_ref(&self) -> &$type {
                self
            }
        }
    };
}
pub(crate) use stream_traits;

/// Gives access to the descriptor, and shows it in `Debug`.
macro_rules! descriptor {
    ($type:ident) => {
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.io.fmt(f)
            }
        }

        impl AsRawFd for $type {
            fn as_raw_fd(&self) -> RawFd {
                self.io.as_raw_fd()
            }
        }

        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.io.as_fd()
            }
        }
    };
}
pub(crate) use descriptor;

/// Conversions from a type of `std` and back.
macro_rules! std_conversions {
    ($type:ident, $std:ty, $mio:ty, $make:literal) => {
        impl $type {
            /// Takes a socket of `std` over, which must be in non-blocking mode.
            ///
            /// # Panics
            ///
            /// Outside a runtime, and in builds with debug assertions if the socket is in blocking
            /// mode. (Without them such a socket can stop a whole worker thread.)
            ///
            /// # Errors
            ///
            /// When the system refuses to watch the socket, or the runtime has been shut down.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// # Ok(()) }
            /// ```
            #[track_caller]
            pub fn from_std(socket: $std) -> io::Result<$type> {
                check_nonblocking(&socket)?;
                $type::from_mio(<$mio>::from_std(socket), Ready::EMPTY)
            }

            /// Gives the socket back to `std`, in non-blocking mode.
            ///
            /// # Errors
            ///
            /// An error if the system no longer knows the socket.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// # Ok(()) }
            /// ```
            pub fn into_std(self) -> io::Result<$std> {
                Ok(OwnedFd::from(self.io.into_inner()?).into())
            }
        }

        impl TryFrom<$std> for $type {
            type Error = io::Error;

            /// The same as [`from_std`](Self::from_std).
            fn try_from(socket: $std) -> io::Result<$type> {
                $type::from_std(socket)
            }
        }
    };
}
pub(crate) use std_conversions;

/// Sends and receives datagrams. `$addr` is the type of an address; the type's own `sender` makes
/// it of what the system says.
macro_rules! datagram_methods {
    ($type:ident, $addr:ty, $make:literal) => {
        impl $type {
            /// Sends `buf` as one datagram to the address that the socket is connected to, and
            /// returns how many bytes were sent.
            ///
            /// # Errors
            ///
            /// Errors of the system, for example if the socket is not connected.
            ///
            /// # Cancel safety
            ///
            /// Safe: a future that was dropped before it was done has sent nothing.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// socket.send(b"hello").await?;
            /// # Ok(()) }
            /// ```
            pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
                self.io.own(Interest::WRITABLE, |socket| socket.send(buf)).await
            }

            /// As [`send`](Self::send), but only one task may wait: of several tasks that poll
            /// this, only the last is woken.
            ///
            /// # Errors
            ///
            /// As for [`send`](Self::send).
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let n = std::future::poll_fn(|cx| socket.poll_send(cx, b"hello")).await?;
            /// # drop(n);
            /// # Ok(()) }
            /// ```
            pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.io.poll_own(cx, Direction::Write, |socket| socket.send(buf))
            }

            /// As [`send`](Self::send), without waiting.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room, and errors of the
            /// system.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// socket.writable().await?;
            /// match socket.try_send(b"hello") {
            ///     Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => println!("no room"),
            ///     sent => println!("{} bytes", sent?),
            /// }
            /// # Ok(()) }
            /// ```
            pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
                self.io.try_own(Interest::WRITABLE, |socket| socket.send(buf))
            }

            /// Waits for a datagram from the address that the socket is connected to, and returns
            /// its length. What does not fit into `buf` is lost.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Cancel safety
            ///
            /// Safe: a future that was dropped before it was done has taken nothing.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// let mut buf = [0; 1500];
            /// let n = socket.recv(&mut buf).await?;
            /// println!("{:?}", &buf[..n]);
            /// # Ok(()) }
            /// ```
            pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io.own(Interest::READABLE, |socket| socket.recv(buf)).await
            }

            /// As [`recv`](Self::recv), but only one task may wait: of several tasks that poll
            /// this, only the last is woken.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let mut memory = [0; 1500];
            /// let mut buf = runtime::io::ReadBuf::new(&mut memory);
            /// std::future::poll_fn(|cx| socket.poll_recv(cx, &mut buf)).await?;
            /// println!("{:?}", buf.filled());
            /// # Ok(()) }
            /// ```
            pub fn poll_recv(
                &self,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.io.poll_own(cx, Direction::Read, |socket| {
                    Anonymous { peek: false }.fill_rest(SockRef::from(socket), buf)
                })
            }

            /// As [`recv`](Self::recv), without waiting.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let mut buf = [0; 1500];
            /// socket.readable().await?;
            /// match socket.try_recv(&mut buf) {
            ///     Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => println!("nothing"),
            ///     received => println!("{:?}", &buf[..received?]),
            /// }
            /// # Ok(()) }
            /// ```
            pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io.try_own(Interest::READABLE, |socket| socket.recv(buf))
            }

            /// As [`recv`](Self::recv), into the spare room of `buf`.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Cancel safety
            ///
            /// Safe: a future that was dropped before it was done has taken nothing.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let mut buf = Vec::with_capacity(1500);
            /// let n = socket.recv_buf(&mut buf).await?;
            /// assert_eq!(buf.len(), n);
            /// # Ok(()) }
            /// ```
            pub async fn recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                let receive =
                    |socket: &_| Anonymous { peek: false }.fill_spare(SockRef::from(socket), buf);
                Ok(self.io.own(Interest::READABLE, receive).await?.0)
            }

            /// As [`recv_buf`](Self::recv_buf), without waiting.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let mut buf = Vec::with_capacity(1500);
            /// socket.readable().await?;
            /// let n = socket.try_recv_buf(&mut buf)?;
            /// assert_eq!(buf.len(), n);
            /// # Ok(()) }
            /// ```
            pub fn try_recv_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                let receive =
                    |socket: &_| Anonymous { peek: false }.fill_spare(SockRef::from(socket), buf);
                Ok(self.io.try_own(Interest::READABLE, receive)?.0)
            }

            /// Waits for a datagram, and returns its length and its sender. What does not fit into
            /// `buf` is lost.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Cancel safety
            ///
            /// Safe: a future that was dropped before it was done has taken nothing.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> std::io::Result<()> {
            #[doc = $make]
            /// let mut buf = [0; 1500];
            /// let (n, sender) = socket.recv_from(&mut buf).await?;
            /// println!("{n} bytes from {sender:?}");
            /// # Ok(()) }
            /// ```
            pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $addr)> {
                let (n, sender) =
                    self.io.own(Interest::READABLE, |socket| socket.recv_from(buf)).await?;
                Ok((n, sender.into()))
            }

            /// As [`recv_from`](Self::recv_from), but only one task may wait: of several tasks that
            /// poll this, only the last is woken.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let mut memory = [0; 1500];
            /// let mut buf = runtime::io::ReadBuf::new(&mut memory);
            /// let sender = std::future::poll_fn(|cx| socket.poll_recv_from(cx, &mut buf)).await?;
            /// println!("{:?} from {sender:?}", buf.filled());
            /// # Ok(()) }
            /// ```
            pub fn poll_recv_from(
                &self,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<$addr>> {
                self.io.poll_own(cx, Direction::Read, |socket| {
                    let signed = Signed { peek: false };
                    $type::sender(signed.fill_rest(SockRef::from(socket), buf)?)
                })
            }

            /// As [`recv_from`](Self::recv_from), without waiting.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let mut buf = [0; 1500];
            /// socket.readable().await?;
            /// let (n, sender) = socket.try_recv_from(&mut buf)?;
            /// println!("{:?} from {sender:?}", &buf[..n]);
            /// # Ok(()) }
            /// ```
            pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $addr)> {
                let (n, sender) =
                    self.io.try_own(Interest::READABLE, |socket| socket.recv_from(buf))?;
                Ok((n, sender.into()))
            }

            /// As [`recv_from`](Self::recv_from), into the spare room of `buf`.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Cancel safety
            ///
            /// Safe: a future that was dropped before it was done has taken nothing.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let mut buf = Vec::with_capacity(1500);
            /// let (n, sender) = socket.recv_buf_from(&mut buf).await?;
            /// println!("{n} bytes from {sender:?}");
            /// # Ok(()) }
            /// ```
            pub async fn recv_buf_from<B: BufMut>(
                &self,
                buf: &mut B,
            ) -> io::Result<(usize, $addr)> {
                let receive =
                    |socket: &_| Signed { peek: false }.fill_spare(SockRef::from(socket), buf);
                let (n, sender) = self.io.own(Interest::READABLE, receive).await?;
                Ok((n, $type::sender(sender)?))
            }

            /// As [`recv_buf_from`](Self::recv_buf_from), without waiting.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) if nothing is there.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// let mut buf = Vec::with_capacity(1500);
            /// socket.readable().await?;
            /// let (n, sender) = socket.try_recv_buf_from(&mut buf)?;
            /// println!("{n} bytes from {sender:?}");
            /// # Ok(()) }
            /// ```
            pub fn try_recv_buf_from<B: BufMut>(&self, buf: &mut B) -> io::Result<(usize, $addr)> {
                let receive =
                    |socket: &_| Signed { peek: false }.fill_spare(SockRef::from(socket), buf);
                let (n, sender) = self.io.try_own(Interest::READABLE, receive)?;
                Ok((n, $type::sender(sender)?))
            }

            /// Takes the pending error of the socket, if there is one.
            ///
            /// # Errors
            ///
            /// Errors of the system.
            ///
            /// # Examples
            ///
            /// ```no_run
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = $make]
            /// if let Some(error) = socket.take_error()? {
            ///     println!("the system has noticed: {error}");
            /// }
            /// # Ok(()) }
            /// ```
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.io.take_error()
            }
        }
    };
}
pub(crate) use datagram_methods;
