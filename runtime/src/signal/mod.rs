//! Signals of the process.
//!
//! # Examples
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! println!("Ctrl-C ends this");
//! runtime::signal::ctrl_c().await?;
//! # Ok(()) }
//! ```

use std::io;

#[cfg(unix)]
pub mod unix;

/// Waits for Ctrl-C (`SIGINT`), once, from the first poll on.
///
/// From then on Ctrl-C does not end the process any more, even after the future is done or dropped:
/// the handler stays.
///
/// # Panics
///
/// Outside a runtime, or in one without I/O.
///
/// # Errors
///
/// When the handler cannot be installed.
///
/// # Cancel safety
///
/// Safe, but a Ctrl-C that comes while nobody listens is heard by nobody. To hear every one, keep a
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
