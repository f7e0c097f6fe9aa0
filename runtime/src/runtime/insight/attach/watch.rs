//! Looks at the runtimes once a second for what is wrong (`insight/lints.rs`), and tells it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::json::Json;
use super::super::lints::{Finding, Lints};
use super::super::settings::OnFinding;
use crate::engine::catch_panic::catch_panic;
use crate::engine::say;
use crate::runtime::handle::Handle;

/// Between two looks. A deadlock is told after two of them.
const EVERY: Duration = Duration::from_secs(1);
/// A look that takes long is made less often: no more than 1 in so many of one processor is spent.
const SHARE: u32 = 50;
/// So many findings are kept for clients.
const KEPT: usize = 100;

/// A runtime that is there.
pub(super) struct Open {
    pub(super) handle: Handle,
    pub(super) hears: Option<OnFinding>,
}

/// What was seen of all runtimes.
pub(super) struct Watch {
    lints: HashMap<u64, Lints>,
    found: VecDeque<(u64, Finding)>,
    last: Instant,
    next: Instant,
}

impl Watch {
    pub(super) fn new(now: Instant) -> Watch {
        Watch { lints: HashMap::new(), found: VecDeque::new(), last: now, next: now + EVERY }
    }

    /// When the next look is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Looks, if that is due.
    pub(super) fn turn(&mut self, now: Instant, runtimes: impl FnOnce() -> Vec<Open>) {
        if now < self.next {
            return;
        }
        let runtimes = runtimes();
        let passed = now - self.last;
        let is_there = |id| runtimes.iter().any(|open| open.handle.id().as_u64() == id);
        self.lints.retain(|id, _| is_there(*id));
        for Open { handle, hears } in &runtimes {
            let id = handle.id().as_u64();
            let depth = handle.metrics().global_queue_depth();
            let dump = handle.task_dump();
            for finding in self.lints.entry(id).or_default().look(&dump, depth, passed) {
                tell(handle, hears.as_ref(), &finding);
                self.found.truncate(KEPT - 1);
                self.found.push_front((id, finding));
            }
        }
        self.last = now;
        self.next = now + EVERY.max(now.elapsed() * SHARE);
    }

    /// The last findings, as JSON, the newest first.
    pub(super) fn to_json(&self) -> String {
        let mut json = Json::new();
        json.object(|json| {
            json.list("findings", self.found.iter(), |json, (runtime, finding)| {
                json.member("runtime", runtime);
                json.member("kind", finding.kind.name());
                json.member("text", &finding.to_string());
                json.list("tasks", finding.tasks.iter(), |json, id| json.member("id", id));
            });
        });
        json.into_string()
    }
}

fn tell(handle: &Handle, hears: Option<&OnFinding>, finding: &Finding) {
    match hears {
        Some(hear) => catch_panic(|| hear(finding)),
        None => {
            let of = handle.name().map(|name| format!(" {name:?}")).unwrap_or_default();
            say::line(&format!("runtime{of}: {finding}"));
        }
    }
}
