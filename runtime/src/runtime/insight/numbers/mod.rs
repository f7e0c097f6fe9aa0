//! The numbers of a runtime as text: [`prometheus`], [`metrics_json`].
//!
//! Each number stands once, in one of the tables of [`table`]: its name, what it means, where it
//! comes from. What writes them goes through the tables, so a number that is added there is in
//! every form.

mod process;
mod table;
mod text;

pub use text::{metrics_json, prometheus};
