//! Whatever outlives its runtime (a handle, a socket, a timer, a waker) gives an error when it is
//! used, or does nothing: it does not hang, and it does not bring the process down.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime::Handle;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream, UdpSocket};
use tests::{Census, CountingWaker, current_thread, forever, panic_of, within, workers};

fn handle_of_the_dead() -> [Handle; 2] {
    [workers(1), current_thread()].map(|runtime| runtime.handle().clone())
}

#[test]
fn spawning_gives_a_cancelled_task() {
    within(|| {
        for handle in handle_of_the_dead() {
            let census = Census::default();
            let task = handle.spawn(forever(census.clone()));
            assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
            assert_eq!(census.alive(), 0);
        }
    });
}

#[test]
fn a_blocking_job_is_cancelled() {
    within(|| {
        for handle in handle_of_the_dead() {
            let census = Census::default();
            let held = census.clone();
            let job = handle.spawn_blocking(move || drop(held));
            assert!(futures::executor::block_on(job).unwrap_err().is_cancelled());
            assert_eq!(census.alive(), 0);
        }
    });
}

#[test]
fn block_on_of_a_handle_runs_what_needs_no_runtime() {
    within(|| {
        for handle in handle_of_the_dead() {
            assert_eq!(handle.block_on(async { 2 }), 2);
            let task = handle.block_on(async { runtime::spawn(async {}).await });
            assert!(task.unwrap_err().is_cancelled());
        }
    });
}

#[test]
fn a_timer_says_that_its_runtime_is_gone() {
    within(|| {
        for handle in handle_of_the_dead() {
            let text = panic_of(|| {
                handle.block_on(async { runtime::time::sleep(Duration::from_millis(1)).await })
            });
            assert!(text.contains("shut") || text.contains("gone"), "{text}");
        }
    });
}

#[test]
fn new_sockets_are_refused() {
    within(|| {
        for handle in handle_of_the_dead() {
            let _context = handle.enter();
            let bind = |_| futures::executor::block_on(UdpSocket::bind("127.0.0.1:0"));
            assert!(bind(()).is_err());
        }
    });
}

#[test]
fn old_sockets_give_errors() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let (listener, mut near, far, udp) = runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let near = TcpStream::connect(listener.local_addr().unwrap());
                let (near, far) = runtime::join!(near, listener.accept());
                let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                (listener, near.unwrap(), far.unwrap().0, udp)
            });
            drop(runtime);
            futures::executor::block_on(async {
                assert!(listener.accept().await.is_err());
                assert!(near.readable().await.is_err());
                assert!(near.read(&mut [0; 8]).await.is_err());
                assert!(udp.recv(&mut [0; 8]).await.is_err());
                // A write may still find room in the socket's buffer; it must come back.
                let _ = near.write(b"x").await;
            });
            drop((listener, near, far, udp));
        }
    });
}

#[test]
fn a_task_that_waits_when_the_runtime_ends_gets_an_error() {
    within(|| {
        for runtime in [workers(2), current_thread()] {
            let count = Arc::new(CountingWaker::default());
            let waker = Waker::from(count.clone());
            let mut cx = Context::from_waker(&waker);
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
            let mut accept = Box::pin(listener.accept());
            assert!(accept.as_mut().poll(&mut cx).is_pending());
            drop(runtime);
            assert_eq!(count.count(), 1);
            match accept.as_mut().poll(&mut cx) {
                Poll::Ready(result) => assert!(result.is_err()),
                Poll::Pending => panic!("still waits"),
            }
        }
    });
}

#[test]
fn metrics_can_still_be_read() {
    within(|| {
        for handle in handle_of_the_dead() {
            let metrics = handle.metrics();
            assert_eq!(metrics.num_alive_tasks(), 0);
            assert!(metrics.num_workers() >= 1);
            let _ = format!("{handle:?} {metrics:?}");
        }
    });
}

#[test]
fn channels_and_locks_need_no_runtime() {
    within(|| {
        let (send, receive) = runtime::sync::oneshot::channel();
        let (sender, mut queue) = runtime::sync::mpsc::channel(4);
        let lock = Arc::new(runtime::sync::Mutex::new(0));
        let runtime = workers(1);
        let locked = lock.clone();
        runtime
            .block_on(runtime.spawn(async move {
                *locked.lock().await += 1;
                sender.send(1).await.unwrap();
                send.send(2).unwrap();
            }))
            .unwrap();
        drop(runtime);
        futures::executor::block_on(async {
            assert_eq!(receive.await, Ok(2));
            assert_eq!(queue.recv().await, Some(1));
            assert_eq!(queue.recv().await, None);
            assert_eq!(*lock.lock().await, 1);
        });
    });
}

#[test]
fn what_a_refused_future_drops_may_enter_the_runtime() {
    struct Enters(runtime::Handle, std::sync::Arc<std::sync::atomic::AtomicBool>);
    impl Drop for Enters {
        fn drop(&mut self) {
            let _context = self.0.enter();
            self.1.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }
    for runtime in [workers(1), current_thread()] {
        let handle = runtime.handle().clone();
        drop(runtime);
        let entered = std::sync::Arc::default();
        let enters = Enters(handle.clone(), std::sync::Arc::clone(&entered));
        let _context = handle.enter();
        let task = runtime::spawn(async move {
            let _enters = enters;
            std::future::pending::<()>().await;
        });
        assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        assert!(entered.load(std::sync::atomic::Ordering::Relaxed));
    }
}
