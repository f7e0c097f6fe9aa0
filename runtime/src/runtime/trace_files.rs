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
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::primitive::Mutex;
use crate::engine::say;
use crate::runtime::serial_thread::SerialThread;

/// The least time between two files.
const EVERY: Duration = Duration::from_secs(1);
/// The most files of one runtime.
const MOST_FILES: usize = 16;

/// Takes a trace: the name of the runtime among those of the process, and the bytes. `None` if the
/// runtime is gone.
pub(super) type TakeTrace = Arc<dyn Fn() -> Option<(String, Vec<u8>)> + Send + Sync>;

/// Writes traces of one runtime.
pub(super) struct TraceFiles {
    folder: PathBuf,
    take: TakeTrace,
    last: Mutex<Option<Instant>>,
    written: Arc<Mutex<Written>>,
    thread: SerialThread,
}

#[derive(Default)]
struct Written {
    files: VecDeque<PathBuf>,
    count: u64,
    /// Whether a failure has been reported.
    has_failed: bool,
}

impl TraceFiles {
    pub(super) fn new(folder: PathBuf, take: TakeTrace) -> TraceFiles {
        let thread = SerialThread::new("runtime-trace", 1);
        TraceFiles { folder, take, last: Mutex::default(), written: Arc::default(), thread }
    }

    /// The thread that writes.
    pub(super) fn thread(&self) -> &SerialThread {
        &self.thread
    }

    /// Has a file written, unless one was written just now. `why` becomes a part of its name. Does
    /// not wait.
    pub(super) fn write(&self, why: &'static str) {
        {
            let mut last = self.last.lock();
            if last.is_some_and(|last| last.elapsed() < EVERY) {
                return;
            }
            *last = Some(Instant::now());
        }
        let (folder, take) = (self.folder.clone(), Arc::clone(&self.take));
        let written = Arc::clone(&self.written);
        // A refused job leaves no file: the runtime ends, or no thread could be started.
        let _ = self.thread.add(Box::new(move || {
            let Some((runtime, bytes)) = take() else { return };
            let mut written = written.lock();
            let number = written.count;
            written.count += 1;
            let name = format!("trace-{}-{runtime}-{number}-{why}.rttrace", std::process::id());
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
