//! Each poll of a task may make 128 steps of progress, with whatever, in some 50 microseconds: then
//! it lets others run. A step that had to wait costs nothing, and what is `unconstrained` is not
//! counted.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use runtime::Runtime;
use runtime::io::{AsyncReadExt, AsyncWriteExt, duplex};
use runtime::sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use runtime::task::coop::{
    consume_budget, cooperative, has_budget_remaining, poll_proceed, unconstrained,
};
use runtime::task::{self, LocalSet};
use runtime::time;
use tests::{current_thread, within, workers};

fn on_each(body: impl Fn(&Runtime) + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            body(&runtime);
        }
    });
}

/// Polls the future once. Nobody is to be woken.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The time after which a poll with many steps gives way.
const LIMIT: Duration = Duration::from_micros(50);

/// What a task does in its first poll.
#[derive(Debug)]
struct OnePoll {
    steps: usize,
    took: Duration,
}

impl OnePoll {
    /// Whether the budget was what ended it: the units, or on a slow or busy machine the time.
    fn spent_all(&self) -> bool {
        self.steps == 128 || (self.steps < 128 && self.took >= LIMIT)
    }
}

/// What a task does in its first poll. `step` is always ready.
async fn one_poll(mut step: impl AsyncFnMut()) -> OnePoll {
    let mut steps = 0;
    let began = Instant::now();
    {
        let mut all = pin!(async {
            loop {
                step().await;
                steps += 1;
            }
        });
        poll_fn(|cx| {
            assert!(all.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    OnePoll { steps, took: began.elapsed() }
}

#[test]
fn whatever_they_are() {
    on_each(|runtime| {
        runtime.block_on(LocalSet::new().run_until(async {
            macro_rules! of {
                ($name:literal, $set_up:expr, |$state:ident| $step:expr) => {
                    let poll = task::spawn_local(async {
                        #[allow(unused_mut, reason = "some operations need it")]
                        let mut $state = $set_up;
                        one_poll(async || {
                            let _ = $step;
                        })
                        .await
                    });
                    let poll = poll.await.unwrap();
                    assert!(poll.spent_all(), "{}: {poll:?}", $name);
                };
            }
            of!("budget", (), |_it| consume_budget().await);
            of!("mpsc", full_channel(), |it| it.1.recv().await);
            of!("mpsc, many", full_channel(), |it| it.1.recv_many(&mut Vec::new(), 1).await);
            of!("mpsc, send", mpsc::channel::<u8>(1000), |it| it.0.send(1).await);
            of!("unbounded", full_unbounded(), |it| it.1.recv().await);
            of!("broadcast", full_broadcast(), |it| it.1.recv().await);
            of!("semaphore", Semaphore::new(1), |it| it.acquire().await);
            of!("mutex", Mutex::new(1), |it| it.lock().await);
            of!("rwlock", RwLock::new(1), |it| it.read().await);
            of!("duplex", duplex(1000), |it| it.0.write(b"x").await);
            of!("yield of the past", time::Instant::now(), |it| time::sleep_until(it).await);
        }));
    });
}

fn full_channel() -> (mpsc::Sender<usize>, mpsc::Receiver<usize>) {
    let (sender, receiver) = mpsc::channel(1000);
    (0..1000).for_each(|n| sender.try_send(n).unwrap());
    (sender, receiver)
}

fn full_unbounded() -> (mpsc::UnboundedSender<usize>, mpsc::UnboundedReceiver<usize>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (0..1000).for_each(|n| sender.send(n).unwrap());
    (sender, receiver)
}

fn full_broadcast() -> (broadcast::Sender<usize>, broadcast::Receiver<usize>) {
    let (sender, receiver) = broadcast::channel(1024);
    for n in 0..1000 {
        sender.send(n).unwrap();
    }
    (sender, receiver)
}

#[test]
fn what_has_to_wait_costs_nothing() {
    on_each(|runtime| {
        let poll = runtime.block_on(runtime.spawn(async {
            let (_sender, mut receiver) = mpsc::channel::<u8>(1);
            let (notify, (_keep, mut watched)) = (Notify::new(), watch::channel(1));
            let (_open, mut oneshot) = oneshot::channel::<u8>();
            for _ in 0..1000 {
                assert!(poll(pin!(receiver.recv())).is_pending());
                assert!(poll(pin!(notify.notified())).is_pending());
                assert!(poll(pin!(watched.changed())).is_pending());
                assert!(poll(pin!(&mut oneshot)).is_pending());
                assert!(poll(pin!(time::sleep(time::Duration::MAX))).is_pending());
            }
            one_poll(async || consume_budget().await).await
        }));
        let poll = poll.unwrap();
        assert!(poll.spent_all(), "{poll:?}");
    });
}

#[test]
fn each_poll_begins_with_all_of_it() {
    on_each(|runtime| {
        runtime
            .block_on(runtime.spawn(async {
                for _ in 0..3 {
                    let mut steps = 0;
                    let began = Instant::now();
                    while has_budget_remaining() {
                        consume_budget().await;
                        steps += 1;
                    }
                    let poll = OnePoll { steps, took: began.elapsed() };
                    assert!(poll.spent_all(), "{poll:?}");
                    task::yield_now().await;
                }
            }))
            .unwrap();
    });
}

#[test]
fn outside_a_task_there_is_no_limit() {
    for _ in 0..1000 {
        assert!(has_budget_remaining());
        futures::executor::block_on(consume_budget());
    }
}

#[test]
fn unconstrained_work_is_not_counted_nor_held_back() {
    on_each(|runtime| {
        runtime
            .block_on(runtime.spawn(async {
                let (_sender, mut receiver) = full_channel();
                let mut all = pin!(unconstrained(async {
                    for n in 0..1000 {
                        assert_eq!(receiver.recv().await, Some(n));
                    }
                }));
                assert!(poll(all.as_mut()).is_ready());
                let first = one_poll(async || consume_budget().await).await;
                assert!(first.spent_all(), "{first:?}");
                // Also when nothing is left.
                assert!(!has_budget_remaining());
                let mut again = pin!(unconstrained(consume_budget()));
                assert!(poll(again.as_mut()).is_ready());
                assert!(!has_budget_remaining());
            }))
            .unwrap();
    });
}

#[test]
fn futures_of_others_can_take_part() {
    on_each(|runtime| {
        runtime
            .block_on(runtime.spawn(async {
                let step = async || cooperative(std::future::ready(())).await;
                let poll = one_poll(step).await;
                assert!(poll.spent_all(), "{poll:?}");
            }))
            .unwrap();
        runtime
            .block_on(runtime.spawn(async {
                // One that must wait gives its unit back, and one that is not asked to keep it,
                // too.
                for _ in 0..1000 {
                    assert!(poll(pin!(cooperative(std::future::pending::<()>()))).is_pending());
                    assert!(poll_proceed(&mut Context::from_waker(Waker::noop())).is_ready());
                }
                let step = async || {
                    poll_fn(|cx| {
                        ready!(poll_proceed(cx)).made_progress();
                        Poll::Ready(())
                    })
                    .await;
                };
                let poll = one_poll(step).await;
                assert!(poll.spent_all(), "{poll:?}");
            }))
            .unwrap();
    });
}

/// A reader that always has something, and a timer beside it on the same task.
#[test]
fn a_timeout_is_heard_beside_a_stream_that_never_waits() {
    on_each(|runtime| {
        let busy = || async {
            let limit = time::Duration::from_millis(10);
            let endless = async {
                let mut reader = runtime::io::repeat(7);
                loop {
                    reader.read_u8().await.unwrap();
                }
            };
            assert!(time::timeout(limit, endless).await.is_err());
            let (mut near, mut far) = duplex(64);
            let endless = async {
                loop {
                    near.write_all(b"ping").await.unwrap();
                    far.read_exact(&mut [0; 4]).await.unwrap();
                }
            };
            assert!(time::timeout(limit, endless).await.is_err());
        };
        runtime.block_on(busy());
        runtime.block_on(runtime.spawn(busy())).unwrap();
    });
}

/// What a task does in its first poll that reads ready messages, each followed by 5 microseconds of
/// work.
async fn poll_with_work() -> OnePoll {
    let (_sender, mut receiver) = full_channel();
    let (mut steps, began) = (0, Instant::now());
    poll_fn(|cx| {
        while receiver.poll_recv(cx).is_ready() {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(5) {}
            steps += 1;
        }
        Poll::Ready(OnePoll { steps, took: began.elapsed() })
    })
    .await
}

#[test]
fn a_poll_gives_way_after_some_tens_of_microseconds_of_ready_leaves() {
    on_each(|runtime| {
        // How long a tick of the processor's counter is, is known a millisecond after its first
        // use.
        runtime.block_on(runtime.spawn(poll_with_work())).unwrap();
        std::thread::sleep(Duration::from_millis(2));
        for _ in 0..100 {
            let task = runtime.block_on(runtime.spawn(poll_with_work())).unwrap();
            let root = runtime.block_on(poll_with_work());
            for poll in [task, root] {
                assert!(poll.steps > 1 && poll.steps <= 32 && poll.took >= LIMIT, "{poll:?}");
            }
        }
    });
}
