//! Models of `runtime/foreign_wakes.rs`.

use std::task::{RawWaker, RawWakerVTable, Waker};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::runtime::foreign_wakes::ForeignWakes;

/// What has happened, and what the last call of the waker has seen of that.
struct Seen {
    happened: AtomicUsize,
    seen: AtomicUsize,
    calls: AtomicUsize,
}

/// A waker that looks at what has happened. `std`'s would need its own `Arc`.
fn waker(seen: &Arc<Seen>) -> Waker {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, look, drop);
    static TABLE: RawWakerVTable = VTABLE;
    fn of(data: *const ()) -> Arc<Seen> {
        // SAFETY: made by `into_raw` below; each waker owns one count.
        unsafe { Arc::from_raw(data.cast::<Seen>()) }
    }
    fn made(seen: Arc<Seen>) -> RawWaker {
        RawWaker::new(Arc::into_raw(seen).cast(), &TABLE)
    }
    unsafe fn clone(data: *const ()) -> RawWaker {
        let seen = of(data);
        let another = made(seen.clone());
        std::mem::forget(seen);
        another
    }
    unsafe fn look(data: *const ()) {
        let seen = std::mem::ManuallyDrop::new(of(data));
        seen.calls.fetch_add(1, Ordering::Relaxed);
        seen.seen.store(seen.happened.load(Ordering::Acquire), Ordering::Relaxed);
    }
    unsafe fn wake(data: *const ()) {
        // SAFETY: the count is this waker's until the end.
        unsafe {
            look(data);
            drop(data);
        }
    }
    unsafe fn drop(data: *const ()) {
        std::mem::drop(of(data));
    }
    // SAFETY: the functions keep the counts as the contract says.
    unsafe { Waker::from_raw(made(seen.clone())) }
}

/// A wake that is lost: its waker was being called already but was taken for one that waits, or the
/// calling thread went to sleep when a waker had just been put there.
#[test]
fn a_call_begins_after_the_last_wake() {
    loom::model(|| {
        let seen = Arc::new(Seen {
            happened: AtomicUsize::new(0),
            seen: AtomicUsize::new(0),
            calls: AtomicUsize::new(0),
        });
        let wakes = Arc::new(ForeignWakes::new(None));
        for event in 1..=2 {
            seen.happened.store(event, Ordering::Release);
            wakes.put(waker(&seen));
            ForeignWakes::have_called(&wakes);
            assert!(!wakes.are_owed());
        }
        wakes.thread().close();
        wakes.thread().join();
        assert_eq!(seen.seen.load(Ordering::Relaxed), 2);
        assert!((1..=2).contains(&seen.calls.load(Ordering::Relaxed)));
        assert!(!wakes.are_owed());
        // No waker is kept.
        drop(wakes);
        assert_eq!(Arc::strong_count(&seen), 1);
    });
}
