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
    /// The runtime: a descriptor is ready, a signal has come, or time was moved by hand.
    Driver,
    /// The runtime: a timer is due.
    Timer,
}

/// The words of [`WakeSource::Driver`] and [`WakeSource::Timer`]; no task has such a number.
const DRIVER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

thread_local! {
    /// Who this thread is while it polls no task.
    static ACTS_AS: Cell<WakeSource> = const { Cell::new(WakeSource::Outside) };
}

impl WakeSource {
    /// Who this thread is now.
    #[inline]
    pub(crate) fn here() -> WakeSource {
        current_id().map_or_else(|| ACTS_AS.get(), WakeSource::Task)
    }

    pub(super) fn to_word(self) -> u64 {
        match self {
            WakeSource::Outside => 0,
            WakeSource::Task(id) => id.as_u64(),
            WakeSource::Driver => DRIVER,
            WakeSource::Timer => TIMER,
        }
    }

    pub(super) fn from_word(word: u64) -> WakeSource {
        match word {
            DRIVER => WakeSource::Driver,
            TIMER => WakeSource::Timer,
            id => Id::from_u64(id).map_or(WakeSource::Outside, WakeSource::Task),
        }
    }
}

/// Until the guard is dropped, wakes on this thread count as the driver's, or as a timer's.
#[derive(Debug)]
pub(crate) struct AsDriver(WakeSource);

impl AsDriver {
    #[inline]
    pub(crate) fn enter() -> AsDriver {
        AsDriver(ACTS_AS.replace(WakeSource::Driver))
    }

    /// From here on it is timers that wake.
    #[inline]
    pub(crate) fn timers(&self) {
        ACTS_AS.set(WakeSource::Timer);
    }
}

impl Drop for AsDriver {
    #[inline]
    fn drop(&mut self) {
        ACTS_AS.set(self.0);
    }
}
