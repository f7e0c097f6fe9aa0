//! Benchmarks: every workload written once, on this runtime and on its peers.
//!
//! `peers` says what a workload may ask of a runtime; `workloads` holds the workloads; `harness`
//! runs them interleaved; `table` and `plot` write down what came out. `serve` and `load` are the
//! two ends of the workloads that need processes of their own. `under_load` holds what is measured
//! beside busy processes.

pub mod alloc;
pub mod harness;
pub mod load;
pub mod measure;
pub mod peers;
pub mod plot;
pub mod serve;
pub mod table;
pub mod under_load;
pub mod workloads;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;
