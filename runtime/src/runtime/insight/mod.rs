//! What can be seen from outside of a runtime: see [`crate::insight`].

#[cfg_attr(not(feature = "insight"), path = "attach_off.rs")]
pub(super) mod attach;
mod collect;
#[cfg_attr(not(feature = "insight"), allow(dead_code, reason = "nobody asks for a trace"))]
mod decimal;
mod dump;
mod json;
#[cfg_attr(not(feature = "insight"), allow(dead_code, reason = "nobody looks"))]
mod lints;
mod numbers;
#[cfg_attr(not(feature = "insight"), allow(dead_code, reason = "there is nothing to switch on"))]
mod settings;
mod stacks;
mod stuck;
mod trace;

pub use crate::engine::insight::WaitKind;
pub use dump::{
    BlockingInfo, DescriptorInfo, RootInfo, Stacks, TaskDump, TaskInfo, TaskPlace, TaskState,
    WaitInfo, WokenBy,
};
pub use lints::{Finding, FindingKind};
pub use numbers::{metrics_json, prometheus};
pub use settings::Insight;
pub use trace::Trace;
