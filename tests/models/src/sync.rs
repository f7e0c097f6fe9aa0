//! The tree of `runtime::sync`, over the same.

#[path = "../../../runtime/src/sync/oneshot.rs"]
pub(crate) mod oneshot;
