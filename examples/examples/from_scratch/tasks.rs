//! A task is a future that the runtime owns: it runs beside the one that spawned it.

use std::time::Duration;

use runtime::sync::{mpsc, oneshot};
use runtime::time::{sleep, timeout};

pub(crate) async fn results_and_panics() {
    let sum = runtime::spawn(async { (1..=10).sum::<u32>() });
    assert_eq!(sum.await.unwrap(), 55);

    // A panic ends the task and nobody else. Who waits for the task is told.
    let careless = runtime::spawn(async {
        std::panic::resume_unwind(Box::new("out of luck"));
    });
    assert!(careless.await.unwrap_err().is_panic());
    println!("a task's result came back, and a panic came as an error");
}

/// Says so when it is dropped.
struct Guest(Option<oneshot::Sender<&'static str>>);

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            let _ = tell.send("gone");
        }
    }
}

pub(crate) async fn cancelled() {
    // A future is cancelled by its drop. Here the time limit drops it, and with it what it holds.
    let (tell, told) = oneshot::channel();
    let waits_for_ever = async {
        let _guest = Guest(Some(tell));
        std::future::pending::<()>().await;
    };
    assert!(timeout(Duration::from_millis(5), waits_for_ever).await.is_err());
    assert_eq!(told.await, Ok("gone"));

    // A task is not cancelled by the drop of its handle: it runs on. It is by `abort`.
    let (tell, told) = oneshot::channel();
    let task = runtime::spawn(async {
        let _guest = Guest(Some(tell));
        std::future::pending::<()>().await;
    });
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    // Whether or not the task had begun: the sender is gone.
    assert!(matches!(told.await, Ok("gone") | Err(_)));
    println!("a future was cancelled by a time limit, a task by its handle");
}

/// Gathers numbers into pairs. What it has gathered so far lies in the future, so it is lost
/// when the future is dropped between the two.
async fn pair_that_forgets(numbers: &mut mpsc::Receiver<u32>) -> (u32, u32) {
    let first = numbers.recv().await.unwrap();
    let second = numbers.recv().await.unwrap();
    (first, second)
}

/// The same with the first number kept outside of the future: it may be dropped at any time, and
/// the next call goes on.
async fn pair(numbers: &mut mpsc::Receiver<u32>, first: &mut Option<u32>) -> (u32, u32) {
    if first.is_none() {
        *first = numbers.recv().await;
    }
    let second = numbers.recv().await.unwrap();
    (first.take().unwrap(), second)
}

pub(crate) async fn what_a_cancelled_future_forgets() {
    let (sender, mut numbers) = mpsc::channel(8);
    sender.send(1).await.unwrap();
    let limit = Duration::from_millis(5);
    assert!(timeout(limit, pair_that_forgets(&mut numbers)).await.is_err());
    sender.send(2).await.unwrap();
    sender.send(3).await.unwrap();
    assert_eq!(pair_that_forgets(&mut numbers).await, (2, 3)); // where is 1?

    let mut first = None;
    sender.send(1).await.unwrap();
    assert!(timeout(limit, pair(&mut numbers, &mut first)).await.is_err());
    sender.send(2).await.unwrap();
    assert_eq!(pair(&mut numbers, &mut first).await, (1, 2));
    println!("one future forgot a number when it was dropped, the other did not");
}

pub(crate) async fn told_to_end() {
    // A task that is told can end in good order: it finishes what it has, then leaves.
    let (jobs, mut queue) = mpsc::channel::<u32>(8);
    let worker = runtime::spawn(async move {
        let mut done = Vec::new();
        while let Some(job) = queue.recv().await {
            sleep(Duration::from_millis(1)).await;
            done.push(job);
        }
        done // no sender is left: that is how it is told
    });
    for job in 0..3 {
        jobs.send(job).await.unwrap();
    }
    drop(jobs);
    assert_eq!(worker.await.unwrap(), [0, 1, 2]);
    println!("a task that was told to end finished what it had");
}
