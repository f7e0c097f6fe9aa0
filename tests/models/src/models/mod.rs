//! The models, one file a protocol.

mod blocking_pool;
mod broadcast;
mod cover;
mod duplex;
mod fair_semaphore;
mod in_flight;
mod lane;
mod mpsc;
mod mutex;
mod nap;
mod notify;
mod once;
mod oneshot;
mod park_on;
mod parker;
mod readiness;
mod ready_list;
mod rwlock;
mod signal_kind;
mod sleep;
mod slot;
mod stall_slot;
mod task;
mod timer;
mod watch;
mod worker_watch;
