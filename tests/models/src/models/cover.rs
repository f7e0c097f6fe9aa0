//! A model of `timer/cover.rs`.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use crate::engine::timer::Cover;

/// A deadline that neither the thread that sleeps for all nor the one that has set it wakes up for.
#[test]
fn an_earlier_deadline_is_covered_by_one_of_the_two() {
    loom::model(|| {
        let cover = Arc::new(Cover::new());
        let deadline = Arc::new(AtomicU64::new(u64::MAX));
        let (cover2, deadline2) = (cover.clone(), deadline.clone());
        let holder = thread::spawn(move || cover2.publish(|| deadline2.load(Ordering::Relaxed)));
        deadline.store(10, Ordering::Relaxed);
        let left_out = cover.leaves_out(10);
        // Whoever sets a deadline for others wakes the sleeper, if there is one.
        let anybody = cover.is_anybody();
        let until = holder.join().unwrap();
        // The holder wakes in time; or it sleeps too long and this thread knows it; or it had not
        // published anything when this thread looked, and then it reads the deadline.
        assert!(until <= 10 || (left_out && anybody), "nobody wakes up at 10");
    });
}
