//! Models of `scheduler/monitor_park.rs`.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use crate::engine::scheduler::monitor_park::MonitorPark;

/// A monitor that goes to sleep for good unless it sees what another thread has done, or is woken
/// by that thread's `tell`.
fn the_monitor_hears(park: fn() -> MonitorPark, tell: fn(&MonitorPark)) {
    loom::model(move || {
        let park = Arc::new(park());
        let done = Arc::new(AtomicBool::new(false));
        let (park2, done2) = (park.clone(), done.clone());
        let other = thread::spawn(move || {
            done2.store(true, Ordering::Relaxed);
            tell(&park2);
        });
        park.sleep_unless(|| done.load(Ordering::Relaxed));
        other.join().unwrap();
    });
}

/// A monitor that sleeps while a worker is busy.
#[test]
fn a_busy_worker_wakes_the_monitor() {
    the_monitor_hears(MonitorPark::new, MonitorPark::busy);
}

/// The same without an alarm: then the worker wakes the monitor itself.
#[test]
fn a_busy_worker_wakes_a_monitor_without_an_alarm() {
    the_monitor_hears(|| MonitorPark::with(None), MonitorPark::busy);
}

/// A shutdown that a monitor without an alarm does not hear of.
#[test]
fn an_end_wakes_a_monitor_without_an_alarm() {
    the_monitor_hears(|| MonitorPark::with(None), MonitorPark::end);
}

/// Workers that become busy and go to sleep, and the one that is busy at the end.
struct Workers {
    park: MonitorPark,
    busy: AtomicUsize,
}

impl Workers {
    fn new() -> Arc<Workers> {
        Arc::new(Workers { park: MonitorPark::new(), busy: AtomicUsize::new(0) })
    }

    fn wake_up(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.park.busy();
    }

    fn go_to_sleep(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
        self.park.call_off(|| self.is_anybody_busy());
    }

    fn is_anybody_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    /// Runs the monitor until it has seen a busy worker.
    fn guard(&self) {
        while !self.is_anybody_busy() {
            self.park.sleep_unless(|| self.is_anybody_busy());
        }
    }
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// A monitor that is called off by a worker that goes to sleep, just when another one becomes busy
/// and stays so.
#[test]
fn who_stays_busy_is_watched_though_another_one_goes_to_sleep() {
    check(|| {
        let workers = Workers::new();
        let monitor = {
            let workers = workers.clone();
            thread::spawn(move || workers.guard())
        };
        let brief = {
            let workers = workers.clone();
            thread::spawn(move || {
                workers.wake_up();
                workers.go_to_sleep();
            })
        };
        workers.wake_up();
        monitor.join().unwrap();
        brief.join().unwrap();
    });
}

/// The same worker, which is busy for a moment and then for good.
#[test]
fn who_becomes_busy_again_is_watched() {
    check(|| {
        let workers = Workers::new();
        let monitor = {
            let workers = workers.clone();
            thread::spawn(move || workers.guard())
        };
        workers.wake_up();
        workers.go_to_sleep();
        workers.wake_up();
        monitor.join().unwrap();
    });
}

/// A monitor that sleeps through a shutdown, because a worker that goes to sleep clears the alarm.
#[test]
fn an_end_is_not_cleared_away() {
    check(|| {
        let park = Arc::new(MonitorPark::new());
        let closed = Arc::new(AtomicBool::new(false));
        let monitor = {
            let (park, closed) = (park.clone(), closed.clone());
            thread::spawn(move || {
                while !closed.load(Ordering::Relaxed) {
                    park.sleep_unless(|| closed.load(Ordering::Relaxed));
                }
            })
        };
        let worker = {
            let (park, closed) = (park.clone(), closed.clone());
            thread::spawn(move || {
                park.busy();
                park.call_off(|| closed.load(Ordering::Relaxed));
            })
        };
        closed.store(true, Ordering::Relaxed);
        park.end();
        worker.join().unwrap();
        monitor.join().unwrap();
    });
}

/// A monitor that looks although the one who called it has gone to sleep: nothing else would end
/// its wait.
#[test]
fn a_monitor_that_was_called_off_sleeps_on() {
    loom::model(|| {
        let park = Arc::new(MonitorPark::new());
        let closed = Arc::new(AtomicBool::new(false));
        let (other, seen) = (park.clone(), closed.clone());
        let monitor = thread::spawn(move || other.sleep_unless(|| seen.load(Ordering::Relaxed)));
        park.busy();
        park.call_off(|| false);
        // The monitor has been woken, or waits for this.
        closed.store(true, Ordering::Relaxed);
        park.end();
        monitor.join().unwrap();
    });
}
