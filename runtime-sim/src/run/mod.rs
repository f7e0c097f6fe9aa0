//! Many seeds: processes that run them, the search for one that fails, and what is said of it.
//!
//! | file        | what                                                                     |
//! |-------------|--------------------------------------------------------------------------|
//! | `job.rs`    | what is asked of a process that runs seeds, and what it answers            |
//! | `server.rs` | such a process: it forks for each seed                                    |
//! | `search.rs` | the test: seeds on all cores, a replay, a report                          |
//! | `shrink.rs` | `ddmin`                                                                  |
//! | `trace.rs`  | events and traces, in files                                              |

pub(crate) mod job;
mod search;
mod server;
mod shrink;
pub(crate) mod trace;

pub use search::{Found, Report, Test};
