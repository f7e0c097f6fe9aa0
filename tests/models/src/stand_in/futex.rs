//! The kernel's part of a futex: who waits on which word.
//!
//! loom may switch threads at its own operations only. So what stands behind an access of the word
//! and before the next one happens at once with it, as under the kernel's lock; and, unlike a lock,
//! it orders nothing for the two sides that the word does not order.

use std::cell::RefCell;
use std::time::Duration;

use loom::thread::{self, Thread};

use super::atomic::{AtomicU32, Ordering};

thread_local! {
    // All threads of a model are on one thread of the system.
    static WAITING: RefCell<Vec<(usize, Thread)>> = const { RefCell::new(Vec::new()) };
}

fn address(word: &AtomicU32) -> usize {
    std::ptr::from_ref(word).addr()
}

/// loom has no time: a wait with a limit ends at once, as one whose limit has passed.
pub(super) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    if timeout.is_some() {
        return thread::yield_now();
    }
    // The kernel compares with the word as it is; a load might see an older value.
    if word.fetch_or(0, Ordering::Relaxed) == expected {
        WAITING.with_borrow_mut(|waiting| waiting.push((address(word), thread::current())));
        thread::park();
    }
}

pub(super) fn wake_one(word: &AtomicU32) {
    let woken = WAITING.with_borrow_mut(|waiting| {
        let place = waiting.iter().position(|(other, _)| *other == address(word))?;
        Some(waiting.remove(place).1)
    });
    if let Some(thread) = woken {
        thread.unpark();
    }
}
