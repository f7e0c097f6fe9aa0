//! The local sets of the process. They belong to no runtime. A dump shows those that were polled in
//! its runtime.

use std::sync::Arc;

use crate::engine::insight::Stacks;
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::scheduler::{LocalList, LocalTasks, Observe};

/// Whether any runtime of the process is observed. No pair: a set that is made at the same moment
/// may be observed or not.
static IS_ON: AtomicBool = AtomicBool::new(false);

static ALL: Mutex<Vec<LocalList>> = Mutex::new(Vec::new());

/// Where the stacks of tasks are left: the same for all runtimes and sets.
pub(super) fn stacks() -> Arc<Stacks> {
    static STACKS: std::sync::OnceLock<Arc<Stacks>> = std::sync::OnceLock::new();
    Arc::clone(STACKS.get_or_init(Arc::default))
}

/// Notes that a runtime is observed.
pub(super) fn switch_on() {
    IS_ON.store(true, Ordering::Relaxed);
}

/// How a new set is observed.
pub(crate) fn observe() -> Observe {
    let mut observe = Observe::default();
    if IS_ON.load(Ordering::Relaxed) {
        observe.insight = true;
        observe.stacks = stacks();
    }
    observe.ready()
}

/// Puts a new set on the list, if it is observed.
pub(crate) fn add(tasks: &LocalTasks) {
    if IS_ON.load(Ordering::Relaxed) {
        let mut all = ALL.lock();
        all.retain(LocalList::is_alive);
        all.push(tasks.list());
    }
}

/// The sets that were last polled in the runtime with this number.
pub(super) fn of_runtime(id: u64) -> Vec<LocalList> {
    let mut all = ALL.lock();
    all.retain(LocalList::is_alive);
    all.iter().filter(|set| set.was_in(id)).cloned().collect()
}
