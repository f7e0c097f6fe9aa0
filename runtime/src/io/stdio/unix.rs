//! The standard streams as file descriptors.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use super::{Stderr, Stdin, Stdout};

macro_rules! as_fd {
    ($($stream:ty)*) => { $(
        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.std.as_fd()
            }
        }

        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> RawFd {
                self.std.as_raw_fd()
            }
        }
    )* };
}

as_fd!(Stdin Stdout Stderr);
