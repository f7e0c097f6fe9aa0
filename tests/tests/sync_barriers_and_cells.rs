//! A barrier lets nobody through before all have come; a cell is filled once, whoever tries and
//! fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use runtime::Runtime;
use runtime::sync::{Barrier, OnceCell, SetError, SetOnce, oneshot};
use runtime::task::{JoinSet, yield_now};
use tests::{Census, current_thread, within, workers};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

#[test]
fn nobody_passes_before_all_have_come() {
    on_each(|runtime| {
        const TASKS: usize = 5;
        const ROUNDS: usize = 50;
        let (barrier, came) = (Arc::new(Barrier::new(TASKS)), Arc::new(AtomicUsize::new(0)));
        let tasks: JoinSet<usize> = (0..TASKS)
            .map(|task| {
                let (barrier, came) = (barrier.clone(), came.clone());
                async move {
                    let mut led = 0;
                    for round in 0..ROUNDS {
                        if (task + round) % 2 == 0 {
                            yield_now().await;
                        }
                        came.fetch_add(1, Ordering::SeqCst);
                        led += usize::from(barrier.wait().await.is_leader());
                        let came = came.load(Ordering::SeqCst);
                        assert!(came >= (round + 1) * TASKS, "{came} in round {round}");
                    }
                    led
                }
            })
            .fold(JoinSet::new(), |mut set, task| {
                set.spawn_on(task, runtime.handle());
                set
            });
        let led: usize = runtime.block_on(tasks.join_all()).into_iter().sum();
        assert_eq!(led, ROUNDS, "one leader a round");
    });
}

#[test]
fn a_task_that_came_and_left_still_counts() {
    on_each(|runtime| {
        runtime.block_on(async {
            let barrier = Barrier::new(2);
            let mut gone = Box::pin(barrier.wait());
            assert!(gone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(gone);
            assert!(barrier.wait().await.is_leader());
        });
    });
}

#[test]
fn a_barrier_for_one_is_open() {
    on_each(|runtime| {
        runtime.block_on(async {
            for size in [0, 1] {
                let barrier = Barrier::new(size);
                for _ in 0..3 {
                    assert!(barrier.wait().await.is_leader());
                }
            }
        });
    });
}

#[test]
fn a_cell_is_filled_by_one_of_many() {
    on_each(|runtime| {
        runtime.block_on(async {
            for _ in 0..20 {
                let (cell, fills) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
                let tasks: JoinSet<usize> = (0..8)
                    .map(|task| {
                        let (cell, fills) = (cell.clone(), fills.clone());
                        async move {
                            let fill = || async {
                                yield_now().await;
                                fills.fetch_add(1, Ordering::SeqCst);
                                task
                            };
                            *cell.get_or_init(fill).await
                        }
                    })
                    .collect();
                let got = tasks.join_all().await;
                assert_eq!(fills.load(Ordering::SeqCst), 1);
                assert!(got.iter().all(|value| Some(value) == cell.get()), "{got:?}");
            }
        });
    });
}

#[test]
fn a_filling_that_fails_panics_or_is_given_up_leaves_it_to_the_next() {
    on_each(|runtime| {
        runtime.block_on(async {
            let cell = Arc::new(OnceCell::new());
            let fill = |cell: &Arc<OnceCell<u8>>, kind: u8| {
                let cell = cell.clone();
                runtime::spawn(async move {
                    let fill = || async move {
                        yield_now().await;
                        match kind {
                            0 => Err("no"),
                            1 => panic!("boom"),
                            _ => Ok(kind),
                        }
                    };
                    cell.get_or_try_init(fill).await.copied()
                })
            };
            let (begun, wait) = oneshot::channel::<()>();
            let begins = cell.clone();
            let stuck = runtime::spawn(async move {
                let fill = || async move {
                    begun.send(()).unwrap();
                    std::future::pending().await
                };
                *begins.get_or_init(fill).await
            });
            wait.await.unwrap();
            assert_eq!(cell.set(9), Err(SetError::InitializingError(9)));
            let next = [fill(&cell, 0), fill(&cell, 1), fill(&cell, 0)];
            yield_now().await;
            stuck.abort();
            assert!(stuck.await.unwrap_err().is_cancelled());
            let mut failed = 0;
            for next in next {
                match next.await {
                    Ok(result) => assert_eq!(result, Err("no")),
                    Err(error) => assert!(error.is_panic()),
                }
                failed += 1;
            }
            assert_eq!((failed, cell.initialized()), (3, false));
            assert_eq!(fill(&cell, 7).await.unwrap(), Ok(7));
            assert_eq!(fill(&cell, 0).await.unwrap(), Ok(7));
        });
    });
}

#[test]
fn all_who_wait_for_a_value_get_it() {
    on_each(|runtime| {
        runtime.block_on(async {
            let cell = Arc::new(SetOnce::new());
            let tasks: JoinSet<u8> = (0..8)
                .map(|_| {
                    let cell = cell.clone();
                    async move { *cell.wait().await }
                })
                .collect();
            yield_now().await;
            assert!(!cell.initialized());
            cell.set(5).unwrap();
            assert_eq!(cell.set(6).unwrap_err().0, 6);
            assert_eq!(tasks.join_all().await, [5; 8]);
            let mut late = Box::pin(cell.wait());
            let mut cx = Context::from_waker(Waker::noop());
            assert_eq!(late.as_mut().poll(&mut cx), Poll::Ready(&5));
        });
    });
}

#[test]
fn a_value_is_dropped_once() {
    let census = Census::default();
    let cell = OnceCell::new();
    cell.set(census.clone()).unwrap_or_else(|_| panic!("it is empty"));
    assert!(matches!(cell.set(census.clone()), Err(SetError::AlreadyInitializedError(_))));
    assert_eq!(census.alive(), 1);
    let copy = cell.clone();
    assert_eq!(census.alive(), 2);
    drop((cell, copy.into_inner()));
    assert_eq!(census.alive(), 0);

    let set = SetOnce::new_with(Some(census.clone()));
    drop(set.set(census.clone()).unwrap_err());
    assert_eq!(census.alive(), 1);
    drop(set);
    assert_eq!(census.alive(), 0);
    drop(SetOnce::from(census.clone()).into_inner());
    drop(OnceCell::from(census.clone()));
    assert_eq!(census.alive(), 0);
}
