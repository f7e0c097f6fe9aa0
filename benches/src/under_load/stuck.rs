//! A thread that is stuck in a hook or in a foreign waker: what does it keep from others?

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::Out;
use super::peer::{Hook, UnderLoad};
use crate::measure::percentile;

/// How long the hook blocks.
const STUCK: Duration = Duration::from_secs(2);

/// Whether the next call of the hook blocks.
static ARMED: AtomicBool = AtomicBool::new(false);

/// For `on_thread_unpark`: blocks once for 2 s, when it has been armed.
pub(super) fn hook() -> Hook {
    Arc::new(|| {
        if ARMED.swap(false, Ordering::Relaxed) {
            thread::sleep(STUCK);
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
    // Which thread serves the timers is chance, so once says little.
    const ROUNDS: u32 = 5;
    const TIMERS: u32 = 100;
    let (done, all_done) = mpsc::channel();
    let mut late = Vec::new();
    for _ in 0..ROUNDS {
        let first = Instant::now() + Duration::from_millis(300);
        for i in 0..TIMERS {
            let due = first + Duration::from_millis(if spread { i.into() } else { 0 });
            let done = done.clone();
            P::spawn_from(&P::handle(rt), async move {
                P::sleep_until(due).await;
                done.send((Instant::now() - due).as_secs_f64() * 1e3).unwrap();
            });
        }
        // All are asleep, and so are the workers: the next one that wakes does so for a timer.
        thread::sleep(Duration::from_millis(250));
        ARMED.store(true, Ordering::Relaxed);
        late.extend((0..TIMERS).map(|_| all_done.recv().unwrap()));
        // The thread that was stuck goes on.
        thread::sleep(STUCK + Duration::from_millis(100));
    }
    report(late, out);
}

/// Blocks for 3 s, the first time that one of them is woken.
struct Stuck;

impl Wake for Stuck {
    fn wake(self: Arc<Stuck>) {
        static ONCE: AtomicBool = AtomicBool::new(false);
        if !ONCE.swap(true, Ordering::Relaxed) {
            thread::sleep(Duration::from_secs(3));
        }
    }
}

/// A timer that wakes [`Stuck`].
fn stuck_timer<P: UnderLoad>(rt: &P::Runtime, due: Instant) -> Pin<Box<dyn Future<Output = ()>>> {
    let mut sleep = None;
    P::block_on(rt, async {
        let mut timer = Box::pin(P::sleep_until(due));
        let waker = Waker::from(Arc::new(Stuck));
        assert!(timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        sleep = Some(timer);
    });
    sleep.expect("it was made")
}

pub(super) fn waker<P: UnderLoad>(rt: &P::Runtime, out: &Out) {
    const THREADS: usize = 50;
    let due = Instant::now() + Duration::from_millis(600);
    let (done, all_done) = mpsc::channel();
    // Timers that are due at the same moment may be served first come first or the other way round:
    // one comes before those of the threads and one after.
    let before = stuck_timer::<P>(rt, due);
    for _ in 0..THREADS {
        let (handle, done) = (P::handle(rt), done.clone());
        thread::spawn(move || {
            P::block_on_from(&handle, async { P::sleep_until(due).await });
            done.send((Instant::now() - due).as_secs_f64() * 1e3).unwrap();
        });
    }
    thread::sleep(Duration::from_millis(300));
    let after = stuck_timer::<P>(rt, due);
    report((0..THREADS).map(|_| all_done.recv().unwrap()).collect(), out);
    drop((before, after));
}
