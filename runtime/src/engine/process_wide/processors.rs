//! How many processors this process may use: on how many its threads may run, and how much
//! processor time its control group has.
//!
//! The standard library rounds a group's quota down: with a quota of 1.5 processors it says 1. A
//! worker fewer than that leaves a part of the quota unused for good, so here it is rounded up.
//! Groups are looked up once: a program whose quota changes sets the number of workers itself.
#![allow(unsafe_code, reason = "two system calls; blocks cite docs/unsafe.md")]

use std::fs;
use std::sync::OnceLock;

/// The quota of the process's group, in processors, rounded up.
static QUOTA: OnceLock<Option<usize>> = OnceLock::new();

/// The number of processors that this process may use at a time; at least 1.
pub(crate) fn available() -> usize {
    let quota = *QUOTA.get_or_init(|| quota("/sys/fs/cgroup", "/proc/self/cgroup"));
    allowed().min(quota.unwrap_or(usize::MAX)).max(1)
}

/// The number of processors that this thread may run on.
fn allowed() -> usize {
    // SAFETY: a set of bits; all of them may be zero.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let size = size_of::<libc::cpu_set_t>();
    // SAFETY: K1. `set` outlives the call, and has that size.
    match unsafe { libc::sched_getaffinity(0, size, &mut set) } {
        // SAFETY: it only counts bits.
        0 => unsafe { libc::CPU_COUNT(&set) as usize },
        // A machine with more processors than the set has room for.
        // SAFETY: K1. The call takes a number.
        _ => usize::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).unwrap_or(1),
    }
}

/// The least quota of the group and of those above it. `mounts` is where groups are mounted,
/// `groups` the file with the groups that this process is in.
fn quota(mounts: &str, groups: &str) -> Option<usize> {
    let groups = fs::read_to_string(groups).ok()?;
    groups.lines().filter_map(|line| of_group(mounts, line)).min()
}

/// `NUMBER:CONTROLLERS:PATH`; in the second version of groups there are no controllers.
fn of_group(mounts: &str, line: &str) -> Option<usize> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let is_newer = controllers.is_empty();
    if !is_newer && !controllers.split(',').any(|name| name == "cpu") {
        return None;
    }
    let mount = if is_newer { mounts.to_owned() } else { format!("{mounts}/{controllers}") };
    let mut directory = format!("{mount}{}", path.trim_end_matches('/'));
    let mut least: Option<usize> = None;
    loop {
        let quota = if is_newer { in_one_file(&directory) } else { in_two_files(&directory) };
        least = least.into_iter().chain(quota).min();
        // In a container the path may be the host's, and the group's own files lie at the mount.
        match directory.rfind('/') {
            Some(end) if directory.len() > mount.len() => directory.truncate(end),
            _ => return least,
        }
    }
}

fn in_one_file(directory: &str) -> Option<usize> {
    let text = fs::read_to_string(format!("{directory}/cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    rounded_up(quota, period)
}

fn in_two_files(directory: &str) -> Option<usize> {
    let read = |name| fs::read_to_string(format!("{directory}/{name}")).ok();
    rounded_up(read("cpu.cfs_quota_us")?.trim(), read("cpu.cfs_period_us")?.trim())
}

/// `None` without a quota: "max", or -1.
fn rounded_up(quota: &str, period: &str) -> Option<usize> {
    let (quota, period): (usize, usize) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0).then(|| quota.div_ceil(period))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with these files, and the quota that is found in it.
    fn found(test: &str, groups: &str, files: &[(&str, &str)]) -> Option<usize> {
        let root =
            std::env::temp_dir().join(format!("runtime-quota-{}-{test}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("groups"), groups).unwrap();
        let quota = quota(root.to_str().unwrap(), root.join("groups").to_str().unwrap());
        fs::remove_dir_all(root).unwrap();
        quota
    }

    #[test]
    fn a_quota_is_rounded_up_and_the_least_of_all_groups_above_counts() {
        let own = ("a/b/cpu.max", "250000 100000\n");
        assert_eq!(found("own", "0::/a/b\n", &[own]), Some(3));
        let above = ("a/cpu.max", "150000 100000\n");
        assert_eq!(found("above", "0::/a/b\n", &[own, above]), Some(2));
        assert_eq!(found("without", "0::/a/b\n", &[("a/b/cpu.max", "max 100000\n")]), None);
        // A container that sees the path of its host.
        assert_eq!(found("hosts", "0::/no/such\n", &[("cpu.max", "400000 100000\n")]), Some(4));
        assert_eq!(found("no-files", "0::/a/b\n", &[]), None);
    }

    #[test]
    fn the_first_version_of_groups_has_two_files() {
        let groups = "7:memory:/a\n3:cpu,cpuacct:/a\n0::/\n";
        let files = |quota| {
            [
                ("cpu,cpuacct/a/cpu.cfs_quota_us", quota),
                ("cpu,cpuacct/a/cpu.cfs_period_us", "1000\n"),
            ]
        };
        assert_eq!(found("two", groups, &files("1001\n")), Some(2));
        assert_eq!(found("none", groups, &files("-1\n")), None);
    }

    #[test]
    fn no_more_than_the_machine_has() {
        let most = std::thread::available_parallelism().unwrap().get();
        // A quota that is no whole number of processors is rounded the other way there.
        assert!((1..=most + 1).contains(&available()));
    }
}
