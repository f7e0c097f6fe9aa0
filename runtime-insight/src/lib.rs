//! Look into running programs of the crate `runtime`.

pub mod perfetto;
