//! Writes lines to stderr, and ignores its errors.
//!
//! `eprintln!` panics if stderr is closed, and blocks if its reader does not read. A message of the
//! runtime must do neither: a panic in the middle of a shutdown leaves half of it undone. So every
//! line of the runtime goes through here (`cargo xtask tidy` checks that):
//!
//! - [`line`] writes on this thread. It waits for as long as stderr takes, so it is for threads
//!   that the runtime has for reports, and for places where user code has just panicked, since that
//!   panic message was written the same way.
//! - [`line_within`] writes on a separate thread and waits no longer than a limit: for shutdowns,
//!   which have one.

use std::io::Write;
use std::thread::Builder;
use std::time::Duration;

use super::primitive::atomic::{AtomicBool, Ordering};
use super::primitive::{Arc, Condvar, Mutex};
use super::process_wide::signal_mask::deafly;

/// Writes a line to stderr, if that is possible.
pub(crate) fn line(text: &str) {
    // In one write, so that lines of other threads do not mix with it.
    let text = format!("{text}\n");
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Whether a line of [`line_within`] has not been written yet.
// No pair: it decides only whether there is one more thread.
static WAITS: AtomicBool = AtomicBool::new(false);

/// Writes a line to stderr, and waits for that up to `limit`. A line that is not written by then
/// may be written later; until then, other lines are dropped.
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
