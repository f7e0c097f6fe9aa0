//! Tasks that do the same get as many turns as each other, whether they were spawned inside or
//! outside, yield or are woken from outside, and however long their turns are. A machine that is
//! busy with other things changes nothing, and makes no stalls of short polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use runtime::Runtime;
use tests::{eventually, isolated, workers};

/// How long the tasks take turns, at least.
const TIME: Duration = Duration::from_millis(1500);
/// Turns that the task with the fewest must have had before they are compared: below that one more
/// or less is much.
const FEWEST: u32 = 6;
/// By how much they may differ. On a quiet machine it is 1.3; the first version had 18 to 55, tokio
/// has 2 to 3.
const RATIO: u32 = 4;

/// Computes for so long, by the clock of this thread: being preempted makes a turn no shorter.
fn compute(time: Duration) {
    let until = cpu_time() + time;
    while cpu_time() < until {}
}

fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one `timespec` is written, where there is room for it.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

struct Turns {
    of_each: Vec<AtomicU32>,
    over: AtomicBool,
}

async fn takes_turns(turns: Arc<Turns>, task: usize, length: Duration) {
    while !turns.over.load(Ordering::Relaxed) {
        compute(length);
        turns.of_each[task].fetch_add(1, Ordering::Relaxed);
        runtime::task::yield_now().await;
    }
}

/// So many equal tasks with turns of this length.
fn start(runtime: &Runtime, tasks: usize, length: Duration, inside: bool) -> Arc<Turns> {
    let of_each = (0..tasks).map(|_| AtomicU32::new(0)).collect();
    let turns = Arc::new(Turns { of_each, over: AtomicBool::new(false) });
    let (handle, all) = (runtime.handle().clone(), turns.clone());
    let spawn_all = move || {
        for task in 0..tasks {
            drop(handle.spawn(takes_turns(all.clone(), task, length)));
        }
    };
    if inside {
        runtime.block_on(runtime.spawn(async move { spawn_all() })).unwrap();
    } else {
        spawn_all();
    }
    turns
}

impl Turns {
    fn compare(&self) {
        let start = Instant::now();
        let least = || self.of_each.iter().map(|turns| turns.load(Ordering::Relaxed)).min();
        eventually("each has had some turns", || {
            start.elapsed() >= TIME && least().is_some_and(|turns| turns >= FEWEST)
        });
        let mut turns: Vec<_> =
            self.of_each.iter().map(|turns| turns.load(Ordering::Relaxed)).collect();
        self.over.store(true, Ordering::Relaxed);
        turns.sort_unstable();
        let (least, most) = (turns[0], turns[turns.len() - 1]);
        assert!(most <= least * RATIO, "from {least} to {most} turns: {turns:?}");
    }
}

/// Threads that compute until this is dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn start(threads: usize) -> Busy {
        let over = Arc::new(AtomicBool::new(false));
        for _ in 0..threads {
            let over = over.clone();
            thread::spawn(move || while !over.load(Ordering::Relaxed) {});
        }
        Busy(over)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn tasks_of_a_millisecond_spawned_inside_have_equal_turns() {
    isolated("tasks_of_a_millisecond_spawned_inside_have_equal_turns", || {
        let runtime = workers(2);
        start(&runtime, 60, Duration::from_millis(1), true).compare();
    });
}

#[test]
fn tasks_of_a_millisecond_spawned_outside_have_equal_turns() {
    isolated("tasks_of_a_millisecond_spawned_outside_have_equal_turns", || {
        let runtime = workers(2);
        start(&runtime, 60, Duration::from_millis(1), false).compare();
    });
}

/// Long enough for each to be marked as one that stalls its worker.
#[test]
fn tasks_of_ten_milliseconds_have_equal_turns() {
    isolated("tasks_of_ten_milliseconds_have_equal_turns", || {
        let runtime = workers(2);
        start(&runtime, 30, Duration::from_millis(10), false).compare();
    });
}

#[test]
fn tasks_beside_busy_threads_have_equal_turns_and_do_not_stall() {
    isolated("tasks_beside_busy_threads_have_equal_turns_and_do_not_stall", || {
        let _busy = Busy::start(6);
        let runtime = workers(2);
        start(&runtime, 40, Duration::from_millis(1), true).compare();
        let metrics = runtime.metrics();
        assert_eq!(metrics.stall_count(), 0, "reports of polls of a millisecond");
    });
}

/// Eight tasks that block and eight that compute are marked, and have their turns beside those of
/// the others.
#[test]
fn tasks_beside_stalling_tasks_have_equal_turns() {
    isolated("tasks_beside_stalling_tasks_have_equal_turns", || {
        let runtime = workers(2);
        let turns = start(&runtime, 40, Duration::from_millis(1), false);
        for n in 0..16 {
            let turns = turns.clone();
            drop(runtime.spawn(async move {
                while !turns.over.load(Ordering::Relaxed) {
                    match n % 2 {
                        0 => thread::sleep(Duration::from_millis(20)),
                        _ => compute(Duration::from_millis(20)),
                    }
                    runtime::task::yield_now().await;
                }
            }));
        }
        turns.compare();
    });
}

/// Whoever spawns a task now and then need not wait for all that were there before.
#[test]
fn a_task_from_outside_begins_before_the_queue_is_through() {
    isolated("a_task_from_outside_begins_before_the_queue_is_through", || {
        let runtime = workers(2);
        let turns = start(&runtime, 100, Duration::from_millis(1), true);
        eventually("all have begun", || {
            turns.of_each.iter().all(|turns| turns.load(Ordering::Relaxed) > 0)
        });
        let mut waits: Vec<_> = (0..21)
            .map(|_| {
                // Now and then: what is waited for is what comes between the tasks' turns.
                thread::sleep(Duration::from_millis(10));
                let begun = Instant::now();
                runtime.block_on(runtime.spawn(async move { begun.elapsed() })).unwrap()
            })
            .collect();
        waits.sort_unstable();
        turns.over.store(true, Ordering::Relaxed);
        // The queue takes 50 ms on a quiet machine, and one look around a turn.
        assert!(waits[10] < Duration::from_millis(25), "the median of {waits:?}");
    });
}
