//! Tests what reports say, and what happens to those that cannot be made.
#![allow(
    clippy::unnecessary_cast,
    reason = "the numbers of system calls are not 64 bits wide on each processor"
)]

use std::sync::mpsc;

use super::*;

fn report(seen: ThreadActivity, processor_share: Option<f64>) -> StallReport {
    StallReport {
        worker: 3,
        task: Some(Id::from_u64(210).unwrap()),
        name: None,
        location: Some(Location::caller()),
        duration: Duration::from_millis(101),
        seen,
        processor_share,
        backtrace: None,
        left_out: 0,
    }
}

#[cfg(target_os = "linux")]
const FUTEX: i64 = libc::SYS_futex as i64;

#[test]
#[cfg(target_os = "linux")]
fn a_report_is_a_sentence_whatever_is_known() {
    let none = "has not returned from its poll for 101 ms on worker 3";
    let some = "it has not returned from its poll for 101 ms on worker 3";
    let share = |percent: u32| format!(", which had a processor for {percent} % of that");
    let futex = "in `futex`, for a lock or for another thread";
    let read = libc::SYS_read as i64;
    let cases: [(ThreadActivity, Option<f64>, String); 15] = [
        (ThreadActivity::Untold, None, none.to_owned()),
        (ThreadActivity::Untold, Some(0.25), none.to_owned() + &share(25)),
        (
            ThreadActivity::Over,
            Some(0.0),
            "had not returned from its poll for 101 ms on worker 3".to_owned()
                + &share(0)
                + ", and returned before it was looked at",
        ),
        (
            ThreadActivity::Over,
            Some(1.0),
            "had not returned from its poll for 101 ms on worker 3".to_owned()
                + &share(100)
                + ", and returned before it was looked at",
        ),
        (
            ThreadActivity::Over,
            None,
            "had not returned from its poll for 101 ms on worker 3, and returned before it was looked at"
                .to_owned(),
        ),
        (ThreadActivity::Computing, None, format!("computes: {some}")),
        (ThreadActivity::Computing, Some(0.9), format!("computes: {some}")),
        (ThreadActivity::Computing, Some(0.2), format!("is kept from computing: {some}{}", share(20))),
        (ThreadActivity::Waiting(Some(read)), None, format!("blocks its thread in `read`: {some}")),
        (ThreadActivity::Waiting(Some(read)), Some(0.1), format!("blocks its thread in `read`: {some}")),
        (
            ThreadActivity::Waiting(Some(read)),
            Some(0.75),
            format!("computes, though just now it waits in `read`: {some}{}", share(75)),
        ),
        (ThreadActivity::Waiting(Some(FUTEX)), Some(0.1), format!("waits {futex}: {some}")),
        (
            ThreadActivity::Waiting(Some(FUTEX)),
            Some(0.75),
            format!("computes, though just now it waits {futex}: {some}{}", share(75)),
        ),
        (
            ThreadActivity::Waiting(Some(9999)),
            None,
            format!("blocks its thread in system call 9999: {some}"),
        ),
        (
            ThreadActivity::Waiting(None),
            None,
            format!("blocks its thread in the kernel, perhaps for memory that is read in: {some}"),
        ),
    ];
    for (seen, share, says) in cases {
        let mut report = report(seen, share);
        let place = report.location.unwrap();
        assert_eq!(report.to_string(), format!("task 210 spawned at {place} {says}"));
        report.name = Some("crunch".into());
        assert_eq!(report.to_string(), format!("task 210 \"crunch\" spawned at {place} {says}"));
        (report.task, report.name, report.location) = (None, None, None);
        assert_eq!(report.to_string(), format!("a waker, a hook or the future of block_on {says}"));
        for others_go_on in [true, false] {
            let advice = report.advice(others_go_on);
            assert!(advice.ends_with('.') && !advice.contains("  "), "{advice}");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn who_waits_for_a_lock_is_not_told_to_move_what_blocks() {
    let waits = report(ThreadActivity::Waiting(Some(FUTEX)), Some(0.0));
    assert_eq!((waits.is_blocked(), waits.system_call()), (Some(true), Some("futex")));
    let advice = waits.advice(true);
    assert!(!advice.contains("Move what blocks") && advice.contains("allocator"), "{advice}");
    let sleeps = report(ThreadActivity::Waiting(Some(libc::SYS_clock_nanosleep as i64)), Some(0.0));
    assert_eq!(sleeps.system_call(), Some("clock_nanosleep"));
    assert!(sleeps.advice(true).contains("Move what blocks"));
    assert!(sleeps.advice(false).starts_with("Other tasks wait."));
}

/// A reporter whose hook sends each report to a channel.
fn reporter() -> (Arc<Reporter>, mpsc::Receiver<StallReport>) {
    let (told, hears) = mpsc::channel();
    let told = Mutex::new(told);
    let on_stall: OnStall = Arc::new(move |report| drop(told.lock().send(report.clone())));
    let mut reporter = Reporter::silent();
    Arc::get_mut(&mut reporter.voice).unwrap().manner.on_stall = Some(on_stall);
    (Arc::new(reporter), hears)
}

#[test]
fn what_nothing_is_known_of_is_counted_and_not_said() {
    let (reporter, hears) = reporter();
    for _ in 0..3 {
        let turn = reporter.voice.admit().unwrap();
        turn.report(report(ThreadActivity::Over, None), None);
    }
    assert!(hears.try_recv().is_err());
    assert_eq!(reporter.left_out(), 3);
    reporter.voice.admit().unwrap().report(report(ThreadActivity::Over, Some(0.4)), None);
    assert_eq!(hears.recv().unwrap().left_out(), 3);
    reporter.voice.admit().unwrap().report(report(ThreadActivity::Untold, None), None);
    assert_eq!(hears.recv().unwrap().left_out(), 0);
    assert_eq!(reporter.left_out(), 3);
    assert_eq!(reporter.voice.under_way.load(Ordering::Relaxed), 0);
}

#[test]
fn no_more_than_so_many_are_under_way() {
    let (reporter, _hears) = reporter();
    let turns: Vec<_> = std::iter::from_fn(|| reporter.voice.admit()).collect();
    assert_eq!(turns.len(), MOST_AT_ONCE);
    assert!(reporter.voice.admit().is_none());
    assert_eq!(reporter.left_out(), 2);
    drop(turns);
    assert_eq!(reporter.left_out(), 2 + MOST_AT_ONCE as u64);
    assert!(reporter.voice.admit().is_some());
}

#[test]
fn without_a_hook_there_is_one_in_a_second_before_anything_is_looked_at() {
    let reporter = Reporter::silent();
    let mut first = reporter.voice.admit().unwrap();
    first.given = true;
    drop(first);
    assert!(reporter.voice.admit().is_none());
    // A report that is not made leaves its time to the next.
    *reporter.voice.last_line.lock() = None;
    drop(reporter.voice.admit().unwrap());
    assert!(reporter.voice.admit().is_some());
}

#[test]
fn a_waker_that_waits_is_called_once_for_all_that_are_the_same() {
    use std::sync::Barrier;
    use std::task::{Wake, Waker};

    use super::super::foreign_wakes::MOST_AGAIN;

    struct Counts(AtomicUsize);
    impl Wake for Counts {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    struct Holds(Barrier);
    impl Wake for Holds {
        fn wake(self: Arc<Self>) {
            self.0.wait();
            self.0.wait();
        }
    }
    let reporter = Arc::new(Reporter::silent());
    let (holds, counts) = (Arc::new(Holds(Barrier::new(2))), Arc::new(Counts(AtomicUsize::new(0))));
    let wake = |waker: Waker| {
        let mut ready = WakeList::new();
        ready.push(waker);
        reporter.wake(&mut ready);
    };
    wake(Waker::from(Arc::clone(&holds)));
    holds.0.wait();
    // The first waker holds the thread meanwhile.
    for _ in 0..2 * MOST_AGAIN {
        wake(Waker::from(Arc::clone(&counts)));
    }
    assert_eq!(reporter.wakes.len(), 1);
    assert!(!reporter.owes_wakes());
    holds.0.wait();
    assert!(reporter.join(Instant::now() + Duration::from_secs(60)).is_empty());
    assert_eq!(counts.0.load(Ordering::Relaxed), 1);
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let (gate, holds) = mpsc::channel::<()>();
    let reporter = Reporter::silent();
    let (begun, begins) = mpsc::channel();
    let hold = Box::new(move || {
        begun.send(()).unwrap();
        let _ = holds.recv();
    });
    reporter.speaks.add(hold).unwrap();
    begins.recv().unwrap();
    let forgotten = Arc::new(());
    let token = Arc::clone(&forgotten);
    reporter.speaks.add(Box::new(move || drop(token))).unwrap();
    let stuck = reporter.join(Instant::now() + Duration::from_millis(10));
    assert_eq!(stuck, ["runtime-reporter"]);
    // What had not begun is gone.
    assert_eq!(Arc::strong_count(&forgotten), 1);
    drop(gate);
    assert!(reporter.join(Instant::now() + Duration::from_secs(60)).is_empty());
}
