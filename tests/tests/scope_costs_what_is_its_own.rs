//! What a scope does takes as long as what it does it to: not as long as what waits around it, and,
//! however scopes are nested, no longer than once for each of them. They can be nested as deep as
//! there is memory.

#![cfg(unix)]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use runtime::task::futures::Cancelled;
use runtime::task::{Scope, yield_now};
use tests::{Census, current_thread, eventually_async, forever, scaled, within_time, workers};

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// For what is slow in a debug build on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Deeper than a stack is, if each scope needs a frame of it.
fn depth() -> usize {
    scaled(100_000)
}

/// The processor time of this thread: what other processes do does not count.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes into the struct and nowhere else.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn cost_of(body: impl FnOnce()) -> Duration {
    let start = processor_time();
    body();
    processor_time() - start
}

/// The least of a few: a cache that somebody else has emptied does not count either.
fn least(mut cost: impl FnMut() -> Duration) -> Duration {
    (0..3).map(|_| cost()).min().unwrap()
}

/// `count` futures that wait for the cancellation of the runtime's scope.
async fn waiters(count: usize) -> Vec<Pin<Box<Cancelled>>> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut all = Vec::with_capacity(count);
    for i in 0..count {
        if i % 64 == 0 {
            yield_now().await; // a new budget
        }
        let mut waiter = Box::pin(Scope::current().cancelled());
        assert!(waiter.as_mut().poll(&mut cx).is_pending());
        all.push(waiter);
    }
    all
}

#[test]
fn the_begin_and_end_of_a_scope_does_not_grow_with_those_who_wait_around_it() {
    within_time(LIMIT, || {
        let runtime = current_thread();
        let rounds = scaled(10_000);
        let scopes = || {
            cost_of(|| {
                runtime.block_on(async {
                    for _ in 0..rounds {
                        let scope = Scope::new();
                        drop(scope.spawn(async {}));
                        scope.close().await.unwrap();
                        let scope = Scope::new();
                        drop(scope.spawn(forever(())));
                        drop(scope);
                    }
                });
            })
        };
        let alone = least(scopes);
        let crowd = runtime.block_on(waiters(scaled(300_000)));
        let in_a_crowd = least(scopes);
        // It was 250 times as much when each end looked at each waiter.
        assert!(in_a_crowd < alone * 8, "{in_a_crowd:?} among many, {alone:?} alone");
        runtime.block_on(async { Scope::current().cancel() });
        drop(crowd);
    });
}

/// `depth` scopes, each inside the one before it.
fn nested(depth: usize) -> Vec<Scope> {
    let mut scopes = Vec::with_capacity(depth);
    scopes.push(Scope::new());
    for _ in 1..depth {
        let inner = scopes.last().unwrap().child();
        scopes.push(inner);
    }
    scopes
}

/// In which order nested scopes are told.
#[derive(Clone, Copy, Debug)]
enum From {
    Outside,
    Inside,
}

/// Calls `tell` with each.
fn each(scopes: &[Scope], from: From, mut tell: impl FnMut(&Scope)) {
    match from {
        From::Outside => scopes.iter().for_each(&mut tell),
        From::Inside => scopes.iter().rev().for_each(&mut tell),
    }
}

fn drop_each(mut scopes: Vec<Scope>, from: From) {
    match from {
        From::Outside => drop(scopes),
        From::Inside => while scopes.pop().is_some() {},
    }
}

#[test]
fn nested_scopes_that_are_told_one_by_one_are_gone_through_once() {
    within_time(LIMIT, || {
        let runtime = current_thread();
        // Something is alive at the bottom and stays so: nothing leaves the tree while it is told.
        let all_told = |depth: usize, from| {
            let scopes = runtime.block_on(async { nested(depth) });
            let task = runtime.block_on(async { scopes[depth - 1].spawn(forever(())) });
            let cost = cost_of(|| {
                each(&scopes, from, |scope| scope.cancel());
                each(&scopes, from, Scope::abort);
                drop_each(scopes, from);
            });
            assert!(runtime.block_on(task).unwrap_err().is_cancelled());
            cost
        };
        for from in [From::Outside, From::Inside] {
            let (few, many) = (scaled(500), scaled(32_000));
            let (little, much) = (least(|| all_told(few, from)), least(|| all_told(many, from)));
            let (of_few, of_many) = (little / few as u32, much / many as u32);
            // For each it was 64 times as much, as many times as there were more of them.
            assert!(of_many < of_few * 12, "{of_many:?} of many, {of_few:?} of few, from {from:?}");
        }
    });
}

#[test]
fn a_hundred_thousand_deep_they_open_tell_and_end() {
    within_time(LIMIT, || {
        for runtime in [workers(2), current_thread()] {
            for from in [From::Outside, From::Inside] {
                let census = Census::default();
                runtime.block_on(async {
                    let scopes = nested(depth());
                    let innermost = scopes.last().unwrap();
                    let task = innermost.spawn(forever(census.clone()));
                    let told = innermost.spawn(async { Scope::current().cancelled().await });
                    scopes[0].cancel();
                    told.await.unwrap();
                    assert!(innermost.is_cancelled());
                    scopes[0].abort();
                    assert!(task.await.unwrap_err().is_cancelled());
                    assert_eq!(census.alive(), 0);
                    assert!(innermost.spawn(async {}).await.unwrap_err().is_cancelled());
                    drop_each(scopes, from);
                });
                // Nobody aborts, so the drop does.
                runtime.block_on(async {
                    let scopes = nested(depth());
                    let task = scopes.last().unwrap().spawn(forever(census.clone()));
                    drop_each(scopes, from);
                    assert!(task.await.unwrap_err().is_cancelled());
                });
                // Nobody was ever in one of them.
                runtime.block_on(async { drop_each(nested(depth()), from) });
            }
        }
    });
}

#[test]
fn a_hundred_thousand_deep_the_outermost_waits_for_the_innermost() {
    within_time(LIMIT, || {
        for runtime in [workers(2), current_thread()] {
            runtime.block_on(async {
                let mut scopes = nested(depth());
                let innermost = scopes.pop().unwrap();
                let task = innermost.spawn(async { yield_now().await });
                scopes.remove(0).close().await.unwrap();
                assert!(task.is_finished());
                // The whole tree has ended with it.
                assert!(innermost.spawn(async {}).await.unwrap_err().is_cancelled());
                innermost.close().await.unwrap();
            });
        }
    });
}

/// A handle of the innermost is the last that holds all the others.
#[test]
fn a_hundred_thousand_deep_a_handle_keeps_the_tree_and_frees_it() {
    within_time(LIMIT, || {
        let runtime = current_thread();
        let handle = runtime.block_on(async {
            let scopes = nested(depth());
            scopes.last().unwrap().handle().clone()
        });
        drop(runtime);
        drop(handle);
    });
}

/// A task whose own scope has one of its kind, and whose failure is what fails there.
fn passes_on(left: usize) -> Pin<Box<dyn Future<Output = Result<(), BoxedError>> + Send>> {
    Box::pin(async move {
        let scope = Scope::new();
        if left > 1 {
            scope.try_spawn(passes_on(left - 1));
        } else {
            scope.try_spawn(async { "x".parse::<u32>() });
        }
        scope.close().await.map_err(|error| error.into_inner().unwrap())
    })
}

#[test]
fn a_hundred_thousand_deep_a_failure_is_passed_on_from_scope_to_scope() {
    within_time(LIMIT, || {
        for runtime in [workers(2), current_thread()] {
            let error = runtime.block_on(async { passes_on(depth()).await.unwrap_err() });
            assert!(error.is::<std::num::ParseIntError>());
        }
    });
}

#[test]
fn a_runtime_that_ends_drops_what_is_a_hundred_thousand_deep() {
    within_time(LIMIT, || {
        for runtime in [workers(2), current_thread()] {
            // Scopes whose owner outlives the runtime.
            let census = Census::default();
            let scopes = runtime.block_on(async { nested(depth()) });
            drop(scopes.last().unwrap().spawn(forever(census.clone())));
            drop(runtime);
            assert_eq!(census.alive(), 0);
            drop(scopes);
        }
        for runtime in [workers(2), current_thread()] {
            // Tasks that each own the scope that the next one is in.
            let census = Census::default();
            let outermost = runtime.block_on(async {
                let scope = Scope::new();
                drop(scope.spawn(descend(depth(), census.clone())));
                eventually_async("each has its scope", || census.alive() == depth()).await;
                scope
            });
            drop(runtime);
            assert_eq!(census.alive(), 0);
            drop(outermost);
        }
    });
}

/// A task in whose own scope there is one of its kind.
fn descend(left: usize, census: Census) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let scope = Scope::new();
        if left > 1 {
            drop(scope.spawn(descend(left - 1, census.clone())));
        }
        forever((scope, census)).await;
    })
}
