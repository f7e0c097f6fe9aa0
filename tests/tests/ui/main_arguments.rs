//! Arguments that do not exist, or have no value, or a wrong one.

#[runtime::main(color = "red")]
async fn unknown() {}

#[runtime::main(core_threads = 4)]
async fn renamed() {}

#[runtime::main(threaded_scheduler)]
async fn old_flavor() {}

#[runtime::main(multi_thread)]
async fn bare_flavor() {}

#[runtime::main(flavor = "single")]
async fn unknown_flavor() {}

#[runtime::main(flavor = "basic_scheduler")]
async fn renamed_flavor() {}

#[runtime::main(flavor = multi_thread)]
async fn flavor_without_quotes() {}

#[runtime::main(flavor)]
async fn flavor_without_value() {}

#[runtime::main(flavor = "local", flavor = "local")]
async fn twice() {}

#[runtime::main(worker_threads)]
async fn workers_without_value() {}

#[runtime::main(worker_threads = "4")]
async fn workers_in_quotes() {}

#[runtime::main(worker_threads = -1)]
async fn workers_below_zero() {}

#[runtime::main(worker_threads = 0)]
async fn no_workers() {}

#[runtime::main(flavor = "current_thread", worker_threads = 4)]
async fn workers_on_one_thread() {}

#[runtime::test(worker_threads = 4)]
async fn workers_on_one_thread_by_default() {}

#[runtime::test(flavor = "local", worker_threads = 4)]
async fn workers_of_a_local_runtime() {}

#[runtime::test(start_paused = 1)]
async fn paused_by_number() {}

#[runtime::test(start_paused)]
async fn paused_without_value() {}

#[runtime::main(unhandled_panic = "explode")]
async fn unknown_policy() {}

#[runtime::main(unhandled_panic = shutdown_runtime)]
async fn policy_without_quotes() {}

#[runtime::main(shutdown_grace = 5)]
async fn grace_by_number() {}

#[runtime::main(shutdown_grace = "5")]
async fn grace_without_unit() {}

#[runtime::test(shutdown_grace = "1.5s")]
async fn grace_in_parts() {}

#[runtime::test(shutdown_grace = "99999999999999999999s")]
async fn grace_beyond_measure() {}

#[runtime::main(shutdown_grace)]
async fn grace_without_value() {}

#[runtime::main(name = 5)]
async fn name_by_number() {}

#[runtime::test(name)]
async fn name_without_value() {}

#[runtime::main(crate = 5)]
async fn crate_by_number() {}

#[runtime::main(crate = "not a path")]
async fn crate_not_a_path() {}

#[runtime::main("multi_thread")]
async fn literal() {}

#[runtime::main(flavor = "multi_thread",, worker_threads = 4)]
async fn comma() {}

fn main() {}
