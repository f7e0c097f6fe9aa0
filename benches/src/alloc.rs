//! The system's allocator, counted while somebody asks.
//!
//! Counting is off except around a measurement of memory: off, it costs one relaxed load a call,
//! for every peer alike.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

pub struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicI64 = AtomicI64::new(0);
static ASKED: AtomicI64 = AtomicI64::new(0);
static HELD: AtomicI64 = AtomicI64::new(0);

/// What happened between [`start`] and [`stop`].
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    /// Calls of `alloc` (a `realloc` counts as one).
    pub calls: i64,
    /// Bytes asked for and not given back.
    pub asked: i64,
    /// Bytes the allocator set aside for them, by `malloc_usable_size`.
    pub held: i64,
}

pub fn start() {
    CALLS.store(0, Relaxed);
    ASKED.store(0, Relaxed);
    HELD.store(0, Relaxed);
    ON.store(true, Relaxed);
}

pub fn stop() -> Counts {
    ON.store(false, Relaxed);
    Counts { calls: CALLS.load(Relaxed), asked: ASKED.load(Relaxed), held: HELD.load(Relaxed) }
}

fn usable(p: *mut u8) -> i64 {
    // SAFETY: called with a live pointer that `System` returned, which is malloc's on this
    // platform.
    unsafe { libc::malloc_usable_size(p.cast()) as i64 }
}

#[cold]
fn count(p: *mut u8, size: usize, sign: i64) {
    if p.is_null() {
        return;
    }
    CALLS.fetch_add((sign > 0) as i64, Relaxed);
    ASKED.fetch_add(sign * size as i64, Relaxed);
    HELD.fetch_add(sign * usable(p), Relaxed);
}

// SAFETY: every call goes to `System` unchanged; the counting neither allocates nor touches the
// memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        let p = unsafe { System.alloc(layout) };
        if ON.load(Relaxed) {
            count(p, layout.size(), 1);
        }
        p
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        let p = unsafe { System.alloc_zeroed(layout) };
        if ON.load(Relaxed) {
            count(p, layout.size(), 1);
        }
        p
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        if ON.load(Relaxed) {
            count(p, layout.size(), -1);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(p, layout) }
    }
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let on = ON.load(Relaxed);
        if on {
            count(p, layout.size(), -1);
        }
        // SAFETY: the caller's promise is passed on.
        let new = unsafe { System.realloc(p, layout, size) };
        if on {
            count(new, size, 1);
        }
        new
    }
}
