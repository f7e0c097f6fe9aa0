//! A thread that is stuck in a hook or in a foreign waker: what does it keep from others?

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::Out;
use super::peer::{Hook, UnderLoad};
use crate::measure::percentile;

/// Whether the next call of the hook blocks.
static ARMED: AtomicBool = AtomicBool::new(false);

/// For `on_thread_unpark`: blocks once for 2 s, when it has been armed.
pub(super) fn hook() -> Hook {
    Arc::new(|| {
        if ARMED.swap(false, Ordering::Relaxed) {
            thread::sleep(Duration::from_secs(2));
        }
    })
}

const LATE_MS: f64 = 50.0;

fn report(mut late: Vec<f64>, out: &Out) {
    let count = late.iter().filter(|&&ms| ms > LATE_MS).count();
    out.less(format!("later than {LATE_MS} ms, of {}", late.len()), "", count as f64);
    out.less("late, p50", "ms", percentile(&mut late, 0.5));
    out.less("late, longest", "ms", percentile(&mut late, 1.0));
}

pub(super) fn unpark_hook<P: UnderLoad>(rt: &P::Runtime, spread: bool, out: &Out) {
    const TIMERS: u32 = 100;
    let (done, all_done) = mpsc::channel();
    let first = Instant::now() + Duration::from_millis(300);
    for i in 0..TIMERS {
        let due = first + Duration::from_millis(if spread { i.into() } else { 0 });
        let done = done.clone();
        P::spawn_from(&P::handle(rt), async move {
            P::sleep(due - Instant::now()).await;
            done.send((Instant::now() - due).as_secs_f64() * 1e3).unwrap();
        });
    }
    // All are asleep, and so are the workers: the next one that wakes does so for a timer.
    thread::sleep(Duration::from_millis(250));
    ARMED.store(true, Ordering::Relaxed);
    report((0..TIMERS).map(|_| all_done.recv().unwrap()).collect(), out);
}

struct Stuck;

impl Wake for Stuck {
    fn wake(self: Arc<Stuck>) {
        thread::sleep(Duration::from_secs(3));
    }
}

pub(super) fn waker<P: UnderLoad>(rt: &P::Runtime, out: &Out) {
    const THREADS: usize = 50;
    let due = Instant::now() + Duration::from_millis(300);
    let (done, all_done) = mpsc::channel();
    let mut stuck = None;
    P::block_on(rt, async {
        let mut sleep = Box::pin(P::sleep(due - Instant::now()));
        let waker = Waker::from(Arc::new(Stuck));
        assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        stuck = Some(sleep);
    });
    for _ in 0..THREADS {
        let (handle, done) = (P::handle(rt), done.clone());
        thread::spawn(move || {
            P::block_on_from(&handle, async { P::sleep(due - Instant::now()).await });
            done.send((Instant::now() - due).as_secs_f64() * 1e3).unwrap();
        });
    }
    report((0..THREADS).map(|_| all_done.recv().unwrap()).collect(), out);
    drop(stuck);
}
