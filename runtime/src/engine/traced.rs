//! Polls in which leaf futures say where they are, and do nothing else: what tokio's
//! `dump::trace_with` asks for.
//!
//! Such a poll has a budget of its own (`coop.rs`), of which nothing is left. So each leaf is
//! refused its unit, by the path that it has for that; the refusal calls [`trace_leaf`], which
//! calls whoever wants to know. That one has to wake the leaf later, or it would be lost. Not at
//! once: a set of futures would poll it again in the same poll, and so for ever.
//!
//! # Invariant
//!
//! 1. What [`LEAF`] points to is on the stack of [`with`], further out on the same thread: a guard
//!    takes the pointer back before `with` returns or unwinds. While it is called it is not there.
#![allow(unsafe_code, reason = "a scoped thread-local pointer; docs/unsafe.md, H2")]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::task::{Context, Waker};

/// Whether a poll can be traced.
pub(crate) const CAN_BE: bool = true;

/// What is called at a leaf, with the addresses of the function of the root and of that of the
/// leaf, and the waker.
type Leaf = dyn FnMut(Option<*const c_void>, *const c_void, &Waker);

thread_local! {
    static LEAF: Cell<Option<NonNull<Leaf>>> = const { Cell::new(None) };
    static ROOT: Cell<Option<*const c_void>> = const { Cell::new(None) };
}

/// Puts back what was there.
struct Restore(Option<NonNull<Leaf>>);

impl Drop for Restore {
    fn drop(&mut self) {
        LEAF.set(self.0);
    }
}

/// Calls `f`, and `leaf` at each leaf that is reached in it.
pub(crate) fn with<'a, R>(
    f: impl FnOnce() -> R,
    leaf: &'a mut (dyn FnMut(Option<*const c_void>, *const c_void, &Waker) + 'a),
) -> R {
    let leaf = NonNull::from(leaf);
    // SAFETY: only the lifetime changes; it is called while it lives only (invariant 1).
    let leaf = unsafe {
        std::mem::transmute::<
            NonNull<dyn FnMut(Option<*const c_void>, *const c_void, &Waker) + 'a>,
            NonNull<Leaf>,
        >(leaf)
    };
    let _outer = Restore(LEAF.replace(Some(leaf)));
    f()
}

/// A leaf is polled. Its frame in a backtrace ends what is of the leaf.
#[inline(never)]
pub(crate) fn trace_leaf(cx: &Context<'_>) {
    if let Some(mut leaf) = LEAF.take() {
        let _again = Restore(Some(leaf));
        // SAFETY: it lives, and nobody else has it (invariant 1).
        let leaf = unsafe { leaf.as_mut() };
        leaf(ROOT.get(), trace_leaf as *const c_void, cx.waker());
    } else {
        // What is called at a leaf polls others.
        cx.waker().wake_by_ref();
    }
}

/// From here on, on this thread, `root` is the function where backtraces end.
pub(crate) struct Root {
    outer: Option<*const c_void>,
}

impl Root {
    pub(crate) fn enter(root: *const c_void) -> Root {
        Root { outer: ROOT.replace(Some(root)) }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        ROOT.set(self.outer);
    }
}
