//! Benchmarks: every workload written once, on this runtime and on its peers.
//!
//! `peers` says what a workload may ask of a runtime; `workloads` holds the workloads; `harness` runs them
//! interleaved; `table` and `plot` write down what came out. `serve` and `load` are the two ends of the
//! workloads that need processes of their own.

pub mod alloc;
pub mod harness;
pub mod load;
pub mod measure;
pub mod peers;
pub mod plot;
pub mod serve;
pub mod table;
pub mod workloads;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;
