//! Async Rust from its parts: what a runtime does, shown small, on a runtime that does it in earnest.
//!
//! ```text
//! cargo run --release -p examples --example from_scratch
//! ```
//!
//! Read it from top to bottom. The first half builds the three things that async Rust is made of:
//!
//! 1. a future, which is a value that can be asked "done?" and remembers a waker for later;
//! 2. a waker, which is how somebody else says "ask again";
//! 3. an executor, which is a queue of futures and a loop that asks.
//!
//! The second half combines futures: `join`, `try_join`, `select` in a loop, `FuturesUnordered`, a stream
//! with `for_each_concurrent`, recursion, and a lock held across an `.await`. These come from the
//! `futures` crate, which knows nothing of this runtime, and need not: a future is a future. The last
//! lines of each part check what they show, so the program is a test of itself as well.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FusedFuture, FutureExt};
use futures::stream::{self, FuturesUnordered, Stream, StreamExt};

fn main() {
    a_future_by_hand();
    a_tiny_executor();

    // From here on the same things, and everything else, run on the real one.
    let runtime = runtime::Runtime::new().expect("two threads and an epoll descriptor");
    runtime.block_on(async {
        the_timer_again().await;
        join_and_try_join().await;
        select_in_a_loop().await;
        many_futures_as_they_finish().await;
        a_stream_concurrently().await;
        recursion().await;
        a_lock_across_an_await().await;
    });
    println!("all as expected");
}

// ---------------------------------------------------------------------------------------------
// 1. A future.

/// Done after it has been asked three times.
///
/// A future that returns `Pending` promises that the waker will be called when it is worth asking
/// again. This one keeps the promise in the simplest way: it calls it right away.
struct ThirdTime {
    asked: usize,
}

impl Future for ThirdTime {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.asked += 1;
        if self.asked == 3 {
            return Poll::Ready("a charm");
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// 2. A waker: anything that can be shared between threads and told "wake".
struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn a_future_by_hand() {
    let wakes = Arc::new(CountingWaker(AtomicUsize::new(0)));
    let waker = Waker::from(wakes.clone());
    let mut cx = Context::from_waker(&waker);

    // Nothing happens until somebody asks. Here, we do.
    let mut future = pin!(ThirdTime { asked: 0 });
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Ready("a charm"));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    println!("a future was asked three times and called its waker twice");
}

/// A timer whose clock is a thread that sleeps.
///
/// The first real future: what it waits for happens elsewhere, and the two sides share a small
/// state. Under its lock there are only two cases. The thread comes first: the next poll sees `fired`.
/// The poll comes first: it leaves its waker, and the thread finds it.
struct ThreadTimer {
    shared: Arc<Mutex<TimerState>>,
}

#[derive(Default)]
struct TimerState {
    fired: bool,
    waker: Option<Waker>,
}

impl ThreadTimer {
    fn new(after: Duration) -> ThreadTimer {
        let shared = Arc::new(Mutex::new(TimerState::default()));
        let clock = shared.clone();
        thread::spawn(move || {
            thread::sleep(after);
            let waker = {
                let mut state = clock.lock().unwrap();
                state.fired = true;
                state.waker.take()
            };
            // Outside the lock: a waker is somebody else's code.
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        ThreadTimer { shared }
    }
}

impl Future for ThreadTimer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock().unwrap();
        if state.fired {
            return Poll::Ready(());
        }
        // Each time anew: between two polls the future may have moved to another task, and then the
        // old waker would wake the wrong one.
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

// ---------------------------------------------------------------------------------------------
// 3. An executor.

/// A queue of tasks that are worth asking, and the count of tasks that are not done.
#[derive(Default)]
struct TinyExecutor {
    ready: Mutex<VecDeque<Arc<TinyTask>>>,
    someone: Condvar,
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

/// What a program hands round so that its parts can start tasks.
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
    /// Asks whoever is ready until everybody is done.
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
            // Woken twice, done at the first: nothing is left to ask.
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

fn a_tiny_executor() {
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

    assert_eq!(*log.lock().unwrap(), ["quick", "child", "slow", "child"]);
    println!("a tiny executor ran four tasks in {:?}, on one thread", start.elapsed());

    // What it lacks is what the rest of this repository is about: more threads that take work from
    // each other, sleeping without losing a wake-up, I/O and timers without a thread each, a handle
    // to a task's result, cancellation, panics that stay where they belong, an end.
}

// ---------------------------------------------------------------------------------------------
// The same on the real runtime, and how futures combine.

async fn the_timer_again() {
    // The very timer from above: all it needs is a waker, and the runtime's wakers work from any
    // thread. One's own timers are cheaper: a million of them need no thread at all.
    let start = Instant::now();
    ThreadTimer::new(Duration::from_millis(20)).await;
    runtime::time::sleep(Duration::from_millis(20)).await;
    assert!(start.elapsed() >= Duration::from_millis(40));

    // And spawned tasks hand back a result.
    let handle = runtime::spawn(ThirdTime { asked: 0 });
    assert_eq!(handle.await.unwrap(), "a charm");
    println!("a thread's timer and the runtime's own, {:?} together", start.elapsed());
}

async fn step<T>(millis: u64, value: T) -> T {
    runtime::time::sleep(Duration::from_millis(millis)).await;
    value
}

async fn join_and_try_join() {
    // `join!` waits for all; they wait at the same time.
    let start = Instant::now();
    let (book, music) = futures::join!(step(30, "book"), step(30, "music"));
    assert_eq!((book, music), ("book", "music"));
    let both = start.elapsed();
    assert!(both >= Duration::from_millis(30));

    // `try_join!` waits for all or for the first that fails, and drops the others then.
    let fails = async { Err::<Infallible, _>("no such book") };
    let result = futures::try_join!(fails, std::future::pending::<Result<(), _>>());
    assert_eq!(result, Err("no such book"));
    println!("two steps of 30 ms joined in {both:?}; a failure did not wait for the other");
}

async fn select_in_a_loop() {
    // `select!` asks only those that are not done. A fused future knows that it is, so the loop can go
    // round until the `complete` arm says that all are.
    let mut quick = pin!(step(5, 1).fuse());
    let mut slow = pin!(step(15, 10).fuse());
    let mut total = 0;
    let mut rounds = 0;
    loop {
        futures::select! {
            value = quick => total += value,
            value = slow => total += value,
            complete => break,
        }
        rounds += 1;
    }
    assert!(quick.is_terminated() && slow.is_terminated());
    assert_eq!((total, rounds), (11, 2));

    // `Fuse::terminated()` is a place for a future that is not there yet: here, a refresh that starts
    // again each time the ticker says so, while the one before is forgotten.
    let mut ticker = stream::unfold(0, |n| async move { (n < 3).then_some((n, n + 1)) })
        .then(|n| step(10, n))
        .boxed()
        .fuse();
    let mut refresh = pin!(futures::future::Fuse::terminated());
    let mut refreshed = Vec::new();
    loop {
        futures::select! {
            n = ticker.select_next_some() => refresh.set(step(2, n).fuse()),
            n = refresh => refreshed.push(n),
            complete => break,
        }
    }
    assert_eq!(refreshed, [0, 1, 2]);
    println!("select in a loop saw every event once");
}

async fn many_futures_as_they_finish() {
    // A set whose members are polled only when woken themselves, and come out as they finish.
    let mut set: FuturesUnordered<_> =
        [40, 10, 25].into_iter().map(|millis| step(millis, millis)).collect();
    let mut order = Vec::new();
    while let Some(millis) = set.next().await {
        order.push(millis);
        if millis == 10 {
            set.push(step(5, 5)); // it may grow meanwhile
        }
    }
    assert_eq!(order.len(), 4);
    assert_eq!(order[0], 10);
    assert_eq!(order[3], 40);
    println!("futures finished in the order {order:?}");
}

/// A stream by hand: the numbers from `next` to `end`, one after each `pause`.
struct Countdown {
    left: usize,
    pause: Pin<Box<runtime::time::Sleep>>,
}

impl Stream for Countdown {
    type Item = usize;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        // `ready!` leaves with `Pending` if the timer does; the timer has the waker then.
        std::task::ready!(self.pause.as_mut().poll(cx));
        self.left -= 1;
        self.pause.as_mut().reset(runtime::time::Instant::now() + Duration::from_millis(1));
        Poll::Ready(Some(self.left))
    }
}

async fn a_stream_concurrently() {
    let pause = Box::pin(runtime::time::sleep(Duration::from_millis(1)));
    let countdown = Countdown { left: 12, pause };
    let (now, most, sum) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    countdown
        .for_each_concurrent(4, async |number| {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            step(20, ()).await;
            sum.fetch_add(number, Ordering::Relaxed);
            now.fetch_sub(1, Ordering::Relaxed);
        })
        .await;
    assert_eq!(sum.into_inner(), 66);
    let most = most.into_inner();
    assert!((2..=4).contains(&most));
    println!("a stream's items were worked on {most} at a time");
}

/// Recursion: the future of `fibonacci` would contain itself, so one of the two is put in a box.
fn fibonacci(n: u32) -> BoxFuture<'static, u64> {
    async move {
        match n {
            0 | 1 => n.into(),
            _ => fibonacci(n - 1).await + fibonacci(n - 2).await,
        }
    }
    .boxed()
}

async fn recursion() {
    assert_eq!(fibonacci(15).await, 610);

    // The same, each branch a task of its own, on however many workers there are.
    fn spread(n: u32) -> BoxFuture<'static, u64> {
        async move {
            if n < 2 {
                return n.into();
            }
            let (left, right) = (runtime::spawn(spread(n - 1)), runtime::spawn(spread(n - 2)));
            left.await.unwrap() + right.await.unwrap()
        }
        .boxed()
    }
    assert_eq!(spread(15).await, 610);
    println!("recursion needs one box; as 1973 tasks it gives the same");
}

async fn a_lock_across_an_await() {
    // A guard of `std::sync::Mutex` must not live across an `.await`: who waits for it blocks a whole
    // thread, perhaps the one that the holder needs to go on. An async lock makes the task wait.
    // Here the read and the write of the counter lie on two sides of an `.await`, and still no
    // increment is lost.
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
