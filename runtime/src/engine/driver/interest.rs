//! What a task waits for on a source: a non-empty set of conditions.

use std::fmt;
use std::ops;

/// The conditions a task wants to hear of.
///
/// Never empty. Used with [`AsyncFd::with_interest`] and the `ready` methods of the sockets.
///
/// [`AsyncFd::with_interest`]: crate::io::unix::AsyncFd::with_interest
///
/// # Examples
///
/// ```
/// use runtime::io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// Reads, and the end of what can be read.
    pub const READABLE: Interest = Interest(1);
    /// Writes, and their becoming impossible.
    pub const WRITABLE: Interest = Interest(1 << 1);
    /// Urgent data. Linux only; on other systems nothing answers it.
    pub const PRIORITY: Interest = Interest(1 << 2);
    /// Errors. The system reports them with any interest.
    pub const ERROR: Interest = Interest(1 << 3);

    /// Whether reads are wanted.
    ///
    /// ```
    /// assert!(runtime::io::Interest::READABLE.is_readable());
    /// ```
    pub const fn is_readable(self) -> bool {
        self.0 & Interest::READABLE.0 != 0
    }

    /// Whether writes are wanted.
    ///
    /// ```
    /// assert!(runtime::io::Interest::WRITABLE.is_writable());
    /// ```
    pub const fn is_writable(self) -> bool {
        self.0 & Interest::WRITABLE.0 != 0
    }

    /// Whether urgent data is wanted.
    ///
    /// ```
    /// assert!(runtime::io::Interest::PRIORITY.is_priority());
    /// ```
    pub const fn is_priority(self) -> bool {
        self.0 & Interest::PRIORITY.0 != 0
    }

    /// Whether errors are wanted.
    ///
    /// ```
    /// assert!(runtime::io::Interest::ERROR.is_error());
    /// ```
    pub const fn is_error(self) -> bool {
        self.0 & Interest::ERROR.0 != 0
    }

    /// Both together.
    ///
    /// ```
    /// use runtime::io::Interest;
    /// const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
    /// assert!(BOTH.is_readable() && BOTH.is_writable());
    /// ```
    #[must_use = "`add` returns the union and changes nothing"]
    #[allow(
        clippy::should_implement_trait,
        reason = "a const fn, where a trait's method cannot be"
    )]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// What is left without `other`; `None` when that is nothing.
    ///
    /// ```
    /// use runtime::io::Interest;
    /// assert_eq!(Interest::READABLE.remove(Interest::READABLE), None);
    /// ```
    #[must_use = "`remove` returns the difference and changes nothing"]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        match self.0 & !other.0 {
            0 => None,
            left => Some(Interest(left)),
        }
    }
}

impl ops::BitOr for Interest {
    type Output = Interest;
    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl ops::BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.is_readable(), "READABLE"),
            (self.is_writable(), "WRITABLE"),
            (self.is_priority(), "PRIORITY"),
            (self.is_error(), "ERROR"),
        ];
        let mut first = true;
        for (_, name) in names.iter().filter(|(set, _)| *set) {
            if !first {
                f.write_str(" | ")?;
            }
            f.write_str(name)?;
            first = false;
        }
        Ok(())
    }
}
