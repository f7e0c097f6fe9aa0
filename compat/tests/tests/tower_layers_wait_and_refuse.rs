//! tower: time limits, limits of number and rate, buffers, retries.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ecosystem::in_time;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_given_up() {
    let mut service = ServiceBuilder::new().timeout(Duration::from_secs(10)).service(service_fn(
        async |seconds: u64| {
            sleep(Duration::from_secs(seconds)).await;
            Ok::<_, BoxError>(seconds)
        },
    ));
    assert_eq!(service.ready().await.unwrap().call(9).await.unwrap(), 9);
    let start = Instant::now();
    let error = service.ready().await.unwrap().call(11).await.unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>());
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept() {
    let mut service = ServiceBuilder::new()
        .rate_limit(2, Duration::from_secs(1))
        .service(service_fn(async |()| Ok::<_, BoxError>(Instant::now())));
    let start = Instant::now();
    let mut at = Vec::new();
    for _ in 0..5 {
        let when = service.ready().await.unwrap().call(()).await.unwrap();
        at.push((when - start).as_secs());
    }
    assert_eq!(at, [0, 0, 1, 1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buffer_lends_a_limited_service_to_many() {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Arc::new(Semaphore::new(0));
    let inner = {
        let (running, most, gate) = (running.clone(), most.clone(), gate.clone());
        service_fn(move |n: usize| {
            let (running, most, gate) = (running.clone(), most.clone(), gate.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.acquire().await.unwrap().forget();
                running.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, Infallible>(n)
            }
        })
    };
    let service = ServiceBuilder::new().buffer(10).concurrency_limit(3).service(inner);
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..50 {
        let service = service.clone();
        calls.spawn(async move { assert_eq!(service.oneshot(n).await.unwrap(), n) });
    }
    in_time(async {
        while running.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await
        }
    })
    .await;
    gate.add_permits(50);
    in_time(calls.join_all()).await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn who_comes_while_all_is_taken_is_turned_away() {
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let mut service =
        ServiceBuilder::new().load_shed().concurrency_limit(1).service(service_fn(move |()| {
            let gate = waits.clone();
            async move {
                gate.acquire().await.unwrap().forget();
                Ok::<_, BoxError>(())
            }
        }));
    let first = tokio::spawn(service.ready().await.unwrap().call(()));
    let refused = in_time(service.ready().await.unwrap().call(())).await.unwrap_err();
    assert!(refused.is::<tower::load_shed::error::Overloaded>());
    gate.add_permits(1);
    in_time(first).await.unwrap().unwrap();
}
