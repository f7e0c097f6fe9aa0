//! A task that is woken by one that goes on computing runs on another worker, if one is idle and
//! polls have been long: it does not wait for the end of the poll.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use runtime::runtime::Builder;
use runtime::sync::Notify;
use tests::within;

fn compute(goes_on: impl Fn() -> bool) {
    while goes_on() {
        std::hint::spin_loop();
    }
}

#[test]
fn while_its_waker_computes() {
    within(|| {
        // The monitor does not help: what lies in a slot would wait for the end of the poll.
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .stall_takeover(Duration::from_secs(3600))
            .build()
            .unwrap();
        const ROUNDS: usize = 200;
        let (wake, answered) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        let woken = {
            let (wake, answered) = (wake.clone(), answered.clone());
            runtime.spawn(async move {
                for _ in 0..ROUNDS {
                    wake.notified().await;
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        let seen_in_time = runtime.spawn(async move {
            let mut in_time = 0;
            for round in 0..ROUNDS {
                wake.notify_one();
                let begun = Instant::now();
                // At least as long as a poll must be to count as long, and long enough for the
                // other worker to wake up, but on a busy machine not for ever.
                let is_answered = || answered.load(Ordering::SeqCst) > round;
                compute(|| begun.elapsed() < Duration::from_micros(300));
                compute(|| !is_answered() && begun.elapsed() < Duration::from_millis(20));
                in_time += usize::from(is_answered());
                while !is_answered() {
                    runtime::task::yield_now().await;
                }
            }
            in_time
        });
        let in_time = runtime.block_on(seen_in_time).unwrap();
        runtime.block_on(woken).unwrap();
        assert!(in_time >= ROUNDS / 2, "only {in_time} of {ROUNDS}");
    });
}
