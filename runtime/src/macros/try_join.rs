/// Waits for several fallible futures, all in this task: for all to succeed, or the first to fail.
///
/// Each future's output is a `Result`, all with one error type. The macro's value is `Ok` with a
/// tuple of the values in the order of the futures, or the `Err` of the first that failed; the
/// others are then dropped. The macro can only be used where `.await` can.
///
/// # Order
///
/// As with [`join!`](crate::join): another future is first each time, unless there is `biased;` in
/// front.
///
/// # Cancel safety
///
/// Dropping the `try_join!` drops the futures that have not finished and the outputs of those that
/// have, and so does a failure. It is as cancel safe as its futures are, except that finished
/// outputs are lost.
///
/// # Examples
///
/// ```
/// async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
///     text.parse()
/// }
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(runtime::try_join!(parse("40"), parse("2")), Ok((40, 2)));
/// assert!(runtime::try_join!(parse("40"), parse("two")).is_err());
/// # }
/// ```
#[macro_export]
macro_rules! try_join {
    (biased; $($future:expr),* $(,)?) => {
        $crate::__join_each! { @try_join biased [] $($future,)* }
    };
    ($($future:expr),* $(,)?) => {
        $crate::__join_each! { @try_join fair [] $($future,)* }
    };
}
