//! A `JoinSet` yields its tasks in the order in which they end, each once, and asks only those that
//! have ended; dropped, it aborts all.

use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use runtime::sync::oneshot;
use runtime::task::{JoinSet, LocalSet, yield_now};
use runtime::{Handle, Runtime};
use tests::{
    Census, CountingWaker, current_thread, eventually, eventually_async, panic_of, within, workers,
};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

#[test]
fn tasks_are_yielded_in_the_order_in_which_they_end() {
    on_each(|runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let mut ends = Vec::new();
            for i in 0..100 {
                let (end, ended) = oneshot::channel::<()>();
                ends.push(Some(end));
                set.spawn(async move {
                    ended.await.unwrap();
                    i
                });
            }
            for i in (0..100).rev() {
                assert!(set.try_join_next().is_none());
                ends[i].take().unwrap().send(()).unwrap();
                assert_eq!(set.join_next().await.unwrap().unwrap(), i);
                assert_eq!(set.len(), i);
            }
            assert!(set.join_next().await.is_none());
        });
    });
}

#[test]
fn each_task_is_yielded_once_when_all_end_at_the_same_time() {
    on_each(|runtime| {
        runtime.block_on(async {
            let mut set: JoinSet<usize> = (0..10_000).map(|i| async move { i }).collect();
            let mut seen = vec![false; 10_000];
            while let Some(i) = set.join_next().await {
                assert!(!std::mem::replace(&mut seen[i.unwrap()], true));
            }
            assert!(seen.iter().all(|&seen| seen));
        });
    });
}

/// A set that asked all of its tasks would ask 900 million times, and fail by time.
#[test]
fn the_next_costs_the_same_however_many_wait() {
    within(|| {
        current_thread().block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..30_000 {
                set.spawn(pending::<usize>());
            }
            for i in 0..30_000 {
                set.spawn(async move { i });
                assert_eq!(set.join_next().await.unwrap().unwrap(), i);
            }
            assert_eq!(set.len(), 30_000);
        });
    });
}

#[test]
fn waiting_for_the_next_can_be_given_up() {
    on_each(|runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let (end, ended) = oneshot::channel::<()>();
            set.spawn(async move { ended.await.is_ok() });
            for _ in 0..3 {
                runtime::select! {
                    biased;
                    _ = set.join_next() => unreachable!("it cannot have ended"),
                    () = yield_now() => {}
                }
            }
            end.send(()).unwrap();
            assert!(set.join_next().await.unwrap().unwrap());
        });
    });
}

#[test]
fn the_latest_waker_is_called() {
    within(|| {
        let runtime = workers(1);
        let (end, ended) = oneshot::channel::<()>();
        let mut set = JoinSet::new();
        set.spawn_on(async move { ended.await.is_ok() }, runtime.handle());
        let (first, second) =
            (Arc::new(CountingWaker::default()), Arc::new(CountingWaker::default()));
        for waker in [&first, &second] {
            let waker = Waker::from(waker.clone());
            assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_pending());
        }
        end.send(()).unwrap();
        eventually("the wake", || second.count() > 0);
        assert_eq!(first.count(), 0);
        assert!(set.poll_join_next(&mut Context::from_waker(Waker::noop())).is_ready());
    });
}

#[test]
fn a_wait_lets_others_run() {
    on_each(|runtime| {
        runtime.block_on(async {
            let task = runtime::spawn(async {
                let mut set: JoinSet<()> = (0..1000).map(|_| async {}).collect();
                let metrics = Handle::current().metrics();
                eventually_async("all ended", || metrics.num_alive_tasks() == 1).await;
                while !set.is_empty() {
                    let mut polls = 0;
                    let joined = {
                        let mut join = pin!(set.join_next());
                        std::future::poll_fn(|cx| {
                            polls += 1;
                            join.as_mut().poll(cx)
                        })
                        .await
                    };
                    assert!(joined.is_some());
                    if polls > 1 {
                        return true;
                    }
                }
                false
            });
            assert!(task.await.unwrap(), "a thousand tasks joined in one poll");
        });
    });
}

#[test]
fn a_dropped_set_aborts_all_tasks() {
    on_each(|runtime| {
        let census = Census::default();
        let mut set = JoinSet::new();
        for _ in 0..50 {
            let token = census.clone();
            let task = async move {
                let _token = token;
                pending::<()>().await;
            };
            set.spawn_on(task, runtime.handle());
        }
        assert_eq!(census.alive(), 50);
        drop(set);
        runtime.block_on(eventually_async("all dropped", || census.alive() == 0));
    });
}

#[test]
fn detached_tasks_go_on() {
    on_each(|runtime| {
        runtime.block_on(async {
            let done = Arc::new(runtime::sync::Semaphore::new(0));
            let mut set = JoinSet::new();
            for _ in 0..10 {
                let done = done.clone();
                set.spawn(async move {
                    done.add_permits(1);
                    0
                });
            }
            set.detach_all();
            assert!(set.is_empty());
            // What they say when they end must not be taken for the end of these.
            for i in 0..10 {
                set.spawn(async move {
                    yield_now().await;
                    i
                });
            }
            done.acquire_many(10).await.unwrap().forget();
            let mut all = set.join_all().await;
            all.sort_unstable();
            assert_eq!(all, (0..10).collect::<Vec<_>>());
        });
    });
}

#[test]
fn shut_down_it_waits_until_all_are_gone() {
    on_each(|runtime| {
        runtime.block_on(async {
            let census = Census::default();
            let mut set = JoinSet::new();
            for _ in 0..10 {
                let token = census.clone();
                set.spawn(async move {
                    let _token = token;
                    pending::<()>().await;
                });
            }
            set.shutdown().await;
            assert_eq!((census.alive(), set.len()), (0, 0));
        });
    });
}

#[test]
fn a_panic_is_the_tasks_own() {
    on_each(|runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            let id = set.spawn(async { panic!("boom") }).id();
            let error = set.join_next_with_id().await.unwrap().map(|(_, ())| ()).unwrap_err();
            assert!(error.is_panic());
            assert_eq!(error.id(), id);
            set.spawn(async {}).abort();
            let error = set.join_next().await.unwrap().err();
            assert!(error.is_none_or(|error| error.is_cancelled()));
        });
        let text = panic_of(|| {
            runtime.block_on(async {
                let mut set = JoinSet::new();
                set.spawn(async { panic!("boom") });
                set.join_all().await
            })
        });
        assert_eq!(text, "boom");
    });
}

#[test]
fn a_set_takes_tasks_of_every_kind() {
    within(|| {
        let other = workers(1);
        current_thread().block_on(async {
            let local = LocalSet::new();
            let mut set = JoinSet::new();
            set.spawn_on(async { 1 }, other.handle());
            set.spawn_blocking(|| 2);
            set.spawn_blocking_on(|| 3, other.handle());
            set.spawn_local_on(async { *Rc::new(4) }, &local);
            set.build_task().name("five").spawn(async { 5 }).unwrap();
            set.build_task().name("six").spawn_on(async { 6 }, &Handle::current()).unwrap();
            set.build_task().spawn_blocking(|| 7).unwrap();
            set.build_task().spawn_blocking_on(|| 8, other.handle()).unwrap();
            set.build_task().spawn_local_on(async { *Rc::new(9) }, &local).unwrap();
            let all = local
                .run_until(async {
                    set.spawn_local(async { *Rc::new(10) });
                    set.build_task().spawn_local(async { *Rc::new(11) }).unwrap();
                    set.join_all().await
                })
                .await;
            assert_eq!(all.iter().sum::<i32>(), 66);
            other.shutdown_background();
        });
    });
}

#[test]
fn an_empty_one_has_nothing_to_wait_for() {
    let mut set = JoinSet::<()>::default();
    assert_eq!(format!("{set:?}"), "JoinSet { len: 0 }");
    assert!(set.try_join_next_with_id().is_none());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(set.poll_join_next_with_id(&mut cx), Poll::Ready(None)));
}
