//! Equal tasks that compute and yield: does each get as many turns as the others, and how long does
//! it wait?

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use super::peer::UnderLoad;
use super::{Ask, Out};
use crate::measure::{now_ns, percentile, spin_cpu_for, spin_for};

/// How tasks come into being, and back to their turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum From {
    Inside,
    Outside,
    Woken,
}

impl From {
    pub(super) fn name(self) -> &'static str {
        match self {
            From::Inside => "inside",
            From::Outside => "outside",
            From::Woken => "woken",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Fair {
    pub(super) turn: Duration,
    pub(super) from: From,
    /// Beside tasks that block and tasks that compute for long.
    pub(super) mixed: bool,
}

/// What became of one task; nanoseconds of [`now_ns`].
#[derive(Default)]
struct Track {
    /// Since when it waits for its turn; `None` while it has it, or has not been woken.
    ready: Option<u64>,
    /// How long it waited for its first turn.
    first: Option<u64>,
    /// When each turn after the first began, and how long the task had waited for it.
    waits: Vec<(u64, u64)>,
}

impl Track {
    fn turn(&mut self) {
        let now = now_ns();
        let waited = now - self.ready.take().unwrap_or(now);
        if self.first.is_none() {
            self.first = Some(waited);
        } else {
            self.waits.push((now, waited));
        }
    }
    fn turns(&self) -> usize {
        self.waits.len() + usize::from(self.first.is_some())
    }
}

struct Shared {
    tracks: Vec<Mutex<Track>>,
    wakers: Vec<Mutex<Option<Waker>>>,
    turn: Duration,
    wall: bool,
    stop: AtomicBool,
}

impl Shared {
    fn set_ready(&self, task: usize) {
        self.tracks[task].lock().unwrap().ready = Some(now_ns());
    }
    fn take_turn(&self, task: usize) {
        self.tracks[task].lock().unwrap().turn();
        compute(self.turn, self.wall);
    }
    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

pub(super) fn compute(d: Duration, wall: bool) {
    if wall { spin_for(d) } else { spin_cpu_for(d) }
}

async fn yielding<P: UnderLoad>(shared: Arc<Shared>, task: usize) {
    while !shared.is_over() {
        shared.take_turn(task);
        shared.set_ready(task);
        P::yield_now().await;
    }
}

/// Its turns are over when it has told the outside thread, which wakes it for the next.
async fn woken(shared: Arc<Shared>, task: usize, again: mpsc::Sender<usize>) {
    while !shared.is_over() {
        shared.take_turn(task);
        // The poll ends here, however soon the thread wakes the task: else it would go on with its
        // next turn at once.
        let mut asked = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(());
            }
            *shared.wakers[task].lock().unwrap() = Some(cx.waker().clone());
            let _ = again.send(task);
            Poll::Pending
        })
        .await;
    }
}

/// The tasks of the mixed set that hold their threads for long.
async fn hog<P: UnderLoad>(shared: Arc<Shared>, blocks: bool) {
    while !shared.is_over() {
        if blocks {
            thread::sleep(Duration::from_millis(50));
        } else {
            compute(Duration::from_millis(20), shared.wall);
        }
        P::yield_now().await;
    }
}

pub(super) fn run<P: UnderLoad>(rt: &P::Runtime, fair: Fair, ask: &Ask, out: &Out) {
    let shared = Arc::new(Shared {
        tracks: (0..ask.tasks).map(|_| Mutex::default()).collect(),
        wakers: (0..ask.tasks).map(|_| Mutex::default()).collect(),
        turn: fair.turn,
        wall: ask.wall,
        stop: AtomicBool::new(false),
    });
    let (again, to_wake) = mpsc::channel();
    let start = {
        let (shared, handle) = (Arc::clone(&shared), P::handle(rt));
        move || {
            for i in 0..if fair.mixed { 16 } else { 0 } {
                P::spawn_from(&handle, hog::<P>(Arc::clone(&shared), i % 2 == 0));
            }
            for task in 0..shared.tracks.len() {
                shared.set_ready(task);
                match fair.from {
                    From::Woken => {
                        P::spawn_from(&handle, woken(Arc::clone(&shared), task, again.clone()))
                    }
                    _ => P::spawn_from(&handle, yielding::<P>(Arc::clone(&shared), task)),
                }
            }
        }
    };
    let began = now_ns();
    match fair.from {
        From::Inside => P::spawn_from(&P::handle(rt), async move { start() }),
        From::Outside | From::Woken => start(),
    }
    if fair.from == From::Woken {
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            for task in to_wake {
                shared.set_ready(task);
                let waker = shared.wakers[task].lock().unwrap().take();
                waker.expect("it has asked").wake();
            }
        });
    }
    thread::sleep(ask.time());
    shared.stop.store(true, Ordering::Relaxed);
    report(&shared, began, out);
}

fn report(shared: &Shared, began: u64, out: &Out) {
    let ended = now_ns();
    // The first turns and what they leave behind are over.
    let steady = began + (ended - began) / 4;
    let (mut turns, mut in_steady, mut first) = (vec![], vec![], vec![]);
    let (mut waits, mut longest) = (vec![], vec![]);
    for track in &shared.tracks {
        let track = track.lock().unwrap();
        turns.push(track.turns() as f64);
        // Who still waits has waited at least so long.
        let waiting = ended.saturating_sub(track.ready.unwrap_or(ended)) as f64 / 1e6;
        first.push(track.first.map_or(waiting, |waited| waited as f64 / 1e6));
        let before = waits.len();
        let late = track.waits.iter().filter(|(at, _)| *at >= steady);
        waits.extend(late.map(|(_, waited)| *waited as f64 / 1e6));
        in_steady.push((waits.len() - before) as f64);
        longest.push(waits[before..].iter().copied().fold(waiting, f64::max));
    }
    let seconds = (ended - began) as f64 / 1e9;
    out.more("turns, all tasks", "1/s", turns.iter().sum::<f64>() / seconds);
    out.more("turns of a task, least", "", percentile(&mut turns, 0.0));
    out.known("turns of a task, median", "", percentile(&mut turns, 0.5));
    out.known("turns of a task, most", "", percentile(&mut turns, 1.0));
    out.less("turns, most / least", "", ratio(&mut turns));
    out.less("the same after the first quarter", "", ratio(&mut in_steady));
    out.less("wait between turns, then, p50", "ms", percentile(&mut waits, 0.5));
    out.less("wait between turns, then, p99", "ms", percentile(&mut waits, 0.99));
    out.less("longest wait of a task, then, median", "ms", percentile(&mut longest, 0.5));
    out.less("longest wait of a task, then, most", "ms", percentile(&mut longest, 1.0));
    out.less("first turn of the last task after", "ms", percentile(&mut first, 1.0));
}

fn ratio(counts: &mut [f64]) -> f64 {
    percentile(counts, 1.0) / percentile(counts, 0.0)
}
