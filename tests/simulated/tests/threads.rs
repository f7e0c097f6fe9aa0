//! What is promised about threads: who sleeps, who blocks, who is by itself, and how all end.

#[macro_use(test)]
extern crate runtime_sim;

#[path = "../../tests/a_local_runtime_stays_on_its_thread.rs"]
mod a_local_runtime_stays_on_its_thread;
#[path = "../../tests/block_in_place_frees_the_worker.rs"]
mod block_in_place_frees_the_worker;
#[path = "../../tests/block_on_in_place_nests.rs"]
mod block_on_in_place_nests;
#[path = "../../tests/executor_smoke.rs"]
mod executor_smoke;
#[path = "../../tests/io_async_fd_tells_when_to_operate.rs"]
mod io_async_fd_tells_when_to_operate;
#[path = "../../tests/io_duplex_holds_no_more_than_its_limit.rs"]
mod io_duplex_holds_no_more_than_its_limit;
#[path = "../../tests/pinned_tasks_stay_on_their_thread.rs"]
mod pinned_tasks_stay_on_their_thread;
#[path = "../../tests/several_futures_poll_one_local_set.rs"]
mod several_futures_poll_one_local_set;
#[path = "../../tests/shutdown_from_inside.rs"]
mod shutdown_from_inside;
#[path = "../../tests/shutdown_with_a_grace.rs"]
mod shutdown_with_a_grace;
#[path = "../../tests/shutdown_with_a_time_limit.rs"]
mod shutdown_with_a_time_limit;
#[path = "../../tests/testing_counts_wakes.rs"]
mod testing_counts_wakes;
#[path = "../../tests/testing_moves_the_time.rs"]
mod testing_moves_the_time;
#[path = "../../tests/use_after_shutdown.rs"]
mod use_after_shutdown;
#[path = "../../tests/wakers_go_with_who_waits.rs"]
mod wakers_go_with_who_waits;
#[path = "../../tests/wakers_work_anywhere.rs"]
mod wakers_work_anywhere;
#[path = "../../tests/who_sleeps_is_told.rs"]
mod who_sleeps_is_told;
#[path = "../../tests/woken_by_many_runs_once_for_all.rs"]
mod woken_by_many_runs_once_for_all;
