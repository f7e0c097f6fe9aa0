//! Writes what the flight recorder holds to files, when something goes wrong.
//!
//! A stall or a panic of a task is often noticed when its cause is long over, and nobody is there
//! to ask for a trace. So a runtime can be told to write one by itself.
//!
//! # Limits
//!
//! 1. At most one file a second: what comes sooner is left out, since the file that was just
//!    written has most of it.
//! 2. At most [`MOST_FILES`] files of one runtime: the oldest goes when one more comes.
//! 3. They are written by a thread of its own, which takes no signals: neither the thread that
//!    panics waits for the disk nor the one that watches for stalls.
//! 4. A file appears with all of its content: it has another name until it is complete.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::engine::primitive::Mutex;
use crate::engine::say;
use crate::runtime::handle::{Handle, Inner};
use crate::runtime::serial_thread::SerialThread;

/// Between two files.
const EVERY: Duration = Duration::from_secs(1);
/// Of one runtime.
const MOST_FILES: usize = 16;
/// How far a file reaches back, if the recorder does.
const LAST: Duration = Duration::from_secs(10);

/// Writes traces of one runtime.
pub(crate) struct TraceFiles {
    folder: PathBuf,
    runtime: Arc<OnceLock<Weak<Inner>>>,
    last: Mutex<Option<Instant>>,
    written: Arc<Mutex<Written>>,
    thread: SerialThread,
}

#[derive(Default)]
struct Written {
    files: VecDeque<PathBuf>,
    count: u64,
    /// It has been said that it fails.
    has_failed: bool,
}

impl TraceFiles {
    pub(crate) fn new(folder: PathBuf, runtime: Arc<OnceLock<Weak<Inner>>>) -> TraceFiles {
        let thread = SerialThread::new("runtime-trace", 1);
        TraceFiles { folder, runtime, last: Mutex::default(), written: Arc::default(), thread }
    }

    /// The thread that writes.
    pub(crate) fn thread(&self) -> &SerialThread {
        &self.thread
    }

    /// Something has happened: a file is written, unless one was just now. `why` becomes a part of
    /// its name. Waits for nobody.
    pub(crate) fn write(&self, why: &'static str) {
        {
            let mut last = self.last.lock();
            if last.is_some_and(|last| last.elapsed() < EVERY) {
                return;
            }
            *last = Some(Instant::now());
        }
        let (folder, runtime) = (self.folder.clone(), Arc::clone(&self.runtime));
        let written = Arc::clone(&self.written);
        // What is refused has nobody to be written by: the runtime ends, or there is no thread.
        let _ = self.thread.add(Box::new(move || {
            let Some(handle) = runtime.get().and_then(Handle::upgrade) else { return };
            let bytes = handle.trace(LAST).to_bytes();
            let id = handle.id();
            drop(handle);
            let mut written = written.lock();
            let number = written.count;
            written.count += 1;
            let name = format!("trace-{}-{id}-{number}-{why}.rttrace", std::process::id());
            match write(&folder, &name, &bytes) {
                Ok(path) => written.add(path),
                Err(error) if !std::mem::replace(&mut written.has_failed, true) => {
                    let folder = folder.display();
                    say::line(&format!("runtime: cannot write a trace to {folder}: {error}"));
                }
                Err(_) => {}
            }
        }));
    }
}

impl Written {
    fn add(&mut self, path: PathBuf) {
        self.has_failed = false;
        self.files.push_back(path);
        if self.files.len() > MOST_FILES {
            if let Some(oldest) = self.files.pop_front() {
                // Somebody else may have removed it.
                let _ = fs::remove_file(oldest);
            }
        }
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(name);
    let unfinished = folder.join(format!("{name}.part"));
    let done = fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, &path));
    if done.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    done.map(|()| path)
}
