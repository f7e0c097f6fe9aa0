//! The public macros: waiting for several futures, task-local values, the entry points.
//!
//! All but the two attributes are declarative: the compiler's own parser reads patterns, futures
//! and handlers, so that its messages are about the user's code, and no macro crate has to be built
//! first. None expands to `unsafe`.

mod join;
mod join_parts;
mod pin;
mod select;
mod select_parts;
pub mod support;
mod task_local;
mod try_join;

/// Makes an `async fn main` the entry point of the program: builds a runtime and runs the body on
/// it.
///
/// The function may have any name and, unless it is called `main`, parameters; the attribute then
/// makes it an ordinary function that blocks the caller's thread until the body is done. The body
/// is the *root future*: it runs on the calling thread, not on a worker. Work that is spawned from
/// it runs on the workers. When the body returns, the runtime is dropped, and with it every task
/// that has not finished.
///
/// # Arguments
///
/// | argument | value | default |
/// |---|---|---|
/// | `flavor` | `"multi_thread"`, `"current_thread"` or `"local"` | `"multi_thread"` |
/// | `worker_threads` | how many workers, at least 1; only for `"multi_thread"` | one for each core |
/// | `name` | the runtime's name, a string | none |
/// | `start_paused` | whether the clock starts paused (`time::pause`) | `false` |
/// | `unhandled_panic` | `"report"`, `"ignore"`, `"shutdown_runtime"` or `"abort"` | `"report"` |
/// | `insight` | whether one can [look into](crate::insight) the program: `true`, `false`, or alone for `true` | what `RUNTIME_INSIGHT` says |
/// | `shutdown_grace` | a time like `"500ms"`, `"5s"` or `"1m"`: see below | none |
/// | `crate` | the path under which the runtime's crate is known | `"::runtime"` |
///
/// With `shutdown_grace` the runtime is not dropped at the end but [shut
/// down](crate::Runtime::shutdown): tasks are told to end and have that time to do so; those that
/// have not ended by then are named on stderr.
///
/// The I/O driver and the timers are on. All other settings are set on a
/// [`Builder`](crate::runtime::Builder), in a plain `fn main`.
///
/// # Panics
///
/// The function panics if the runtime cannot be built: out of threads, out of file descriptors.
///
/// # Examples
///
/// ```
/// #[runtime::main]
/// async fn main() {
///     let handle = runtime::spawn(async { 40 + 2 });
///     assert_eq!(handle.await.unwrap(), 42);
/// }
/// ```
///
/// With two workers, and errors that end the program:
///
/// ```
/// #[runtime::main(flavor = "multi_thread", worker_threads = 2)]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let number: u32 = "42".parse()?;
///     assert_eq!(number, 42);
///     Ok(())
/// }
/// ```
///
/// The same without the attribute:
///
/// ```
/// runtime::runtime::Builder::new_multi_thread()
///     .enable_all()
///     .build()
///     .expect("the runtime could not be built")
///     .block_on(async {
///         // ...
///     })
/// ```
#[doc(inline)]
pub use runtime_macros::main;

/// Makes an `async fn` a test: builds a runtime for it alone and runs the body on it.
///
/// The arguments are those of [`main`]; `flavor` is `"current_thread"` unless given. Attributes
/// such as `#[ignore]` and `#[should_panic]` work as on any test, and so does a `Result` as the
/// return type.
///
/// # Panics
///
/// The test fails if the runtime cannot be built.
///
/// # Examples
///
/// ```
/// #[runtime::test]
/// async fn adds() {
///     assert_eq!(runtime::spawn(async { 1 + 1 }).await.unwrap(), 2);
/// }
///
/// #[runtime::test(flavor = "multi_thread", worker_threads = 2)]
/// async fn parses() -> Result<(), std::num::ParseIntError> {
///     assert_eq!("42".parse::<u32>()?, 42);
///     Ok(())
/// }
/// ```
#[doc(inline)]
pub use runtime_macros::test;

#[doc(hidden)]
pub use runtime_macros::{main_of_tokio, test_of_tokio};
