//! Large futures and closures go to the heap before anything else is done with them.
//!
//! On its way into a task a future is moved from function to function. Where those moves are not
//! optimized away each is a copy on the stack, and a future of a hundred kilobytes overflows it: an
//! unoptimized program on a worker's stack of 2 MiB did at 128 KiB, when it was moved as it is. The
//! optimized program saves copies. What it costs is one more allocation, of which the limit makes
//! little next to the size of the future.

/// What is larger than this many bytes is large. Moves are copies in unoptimized programs, where
/// futures are larger, too.
const LIMIT: usize = if cfg!(debug_assertions) { 2 << 10 } else { 16 << 10 };

pub(crate) const fn is_large<T>() -> bool {
    size_of::<T>() > LIMIT
}

/// Evaluates the expression with the future, or with the closure. It is in a box there if it is
/// large.
///
/// Which of the two it is, is constant also in an unoptimized program: no stack is set aside for
/// the other.
macro_rules! large_on_heap {
    ($future:ident: $type:ty => $with:expr) => {
        if const { $crate::engine::large::is_large::<$type>() } {
            let $future = Box::pin($future);
            $with
        } else {
            $with
        }
    };
    (closure $closure:ident: $type:ty => $with:expr) => {
        if const { $crate::engine::large::is_large::<$type>() } {
            let $closure = Box::new($closure);
            $with
        } else {
            $with
        }
    };
}

pub(crate) use large_on_heap;
