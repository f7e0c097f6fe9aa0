//! Integration tests of `runtime`: see the folder `tests`.

pub mod scripted;
