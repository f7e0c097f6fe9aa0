//! Items that only programs written for tokio use: its older names, and options without effect
//! here. `compat/tokio` turns the feature on.

#[cfg(feature = "taskdump")]
pub mod dump;
mod names;
mod switches;
