//! Child processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::harness::{Figure, Plan, Unit, figure};
use crate::measure::{cpu_time, ns_each};
use crate::peers::{Peer, on_worker};

const IN_FLIGHT: usize = 8;

pub(super) fn run_true<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(100, 24);
    let before = cpu_time();
    let wall = on_worker::<P, _>(rt, async move {
        let left = Arc::new(AtomicUsize::new(n));
        let t = Instant::now();
        let tasks: Vec<_> = (0..IN_FLIGHT)
            .map(|_| {
                let left = left.clone();
                P::spawn(async move {
                    let take = |left: usize| left.checked_sub(1);
                    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                        assert!(P::run("/bin/true").await.unwrap().success());
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        ns_each(t, n) / 1000.0
    });
    let cpu = (cpu_time() - before).as_nanos() as f64 / n as f64 / 1000.0;
    vec![figure("wall", Unit::Us, wall), figure("CPU", Unit::Us, cpu)]
}
