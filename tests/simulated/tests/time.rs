//! What is promised about time, under the simulation.

#[macro_use(test)]
extern crate runtime_sim;

#[path = "../../tests/time_interval.rs"]
mod time_interval;
#[path = "../../tests/time_many_timers.rs"]
mod time_many_timers;
#[path = "../../tests/time_misuse.rs"]
mod time_misuse;
#[path = "../../tests/time_never_early.rs"]
mod time_never_early;
#[path = "../../tests/time_paused.rs"]
mod time_paused;
#[path = "../../tests/time_paused_workers.rs"]
mod time_paused_workers;
#[path = "../../tests/time_reset.rs"]
mod time_reset;
#[path = "../../tests/time_timeout.rs"]
mod time_timeout;
#[path = "../../tests/time_whole_range.rs"]
mod time_whole_range;
