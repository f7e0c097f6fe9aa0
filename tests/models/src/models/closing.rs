//! Models of `scheduler/closing.rs`, with the production list of tasks.

use std::panic::Location;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::task::{Queue, QueueRef};
use crate::engine::primitive::Parker;
use crate::engine::scheduler::closing::Closing;
use crate::engine::task::{Identity, spawn_cell};

/// A pool: what its threads and the threads outside share.
struct Pool {
    closing: Closing,
    queue: Arc<Queue>,
    /// The parker of its one worker.
    parker: Parker,
    /// Users of the pool read this; it is written when the pool is freed.
    memory: UnsafeCell<u8>,
}

// SAFETY: whether the accesses to `memory` overlap is what the model checks.
unsafe impl Sync for Pool {}

impl Pool {
    fn new() -> Arc<Pool> {
        let (closing, queue, parker) = (Closing::new(), Queue::new(), Parker::new());
        Arc::new(Pool { closing, queue, parker, memory: UnsafeCell::new(0) })
    }

    /// Runs as a thread of the pool that has been counted.
    fn work(&self) {
        while !self.closing.is_closed() {
            self.queue.run();
            self.parker.park();
        }
        self.closing.leave(|| {
            self.queue.cancel();
            self.touch();
        });
    }

    fn touch(&self) {
        // SAFETY: a thread that is counted may use the pool.
        self.memory.with(|memory| unsafe { *memory });
    }

    /// Runs as the thread that closes the pool, waits, and frees it.
    fn close(&self) {
        self.closing.close(&self.queue.owned, || {
            let _ = self.parker.unpark();
        });
        assert!(self.closing.wait(None, 0));
        // SAFETY: all threads have left.
        self.memory.with_mut(|memory| unsafe { *memory = 1 });
    }
}

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// A task that gets in while the pool closes, and that nobody drops any more.
#[test]
fn close_against_spawn_against_the_last_worker() {
    check(|| {
        let (pool, token) = (Pool::new(), Arc::new(()));
        assert!(pool.closing.enter());
        let worker = {
            let pool = pool.clone();
            thread::spawn(move || pool.work())
        };
        let spawner = {
            let (queue, inside) = (pool.queue.clone(), token.clone());
            thread::spawn(move || {
                let future = async move {
                    let _inside = inside;
                    std::future::pending::<()>().await;
                };
                let identity = Identity::at(Location::caller());
                let (task, handle) = spawn_cell(future, QueueRef(queue.clone()), identity);
                drop(handle);
                queue.take_in(task, None);
            })
        };
        pool.close();
        worker.join().unwrap();
        assert_eq!(pool.queue.owned.alive(), 0, "a task is left behind");
        spawner.join().unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

/// A thread that is started when the pool has been closed, and uses it when all others have left.
#[test]
fn close_against_a_thread_that_starts() {
    check(|| {
        let pool = Pool::new();
        assert!(pool.closing.enter());
        let use_it = |pool: &Pool| {
            pool.touch();
            pool.closing.leave(|| pool.touch());
        };
        let threads = [true, false].map(|is_counted| {
            let pool = pool.clone();
            thread::spawn(move || {
                if is_counted || pool.closing.enter() {
                    use_it(&pool);
                }
            })
        });
        pool.close();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(pool.closing.is_over());
    });
}

/// A thread of the pool that closes it, waits for itself, or is told too early that the others have
/// left; and a task that nobody drops, because each thread takes the other for the last one.
#[test]
fn close_by_a_thread_of_the_pool() {
    check(|| {
        let (pool, token) = (Pool::new(), Arc::new(()));
        assert!(pool.closing.enter());
        assert!(pool.closing.enter());
        let worker = {
            let pool = pool.clone();
            thread::spawn(move || pool.work())
        };
        let inside = token.clone();
        let future = async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        };
        let identity = Identity::at(Location::caller());
        let (task, handle) = spawn_cell(future, QueueRef(pool.queue.clone()), identity);
        drop(handle);
        pool.queue.take_in(task, None);
        let _ = pool.parker.unpark();

        pool.closing.close(&pool.queue.owned, || {
            let _ = pool.parker.unpark();
        });
        assert!(pool.closing.wait(None, 1));
        // SAFETY: the caller is the only thread that is left.
        pool.memory.with_mut(|memory| unsafe { *memory = 1 });
        assert_eq!(pool.closing.threads(), 1);
        // This thread is counted, so it need not look again, and leaves as the last one.
        pool.work();
        assert!(pool.closing.is_over());
        assert_eq!(pool.queue.owned.alive(), 0, "a task is left behind");
        assert_eq!(Arc::strong_count(&token), 1);
        worker.join().unwrap();
    });
}
