//! A multi-threaded work-stealing async runtime.
#![deny(unsafe_code)]
#![warn(missing_docs)]

// The engine: private mechanism. Imports run downwards only.
mod engine;

// The face.
pub mod io;
pub mod net;
pub mod runtime;
pub mod signal;
pub mod sync;
pub mod task;
pub mod time;

mod macros;
