//! A future is a value that can be asked "done?". A waker is how somebody says "ask again".

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Done when it is asked for the third time.
pub(crate) struct ThirdTime {
    asked: usize,
}

impl ThirdTime {
    pub(crate) fn new() -> ThirdTime {
        ThirdTime { asked: 0 }
    }
}

impl Future for ThirdTime {
    type Output = &'static str;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.asked += 1;
        if self.asked == 3 {
            return Poll::Ready("a charm");
        }
        // Who returns `Pending` has to see to it that the waker is called when it is worth asking
        // again. Here it is worth it at once.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A waker is anything that threads can share and that can be told "wake". This one counts.
struct CountingWaker(AtomicUsize);

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn by_hand() {
    let wakes = Arc::new(CountingWaker(AtomicUsize::new(0)));
    let waker = Waker::from(wakes.clone());
    let mut cx = Context::from_waker(&waker);

    // Nothing happens until somebody asks. Here, we do.
    let mut future = pin!(ThirdTime::new());
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Pending);
    assert_eq!(future.as_mut().poll(&mut cx), Poll::Ready("a charm"));
    assert_eq!(wakes.0.load(Ordering::Relaxed), 2);
    println!("a future was asked three times and called its waker twice");
}
