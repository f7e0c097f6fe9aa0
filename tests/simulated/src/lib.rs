//! The promises of `runtime` about the network, time, synchronization and tasks, on a simulated
//! operating system: each test of the files below is the only client of a world, and runs with
//! several seeds. `exceptions.txt` has those that cannot, each with its reason.
//!
//! ```sh
//! cargo xtask simulate tests
//! ```
