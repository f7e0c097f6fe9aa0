//! What only some systems have.

#[cfg(unix)]
pub mod unix;
