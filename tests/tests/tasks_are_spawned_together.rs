//! `JoinSet::spawn_all`: many tasks that become runnable together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier};

use runtime::Builder;
use runtime::task::JoinSet;
use tests::{Census, current_thread, within, workers};

async fn sums() {
    for count in [0, 1, 2, 63, 64, 65, 128, 1000] {
        let mut set = JoinSet::new();
        set.spawn_all((0..count).map(|n| async move { n }));
        assert_eq!(set.len(), count);
        let sum: usize = set.join_all().await.into_iter().sum();
        assert_eq!(sum, (0..count).sum());
        // A set that has tasks already, and an iterator that does not know its length.
        let mut set = JoinSet::new();
        set.spawn(async { 1 });
        set.spawn_all((0..count).filter(|n| n % 2 == 0).map(|_| async { 1 }));
        assert_eq!(set.join_all().await.len(), 1 + count.div_ceil(2));
    }
}

#[test]
fn all_of_them_run() {
    within(|| {
        for runtime in [workers(1), workers(2), current_thread()] {
            runtime.block_on(sums());
            runtime.block_on(runtime.spawn(sums())).unwrap();
        }
    });
}

#[test]
fn other_workers_are_told() {
    within(|| {
        let mut builder = Builder::new_multi_thread();
        // Nobody serves in place of a worker that waits.
        let runtime = builder.worker_threads(2).spare_workers(0).enable_all().build().unwrap();
        async fn meet(count: usize) {
            let barrier = Arc::new(Barrier::new(2));
            let mut set = JoinSet::new();
            set.spawn_all((0..count).map(|n| {
                let barrier = barrier.clone();
                async move {
                    // The first and the last one, on two workers.
                    if n == 0 || n == count - 1 {
                        barrier.wait();
                    }
                }
            }));
            set.join_all().await;
        }
        for _ in 0..50 {
            runtime.block_on(meet(2));
            runtime.block_on(meet(100));
            runtime.block_on(runtime.spawn(meet(2))).unwrap();
            runtime.block_on(runtime.spawn(meet(100))).unwrap();
        }
    });
}

#[test]
fn a_panic_of_the_iterator_takes_none_with_it_that_was_spawned() {
    within(|| {
        let runtime = workers(2);
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let futures = (0..100).map(|n| {
                assert!(n < 70, "the iterator's");
                async move { n }
            });
            catch_unwind(AssertUnwindSafe(|| set.spawn_all(futures))).unwrap_err();
            assert_eq!(set.len(), 64);
            assert_eq!(set.join_all().await.into_iter().sum::<i32>(), (0..64).sum());
        });
    });
}

#[test]
fn a_runtime_that_has_ended_cancels_all_of_them() {
    within(|| {
        for runtime in [workers(2), current_thread()] {
            let handle = runtime.handle().clone();
            drop(runtime);
            let _inside = handle.enter();
            let census = Census::default();
            let mut set = JoinSet::new();
            set.spawn_all((0..100).map(|_| {
                let census = census.clone();
                async move { drop(census) }
            }));
            assert_eq!(census.alive(), 0);
            futures::executor::block_on(async {
                while let Some(ended) = set.join_next().await {
                    assert!(ended.unwrap_err().is_cancelled());
                }
            });
        }
    });
}
