//! Moves large futures and closures to the heap before anything else is done with them.
//!
//! On its way into a task a future is moved from function to function. Moves that are not optimized
//! away are copies on the stack, and a future of a hundred kilobytes overflows it: without this, an
//! unoptimized program overflowed a worker's stack of 2 MiB at 128 KiB. An optimized program saves
//! copies. The cost is one more allocation, which is little beside the size of the future.

/// The size in bytes above which a value is large. It is lower in unoptimized programs, where moves
/// are copies.
const LIMIT: usize = if cfg!(debug_assertions) { 2 << 10 } else { 16 << 10 };

pub(crate) const fn is_large<T>() -> bool {
    size_of::<T>() > LIMIT
}

/// The size of a future or closure that is in a box because it is large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FullSize(usize);

impl FullSize {
    /// For a future or closure that is boxed only if it is large.
    #[inline]
    pub(crate) const fn of<F>() -> FullSize {
        FullSize(if is_large::<F>() { size_of::<F>() } else { 0 })
    }

    /// For a future or closure that is not boxed.
    #[inline]
    pub(crate) const fn same() -> FullSize {
        FullSize(0)
    }

    /// The size, if there is a box.
    pub(crate) fn get(self) -> Option<usize> {
        (self.0 > 0).then_some(self.0)
    }
}

/// Evaluates the expression with the future or closure, which is in a box if it is large.
///
/// The branch is constant also in an unoptimized program: no stack is reserved for the other one.
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
