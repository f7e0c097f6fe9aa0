//! Tasks that block, announced and not, by the dozen and by the thousand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::Out;
use super::peer::UnderLoad;
use crate::measure::percentile;

/// How late each tick was in milliseconds, due every `every` whether or not the one before was
/// seen.
struct Ticks<P: UnderLoad> {
    stop: Arc<AtomicBool>,
    late: P::Join<Vec<f64>>,
}

impl<P: UnderLoad> Ticks<P> {
    fn start(rt: &P::Runtime, every: Duration) -> Ticks<P> {
        let stop = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&stop);
        let (begins, begun) = mpsc::channel();
        let late = P::spawn_on(rt, async move {
            let mut late = Vec::new();
            let mut due = Instant::now() + every;
            P::sleep(due - Instant::now()).await;
            begins.send(()).unwrap();
            while !over.load(Ordering::Relaxed) {
                P::sleep(due.saturating_duration_since(Instant::now())).await;
                let now = Instant::now();
                while due <= now {
                    late.push((now - due).as_secs_f64() * 1e3);
                    due += every;
                }
            }
            late
        });
        begun.recv().unwrap();
        Ticks { stop, late }
    }

    fn end(self, rt: &P::Runtime, out: &Out) {
        self.stop.store(true, Ordering::Relaxed);
        let mut late = P::block_on(rt, self.late);
        out.less("tick late, p50", "ms", percentile(&mut late, 0.5));
        out.less("tick late, p99", "ms", percentile(&mut late, 0.99));
        out.less("tick late, longest", "ms", percentile(&mut late, 1.0));
    }
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

pub(super) fn block_on<P: UnderLoad>(rt: &P::Runtime, tasks: usize, out: &Out) {
    let handle = P::handle(rt);
    let (begins, begun) = mpsc::channel();
    let (done, all_done) = mpsc::channel();
    let began = Instant::now();
    let senders: Vec<_> = (0..tasks)
        .map(|_| {
            let (tx, rx) = P::oneshot();
            let (begins, done, inner) = (begins.clone(), done.clone(), handle.clone());
            P::spawn_from(&handle, async move {
                P::block_in_place(|| {
                    begins.send(()).unwrap();
                    P::block_on_from(&inner, P::one_recv(rx));
                });
                done.send(()).unwrap();
            });
            tx
        })
        .collect();
    // All of them wait, or as many as will.
    let enough = Duration::from_secs(2);
    let waiting = (0..tasks).take_while(|_| begun.recv_timeout(enough).is_ok()).count();
    out.known("tasks that waited before the first was sent to", "", waiting as f64);
    for tx in senders {
        P::spawn_from(&handle, async move { P::one_send(tx, 1) });
    }
    (0..tasks).for_each(|_| all_done.recv().unwrap());
    out.less("all done after", "ms", ms(began));
}

pub(super) fn sleep<P: UnderLoad>(rt: &P::Runtime, tasks: usize, out: &Out) {
    let handle = P::handle(rt);
    let ticks = Ticks::<P>::start(rt, Duration::from_millis(10));
    let (done, all_done) = mpsc::channel();
    let began = Instant::now();
    for _ in 0..tasks {
        let done = done.clone();
        P::spawn_from(&handle, async move {
            P::block_in_place(|| thread::sleep(Duration::from_millis(200)));
            done.send(()).unwrap();
        });
    }
    (0..tasks).for_each(|_| all_done.recv().unwrap());
    out.less("all done after", "ms", ms(began));
    ticks.end(rt, out);
}

pub(super) fn slot_behind_stall<P: UnderLoad>(rt: &P::Runtime, out: &Out) {
    // The other workers have gone to sleep.
    thread::sleep(Duration::from_millis(100));
    let (ran, when) = mpsc::channel();
    P::spawn_from(&P::handle(rt), async move {
        let began = Instant::now();
        P::detach(P::spawn(async move { ran.send(ms(began)).unwrap() }));
        thread::sleep(Duration::from_secs(2));
    });
    out.less("the task ran after", "ms", when.recv().unwrap());
}

pub(super) fn stalls<P: UnderLoad>(rt: &P::Runtime, out: &Out) {
    const STALLS: usize = 64;
    let handle = P::handle(rt);
    let ticks = Ticks::<P>::start(rt, Duration::from_millis(1));
    let (ran, all_ran) = mpsc::channel();
    let (ended, all_ended) = mpsc::channel();
    let last_stall = Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    for _ in 0..STALLS {
        let (ended, last_stall) = (ended.clone(), Arc::clone(&last_stall));
        P::spawn_from(&handle, async move {
            last_stall.fetch_max(began.elapsed().as_micros() as usize, Ordering::Relaxed);
            thread::sleep(Duration::from_secs(1));
            ended.send(()).unwrap();
        });
    }
    for _ in 0..STALLS {
        let ran = ran.clone();
        P::spawn_from(&handle, async move { ran.send(()).unwrap() });
    }
    (0..STALLS).for_each(|_| all_ran.recv().unwrap());
    out.less("the ready ones have run after", "ms", ms(began));
    (0..STALLS).for_each(|_| all_ended.recv().unwrap());
    let last_stall = last_stall.load(Ordering::Relaxed) as f64 / 1e3;
    out.known("the last one began to block after", "ms", last_stall);
    ticks.end(rt, out);
}
