//! smol's and async-std's crates work in a program that builds no runtime: the first use starts
//! one, for the whole process.

use smol_ecosystem::{
    both_kinds_at_work, foreign_threads, in_time, of_one_runtime, reactors, threads,
};

#[test]
fn the_first_use_starts_one_runtime_for_the_process() {
    in_time(|| {
        let of_one = of_one_runtime();
        smol::block_on(both_kinds_at_work());
        assert_eq!(reactors(), of_one, "{:?}", threads());
        assert_eq!(foreign_threads(), [""; 0], "of {:?}", threads());

        // Neither another crate nor another thread starts a second one.
        async_std::task::block_on(both_kinds_at_work());
        async_io::block_on(both_kinds_at_work());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| smol::block_on(both_kinds_at_work()));
            }
        });
        assert_eq!(reactors(), of_one, "{:?}", threads());
        assert_eq!(foreign_threads(), [""; 0], "of {:?}", threads());
    });
}
