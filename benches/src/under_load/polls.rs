//! Many short polls: whatever else runs on the machine, none of them is a stall.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::fair::compute;
use super::peer::{UnderLoad, threads_started};
use super::{Ask, Out};
use crate::measure::Rng;

pub(super) fn short<P: UnderLoad>(rt: &P::Runtime, ask: &Ask, out: &Out) {
    let polls = Arc::new(AtomicU64::new(0));
    let wall = ask.wall;
    for task in 0..ask.tasks {
        let polls = Arc::clone(&polls);
        P::spawn_from(&P::handle(rt), async move {
            let mut rng = Rng(task as u64 + 1);
            loop {
                // As many of 1 to 10 us as of 10 to 100 and of 100 to 1,000.
                let us = 10f64.powf(rng.below(3_001) as f64 / 1_000.0);
                compute(Duration::from_nanos((us * 1e3) as u64), wall);
                polls.fetch_add(1, Ordering::Relaxed);
                if task % 2 == 0 {
                    P::yield_now().await;
                } else {
                    P::sleep(Duration::from_millis(1)).await;
                }
            }
        });
    }
    let began = Instant::now();
    thread::sleep(ask.time());
    let polls = polls.load(Ordering::Relaxed) as f64;
    out.more("polls", "1/s", polls / began.elapsed().as_secs_f64());
    let more = threads_started().saturating_sub(ask.workers as u64);
    out.less("threads started beyond the workers", "", more as f64);
}
