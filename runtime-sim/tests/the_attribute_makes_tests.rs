//! `#[runtime_sim::test]` and `#[runtime::test(simulate)]` make tests of functions that describe a
//! world.

use runtime_sim::Sim;
use std::time::Duration;

fn sleeps(sim: &mut Sim) {
    sim.client("user", || std::thread::sleep(Duration::from_secs(60)));
}

#[runtime_sim::test]
fn without_arguments(sim: &mut Sim) {
    sleeps(sim);
}

#[runtime_sim::test(seeds = 5, first_seed = 7)]
fn with_arguments(sim: &mut Sim) {
    assert!((7..12).contains(&sim.seed()));
    sleeps(sim);
}

#[runtime::test(simulate, seeds = 3)]
fn under_the_runtimes_name(sim: &mut Sim) {
    sleeps(sim);
}

mod inside {
    use super::{Sim, sleeps};

    /// Attributes stay where they are.
    #[runtime_sim::test(seeds = 2)]
    #[should_panic(expected = "has failed")]
    fn a_module(sim: &mut Sim) {
        sleeps(sim);
        sim.client("other", || assert_eq!(1, 2, "as it should"));
    }
}

#[runtime_sim::test(seeds = 3)]
fn without_a_parameter_it_is_the_only_client() {
    let began = std::time::Instant::now();
    std::thread::sleep(Duration::from_secs(300));
    let took = began.elapsed();
    // The clock is virtual.
    assert!((300..301).contains(&took.as_secs()), "{took:?}");
}

#[runtime_sim::test(seeds = 3)]
#[should_panic = "what it says is not looked at"]
fn without_a_parameter_it_may_have_to_panic() {
    panic!("as it should");
}
