//! Futures that wait for a descriptor.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use runtime::io::unix::FdReady;

use crate::Async;

macro_rules! waits {
    ($($name:ident<$($lifetime:lifetime,)? T>($handle:ty), $method:ident;)*) => {$(
        #[doc = concat!("Future of [`Async::", stringify!($method), "`].")]
        #[must_use = "futures do nothing unless you `.await` or poll them"]
        pub struct $name<$($lifetime,)? T> {
            // First, so that it ends before the handle goes.
            wait: FdReady,
            _handle: $handle,
        }

        impl<$($lifetime,)? T> $name<$($lifetime,)? T> {
            pub(crate) fn new(handle: $handle, wait: FdReady) -> Self {
                $name { wait, _handle: handle }
            }
        }

        // The handle is not pinned.
        impl<$($lifetime,)? T> Unpin for $name<$($lifetime,)? T> {}

        impl<$($lifetime,)? T> Future for $name<$($lifetime,)? T> {
            type Output = io::Result<()>;

            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.wait).poll(cx)
            }
        }

        impl<$($lifetime,)? T> fmt::Debug for $name<$($lifetime,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

waits! {
    Readable<'a, T>(&'a Async<T>), readable;
    ReadableOwned<T>(Arc<Async<T>>), readable_owned;
    Writable<'a, T>(&'a Async<T>), writable;
    WritableOwned<T>(Arc<Async<T>>), writable_owned;
}
