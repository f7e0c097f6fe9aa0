//! Async Rust from its parts: what a runtime does, shown small, and then on a real one.
//!
//! ```text
//! cargo run --release -p examples --example from_scratch
//! ```
//!
//! This is the code of the book, `docs/book/`. It goes from the parts to the whole:
//!
//! | file | chapter | |
//! |---|---|---|
//! | `future.rs` | 2 | a future by hand, and who asks it |
//! | `timer.rs` | 3 | a future that waits, and its waker |
//! | `executor.rs` | 4 | a queue of tasks and a loop |
//! | `state_machine.rs` | 5 | what `async` and `.await` turn into |
//! | `pinning.rs` | 6 | why a future must not move |
//! | `tasks.rs` | 7, 9 | tasks, their results, their cancellation |
//! | `combine.rs` | 8 | all futures, the first one, each as it finishes |
//! | `streams.rs` | 10 | many values, one after the other |
//! | `recursion.rs` | 12 | a box for what would contain itself |
//! | `locks.rs` | 13 | a lock held across an `.await` |
//! | `pitfalls.rs` | 14 | what goes wrong most often |
//!
//! Every function checks what it shows, so the program is a test of itself. Much comes from the
//! crate `futures`, which knows nothing of this runtime, and need not: a future is a future.

mod combine;
mod executor;
mod future;
mod locks;
mod pinning;
mod pitfalls;
mod recursion;
mod state_machine;
mod streams;
mod tasks;
mod timer;

fn main() {
    future::by_hand();
    executor::tiny();

    // From here on the same things, and everything else, run on the real one.
    let runtime = runtime::Runtime::new().expect("two threads and an epoll descriptor");
    runtime.block_on(async {
        timer::on_the_runtime().await;
        state_machine::by_hand().await;
        pinning::both_ways().await;
        tasks::results_and_panics().await;
        combine::join_and_select_by_hand().await;
        combine::join_and_try_join().await;
        combine::select_in_a_loop().await;
        combine::many_as_they_finish().await;
        tasks::cancelled().await;
        tasks::what_a_cancelled_future_forgets().await;
        tasks::told_to_end().await;
        streams::one_by_one().await;
        streams::several_at_a_time().await;
        recursion::both_ways().await;
        locks::across_an_await().await;
        locks::within_one_function().await;
        pitfalls::a_future_that_nobody_awaits().await;
        pitfalls::one_after_the_other().await;
        pitfalls::blocking().await;
        pitfalls::without_limit().await;
    });
    println!("all as expected");
}
