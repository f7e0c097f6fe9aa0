//! Tests that look at waiting and computing threads from outside.
#![allow(unsafe_code, reason = "system calls whose interruption the tests look for")]

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::super::{ThreadState, thread_state};
use super::*;

const BLOCKED: How = How { blocked: true, signal: false };

/// Starts a thread and waits until it has stored its number.
fn start(body: impl FnOnce() + Send + 'static) -> (Tid, JoinHandle<()>) {
    let tid = Arc::new(AtomicI32::new(0));
    let told = Arc::clone(&tid);
    let thread = thread::spawn(move || {
        told.store(crate::engine::primitive::thread::os_id() as i32, Ordering::Release);
        body();
    });
    eventually("the thread starts", || tid.load(Ordering::Acquire) != 0);
    (Tid(tid.load(Ordering::Acquire)), thread)
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "not within 60 s: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Captures until the trace names `function`; a thread may still be on its way there.
fn find(tid: Tid, how: How, function: &str) -> Trace {
    let mut unwinder = Unwinder::new();
    let mut last = None;
    for _ in 0..200 {
        match capture(tid, how) {
            Ok(capture) => {
                let trace = capture.trace(&mut unwinder);
                let named = |f: &Frame| f.name.as_deref().is_some_and(|n| n.contains(function));
                if trace.frames().iter().any(named) {
                    return trace;
                }
                last = Some(Ok(trace));
            }
            Err(why) => last = Some(Err(why)),
        }
        thread::sleep(Duration::from_millis(5));
    }
    match last {
        Some(Ok(trace)) => panic!("no {function} in\n{trace}\nall: {:#?}", trace.frames()),
        other => panic!("no {function}: {other:?}"),
    }
}

fn assert_user_part(trace: &Trace, first_user_function: &str) {
    let last = trace.user_frames().last().and_then(|f| f.name.clone()).unwrap_or_default();
    assert!(!last.contains("short_backtrace"), "{trace}");
    assert!(trace.to_string().contains(first_user_function), "{trace}");
    assert!(!trace.to_string().contains("lang_start"), "{trace}");
}

#[inline(never)]
fn sleeps_in_this_function(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_sleeping_thread_is_found_in_its_sleep() {
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&stop);
    let (tid, thread) = start(move || sleeps_in_this_function(&theirs));
    let trace = find(tid, BLOCKED, "sleeps_in_this_function");
    assert_user_part(&trace, "sleeps_in_this_function");
    // Where it is: by its line, with the feature for that, or by its module.
    let text = trace.to_string();
    assert!(text.contains("tests.rs:") || text.contains(" [module "), "{text}");
    stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
}

#[inline(never)]
fn reads_in_this_function(mut stream: UnixStream) {
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
}

#[test]
fn a_reading_thread_is_found_in_its_read() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (tid, thread) = start(move || reads_in_this_function(theirs));
    let trace = find(tid, BLOCKED, "reads_in_this_function");
    assert_user_part(&trace, "reads_in_this_function");
    std::io::Write::write_all(&mut &ours, &[1]).unwrap();
    thread.join().unwrap();
}

#[inline(never)]
fn locks_in_this_function(lock: &Mutex<u32>) -> u32 {
    *lock.lock().unwrap() + 1
}

#[test]
fn a_thread_is_found_at_the_lock_it_waits_for() {
    let lock = Arc::new(Mutex::new(1));
    let held = lock.lock().unwrap();
    let theirs = Arc::clone(&lock);
    let (tid, thread) = start(move || assert_eq!(locks_in_this_function(&theirs), 2));
    let trace = find(tid, BLOCKED, "locks_in_this_function");
    assert_user_part(&trace, "locks_in_this_function");
    drop(held);
    thread.join().unwrap();
}

#[inline(never)]
fn waits_in_this_function(pair: &(Mutex<bool>, Condvar)) {
    let mut done = pair.0.lock().unwrap();
    while !*done {
        done = pair.1.wait(done).unwrap();
    }
}

#[test]
fn a_thread_is_found_at_its_condition_variable_through_frames_of_any_size() {
    #[inline(never)]
    fn large_frame(pair: &(Mutex<bool>, Condvar)) -> u8 {
        let mut space = [0_u8; 20_000];
        std::hint::black_box(&mut space);
        waits_in_this_function(pair);
        std::hint::black_box(&mut space)[7]
    }
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let theirs = Arc::clone(&pair);
    let (tid, thread) = start(move || assert_eq!(large_frame(&theirs), 0));
    let trace = find(tid, BLOCKED, "waits_in_this_function");
    assert!(trace.to_string().contains("large_frame"), "{trace}");
    assert_user_part(&trace, "waits_in_this_function");
    *pair.0.lock().unwrap() = true;
    pair.1.notify_all();
    thread.join().unwrap();
}

#[inline(never)]
fn spins_in_this_function(stop: &AtomicBool) -> u64 {
    let mut turns = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        turns = std::hint::black_box(turns.wrapping_mul(31).wrapping_add(7));
    }
    turns
}

#[test]
fn a_computing_thread_is_found_in_its_loop() {
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&stop);
    let (tid, thread) = start(move || {
        std::hint::black_box(spins_in_this_function(&theirs));
    });
    let trace = find(tid, How::ANY, "spins_in_this_function");
    assert_user_part(&trace, "spins_in_this_function");
    assert_eq!(thread_state(tid).unwrap(), ThreadState::Running);
    let why = capture(tid, BLOCKED).err();
    assert!(matches!(why, Some(Why::NotAllowed(ThreadState::Running))), "{why:?}");
    stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
}

#[test]
fn a_thread_that_waits_in_a_signal_handler_is_found_with_the_code_it_interrupted() {
    static LEAVE: AtomicBool = AtomicBool::new(false);
    /// A value that makes its function realign the stack, as sanitizers' code does.
    #[repr(align(64))]
    struct Aligned(#[allow(dead_code, reason = "there for its alignment")] u8);
    extern "C" fn handler_of_this_test(signal: libc::c_int) {
        std::hint::black_box(&Aligned(signal as u8));
        while !LEAVE.load(Ordering::Relaxed) {
            let time = libc::timespec { tv_sec: 0, tv_nsec: 50_000_000 };
            // SAFETY: `time` is valid, and no remainder is asked for.
            unsafe { libc::nanosleep(&time, std::ptr::null_mut()) };
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&stop);
    let (tid, thread) = start(move || {
        std::hint::black_box(spins_in_this_function(&theirs));
    });
    find(tid, How::ANY, "spins_in_this_function");
    // SAFETY: the handler makes a system call that may be made there, and touches one atomic;
    // nobody else in this process uses the signal. The thread has not been joined.
    unsafe {
        let handler = handler_of_this_test as extern "C" fn(libc::c_int);
        libc::signal(libc::SIGWINCH, handler as libc::sighandler_t);
        libc::syscall(libc::SYS_tgkill, libc::getpid(), tid.0, libc::SIGWINCH);
    }
    let trace = find(tid, BLOCKED, "handler_of_this_test");
    assert_user_part(&trace, "spins_in_this_function");
    LEAVE.store(true, Ordering::Relaxed);
    stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
}

#[test]
fn computing_is_told_from_blocking_by_the_time_on_a_processor() {
    let stop = Arc::new(AtomicBool::new(false));
    let (a, b) = (Arc::clone(&stop), Arc::clone(&stop));
    let (spinning, spinner) = start(move || {
        std::hint::black_box(spins_in_this_function(&a));
    });
    let (sleeping, sleeper) = start(move || sleeps_in_this_function(&b));
    eventually("one computes", || thread_state(spinning).is_ok_and(|s| s == ThreadState::Running));
    assert!(matches!(thread_state(sleeping), Ok(ThreadState::Blocked { syscall: Some(_) })));
    stop.store(true, Ordering::Relaxed);
    spinner.join().unwrap();
    sleeper.join().unwrap();
}

#[test]
fn a_thread_that_has_exited_is_gone() {
    let (tid, thread) = start(|| ());
    thread.join().unwrap();
    eventually("the kernel forgets it", || matches!(thread_state(tid), Err(Why::Gone)));
    assert!(matches!(capture(tid, How::ANY), Err(Why::Gone)));
}

#[test]
fn looking_at_a_blocked_thread_interrupts_nothing() {
    let interrupted = Arc::new(AtomicUsize::new(0));
    let slept = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let (a, b, theirs) = (Arc::clone(&interrupted), Arc::clone(&slept), Arc::clone(&stop));
    let (sleeping, sleeper) = start(move || {
        while !theirs.load(Ordering::Relaxed) {
            let time = libc::timespec { tv_sec: 0, tv_nsec: 20_000_000 };
            // SAFETY: `time` is valid, and no remainder is asked for.
            if unsafe { libc::nanosleep(&time, std::ptr::null_mut()) } != 0 {
                a.fetch_add(1, Ordering::Relaxed);
            }
            b.fetch_add(1, Ordering::Relaxed);
        }
    });
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
    let c = Arc::clone(&interrupted);
    let (reading, reader) = start(move || {
        let mut byte = [0];
        if (&theirs).read(&mut byte).is_err() {
            c.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut captures = [0, 0];
    eventually("captures of both, and whole sleeps", || {
        captures[0] += usize::from(capture(sleeping, BLOCKED).is_ok());
        captures[1] += usize::from(capture(reading, BLOCKED).is_ok());
        captures.iter().all(|count| *count >= 50) && slept.load(Ordering::Relaxed) >= 5
    });
    stop.store(true, Ordering::Relaxed);
    std::io::Write::write_all(&mut &ours, &[1]).unwrap();
    sleeper.join().unwrap();
    reader.join().unwrap();
    assert_eq!(interrupted.load(Ordering::Relaxed), 0);
}

/// Resident memory in pages, and open files.
fn resources() -> (usize, usize) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident = statm.split(' ').nth(1).unwrap().parse().unwrap();
    (resident, std::fs::read_dir("/proc/self/fd").unwrap().count())
}

fn under_a_tool() -> bool {
    std::env::var_os("RUNTIME_TEST_SLOWNESS").is_some()
}

#[test]
fn a_thousand_captures_leak_nothing() {
    let stop = Arc::new(AtomicBool::new(false));
    let (a, b) = (Arc::clone(&stop), Arc::clone(&stop));
    let (spinning, spinner) = start(move || {
        std::hint::black_box(spins_in_this_function(&a));
    });
    let (sleeping, sleeper) = start(move || sleeps_in_this_function(&b));
    let mut unwinder = Unwinder::new();
    let mut round = |count: usize| {
        for _ in 0..count {
            for tid in [spinning, sleeping] {
                if let Ok(capture) = capture(tid, How::ANY) {
                    assert!(!capture.trace(&mut unwinder).frames().is_empty());
                }
            }
        }
    };
    round(50);
    let before = resources();
    round(500);
    let after = resources();
    // Other tests run meanwhile; a leak of one capture each would be 250 MiB. A tool keeps what was
    // freed.
    assert!(under_a_tool() || after.0 < before.0 + 16 * 1024, "{before:?} {after:?}");
    assert!(after.1 < before.1 + 64, "{before:?} {after:?}");
    stop.store(true, Ordering::Relaxed);
    spinner.join().unwrap();
    sleeper.join().unwrap();
}

#[test]
fn a_thread_that_allocates_all_the_time_is_captured() {
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&stop);
    let (tid, thread) = start(move || allocates_in_this_function(&theirs));
    let mut unwinder = Unwinder::new();
    let mut captures = 0;
    for _ in 0..300 {
        if let Ok(capture) = capture(tid, How::ANY) {
            let trace = capture.trace(&mut unwinder);
            // A tool's allocator is not described all the way.
            if !under_a_tool() {
                assert_user_part(&trace, "allocates_in_this_function");
            }
            captures += 1;
        }
    }
    stop.store(true, Ordering::Relaxed);
    thread.join().unwrap();
    assert!(captures > 30, "{captures}");
}

#[inline(never)]
fn allocates_in_this_function(stop: &AtomicBool) {
    let mut kept = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        kept.push(std::hint::black_box(vec![1_u8; 64 + kept.len() * 7]));
        if kept.len() > 200 {
            kept.clear();
        }
    }
}

#[test]
fn a_thread_that_blocks_the_signal_gives_no_answer_and_is_asked_again_later() {
    fn mask(how: libc::c_int) {
        // SAFETY: the set is initialised by sigemptyset before it is used.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGURG);
            libc::pthread_sigmask(how, &set, std::ptr::null_mut());
        }
    }
    let stop = Arc::new([const { AtomicBool::new(false) }; 2]);
    let theirs = Arc::clone(&stop);
    let (tid, thread) = start(move || {
        mask(libc::SIG_BLOCK);
        std::hint::black_box(spins_in_this_function(&theirs[0]));
        mask(libc::SIG_UNBLOCK);
        std::hint::black_box(spins_in_this_function(&theirs[1]));
    });
    find_refusal(tid);
    stop[0].store(true, Ordering::Relaxed);
    find(tid, How::ANY, "spins_in_this_function");
    stop[1].store(true, Ordering::Relaxed);
    thread.join().unwrap();
}

/// A capture that ends with `NoAnswer`: the thread may not have blocked the signal at first.
fn find_refusal(tid: Tid) {
    eventually("no answer", || matches!(capture(tid, How::ANY), Err(Why::NoAnswer)));
}
