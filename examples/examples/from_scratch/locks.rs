//! A lock that is held across an `.await`, and one that is not.

use std::sync::Arc;
use std::time::Duration;

use crate::combine::step;

pub(crate) async fn across_an_await() {
    // Read and write lie on two sides of an `.await`. Who waits for this lock is a task: its thread
    // goes on with others.
    let counter = Arc::new(runtime::sync::Mutex::new(0));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let counter = counter.clone();
            runtime::spawn(async move {
                let mut guard = counter.lock().await;
                let before = *guard;
                runtime::task::yield_now().await;
                *guard = before + 1;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*counter.lock().await, 50);

    // The `futures` crate's lock does as well: it, too, is nothing but wakers.
    let lock = futures::lock::Mutex::new(String::new());
    futures::join!(
        async {
            let mut text = lock.lock().await;
            text.push_str("first ");
            step(10, ()).await;
            text.push_str("done, ");
        },
        async { lock.lock().await.push_str("then second") },
    );
    assert_eq!(lock.into_inner(), "first done, then second");
    println!("a lock held across an await lost nothing");
}

pub(crate) async fn within_one_function() {
    // Held for a moment and never across an `.await`: the standard library's lock is the right one.
    // A function that is not `async` keeps its guard from an `.await` for sure.
    let names = Arc::new(std::sync::Mutex::new(Vec::new()));
    let add = |name| names.lock().unwrap().push(name);
    add("first");
    runtime::time::sleep(Duration::from_millis(1)).await;
    add("second");
    assert_eq!(*names.lock().unwrap(), ["first", "second"]);
    println!("a lock of the standard library was held for a moment at a time");
}
