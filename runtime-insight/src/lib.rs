//! Looks into running programs of the crate `runtime` from outside: which tasks there are, what
//! each does and waits for, the numbers of the runtime.
//!
//! A program lets others of the same user in when it was started with `RUNTIME_INSIGHT=1`, or was
//! built with `Builder::insight`. It answers on a thread of its own, so also while all its workers
//! are stuck. The command `runtime-insight` does what this library does, for people.
//!
//! | to | use |
//! |---|---|
//! | know which programs there are | [`programs`] |
//! | ask one | [`Client::attach`] |
//! | see it in a browser | [`Viewer`]; from inside the program [`page`] |
//! | read the answers | [`Hello`], [`Dump`], [`Metrics`] |
//! | find the lines of a report's stacks | [`Lines`] |
//! | look at what threads did, in the Perfetto UI | [`perfetto::convert`] |
//!
//! Everything here blocks the calling thread, up to a limit.
//!
//! # Examples
//!
//! ```no_run
//! use runtime_insight::Client;
//!
//! for found in runtime_insight::programs() {
//!     println!("{}", found.pid);
//! }
//! let mut client = Client::attach(4711)?;
//! for runtime in client.dump()?.runtimes {
//!     for task in runtime.tasks {
//!         println!("task {} of {}: {}", task.id, task.spawned_at, task.state);
//!     }
//! }
//! # Ok::<(), runtime_insight::Error>(())
//! ```
#![warn(missing_docs)]
#![forbid(unsafe_code)]

mod answers;
mod client;
mod error;
mod lines;
mod page;
pub mod perfetto;
mod places;
// For the command, which is a crate of its own.
#[doc(hidden)]
pub mod protobuf;

pub use answers::{
    Dump, Hello, Job, Metrics, Root, RuntimeDump, RuntimeInfo, RuntimeNumbers, Task, Wait,
};
pub use client::Client;
pub use error::Error;
pub use lines::Lines;
pub use page::{Page, Viewer, page};
pub use places::{Found, programs};
