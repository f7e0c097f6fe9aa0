//! Runs unmodified programs under a seeded simulation of the operating system.
//!
//! Bugs of distributed programs are found by running the program many times under other schedules,
//! networks and crashes, and understood by replaying the one run that failed. This package does
//! both with the program as it is: std threads, `std::net`, any async runtime, any crate. It does
//! not simulate the runtime but what is below it: in a test that is linked with it, the functions
//! of libc go to a simulation, where one thread runs at a time, a seed decides which, and time is a
//! number.
//!
//! ```no_run
//! use runtime_sim::{Faults, Network, Sim};
//! use std::io::{Read, Write};
//! use std::net::{TcpListener, TcpStream};
//!
//! fn echo() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("0.0.0.0:7000")?;
//!     for stream in listener.incoming() {
//!         let mut stream = stream?;
//!         let mut byte = [0];
//!         stream.read_exact(&mut byte)?;
//!         stream.write_all(&byte)?;
//!     }
//!     Ok(())
//! }
//!
//! fn user() -> std::io::Result<()> {
//!     let mut stream = TcpStream::connect("server:7000")?;
//!     stream.write_all(b"x")?;
//!     let mut byte = [0];
//!     stream.read_exact(&mut byte)?;
//!     assert_eq!(&byte, b"x");
//!     Ok(())
//! }
//!
//! # /*
//! #[runtime_sim::test(seeds = 100)]
//! # */
//! fn an_echo_comes_back(sim: &mut Sim) {
//!     sim.host("server", echo);
//!     sim.client("user", user);
//!     sim.network(Network::wan());
//! }
//! # let _ = an_echo_comes_back;
//! ```
//!
//! Linux with glibc, on x86-64 and aarch64. `docs/simulation.md` says what is deterministic and
//! what is not, how to write a good test, and how to read a failure.
#![deny(unsafe_code)]

#[cfg(not(all(
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!(
    "runtime-sim simulates Linux with glibc on x86-64 and aarch64: make it a dependency of these \
     targets only"
);

mod child;
mod conductor;
mod faults;
mod interpose;
mod network;
mod os;
mod raw;
mod run;
mod sim;
mod world;

/// Makes a function that describes a world into a test that runs it under many seeds.
///
/// The function gets a [`Sim`], adds hosts and clients, and returns; then the world runs. It is no
/// `async fn`: each host brings its own runtime, as its `main` does.
///
/// A function without parameters is what the only client of a world does: a plain test becomes a
/// simulated one by this attribute. It must panic if it says `#[should_panic]`; with what text is
/// not looked at.
///
/// | argument         | what                                                                    |
/// |------------------|-------------------------------------------------------------------------|
/// | `seeds = N`      | how many seeds are run; 32 without it                                    |
/// | `first_seed = N` | the first of them; 0 without it                                          |
///
/// `#[runtime::test(simulate, seeds = N)]` is the same.
///
/// The environment takes precedence: `RUNTIME_SIM_SEEDS` is the number of seeds,
/// `RUNTIME_SIM_MINUTES` for how long to run instead, `RUNTIME_SIM_FIRST` the first seed,
/// `RUNTIME_SIM_JOBS` the number of processes, `RUNTIME_SIM_SEED` one seed to run alone with its
/// output shown, `RUNTIME_SIM_REPLAY` a file with such a run.
///
/// ```
/// use runtime_sim::Sim;
///
/// #[runtime_sim::test(seeds = 100)]
/// fn nobody_waits_for_ever(sim: &mut Sim) {
///     sim.client("user", || std::thread::sleep(std::time::Duration::from_secs(60)));
/// }
///
/// #[runtime_sim::test]
/// fn five_minutes_are_over_at_once() {
///     std::thread::sleep(std::time::Duration::from_secs(300));
/// }
/// ```
///
/// # Panics
///
/// The test does if a seed fails, with a report on standard error.
pub use runtime_macros::simulated_test as test;

pub use conductor::explore::{Deviation, Explorer};
pub use faults::{Fault, FaultKind, Faults};
pub use network::Network;
pub use run::job::{Failure, Outcome};
pub use run::{Found, Report, Test};
pub use sim::{Ending, Holds, Sim};
pub use world::{World, world};
