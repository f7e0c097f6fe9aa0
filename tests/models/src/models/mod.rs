mod blocking_pool;
//! The models, one file a protocol.

mod fair_semaphore;
mod oneshot;
