//! Which numbers there are, by the names that Prometheus knows them by.
//!
//! A name ends with its unit, in the plural (`seconds`, `bytes`), and with "total" if it only ever
//! grows.

use std::time::Duration;

use crate::runtime::RuntimeMetrics;
use crate::runtime::handle::Handle;

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Count(u64),
    Seconds(Duration),
}

/// How a number changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows.
    Counter,
    Gauge,
}

/// A number, and where it comes from: `F` reads it.
pub(super) struct Metric<F> {
    /// The name without the prefix that its table adds.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) read: F,
}

/// A distribution of times.
pub(super) struct Histogram {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// Where the buckets begin, in nanoseconds; nothing if it is switched off.
    pub(super) starts: fn(&Handle) -> &[u64],
    /// How many there are in a worker's bucket.
    pub(super) count: fn(&RuntimeMetrics, usize, usize) -> u64,
}

type OfRuntime = Metric<fn(&RuntimeMetrics) -> Number>;
type OfPart = Metric<fn(&RuntimeMetrics, usize) -> Number>;

// Called for each row of a table. Without a function of its own, the compiler writes out the loop
// over the table, and each row into it: twice, for text and for JSON.
impl OfRuntime {
    #[inline(never)]
    pub(super) fn of_runtime(&self, metrics: &RuntimeMetrics) -> Number {
        (self.read)(metrics)
    }
}

impl OfPart {
    /// Of a worker, or of a thread.
    #[inline(never)]
    pub(super) fn of_part(&self, metrics: &RuntimeMetrics, part: usize) -> Number {
        (self.read)(metrics, part)
    }
}

const fn counter<F>(name: &'static str, read: F, help: &'static str) -> Metric<F> {
    Metric { name, help, kind: Kind::Counter, read }
}

const fn gauge<F>(name: &'static str, read: F, help: &'static str) -> Metric<F> {
    Metric { name, help, kind: Kind::Gauge, read }
}

fn some(count: usize) -> Number {
    Number::Count(count as u64)
}

use Number::{Count, Seconds};

/// The numbers of a whole runtime.
pub(super) static OF_RUNTIME: &[OfRuntime] = &[
    gauge("workers", |all| some(all.num_workers()), "Workers, without spares."),
    gauge(
        "tasks_alive",
        |all| some(all.num_alive_tasks()),
        "Tasks that were spawned and have not ended.",
    ),
    counter(
        "tasks_spawned_total",
        |all| Count(all.spawned_tasks_count()),
        "Tasks that were spawned.",
    ),
    counter(
        "remote_schedules_total",
        |all| Count(all.remote_schedule_count()),
        "Times that a task was spawned or woken elsewhere than on a worker.",
    ),
    counter(
        "budget_forced_yields_total",
        |all| Count(all.budget_forced_yield_count()),
        "Polls that spent their budget and had to let others run.",
    ),
    gauge(
        "global_queue_depth",
        |all| some(all.global_queue_depth()),
        "Tasks in the queue that all workers share.",
    ),
    gauge(
        "background_queue_depth",
        |all| some(all.background_queue_depth()),
        "Background tasks that wait for a poll.",
    ),
    gauge(
        "background_threads",
        |all| some(all.num_background_threads()),
        "Threads for background tasks.",
    ),
    gauge(
        "pinned_threads",
        |all| some(all.num_pinned_threads()),
        "Threads that were started for pinned tasks.",
    ),
    gauge("blocking_threads", |all| some(all.num_blocking_threads()), "Threads for blocking jobs."),
    gauge(
        "blocking_threads_idle",
        |all| some(all.num_idle_blocking_threads()),
        "Threads for blocking jobs that have none.",
    ),
    gauge(
        "blocking_queue_depth",
        |all| some(all.blocking_queue_depth()),
        "Blocking jobs that wait for a thread.",
    ),
    gauge(
        "spare_workers",
        |all| some(all.num_spare_workers()),
        "Spare workers that run in place of stalled ones.",
    ),
    counter(
        "spare_workers_refused_total",
        |all| Count(all.spare_workers_refused_count()),
        "Times that a spare worker was wanted and not to be had.",
    ),
    counter(
        "stalls_total",
        |all| Count(all.stall_count()),
        "Polls that took longer than the threshold for reports.",
    ),
    counter(
        "stall_reports_left_out_total",
        |all| Count(all.stall_reports_left_out_count()),
        "Stalls that were counted and not reported.",
    ),
    counter(
        "io_ready_events_total",
        |all| Count(all.io_driver_ready_count()),
        "Events of descriptors that the driver has passed on.",
    ),
    counter(
        "io_descriptors_registered_total",
        |all| Count(all.io_driver_fd_registered_count()),
        "Descriptors that were registered with the driver.",
    ),
    counter(
        "io_descriptors_deregistered_total",
        |all| Count(all.io_driver_fd_deregistered_count()),
        "Descriptors that were taken out of the driver again.",
    ),
    gauge("timers", |all| some(all.num_timers()), "Timers that are set."),
    counter(
        "timers_registered_total",
        |all| Count(all.timers_registered_count()),
        "Times that a timer was set.",
    ),
];

/// The numbers of one worker: `worker_` stands before their names.
pub(super) static OF_WORKER: &[OfPart] = &[
    counter("polls_total", |all, worker| Count(all.worker_poll_count(worker)), "Polls of tasks."),
    counter(
        "steals_total",
        |all, worker| Count(all.worker_steal_count(worker)),
        "Tasks that the worker has taken from others.",
    ),
    counter(
        "steal_operations_total",
        |all, worker| Count(all.worker_steal_operations(worker)),
        "Times that the worker has taken tasks from others.",
    ),
    counter(
        "parks_total",
        |all, worker| Count(all.worker_park_count(worker)),
        "Times that the worker has gone to sleep.",
    ),
    counter(
        "parks_and_unparks_total",
        |all, worker| Count(all.worker_park_unpark_count(worker)),
        "Times that the worker has gone to sleep and woken up: odd while it sleeps.",
    ),
    counter(
        "noops_total",
        |all, worker| Count(all.worker_noop_count(worker)),
        "Times that the worker woke up to find nothing to do.",
    ),
    counter(
        "local_schedules_total",
        |all, worker| Count(all.worker_local_schedule_count(worker)),
        "Tasks that were put in the worker's own queue by tasks that it ran.",
    ),
    counter(
        "overflows_total",
        |all, worker| Count(all.worker_overflow_count(worker)),
        "Times that the worker's own queue was full: always 0, since it grows.",
    ),
    counter(
        "stalls_total",
        |all, worker| Count(all.worker_stall_count(worker)),
        "Polls of the worker that took longer than the threshold for reports.",
    ),
    counter(
        "busy_seconds_total",
        |all, worker| Seconds(all.worker_total_busy_duration(worker)),
        "How long the worker has been awake, up to when it last went to sleep or so.",
    ),
    gauge(
        "mean_poll_seconds",
        |all, worker| Seconds(all.worker_mean_poll_time(worker)),
        "How long a poll takes: a mean in which the last ten or so weigh most.",
    ),
    gauge(
        "local_queue_depth",
        |all, worker| some(all.worker_local_queue_depth(worker)),
        "Tasks in the worker's own queue.",
    ),
];

/// The numbers of one thread for pinned tasks: "pinned_thread_" stands before their names.
pub(super) static OF_PINNED_THREAD: &[OfPart] = &[gauge(
    "tasks",
    |all, thread| some(all.pinned_thread_task_count(thread)),
    "Tasks that the thread has.",
)];

/// Distributions, one a worker: `worker_` stands before their names.
pub(super) static HISTOGRAMS: &[Histogram] = &[
    Histogram {
        name: "poll_duration_seconds",
        help: "How long polls of tasks take.",
        starts: |handle| {
            let (starts, is_on) = handle.poll_times();
            if is_on { starts } else { &[] }
        },
        count: |all, worker, bucket| {
            all.worker(worker, |of, _| of.poll_times.get(bucket).map_or(0, |count| count.get()))
        },
    },
    Histogram {
        name: "schedule_latency_seconds",
        help: "How long tasks wait for their polls.",
        starts: |handle| &handle.observe().latencies,
        count: |all, worker, bucket| {
            all.worker(worker, |of, _| of.latencies.get(bucket).map_or(0, |count| count.get()))
        },
    },
];

/// The numbers of the process, by their whole names.
pub(super) static OF_PROCESS: &[Metric<()>] = &[
    counter("process_cpu_seconds_total", (), "Processor time of all threads of the process."),
    gauge("process_resident_memory_bytes", (), "Memory that the process has now."),
    gauge("process_virtual_memory_bytes", (), "Addresses that the process has now."),
    gauge("process_threads", (), "Threads of the process."),
    gauge("process_open_fds", (), "Descriptors that are open."),
    gauge("process_max_fds", (), "Descriptors that may be open."),
    gauge("process_start_time_seconds", (), "When the process began, in seconds since 1970."),
];

#[cfg(test)]
mod tests {
    /// Methods that return no number, or say which numbers there are.
    const NO_NUMBERS: [&str; 12] = [
        "worker_thread_id",
        "poll_time_histogram_enabled",
        "poll_time_histogram_num_buckets",
        "poll_time_histogram_bucket_range",
        "schedule_latency_histogram_enabled",
        "schedule_latency_histogram_num_buckets",
        "schedule_latency_histogram_bucket_range",
        // These two are read bucket by bucket, by `Histogram`.
        "poll_time_histogram_bucket_count",
        "schedule_latency_histogram_bucket_count",
        // These are other names for numbers that are there.
        "active_tasks_count",
        "num_alive_tasks_count",
        "injection_queue_depth",
    ];

    #[test]
    fn every_number_of_the_metrics_is_in_a_table() {
        let sources = [include_str!("../../metrics.rs"), include_str!("../../schedule_latency.rs")];
        let table = include_str!("table.rs");
        let mut seen = 0;
        for source in sources {
            let (_, methods) = source.split_once("impl RuntimeMetrics {").unwrap();
            for line in methods.lines() {
                let Some(rest) = line.trim().strip_prefix("pub fn ") else { continue };
                let name = rest.split('(').next().unwrap();
                seen += 1;
                assert!(
                    NO_NUMBERS.contains(&name) || table.contains(&format!("all.{name}(")),
                    "`RuntimeMetrics::{name}` is in no table"
                );
            }
        }
        assert!(seen > 30, "{seen}");
    }
}
