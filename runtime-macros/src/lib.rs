//! The attribute macros of the `runtime` crate.
