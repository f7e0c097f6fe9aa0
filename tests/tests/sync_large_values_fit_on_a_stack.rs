//! A value of 100,000 bytes goes through every channel, lock and cell on a stack of 2 MiB, in an
//! unoptimized program, too: it is not copied from function to function on its way.
//!
//! A stack that overflows ends the process, so a failure is told by the last line before it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime::sync::{Mutex, OnceCell, RwLock, SetOnce, broadcast, mpsc, oneshot, watch};

type Large = [u8; 100_000];

/// Makes it without a second copy on the caller's stack.
#[inline(never)]
fn large() -> Large {
    [7; 100_000]
}

/// Calls `f` on a stack of 2 MiB.
fn on_a_stack(f: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(2 << 20).spawn(f).unwrap().join().unwrap();
}

/// Polls a future, which lies on the heap.
#[track_caller]
fn ready<T>(future: impl Future<Output = T>) -> T {
    match Box::pin(future).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// Each of them in a function of its own, whose stack is gone at its end.
macro_rules! each_on_a_stack {
    ($($name:ident $body:block)*) => {
        $(
            #[test]
            fn $name() {
                on_a_stack(|| $body);
            }
        )*
    };
}

#[inline(never)]
fn send(sender: &mpsc::Sender<Large>) {
    assert!(sender.try_send(large()).is_ok());
}

#[inline(never)]
fn is_whole(value: &Large) {
    assert!(value.iter().all(|byte| *byte == 7));
}

each_on_a_stack! {
    a_queue_is_made { drop(mpsc::channel::<Large>(3)) }
    a_queue_is_dropped_with_values_in_it {
        let (sender, receiver) = mpsc::channel(40);
        (0..40).for_each(|_| send(&sender));
        drop(receiver);
        drop(sender);
    }
    try_send { send(&mpsc::channel(1).0); }
    send_and_recv {
        let (sender, mut receiver) = mpsc::channel(1);
        assert!(ready(sender.send(large())).is_ok());
        is_whole(&ready(receiver.recv()).unwrap());
    }
    send_that_is_refused {
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        assert!(ready(sender.send(large())).is_err());
    }
    try_recv {
        let (sender, mut receiver) = mpsc::channel(1);
        send(&sender);
        is_whole(&receiver.try_recv().unwrap());
    }
    recv_many {
        let (sender, mut receiver) = mpsc::channel(40);
        (0..40).for_each(|_| send(&sender));
        let mut values = Vec::with_capacity(40);
        assert_eq!(ready(receiver.recv_many(&mut values, 50)), 40);
        values.iter().for_each(is_whole);
    }
    permits {
        let (sender, mut receiver) = mpsc::channel(2);
        sender.try_reserve().unwrap().send(large());
        drop(ready(sender.reserve_owned()).unwrap().send(large()));
        assert!(receiver.try_recv().is_ok());
        is_whole(&receiver.try_recv().unwrap());
    }
    blocking_send_and_recv {
        let (sender, mut receiver) = mpsc::channel(1);
        assert!(sender.blocking_send(large()).is_ok());
        is_whole(&receiver.blocking_recv().unwrap());
    }
    send_with_a_limit_of_time {
        let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (sender, mut receiver) = mpsc::channel(1);
        let _entered = runtime.enter();
        assert!(ready(sender.send_timeout(large(), Duration::from_secs(60))).is_ok());
        is_whole(&receiver.try_recv().unwrap());
    }
    a_queue_without_limit {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        assert!(sender.send(large()).is_ok());
        is_whole(&ready(receiver.recv()).unwrap());
        assert!(sender.send(large()).is_ok());
        is_whole(&receiver.try_recv().unwrap());
        drop(receiver);
        assert!(sender.send(large()).is_err());
    }
    broadcast_is_made { drop(broadcast::channel::<Large>(3)) }
    broadcast_recv {
        let (sender, mut receiver) = broadcast::channel(2);
        assert!(sender.send(large()).is_ok());
        is_whole(&ready(receiver.recv()).unwrap());
    }
    broadcast_try_recv {
        let (sender, mut receiver) = broadcast::channel(2);
        (0..3).for_each(|_| assert!(sender.send(large()).is_ok()));
        assert!(receiver.try_recv().is_err());
        is_whole(&receiver.try_recv().unwrap());
    }
    broadcast_blocking_recv {
        let (sender, mut receiver) = broadcast::channel(2);
        assert!(sender.send(large()).is_ok());
        is_whole(&receiver.blocking_recv().unwrap());
    }
    oneshot_send_and_receive {
        let (sender, mut receiver) = oneshot::channel();
        assert!(sender.send(large()).is_ok());
        is_whole(&ready(Pin::new(&mut receiver)).unwrap());
    }
    oneshot_blocking_recv {
        let (sender, receiver) = oneshot::channel();
        assert!(sender.send(large()).is_ok());
        is_whole(&receiver.blocking_recv().unwrap());
    }
    oneshot_try_recv {
        let (sender, mut receiver) = oneshot::channel();
        assert!(sender.send(large()).is_ok());
        is_whole(&receiver.try_recv().unwrap());
    }
    watch_is_made { is_whole(&watch::channel(large()).0.borrow()); }
    watch_send {
        let (sender, mut receiver) = watch::channel([0; 100_000]);
        assert!(sender.send(large()).is_ok());
        is_whole(&receiver.borrow_and_update());
    }
    watch_send_replace {
        let (sender, _receiver) = watch::channel([0; 100_000]);
        assert_eq!(sender.send_replace(large())[0], 0);
    }
    locks {
        is_whole(&Arc::new(Mutex::new(large())).try_lock().unwrap());
        is_whole(&Arc::new(RwLock::new(large())).try_read().unwrap());
    }
    once_cell_set {
        let cell = OnceCell::new();
        assert!(cell.set(large()).is_ok());
        is_whole(cell.get().unwrap());
    }
    once_cell_init { is_whole(ready(OnceCell::new().get_or_init(async || large()))); }
    set_once {
        let cell = SetOnce::new();
        assert!(cell.set(large()).is_ok());
        is_whole(cell.get().unwrap());
    }
}
