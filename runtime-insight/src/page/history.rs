//! The numbers of the last minutes, a sample each second.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::answers::{Metrics, RuntimeNumbers};

/// How often the numbers are read.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// How many samples are kept: five minutes.
const KEPT: usize = 300;

/// The samples, and the last numbers as they came.
pub(super) struct History {
    began: Instant,
    samples: VecDeque<Sample>,
    /// The number of the next sample.
    next: u64,
    last: Option<(Instant, Metrics)>,
}

/// The numbers of one second.
#[derive(Clone, Serialize)]
pub(super) struct Sample {
    number: u64,
    /// In milliseconds since the page began.
    at_ms: u64,
    runtimes: Vec<OfRuntime>,
}

#[derive(Clone, Serialize)]
struct OfRuntime {
    id: u64,
    /// How busy each worker was, in percent.
    busy: Vec<f64>,
    tasks: f64,
    /// Ready tasks in all queues.
    queued: f64,
    blocking_threads: f64,
    blocking_idle: f64,
    blocking_queue: f64,
    timers: f64,
    descriptors: f64,
    /// This and the next four are rates: how many there were in a second.
    polls: f64,
    spawns: f64,
    io_events: f64,
    timers_set: f64,
    steals: f64,
    /// The stalls since the sample before.
    stalls: f64,
}

impl History {
    pub(super) fn new() -> History {
        History { began: Instant::now(), samples: VecDeque::new(), next: 0, last: None }
    }

    pub(super) fn add(&mut self, now: Instant, metrics: Metrics) {
        let empty = HashMap::new();
        let (passed, before) = match &self.last {
            Some((then, before)) => {
                let before = before.runtimes.iter().map(|one| (one.id, one)).collect();
                (now.saturating_duration_since(*then).as_secs_f64(), before)
            }
            None => (0.0, empty),
        };
        // The first numbers have nothing to be compared with.
        if passed > 0.0 {
            let each = metrics.runtimes.iter();
            let runtimes = each
                .filter_map(|one| Some(OfRuntime::of(one, before.get(&one.id)?, passed)))
                .collect();
            if self.samples.len() == KEPT {
                self.samples.pop_front();
            }
            let at_ms = now.saturating_duration_since(self.began).as_millis() as u64;
            self.samples.push_back(Sample { number: self.next, at_ms, runtimes });
            self.next += 1;
        }
        self.last = Some((now, metrics));
    }

    /// The samples from this number on, as far as they are kept.
    pub(super) fn since(&self, number: u64) -> Vec<Sample> {
        self.samples.iter().filter(|sample| sample.number >= number).cloned().collect()
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn last(&self) -> Option<&Metrics> {
        self.last.as_ref().map(|(_, metrics)| metrics)
    }
}

fn of_worker(worker: &Map<String, Value>, name: &str) -> f64 {
    worker.get(name).and_then(Value::as_f64).unwrap_or(0.0)
}

impl OfRuntime {
    fn of(now: &RuntimeNumbers, before: &RuntimeNumbers, passed: f64) -> OfRuntime {
        let sum = |one: &RuntimeNumbers, name: &str| -> f64 {
            one.per_worker.iter().map(|worker| of_worker(worker, name)).sum()
        };
        let rate = |name| (now.number(name) - before.number(name)).max(0.0) / passed;
        let rate_of_workers = |name| (sum(now, name) - sum(before, name)).max(0.0) / passed;
        let workers = now.per_worker.iter().zip(&before.per_worker);
        let descriptors = now.number("io_descriptors_registered_total")
            - now.number("io_descriptors_deregistered_total");
        OfRuntime {
            id: now.id,
            busy: workers.map(|(now, before)| percent(now, before, passed)).collect(),
            tasks: now.number("tasks_alive"),
            queued: now.number("global_queue_depth") + sum(now, "local_queue_depth"),
            blocking_threads: now.number("blocking_threads"),
            blocking_idle: now.number("blocking_threads_idle"),
            blocking_queue: now.number("blocking_queue_depth"),
            timers: now.number("timers"),
            descriptors: descriptors.max(0.0),
            polls: rate_of_workers("polls_total").round(),
            spawns: rate("tasks_spawned_total").round(),
            io_events: rate("io_ready_events_total").round(),
            timers_set: rate("timers_registered_total").round(),
            steals: rate_of_workers("steals_total").round(),
            stalls: (now.number("stalls_total") - before.number("stalls_total")).max(0.0),
        }
    }
}

/// The part of the time in which a worker was busy.
///
/// A worker updates its busy time when it goes to sleep, and every thousand polls or so. One that
/// is awake all the time and has updated nothing is in a long poll.
fn percent(now: &Map<String, Value>, before: &Map<String, Value>, passed: f64) -> f64 {
    const SLEEPS: &str = "parks_and_unparks_total";
    const BUSY: &str = "busy_seconds_total";
    let busy = of_worker(now, BUSY) - of_worker(before, BUSY);
    let sleeps = of_worker(now, SLEEPS);
    let is_awake = sleeps % 2.0 == 0.0 && sleeps == of_worker(before, SLEEPS);
    let part = if is_awake && busy <= 0.0 { 1.0 } else { busy / passed };
    (part.clamp(0.0, 1.0) * 1000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(polls: u64, busy: f64, sleeps: u64) -> Metrics {
        let text = format!(
            r#"{{"process":{{}},"runtimes":[{{"id":1,"name":null,"tasks_alive":3,
            "tasks_spawned_total":{polls},"global_queue_depth":1,"per_worker":[{{"worker":0,
            "polls_total":{polls},"busy_seconds_total":{busy},"local_queue_depth":2,
            "parks_and_unparks_total":{sleeps}}}]}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn rates_are_those_between_two_samples() {
        let mut history = History::new();
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        history.add(at(0), metrics(100, 1.0, 1));
        assert!(history.since(0).is_empty());
        history.add(at(2), metrics(300, 2.0, 3));
        // It sleeps; it is awake and reports nothing; it reports more time than there was.
        history.add(at(4), metrics(300, 2.0, 3));
        history.add(at(6), metrics(300, 2.0, 4));
        history.add(at(8), metrics(300, 2.0, 4));
        history.add(at(10), metrics(301, 9.0, 4));
        let samples = history.since(0);
        let busy: Vec<_> = samples.iter().map(|sample| sample.runtimes[0].busy[0]).collect();
        assert_eq!(busy, [50.0, 0.0, 0.0, 100.0, 100.0]);
        let first = &samples[0].runtimes[0];
        assert_eq!(
            (first.polls, first.spawns, first.tasks, first.queued),
            (100.0, 100.0, 3.0, 3.0)
        );
        assert_eq!((history.since(4).len(), history.next()), (1, 5));
    }

    #[test]
    fn so_many_are_kept() {
        let mut history = History::new();
        let began = Instant::now();
        for n in 0..2 * KEPT as u64 {
            history.add(began + Duration::from_secs(n), metrics(n, 0.0, 1));
        }
        assert_eq!(history.since(0).len(), KEPT);
    }
}
