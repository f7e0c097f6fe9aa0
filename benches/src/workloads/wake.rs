//! Wakes that come from elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Figure, Plan, Unit, figure};
use crate::measure::{Signal, cpu_time, now_ns, ns_each, percentile, spin_for};
use crate::peers::{Peer, on_worker};

/// A task that answers every signal with the time at which it ran.
struct Answering {
    signal: Signal,
    answer: AtomicU64,
    over: AtomicBool,
}

fn answering<P: Peer>(rt: &P::Runtime) -> (Arc<Answering>, P::Join<()>) {
    let shared = Arc::new(Answering {
        signal: Signal::default(),
        answer: AtomicU64::new(0),
        over: AtomicBool::new(false),
    });
    let task = {
        let shared = shared.clone();
        async move {
            while !shared.over.load(Ordering::Acquire) {
                shared.signal.wait().await;
                shared.answer.store(now_ns(), Ordering::Release);
            }
        }
    };
    (shared, P::spawn_on(rt, task))
}

fn finish<P: Peer>(rt: &P::Runtime, shared: &Answering, task: P::Join<()>) {
    shared.over.store(true, Ordering::Release);
    shared.signal.set();
    P::block_on(rt, task);
}

/// The runtime has been idle for a while: its workers sleep.
pub(super) fn outside_idle<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let (shared, task) = answering::<P>(rt);
    let mut lateness = Vec::new();
    let mut cost = Vec::new();
    for _ in 0..plan.count(200, 20) {
        while !shared.signal.has_waiter() {
            thread::yield_now();
        }
        thread::sleep(Duration::from_micros(300));
        shared.answer.store(0, Ordering::Relaxed);
        let began = now_ns();
        shared.signal.set();
        cost.push((now_ns() - began) as f64 / 1000.0);
        let ran = loop {
            let ran = shared.answer.load(Ordering::Acquire);
            if ran != 0 {
                break ran;
            }
            std::hint::spin_loop();
        };
        lateness.push((ran - began) as f64 / 1000.0);
    }
    finish::<P>(rt, &shared, task);
    vec![
        figure("wake to run, p50", Unit::Us, percentile(&mut lateness, 0.5)),
        figure("waker's cost, p50", Unit::Us, percentile(&mut cost, 0.5)),
    ]
}

/// Spawned from outside, and waited for outside.
pub(super) fn block_on_spawn<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let before = cpu_time();
    let n = plan.count(5_000, 300);
    let mut took = Vec::with_capacity(n);
    for i in 0..n {
        let began = now_ns();
        assert_eq!(P::block_on(rt, P::spawn_on(rt, async move { i })), i);
        took.push((now_ns() - began) as f64 / 1000.0);
    }
    let cpu = (cpu_time() - before).as_nanos() as f64 / 1000.0 / n as f64;
    vec![
        figure("p50", Unit::Us, percentile(&mut took, 0.5)),
        figure("p99", Unit::Us, percentile(&mut took, 0.99)),
        figure("CPU", Unit::Us, cpu),
    ]
}

/// The next wake comes as soon as the last was answered.
pub(super) fn outside_hot<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let (shared, task) = answering::<P>(rt);
    let n = plan.count(5_000, 300);
    let t = Instant::now();
    for _ in 0..n {
        shared.answer.store(0, Ordering::Relaxed);
        shared.signal.set();
        while shared.answer.load(Ordering::Acquire) == 0 {
            std::hint::spin_loop();
        }
    }
    let each = ns_each(t, n);
    finish::<P>(rt, &shared, task);
    vec![figure("", Unit::Ns, each)]
}

/// A task wakes another and computes on for 300 microseconds: when does the other start?
pub(super) fn busy_waker<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    struct Two {
        wake: Signal,
        ran: Signal,
        woken_at: AtomicU64,
    }
    let n = plan.count(300, 20);
    let two = Arc::new(Two {
        wake: Signal::default(),
        ran: Signal::default(),
        woken_at: AtomicU64::new(0),
    });
    let mut samples = on_worker::<P, _>(rt, async move {
        let woken = {
            let two = two.clone();
            P::spawn(async move {
                let mut samples = Vec::with_capacity(n);
                for _ in 0..n {
                    two.wake.wait().await;
                    let late = now_ns() - two.woken_at.load(Ordering::Acquire);
                    samples.push(late as f64 / 1000.0);
                    two.ran.set();
                }
                samples
            })
        };
        for _ in 0..n {
            while !two.wake.has_waiter() {
                P::yield_now().await;
            }
            two.woken_at.store(now_ns(), Ordering::Release);
            two.wake.set();
            spin_for(Duration::from_micros(300));
            two.ran.wait().await;
        }
        woken.await
    });
    vec![
        figure("p50", Unit::Us, percentile(&mut samples, 0.5)),
        figure("p99", Unit::Us, percentile(&mut samples, 0.99)),
    ]
}
