//! What goes wrong most often, each with what to write in its place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use runtime::sync::Semaphore;

use crate::combine::step;

pub(crate) async fn a_future_that_nobody_awaits() {
    let sent = AtomicUsize::new(0);
    let send = async || {
        step(1, ()).await;
        sent.fetch_add(1, Ordering::Relaxed);
    };
    // The compiler warns where the future is not even named; here it cannot.
    let _forgotten = send();
    assert_eq!(sent.load(Ordering::Relaxed), 0);
    send().await;
    assert_eq!(sent.load(Ordering::Relaxed), 1);
    println!("a future that nobody awaited did nothing");
}

pub(crate) async fn one_after_the_other() {
    // Each `.await` waits for its future before the next one even starts.
    let start = Instant::now();
    step(20, ()).await;
    step(20, ()).await;
    assert!(start.elapsed() >= Duration::from_millis(40));

    let start = Instant::now();
    futures::join!(step(20, ()), step(20, ()));
    println!("two steps of 20 ms at the same time took {:?}", start.elapsed());
}

pub(crate) async fn blocking() {
    // A call that blocks keeps its thread from all other tasks. There are threads for such calls.
    let read = runtime::task::spawn_blocking(|| {
        std::thread::sleep(Duration::from_millis(20)); // stands for a database without async
        "rows"
    });
    assert_eq!(read.await.unwrap(), "rows");
    println!("a call that blocks had a thread of its own");
}

pub(crate) async fn without_limit() {
    // A task for each item is cheap; what all of them open at the same time may not be. A permit
    // for each bounds it.
    let permits = Arc::new(Semaphore::new(3));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = runtime::task::JoinSet::new();
    for _ in 0..20 {
        let (permits, now, most) = (permits.clone(), now.clone(), most.clone());
        tasks.spawn(async move {
            let _permit = permits.acquire_owned().await.unwrap();
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            step(1, ()).await;
            now.fetch_sub(1, Ordering::Relaxed);
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.unwrap();
    }
    assert!(most.load(Ordering::Relaxed) <= 3);
    println!("twenty tasks were at work three at a time");
}
