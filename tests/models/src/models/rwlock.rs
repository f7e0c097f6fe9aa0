//! Models of `sync/rwlock/`. Permits give the right to the value, so these models check it together
//! with the semaphore.

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use crate::sync::RwLock;

fn model(body: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(body);
}

/// A reader that sees half of a change, or a writer beside another.
#[test]
fn a_writer_is_alone() {
    model(|| {
        let lock = Arc::new(RwLock::with_max_readers((0, 0), 2));
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let lock = lock.clone();
                thread::spawn(move || {
                    let mut pair = block_on(lock.write());
                    pair.0 += 1;
                    pair.1 += 1;
                })
            })
            .collect();
        let pair = *block_on(lock.read());
        assert_eq!(pair.0, pair.1);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        assert_eq!(*lock.try_read().unwrap(), (2, 2));
    });
}

/// A writer that gets in while another goes over from writing to reading.
#[test]
fn nobody_writes_during_a_downgrade() {
    model(|| {
        let lock = Arc::new(RwLock::with_max_readers(0, 2));
        let mut guard = lock.try_write().unwrap();
        let other = lock.clone();
        let writer = thread::spawn(move || *block_on(other.write()) = 2);
        *guard = 1;
        let guard = guard.downgrade();
        assert_eq!(*guard, 1);
        drop(guard);
        writer.join().unwrap();
        assert_eq!(*lock.try_read().unwrap(), 2);
    });
}
