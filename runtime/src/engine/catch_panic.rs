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
        // Payloads of `panic!` drop without a panic. Any other could panic again without end.
        if !again.is::<&'static str>() && !again.is::<String>() {
            std::mem::forget(again);
        }
    }
}
