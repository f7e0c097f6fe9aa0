//! (being built)

pub(crate) mod task_local;

pub use task_local::{AccessError, LocalKey};

/// The futures that methods of this module return.
pub mod futures {
    pub use super::task_local::TaskLocalFuture;
}
mod stub;
pub use stub::{JoinError, JoinHandle, spawn_blocking};
