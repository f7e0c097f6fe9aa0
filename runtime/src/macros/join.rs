/// Waits for several futures, all in this task, and returns all their outputs.
///
/// The outputs come as a tuple in the order of the futures. All futures make progress at the same
/// time, but on one thread: for parallel work, `spawn` each and join the handles. The macro can
/// only be used where `.await` can.
///
/// # Order
///
/// Each time the task is polled, another future is polled first, so that a future that always has
/// work does not use up the task's budget before the others. `biased;` in front turns this off: the
/// futures are then always polled in the order written. Write those first that must not wait for
/// others.
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
/// Each step takes one future and pairs it with a name for its value. All names are written
/// `value`, but hygiene makes each step's name a different one, so any number of variables can be
/// made without a list of names. The futures become one nested value, so that the waiting closure
/// holds one reference, however many they are.
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
        $crate::__join_each! { @$kind $order [$($done)* (value $expression)] $($rest,)* }
    };
    // All have names.
    (@$kind:ident $order:ident [$(($value:ident $expression:expr))+]) => {{
        let mut parts = $crate::macros_support::pin!({
            let parts = ();
            $(let parts = $crate::__join_each!(@part $kind parts $expression);)+
            parts
        });
        let values = $crate::__join_each!(@poll $kind $order parts).await;
        $crate::__join_each!(@flat $kind values $($value)+)
    }};

    (@part join $parts:ident $expression:expr) => {
        $crate::macros_support::join_part($parts, $expression)
    };
    (@part try_join $parts:ident $expression:expr) => {
        $crate::macros_support::try_join_part($parts, $expression)
    };

    (@poll $kind:ident biased $parts:ident) => {
        $crate::macros_support::poll_fn(move |cx| {
            $crate::__join_each!(@poll_from $kind $parts 0 cx)
        })
    };
    (@poll $kind:ident fair $parts:ident) => {{
        // Which future is polled first the next time.
        let mut next = 0_u32;
        $crate::macros_support::poll_fn(move |cx| {
            let first = next;
            next = $crate::macros_support::after(first, &$parts);
            $crate::__join_each!(@poll_from $kind $parts first cx)
        })
    }};
    (@poll_from join $parts:ident $first:tt $cx:ident) => {
        $crate::macros_support::poll_join($parts.as_mut(), $first, $cx)
    };
    (@poll_from try_join $parts:ident $first:tt $cx:ident) => {
        $crate::macros_support::poll_try_join($parts.as_mut(), $first, $cx)
    };

    // A value's type may be one that has no values.
    (@flat join $values:ident $($value:ident)+) => {{
        $(let ($value, $values) = $values;)+
        let () = $values;
        #[allow(unreachable_code)]
        ($($value,)+)
    }};
    (@flat try_join $values:ident $($value:ident)+) => {
        $crate::macros_support::Result::map($values, |$values| {
            $crate::__join_each!(@flat join $values $($value)+)
        })
    };
}
