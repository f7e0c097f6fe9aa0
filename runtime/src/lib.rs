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

#[doc(hidden)]
pub use macros::support as macros_support;
pub use macros::{main, test};
#[doc(hidden)]
pub use macros::{main_of_tokio, test_of_tokio};

pub use crate::runtime::{Builder, Handle, Runtime};
pub use crate::task::{spawn, spawn_blocking};
