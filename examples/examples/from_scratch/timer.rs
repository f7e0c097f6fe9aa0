//! A timer whose clock is a thread that sleeps: the smallest future that really waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// The future, and with it one of two owners of the shared state. The other is the thread.
pub(crate) struct ThreadTimer {
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    fired: bool,
    waker: Option<Waker>,
}

impl ThreadTimer {
    pub(crate) fn new(after: Duration) -> ThreadTimer {
        let shared = Arc::new(Mutex::new(State::default()));
        let clock = shared.clone();
        thread::spawn(move || {
            thread::sleep(after);
            let waker = {
                let mut state = clock.lock().unwrap();
                state.fired = true;
                state.waker.take()
            };
            // Outside of the lock: a waker is somebody else's code.
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
        // At each poll anew: the future may have moved to another task since the last one, and
        // the old waker would wake the wrong task.
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

pub(crate) async fn on_the_runtime() {
    use std::time::Instant;

    use crate::future::ThirdTime;

    // The timer needs nothing but a waker, and the runtime's wakers work from any thread. The
    // runtime's own timers are cheaper: a million of them need no thread at all.
    let start = Instant::now();
    ThreadTimer::new(Duration::from_millis(20)).await;
    runtime::time::sleep(Duration::from_millis(20)).await;
    assert!(start.elapsed() >= Duration::from_millis(40));

    // A spawned task hands back a result.
    let handle = runtime::spawn(ThirdTime::new());
    assert_eq!(handle.await.unwrap(), "a charm");
    println!("a thread's timer and the runtime's own, {:?} together", start.elapsed());
}
