//! The numbers in Prometheus's text format and in JSON.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::decimal::Decimal;
use super::super::json::{Json, Value};
use super::process::Process;
use super::table::{
    HISTOGRAMS, Histogram, Kind, Metric, Number, OF_PINNED_THREAD, OF_PROCESS, OF_RUNTIME,
    OF_WORKER,
};
use crate::runtime::RuntimeMetrics;
use crate::runtime::handle::Handle;

/// The numbers of some runtimes and of the process, in
/// [Prometheus's text format](https://prometheus.io/docs/instrumenting/exposition_formats/), for a
/// page `/metrics` that is read by Prometheus and whatever knows its format.
///
/// All of [`Handle::metrics`] is there, under names like "runtime_tasks_alive" and
/// "runtime_worker_polls_total", in seconds and bytes. Each has the labels `runtime` (the
/// [name](crate::Builder::name), or nothing) and "runtime_id"; what is counted for each worker has
/// the label `worker`, for each thread for pinned tasks `thread`. Histograms are there where the
/// builder switched them on; how much their times are together is not known, so they have no
/// `_sum`. On Linux there are numbers of the process, such as "process_resident_memory_bytes".
///
/// May be called on any thread. The content type is `text/plain; version=0.0.4`.
///
/// # Examples
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).name("web").build()?;
/// let text = runtime::insight::prometheus(&[runtime.handle().clone()]);
/// assert!(text.contains("# TYPE runtime_workers gauge\n"));
/// assert!(text.contains("runtime_workers{runtime=\"web\",runtime_id=\""));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn prometheus(runtimes: &[Handle]) -> String {
    let all: Vec<_> = runtimes.iter().map(Labelled::new).collect();
    let mut out = String::new();
    for metric in OF_RUNTIME {
        let name = format!("runtime_{}", metric.name);
        head(&mut out, &name, metric);
        for one in &all {
            line(&mut out, &name, &one.labels, metric.of_runtime(&one.metrics));
        }
    }
    for metric in OF_WORKER {
        let name = format!("runtime_worker_{}", metric.name);
        head(&mut out, &name, metric);
        for one in &all {
            for worker in 0..one.metrics.num_workers() {
                let labels = one.and("worker", worker);
                line(&mut out, &name, &labels, metric.of_part(&one.metrics, worker));
            }
        }
    }
    for metric in OF_PINNED_THREAD {
        let name = format!("runtime_pinned_thread_{}", metric.name);
        head(&mut out, &name, metric);
        for one in &all {
            for thread in 0..one.handle.pinned().limit() {
                let labels = one.and("thread", thread);
                line(&mut out, &name, &labels, metric.of_part(&one.metrics, thread));
            }
        }
    }
    for histogram in HISTOGRAMS {
        write_histogram(&mut out, histogram, &all);
    }
    let process = Process::now();
    for metric in OF_PROCESS {
        if let Some(value) = process.read(metric.name) {
            head(&mut out, metric.name, metric);
            line(&mut out, metric.name, "", value);
        }
    }
    out
}

/// A runtime, with the labels that stand between the braces of each of its lines.
struct Labelled<'a> {
    handle: &'a Handle,
    metrics: RuntimeMetrics,
    labels: String,
}

impl Labelled<'_> {
    fn new(handle: &Handle) -> Labelled<'_> {
        let mut name = String::new();
        for c in handle.name().unwrap_or_default().chars() {
            match c {
                '\\' => name.push_str("\\\\"),
                '"' => name.push_str("\\\""),
                '\n' => name.push_str("\\n"),
                c => name.push(c),
            }
        }
        let labels = format!("runtime=\"{name}\",runtime_id=\"{}\"", handle.id());
        Labelled { handle, metrics: handle.metrics(), labels }
    }

    fn and(&self, label: &str, number: usize) -> String {
        format!("{},{label}=\"{number}\"", self.labels)
    }
}

fn head<F>(out: &mut String, name: &str, metric: &Metric<F>) {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    };
    head_of(out, name, metric.help, kind);
}

fn head_of(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

fn line(out: &mut String, name: &str, labels: &str, value: Number) {
    out.push_str(name);
    if !labels.is_empty() {
        let _ = write!(out, "{{{labels}}}");
    }
    let _ = match value {
        Number::Count(count) => writeln!(out, " {count}"),
        Number::Seconds(time) => writeln!(out, " {}", Decimal::seconds(time)),
    };
}

fn write_histogram(out: &mut String, histogram: &Histogram, all: &[Labelled<'_>]) {
    let name = format!("runtime_worker_{}", histogram.name);
    let mut has_head = false;
    for one in all {
        let starts = (histogram.starts)(one.handle);
        if starts.is_empty() {
            continue;
        }
        if !std::mem::replace(&mut has_head, true) {
            head_of(out, &name, histogram.help, "histogram");
        }
        for worker in 0..one.metrics.num_workers() {
            let labels = one.and("worker", worker);
            let mut sum = 0;
            for bucket in 0..starts.len() {
                sum += (histogram.count)(&one.metrics, worker, bucket);
                let _ = match end_of(starts, bucket) {
                    Some(end) => writeln!(out, "{name}_bucket{{{labels},le=\"{end}\"}} {sum}"),
                    None => writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {sum}"),
                };
            }
            let _ = writeln!(out, "{name}_count{{{labels}}} {sum}");
        }
    }
}

/// Where a bucket ends, in seconds. The last one has no end.
fn end_of(starts: &[u64], bucket: usize) -> Option<Decimal> {
    starts.get(bucket + 1).map(|&ns| Decimal::seconds(Duration::from_nanos(ns)))
}

impl RuntimeMetrics {
    fn write(&self, json: &mut Json) {
        json.member("id", &self.handle.id());
        json.member("name", &self.handle.name().map(str::to_owned));
        for metric in OF_RUNTIME {
            json.member(metric.name, &metric.of_runtime(self));
        }
        let workers: Vec<_> = (0..self.num_workers()).collect();
        json.list("per_worker", &workers, |json, &worker| {
            json.member("worker", &worker);
            for metric in OF_WORKER {
                json.member(metric.name, &metric.of_part(self, worker));
            }
            for histogram in HISTOGRAMS {
                let starts = (histogram.starts)(&self.handle);
                let buckets: Vec<_> = (0..starts.len()).collect();
                if !starts.is_empty() {
                    json.list(histogram.name, &buckets, |json, &bucket| {
                        json.member("below", &end_of(starts, bucket));
                        json.member("count", &(histogram.count)(self, worker, bucket));
                    });
                }
            }
        });
        let threads: Vec<_> = (0..self.handle.pinned().limit()).collect();
        json.list("per_pinned_thread", &threads, |json, &thread| {
            json.member("thread", &thread);
            for metric in OF_PINNED_THREAD {
                json.member(metric.name, &metric.of_part(self, thread));
            }
        });
    }
}

/// The same numbers as [`prometheus`] gives, as JSON: one object, in one line.
///
/// `process` has those of the process, `runtimes` is a list with those of each runtime, by the same
/// names without the word in front. What is counted for each worker, and for each thread for pinned
/// tasks, is in the lists "per_worker" and "per_pinned_thread"; a histogram is a list of buckets,
/// each with the time in seconds `below` which it counts. The last bucket has no such limit.
///
/// # Examples
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(1).build()?;
/// let json = runtime::insight::metrics_json(&[runtime.handle().clone()]);
/// assert!(json.contains("\"workers\":1,\"tasks_alive\":0,"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn metrics_json(runtimes: &[Handle]) -> String {
    let mut json = Json::new();
    json.object(|json| {
        let process = Process::now();
        json.member_object("process", |json| {
            for metric in OF_PROCESS {
                json.member(metric.name, &process.read(metric.name));
            }
        });
        json.list("runtimes", runtimes, |json, handle| handle.metrics().write(json));
    });
    json.into_string()
}

impl Value for Number {
    fn write(&self, json: &mut Json) {
        match self {
            Number::Count(count) => count.write(json),
            Number::Seconds(time) => Decimal::seconds(*time).write(json),
        }
    }
}
