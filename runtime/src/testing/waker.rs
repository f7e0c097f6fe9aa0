//! A waker that counts.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::engine::primitive::Mutex;

/// A waker that only counts how often it is called, to poll a future by hand.
///
/// It needs no executor and no runtime. Wakes are counted from any thread.
///
/// # Examples
///
/// A hand-written future must keep the waker of its last poll, and only that one:
///
/// ```
/// use std::task::Poll;
///
/// use runtime::sync::oneshot;
/// use runtime::testing::CountingWaker;
///
/// let (sender, mut receiver) = oneshot::channel();
/// let (first, second) = (CountingWaker::new(), CountingWaker::new());
/// assert!(first.poll(&mut receiver).is_pending());
/// assert!(second.poll(&mut receiver).is_pending());
/// assert_eq!((first.clones(), second.clones()), (0, 1));
///
/// sender.send(7).unwrap();
/// assert_eq!((first.count(), second.count()), (0, 1));
/// assert_eq!(second.poll(&mut receiver), Poll::Ready(Ok(7)));
/// assert_eq!(second.clones(), 0); // it keeps nothing
/// ```
pub struct CountingWaker {
    count: Arc<Count>,
    waker: Waker,
}

struct Count(Mutex<usize>);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.0.lock() += 1;
    }
}

impl CountingWaker {
    /// A waker that was not called yet.
    ///
    /// # Examples
    ///
    /// See [`CountingWaker`].
    #[must_use]
    pub fn new() -> CountingWaker {
        let count = Arc::new(Count(Mutex::new(0)));
        CountingWaker { waker: Waker::from(Arc::clone(&count)), count }
    }

    /// Polls `future` with this waker, and restarts the count before: calls during the poll count.
    ///
    /// Pin a future that is not [`Unpin`] first, with [`std::pin::pin!`] or [`Box::pin`].
    ///
    /// # Examples
    ///
    /// See [`CountingWaker`].
    pub fn poll<F: Future + Unpin>(&self, future: &mut F) -> Poll<F::Output> {
        self.take();
        Pin::new(future).poll(&mut self.context())
    }

    /// A context with this waker, for other `poll` methods: of a stream, a reader, or your own. It
    /// does not change the count.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::sync::mpsc;
    /// use runtime::testing::CountingWaker;
    ///
    /// let (sender, mut receiver) = mpsc::channel(2);
    /// let waker = CountingWaker::new();
    /// assert!(receiver.poll_recv(&mut waker.context()).is_pending());
    /// sender.try_send("a").unwrap();
    /// sender.try_send("b").unwrap();
    /// assert_eq!(waker.count(), 1); // the second finds nobody who waits
    /// ```
    pub fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }

    /// The waker itself.
    ///
    /// # Examples
    ///
    /// See [`count`](Self::count).
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    /// How often it was called since the last [`poll`](Self::poll) or [`take`](Self::take).
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::testing::CountingWaker;
    ///
    /// let waker = CountingWaker::new();
    /// waker.waker().wake_by_ref();
    /// waker.waker().clone().wake();
    /// assert!(waker.is_woken());
    /// assert_eq!(waker.count(), 2);
    /// assert_eq!(waker.take(), 2);
    /// assert!(!waker.is_woken());
    /// ```
    #[must_use]
    pub fn count(&self) -> usize {
        *self.count.0.lock()
    }

    /// Whether it was called since the last [`poll`](Self::poll) or [`take`](Self::take).
    ///
    /// # Examples
    ///
    /// See [`count`](Self::count).
    #[must_use]
    pub fn is_woken(&self) -> bool {
        self.count() > 0
    }

    /// As [`count`](Self::count), and sets the count to 0.
    ///
    /// # Examples
    ///
    /// See [`count`](Self::count).
    pub fn take(&self) -> usize {
        std::mem::take(&mut *self.count.0.lock())
    }

    /// How many clones of the waker exist. A future that was dropped, or is done, should keep none.
    ///
    /// # Examples
    ///
    /// See [`CountingWaker`].
    #[must_use]
    pub fn clones(&self) -> usize {
        Arc::strong_count(&self.count).saturating_sub(2)
    }
}

impl Default for CountingWaker {
    fn default() -> CountingWaker {
        CountingWaker::new()
    }
}

impl fmt::Debug for CountingWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountingWaker")
            .field("count", &self.count())
            .field("clones", &self.clones())
            .finish()
    }
}
