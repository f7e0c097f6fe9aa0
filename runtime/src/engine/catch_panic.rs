//! Calls user code and catches its panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls user code. Its panic has been shown by the panic hook and goes no further.
pub(crate) fn catch_panic(f: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(f)) {
        forget_panic(panic);
    }
}

/// Drops a panic's payload, which may panic itself.
pub(crate) fn forget_panic(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // What `panic!` makes is dropped without a panic. Anything else could go on like this for
        // ever.
        if !again.is::<&'static str>() && !again.is::<String>() {
            std::mem::forget(again);
        }
    }
}
