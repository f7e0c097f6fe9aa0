//! `task_local!`: the value is there inside the scope, on any thread, and nowhere else.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures::executor::block_on;

runtime::task_local! {
    /// Two in one macro, with attributes and visibility.
    pub static NUMBER: u32;
    static NAME: String
}
runtime::task_local!(
    static COUNT: Cell<u32>;
);

/// Pending once, then ready.
fn later() -> impl Future<Output = ()> {
    let mut polled = false;
    poll_fn(move |cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
    })
}

#[test]
fn value_is_there_inside_the_scope_only() {
    assert!(NUMBER.try_get().is_err());
    block_on(NUMBER.scope(1, async {
        assert_eq!(NUMBER.get(), 1);
        later().await;
        assert_eq!(NUMBER.with(|n| n + 1), 2);
    }));
    assert!(NUMBER.try_with(|_| ()).is_err());
    let error = NAME.try_with(String::clone).unwrap_err();
    assert_eq!(error.to_string(), "task-local value not set");
}

#[test]
fn scopes_nest_and_interleave() {
    block_on(NUMBER.scope(1, async {
        let inner = NUMBER.scope(2, async {
            assert_eq!(NUMBER.get(), 2);
            later().await;
            assert_eq!(NUMBER.get(), 2);
        });
        runtime::join!(inner, async {
            assert_eq!(NUMBER.get(), 1);
            later().await;
            assert_eq!(NUMBER.get(), 1);
        });
        assert_eq!(NUMBER.sync_scope(3, || NUMBER.get()), 3);
        assert_eq!(NUMBER.get(), 1);
    }));
}

#[test]
fn value_follows_the_future_to_another_thread() {
    let mut future = Box::pin(NUMBER.scope(7, async {
        later().await;
        NUMBER.get()
    }));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_pending());
    assert!(NUMBER.try_get().is_err());
    assert_eq!(std::thread::spawn(move || block_on(future)).join().unwrap(), 7);
}

#[test]
#[should_panic(expected = "cannot access a task-local storage value without setting it first")]
fn get_outside_panics() {
    NUMBER.get();
}

#[test]
fn value_is_put_away_when_the_future_panics() {
    let mut future = pin!(NUMBER.scope(1, async { panic!("inside") }));
    let mut cx = Context::from_waker(Waker::noop());
    let caught = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)));
    assert!(caught.is_err());
    assert!(NUMBER.try_get().is_err());
    assert_eq!(future.take_value(), Some(1));
    let caught = catch_unwind(|| NUMBER.sync_scope(2, || panic!("inside")));
    assert!(caught.is_err());
    assert!(NUMBER.try_get().is_err());
}

#[test]
fn destructors_of_the_future_see_the_value() {
    struct Sees(Rc<RefCell<Vec<u32>>>);
    impl Drop for Sees {
        fn drop(&mut self) {
            self.0.borrow_mut().push(NUMBER.try_get().unwrap_or(0));
        }
    }
    let seen = Rc::new(RefCell::new(Vec::new()));
    // Never polled, dropped while pending, and run to the end.
    let sees = Sees(seen.clone());
    drop(NUMBER.scope(1, async move { drop(sees) }));
    let sees = Sees(seen.clone());
    {
        let mut pending = Box::pin(NUMBER.scope(2, async move {
            later().await;
            drop(sees);
        }));
        assert!(pending.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let sees = Sees(seen.clone());
    block_on(NUMBER.scope(3, async move {
        let _sees = sees;
    }));
    assert_eq!(*seen.borrow(), [1, 2, 3]);
}

#[test]
fn value_can_be_taken_back() {
    let mut future = pin!(COUNT.scope(Cell::new(0), async { COUNT.with(|n| n.set(5)) }));
    block_on(future.as_mut());
    assert_eq!(future.as_mut().take_value(), Some(Cell::new(5)));
    assert_eq!(future.as_mut().take_value(), None);

    let mut future = pin!(NUMBER.scope(1, async { NUMBER.try_get().is_err() }));
    assert_eq!(future.as_mut().take_value(), Some(1));
    assert!(block_on(future));
}

#[test]
#[should_panic(expected = "`TaskLocalFuture` polled after completion")]
fn polling_a_completed_future_panics() {
    let mut future = pin!(NUMBER.scope(1, ready(())));
    block_on(future.as_mut());
    block_on(future);
}

#[test]
#[should_panic(
    expected = "cannot enter a task-local scope while the task-local storage is borrowed"
)]
fn scope_inside_with_panics() {
    NUMBER.sync_scope(1, || NUMBER.with(|_| NUMBER.sync_scope(2, || ())));
}

#[test]
fn reading_inside_with_is_fine() {
    NUMBER.sync_scope(1, || NUMBER.with(|a| NUMBER.with(|b| assert_eq!(a, b))));
}

#[test]
fn debug_names_the_value() {
    let future = NUMBER.scope(5, ready(()));
    assert_eq!(format!("{future:?}"), "TaskLocalFuture { value: 5, .. }");
    assert_eq!(format!("{NUMBER:?}"), "LocalKey { .. }");
}
