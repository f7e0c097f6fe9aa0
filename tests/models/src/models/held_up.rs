//! A model of `scheduler/held_up.rs`.

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::engine::scheduler::held_up::HeldUp;
use crate::engine::scheduler::sleep::{Place, Sleep};

/// A worker goes to sleep while a background task waits for that, and the task is not polled: the
/// worker did not see the thread, nor the thread the worker.
#[test]
fn a_worker_that_goes_to_sleep_lets_one_go_on() {
    loom::model(|| {
        let sleep = Sleep::new(1, 1);
        let shared = Arc::new((sleep, HeldUp::new(), Mutex::new(()), Condvar::new()));
        let worker = {
            let shared = shared.clone();
            thread::spawn(move || {
                let (sleep, held_up, lock, changed) = &*shared;
                let _ = sleep.announce(0, Place::Next);
                if held_up.is_anybody() {
                    let _lock = lock.lock().unwrap();
                    changed.notify_one();
                }
            })
        };
        let (sleep, held_up, lock, changed) = &*shared;
        let mut locked = lock.lock().unwrap();
        while held_up.hold_up_unless(|| sleep.sleeping() > 0) {
            locked = changed.wait(locked).unwrap();
            held_up.goes_on();
        }
        drop(locked);
        worker.join().unwrap();
    });
}
