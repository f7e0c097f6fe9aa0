//! What a source is ready for: a set of conditions.

use std::fmt;
use std::ops;

use super::interest::Interest;

/// The conditions under which an operation on a source may make progress.
///
/// A `Ready` is what [`ready`] on a socket or [`AsyncFd`] gives back: any of readable, writable,
/// closed on either side, urgent data, error. It is a hint: readiness may be seen although the next
/// operation would block.
///
/// [`ready`]: crate::net::TcpStream::ready
/// [`AsyncFd`]: crate::io::unix::AsyncFd
///
/// # Examples
///
/// ```
/// use runtime::io::Ready;
///
/// let ready = Ready::READABLE | Ready::ERROR;
/// assert!(ready.is_readable() && ready.is_error() && !ready.is_writable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// A read may make progress.
    pub const READABLE: Ready = Ready(1);
    /// A write may make progress.
    pub const WRITABLE: Ready = Ready(1 << 1);
    /// The other side sends no more: reads reach the end.
    pub const READ_CLOSED: Ready = Ready(1 << 2);
    /// The other side receives no more: writes fail.
    pub const WRITE_CLOSED: Ready = Ready(1 << 3);
    /// Urgent data waits. Linux only; never set elsewhere.
    pub const PRIORITY: Ready = Ready(1 << 4);
    /// An error waits to be collected.
    pub const ERROR: Ready = Ready(1 << 5);
    /// Every condition.
    pub const ALL: Ready = Ready((1 << 6) - 1);

    /// Both closed conditions, which do not end.
    pub(crate) const CLOSED: Ready = Ready(Ready::READ_CLOSED.0 | Ready::WRITE_CLOSED.0);

    /// Whether no condition is set.
    ///
    /// ```
    /// assert!(runtime::io::Ready::EMPTY.is_empty());
    /// ```
    pub fn is_empty(self) -> bool {
        self == Ready::EMPTY
    }

    /// Whether a read may make progress, if only to find the end.
    ///
    /// ```
    /// use runtime::io::Ready;
    /// assert!(Ready::READABLE.is_readable() && Ready::READ_CLOSED.is_readable());
    /// ```
    pub fn is_readable(self) -> bool {
        self.intersects(Ready(Ready::READABLE.0 | Ready::READ_CLOSED.0))
    }

    /// Whether a write may make progress, if only to fail.
    ///
    /// ```
    /// use runtime::io::Ready;
    /// assert!(Ready::WRITABLE.is_writable() && Ready::WRITE_CLOSED.is_writable());
    /// ```
    pub fn is_writable(self) -> bool {
        self.intersects(Ready(Ready::WRITABLE.0 | Ready::WRITE_CLOSED.0))
    }

    /// Whether the other side sends no more.
    ///
    /// ```
    /// use runtime::io::Ready;
    /// assert!(Ready::READ_CLOSED.is_read_closed() && !Ready::READABLE.is_read_closed());
    /// ```
    pub fn is_read_closed(self) -> bool {
        self.intersects(Ready::READ_CLOSED)
    }

    /// Whether the other side receives no more.
    ///
    /// ```
    /// use runtime::io::Ready;
    /// assert!(Ready::WRITE_CLOSED.is_write_closed() && !Ready::WRITABLE.is_write_closed());
    /// ```
    pub fn is_write_closed(self) -> bool {
        self.intersects(Ready::WRITE_CLOSED)
    }

    /// Whether urgent data waits.
    ///
    /// ```
    /// assert!(runtime::io::Ready::PRIORITY.is_priority());
    /// ```
    pub fn is_priority(self) -> bool {
        self.intersects(Ready::PRIORITY)
    }

    /// Whether an error waits to be collected.
    ///
    /// ```
    /// assert!(runtime::io::Ready::ERROR.is_error());
    /// ```
    pub fn is_error(self) -> bool {
        self.intersects(Ready::ERROR)
    }

    /// Whether any condition is in both sets.
    pub(crate) const fn intersects(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }

    /// The conditions that answer `interest`.
    pub(crate) const fn answering(interest: Interest) -> Ready {
        let mut bits = 0;
        if interest.is_readable() {
            bits |= Ready::READABLE.0 | Ready::READ_CLOSED.0;
        }
        if interest.is_writable() {
            bits |= Ready::WRITABLE.0 | Ready::WRITE_CLOSED.0;
        }
        if interest.is_priority() {
            bits |= Ready::PRIORITY.0 | Ready::READ_CLOSED.0;
        }
        if interest.is_error() {
            bits |= Ready::ERROR.0;
        }
        Ready(bits)
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u8) -> Ready {
        Ready(bits & Ready::ALL.0)
    }
}

impl ops::BitOr for Ready {
    type Output = Ready;
    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl ops::BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl ops::BitAnd for Ready {
    type Output = Ready;
    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl ops::Sub for Ready {
    type Output = Ready;
    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("is_readable", &self.is_readable())
            .field("is_writable", &self.is_writable())
            .field("is_read_closed", &self.is_read_closed())
            .field("is_write_closed", &self.is_write_closed())
            .field("is_error", &self.is_error())
            .field("is_priority", &self.is_priority())
            .finish()
    }
}
