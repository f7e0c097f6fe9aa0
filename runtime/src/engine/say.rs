//! Writes lines to stderr, and ignores errors of it.
//!
//! `eprintln!` panics where stderr is closed, and it waits where nobody reads what is written.
//! Neither may happen to a program because the runtime has something to say: a panic in the middle
//! of a shutdown leaves half of it undone. So every line of the runtime goes through here
//! (`cargo xtask tidy` sees to it):
//!
//! - [`line`] writes on this thread, and nobody is told of an error: there is nobody who could be.
//!   It waits for as long as stderr takes, so it is for threads that the runtime has for that, and
//!   where user code has just failed, whose own panic message has gone the same way.
//! - [`line_within`] writes on a thread of its own and waits no longer than it is told: for
//!   shutdowns, which have a limit.

use std::io::Write;
use std::thread::Builder;
use std::time::Duration;

use super::primitive::atomic::{AtomicBool, Ordering};
use super::primitive::{Arc, Condvar, Mutex};
use super::process_wide::signal_mask::deafly;

/// Writes a line to stderr, if that is possible.
pub(crate) fn line(text: &str) {
    // In one piece, so that the lines of other threads stay apart.
    let text = format!("{text}\n");
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// A line of [`line_within`] that has not been written yet.
// No pair: it decides only whether there is one more thread.
static WAITS: AtomicBool = AtomicBool::new(false);

/// Writes a line to stderr, and waits for that up to `limit`. What has not been written by then may
/// be later; until it has, other lines are left out.
pub(crate) fn line_within(text: String, limit: Duration) {
    if WAITS.swap(true, Ordering::Relaxed) {
        return;
    }
    let written = Arc::new((Mutex::new(false), Condvar::new()));
    let writers = Arc::clone(&written);
    let write = move || {
        line(&text);
        WAITS.store(false, Ordering::Relaxed);
        *writers.0.lock() = true;
        writers.1.notify_one(); // wake: line written
    };
    let writer = Builder::new().name("runtime-line".to_owned());
    let Ok(_writer) = deafly(|| writer.spawn(write)) else {
        WAITS.store(false, Ordering::Relaxed);
        return;
    };
    let mut done = written.0.lock();
    let mut left = limit;
    let begun = std::time::Instant::now();
    while !*done && !left.is_zero() {
        written.1.wait_for(&mut done, left);
        left = limit.saturating_sub(begun.elapsed());
    }
}
