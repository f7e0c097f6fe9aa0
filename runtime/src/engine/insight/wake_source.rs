//! Who wakes a task.

use std::cell::Cell;

use crate::engine::task_id::{Id, current_id};

/// Who wakes a task, or spawns it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WakeSource {
    /// A thread that polls no task: of the program, or a blocking job.
    #[default]
    Outside,
    /// A task, in its poll.
    Task(Id),
    /// The runtime: a descriptor is ready, or a timer is due.
    Driver,
}

/// The word of [`WakeSource::Driver`]; no task has that number.
const DRIVER: u64 = u64::MAX;

thread_local! {
    static IS_DRIVER: Cell<bool> = const { Cell::new(false) };
}

impl WakeSource {
    /// Who this thread is now.
    #[inline]
    pub(crate) fn here() -> WakeSource {
        match current_id() {
            Some(id) => WakeSource::Task(id),
            None if IS_DRIVER.get() => WakeSource::Driver,
            None => WakeSource::Outside,
        }
    }

    pub(super) fn to_word(self) -> u64 {
        match self {
            WakeSource::Outside => 0,
            WakeSource::Task(id) => id.as_u64(),
            WakeSource::Driver => DRIVER,
        }
    }

    pub(super) fn from_word(word: u64) -> WakeSource {
        match word {
            DRIVER => WakeSource::Driver,
            id => Id::from_u64(id).map_or(WakeSource::Outside, WakeSource::Task),
        }
    }
}

/// Until the guard is dropped, wakes on this thread count as the driver's.
#[derive(Debug)]
pub(crate) struct AsDriver(bool);

impl AsDriver {
    #[inline]
    pub(crate) fn enter() -> AsDriver {
        AsDriver(IS_DRIVER.replace(true))
    }
}

impl Drop for AsDriver {
    #[inline]
    fn drop(&mut self) {
        IS_DRIVER.set(self.0);
    }
}
