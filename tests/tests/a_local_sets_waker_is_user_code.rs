//! Whoever polls a `LocalSet` chooses its waker, and that is called when a task of the set is
//! woken: user code, which may block. It is called where it holds up nobody.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime::task::{LocalSet, Scope};
use runtime::time::{Instant, sleep, sleep_until};
use runtime::{Builder, Runtime};
use tests::{Gate, current_thread, eventually, within, workers};

/// Blocks whoever calls it, until the gate opens, and notes on which thread that is.
struct Blocking {
    gate: Gate,
    thread: Mutex<Option<String>>,
}

impl Blocking {
    fn new() -> Arc<Blocking> {
        Arc::new(Blocking { gate: Gate::default(), thread: Mutex::default() })
    }

    fn thread(&self) -> String {
        self.thread.lock().unwrap().clone().unwrap_or_default()
    }
}

impl Wake for Blocking {
    fn wake(self: Arc<Self>) {
        *self.thread.lock().unwrap() = thread::current().name().map(str::to_owned);
        self.gate.block();
    }
}

/// A set whose task sleeps until `deadline` on the timers of `runtime`, polled once with that
/// waker.
fn sleeping_set(runtime: &Runtime, waker: &Arc<Blocking>, deadline: Instant) -> LocalSet {
    let mut set = LocalSet::new();
    let _entered = runtime.enter();
    set.spawn_local(async move { sleep_until(deadline).await });
    assert!(
        pin!(&mut set).poll(&mut Context::from_waker(&Waker::from(waker.clone()))).is_pending()
    );
    set
}

/// Blocks the one worker of a runtime without spares, so that the monitor alone sees to its timers.
fn stalled() -> (Runtime, Gate) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .spare_workers(0)
        .stall_report(Duration::MAX)
        .enable_all()
        .build()
        .unwrap();
    let gate = Gate::default();
    let block = gate.clone();
    drop(runtime.spawn(async move { block.block() }));
    gate.wait_for(1);
    (runtime, gate)
}

#[test]
fn it_does_not_stop_the_monitor() {
    within(|| {
        let (runtime, gate) = stalled();
        let waker = Blocking::new();
        let set = sleeping_set(&runtime, &waker, Instant::now() + Duration::from_millis(10));
        waker.gate.wait_for(1);

        // Tasks of another runtime, with timers of this one: only its monitor can wake them.
        let ticks = current_thread();
        let handle = runtime.handle().clone();
        let plain = ticks.block_on(ticks.spawn(async move {
            for _ in 0..20 {
                let tick = {
                    let _entered = handle.enter();
                    sleep(Duration::from_millis(2))
                };
                tick.await;
            }
        }));
        plain.unwrap();

        assert_ne!(waker.thread(), "runtime-monitor");
        assert!(!waker.gate.is_open(), "it has blocked all the while");
        waker.gate.open();
        gate.open();
        drop(set);
    });
}

#[test]
fn tasks_of_scopes_are_woken_meanwhile_too() {
    within(|| {
        let (runtime, gate) = stalled();
        let waker = Blocking::new();
        let set = sleeping_set(&runtime, &waker, Instant::now() + Duration::from_millis(10));
        waker.gate.wait_for(1);

        let ticks = current_thread();
        let handle = runtime.handle().clone();
        ticks.block_on(async {
            let scope = Scope::new();
            scope.spawn(async move {
                for _ in 0..20 {
                    let tick = {
                        let _entered = handle.enter();
                        sleep(Duration::from_millis(2))
                    };
                    tick.await;
                }
            });
            scope.close().await.unwrap();
        });

        waker.gate.open();
        gate.open();
        drop(set);
    });
}

#[test]
fn a_worker_that_wakes_a_pinned_task_wakes_its_thread() {
    within(|| {
        let runtime = workers(1);
        runtime.block_on(async {
            let ticks = runtime::task::spawn_pinned(|| async {
                for _ in 0..20 {
                    sleep(Duration::from_millis(1)).await;
                }
            });
            ticks.await.unwrap();
        });
    });
}

#[test]
fn the_monitor_wakes_pinned_tasks() {
    within(|| {
        let (runtime, gate) = stalled();
        let _entered = runtime.enter();
        let ticks = runtime::task::spawn_pinned(|| async {
            for _ in 0..20 {
                sleep(Duration::from_millis(1)).await;
            }
        });
        eventually("it has ticked", || ticks.is_finished());
        gate.open();
    });
}

#[test]
fn its_tasks_are_woken_all_the_same() {
    within(|| {
        let runtime = workers(2);
        let waker = Blocking::new();
        waker.gate.open();
        let mut set = sleeping_set(&runtime, &waker, Instant::now() + Duration::from_millis(5));
        waker.gate.wait_for(1);
        let polled = pin!(&mut set).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(()));
    });
}
