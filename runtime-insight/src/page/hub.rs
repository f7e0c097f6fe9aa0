//! What one page knows of its program.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::history::History;
use super::snapshot::{Before, Snapshot};
use super::source::{Source, lock};
use super::task;
use crate::answers::Hello;
use crate::error::Error;

/// A snapshot that nobody has looked at for so long is dropped: it can be large.
const GIVEN_UP: Duration = Duration::from_secs(30);
/// The pause before the next dump is so many times the time that the last dump took.
const REST: u32 = 5;
/// The pause is at least this long.
const SHORTEST_REST: Duration = Duration::from_millis(500);

/// What a page knows. Everything that asks the program blocks.
pub(super) struct Hub {
    source: Box<dyn Source>,
    snapshots: Mutex<Snapshots>,
    pub(super) history: Mutex<History>,
    /// Why the last sample failed.
    trouble: Mutex<Option<String>>,
}

#[derive(Default)]
struct Snapshots {
    held: Option<(Arc<Snapshot>, Instant)>,
    before: Option<Before>,
    count: u64,
}

impl Hub {
    pub(super) fn new(source: impl Source) -> Hub {
        Hub {
            source: Box::new(source),
            snapshots: Mutex::default(),
            history: Mutex::new(History::new()),
            trouble: Mutex::default(),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.source.has_ended()
    }

    /// Reads the numbers once. To be called each second.
    pub(super) fn tick(&self) {
        {
            let mut snapshots = lock(&self.snapshots);
            if snapshots.held.as_ref().is_some_and(|(_, used)| used.elapsed() > GIVEN_UP) {
                (snapshots.held, snapshots.before) = (None, None);
            }
        }
        let metrics = self.ask("metrics").and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
        let trouble = match metrics {
            Ok(metrics) => {
                lock(&self.history).add(Instant::now(), metrics);
                None
            }
            Err(error) => Some(error.to_string()),
        };
        *lock(&self.trouble) = trouble;
    }

    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    pub(super) fn ask(&self, request: &str) -> Result<Vec<u8>, Error> {
        self.source.ask(request)
    }

    pub(super) fn hello(&self) -> Result<Hello, Error> {
        Ok(serde_json::from_slice(&self.ask("hello")?)?)
    }

    /// Returns the snapshot with this number if it is still there, or else one that is new enough.
    pub(super) fn snapshot(&self, number: Option<u64>) -> Result<Arc<Snapshot>, Error> {
        // Later callers wait for the same one.
        let mut snapshots = lock(&self.snapshots);
        if let Some((held, used)) = &mut snapshots.held {
            let rest = SHORTEST_REST.max(held.cost * REST);
            if number == Some(held.number) || held.taken.elapsed() < rest {
                *used = Instant::now();
                return Ok(Arc::clone(held));
            }
        }
        let began = Instant::now();
        // If that fails, the snapshot before stays.
        let bytes = self.ask("dump")?;
        if let Some((held, _)) = snapshots.held.take() {
            snapshots.before = Some(held.as_before());
        }
        let dump = task::read(&bytes)?;
        drop(bytes);
        snapshots.count += 1;
        let snapshot = Snapshot::new(snapshots.count, began, dump, snapshots.before.as_ref());
        let snapshot = Arc::new(snapshot);
        snapshots.held = Some((Arc::clone(&snapshot), Instant::now()));
        Ok(snapshot)
    }
}
