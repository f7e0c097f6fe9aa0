//! What is promised about tasks, under the simulation.

#[macro_use(test)]
extern crate runtime_sim;

#[path = "../../tests/aborting_a_task.rs"]
mod aborting_a_task;
#[path = "../../tests/blocking_jobs.rs"]
mod blocking_jobs;
#[path = "../../tests/cancel_safe_methods_lose_nothing.rs"]
mod cancel_safe_methods_lose_nothing;
#[path = "../../tests/join_handles.rs"]
mod join_handles;
#[path = "../../tests/join_sets_yield_what_ends.rs"]
mod join_sets_yield_what_ends;
#[path = "../../tests/local_tasks.rs"]
mod local_tasks;
#[path = "../../tests/macros_select.rs"]
mod macros_select;
#[path = "../../tests/scope_cancel_tells_and_abort_ends.rs"]
mod scope_cancel_tells_and_abort_ends;
#[path = "../../tests/scope_close_waits_for_everything.rs"]
mod scope_close_waits_for_everything;
#[path = "../../tests/scope_costs_what_is_its_own.rs"]
mod scope_costs_what_is_its_own;
#[path = "../../tests/scope_takes_every_kind_of_task.rs"]
mod scope_takes_every_kind_of_task;
#[path = "../../tests/scope_the_first_failure_ends_the_others.rs"]
mod scope_the_first_failure_ends_the_others;
#[path = "../../tests/tasks_can_be_watched.rs"]
mod tasks_can_be_watched;
#[path = "../../tests/tasks_have_ids_and_names.rs"]
mod tasks_have_ids_and_names;
