//! The runtime's numbers as OpenTelemetry's instruments, for whatever exporter a program has.
//!
//! ```text
//! cargo run --release -p examples --example opentelemetry
//! ```
//!
//! The idea is the observable instrument: OpenTelemetry's reader asks when it is about to export,
//! on a thread of its own, and [`Handle::metrics`](runtime::Handle::metrics) may be asked on any
//! thread, also while all workers are stuck. Nothing is counted twice, and nothing runs in between.
//!
//! The exporter here prints. `opentelemetry-otlp` in its place sends the same to a collector. A
//! collector that asks by itself needs none of this: it reads the page `/metrics` of the package
//! `runtime-insight`, or what [`runtime::insight::prometheus`] returns.
//!
//! The program ends after as many seconds as its argument says, else after ten; the variable
//! `OTEL_METRIC_EXPORT_INTERVAL` says how many milliseconds lie between two exports.

use std::error::Error;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use runtime::Handle;
use runtime::runtime::RuntimeMetrics;

/// A number of the whole runtime: name, unit, what it means, where it comes from.
type OfRuntime = (&'static str, &'static str, &'static str, fn(&RuntimeMetrics) -> u64);

/// A number of one worker.
type OfWorker = (&'static str, &'static str, &'static str, fn(&RuntimeMetrics, usize) -> u64);

/// What goes up and down.
const GAUGES: &[OfRuntime] = &[
    ("runtime.workers", "{worker}", "Workers, without spares.", |all| all.num_workers() as u64),
    ("runtime.tasks.alive", "{task}", "Tasks that have not ended.", |all| {
        all.num_alive_tasks() as u64
    }),
    ("runtime.queue.depth", "{task}", "Tasks in the queue that all workers share.", |all| {
        all.global_queue_depth() as u64
    }),
    ("runtime.blocking.threads", "{thread}", "Threads for blocking jobs.", |all| {
        all.num_blocking_threads() as u64
    }),
    ("runtime.blocking.queue.depth", "{job}", "Blocking jobs that wait for a thread.", |all| {
        all.blocking_queue_depth() as u64
    }),
    ("runtime.workers.spare", "{worker}", "Spare workers in place of stalled ones.", |all| {
        all.num_spare_workers() as u64
    }),
    ("runtime.timers", "{timer}", "Timers that are set.", |all| all.num_timers() as u64),
];

/// What only grows.
const COUNTERS: &[OfRuntime] = &[
    ("runtime.tasks.spawned", "{task}", "Tasks that were spawned.", |all| {
        all.spawned_tasks_count()
    }),
    ("runtime.stalls", "{stall}", "Polls that took longer than the threshold.", |all| {
        all.stall_count()
    }),
    ("runtime.io.events", "{event}", "Events of descriptors.", |all| all.io_driver_ready_count()),
];

/// What only grows, for each worker.
const COUNTERS_OF_WORKERS: &[OfWorker] = &[
    ("runtime.worker.polls", "{poll}", "Polls of tasks.", RuntimeMetrics::worker_poll_count),
    ("runtime.worker.steals", "{task}", "Tasks taken from others.", |all, worker| {
        all.worker_steal_count(worker)
    }),
    ("runtime.worker.parks", "{park}", "Times without work.", RuntimeMetrics::worker_park_count),
    ("runtime.worker.busy", "us", "Time spent at work.", |all, worker| {
        all.worker_total_busy_duration(worker).as_micros() as u64
    }),
];

/// Tells OpenTelemetry how to read the numbers of a runtime.
fn observe(meter: &Meter, handle: &Handle) {
    for &(name, unit, meaning, read) in GAUGES {
        let handle = handle.clone();
        meter
            .u64_observable_gauge(name)
            .with_unit(unit)
            .with_description(meaning)
            .with_callback(move |observer| observer.observe(read(&handle.metrics()), &[]))
            .build();
    }
    for &(name, unit, meaning, read) in COUNTERS {
        let handle = handle.clone();
        meter
            .u64_observable_counter(name)
            .with_unit(unit)
            .with_description(meaning)
            .with_callback(move |observer| observer.observe(read(&handle.metrics()), &[]))
            .build();
    }
    for &(name, unit, meaning, read) in COUNTERS_OF_WORKERS {
        let handle = handle.clone();
        meter
            .u64_observable_counter(name)
            .with_unit(unit)
            .with_description(meaning)
            .with_callback(move |observer| {
                let metrics = handle.metrics();
                for worker in 0..metrics.num_workers() {
                    let label = KeyValue::new("worker", worker as i64);
                    observer.observe(read(&metrics, worker), &[label]);
                }
            })
            .build();
    }
}

#[runtime::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(10), |argument| argument.parse())?;

    let exporter = opentelemetry_stdout::MetricExporter::default();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).build();
    observe(&provider.meter("runtime"), &Handle::current());

    // Something to see: tasks that wake up now and then.
    for period in 1..=100 {
        runtime::spawn(async move {
            let mut ticks = runtime::time::interval(Duration::from_millis(period));
            loop {
                ticks.tick().await;
            }
        });
    }
    runtime::time::sleep(Duration::from_secs(seconds)).await;

    // It exports once more, and waits for it: not on a worker.
    runtime::task::spawn_blocking(move || provider.shutdown()).await??;
    Ok(())
}
