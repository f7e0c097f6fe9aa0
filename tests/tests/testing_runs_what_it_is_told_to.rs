//! A `TestExecutor` runs what the test tells it to, in one line, and nothing else.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use runtime::runtime::RngSeed;
use runtime::sync::{Mutex, Notify, mpsc, oneshot};
use runtime::task::{LocalSet, spawn_local, yield_now};
use runtime::testing::TestExecutor;
use runtime::time::{Duration, sleep};
use tests::within;

#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<&'static str>>>);

impl Log {
    fn say(&self, what: &'static str) {
        self.0.borrow_mut().push(what);
    }

    fn take(&self) -> Vec<&'static str> {
        self.0.take()
    }
}

#[test]
fn nothing_runs_until_the_test_calls_for_it() {
    let mut exec = TestExecutor::new();
    let ran = Rc::new(Cell::new(false));
    let task = spawn_local({
        let ran = Rc::clone(&ran);
        async move { ran.set(true) }
    });
    exec.advance(Duration::from_secs(1));
    let mut main = pin!(async {});
    assert!(exec.poll_once(&mut main).is_ready());
    assert!(!ran.get() && !task.is_finished());
    assert_eq!(exec.ready_tasks(), 1);
    assert_eq!(exec.run_tasks_until_stalled(), 1);
    assert!(ran.get() && task.is_finished());
}

#[test]
fn tasks_run_in_the_order_in_which_they_became_ready() {
    let mut exec = TestExecutor::new();
    let order = Rc::new(RefCell::new(Vec::new()));
    let gates: Vec<_> = (0..200).map(|_| Arc::new(Notify::new())).collect();
    for (n, gate) in gates.iter().cloned().enumerate() {
        let order = Rc::clone(&order);
        exec.spawn_local(async move {
            order.borrow_mut().push(n);
            gate.notified().await;
            order.borrow_mut().push(n);
        });
    }
    assert_eq!(exec.run_tasks_until_stalled(), 200);
    assert_eq!(order.take(), (0..200).collect::<Vec<_>>());
    // From the test's body, in another order.
    let wanted: Vec<_> = (0..200).map(|n| n * 77 % 200).collect();
    wanted.iter().for_each(|&n| gates[n].notify_one());
    assert_eq!(exec.run_tasks_until_stalled(), 200);
    assert_eq!(order.take(), wanted);
}

/// What a task wakes comes behind what the test had made ready before, however many those are.
#[test]
fn a_task_woken_by_a_task_runs_after_those_that_were_ready() {
    let mut exec = TestExecutor::new();
    let order = Rc::new(RefCell::new(Vec::new()));
    for n in 0..100 {
        let order = Rc::clone(&order);
        exec.spawn_local(async move {
            order.borrow_mut().push(n);
            let child = Rc::clone(&order);
            spawn_local(async move { child.borrow_mut().push(100 + n) });
        });
    }
    assert_eq!(exec.run_tasks_until_stalled(), 200);
    assert_eq!(order.take(), (0..200).collect::<Vec<_>>());
}

#[test]
fn a_task_that_was_ready_before_a_wake_from_the_test_stays_ahead() {
    let mut exec = TestExecutor::new();
    let log = Log::default();
    let gate = Arc::new(Notify::new());
    let spawn = |name: &'static str, gate: Option<Arc<Notify>>| {
        let log = log.clone();
        spawn_local(async move {
            if let Some(gate) = gate {
                gate.notified().await;
            } else {
                yield_now().await;
            }
            log.say(name);
        });
    };
    spawn("gated", Some(Arc::clone(&gate)));
    spawn("yields", None);
    assert!(exec.run_one_task() && exec.run_one_task());
    // "yields" is queued by its own poll, "gated" from here.
    gate.notify_one();
    exec.run_tasks_until_stalled();
    assert_eq!(log.take(), ["yields", "gated"]);
}

#[test]
fn the_main_future_has_its_place_among_the_tasks() {
    let mut exec = TestExecutor::new();
    let log = Log::default();
    let (send, receive) = oneshot::channel();
    let tasks = |name: &'static str, then: Option<oneshot::Sender<()>>| {
        let log = log.clone();
        spawn_local(async move {
            log.say(name);
            if let Some(sender) = then {
                sender.send(()).unwrap();
                let log = log.clone();
                spawn_local(async move { log.say("after it") });
            }
        });
    };
    tasks("first", None);
    tasks("wakes main", Some(send));
    tasks("was ready", None);
    let mut main = pin!({
        let log = log.clone();
        async move {
            log.say("main");
            receive.await.unwrap();
            log.say("main again");
            yield_now().await;
            log.say("main last");
        }
    });
    assert!(exec.run_until_stalled(&mut main).is_ready());
    let expected =
        ["main", "first", "wakes main", "was ready", "main again", "after it", "main last"];
    assert_eq!(log.take(), expected);
}

#[test]
fn a_main_future_that_only_yields_keeps_nobody_from_running() {
    within(|| {
        let mut exec = TestExecutor::new();
        let task = runtime::spawn(async {
            for _ in 0..1000 {
                yield_now().await;
            }
        });
        let mut main = pin!(async {
            while !task.is_finished() {
                yield_now().await;
            }
        });
        assert!(exec.run_until_stalled(&mut main).is_ready());
    });
}

#[test]
fn tasks_that_wake_each_other_run_until_both_wait() {
    within(|| {
        let mut exec = TestExecutor::new();
        let (to_pong, mut pings) = mpsc::channel(1);
        let (to_ping, mut pongs) = mpsc::channel(1);
        runtime::spawn(async move {
            while let Some(n) = pings.recv().await {
                to_ping.send(n).await.unwrap();
            }
        });
        let mut main = pin!(async {
            for n in 0..1000 {
                to_pong.send(n).await.unwrap();
                assert_eq!(pongs.recv().await, Some(n));
            }
            pending::<()>().await;
        });
        assert!(exec.run_until_stalled(&mut main).is_pending());
        assert_eq!((exec.ready_tasks(), exec.wakes()), (0, 0));
    });
}

#[test]
fn a_step_is_one_poll_and_who_yields_is_last() {
    let mut exec = TestExecutor::new();
    let polls = Rc::new(RefCell::new(Vec::new()));
    for task in 0..3 {
        let polls = Rc::clone(&polls);
        spawn_local(async move {
            for _ in 0..2 {
                polls.borrow_mut().push(task);
                yield_now().await;
            }
            polls.borrow_mut().push(task);
        });
    }
    for done in 1..=9 {
        assert!(exec.run_one_task());
        assert_eq!(polls.borrow().len(), done);
    }
    assert!(!exec.run_one_task());
    assert_eq!(polls.take(), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_future_that_is_done_leaves_the_ready_tasks_where_they_are() {
    let mut exec = TestExecutor::new();
    let task = runtime::spawn(async {});
    assert_eq!(exec.run_until_stalled(&mut std::future::ready(7)), Poll::Ready(7));
    assert!(!task.is_finished());
    assert_eq!(exec.ready_tasks(), 1);
}

#[test]
fn wakes_are_counted_since_the_last_poll() {
    let mut exec = TestExecutor::new();
    let gate = Arc::new(Notify::new());
    let mut wakers = Vec::new();
    let mut main = poll_fn(|cx| {
        wakers.push(cx.waker().clone());
        Poll::<()>::Pending
    });
    assert!(exec.poll_once(&mut main).is_pending());
    assert_eq!(exec.wakes(), 0);
    assert!(exec.poll_once(&mut main).is_pending());
    drop(main);
    wakers.iter().for_each(|waker| waker.wake_by_ref());
    wakers.pop().unwrap().wake();
    assert_eq!(exec.wakes(), 3);
    let mut other = pin!(gate.notified());
    assert!(exec.poll_once(&mut other).is_pending());
    assert_eq!(exec.wakes(), 0);
    // From another thread as well.
    std::thread::spawn(move || wakers.pop().unwrap().wake()).join().unwrap();
    assert_eq!(exec.wakes(), 1);
    assert!(exec.is_woken());
}

#[test]
fn a_lost_wake_shows() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    // Ready from the second poll on, and nobody to wake it.
    let faulty =
        || {
            let mut polled = false;
            poll_fn(move |_| {
                if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
            })
        };
    let mut by_hand = faulty();
    assert!(exec.run_until_stalled(&mut by_hand).is_pending());
    assert_eq!(exec.wakes(), 0);
    // Others run and sleep meanwhile: it is not polled for their sake.
    runtime::spawn(sleep(Duration::from_secs(1)));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| exec.run(faulty())));
    assert!(outcome.is_err());
    assert_eq!(exec.now() - start, Duration::from_secs(1));
}

#[test]
fn an_aborted_task_is_dropped_at_its_turn() {
    struct Tells(Rc<Cell<bool>>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let mut exec = TestExecutor::new();
    let dropped = Rc::new(Cell::new(false));
    let mut task = spawn_local({
        let tells = Tells(Rc::clone(&dropped));
        async move {
            let _tells = tells;
            pending::<()>().await;
        }
    });
    assert!(exec.run_until_stalled(&mut task).is_pending());
    task.abort();
    assert!(!dropped.get(), "nothing runs in between");
    let Poll::Ready(Err(error)) = exec.run_until_stalled(&mut task) else {
        panic!("the handle is ready")
    };
    assert!(error.is_cancelled() && dropped.get());
}

#[test]
fn a_panic_of_a_task_goes_to_its_handle() {
    let mut exec = TestExecutor::new();
    let mut task = runtime::spawn(async { panic!("in the task") });
    let Poll::Ready(Err::<(), _>(error)) = exec.run_until_stalled(&mut task) else {
        panic!("the handle is ready")
    };
    assert_eq!(error.into_panic().downcast_ref(), Some(&"in the task"));
}

#[test]
fn a_panic_of_the_main_future_goes_to_the_test_and_leaves_the_executor_whole() {
    let mut exec = TestExecutor::new();
    let task = runtime::spawn(async { 5 });
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        exec.run(async { panic!("in the main future") })
    }));
    assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"in the main future"));
    assert_eq!(exec.run(task).unwrap(), 5);
}

#[test]
fn dropping_the_executor_drops_the_tasks_inside_of_it() {
    struct Inside(Rc<Cell<u32>>);
    impl Drop for Inside {
        fn drop(&mut self) {
            assert!(runtime::Handle::try_current().is_ok());
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let mut exec = TestExecutor::new();
    for after in [Duration::ZERO, Duration::from_secs(1)] {
        let inside = Inside(Rc::clone(&dropped));
        spawn_local(async move {
            let _inside = inside;
            sleep(after).await;
            pending::<()>().await;
        });
        exec.run_one_task();
    }
    let inside = Inside(Rc::clone(&dropped));
    spawn_local(async move { drop(inside) });
    assert_eq!(dropped.get(), 0);
    drop(exec);
    assert_eq!(dropped.get(), 3);
    assert!(runtime::Handle::try_current().is_err());
    // And there may be another.
    assert_eq!(TestExecutor::new().run(async { 1 }), 1);
}

#[test]
fn a_local_set_runs_inside() {
    let mut exec = TestExecutor::new();
    let set = LocalSet::new();
    let log = Log::default();
    for name in ["a", "b"] {
        let log = log.clone();
        set.spawn_local(async move {
            sleep(Duration::from_secs(1)).await;
            log.say(name);
        });
    }
    let mut set = pin!(set);
    assert!(exec.run_until_stalled(&mut set).is_pending());
    exec.advance_to_next_timer();
    assert!(exec.run_until_stalled(&mut set).is_ready());
    assert_eq!(log.take(), ["a", "b"]);
}

#[test]
fn locks_are_handed_on_in_their_order() {
    let mut exec = TestExecutor::new();
    let lock = Arc::new(Mutex::new(Vec::new()));
    let held = lock.try_lock().unwrap();
    for n in 0..5 {
        let lock = Arc::clone(&lock);
        runtime::spawn(async move { lock.lock().await.push(n) });
    }
    assert_eq!(exec.run_tasks_until_stalled(), 5);
    drop(held);
    exec.run_tasks_until_stalled();
    assert_eq!(*lock.try_lock().unwrap(), [0, 1, 2, 3, 4]);
}

/// What `select!` chooses, and who runs when, depends on the seed alone.
#[test]
fn the_same_seed_gives_the_same_run() {
    fn run(seed: u64) -> Vec<u32> {
        let mut exec = TestExecutor::with_seed(RngSeed::from_bytes(&seed.to_le_bytes()));
        let (sender, mut results) = mpsc::unbounded_channel();
        for task in 0..20 {
            let sender = sender.clone();
            runtime::spawn(async move {
                for _ in 0..5 {
                    let branch = runtime::select! {
                        _ = async {} => 0,
                        _ = async {} => 1,
                        _ = async {} => 2,
                    };
                    sender.send(task * 3 + branch).unwrap();
                    yield_now().await;
                }
            });
        }
        exec.run_tasks_until_stalled();
        std::iter::from_fn(|| results.try_recv().ok()).collect()
    }
    assert_eq!(run(1).len(), 100);
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn values_from_another_thread_are_there_at_the_next_call() {
    let mut exec = TestExecutor::new();
    let (sender, mut receiver) = mpsc::channel(10);
    let mut task = runtime::spawn(async move { receiver.recv().await });
    assert!(exec.run_until_stalled(&mut task).is_pending());
    std::thread::spawn(move || sender.try_send(1).unwrap()).join().unwrap();
    assert!(matches!(exec.run_until_stalled(&mut task), Poll::Ready(Ok(Some(1)))));
}

#[test]
fn a_blocking_job_is_waited_for_by_run_and_moves_no_time() {
    within(|| {
        let mut exec = TestExecutor::new();
        let start = exec.now();
        let (go, gone) = std::sync::mpsc::channel();
        let outcome = exec.run(async {
            let job = runtime::spawn_blocking(move || gone.recv().unwrap());
            runtime::spawn(sleep(Duration::from_secs(9)));
            go.send(3).unwrap();
            job.await.unwrap()
        });
        assert_eq!(outcome, 3);
        assert_eq!(exec.now(), start);
    });
}

/// A job that nobody waits for wakes nobody at its end; the wait for it ends all the same.
#[test]
fn the_end_of_a_job_that_nobody_awaits_lets_run_go_on() {
    within(|| {
        let mut exec = TestExecutor::new();
        for _ in 0..200 {
            let start = exec.now();
            exec.run(async {
                drop(runtime::spawn_blocking(std::thread::yield_now));
                sleep(Duration::from_secs(1)).await;
            });
            assert_eq!(exec.now() - start, Duration::from_secs(1));
        }
    });
}

#[test]
fn bytes_go_through_a_duplex_without_the_system() {
    use runtime::io::{AsyncReadExt, AsyncWriteExt, duplex};
    let mut exec = TestExecutor::new();
    let (mut near, mut far) = duplex(4);
    runtime::spawn(async move { far.write_all(b"more than fits").await.unwrap() });
    let mut text = String::new();
    let mut reading = Box::pin(near.read_to_string(&mut text));
    assert!(matches!(exec.run_until_stalled(&mut reading), Poll::Ready(Ok(14))));
    drop(reading);
    assert_eq!(text, "more than fits");
}

#[test]
fn run_waits_for_a_socket_whose_peer_is_a_thread() {
    within(|| {
        use runtime::io::AsyncReadExt;
        use std::io::Write;
        let mut exec = TestExecutor::new();
        let text = exec.run(async {
            let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let peer = std::thread::spawn(move || {
                std::net::TcpStream::connect(address).unwrap().write_all(b"hello").unwrap();
            });
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            peer.join().unwrap();
            text
        });
        assert_eq!(text, "hello");
    });
}
