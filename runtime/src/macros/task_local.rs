/// Declares values that each task has for itself.
///
/// Each `static` becomes a [`LocalKey`](crate::task::LocalKey). A value is given to a future with
/// [`LocalKey::scope`](crate::task::LocalKey::scope) and lasts as long as that future; there is no
/// initial value, and tasks that the future spawns do not inherit it.
///
/// # Examples
///
/// ```
/// runtime::task_local! {
///     /// The request this task serves.
///     pub static REQUEST: u64;
///     static USER: String;
/// }
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// let answer = REQUEST.scope(7, async { format!("request {}", REQUEST.get()) }).await;
/// assert_eq!(answer, "request 7");
/// assert!(USER.try_with(|_| ()).is_err());
/// # }
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    (
        $(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty; $($rest:tt)*
    ) => {
        $crate::task_local! { $(#[$attribute])* $visibility static $name: $type }
        $crate::task_local! { $($rest)* }
    };
    ($(#[$attribute:meta])* $visibility:vis static $name:ident: $type:ty) => {
        $(#[$attribute])*
        $visibility static $name: $crate::task::LocalKey<$type> = {
            ::std::thread_local! {
                static CELL: ::core::cell::RefCell<::core::option::Option<$type>> =
                    const { ::core::cell::RefCell::new(::core::option::Option::None) };
            }
            $crate::macros_support::new_local_key(CELL)
        };
    };
}
