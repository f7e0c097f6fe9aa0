//! A model of `scheduler/in_flight.rs`.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::engine::scheduler::in_flight::InFlight;

struct Pool {
    in_flight: InFlight,
    queue: AtomicBool,
    memory: UnsafeCell<u8>,
}

// SAFETY: whether the accesses to `memory` overlap is what the model checks.
unsafe impl Sync for Pool {}

/// A pool that is freed while a thread that has just pushed still works on it.
#[test]
fn the_pool_outlives_who_wakes_from_outside() {
    loom::model(|| {
        let pool = Arc::new(Pool {
            in_flight: InFlight::default(),
            queue: AtomicBool::new(false),
            memory: UnsafeCell::new(0),
        });
        let other = pool.clone();
        let thread = thread::spawn(move || {
            let _inside = other.in_flight.enter();
            other.queue.store(true, Ordering::Release);
            // Looks for a sleeper.
            // SAFETY: counted in: the pool is there.
            other.memory.with(|memory| unsafe { *memory });
        });
        while !pool.queue.load(Ordering::Acquire) {
            thread::yield_now();
        }
        pool.in_flight.wait();
        // Freed.
        // SAFETY: nobody is inside any more.
        pool.memory.with_mut(|memory| unsafe { *memory = 1 });
        thread.join().unwrap();
    });
}
