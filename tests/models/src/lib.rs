//! Loom models of the protocols between threads.
//!
//! The files of `runtime` that hold a protocol are compiled here as they are, by path, under the
//! same module names. Only `engine::primitive` is replaced by loom's types. So a model checks the
//! production source, and that source knows nothing of models.

#[allow(dead_code, unused_imports, reason = "a model uses a part of each module")]
mod engine;
#[allow(dead_code, unused_imports, unreachable_pub, reason = "a model uses a part of each module")]
mod io;
#[allow(dead_code, reason = "a model uses a part of each module")]
mod runtime;
#[allow(dead_code, unused_imports, unreachable_pub, reason = "a model uses a part of each module")]
mod sync;

#[allow(dead_code, reason = "a model uses a part of each module")]
#[path = "stand_in/time.rs"]
mod time;

#[cfg(test)]
mod models;
