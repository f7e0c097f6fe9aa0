//! A model of `scheduler/lifo_slot.rs`.

use std::panic::Location;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::engine::insight::Recorder;
use crate::engine::scheduler::lifo_slot::LifoSlot;
use crate::engine::task::{Header, Identity, Runnable, Schedule, StallPolicy, spawn_cell};

struct Nowhere;

impl Schedule for Nowhere {
    fn recorder(&self) -> Option<&Recorder> {
        None
    }

    fn is_observed(&self) -> bool {
        false
    }

    fn schedule(&self, _: Runnable) {}
    fn release(&self, _: &Header) {}
}

struct Shared {
    lifo_slot: LifoSlot,
    written: UnsafeCell<u8>,
    runs: UnsafeCell<u8>,
}

// SAFETY: whether the accesses overlap is what the model checks.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

/// A task that owner and thief both take, or that a thief takes without what the waking thread
/// wrote.
#[test]
fn owner_against_thief() {
    loom::model(|| {
        let shared = Arc::new(Shared {
            lifo_slot: LifoSlot::new(),
            written: UnsafeCell::new(0),
            runs: UnsafeCell::new(0),
        });
        let seen = shared.clone();
        let future = async move {
            // SAFETY: whoever runs this took the task from the LIFO slot.
            assert_eq!(seen.written.with(|written| unsafe { *written }), 1);
            seen.runs.with_mut(|runs| unsafe { *runs += 1 });
        };
        let (task, handle) = spawn_cell(future, Nowhere, Identity::at(Location::caller()));
        let thief = {
            let shared = shared.clone();
            thread::spawn(move || {
                shared.lifo_slot.take().map(|task| task.run(&StallPolicy::Nobody)).is_some()
            })
        };
        // SAFETY: nobody has the task yet.
        shared.written.with_mut(|written| unsafe { *written = 1 });
        assert!(shared.lifo_slot.put(task).is_none());
        let mine = shared.lifo_slot.take().map(|task| task.run(&StallPolicy::Nobody)).is_some();
        let stolen = thief.join().unwrap();
        assert!(mine != stolen);
        // SAFETY: all have finished.
        assert_eq!(shared.runs.with(|runs| unsafe { *runs }), 1);
        drop(handle);
    });
}
