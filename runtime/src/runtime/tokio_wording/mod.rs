//! What only a program has that was written for tokio: its older names, and options that mean
//! nothing here. `compat/tokio` turns it on.

mod names;
mod switches;
