//! (being built)

pub(crate) mod context;
