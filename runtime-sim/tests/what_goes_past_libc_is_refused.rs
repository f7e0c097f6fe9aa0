//! A crate that calls the kernel itself would leave the simulation: the run fails, and says so.

use runtime_sim::{Sim, Test};

fn inline_call(sim: &mut Sim) {
    sim.client("user", || {
        let _ = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty());
    });
}

#[test]
fn a_system_call_that_does_not_come_from_libc_fails_the_run() {
    let name = "a_system_call_that_does_not_come_from_libc_fails_the_run";
    let found = Test::new(name, inline_call).seeds(1).search().failure.expect("it is refused");
    for part in ["past libc", "use-libc", "inline_call"] {
        assert!(found.text.contains(part), "{}", found.text);
    }
}
