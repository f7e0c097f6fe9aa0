//! What Linux says of this process, in `/proc/self`. If that cannot be read, or elsewhere, there
//! are no such numbers.

use std::fs;
use std::time::Duration;

use super::table::Number;

/// `stat` counts in such ticks a second, whatever the kernel's own clock does.
const USER_HZ: f64 = 100.0;

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
        let since_boot = stat.get(19).map(|&count| count as f64 / USER_HZ);
        let began = boot.zip(since_boot);
        let began =
            began.map(|(boot, then)| Duration::from_secs(boot) + Duration::from_secs_f64(then));
        Process { stat, status: read("/proc/self/status"), began }
    }

    pub(super) fn read(&self, name: &str) -> Option<Number> {
        match name {
            "process_cpu_seconds_total" => {
                let time = self.stat.get(11)? + self.stat.get(12)?;
                return Some(Number::Seconds(Duration::from_secs_f64(time as f64 / USER_HZ)));
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
