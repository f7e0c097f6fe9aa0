//! Models of `primitive/parker.rs`.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use crate::engine::primitive::{Parker, Unparked};

struct Shared {
    parker: Parker,
    data: UnsafeCell<u8>,
    poll_woken: AtomicBool,
}

// SAFETY: whether the accesses to `data` overlap is what the models check.
unsafe impl Sync for Shared {}
// SAFETY: as above.
unsafe impl Send for Shared {}

fn shared() -> Arc<Shared> {
    Arc::new(Shared {
        parker: Parker::new(),
        data: UnsafeCell::new(0),
        poll_woken: AtomicBool::new(false),
    })
}

fn write(shared: &Shared) {
    // SAFETY: the reader waits for the token.
    shared.data.with_mut(|data| unsafe { *data = 1 });
}

fn read(shared: &Shared) -> u8 {
    // SAFETY: the token was given after the write.
    shared.data.with(|data| unsafe { *data })
}

/// A token that is lost, or that does not publish what came before it.
#[test]
fn the_token_arrives_with_what_came_before_it() {
    loom::model(|| {
        let shared = shared();
        let other = shared.clone();
        let thread = thread::spawn(move || {
            write(&other);
            let _ = other.parker.unpark();
        });
        shared.parker.park();
        assert_eq!(read(&shared), 1);
        thread.join().unwrap();
    });
}

/// An owner that sleeps in the poll although its token was given, and that nobody wakes there.
#[test]
fn who_sleeps_elsewhere_is_woken_there() {
    loom::model(|| {
        let shared = shared();
        let other = shared.clone();
        let thread = thread::spawn(move || {
            write(&other);
            if other.parker.unpark() == Unparked::Elsewhere {
                other.poll_woken.store(true, Ordering::Relaxed); // the eventfd
            }
        });
        if shared.parker.begin_elsewhere() {
            while !shared.poll_woken.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            assert!(shared.parker.end_elsewhere());
        }
        assert_eq!(read(&shared), 1);
        thread.join().unwrap();
    });
}

/// A wait with a limit that reports no token and has taken it all the same.
#[test]
fn a_wait_with_a_limit_loses_no_token() {
    loom::model(|| {
        let shared = shared();
        let other = shared.clone();
        let thread = thread::spawn(move || {
            write(&other);
            let _ = other.parker.unpark();
        });
        if !shared.parker.park_timeout(std::time::Duration::from_millis(1)) {
            shared.parker.park();
        }
        assert_eq!(read(&shared), 1);
        thread.join().unwrap();
    });
}
