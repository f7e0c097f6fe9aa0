//! A process that gets no processor time, since its quota is spent or it was stopped, is not
//! stalled: its polls are short. It says nothing of the kind, goes on, and ends.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::fs;
use std::hint::spin_loop;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use runtime::{Builder, Runtime};
use tests::PATIENCE;
use tests::process::output_within;

/// A poll of the tasks here takes this long, if nothing holds it up.
const POLL: Duration = Duration::from_micros(200);

/// Where a child finds the file to write its process id into.
const GROUP: &str = "RUNTIME_TEST_CGROUP";

fn compute() {
    let start = Instant::now();
    while start.elapsed() < POLL {
        spin_loop();
    }
}

/// A runtime that counts reports of stalls, as it is built when nothing is said.
fn counting(report: Duration) -> (Runtime, Arc<AtomicUsize>) {
    let reports = Arc::new(AtomicUsize::new(0));
    let counts = reports.clone();
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .stall_report(report)
        .on_stall(move |report| {
            eprintln!("{report}");
            counts.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    (runtime, reports)
}

// ---- a quota ----

/// A group of processes with a fifth of one processor. Removed when dropped.
struct Quota(PathBuf);

impl Quota {
    /// Where this process may make one: of version 2, or of version 1.
    fn new() -> Result<Quota, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let mut reasons = Vec::new();
        for line in own.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            let path = path.trim_start_matches('/');
            let (roots, files): (_, &[(&str, &str)]) = match controllers {
                "" => {
                    (["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], &[("cpu.max", "20000 100000")])
                }
                list if list.split(',').any(|controller| controller == "cpu") => (
                    ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"],
                    &[("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "20000")],
                ),
                _ => continue,
            };
            for root in roots {
                match Quota::at(&Path::new(root).join(path), files) {
                    Ok(quota) => return Ok(quota),
                    Err(reason) => reasons.push(reason),
                }
            }
        }
        Err(reasons.join("; "))
    }

    fn at(parent: &Path, files: &[(&str, &str)]) -> Result<Quota, String> {
        // A folder that is no group has no such file.
        let procs = parent.join("cgroup.procs");
        if !procs.exists() {
            return Err(format!("there is no {}", procs.display()));
        }
        let path = parent.join(format!("runtime-test-{}", std::process::id()));
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let quota = Quota(path);
        for (file, text) in files {
            let file = quota.0.join(file);
            if !file.exists() {
                return Err(format!("there is no {}", file.display()));
            }
            fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        Ok(quota)
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

thread_local! {
    /// When this thread was seen last.
    static SEEN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// In the group: tasks that are always ready, with short polls, and timers.
fn run_under_the_quota() {
    fs::write(std::env::var(GROUP).unwrap(), std::process::id().to_string()).unwrap();
    const REPORT: Duration = Duration::from_millis(100);
    let (runtime, reports) = counting(REPORT);
    // A fifth of a processor is not worth two workers.
    if std::env::var_os("RUNTIME_WORKER_THREADS").is_none() {
        assert_eq!(runtime.metrics().num_workers(), 1);
    }
    // Polls that were held up for as long as the threshold, by their own clock: those may be
    // reported.
    let held_up = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let held_up = held_up.clone();
            runtime.spawn(async move {
                for _ in 0..300 {
                    compute();
                    let now = Instant::now();
                    let before = SEEN.replace(Some(now)).unwrap_or(now);
                    if now.duration_since(before) >= REPORT {
                        held_up.fetch_add(1, Ordering::Relaxed);
                    }
                    runtime::task::yield_now().await;
                }
            })
        })
        .collect();
    let ticks = runtime.spawn(async {
        for _ in 0..50 {
            runtime::time::sleep(Duration::from_millis(5)).await;
        }
    });
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
        ticks.await.unwrap();
    });
    let stalls = runtime.metrics().stall_count() as usize;
    drop(runtime);
    let (held_up, told) = (held_up.load(Ordering::Relaxed), reports.load(Ordering::Relaxed));
    println!("{stalls} stalls, {told} reported, {held_up} polls held up for the threshold");
    assert!(stalls <= held_up, "{stalls} reports for {held_up} polls that took so long");
}

#[test]
fn a_process_under_a_quota_reports_no_stalls() {
    const TEST: &str = "a_process_under_a_quota_reports_no_stalls";
    if tests::role().is_some() {
        return run_under_the_quota();
    }
    let quota = match Quota::new() {
        Ok(quota) => quota,
        Err(reason) => {
            eprintln!(
                "no group with a quota can be made here, so nothing is tested under one ({reason}); \
                 `a_process_that_was_stopped_reports_no_stalls` tests what it can without"
            );
            return;
        }
    };
    let child = tests::again(TEST, "child")
        .env(GROUP, quota.0.join("cgroup.procs"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let output = output_within(child.unwrap(), 4 * PATIENCE);
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{out}\n{err}");
    let throttled = fs::read_to_string(quota.0.join("cpu.stat")).unwrap();
    let times = throttled
        .lines()
        .find_map(|line| line.strip_prefix("nr_throttled "))
        .and_then(|count| count.parse::<u64>().ok());
    assert!(times.is_some_and(|times| times > 0), "the quota was never spent:\n{throttled}");
}

// ---- stopped ----

/// Longer than any other process of the machine keeps this one waiting.
const REPORT: Duration = Duration::from_secs(1);
const STOP: Duration = Duration::from_millis(1500);

#[test]
fn a_process_that_was_stopped_reports_no_stalls() {
    const TEST: &str = "a_process_that_was_stopped_reports_no_stalls";
    const STOPS: usize = 3;
    if tests::role().is_some() {
        let (runtime, reports) = counting(REPORT);
        let stop = Arc::new(AtomicUsize::new(0));
        // Each worker is always in a poll: it is stopped in one.
        let workers = runtime.metrics().num_workers();
        for _ in 0..2 * workers {
            let stop = stop.clone();
            drop(runtime.spawn(async move {
                while stop.load(Ordering::Relaxed) == 0 {
                    compute();
                    runtime::task::yield_now().await;
                }
            }));
        }
        println!("\nbusy");
        std::io::stdin().lines().next();
        // It is awake again, and so are its timers.
        runtime.block_on(async {
            let tick = runtime::time::sleep(Duration::from_millis(20));
            runtime::spawn(tick).await.unwrap();
        });
        stop.store(1, Ordering::Relaxed);
        drop(runtime);
        let reports = reports.load(Ordering::Relaxed);
        assert_eq!(reports, 0, "it was stopped, and not stalled");
        return;
    }
    let mut child = tests::again(TEST, "child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line != "busy\n" {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child has ended");
    }
    let pid = child.id() as libc::pid_t;
    for _ in 0..STOPS {
        for signal in [libc::SIGSTOP, libc::SIGCONT] {
            // SAFETY: the call takes no pointer; the child has not been waited for.
            assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
            // How long it is stopped is what is tested; it runs for as long in between.
            std::thread::sleep(if signal == libc::SIGSTOP { STOP } else { STOP / 10 });
        }
    }
    drop(child.stdin.take());
    let rest = std::thread::spawn(move || {
        let mut rest = String::new();
        let _ = std::io::Read::read_to_string(&mut out, &mut rest);
        rest
    });
    let output = output_within(child, PATIENCE);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{err}", rest.join().unwrap());
}
