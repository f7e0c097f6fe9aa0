//! Models of `insight/block.rs` and `insight/object.rs`.

use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use crate::engine::insight::object_on::{self, Object};
use crate::engine::insight::{Block, Kind, Wait, WakeSource};
use crate::engine::task_id::Id;

/// A dump that mixes two polls: the waits of one, the count of another. A poll that waits for
/// nothing leaves the words of the poll before.
#[test]
fn a_reading_is_of_one_poll() {
    for waiting in [[true, true], [true, false], [false, true]] {
        two_polls(waiting);
    }
}

fn two_polls(waiting: [bool; 2]) {
    let noted = move |poll: u64| waiting[poll as usize - 1].then(|| Wait::new(Kind::Join, poll));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let block = Arc::new(Block::new(0, WakeSource::Outside, 0));
        let owner = block.clone();
        let thread = thread::spawn(move || {
            for poll in 1..=2 {
                owner.begin_poll(poll, 0);
                let wait = noted(poll);
                owner.end_poll(10 * poll, usize::from(wait.is_some()), |_| wait);
            }
        });
        let read = block.read();
        if read.waits != [None] {
            // If no poll has ended, or one is just ending, nothing is claimed.
            assert_eq!(read.waits, [noted(read.polls)], "{read:?}");
            assert_eq!(read.since, 10 * read.polls);
        }
        thread.join().unwrap();
        let read = block.read();
        assert_eq!((read.polls, read.waits), (2, [noted(2)]));
    });
}

fn task(number: u64) -> Option<Id> {
    Id::from_u64(number)
}

/// A lock whose holder came while the first waiter made its entry, and is not shown.
#[test]
fn a_holder_that_comes_while_the_entry_is_made_is_kept() {
    loom::model(|| {
        let object = Arc::new(Object::new(Kind::Mutex, Location::caller()));
        object.set_holder(task(11));
        let other = object.clone();
        let holder = thread::spawn(move || other.set_holder(task(22)));
        let wait = object.wait(0);
        holder.join().unwrap();
        let read = object_on::read(wait.argument()).unwrap();
        assert_eq!(read.holder, task(22));
    });
}

/// Two waiters that come at the same time to a lock without an entry: it gets only one.
#[test]
fn two_waiters_name_the_same_entry() {
    loom::model(|| {
        let object = Arc::new(Object::new(Kind::Mutex, Location::caller()));
        let other = object.clone();
        let second = thread::spawn(move || other.wait(0).argument());
        let first = object.wait(0).argument();
        assert_eq!(second.join().unwrap(), first);
    });
}

/// A wait that outlives its lock, and is shown with the place and the holder of another.
#[test]
fn a_wait_never_names_the_next_owner_of_an_entry() {
    loom::model(|| {
        let here = Location::caller();
        let object = Object::new(Kind::Mutex, here);
        object.set_holder(task(11));
        let wait = object.wait(0);
        let reader = thread::spawn(move || {
            if let Some(read) = object_on::read(wait.argument()) {
                assert!(std::ptr::eq(read.made_at, here));
                assert_eq!(read.holder, task(11));
            }
        });
        drop(object);
        let next = Object::new(Kind::Mutex, Location::caller());
        next.set_holder(task(22));
        let other = next.wait(0);
        assert_ne!(other.argument(), wait.argument());
        reader.join().unwrap();
        assert!(object_on::read(wait.argument()).is_none());
    });
}
