//! What hosts print.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::conductor::baton::{Inside, with};
use crate::raw;

/// Whether it is shown.
static IS_SHOWN: AtomicBool = AtomicBool::new(false);
/// The unfinished line of each host.
static LINES: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

pub(crate) fn set_verbose(on: bool) {
    IS_SHOWN.store(on, Ordering::Relaxed);
}

/// Takes what a thread prints, and shows whole lines with the time and the host in front. No
/// scheduling point: whoever prints holds the lock of the stream.
pub(super) fn print(me: u32, bytes: &[u8]) {
    if !IS_SHOWN.load(Ordering::Relaxed) {
        return;
    }
    let (host, name, now) = with(|conductor| {
        let host = conductor.threads[me as usize].host;
        (host, conductor.host_name(host).to_owned(), conductor.now)
    });
    let _inside = Inside::enter();
    let Ok(mut lines) = LINES.try_lock() else { return };
    let at = host.wrapping_add(1) as usize;
    if lines.len() <= at {
        lines.resize(at + 1, Vec::new());
    }
    lines[at].extend_from_slice(bytes);
    while let Some(end) = lines[at].iter().position(|&byte| byte == b'\n') {
        let line: Vec<u8> = lines[at].drain(..=end).collect();
        let mut shown = format!("[{:12.6} s {name}] ", now as f64 / 1e9).into_bytes();
        shown.extend(line);
        raw::write(2, &shown);
    }
}
