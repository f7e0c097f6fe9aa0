//! What the timers of the engine cost by themselves: the wheel, its lock, its registrations.
//!
//! Compiles the engine's files as they are, by path: the public API puts a runtime around them,
//! whose cost is measured elsewhere. `cargo run --release -p benches --bin timer_wheel`

#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    unreachable_pub,
    reason = "of the shared floor only a part is used here"
)]
#[path = "."]
mod engine {
    #[path = "../../../runtime/src/engine/catch_panic.rs"]
    pub(crate) mod catch_panic;
    #[path = "../../../runtime/src/engine/clock.rs"]
    pub(crate) mod clock;
    #[path = "../../../runtime/src/engine/primitive/mod.rs"]
    pub(crate) mod primitive;
    #[path = "../../../runtime/src/engine/process_wide"]
    pub(crate) mod process_wide {
        pub(crate) mod fork;
    }
    #[path = "../../../runtime/src/engine/messages.rs"]
    pub(crate) mod messages;
    #[path = "../../../runtime/src/engine/rng.rs"]
    pub(crate) mod rng;
    #[path = "../../../runtime/src/engine/timer/mod.rs"]
    pub(crate) mod timer;
    #[path = "../../../runtime/src/engine/wake_list.rs"]
    pub(crate) mod wake_list;
}

use std::hint::black_box;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use engine::clock::{Clock, nanos};
use engine::timer::{Place, Registration, Shard, Shards};
use engine::wake_list::WakeList;

const MILLION: usize = 1_000_000;
/// Each figure is the best of so many rounds: what the work costs when nothing is in its way.
const ROUNDS: usize = 7;

/// What a runtime has by default, in nanoseconds.
const SLACK: u64 = 50_000;

/// A waker whose clone and drop count references, as a task's do.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Task>) {}
    fn wake_by_ref(self: &Arc<Task>) {}
}

fn registration(shard: &Arc<Shard>, after: Duration) -> Registration {
    let now = shard.clock().now_instant();
    let deadline = now.checked_add(after).map_or(u64::MAX, |at| shard.clock().at(at));
    Registration::new(Arc::clone(shard), deadline)
}

fn poll(registration: &mut Registration, waker: &Waker) {
    assert!(registration.poll(waker, true, |_| Place::Own).is_pending());
}

/// The best of the rounds of `f`, which returns the time for `count` operations, in nanoseconds
/// each.
fn best(what: &str, count: usize, mut f: impl FnMut() -> Duration) {
    let best = (0..ROUNDS).map(|_| f()).min().unwrap_or_default();
    println!("{what:<58} {:>8.1} ns", best.as_nanos() as f64 / count as f64);
}

fn time(f: impl FnOnce()) -> Duration {
    let start = Instant::now();
    f();
    start.elapsed()
}

/// Seconds between 1 and 60, the same sequence each time.
fn spread(i: usize) -> Duration {
    let mixed = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    Duration::from_nanos(1_000_000_000 + mixed % 59_000_000_000)
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// The shard of a runtime without workers.
fn shard(clock: Clock) -> Arc<Shard> {
    let clock = Arc::new(clock);
    let make = |mark| Shard::new(Arc::clone(&clock), SLACK, Box::new(|_| ()), mark);
    Arc::clone(Shards::new(Arc::clone(&clock), 0, make).outside())
}

fn main() {
    let shard = shard(Clock::new(false, false));
    let waker = Waker::from(Arc::new(Task));
    let fixed = Duration::from_secs(30);

    best("read the clock", MILLION, || {
        time(|| (0..MILLION).for_each(|_| _ = black_box(shard.clock().now())))
    });
    best("create, drop", MILLION, || {
        time(|| (0..MILLION).for_each(|_| drop(black_box(registration(&shard, fixed)))))
    });
    best("create, poll (pending), drop", MILLION, || {
        time(|| {
            for _ in 0..MILLION {
                let mut registration = registration(&shard, fixed);
                poll(&mut registration, &waker);
                drop(black_box(registration));
            }
        })
    });
    {
        let mut registration = registration(&shard, fixed);
        poll(&mut registration, &waker);
        best("poll again", MILLION, || {
            time(|| (0..MILLION).for_each(|_| poll(black_box(&mut registration), &waker)))
        });
        best("reset", MILLION, || {
            time(|| {
                let far = shard.clock().now() + nanos(fixed);
                for i in 0..MILLION as u64 {
                    let deadline = far + (i & 0xFFFF);
                    registration.reset(deadline, |_| true);
                }
            })
        });
    }

    for (name, after) in [("30 s each", None), ("1 to 60 s", Some(spread as fn(usize) -> Duration))]
    {
        let after = move |i| after.map_or(fixed, |spread| spread(i));
        let mut timers: Vec<Registration> = Vec::with_capacity(MILLION);
        let fill = |timers: &mut Vec<Registration>| {
            for i in 0..MILLION {
                let mut registration = registration(&shard, after(i));
                poll(&mut registration, &waker);
                timers.push(registration);
            }
        };
        best(&format!("a million, {name}: create, poll"), MILLION, || {
            timers.clear();
            time(|| fill(&mut timers))
        });
        best(&format!("a million, {name}: drop"), MILLION, || {
            timers.clear();
            fill(&mut timers);
            time(|| timers.clear())
        });
        fill(&mut timers);
        best(&format!("with a million, {name}: create, poll, drop"), MILLION, || {
            time(|| {
                for _ in 0..MILLION {
                    let mut registration = registration(&shard, fixed);
                    poll(&mut registration, &waker);
                    drop(black_box(registration));
                }
            })
        });
        let before = resident_kib();
        for _ in 0..3 {
            timers.clear();
            fill(&mut timers);
        }
        println!("  resident: {before} KiB, after three more millions {} KiB", resident_kib());
        timers.clear();
    }

    fire(&waker, "the same deadline", |_| 0);
    fire(&waker, "spread over 60 s, in one jump", |i| nanos(spread(i)));
}

/// The cost of firing a million timers: the wheel's turns, without what the wakers do.
fn fire(waker: &Waker, what: &str, after: impl Fn(usize) -> u64) {
    let mut turns = Vec::new();
    best(&format!("fire a million: {what}"), MILLION, || {
        let shard = shard(Clock::new(false, true));
        let far = 10_000_000_000;
        let timers: Vec<Registration> = (0..MILLION)
            .map(|i| {
                let mut timer = Registration::new(Arc::clone(&shard), far + after(i));
                poll(&mut timer, waker);
                timer
            })
            .collect();
        let mut ready = WakeList::new();
        let taken = time(|| {
            loop {
                let start = Instant::now();
                let more = shard.advance(far + 60_000_000_000, &mut ready);
                turns.push(start.elapsed());
                ready.wake_all();
                if !more {
                    break;
                }
            }
        });
        assert!(timers.iter().all(Registration::is_elapsed));
        taken
    });
    turns.sort_unstable();
    let at =
        |share: f64| turns[((turns.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1e3;
    // The machine's other work is in the longest ones.
    println!("  a turn under the lock: p50 {:.1} us, p99 {:.1} us", at(0.5), at(0.99));
}
