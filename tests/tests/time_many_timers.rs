//! Many timers at once: every one fires, in bounded bursts, and memory does not grow with
//! repetition.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use runtime::runtime::Builder;
use runtime::time::{Duration, Instant, sleep_until};

#[test]
fn thirty_thousand_of_one_deadline() {
    let rt = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async {
        let fired = Arc::new(AtomicUsize::new(0));
        let deadline = Instant::now() + Duration::from_millis(300);
        let tasks: Vec<_> = (0..30_000)
            .map(|_| {
                let fired = Arc::clone(&fired);
                runtime::spawn(async move {
                    sleep_until(deadline).await;
                    assert!(Instant::now() >= deadline);
                    fired.fetch_add(1, Ordering::Relaxed);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(fired.load(Ordering::Relaxed), 30_000);
    });
}

#[test]
fn spread_over_a_tenth_of_a_second_in_one_task() {
    let rt = Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let start = Instant::now();
        let sleeps = (0..10_000u32).map(|i| {
            let deadline = start
                + Duration::from_nanos(u64::from(i.wrapping_mul(2_654_435_769)) % 100_000_000);
            async move {
                sleep_until(deadline).await;
                assert!(Instant::now() >= deadline);
            }
        });
        join_all(sleeps).await;
    });
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat() {
    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
    // Alone: other tests of this file use memory, too.
    tests::isolated("memory_stays_flat", || {
        // A report would load the program's debug information.
        let rt = Builder::new_current_thread().enable_all().stall_backtrace(false).build().unwrap();
        rt.block_on(async {
            let burst = || async {
                let far = Instant::now() + Duration::from_secs(3600);
                let mut sleeps: Vec<_> = (0..50_000).map(|_| Box::pin(sleep_until(far))).collect();
                for sleep in &mut sleeps {
                    assert!(futures::poll!(sleep).is_pending());
                }
            };
            burst().await;
            burst().await;
            let before = resident_kib();
            for _ in 0..5 {
                burst().await;
            }
            let after = resident_kib();
            let flat = after < before + 4 * 1024;
            assert!(flat || tests::slowness() > 1, "from {before} to {after} KiB");
        });
    });
}
