//! What is promised about synchronization, under the simulation.

#[macro_use(test)]
extern crate runtime_sim;

#[path = "../../tests/sync_barriers_and_cells.rs"]
mod sync_barriers_and_cells;
#[path = "../../tests/sync_blocking_in_async_is_denied.rs"]
mod sync_blocking_in_async_is_denied;
#[path = "../../tests/sync_guards_hold_the_lock.rs"]
mod sync_guards_hold_the_lock;
#[path = "../../tests/sync_large_values_fit_on_a_stack.rs"]
mod sync_large_values_fit_on_a_stack;
#[path = "../../tests/sync_mpsc.rs"]
mod sync_mpsc;
#[path = "../../tests/sync_notify_and_once.rs"]
mod sync_notify_and_once;
#[path = "../../tests/sync_oneshot.rs"]
mod sync_oneshot;
#[path = "../../tests/sync_permits_are_fair.rs"]
mod sync_permits_are_fair;
#[path = "../../tests/sync_watch_and_broadcast.rs"]
mod sync_watch_and_broadcast;
