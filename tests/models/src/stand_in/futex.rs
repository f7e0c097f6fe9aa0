//! The kernel's part of a futex: which threads wait on which word.
//!
//! loom switches threads only at its own operations. So code between an access of the word and the
//! next one runs at once with that access, as under the kernel's lock. Unlike a lock, it adds no
//! ordering between the two sides beyond that of the word.

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

/// loom has no time: a wait with a limit ends at once, as if its limit had passed.
pub(super) fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    if timeout.is_some() {
        return thread::yield_now();
    }
    // The kernel compares with the latest value of the word; a load might see an older one.
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
