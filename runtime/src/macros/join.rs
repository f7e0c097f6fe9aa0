/// Waits for several futures, all in this task, and returns all their outputs.
///
/// The outputs come as a tuple in the order of the futures. All futures make progress at the same
/// time, but on one thread: for parallel work, `spawn` each and join the handles. The macro can
/// only be used where `.await` can.
///
/// # Order
///
/// Each time the task is polled, another future is the first to be polled, so that one that always
/// has work does not use up the task's budget before the others had their turn. `biased;` in front
/// turns this off: the futures are then always polled in the order written. Write the ones that
/// must not wait for others first.
///
/// # Cancel safety
///
/// Dropping the `join!` drops the futures that have not finished and the outputs of those that
/// have. It is as cancel safe as its futures are, except that finished outputs are lost.
///
/// # Examples
///
/// ```
/// async fn number() -> u32 {
///     42
/// }
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// let (number, text) = runtime::join!(number(), async { "text" });
/// assert_eq!((number, text), (42, "text"));
/// # }
/// ```
///
/// In the order written:
///
/// ```
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// let (first, second) = runtime::join! {
///     biased;
///     async { 1 },
///     async { 2 },
/// };
/// assert_eq!(first + second, 3);
/// # }
/// ```
#[macro_export]
macro_rules! join {
    (biased; $($future:expr),* $(,)?) => {
        $crate::__join_each! { @join biased [] $($future,)* }
    };
    ($($future:expr),* $(,)?) => {
        $crate::__join_each! { @join fair [] $($future,)* }
    };
}

/// The common part of `join!` and `try_join!`.
///
/// Takes one future a step and pairs it with a name. The names are all written `future`, but each
/// step's is another one to the compiler, so any number of variables can be made without a list of
/// names.
#[doc(hidden)]
#[macro_export]
macro_rules! __join_each {
    // No futures.
    (@join $order:ident []) => {
        ()
    };
    (@try_join $order:ident []) => {
        $crate::macros_support::Result::Ok(())
    };
    // One step.
    (@$kind:ident $order:ident [$($done:tt)*] $expression:expr, $($rest:expr,)*) => {
        $crate::__join_each! { @$kind $order [$($done)* (future () $expression)] $($rest,)* }
    };
    // All have names.
    (@$kind:ident $order:ident [$(($future:ident $unit:tt $expression:expr))+]) => {{
        $(
            let mut $future =
                $crate::macros_support::pin!($crate::__join_each!(@wrap $kind $expression));
        )+
        let count = [$($unit),+].len();
        // Which future is polled first this time.
        let mut first = 0_usize;
        $crate::macros_support::poll_fn(|cx| {
            let mut pending = false;
            // The first round polls those from `first` on, the second those before it.
            for round in 0..$crate::__join_each!(@rounds $order) {
                let mut position = 0_usize;
                $(
                    if (position >= first) == (round == 0) {
                        let poll = $crate::macros_support::JoinPart::poll_done($future.as_mut(), cx);
                        $crate::__join_each!(@after $kind $future);
                        pending |= poll.is_pending();
                    }
                    position += 1;
                )+
                let _ = position;
            }
            $crate::__join_each!(@rotate $order first count);
            if pending {
                $crate::macros_support::Poll::Pending
            } else {
                $crate::macros_support::Poll::Ready(
                    $crate::__join_each!(@output $kind $($future)+)
                )
            }
        })
        .await
    }};

    (@wrap join $expression:expr) => {
        $crate::macros_support::maybe_done($expression)
    };
    (@wrap try_join $expression:expr) => {
        $crate::macros_support::maybe_done_try($expression)
    };

    (@rounds biased) => {
        1
    };
    (@rounds fair) => {
        2
    };

    (@rotate biased $first:ident $count:ident) => {
        let _ = (&mut $first, $count);
    };
    (@rotate fair $first:ident $count:ident) => {
        $first = if $first + 1 < $count { $first + 1 } else { 0 };
    };

    (@after join $future:ident) => {};
    (@after try_join $future:ident) => {
        if let $crate::macros_support::Option::Some(error) =
            $crate::macros_support::take_error($future.as_mut())
        {
            return $crate::macros_support::Poll::Ready(
                $crate::macros_support::Result::Err(error)
            );
        }
    };

    (@output join $($future:ident)+) => {
        ($($crate::macros_support::JoinPart::take_output($future.as_mut()),)+)
    };
    (@output try_join $($future:ident)+) => {
        $crate::macros_support::Result::Ok(($($crate::macros_support::take_ok($future.as_mut()),)+))
    };
}
