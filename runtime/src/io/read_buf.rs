//! The buffer that a reader fills.
//!
//! # Problem
//!
//! A reader wants somewhere to put bytes; the caller has memory that was allocated but never
//! written. Zeroing it first costs as much as the read. So a buffer remembers how far it is
//! *initialized* apart from how far it is *filled*.
//!
//! ```text
//!   0           filled          initialized        capacity
//!   |  filled    |   initialized,   |  never written   |
//!   |            |   free to fill   |                  |
//! ```
//!
//! # Invariants
//!
//! 1. `filled <= initialized <= buf.len()`.
//! 2. `buf[..initialized]` holds initialized bytes.
//! 3. No code writes uninitialized bytes into the buffer: the only accesses to the raw memory are
//!    `unsafe` and require exactly that of their caller.
//! 4. A reader is safe code and holds `&mut ReadBuf`, so it can put another `ReadBuf` in its place.
//!    Code that relies on bytes in *its own* memory compares address and length afterwards
//!    ([`ReadBuf::assert_over`]).
#![allow(unsafe_code, reason = "memory that was never written is lent to readers")]

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::task::{Poll, ready};

use bytes::BufMut;
use bytes::buf::UninitSlice;

use crate::engine::messages;

/// Bytes that are being read: a borrowed slice of memory that knows how much of it is filled and
/// how much was ever initialized.
///
/// # Examples
///
/// ```
/// use runtime::io::ReadBuf;
///
/// let mut memory = [0_u8; 8];
/// let mut buf = ReadBuf::new(&mut memory);
/// buf.put_slice(b"abc");
/// assert_eq!(buf.filled(), b"abc");
/// assert_eq!(buf.remaining(), 5);
/// ```
///
/// How far it is filled, and how far initialized:
///
/// ```
/// use std::mem::MaybeUninit;
/// use runtime::io::ReadBuf;
///
/// let mut memory = [MaybeUninit::uninit(); 8];
/// let mut buf = ReadBuf::uninit(&mut memory);
/// assert_eq!((buf.capacity(), buf.initialized().len()), (8, 0));
/// buf.initialize_unfilled_to(3).copy_from_slice(b"abc");
/// assert_eq!(buf.initialized(), b"abc");
/// buf.advance(2);
/// assert_eq!(buf.filled(), b"ab");
/// buf.filled_mut()[0] = b'A';
/// buf.set_filled(1);
/// assert_eq!(buf.filled(), b"A");
/// ```
///
/// To read into, as a source of your own does:
///
/// ```
/// use runtime::io::ReadBuf;
///
/// let mut memory = [0; 8];
/// let mut buf = ReadBuf::new(&mut memory);
/// let unfilled = buf.initialize_unfilled();
/// unfilled[..5].copy_from_slice(b"hello"); // any function that takes `&mut [u8]`
/// buf.advance(5);
/// assert_eq!((buf.filled(), buf.remaining()), (&b"hello"[..], 3));
/// buf.initialized_mut()[0] = b'j';
/// assert_eq!(buf.filled(), b"jello");
/// buf.clear();
/// assert!(buf.filled().is_empty());
/// ```
pub struct ReadBuf<'a> {
    buf: &'a mut [MaybeUninit<u8>],
    filled: usize,
    initialized: usize,
}

/// The same bytes, known to be initialized.
///
/// # Safety
///
/// Every byte of `slice` is initialized.
#[inline]
unsafe fn assume_init(slice: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: `MaybeUninit<u8>` has the layout of `u8`; the caller vouches for the bytes.
    unsafe { &*(slice as *const [MaybeUninit<u8>] as *const [u8]) }
}

/// The same bytes, known to be initialized, mutably.
///
/// # Safety
///
/// Every byte of `slice` is initialized.
#[inline]
unsafe fn assume_init_mut(slice: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    // SAFETY: `MaybeUninit<u8>` has the layout of `u8`; the caller vouches for the bytes, and
    // through the result only initialized bytes can be written.
    unsafe { &mut *(slice as *mut [MaybeUninit<u8>] as *mut [u8]) }
}

impl<'a> ReadBuf<'a> {
    /// A buffer over initialized memory, with nothing filled.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn new(buf: &'a mut [u8]) -> ReadBuf<'a> {
        let initialized = buf.len();
        // SAFETY: the layouts are the same, and invariant 3 keeps the bytes initialized for the
        // owner of the memory.
        let buf = unsafe { &mut *(buf as *mut [u8] as *mut [MaybeUninit<u8>]) };
        ReadBuf { buf, filled: 0, initialized }
    }

    /// A buffer over memory that may never have been written.
    ///
    /// Use [`assume_init`](ReadBuf::assume_init) when part of it is known to be initialized.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn uninit(buf: &'a mut [MaybeUninit<u8>]) -> ReadBuf<'a> {
        ReadBuf { buf, filled: 0, initialized: 0 }
    }

    /// How many bytes fit in all.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.len()
    }

    /// What was filled.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn filled(&self) -> &[u8] {
        // SAFETY: invariants 1 and 2.
        unsafe { assume_init(&self.buf[..self.filled]) }
    }

    /// What was filled, mutably.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        // SAFETY: invariants 1 and 2.
        unsafe { assume_init_mut(&mut self.buf[..self.filled]) }
    }

    /// The next `n` free bytes (or as many as there are) as a buffer of its own.
    ///
    /// What is filled there does not count as filled here: call
    /// [`assume_init`](ReadBuf::assume_init) and [`advance`](ReadBuf::advance) afterwards.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::ReadBuf;
    ///
    /// let mut memory = [0; 8];
    /// let mut buf = ReadBuf::new(&mut memory);
    /// let mut part = buf.take(2);
    /// part.put_slice(b"ab");
    /// assert_eq!(part.remaining(), 0);
    /// // What was put there must be counted here, too.
    /// buf.advance(2);
    /// assert_eq!(buf.filled(), b"ab");
    /// ```
    #[inline]
    pub fn take(&mut self, n: usize) -> ReadBuf<'_> {
        let n = n.min(self.remaining());
        let initialized = (self.initialized - self.filled).min(n);
        ReadBuf { buf: &mut self.buf[self.filled..][..n], filled: 0, initialized }
    }

    /// What was ever initialized, filled or not.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn initialized(&self) -> &[u8] {
        // SAFETY: invariants 1 and 2.
        unsafe { assume_init(&self.buf[..self.initialized]) }
    }

    /// What was ever initialized, filled or not, mutably.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn initialized_mut(&mut self) -> &mut [u8] {
        // SAFETY: invariants 1 and 2.
        unsafe { assume_init_mut(&mut self.buf[..self.initialized]) }
    }

    /// The whole memory.
    ///
    /// # Safety
    ///
    /// The caller must not make initialized bytes uninitialized.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::io::ReadBuf;
    ///
    /// let mut memory = [0; 8];
    /// let mut buf = ReadBuf::new(&mut memory);
    /// buf.put_slice(b"abc");
    /// // SAFETY: nothing is written. What is filled is part of it.
    /// assert_eq!(unsafe { buf.inner_mut() }.len(), 8);
    /// ```
    #[inline]
    pub unsafe fn inner_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.buf
    }

    /// The part that is not filled.
    ///
    /// # Safety
    ///
    /// The caller must not make initialized bytes uninitialized.
    ///
    /// # Examples
    ///
    /// See [`assume_init`](Self::assume_init).
    #[inline]
    pub unsafe fn unfilled_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.buf[self.filled..]
    }

    /// The part that is not filled, initialized: bytes never written become zero.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn initialize_unfilled(&mut self) -> &mut [u8] {
        self.initialize_unfilled_to(self.remaining())
    }

    /// The first `n` bytes that are not filled, initialized: bytes never written become zero.
    ///
    /// # Panics
    ///
    /// When fewer than `n` bytes remain.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    #[track_caller]
    pub fn initialize_unfilled_to(&mut self, n: usize) -> &mut [u8] {
        assert!(n <= self.remaining(), "{}", messages::READ_BUF_TOO_SMALL);
        let end = self.filled + n;
        if self.initialized < end {
            self.buf[self.initialized..end].fill(MaybeUninit::new(0));
            self.initialized = end;
        }
        // SAFETY: `end <= initialized`, and invariant 2.
        unsafe { assume_init_mut(&mut self.buf[self.filled..end]) }
    }

    /// How many bytes can still be filled.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn remaining(&self) -> usize {
        self.buf.len() - self.filled
    }

    /// Empties the buffer. Initialized bytes stay initialized.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// The next `n` bytes are filled now.
    ///
    /// # Panics
    ///
    /// When they go beyond what is initialized.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    #[track_caller]
    pub fn advance(&mut self, n: usize) {
        self.set_filled(self.filled.saturating_add(n));
    }

    /// The first `n` bytes are filled now, whatever was before.
    ///
    /// # Panics
    ///
    /// When they go beyond what is initialized.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    #[track_caller]
    pub fn set_filled(&mut self, n: usize) {
        assert!(n <= self.initialized, "{}", messages::READ_BUF_NOT_INITIALIZED);
        self.filled = n;
    }

    /// States that the next `n` bytes that are not filled are initialized. What is filled stays as
    /// it is; fewer bytes than were known change nothing.
    ///
    /// # Safety
    ///
    /// Those bytes are initialized, and lie within the capacity.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::mem::MaybeUninit;
    /// use runtime::io::ReadBuf;
    ///
    /// let mut memory = [MaybeUninit::uninit(); 8];
    /// let mut buf = ReadBuf::uninit(&mut memory);
    /// // SAFETY: only initialized bytes are written.
    /// let unfilled = unsafe { buf.unfilled_mut() };
    /// unfilled[0].write(b'x');
    /// // SAFETY: the first byte has just been written.
    /// unsafe { buf.assume_init(1) };
    /// buf.advance(1);
    /// assert_eq!(buf.filled(), b"x");
    /// ```
    #[inline]
    pub unsafe fn assume_init(&mut self, n: usize) {
        self.initialized = self.initialized.max(self.filled + n);
    }

    /// Appends `bytes` to what is filled.
    ///
    /// # Panics
    ///
    /// When they do not fit.
    ///
    /// # Examples
    ///
    /// See [`ReadBuf`].
    #[inline]
    #[track_caller]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.remaining(), "{}", messages::READ_BUF_TOO_SMALL);
        let end = self.filled + bytes.len();
        let target = &mut self.buf[self.filled..end];
        // SAFETY: `target` is exactly as long as `bytes`, and a `&mut` slice overlaps no `&` one.
        unsafe {
            target.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        self.initialized = self.initialized.max(end);
        self.filled = end;
    }

    /// Fills all that remains with one byte.
    pub(super) fn fill_with(&mut self, byte: u8) {
        self.buf[self.filled..].fill(MaybeUninit::new(byte));
        self.filled = self.buf.len();
        self.initialized = self.buf.len();
    }

    /// Lets `read` fill at most `n` bytes, as if they were all there is, and counts them as filled
    /// here.
    pub(super) fn poll_at_most(
        &mut self,
        n: usize,
        read: impl FnOnce(&mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<usize>> {
        let mut part = self.take(n);
        let memory: *const [MaybeUninit<u8>] = part.buf;
        let result = read(&mut part);
        part.assert_over(memory);
        let (filled, initialized) = (part.filled, part.initialized);
        // Invariants 1 and 2 of `part`, which is `self.buf[self.filled..]` cut to `n` (4).
        self.initialized = self.initialized.max(self.filled + initialized);
        ready!(result)?;
        self.filled += filled;
        Poll::Ready(Ok(filled))
    }

    /// Invariant 4: this is still the buffer over `memory`.
    #[inline]
    #[track_caller]
    fn assert_over(&self, memory: *const [MaybeUninit<u8>]) {
        assert!(std::ptr::eq(self.buf, memory), "{}", messages::READ_BUF_SWAPPED);
    }
}

impl fmt::Debug for ReadBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuf")
            .field("filled", &self.filled)
            .field("initialized", &self.initialized)
            .field("capacity", &self.capacity())
            .finish()
    }
}

// SAFETY: `chunk_mut` lends the unfilled part, whose length is `remaining_mut`, and `advance_mut`
// moves its start by as many bytes as it is told.
unsafe impl BufMut for ReadBuf<'_> {
    #[inline]
    fn remaining_mut(&self) -> usize {
        self.remaining()
    }

    #[inline]
    unsafe fn advance_mut(&mut self, n: usize) {
        assert!(n <= self.remaining(), "{}", messages::READ_BUF_TOO_SMALL);
        // SAFETY: the caller has initialized the next `n` bytes; they fit, as checked.
        unsafe { self.assume_init(n) };
        self.filled += n;
    }

    #[inline]
    fn chunk_mut(&mut self) -> &mut UninitSlice {
        let rest = &mut self.buf[self.filled..];
        // SAFETY: both are the bytes of one slice that nobody else has for as long, and a
        // `UninitSlice` takes no byte for initialized. (`UninitSlice::uninit` says the same; older
        // releases of `bytes`, which a lock file may hold, do not have it.)
        unsafe { UninitSlice::from_raw_parts_mut(rest.as_mut_ptr().cast(), rest.len()) }
    }
}

/// One `read` into whatever a `BufMut` offers next; returns how many bytes came.
pub(super) fn poll_read_buf<B: BufMut + ?Sized>(
    target: &mut B,
    read: impl FnOnce(&mut ReadBuf<'_>) -> Poll<io::Result<()>>,
) -> Poll<io::Result<usize>> {
    if !target.has_remaining_mut() {
        return Poll::Ready(Ok(0));
    }
    // SAFETY: the memory goes into a `ReadBuf` alone, whose invariant 3 is what is asked for.
    let mut buf = ReadBuf::uninit(unsafe { target.chunk_mut().as_uninit_slice_mut() });
    let memory: *const [MaybeUninit<u8>] = buf.buf;
    ready!(read(&mut buf))?;
    buf.assert_over(memory);
    let n = buf.filled;
    // SAFETY: `buf` was over the target's next chunk (4), whose first `n` bytes are initialized (1,
    // 2).
    unsafe { target.advance_mut(n) };
    Poll::Ready(Ok(n))
}

/// What a [`VecTail`] grows: an own vector or a borrowed one.
///
/// # Safety
///
/// Every call gives the same vector, and nobody else can change it in between.
pub(super) unsafe trait Grown {
    fn vec(&mut self) -> &mut Vec<u8>;
}

// SAFETY: an own vector is one vector.
unsafe impl Grown for Vec<u8> {
    #[inline]
    fn vec(&mut self) -> &mut Vec<u8> {
        self
    }
}

// SAFETY: an exclusive borrow names one vector, and keeps others away while it lives.
unsafe impl Grown for &mut Vec<u8> {
    #[inline]
    fn vec(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// A vector whose spare capacity is read into.
///
/// It remembers how much of the spare capacity was initialized, so that a reader that insists on
/// initialized memory pays for each byte once, not once a read.
#[derive(Debug)]
pub(super) struct VecTail<V> {
    vec: V,
    /// Bytes from the vector's start that are initialized; no more than its capacity.
    initialized: usize,
    /// The capacity that the caller brought.
    brought: usize,
}

/// The size of a read that only checks for the end.
const PROBE: usize = 32;

impl<V: Grown> VecTail<V> {
    pub(super) fn new(mut vec: V) -> VecTail<V> {
        let (initialized, brought) = (vec.vec().len(), vec.vec().capacity());
        VecTail { vec, initialized, brought }
    }

    /// One `read` behind the vector's end; returns how many bytes came.
    pub(super) fn poll_read(
        &mut self,
        read: impl FnOnce(&mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<usize>> {
        let vec = self.vec.vec();
        let len = vec.len();
        if vec.capacity() - len < PROBE {
            if self.brought >= PROBE && vec.capacity() == self.brought {
                return self.poll_probe(read);
            }
            vec.reserve(PROBE);
            // The vector may lie elsewhere now, with its content alone.
            self.initialized = len;
        }
        let initialized = self.initialized.saturating_sub(len);
        let mut buf = ReadBuf { buf: vec.spare_capacity_mut(), filled: 0, initialized };
        let memory: *const [MaybeUninit<u8>] = buf.buf;
        let result = read(&mut buf);
        buf.assert_over(memory);
        let n = buf.filled;
        self.initialized = len + buf.initialized;
        ready!(result)?;
        // SAFETY: `buf` was over the spare capacity (4), whose first `n` bytes are initialized (1,
        // 2).
        unsafe { vec.set_len(len + n) };
        Poll::Ready(Ok(n))
    }

    /// If the caller's room was just enough, it must not be doubled only to find the end: the next
    /// bytes, or the end, are read into the stack.
    #[cold]
    fn poll_probe(
        &mut self,
        read: impl FnOnce(&mut ReadBuf<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<usize>> {
        let mut memory = [MaybeUninit::uninit(); PROBE];
        let mut buf = ReadBuf::uninit(&mut memory);
        ready!(read(&mut buf))?;
        let vec = self.vec.vec();
        vec.extend_from_slice(buf.filled());
        self.initialized = vec.len();
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl VecTail<Vec<u8>> {
    /// Takes the vector out.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.initialized = 0;
        self.brought = 0;
        std::mem::take(&mut self.vec)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Context;

    use super::*;
    use crate::io::AsyncRead;

    /// Puts another buffer in the place of the one it was lent.
    struct Swapper;

    impl AsyncRead for Swapper {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let foreign: &'static mut [u8] = vec![7; 100].leak();
            // Reachable, so that it is no leak to those who look for one.
            static KEPT: std::sync::Mutex<Vec<usize>> = std::sync::Mutex::new(Vec::new());
            KEPT.lock().unwrap().push(foreign.as_ptr().expose_provenance());
            *buf = ReadBuf::new(foreign);
            buf.set_filled(100);
            Poll::Ready(Ok(()))
        }
    }

    fn cx() -> Context<'static> {
        Context::from_waker(std::task::Waker::noop())
    }

    #[test]
    #[should_panic(expected = "another `ReadBuf`")]
    fn swapped_buffer_is_noticed_by_a_vector() {
        let mut vec = Vec::with_capacity(100);
        let mut tail = VecTail::new(&mut vec);
        let _ = tail.poll_read(|buf| Pin::new(&mut Swapper).poll_read(&mut cx(), buf));
    }

    #[test]
    #[should_panic(expected = "another `ReadBuf`")]
    fn swapped_buffer_is_noticed_by_a_buf_mut() {
        let mut vec: Vec<u8> = Vec::with_capacity(100);
        let _ = poll_read_buf(&mut vec, |buf| Pin::new(&mut Swapper).poll_read(&mut cx(), buf));
    }

    #[test]
    #[should_panic(expected = "another `ReadBuf`")]
    fn swapped_buffer_is_noticed_by_a_limit() {
        let mut memory = [0; 100];
        let mut buf = ReadBuf::new(&mut memory);
        let _ = buf.poll_at_most(50, |part| Pin::new(&mut Swapper).poll_read(&mut cx(), part));
    }

    #[test]
    fn part_inherits_what_is_initialized() {
        let mut memory = [MaybeUninit::uninit(); 10];
        let mut buf = ReadBuf::uninit(&mut memory);
        buf.put_slice(b"ab");
        buf.initialize_unfilled_to(3);
        assert_eq!(buf.initialized().len(), 5);
        assert_eq!(buf.take(2).initialized().len(), 2);
        assert_eq!(buf.take(8).initialized().len(), 3);
        let read = buf.poll_at_most(6, |part| {
            part.initialize_unfilled();
            part.advance(1);
            Poll::Ready(Ok(()))
        });
        assert!(matches!(read, Poll::Ready(Ok(1))));
        assert_eq!((buf.filled().len(), buf.initialized().len()), (3, 8));
    }

    #[test]
    fn tail_initializes_each_byte_once() {
        /// Wants initialized memory and reads a byte at a time.
        struct Bytewise(usize);
        impl AsyncRead for Bytewise {
            fn poll_read(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                if self.0 > 0 {
                    assert_eq!(buf.initialized().len(), buf.capacity());
                }
                self.0 += 1;
                buf.initialize_unfilled();
                buf.advance(1);
                Poll::Ready(Ok(()))
            }
        }
        let mut vec = Vec::with_capacity(100);
        let mut tail = VecTail::new(&mut vec);
        let mut reader = Bytewise(0);
        for _ in 0..60 {
            let read = tail.poll_read(|buf| Pin::new(&mut reader).poll_read(&mut cx(), buf));
            assert!(read.is_ready());
        }
        assert_eq!(vec, [0; 60]);
    }

    #[test]
    fn exact_capacity_is_not_doubled_to_see_the_end() {
        let mut vec = Vec::with_capacity(100);
        let content = [1; 100];
        let mut reader = &content[..];
        let mut tail = VecTail::new(&mut vec);
        while !matches!(
            tail.poll_read(|buf| Pin::new(&mut reader).poll_read(&mut cx(), buf)),
            Poll::Ready(Ok(0))
        ) {}
        assert_eq!((vec.len(), vec.capacity()), (100, 100));
    }
}
