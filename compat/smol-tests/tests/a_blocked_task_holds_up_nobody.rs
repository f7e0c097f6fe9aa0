//! Tasks that block their threads, more than there are cores, keep nobody else from being served:
//! whichever of the crates has spawned them.

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use smol_ecosystem::{async_std_asks, async_std_serves, in_time, smol_asks, smol_serves};

/// What blocked tasks wait for. They block for 300 ms at least, and until the others are done.
#[derive(Clone, Default)]
struct Others(Arc<(Mutex<bool>, Condvar)>);

impl Others {
    fn block_until_done(&self) {
        thread::sleep(Duration::from_millis(300));
        let (done, changed) = &*self.0;
        let done = done.lock().unwrap();
        drop(changed.wait_while(done, |done| !*done).unwrap());
    }

    fn done(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

fn too_many() -> usize {
    2 * thread::available_parallelism().map_or(2, usize::from)
}

/// Blocks more tasks than there are workers, and then has others spawned, woken and served.
async fn with_blocked_tasks<F: Future>(spawn: impl Fn(Others, smol::channel::Sender<()>) -> F) {
    let others = Others::default();
    let (begins, begun) = smol::channel::unbounded();
    let blocked: Vec<F> = (0..too_many()).map(|_| spawn(others.clone(), begins.clone())).collect();
    for _ in 0..too_many() {
        begun.recv().await.unwrap();
    }

    let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = smol::spawn(smol_serves(listener));
    async_std::task::spawn(async_std_asks(address, 20)).await;
    server.await;
    let listener = async_std::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async_std::task::spawn(async_std_serves(listener));
    smol::spawn(smol_asks(address, 20)).await;
    server.await;
    for _ in 0..20 {
        smol::spawn(smol::Timer::after(Duration::from_millis(1))).await;
        async_std::task::spawn(async_std::task::sleep(Duration::from_millis(1))).await;
    }
    assert_eq!(smol::unblock(|| 1).await, 1);

    others.done();
    for task in blocked {
        task.await;
    }
}

#[test]
fn tasks_of_smol_that_block_hold_up_nobody() {
    in_time(|| {
        smol::block_on(with_blocked_tasks(|others, begins| {
            smol::spawn(async move {
                begins.send(()).await.unwrap();
                others.block_until_done();
            })
        }));
    });
}

#[test]
fn tasks_of_async_std_that_block_hold_up_nobody() {
    in_time(|| {
        async_std::task::block_on(with_blocked_tasks(|others, begins| {
            async_std::task::spawn(async move {
                begins.send(()).await.unwrap();
                others.block_until_done();
            })
        }));
    });
}
