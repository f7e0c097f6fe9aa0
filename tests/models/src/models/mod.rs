//! The models, one file a protocol.

mod blocking_pool;
mod fair_semaphore;
mod mpsc;
mod mutex;
mod notify;
mod oneshot;
mod readiness;
mod timer;
