//! The tree of `runtime::engine`, with loom underneath.

#[path = "engine_blocking.rs"]
pub(crate) mod blocking;
#[path = "stand_in/clock.rs"]
pub(crate) mod clock;
#[path = "../../../runtime/src/engine/coop.rs"]
pub(crate) mod coop;
#[path = "../../../runtime/src/engine/entered.rs"]
pub(crate) mod entered;
#[path = "../../../runtime/src/engine/fair_semaphore.rs"]
pub(crate) mod fair_semaphore;
#[path = "../../../runtime/src/engine/park_on.rs"]
pub(crate) mod park_on;
#[path = "stand_in/primitive.rs"]
pub(crate) mod primitive;
#[path = "../../../runtime/src/engine/rng.rs"]
pub(crate) mod rng;
#[path = "../../../runtime/src/engine/text.rs"]
pub(crate) mod text;
#[path = "../../../runtime/src/engine/timer/mod.rs"]
pub(crate) mod timer;
#[path = "../../../runtime/src/engine/wait_queue.rs"]
pub(crate) mod wait_queue;
#[path = "../../../runtime/src/engine/wake_list.rs"]
pub(crate) mod wake_list;
#[path = "../../../runtime/src/engine/waker_cell.rs"]
pub(crate) mod waker_cell;
