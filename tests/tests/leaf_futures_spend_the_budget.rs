//! Each poll of a task may make 128 steps of progress, with whatever: then it lets others run. A
//! step that had to wait costs nothing, and what is `unconstrained` is not counted.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

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

/// How many steps a task makes in its first poll. `step` is always ready.
async fn steps_of_one_poll(mut step: impl AsyncFnMut()) -> usize {
    let mut steps = 0;
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
    steps
}

#[test]
fn whatever_they_are() {
    on_each(|runtime| {
        runtime.block_on(LocalSet::new().run_until(async {
            macro_rules! of {
                ($name:literal, $set_up:expr, |$state:ident| $step:expr) => {
                    let steps = task::spawn_local(async {
                        #[allow(unused_mut, reason = "some operations need it")]
                        let mut $state = $set_up;
                        steps_of_one_poll(async || {
                            let _ = $step;
                        })
                        .await
                    });
                    assert_eq!(steps.await.unwrap(), 128, $name);
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
        let steps = runtime.block_on(runtime.spawn(async {
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
            steps_of_one_poll(async || consume_budget().await).await
        }));
        assert_eq!(steps.unwrap(), 128);
    });
}

#[test]
fn each_poll_begins_with_all_of_it() {
    on_each(|runtime| {
        runtime
            .block_on(runtime.spawn(async {
                for _ in 0..3 {
                    let mut steps = 0;
                    while has_budget_remaining() {
                        consume_budget().await;
                        steps += 1;
                    }
                    assert_eq!(steps, 128);
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
                assert_eq!(steps_of_one_poll(async || consume_budget().await).await, 128);
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
                assert_eq!(steps_of_one_poll(step).await, 128);
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
                assert_eq!(steps_of_one_poll(step).await, 128);
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
