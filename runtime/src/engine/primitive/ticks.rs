//! A clock that is cheap to read: the processor's counter where it runs at one rate on all cores,
//! else the system's monotonic clock.
#![allow(unsafe_code, reason = "two instructions; blocks cite docs/unsafe.md")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Now, in ticks since some moment. How long a tick is, [`Scale`] tells.
#[inline]
pub(crate) fn ticks() -> u64 {
    if origin().counter.is_some() { counter() } else { since_origin() }
}

/// A moment on both clocks.
struct Origin {
    /// The processor's counter, if it can be used.
    counter: Option<u64>,
    clock: Instant,
}

#[inline]
fn origin() -> &'static Origin {
    static ORIGIN: OnceLock<Origin> = OnceLock::new();
    ORIGIN.get_or_init(|| {
        // A simulation has no hand in the processor's counter.
        let counts = counts_steadily() && !super::simulation::is_on();
        Origin { counter: counts.then(counter), clock: Instant::now() }
    })
}

/// A moment early in this process.
pub(crate) fn process_began() -> Instant {
    origin().clock
}

fn since_origin() -> u64 {
    u64::try_from(origin().clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// How ticks are turned into time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    now: u64,
    ns_per_tick: f64,
}

/// Two moments that are closer than this are too close to tell the rate of the counter: reading
/// the two clocks takes some 50 ns, which is 1 in 20,000 of it.
const LEAST_APART: Duration = Duration::from_millis(1);

impl Scale {
    /// Compares the two clocks. Takes up to 1 ms if the first tick was read less than that ago.
    pub(crate) fn now() -> Scale {
        let origin = origin();
        let Some(first) = origin.counter else {
            return Scale { now: since_origin(), ns_per_tick: 1.0 };
        };
        if let Some(left) = LEAST_APART.checked_sub(origin.clock.elapsed()) {
            std::thread::sleep(left);
        }
        let now = counter();
        let passed = origin.clock.elapsed().as_nanos();
        let ticks = now.wrapping_sub(first).max(1);
        Scale { now, ns_per_tick: passed as f64 / ticks as f64 }
    }

    /// How long ago that was. A moment that lies ahead is now.
    pub(crate) fn ago(&self, then: u64) -> Duration {
        self.time(self.now.saturating_sub(then))
    }

    /// How long a tick is.
    pub(crate) fn ns_per_tick(&self) -> f64 {
        self.ns_per_tick
    }

    /// How many ticks a time is; for ever, if it is longer than can be counted.
    pub(crate) fn ticks(&self, time: Duration) -> u64 {
        (time.as_nanos() as f64 / self.ns_per_tick) as u64
    }

    /// So many ticks.
    pub(crate) fn time(&self, ticks: u64) -> Duration {
        Duration::from_nanos((ticks as f64 * self.ns_per_tick) as u64)
    }
}

/// How many ticks a short time is, at the rate that was found first. Unknown in the first
/// millisecond after the first tick was read.
pub(crate) fn ticks_in(time: Duration) -> Option<u64> {
    /// Ticks in a millisecond; 0 if unknown. No pair: a number, from which nothing else follows.
    static RATE: AtomicU64 = AtomicU64::new(0);
    let rate = match RATE.load(Ordering::Relaxed) {
        0 => {
            let rate = first_rate()?;
            RATE.store(rate, Ordering::Relaxed);
            rate
        }
        rate => rate,
    };
    Some((time.as_micros() as u64).saturating_mul(rate) / 1000)
}

#[cold]
fn first_rate() -> Option<u64> {
    if origin().counter.is_some() && origin().clock.elapsed() < LEAST_APART {
        return None;
    }
    Some(Scale::now().ticks(Duration::from_millis(1)).max(1))
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every processor of this architecture has the instruction. Where the kernel forbids it
    // to programs (`prctl(PR_SET_TSC)`), `counts_steadily` has not found an invariant counter.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// "Invariant TSC": it runs at one rate in all power states, and Linux keeps it equal on all cores
/// or takes another clock.
#[cfg(target_arch = "x86_64")]
#[allow(unused_unsafe, reason = "the function is safe from Rust 1.94 on")]
fn counts_steadily() -> bool {
    use std::arch::x86_64::__cpuid;
    const POWER: u32 = 0x8000_0007;
    const INVARIANT: u32 = 1 << 8;
    // SAFETY: every processor of this architecture has the instruction.
    let has_leaf = unsafe { __cpuid(0x8000_0000) }.eax >= POWER;
    // SAFETY: as above.
    let invariant = has_leaf && unsafe { __cpuid(POWER) }.edx & INVARIANT != 0;
    invariant && is_the_systems_clock()
}

/// Whether the kernel trusts the counter: it watches it against other clocks, and gives it up where
/// cores differ.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn is_the_systems_clock() -> bool {
    const CURRENT: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    // `kvm-clock` and the like are made of the counter.
    let clock = std::fs::read_to_string(CURRENT);
    clock.is_ok_and(|name| {
        matches!(name.trim(), "tsc" | "kvm-clock" | "hyperv_clocksource_tsc_page")
    })
}

#[cfg(all(target_arch = "x86_64", not(target_os = "linux")))]
fn is_the_systems_clock() -> bool {
    true
}

#[cfg(target_arch = "aarch64")]
#[inline]
fn counter() -> u64 {
    let count: u64;
    // SAFETY: reads a register that all kernels of this architecture let programs read.
    unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) count, options(nomem, nostack)) };
    count
}

/// The architecture says so.
#[cfg(target_arch = "aarch64")]
fn counts_steadily() -> bool {
    true
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn counter() -> u64 {
    0
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn counts_steadily() -> bool {
    false
}
