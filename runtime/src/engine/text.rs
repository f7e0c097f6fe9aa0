//! Every text that tells a user what went wrong and what to do: in one place, so that they agree in
//! tone and can be checked.

/// No runtime on this thread.
pub(crate) const NO_RUNTIME: &str = "there is no reactor running, must be called from the context of a runtime: \
     call this inside `Runtime::block_on`, a spawned task or `#[runtime::main]`, or hold the guard of `Handle::enter`";

// io

/// More bytes than a `ReadBuf` has room for.
pub(crate) const READ_BUF_TOO_SMALL: &str =
    "the `ReadBuf` has too little room: put no more than `remaining()` bytes into it";
/// Filled beyond what is initialized.
pub(crate) const READ_BUF_NOT_INITIALIZED: &str = "filled must not become larger than initialized: \
     write the bytes first, by `put_slice` or into what `initialize_unfilled` gives";
/// A reader exchanged its buffer.
pub(crate) const READ_BUF_SWAPPED: &str = "the reader put another `ReadBuf` in the place of the one that it was lent: \
     `poll_read` must fill the buffer that it gets";
/// A stream ended amid a value.
pub(crate) const EARLY_EOF: &str = "early eof: the stream ended before all that was asked for";
/// A writer took nothing.
pub(crate) const WRITE_ZERO: &str =
    "the writer took no bytes (`poll_write` gave 0), so the rest cannot be written";
/// Text was asked for and bytes came.
pub(crate) const NOT_UTF8: &str = "stream did not contain valid UTF-8";
/// A buffer of no size.
pub(crate) const ZERO_CAPACITY: &str = "the buffer's size must be greater than 0";
/// Halves of two streams.
pub(crate) const UNRELATED_HALVES: &str =
    "the two halves come from different streams: check with `is_pair_of` before `unsplit`";
/// A future polled after it was done.
pub(crate) const POLLED_AFTER_DONE: &str = "the future was polled after it had completed";
