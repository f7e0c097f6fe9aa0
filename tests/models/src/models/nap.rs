//! A model of `scheduler/nap.rs`.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::engine::scheduler::nap::Nap;

/// A guardian that sleeps while a worker is busy.
#[test]
fn a_busy_worker_wakes_the_guardian() {
    loom::model(|| {
        let nap = Arc::new(Nap::new());
        let busy = Arc::new(AtomicBool::new(false));
        let (nap2, busy2) = (nap.clone(), busy.clone());
        let worker = thread::spawn(move || {
            busy2.store(true, Ordering::Relaxed);
            nap2.busy();
        });
        // Goes to sleep for good unless it sees the worker or is woken by it.
        nap.sleep_unless(|| busy.load(Ordering::Relaxed));
        worker.join().unwrap();
    });
}
