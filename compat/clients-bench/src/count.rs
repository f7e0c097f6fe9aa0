//! What is counted of a load: operations, processor time, context switches, migrations.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;

/// For connections, pools and caches.
const WARM_UP: Duration = Duration::from_millis(300);

/// How many operations have been done.
#[derive(Clone, Default)]
pub(crate) struct Operations(Arc<AtomicU64>);

impl Operations {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Returns how many have been done since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

struct Sample {
    at: Instant,
    operations: u64,
    /// Nanoseconds of the processor, of all threads.
    cpu: u64,
    switches: u64,
    migrations: u64,
}

impl Sample {
    fn take(operations: &Operations) -> Sample {
        let mut sample = Sample {
            at: Instant::now(),
            operations: operations.0.load(Ordering::Relaxed),
            cpu: 0,
            switches: 0,
            migrations: 0,
        };
        for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let read =
                |file: &str| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            // Time on a processor, time in a queue, how often it came to a processor.
            let numbers = read("schedstat");
            let first = numbers.split_whitespace().next().and_then(|word| word.parse::<u64>().ok());
            sample.cpu += first.unwrap_or(0);
            let sched = read("sched");
            sample.switches += after(&sched, "nr_switches");
            sample.migrations += after(&sched, "se.nr_migrations");
        }
        sample
    }
}

/// The number in the line with this label: `label   :   number`.
fn after(text: &str, label: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    line.and_then(|rest| rest.trim_start_matches([' ', ':']).trim().parse().ok()).unwrap_or(0)
}

/// Waits while the load is at work, then prints operations, seconds, the processor's microseconds,
/// context switches and migrations.
pub(crate) async fn measure(operations: &Operations, time: Duration) -> Outcome {
    tokio::time::sleep(WARM_UP).await;
    let before = Sample::take(operations);
    tokio::time::sleep(time).await;
    let after = Sample::take(operations);
    println!(
        "{} {} {} {} {}",
        after.operations - before.operations,
        (after.at - before.at).as_secs_f64(),
        (after.cpu - before.cpu) as f64 / 1000.0,
        after.switches.saturating_sub(before.switches),
        after.migrations.saturating_sub(before.migrations),
    );
    // Connections are not closed: that is not part of a load.
    std::process::exit(0);
}
