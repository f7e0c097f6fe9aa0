//! What Linux says of this process, in `/proc/self`. If that cannot be read, or elsewhere, there
//! are no such numbers.

use std::fs;
use std::time::Duration;

use super::table::Number;

/// What `stat` counts in, whatever the kernel's own clock does.
const TICK: Duration = Duration::from_millis(10);

/// The value of a number of `table.rs`'s `OF_PROCESS`.
pub(super) struct Process {
    /// The fields of `/proc/self/stat` behind the name, which may contain anything.
    stat: Vec<u64>,
    status: String,
    began: Option<Duration>,
}

impl Process {
    pub(super) fn now() -> Process {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let stat = read("/proc/self/stat");
        let (_, fields) = stat.rsplit_once(')').unwrap_or_default();
        let stat: Vec<u64> =
            fields.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
        let boot = read("/proc/stat");
        let boot = boot.lines().find_map(|line| line.strip_prefix("btime "));
        let boot: Option<u64> = boot.and_then(|seconds| seconds.trim().parse().ok());
        let began = boot.zip(stat.get(19));
        let began = began.map(|(boot, &then)| Duration::from_secs(boot) + time_of(then));
        Process { stat, status: read("/proc/self/status"), began }
    }

    pub(super) fn read(&self, name: &str) -> Option<Number> {
        match name {
            "process_cpu_seconds_total" => {
                let time = self.stat.get(11)? + self.stat.get(12)?;
                return Some(Number::Seconds(time_of(time)));
            }
            "process_resident_memory_bytes" => self.status("VmRSS:").map(|kb| kb * 1024),
            "process_virtual_memory_bytes" => self.status("VmSize:").map(|kb| kb * 1024),
            "process_threads" => self.status("Threads:"),
            // One descriptor is open only for this count.
            "process_open_fds" => {
                Some((fs::read_dir("/proc/self/fd").ok()?.count() as u64).saturating_sub(1))
            }
            "process_max_fds" => {
                let limits = fs::read_to_string("/proc/self/limits").ok()?;
                let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
                line.split_whitespace().next()?.parse().ok()
            }
            "process_start_time_seconds" => return self.began.map(Number::Seconds),
            _ => None,
        }
        .map(Number::Count)
    }

    fn status(&self, key: &str) -> Option<u64> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

fn time_of(ticks: u64) -> Duration {
    let (seconds, rest) = (ticks / 100, ticks % 100);
    Duration::from_secs(seconds) + TICK * rest as u32
}
