//! `join!` and `try_join!`: all futures make progress, all outputs arrive, the first error ends it.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::task::{Context, Poll, Waker};

use futures::channel::oneshot;
use futures::executor::block_on;

#[test]
fn outputs_come_in_the_order_of_the_futures() {
    let outputs = block_on(async { runtime::join!(ready(1), async { "two" }, ready(3.0)) });
    assert_eq!(outputs, (1, "two", 3.0));
    assert_eq!(block_on(async { runtime::join!(ready(1)) }), (1,));
    assert_eq!(block_on(async { runtime::join!(ready(1), ready(2),) }), (1, 2));
    block_on(async { runtime::join!() });
}

#[test]
fn futures_wait_for_each_other_without_deadlock() {
    let (to_second, first) = oneshot::channel();
    let (to_first, second) = oneshot::channel();
    let outputs = block_on(async {
        runtime::join!(
            async move {
                let n: u32 = second.await.unwrap();
                to_second.send(n + 1).unwrap();
                n
            },
            async move {
                to_first.send(1).unwrap();
                first.await.unwrap()
            },
        )
    });
    assert_eq!(outputs, (1, 2));
}

/// A future that notes each poll under its name and is ready at the `last` one.
fn noted<'a>(log: &'a RefCell<Vec<u32>>, name: u32, last: usize) -> impl Future<Output = u32> + 'a {
    let mut polls = 0;
    poll_fn(move |cx| {
        log.borrow_mut().push(name);
        polls += 1;
        cx.waker().wake_by_ref();
        if polls == last { Poll::Ready(name) } else { Poll::Pending }
    })
}

#[test]
fn each_poll_begins_with_another_future() {
    let log = RefCell::new(Vec::new());
    block_on(async { runtime::join!(noted(&log, 0, 4), noted(&log, 1, 4), noted(&log, 2, 4)) });
    assert_eq!(*log.borrow(), [0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2]);
}

#[test]
fn biased_polls_in_the_order_written() {
    let log = RefCell::new(Vec::new());
    block_on(async { runtime::join!(biased; noted(&log, 0, 2), noted(&log, 1, 2)) });
    assert_eq!(*log.borrow(), [0, 1, 0, 1]);
    let log = RefCell::new(Vec::new());
    let result = block_on(async {
        runtime::try_join!(
            biased;
            async { Ok::<_, ()>(noted(&log, 0, 3).await) },
            async { Ok(noted(&log, 1, 2).await) },
        )
    });
    assert_eq!(result, Ok((0, 1)));
    assert_eq!(*log.borrow(), [0, 1, 0, 1, 0]);
}

#[test]
fn finished_future_is_dropped_at_once_and_not_polled_again() {
    struct Flag<'a>(&'a Cell<bool>);
    impl Drop for Flag<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Cell::new(false);
    let flag = Flag(&dropped);
    let (send, receive) = oneshot::channel();
    let both = async {
        runtime::join!(
            async {
                let _flag = flag;
            },
            receive,
        )
    };
    runtime::pin!(both);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(both.as_mut().poll(&mut cx).is_pending());
    assert!(dropped.get());
    send.send(5).unwrap();
    assert!(both.as_mut().poll(&mut cx).is_ready());
}

/// A future of one more must cost what it is and what it returns, and no reference of its own.
#[test]
fn room_grows_by_the_futures_alone() {
    macro_rules! room {
        ($($n:literal)*) => {
            (
                size_of_val(&async { runtime::join!($(ready([$n; 8])),*) }),
                size_of_val(&async { runtime::try_join!($(ready(Ok::<_, ()>([$n; 8]))),*) }),
            )
        };
    }
    let (two, four) = (room!(0_u64 1_u64), room!(0_u64 1_u64 2_u64 3_u64));
    // Beside each: whether it is done.
    let each = size_of_val(&ready([0_u64; 8])) + size_of::<u64>();
    assert_eq!(four.0 - two.0, 2 * each);
    let each = size_of_val(&ready(Ok::<_, ()>([0_u64; 8]))) + size_of::<u64>();
    assert_eq!(four.1 - two.1, 2 * each);
    // Beside all: a reference, who is first, the state of the future around it.
    assert!(two.1 <= 2 * each + 3 * size_of::<u64>());
}

#[test]
fn futures_are_dropped_in_the_order_written() {
    struct Note<'a>(&'a RefCell<Vec<u32>>, u32);
    impl Drop for Note<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(self.1);
        }
    }
    let log = RefCell::new(Vec::new());
    let waits = |n| {
        let note = Note(&log, n);
        async move {
            let _note = note;
            pending::<()>().await;
        }
    };
    {
        let (first, second, third) = (waits(1), waits(2), waits(3));
        let all = async { runtime::join!(first, second, third) };
        runtime::pin!(all);
        assert!(all.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(*log.borrow(), [1, 2, 3]);
}

#[test]
fn try_join_gives_all_values_or_the_first_error() {
    type Outcome = Result<(u8, &'static str), String>;
    let good: Outcome = block_on(async { runtime::try_join!(async { Ok(1) }, async { Ok("b") }) });
    assert_eq!(good, Ok((1, "b")));
    let bad: Outcome =
        block_on(async { runtime::try_join!(pending(), async { Err("broken".to_owned()) }) });
    assert_eq!(bad, Err("broken".to_owned()));
    let none: Result<(), ()> = block_on(async { runtime::try_join!() });
    assert_eq!(none, Ok(()));
}

#[test]
fn try_join_stops_polling_after_an_error() {
    let polled = Cell::new(false);
    let result: Result<((), ()), u8> = block_on(async {
        runtime::try_join!(
            biased;
            async { Err(1) },
            async {
                polled.set(true);
                Ok(())
            },
        )
    });
    assert_eq!(result, Err(1));
    assert!(!polled.get());
}

#[test]
fn error_of_try_join_goes_through_the_question_mark() {
    async fn sum() -> Result<u32, std::num::ParseIntError> {
        let (a, b) =
            runtime::try_join!(async { "1".parse::<u32>() }, async { "x".parse::<u32>() })?;
        Ok(a + b)
    }
    assert!(block_on(sum()).is_err());
}

#[test]
fn many_futures_can_be_joined() {
    macro_rules! sum {
        ($($n:literal)*) => {{
            let all = runtime::join!($(ready($n)),*);
            let _ = all;
            [$($n),*].len()
        }};
    }
    let count = block_on(async {
        sum!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
             32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60
             61 62 63)
    });
    assert_eq!(count, 64);
}

#[test]
fn borrowed_futures_are_joined() {
    let mut text = String::new();
    let other = String::from("x");
    let first = async { text.push_str(&other) };
    let second = async { other.len() };
    runtime::pin!(first);
    let (_, length) = block_on(async { runtime::join!(&mut first, second) });
    assert_eq!(length, 1);
    assert_eq!(text, "x");
}
