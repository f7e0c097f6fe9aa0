//! `select!`: one branch wins, the others are gone, and nothing starves.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::executor::block_on;
use futures::stream::{self, StreamExt};

/// Pending once, then ready.
async fn later() {
    let mut polled = false;
    poll_fn(|cx| {
        if polled {
            return Poll::Ready(());
        }
        polled = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn value_is_that_of_the_ready_branch() {
    let value = block_on(async {
        runtime::select! {
            _ = pending::<()>() => 1,
            n = async { 2 } => n * 10,
        }
    });
    assert_eq!(value, 20);
}

#[test]
fn handlers_may_be_blocks_or_expressions_with_or_without_commas() {
    for wanted in 0..5 {
        let got = block_on(async {
            runtime::select! {
                () = ready(()), if wanted == 0 => { 0 }
                () = ready(()), if wanted == 1 => { 1 },
                () = ready(()), if wanted == 2 => 2,
                () = ready(()), if wanted == 3 => Vec::<u8>::from([1, 2, 3]).len(),
                else => 4
            }
        });
        assert_eq!(got, wanted);
    }
    // A generic argument list and a closure at the top of a handler hold commas of their own.
    let sum = block_on(async {
        runtime::select! {
            x = ready(1) => std::convert::identity::<fn(i32, i32) -> i32>(|a, b| a + b)(x, 2),
        }
    });
    assert_eq!(sum, 3);
}

#[test]
fn biased_looks_at_branches_in_order() {
    for _ in 0..100 {
        let winner = block_on(async {
            runtime::select! {
                biased;
                () = ready(()) => 0,
                () = ready(()) => 1,
            }
        });
        assert_eq!(winner, 0);
    }
}

#[test]
fn unbiased_gives_each_ready_branch_its_turn() {
    let mut wins = [0; 3];
    for _ in 0..3000 {
        let winner = block_on(async {
            runtime::select! {
                () = ready(()) => 0,
                () = ready(()) => 1,
                () = ready(()) => 2,
            }
        });
        wins[winner] += 1;
    }
    // One in three each: below 700 of 3000 is over ten standard deviations away.
    assert!(wins.iter().all(|&n| n > 700), "{wins:?}");
}

#[test]
fn output_that_does_not_match_disables_its_branch() {
    let polls = Cell::new(0);
    let value = block_on(async {
        runtime::select! {
            biased;
            Some(n) = async { polls.set(polls.get() + 1); None::<u32> } => n,
            () = later() => 7,
        }
    });
    assert_eq!(value, 7);
    assert_eq!(polls.get(), 1, "a finished future must not be polled again");
}

#[test]
fn pattern_that_does_not_match_drops_the_output_and_moves_nothing() {
    // By-move, by-reference and mutable bindings, in nested and alternative patterns.
    let value = block_on(async {
        runtime::select! {
            biased;
            Ok((ref a, mut b)) = async { Err::<(String, String), _>("no") } => { b.push('x'); format!("{a}{b}") }
            Err(text) | Ok(text) = async { Ok::<String, String>("yes".to_owned()) } => text,
        }
    });
    assert_eq!(value, "yes");
    let value = block_on(async {
        runtime::select! {
            Ok((ref a, mut b)) = async { Ok::<_, ()>(("a".to_owned(), "b".to_owned())) } => { b.push('x'); format!("{a}{b}") }
        }
    });
    assert_eq!(value, "abx");
}

#[test]
fn patterns_of_all_kinds() {
    let n = block_on(async {
        runtime::select! { n @ 1..=5 = ready(3) => n, else => 0 }
    });
    assert_eq!(n, 3);
    let n = block_on(async {
        runtime::select! { [first, .., last] = ready([1, 2, 3]) => first + last, }
    });
    assert_eq!(n, 4);
    let n = block_on(async {
        runtime::select! { ControlFlow::Break::<i32>(n) = ready(ControlFlow::<i32>::Break(9)) => n, else => 0 }
    });
    assert_eq!(n, 9);
}

#[test]
fn false_condition_disables_its_branch() {
    let polled = Cell::new(false);
    let value = block_on(async {
        runtime::select! {
            biased;
            () = async { polled.set(true) }, if false => 1,
            () = ready(()), if polled.get() || 1 + 1 == 2 => 2,
        }
    });
    assert_eq!(value, 2);
    assert!(!polled.get());
}

#[test]
fn conditions_run_before_the_futures_are_made() {
    let order = RefCell::new(Vec::new());
    let note = |what| order.borrow_mut().push(what);
    block_on(async {
        runtime::select! {
            biased;
            () = { note("future 0"); ready(()) }, if { note("condition 0"); false } => {}
            () = { note("future 1"); ready(()) }, if { note("condition 1"); true } => note("handler"),
        }
    });
    assert_eq!(*order.borrow(), ["condition 0", "condition 1", "future 0", "future 1", "handler"]);
}

#[test]
fn else_runs_when_all_branches_are_disabled() {
    let value = block_on(async {
        runtime::select! {
            Some(n) = async { None::<u32> } => n,
            n = ready(5), if false => n,
            else => 9,
        }
    });
    assert_eq!(value, 9);
    let mut streams = (stream::iter([1, 2]), stream::iter([3]));
    let sum = block_on(async {
        let mut sum = 0;
        loop {
            runtime::select! {
                Some(n) = streams.0.next() => sum += n,
                Some(n) = streams.1.next() => sum += n,
                else => break sum,
            }
        }
    });
    assert_eq!(sum, 6);
    assert_eq!(
        block_on(async {
            runtime::select! { else => 1 }
        }),
        1
    );
}

#[test]
#[should_panic(expected = "all branches are disabled and there is no else branch")]
fn all_branches_disabled_without_else_panics() {
    block_on(async {
        runtime::select! {
            Some(()) = ready(None) => {}
        }
    });
}

#[test]
fn losers_are_dropped_before_the_handler_runs() {
    struct Loser<'a>(&'a Cell<bool>);
    impl Future for Loser<'_> {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
    impl Drop for Loser<'_> {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let dropped = Cell::new(false);
    block_on(async {
        runtime::select! {
            () = Loser(&dropped) => {}
            () = ready(()) => assert!(dropped.get()),
        }
    });
    // So a handler may use what another branch had borrowed.
    let mut text = String::new();
    block_on(async {
        runtime::select! {
            biased;
            () = async { text.push('a'); pending().await } => {}
            () = ready(()) => text.push('b'),
        }
    });
    assert_eq!(text, "ab");
}

#[test]
fn handlers_and_futures_use_the_control_flow_around_them() {
    async fn fails(early: bool) -> Result<u32, &'static str> {
        let source = if early { Err("early") } else { Ok(ready(Err("late"))) };
        let mut rounds = 0;
        loop {
            rounds += 1;
            if rounds > 10 {
                return Ok(rounds);
            }
            runtime::select! {
                result = source.clone()?, if rounds > 3 => {
                    let () = result?;
                }
                () = ready(()), if rounds <= 3 => continue,
            }
        }
    }
    assert_eq!(block_on(fails(true)), Err("early"));
    assert_eq!(block_on(fails(false)), Err("late"));
    let mut rounds = 0;
    let broken = block_on(async {
        'outer: loop {
            rounds += 1;
            loop {
                runtime::select! {
                    () = ready(()), if rounds == 2 => break 'outer ready(3).await,
                    () = ready(()), if rounds == 1 => break,
                    else => rounds += 1,
                }
            }
        }
    });
    assert_eq!(broken, 3);
}

#[test]
fn future_goes_on_over_rounds_when_passed_by_reference() {
    let (send, receive) = oneshot::channel();
    let (ticks, mut tick) = mpsc::unbounded();
    for n in 0..3 {
        ticks.unbounded_send(n).unwrap();
    }
    let mut send = Some(send);
    let mut receive = receive;
    let mut seen = Vec::new();
    let answer = block_on(async {
        loop {
            runtime::select! {
                answer = &mut receive => break answer.unwrap(),
                Some(n) = tick.next() => {
                    seen.push(n);
                    if n == 2 {
                        send.take().unwrap().send("done").unwrap();
                    }
                }
            }
        }
    });
    assert_eq!((answer, seen), ("done", vec![0, 1, 2]));
}

#[test]
fn selects_nest() {
    let value = block_on(async {
        runtime::select! {
            n = async {
                runtime::select! { n = ready(1) => n + 1, _ = pending::<()>() => 0 }
            } => {
                runtime::select! { m = ready(n) => m * 10 }
            }
        }
    });
    assert_eq!(value, 20);
}

#[test]
fn accepts_what_turns_into_a_future() {
    struct Delayed;
    impl IntoFuture for Delayed {
        type Output = u8;
        type IntoFuture = std::future::Ready<u8>;
        fn into_future(self) -> Self::IntoFuture {
            ready(8)
        }
    }
    assert_eq!(
        block_on(async {
            runtime::select! { n = Delayed => n }
        }),
        8
    );
}

#[test]
fn sixty_four_branches() {
    macro_rules! many {
        ($wanted:expr; $($number:literal)*) => {
            runtime::select! { $(() = ready(()), if $wanted == $number => { $number })* }
        };
    }
    for wanted in 0..64 {
        let got = block_on(async {
            many!(wanted;
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
                32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59
                60 61 62 63)
        });
        assert_eq!(got, wanted);
    }
}

#[test]
fn future_stays_send_when_its_parts_are() {
    fn needs_send(future: impl Future<Output = u8> + Send) -> u8 {
        block_on(future)
    }
    let lock = std::sync::Mutex::new(5);
    // The guard is a temporary of the expression and is gone before anything waits.
    let value = needs_send(async {
        runtime::select! {
            n = ready(*lock.lock().unwrap()) => n,
            n = async { 6 } => n,
        }
    });
    assert!(value == 5 || value == 6);
}

#[test]
fn names_of_the_expansion_are_not_seen() {
    let (disabled, futures, output, pending, branch, count, value, matches, cx) =
        (1, 2, 3, 4, 5, 6, 7, 8, 9);
    let sum = block_on(async {
        runtime::select! {
            made = ready(disabled + futures + output + pending + branch), if matches == 8 =>
                made + count + value + matches + cx,
        }
    });
    assert_eq!(sum, 45);
}

#[runtime::test]
async fn patterns_may_borrow_to_change() {
    let text = runtime::select! {
        Some(ref mut text) = async { Some("a".to_owned()) } => {
            text.push('b');
            text.clone()
        }
    };
    assert_eq!(text, "ab");
}

/// A branch must cost its future, and no reference of its own.
#[test]
fn room_grows_by_the_futures_alone() {
    macro_rules! room {
        ($($n:literal)*) => {
            size_of_val(&async { runtime::select! { $(_ = ready([$n; 8]) => {},)* } })
        };
    }
    let (two, four) = (room!(0_u64 1_u64), room!(0_u64 1_u64 2_u64 3_u64));
    let each = size_of_val(&ready([0_u64; 8]));
    assert_eq!(four - two, 2 * each);
    // Beside all: a reference, which are disabled, the state of the future around it.
    assert!(two <= 2 * each + 3 * size_of::<u64>());
}
