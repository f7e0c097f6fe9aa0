//! The crate [`runtime`] under tokio's paths.
//!
//! ```toml
//! [patch.crates-io]
//! tokio = { path = "../runtime/compat/tokio" }
//! ```
//!
//! With these lines every crate of an application that asks for `tokio` gets this package, and with
//! it this runtime. Nothing is implemented here: what tokio offers, `runtime` offers, in the same
//! shape.
//!
//! All of the runtime is there whichever features are on, because it is built in any case. Where
//! tokio would hide a whole module, this crate hides it too.

#[cfg(feature = "fs")]
pub use ::runtime::fs;
#[cfg(feature = "process")]
pub use ::runtime::process;
#[cfg(feature = "signal")]
pub use ::runtime::signal;
#[cfg(feature = "sync")]
pub use ::runtime::sync;
#[cfg(feature = "time")]
pub use ::runtime::time;
pub use ::runtime::{io, net, task};
pub use ::runtime::{pin, task_local};
#[cfg(feature = "rt")]
pub use ::runtime::{runtime, spawn};

#[cfg(feature = "macros")]
pub use ::runtime::{join, main_of_tokio as main, select, test_of_tokio as test, try_join};

/// What expansions of tokio's macros use, under its path.
#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod macros {
    pub mod support {
        pub use ::runtime::macros_support::thread_below as thread_rng_n;
        pub use ::runtime::macros_support::*;
    }
}

/// Empty, as it is in tokio: streams are in the crate `tokio-stream`.
pub mod stream {}
