//! The baton: which thread runs, and how it hands over.
//!
//! # Protocol
//!
//! Each simulated thread has a word. It sleeps on its word while that holds [`WAIT`]. The thread
//! with the baton sets the word of the next one to [`GO`], wakes it, and sleeps on its own word.
//! Whoever finds `GO` sets it back to `WAIT` and has the baton.
//!
//! Rules:
//!
//! - **A1.** At any time one thread has the baton: the one that was given `GO` last, or, before the
//!   first and after the end of the run, the thread that called [`conduct`].
//! - **A2.** [`with`] is called by the thread with the baton only, and not from within itself: what
//!   it calls is code of this crate and of `std`, and the interposed functions that it may come to
//!   see that the thread is inside ([`me`]) and go to the kernel.
//! - **A3.** A hand-over is a Release store and an Acquire swap of the same word, so each thread
//!   sees what all before it have done.
//! - **A4.** A thread that ends gives the baton away in the last round of destructors of
//!   thread-specific data, when what Rust and C++ run at a thread's end has run. Then libc gives
//!   back its memory and its stack. Whoever gets the baton waits until the kernel knows the thread
//!   no longer ([`LEAVING`]): else what the two allocate, and where, would depend on who is faster.
//!
//! [`REPORT`] in place of `GO` asks a sleeping thread for its stack; it gets the baton for that
//! long.
#![allow(unsafe_code, reason = "one value that belongs to whoever has the baton (A1, A2)")]

use std::backtrace::Backtrace;
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::{Conductor, How, MOST_THREADS, NOBODY, Next, STEPS, Verdict, Wait, Why};
use crate::raw;

const WAIT: u32 = 0;
const GO: u32 = 1;
const REPORT: u32 = 2;

/// The conductor of the run of this process.
struct Place(UnsafeCell<Option<Conductor>>);

// SAFETY: only the thread with the baton looks at it (A1, A2), and hand-overs order what they do
// (A3).
unsafe impl Sync for Place {}

static CONDUCTOR: Place = Place(UnsafeCell::new(None));
static WORDS: [AtomicU32; MOST_THREADS] = [const { AtomicU32::new(WAIT) }; MOST_THREADS];
/// The kernel's numbers of the threads, for the watchdog.
static KERNEL_IDS: [AtomicU32; MOST_THREADS] = [const { AtomicU32::new(0) }; MOST_THREADS];
/// Who was given the baton last, for the watchdog.
static HOLDER: AtomicU32 = AtomicU32::new(NOBODY);
/// 1 when the run is over: the one who called `conduct` sleeps on it.
static OVER: AtomicU32 = AtomicU32::new(0);
/// Whoever asks for a stack sleeps on it.
static REPORTED: AtomicU32 = AtomicU32::new(WAIT);
/// The kernel's number of a thread that has given the baton away for good, and may not be gone yet;
/// else 0.
static LEAVING: AtomicU32 = AtomicU32::new(0);
/// Whether stacks are wanted at the end.
static WITH_STACKS: AtomicBool = AtomicBool::new(false);
/// The key of thread-specific data that tells of a thread's end.
static KEY: AtomicUsize = AtomicUsize::new(usize::MAX);

thread_local! {
    static ME: Cell<u32> = const { Cell::new(NOBODY) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// This thread's ordinal, if it is simulated and not inside the simulation itself.
#[inline]
pub(crate) fn me() -> Option<u32> {
    let me = ME.get();
    (me != NOBODY && !INSIDE.get()).then_some(me)
}

/// Whether this thread is simulated, inside or not.
pub(crate) fn is_simulated() -> bool {
    ME.get() != NOBODY
}

/// What is called goes to the kernel, not to the simulation, while this lives.
pub(crate) struct Inside(bool);

impl Inside {
    pub(crate) fn enter() -> Inside {
        Inside(INSIDE.replace(true))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.0);
    }
}

/// Lends the conductor. For the thread with the baton.
pub(crate) fn with<R>(f: impl FnOnce(&mut Conductor) -> R) -> R {
    let _inside = Inside::enter();
    // SAFETY: this thread has the baton, and is not in `with` already (A1, A2), so nobody else has
    // a reference.
    match unsafe { &mut *CONDUCTOR.0.get() } {
        Some(conductor) => f(conductor),
        None => lost("no run goes on in this process"),
    }
}

/// The simulation itself has gone wrong.
#[cold]
pub(crate) fn lost(what: &str) -> ! {
    raw::write(2, b"runtime-sim: ");
    raw::write(2, what.as_bytes());
    raw::write(2, b"\n");
    raw::exit(101)
}

fn give(thread: u32, what: u32) {
    let word = &WORDS[thread as usize];
    if what == GO {
        HOLDER.store(thread, Ordering::Relaxed);
    }
    word.store(what, Ordering::Release);
    raw::futex_wake(word);
}

/// Sleeps until the thread has the baton.
fn wait_turn(me: u32) {
    let word = &WORDS[me as usize];
    loop {
        match word.swap(WAIT, Ordering::Acquire) {
            GO => {
                let leaving = LEAVING.swap(0, Ordering::Relaxed);
                if leaving != 0 {
                    raw::wait_until_gone(leaving);
                }
                let host = with(|conductor| conductor.threads[me as usize].host);
                crate::interpose::switch_to(host);
                return;
            }
            REPORT => {
                let stack = stack();
                with(|conductor| conductor.stacks.push((me, stack)));
                REPORTED.store(GO, Ordering::Release);
                raw::futex_wake(&REPORTED);
            }
            _ => raw::futex_wait(word, WAIT, None),
        }
    }
}

/// A scheduling point of this thread, which has the baton.
pub(crate) fn reschedule(me: u32, how: How) {
    match with(|conductor| conductor.decide(me, how)) {
        Next::Run(next) if next == me => {}
        Next::Run(next) => {
            give(next, GO);
            wait_turn(me);
        }
        Next::Over => {
            finish(Some(me));
            wait_turn(me);
        }
    }
}

/// This thread could be taken off here.
pub(crate) fn point(me: u32) {
    reschedule(me, How::Point);
}

/// This thread waits.
pub(crate) fn wait(me: u32, wait: &Wait) -> Why {
    with(|conductor| conductor.wait(me, wait));
    reschedule(me, How::Stopped);
    with(|conductor| conductor.waited(me))
}

/// Ends the run with this verdict, unless it has one. Does not return to a simulated thread.
pub(crate) fn end_run(me: u32, verdict: Verdict) {
    with(|conductor| {
        conductor.verdict.get_or_insert(verdict);
    });
    reschedule(me, How::Point);
}

fn finish(me: Option<u32>) {
    if WITH_STACKS.load(Ordering::Relaxed) {
        collect_stacks(me);
    }
    OVER.store(1, Ordering::Release);
    raw::futex_wake(&OVER);
}

/// Asks each thread where it stands.
fn collect_stacks(me: Option<u32>) {
    let wanted = with(|conductor| {
        let all = matches!(
            conductor.verdict,
            Some(Verdict::Deadlock | Verdict::TimeLimit | Verdict::StepLimit)
        );
        if all { conductor.live().to_vec() } else { Vec::new() }
    });
    for thread in wanted {
        if Some(thread) == me {
            let stack = stack();
            with(|conductor| conductor.stacks.push((thread, stack)));
            continue;
        }
        give(thread, REPORT);
        while REPORTED.swap(WAIT, Ordering::Acquire) != GO {
            raw::futex_wait(&REPORTED, WAIT, None);
        }
    }
}

fn stack() -> String {
    let _inside = Inside::enter();
    Backtrace::force_capture().to_string()
}

// ---- threads begin and end ----

/// The thread that was begun as `thread` waits for its first turn, and is that thread from then on.
pub(crate) fn arrive(thread: u32) {
    KERNEL_IDS[thread as usize].store(raw::thread_id(), Ordering::Relaxed);
    wait_turn(thread);
    become_thread(thread);
}

fn become_thread(thread: u32) {
    ME.set(thread);
    let value = (thread as usize + 1) as *const c_void;
    // SAFETY: the key was made by `conduct`; the value is a number, and never read as an address.
    unsafe { libc::pthread_setspecific(KEY.load(Ordering::Relaxed) as libc::pthread_key_t, value) };
}

/// How often the destructors of thread-specific data are called for values that are set again
/// (`PTHREAD_DESTRUCTOR_ITERATIONS` of glibc).
const ROUNDS: usize = 4;
const ROUND: usize = 1 << 32;

/// Called at a thread's end, once a round (A4).
unsafe extern "C" fn at_end(value: *mut c_void) {
    let value = value as usize;
    if value / ROUND + 1 < ROUNDS {
        let key = KEY.load(Ordering::Relaxed) as libc::pthread_key_t;
        // SAFETY: as in `become_thread`.
        unsafe { libc::pthread_setspecific(key, (value + ROUND) as *const c_void) };
        return;
    }
    let me = (value % ROUND) as u32 - 1;
    match with(|conductor| {
        conductor.end(me);
        conductor.decide(me, How::Stopped)
    }) {
        Next::Run(next) => {
            ME.set(NOBODY);
            LEAVING.store(KERNEL_IDS[me as usize].load(Ordering::Relaxed), Ordering::Relaxed);
            give(next, GO);
        }
        Next::Over => {
            finish(None);
            ME.set(NOBODY);
        }
    }
}

// ---- a whole run ----

/// The processor time in ms that the watchdog allows a thread without a step.
static PATIENCE_MS: AtomicU64 = AtomicU64::new(5000);
/// Real time that it allows without a step, and without using the processor.
const BLOCKED: Duration = Duration::from_secs(60);

pub(crate) fn set_patience(time: Duration) {
    let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    PATIENCE_MS.store(ms, Ordering::Relaxed);
}

/// Runs `first` as the first simulated thread, and all that it starts, until the run is over; gives
/// the conductor back. Once in a process: the threads that are left stay where they are.
pub(crate) fn conduct(
    conductor: Conductor,
    with_stacks: bool,
    first: impl FnOnce() + Send + 'static,
) -> Conductor {
    let mut key = 0;
    // SAFETY: `key` is a live variable, and the destructor has the right form.
    if unsafe { libc::pthread_key_create(&mut key, Some(at_end)) } != 0 {
        lost("there is no key of thread-specific data left");
    }
    if KEY.swap(key as usize, Ordering::Relaxed) != usize::MAX {
        lost("a process can run one simulation; each seed has a process of its own");
    }
    WITH_STACKS.store(with_stacks, Ordering::Relaxed);
    // SAFETY: no thread is simulated yet, so this one has the baton (A1).
    unsafe { *CONDUCTOR.0.get() = Some(conductor) };
    with(|conductor| {
        let first = conductor.begin(NOBODY);
        debug_assert_eq!(first, Some(0));
    });
    let started = std::thread::Builder::new().name("director".into()).spawn(move || {
        arrive(0);
        first();
    });
    if let Err(error) = started {
        lost(&format!("the first thread could not be started: {error}"));
    }
    with(|conductor| {
        // The first decision: there is one thread.
        let next = conductor.decide(NOBODY, How::Stopped);
        debug_assert_eq!(next, Next::Run(0));
    });
    give(0, GO);
    watch();
    // SAFETY: the run is over, so this thread has the baton (A1).
    match unsafe { (*CONDUCTOR.0.get()).take() } {
        Some(conductor) => conductor,
        None => lost("the run has no conductor"),
    }
}

/// Waits for the end, and steps in when nothing moves.
fn watch() {
    let mut steps = 0;
    let mut cpu = raw::cpu_time();
    let mut since = raw::clock();
    while OVER.load(Ordering::Acquire) == 0 {
        raw::futex_wait(&OVER, 0, Some(Duration::from_millis(200)));
        let now = STEPS.load(Ordering::Relaxed);
        if now != steps {
            (steps, cpu, since) = (now, raw::cpu_time(), raw::clock());
            continue;
        }
        let computed = raw::cpu_time().saturating_sub(cpu);
        let waited = raw::clock().saturating_sub(since);
        if computed > Duration::from_millis(PATIENCE_MS.load(Ordering::Relaxed)) {
            return stuck("computes and never comes to a scheduling point");
        }
        if waited > BLOCKED && computed < BLOCKED / 10 {
            return stuck("is blocked in the kernel, past the simulation");
        }
    }
}

/// The thread with the baton does not give it back. The run cannot go on; what is known of the
/// thread is said, and it is asked for its stack.
fn stuck(how: &str) {
    let holder = HOLDER.load(Ordering::Relaxed);
    let stack = crate::interpose::signal_stack(KERNEL_IDS[holder as usize].load(Ordering::Relaxed));
    // SAFETY: not A1: the holder runs on. It was found to come to no scheduling point, so it does
    // not look at the conductor; and the process ends with this report.
    let conductor = unsafe { &mut *CONDUCTOR.0.get() };
    if let Some(conductor) = conductor {
        let text = format!("{} {how}", conductor.describe(holder));
        conductor.stacks.push((holder, stack));
        conductor.verdict = Some(Verdict::Failed { kind: "stuck", text });
    }
}
