//! The standard streams as handles.

use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, RawHandle};

use super::{Stderr, Stdin, Stdout};

macro_rules! as_handle {
    ($($stream:ty)*) => { $(
        impl AsHandle for $stream {
            fn as_handle(&self) -> BorrowedHandle<'_> {
                self.std.as_handle()
            }
        }

        impl AsRawHandle for $stream {
            fn as_raw_handle(&self) -> RawHandle {
                self.std.as_raw_handle()
            }
        }
    )* };
}

as_handle!(Stdin Stdout Stderr);
