//! `spawn_blocking`.

use std::time::Instant;

use crate::harness::{Figure, Plan, Unit, figure};
use crate::measure::{cpu_time, ns_each, percentile};
use crate::peers::{Peer, on_worker};

fn with_cpu<F: FnOnce() -> f64>(n: usize, f: F) -> Vec<Figure> {
    let before = cpu_time();
    let wall = f();
    let cpu = (cpu_time() - before).as_nanos() as f64 / n as f64;
    vec![figure("wall", Unit::Ns, wall), figure("CPU", Unit::Ns, cpu)]
}

pub(super) fn burst<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(10_000, 1_000);
    with_cpu(n, || {
        on_worker::<P, _>(rt, async move {
            let mut jobs = Vec::with_capacity(n);
            let t = Instant::now();
            for _ in 0..n {
                jobs.push(P::spawn_blocking(|| ()));
            }
            for job in jobs {
                job.await;
            }
            ns_each(t, n)
        })
    })
}

pub(super) fn one<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(3_000, 200);
    let mut took = Vec::new();
    let mut figures = with_cpu(n, || {
        took = on_worker::<P, _>(rt, async move {
            let mut took = Vec::with_capacity(n);
            for _ in 0..n {
                let t = Instant::now();
                P::spawn_blocking(|| ()).await;
                took.push(t.elapsed().as_nanos() as f64);
            }
            took
        });
        took.iter().sum::<f64>() / n as f64
    });
    figures.push(figure("p99", Unit::Ns, percentile(&mut took, 0.99)));
    figures
}
