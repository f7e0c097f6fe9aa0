//! User code that runs on a worker between polls (hooks, wakers that are not tasks') may block like
//! a task, and holds up as few others: what is to be woken lies where others can take it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime::Builder;
use tests::{Gate, within, workers};

/// Has 100 timers fire in as many tasks.
async fn timers() {
    let sleeps: Vec<_> = (0..100)
        .map(|n| runtime::spawn(runtime::time::sleep(Duration::from_millis(20 + n % 10))))
        .collect();
    for sleep in sleeps {
        sleep.await.unwrap();
    }
}

/// A hook that blocks once, on the thread that calls it first after it has been told to.
fn blocks_once(gate: &Gate, armed: &Arc<AtomicUsize>) -> impl Fn() + Send + Sync + 'static {
    let (gate, armed) = (gate.clone(), armed.clone());
    move || {
        let disarm = |armed: usize| (armed == 1).then_some(2);
        if armed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, disarm).is_ok() {
            gate.block();
        }
    }
}

#[test]
fn a_hook_after_a_sleep() {
    within(|| {
        let (gate, armed) = (Gate::default(), Arc::default());
        let runtime = Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .on_thread_unpark(blocks_once(&gate, &armed))
            .build()
            .unwrap();
        // Which worker comes to the timers first is chance, so there are several rounds.
        for _ in 0..5 {
            armed.store(1, Ordering::Relaxed);
            runtime.block_on(timers());
        }
        gate.open();
    });
}

#[test]
fn a_hook_at_the_start_of_a_spare() {
    within(|| {
        let (gate, armed) = (Gate::default(), Arc::default());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .on_thread_start(blocks_once(&gate, &armed))
            .build()
            .unwrap();
        runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
        armed.store(1, Ordering::Relaxed);
        let blunder = Gate::default();
        let blocks = {
            let blunder = blunder.clone();
            runtime.spawn(async move { blunder.block() })
        };
        // The worker is blocked, and the spare that comes for it in its hook.
        gate.wait_for(1);
        blunder.wait_for(1);
        runtime.block_on(timers());
        gate.open();
        blunder.open();
        runtime.block_on(blocks).unwrap();
    });
}

/// A waker that blocks its thread.
struct Blocks(Gate);

impl Wake for Blocks {
    fn wake(self: Arc<Blocks>) {
        self.0.block();
    }
}

#[test]
fn a_waker_that_blocks_holds_up_no_task() {
    within(|| {
        let runtime = workers(4);
        let gate = Gate::default();
        let at = runtime::time::Instant::now() + Duration::from_millis(50);
        let _entered = runtime.enter();
        let mut own = Box::pin(runtime::time::sleep_until(at));
        let waker = Waker::from(Arc::new(Blocks(gate.clone())));
        assert!(own.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        // They are due at the same moment, and are woken in one go with it.
        let others: Vec<_> = (0..50)
            .map(|_| {
                let handle = runtime.handle().clone();
                thread::spawn(move || {
                    handle.block_on(async move { runtime::time::sleep_until(at).await })
                })
            })
            .collect();
        others.into_iter().for_each(|other| other.join().unwrap());
        gate.open();
    });
}
