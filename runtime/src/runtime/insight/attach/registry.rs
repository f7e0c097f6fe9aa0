//! The runtimes of this process that can be looked into.

use std::sync::{OnceLock, Weak};
use std::time::Duration;

use super::super::settings::{Insight, OnFinding};
use super::server::Server;
use super::watch::Open;
use crate::engine::primitive::Mutex;
use crate::engine::process_wide::fork::ForkGeneration;
use crate::engine::say;
use crate::runtime::handle::{Handle, Inner};
use crate::runtime::id::RuntimeId;

/// How long the start of a runtime waits for a line on stderr.
const SAY_WITHIN: Duration = Duration::from_secs(1);

/// A runtime that was opened, and what hears of its findings.
type Known = (RuntimeId, Weak<Inner>, Option<OnFinding>);

/// What a process knows of its runtimes. A forked child has another registry, so it never takes a
/// lock that a thread of its parent held.
struct Registry {
    generation: ForkGeneration,
    state: Mutex<State>,
    /// The registry of forked children.
    next: OnceLock<Box<Registry>>,
}

#[derive(Default)]
struct State {
    runtimes: Vec<Known>,
    /// Runs while there are runtimes, unless its start has failed.
    server: Option<Server>,
    /// Whether the failure has been reported.
    has_said: bool,
}

static FIRST: OnceLock<Registry> = OnceLock::new();

impl Registry {
    fn new() -> Registry {
        let generation = ForkGeneration::here();
        Registry { generation, state: Mutex::default(), next: OnceLock::new() }
    }
}

/// The registry of this process.
fn here() -> &'static Registry {
    let mut registry = FIRST.get_or_init(Registry::new);
    while registry.generation.is_in_parent() {
        registry = registry.next.get_or_init(|| Box::new(Registry::new()));
    }
    registry
}

/// A runtime that other programs can look into until this is dropped. Empty without insight.
pub(in crate::runtime) struct Attached {
    open: Option<(&'static Registry, RuntimeId)>,
}

/// Lets other programs look into the runtime from now on, if its insight is on.
pub(in crate::runtime) fn open(handle: &Handle, insight: &Insight) -> Attached {
    if !handle.is_insight_on() || !insight.is_open() {
        return Attached { open: None };
    }
    let registry = here();
    let error = {
        let mut state = registry.state.lock();
        let hears = insight.hears_findings().cloned();
        state.runtimes.push((handle.id(), handle.downgrade(), hears));
        match &state.server {
            Some(_) => None,
            None => match Server::start(Box::new(|| runtimes(registry))) {
                Ok(server) => {
                    state.server = Some(server);
                    None
                }
                Err(error) => (!std::mem::replace(&mut state.has_said, true)).then_some(error),
            },
        }
    };
    if let Some(error) = error {
        let text = format!("runtime: no program can look into this one: {error}");
        say::line_within(text, SAY_WITHIN);
    }
    Attached { open: Some((registry, handle.id())) }
}

/// The runtimes that have not ended, in the order of their starts.
fn runtimes(registry: &Registry) -> Vec<Open> {
    let state = registry.state.lock();
    let open = |(_, weak, hears): &Known| {
        Some(Open { handle: Handle::upgrade(weak)?, hears: hears.clone() })
    };
    state.runtimes.iter().filter_map(open).collect()
}

impl Drop for Attached {
    fn drop(&mut self) {
        let Some((registry, id)) = self.open.take() else { return };
        if registry.generation.is_in_parent() {
            // In a forked child, the socket is the parent's.
            return;
        }
        let mut state = registry.state.lock();
        state.runtimes.retain(|(other, ..)| *other != id);
        if state.runtimes.is_empty() {
            // Under the lock: the next server finds the path free.
            drop(state.server.take());
        }
    }
}
