//! Spawns from outside the workers while tasks keep these busy.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::fair::compute;
use super::peer::UnderLoad;
use super::{Ask, Out};
use crate::measure::{ns_each, percentile};
use crate::peers::Peer;

const EVERY: Duration = Duration::from_millis(5);

pub(super) fn spawn<P: UnderLoad>(rt: &P::Runtime, busy: usize, ask: &Ask, out: &Out) {
    let stop = Arc::new(AtomicBool::new(false));
    {
        let (stop, wall) = (Arc::clone(&stop), ask.wall);
        P::spawn_from(&P::handle(rt), async move {
            for _ in 0..busy {
                let stop = Arc::clone(&stop);
                P::detach(P::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        compute(Duration::from_millis(1), wall);
                        P::yield_now().await;
                    }
                }));
            }
        });
    }
    // All of them have had a few turns.
    thread::sleep(Duration::from_millis(500));
    let spawns = (ask.time().as_nanos() / EVERY.as_nanos()).max(1) as usize;
    let waits = Arc::new(Mutex::new(Vec::with_capacity(spawns)));
    let mut due = Instant::now();
    let mut spawned = Vec::with_capacity(spawns);
    for _ in 0..spawns {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += EVERY;
        let waits = Arc::clone(&waits);
        let began = Instant::now();
        spawned.push(began);
        P::spawn_from(&P::handle(rt), async move {
            waits.lock().unwrap().push(began.elapsed().as_secs_f64() * 1e3);
        });
    }
    let ended = Instant::now();
    let mut waits = std::mem::take(&mut *waits.lock().unwrap());
    // Tasks are not told apart: that those who still wait came last makes their waits no longer
    // than they are.
    let waiting = spawns - waits.len();
    waits.extend(spawned[spawns - waiting..].iter().map(|&at| (ended - at).as_secs_f64() * 1e3));
    stop.store(true, Ordering::Relaxed);
    out.less("first poll after, p50", "ms", percentile(&mut waits, 0.5));
    out.less("first poll after, p99", "ms", percentile(&mut waits, 0.99));
    out.less("first poll after, longest", "ms", percentile(&mut waits, 1.0));
    out.known("not polled at the end", "", waiting as f64);
}

pub(super) fn spawn_from_root<P: Peer>(rt: &P::Runtime, busy: usize, out: &Out) {
    const SPAWNS: usize = 100_000;
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..busy {
        let stop = Arc::clone(&stop);
        P::detach(P::spawn_on(rt, async move {
            while !stop.load(Ordering::Relaxed) {
                P::yield_now().await;
            }
        }));
    }
    thread::sleep(Duration::from_millis(100));
    let (mut spawn, mut run) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let done = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        P::block_on(rt, async {
            for _ in 0..SPAWNS {
                let done = Arc::clone(&done);
                P::detach(P::spawn(async move {
                    done.fetch_add(1, Ordering::Relaxed);
                }));
            }
        });
        spawn.push(ns_each(began, SPAWNS));
        while done.load(Ordering::Relaxed) < SPAWNS {
            thread::sleep(Duration::from_millis(1));
        }
        run.push(ns_each(began, SPAWNS));
    }
    stop.store(true, Ordering::Relaxed);
    out.less("a spawn", "ns", percentile(&mut spawn, 0.5));
    out.less("a spawn in the slowest of 5 rounds", "ns", percentile(&mut spawn, 1.0));
    out.less("a spawn until all have run", "ns", percentile(&mut run, 0.5));
}
