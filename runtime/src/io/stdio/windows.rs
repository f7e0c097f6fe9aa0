//! The standard streams as handles.

use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, RawHandle};

use super::{Stderr, Stdin, Stdout};

macro_rules! as_handle {
    ($($stream:ty: $($path:tt).+;)*) => { $(
        impl AsHandle for $stream {
            fn as_handle(&self) -> BorrowedHandle<'_> {
                self.$($path).+.as_handle()
            }
        }

        impl AsRawHandle for $stream {
            fn as_raw_handle(&self) -> RawHandle {
                self.$($path).+.as_raw_handle()
            }
        }
    )* };
}

as_handle!(Stdin: device; Stdout: 0.device; Stderr: 0.device;);
