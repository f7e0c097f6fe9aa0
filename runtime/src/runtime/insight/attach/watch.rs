//! Looks at the runtimes once a second for what is wrong (`insight/lints.rs`), and tells it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::json::Json;
use super::super::lints::{Finding, Lints};
use super::super::settings::OnFinding;
use crate::engine::catch_panic::catch_panic;
use crate::engine::say;
use crate::runtime::handle::Handle;
use crate::runtime::serial_thread::SerialThread;

/// Between two looks. A deadlock is told after two of them.
const EVERY: Duration = Duration::from_secs(1);
/// Looks that take long are made less often: they use at most one part in so many of a processor.
const SHARE: u32 = 50;
/// How many findings are kept for clients.
const KEPT: usize = 100;

/// A runtime that can be looked into.
pub(super) struct Open {
    pub(super) handle: Handle,
    pub(super) hears: Option<OnFinding>,
}

/// What was found in all runtimes.
pub(super) struct Watch {
    /// With the number of the runtime.
    lints: Vec<(u64, Lints)>,
    found: VecDeque<(u64, Finding)>,
    last: Instant,
    next: Instant,
    /// Writes lines and calls hooks, which may block.
    speaks: SerialThread,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.speaks.close();
    }
}

impl Watch {
    pub(super) fn new(now: Instant) -> Watch {
        let speaks = SerialThread::new("insight-findings", KEPT);
        let (lints, found) = (Vec::new(), VecDeque::new());
        Watch { lints, found, last: now, next: now + EVERY, speaks }
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
        self.lints.retain(|(id, _)| is_there(*id));
        for Open { handle, hears } in &runtimes {
            let id = handle.id().as_u64();
            let depth = handle.metrics().global_queue_depth();
            let dump = handle.task_dump();
            let known = self.lints.iter().position(|(of, _)| *of == id);
            let at = known.unwrap_or_else(|| {
                self.lints.push((id, Lints::default()));
                self.lints.len() - 1
            });
            for finding in self.lints[at].1.look(&dump, depth, passed) {
                self.tell(handle, hears.clone(), finding.clone());
                self.found.truncate(KEPT - 1);
                self.found.push_front((id, finding));
            }
        }
        self.last = now;
        self.next = now + EVERY.max(now.elapsed() * SHARE);
    }

    /// Tells what was found, unless the thread for it is stuck. Clients can still ask for it.
    fn tell(&self, handle: &Handle, hears: Option<OnFinding>, finding: Finding) {
        let of = handle.name().map(|name| format!(" {name:?}")).unwrap_or_default();
        let told = self.speaks.add(Box::new(move || match hears {
            Some(hear) => catch_panic(|| hear(&finding)),
            None => say::line(&format!("runtime{of}: {finding}")),
        }));
        drop(told);
    }

    /// The last findings and reports of stalls, as JSON, the newest first.
    pub(super) fn to_json(&self, runtimes: &[Handle]) -> String {
        let mut json = Json::new();
        json.object(|json| {
            json.list("findings", self.found.iter(), |json, (runtime, finding)| {
                json.member("runtime", runtime);
                json.member("kind", finding.kind.name());
                json.member("text", &finding.to_string());
                json.list("tasks", finding.tasks.iter(), |json, id| json.member("id", id));
            });
            let stalls = runtimes.iter().flat_map(|handle| {
                let stalls = handle.recent_stalls();
                stalls.into_iter().map(|(ago, text)| (handle.id(), ago, text))
            });
            json.list("stalls", stalls, |json, (runtime, ago, text)| {
                json.member("runtime", &runtime);
                json.member("us_ago", &ago);
                json.member("text", &text);
            });
        });
        json.into_string()
    }
}
