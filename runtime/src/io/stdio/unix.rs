//! The standard streams as file descriptors.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use super::{Stderr, Stdin, Stdout};

macro_rules! as_fd {
    ($($stream:ty: $($path:tt).+;)*) => { $(
        impl AsFd for $stream {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.$($path).+.as_fd()
            }
        }

        impl AsRawFd for $stream {
            fn as_raw_fd(&self) -> RawFd {
                self.$($path).+.as_raw_fd()
            }
        }
    )* };
}

as_fd!(Stdin: device; Stdout: 0.device; Stderr: 0.device;);
