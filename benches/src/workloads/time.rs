//! Timers: most are cancelled, some fire.

use std::future::pending;
use std::pin::pin;
use std::time::{Duration, Instant};

use crate::harness::{Figure, Plan, Unit, figure};
use crate::measure::{Rng, cpu_time, ns_each, percentile, poll_once};
use crate::peers::{Peer, on_worker};

fn ns(value: f64) -> Vec<Figure> {
    vec![figure("", Unit::Ns, value)]
}

pub(super) fn timeout_ready<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(100_000, 5_000);
    ns(on_worker::<P, _>(rt, async move {
        let t = Instant::now();
        for i in 0..n {
            assert_eq!(P::timeout(Duration::from_secs(5), async move { i }).await, Some(i));
        }
        ns_each(t, n)
    }))
}

pub(super) fn timeout_cancel<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(100_000, 5_000);
    ns(on_worker::<P, _>(rt, async move {
        let t = Instant::now();
        for _ in 0..n {
            let mut timeout = pin!(P::timeout(Duration::from_secs(5), pending::<()>()));
            assert!(poll_once(timeout.as_mut()).await);
        }
        ns_each(t, n)
    }))
}

pub(super) fn million<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(1_000_000, 50_000);
    on_worker::<P, _>(rt, async move {
        let mut rng = Rng(0x5EED);
        // Boxed, so that each can be pinned; the boxes are made inside the measured time, for every
        // peer.
        let mut timers = Vec::with_capacity(n);
        let t = Instant::now();
        for _ in 0..n {
            let ms = 60_000 + rng.below(600_000);
            let mut timer = Box::pin(P::sleep(Duration::from_millis(ms)));
            assert!(poll_once(timer.as_mut()).await);
            timers.push(timer);
        }
        let register = ns_each(t, n);
        let t = Instant::now();
        drop(timers);
        vec![figure("register", Unit::Ns, register), figure("drop", Unit::Ns, ns_each(t, n))]
    })
}

/// Ticks are due each millisecond, as of an interval; those of one task ten microseconds after
/// those of the one before.
pub(super) fn ticks<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    const TASKS: usize = 10;
    const PERIOD: Duration = Duration::from_millis(1);
    const APART: Duration = Duration::from_micros(10);
    let n = plan.count(500, 50);
    let before = cpu_time();
    let mut samples = on_worker::<P, _>(rt, async move {
        let start = Instant::now() + PERIOD;
        let tick = move |task: usize| async move {
            let mut due = start + APART * task as u32;
            let mut late = Vec::with_capacity(n);
            for _ in 0..n {
                due += PERIOD;
                P::sleep(due.saturating_duration_since(Instant::now())).await;
                late.push(due.elapsed().as_nanos() as f64 / 1000.0);
            }
            late
        };
        let tasks: Vec<_> = (0..TASKS).map(|task| P::spawn(tick(task))).collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await);
        }
        all
    });
    let cpu = (cpu_time() - before).as_nanos() as f64 / 1000.0 / (TASKS * n) as f64;
    vec![
        figure("CPU a tick", Unit::Us, cpu),
        figure("late, p50", Unit::Us, percentile(&mut samples, 0.5)),
        figure("late, p99", Unit::Us, percentile(&mut samples, 0.99)),
    ]
}

pub(super) fn lateness<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let sleeps = plan.count(40, 3);
    let mut samples = on_worker::<P, _>(rt, async move {
        let tasks: Vec<_> = (0..20)
            .map(|task| {
                P::spawn(async move {
                    let mut rng = Rng(0x5EED + task * 7919);
                    let mut late = Vec::with_capacity(sleeps);
                    for _ in 0..sleeps {
                        let d = Duration::from_micros(1000 + rng.below(19_000));
                        let t = Instant::now();
                        P::sleep(d).await;
                        let took = t.elapsed();
                        late.push(took.saturating_sub(d).as_nanos() as f64 / 1000.0);
                    }
                    late
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await);
        }
        all
    });
    vec![
        figure("p50", Unit::Us, percentile(&mut samples, 0.5)),
        figure("p99", Unit::Us, percentile(&mut samples, 0.99)),
    ]
}
