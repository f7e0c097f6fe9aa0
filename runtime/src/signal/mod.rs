//! Signals of the process.
//!
//! [`ctrl_c`] waits for Ctrl-C. Every other signal of Unix is in [`unix`](mod@unix).
//!
//! Once a program has listened for a signal, the system's default action (mostly: to end the
//! process) no longer happens. So a program that listens for Ctrl-C must end by itself.
//!
//! # Examples
//!
//! Serves until Ctrl-C is pressed:
//!
//! ```no_run
//! # async fn serve() {}
//! #[runtime::main(shutdown_grace = "10s")]
//! async fn main() -> std::io::Result<()> {
//!     runtime::spawn(serve());
//!     runtime::signal::ctrl_c().await?;
//!     println!("Tasks have ten seconds to end.");
//!     Ok(())
//! }
//! ```

use std::io;

#[cfg(unix)]
pub mod unix;

/// Waits for Ctrl-C (`SIGINT`), once, from the first poll on.
///
/// From then on Ctrl-C no longer ends the process, even after the future is done or dropped: the
/// handler stays.
///
/// # Panics
///
/// Outside a runtime, or in one without I/O.
///
/// # Errors
///
/// If the handler cannot be installed.
///
/// # Cancel safety
///
/// Safe, but a Ctrl-C that comes while no future listens is lost. To get every one, keep a
/// [`Signal`](unix::Signal).
///
/// # Examples
///
/// ```no_run
/// # async fn serve() {}
/// # async fn example() -> std::io::Result<()> {
/// runtime::select! {
///     () = serve() => {}
///     pressed = runtime::signal::ctrl_c() => pressed?,
/// }
/// # Ok(()) }
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    unix::signal(unix::SignalKind::interrupt())?.recv().await;
    Ok(())
}
