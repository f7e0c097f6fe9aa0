//! Every text that tells a user what went wrong and what to do: in one place, so that they agree in
//! tone and can be checked.

/// No runtime on this thread.
pub(crate) const NO_RUNTIME: &str = "there is no reactor running, must be called from the context of a runtime: \
     call this inside `Runtime::block_on`, a spawned task or `#[runtime::main]`, or hold the guard of `Handle::enter`";

/// The runtime of a source has been shut down.
pub(crate) const SHUT_DOWN: &str = "the runtime this belongs to has been shut down: \
     sockets, timers and signals work only as long as the `Runtime` they were made in lives";

/// [`SHUT_DOWN`] as an I/O error.
#[cold]
pub(crate) fn shut_down() -> std::io::Error {
    std::io::Error::other(SHUT_DOWN)
}

/// A runtime without I/O.
pub(crate) const NO_IO: &str = "this runtime was built without I/O, so it has no sockets and no signals: \
     call `Builder::enable_io` or `Builder::enable_all` when building it";

/// A blocking socket was handed over.
pub(crate) const BLOCKING_SOCKET: &str = "the socket is in blocking mode, where one call could stop a whole \
     worker thread: call `set_nonblocking(true)` on it before handing it to the runtime";
