//! Clocks, counters, percentiles, and the few primitives that all workloads share so that they cost
//! all peers the same.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

/// What this process has used so far, all its threads together, ended ones too.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub user: Duration,
    pub system: Duration,
    /// Context switches, voluntary and forced.
    pub switches: u64,
}

impl Usage {
    pub fn now() -> Usage {
        Usage::of(libc::RUSAGE_SELF)
    }

    fn of(whom: libc::c_int) -> Usage {
        // SAFETY: an all-zero rusage is a valid value, and the call writes to it alone.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(whom, &mut usage);
            usage
        };
        let of = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
        let switches = (usage.ru_nvcsw + usage.ru_nivcsw) as u64;
        Usage { user: of(usage.ru_utime), system: of(usage.ru_stime), switches }
    }

    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// CPU time of this process so far, user and system.
pub fn cpu_time() -> Duration {
    Usage::now().cpu()
}

/// CPU time of the calling thread so far.
pub fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes to `time` alone.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// How much of this machine others have used between two looks: what makes a run's figures
/// doubtful.
pub struct Others {
    busy: f64,
    idle: f64,
    own: f64,
}

impl Others {
    pub fn look() -> Others {
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let first = stat.lines().next().unwrap_or_default();
        // user nice system idle iowait irq softirq steal, in ticks.
        let ticks: Vec<f64> =
            first.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).take(8).collect();
        let idle = ticks.iter().skip(3).take(2).sum();
        // SAFETY: sysconf has no preconditions.
        let a_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        let own = (cpu_time() + Usage::of(libc::RUSAGE_CHILDREN).cpu()).as_secs_f64();
        Others { busy: ticks.iter().sum::<f64>() - idle, idle, own: own * a_second }
    }

    /// Percent of all CPUs that was used, since then, by neither this process nor its children.
    pub fn percent_since(&self) -> f64 {
        let now = Others::look();
        let busy = now.busy - self.busy;
        let all = busy + now.idle - self.idle;
        if all <= 0.0 { 0.0 } else { (100.0 * (busy - (now.own - self.own)) / all).max(0.0) }
    }
}

/// The value below which `q` (0 to 1) of the samples lie; sorts them.
pub fn percentile(samples: &mut [f64], q: f64) -> f64 {
    if samples.is_empty() {
        return f64::NAN;
    }
    samples.sort_by(f64::total_cmp);
    samples[((samples.len() - 1) as f64 * q).round() as usize]
}

pub fn median(samples: &[f64]) -> f64 {
    let mut v = samples.to_vec();
    v.sort_by(f64::total_cmp);
    match v.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => v[n / 2],
        n => (v[n / 2 - 1] + v[n / 2]) / 2.0,
    }
}

/// Nanoseconds an operation, given when `n` of them began.
pub fn ns_each(since: Instant, n: usize) -> f64 {
    since.elapsed().as_nanos() as f64 / n as f64
}

/// Nanoseconds since the process' first call, for instants that travel through atomics.
pub fn now_ns() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// A fixed piece of work of about `us` microseconds: a count of rounds, calibrated once, so that a
/// thread that is preempted does not thereby do less.
pub fn work(us: u64) {
    static ROUNDS_PER_US: OnceLock<u64> = OnceLock::new();
    let rounds = *ROUNDS_PER_US.get_or_init(|| {
        let best = (0..50).map(|_| {
            let t = Instant::now();
            churn(20_000);
            t.elapsed()
        });
        (20_000_000 / best.min().unwrap().as_nanos().max(1)) as u64
    });
    churn(us * rounds);
}

fn churn(rounds: u64) {
    let mut x = 0x9E37_79B9_7F4A_7C15_u64;
    for i in 0..rounds {
        x = std::hint::black_box(x ^ i).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    }
    std::hint::black_box(x);
}

/// Computes without yielding for this long by the clock.
pub fn spin_for(d: Duration) {
    let t = Instant::now();
    while t.elapsed() < d {
        churn(200);
    }
}

/// Computes without yielding for this much of the thread's CPU time: a thread that is preempted
/// does not thereby do less.
pub fn spin_cpu_for(d: Duration) {
    let end = thread_cpu_time() + d;
    while thread_cpu_time() < end {
        churn(200);
    }
}

/// One task waits, anybody sets: the same small primitive for every peer.
#[derive(Default)]
pub struct Signal {
    set: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Signal {
    pub fn set(&self) {
        self.set.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub fn wait(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|cx| {
            if self.set.swap(false, Ordering::Acquire) {
                return Poll::Ready(());
            }
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            // Set between the first look and the waker's being there: nobody would wake us.
            if self.set.swap(false, Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// Whether a task waits; lets the other side prepare its measurement.
    pub fn has_waiter(&self) -> bool {
        self.waker.lock().unwrap().is_some()
    }
}

/// Polls once and says whether it was pending.
pub async fn poll_once<F: Future>(mut f: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(f.as_mut().poll(cx).is_pending())).await
}

/// A counter that one waiter sleeps on from outside the runtime.
#[derive(Default)]
pub struct Countdown {
    left: AtomicU64,
    waiter: Mutex<Option<std::thread::Thread>>,
}

impl Countdown {
    /// Expects `n` calls of `done`; the caller is the one that will wait.
    pub fn arm(&self, n: u64) {
        *self.waiter.lock().unwrap() = Some(std::thread::current());
        self.left.store(n, Ordering::Release);
    }
    pub fn done(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            if let Some(t) = self.waiter.lock().unwrap().take() {
                t.unpark();
            }
        }
    }
    pub fn wait(&self) {
        while self.left.load(Ordering::Acquire) != 0 {
            std::thread::park();
        }
    }
}

/// A small generator for durations and orders, the same sequence for every peer.
pub struct Rng(pub u64);

impl Rng {
    fn step(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.step() % n
    }
}
