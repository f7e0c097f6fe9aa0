//! Models of `scheduler/monitor_start.rs`. A worker that polls is taken to poll for ever: so the
//! monitor must have been started, once, when all threads have come to their ends.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::engine::scheduler::monitor_start::MonitorStart;

/// A pool whose monitor counts how often it is started.
struct Pool {
    start: MonitorStart,
    started: Arc<AtomicUsize>,
}

impl Pool {
    fn new(workers: usize) -> Arc<Pool> {
        let started = Arc::new(AtomicUsize::new(0));
        let counted = started.clone();
        let start = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            true
        };
        Arc::new(Pool { start: MonitorStart::late(workers, Box::new(start)), started })
    }

    /// A worker that finds no task at first, and then is woken for one (`is_late`: by the end of
    /// its nap).
    fn sleeps(&self, is_late: bool) {
        if self.start.sleeps() {
            self.start.has_napped(is_late);
        }
    }

    fn started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }
}

/// Runs both, and checks that the monitor was started once.
fn once(workers: usize, one: fn(&Pool), other: fn(&Pool)) {
    loom::model(move || {
        let pool = Pool::new(workers);
        let there = pool.clone();
        let thread = thread::spawn(move || one(&there));
        other(&pool);
        thread.join().unwrap();
        assert_eq!(pool.started(), 1);
    });
}

/// Two workers that both find a task at once, each of which leaves the start to the other.
#[test]
fn two_that_poll_at_first() {
    once(2, |pool| pool.start.polls(), |pool| pool.start.polls());
}

/// A worker that naps, is woken for a task before its time is up, and leaves the start to one that
/// has polled already.
#[test]
fn one_that_polls_and_one_that_is_woken_from_its_nap() {
    once(2, |pool| pool.start.polls(), |pool| pool.sleeps(false));
}

/// Two that sleep, of which none naps; or a nap that ends, and nobody starts the monitor.
#[test]
fn two_that_sleep_at_first() {
    once(2, |pool| pool.sleeps(true), |pool| pool.sleeps(true));
}

/// Two naps after one another: the first was cut short.
#[test]
fn a_nap_that_is_cut_short_and_one_that_is_not() {
    once(2, |pool| pool.sleeps(false), |pool| pool.sleeps(true));
}

/// A pool that is closed while its workers begin: two monitors, or none for the tasks that are
/// left.
#[test]
fn a_close_while_a_worker_begins() {
    fn closes(pool: &Pool) {
        if pool.start.close() {
            pool.start.last(true);
        }
    }
    once(1, closes, |pool| pool.start.polls());
    once(1, closes, |pool| pool.sleeps(true));
    once(2, closes, |pool| pool.sleeps(false));
}
