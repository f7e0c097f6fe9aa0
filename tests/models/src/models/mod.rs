//! The models, one file a protocol.

mod blocking_pool;
mod broadcast;
mod fair_semaphore;
mod mpsc;
mod mutex;
mod notify;
mod once;
mod oneshot;
mod readiness;
mod rwlock;
mod stall_slot;
mod timer;
mod watch;
