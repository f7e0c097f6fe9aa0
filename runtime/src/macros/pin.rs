/// Pins values to the stack.
///
/// Takes identifiers of values, moves each away and binds its name to a `Pin<&mut _>` of it, for
/// the rest of the block. With `let` statements it makes the values as well. A future must be
/// pinned before it can be polled by reference, as `select!` in a loop does.
///
/// To pin the value of an expression, use [`std::pin::pin!`].
///
/// # Examples
///
/// ```
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// let future = async { 42 };
/// runtime::pin!(future);
/// // `future` is a `Pin<&mut impl Future>` now.
/// assert_eq!((&mut future).await, 42);
/// # }
/// ```
///
/// The names are given with their values:
///
/// ```
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// runtime::pin! {
///     let first = async { 1 };
///     let second = async { 2 };
/// }
/// assert_eq!(first.await + second.await, 3);
/// # }
/// ```
///
/// An expression without a name has no place to be pinned to:
///
/// ```compile_fail
/// runtime::pin!(async { 42 });
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),* $(,)?) => {$(
        #[allow(unused_mut)]
        let mut $name = $crate::macros_support::pin!($name);
    )*};
    ($(let $name:ident = $value:expr;)*) => {$(
        #[allow(unused_mut)]
        let mut $name = $crate::macros_support::pin!($value);
    )*};
}
