//! An executor is a queue of tasks and a loop that polls them.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt};

use crate::timer::ThreadTimer;

#[derive(Default)]
struct TinyExecutor {
    /// The tasks that are worth polling.
    ready: Mutex<VecDeque<Arc<TinyTask>>>,
    someone: Condvar,
    /// How many tasks are not done.
    alive: AtomicUsize,
}

/// A task is a future, and it is its own waker: to wake it is to queue it.
struct TinyTask {
    future: Mutex<Option<BoxFuture<'static, ()>>>,
    home: Arc<TinyExecutor>,
}

impl Wake for TinyTask {
    fn wake(self: Arc<Self>) {
        let home = self.home.clone();
        home.ready.lock().unwrap().push_back(self);
        home.someone.notify_one();
    }
}

/// What the parts of a program are given so that they can start tasks.
#[derive(Clone)]
struct Spawner(Arc<TinyExecutor>);

impl Spawner {
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.0.alive.fetch_add(1, Ordering::Relaxed);
        let future = Mutex::new(Some(future.boxed()));
        Arc::new(TinyTask { future, home: self.0.clone() }).wake();
    }
}

impl TinyExecutor {
    /// Polls whoever is ready, until all tasks are done.
    fn run(&self) {
        while self.alive.load(Ordering::Relaxed) > 0 {
            let task = {
                let mut ready = self.ready.lock().unwrap();
                while ready.is_empty() {
                    ready = self.someone.wait(ready).unwrap();
                }
                ready.pop_front().unwrap()
            };
            let waker = Waker::from(task.clone());
            let mut slot = task.future.lock().unwrap();
            // It was woken twice and is done since the first time.
            let Some(mut future) = slot.take() else { continue };
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => *slot = Some(future),
                Poll::Ready(()) => {
                    self.alive.fetch_sub(1, Ordering::Relaxed);
                }
            }
        }
    }
}

pub(crate) fn tiny() {
    let executor = Arc::new(TinyExecutor::default());
    let spawner = Spawner(executor.clone());
    let log = Arc::new(Mutex::new(Vec::new()));

    let start = Instant::now();
    for (name, millis) in [("slow", 60), ("quick", 20)] {
        let (log, child) = (log.clone(), spawner.clone());
        spawner.spawn(async move {
            ThreadTimer::new(Duration::from_millis(millis)).await;
            log.lock().unwrap().push(name);
            // A task can start tasks; `run` waits for those as well.
            child.spawn(async move { log.lock().unwrap().push("child") });
        });
    }
    executor.run();

    let mut names = log.lock().unwrap().clone();
    names.sort_unstable();
    assert_eq!(names, ["child", "child", "quick", "slow"]);
    println!("a tiny executor ran four tasks in {:?}, on one thread", start.elapsed());
}
