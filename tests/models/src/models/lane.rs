//! Models of `runtime/lane.rs`.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::primitive::Parker;
use crate::runtime::lane::Lane;

/// Work that lies beside a sleeping thread, or a thread that nobody tells of the end.
#[test]
fn what_was_added_is_done() {
    loom::model(|| {
        let lane = Lane::new("lane", 2);
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let done = done.clone();
            let added = lane.add(Box::new(move || {
                done.fetch_add(1, Ordering::Relaxed);
            }));
            assert!(added.is_ok());
        }
        lane.close();
        assert!(lane.add(Box::new(|| ())).is_err());
        lane.join();
        assert_eq!(done.load(Ordering::Relaxed), 2);
    });
}

/// Work that is done only when more comes, or at the end.
#[test]
fn work_is_done_while_nothing_else_comes() {
    loom::model(|| {
        let lane = Lane::new("lane", 2);
        let caller = Arc::new(Parker::new());
        assert!(lane.add(Box::new(|| ())).is_ok());
        let waiting = caller.clone();
        let added = lane.add(Box::new(move || {
            let _ = waiting.unpark();
        }));
        assert!(added.is_ok());
        caller.park();
        lane.close();
        lane.join();
    });
}
