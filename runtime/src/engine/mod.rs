//! The engine room: private mechanism under the public face.
//!
//! Imports run downwards only. The floor (`primitive`, `clock`, `rng`, `coop`, `text`, `wake_list`)
//! carries three wings that never name each other: `task` with `scheduler`, `blocking`, and
//! `driver` with `timer`. They meet in `crate::runtime`.

pub(crate) mod blocking;
pub(crate) mod coop;
pub(crate) mod driver;
pub(crate) mod primitive;
pub(crate) mod process_wide;
pub(crate) mod rng;
pub(crate) mod scheduler;
pub(crate) mod stall;
pub(crate) mod task;
pub(crate) mod text;
pub(crate) mod timer;
pub(crate) mod wake_list;
