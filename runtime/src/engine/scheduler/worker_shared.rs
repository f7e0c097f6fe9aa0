//! A worker's slot in the pool: what other threads see of the worker.
//!
//! The table of all slots: `worker_table.rs`. Which thread holds which slot: `spares.rs`.

use std::sync::OnceLock;
use std::thread::ThreadId;

use super::lifo_slot::LifoSlot;
use super::metrics::WorkerCounters;
use super::observe::Observe;
use super::queue::{Local, Stealer};
use super::silence::Silence;
use crate::engine::insight::recorder::Owner;
use crate::engine::primitive::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::engine::primitive::{Mutex, Parker};
use crate::engine::task::Watch;

/// A worker's slot.
#[derive(Debug)]
pub(crate) struct WorkerShared {
    pub(super) watch: Watch,
    pub(super) lifo_slot: LifoSlot,
    pub(super) counters: WorkerCounters,
    pub(super) parker: Parker,
    /// Says that its thread is in `block_in_place`, which is not reported. Written by the owner.
    pub(super) silence: Silence,
    /// Whether its thread is to make a visit after this poll. Set by the monitor.
    called: AtomicBool,
    /// How long a poll takes here at present, in nanoseconds. Written by the owner.
    pace: AtomicU64,
    /// Made when the first thread takes the slot, and never changed.
    stealer: OnceLock<Stealer>,
    /// The queue while no thread has it.
    local: Mutex<Option<Local>>,
    /// The kernel's number of the thread on this slot; 0 if unknown.
    tid: AtomicU32,
    /// The standard library's id of that thread.
    thread: Mutex<Option<ThreadId>>,
}

impl WorkerShared {
    pub(super) fn new(number: usize, observe: &Observe) -> WorkerShared {
        WorkerShared {
            watch: Watch::new(),
            lifo_slot: LifoSlot::new(),
            counters: observe.counters(number as u32, Owner::Worker(number as u32)),
            parker: Parker::new(),
            silence: Silence::new(),
            called: AtomicBool::new(false),
            pace: AtomicU64::new(0),
            stealer: OnceLock::new(),
            local: Mutex::new(None),
            tid: AtomicU32::new(0),
            thread: Mutex::new(None),
        }
    }

    /// Stores the queue of a thread that leaves, for the next one.
    pub(super) fn put_queue(&self, local: Local) {
        *self.local.lock() = Some(local);
        *self.thread.lock() = None;
    }

    /// The queue, for the thread that takes the slot.
    pub(super) fn take_queue(&self) -> Local {
        let local = self.local.lock().take().unwrap_or_else(Local::new);
        let _ = self.stealer.set(local.stealer());
        local
    }

    pub(super) fn stealer(&self) -> Option<&Stealer> {
        self.stealer.get()
    }

    /// Whether its queue holds something that can be stolen.
    pub(super) fn has_queued(&self) -> bool {
        self.stealer().is_some_and(|stealer| !stealer.is_empty())
    }

    pub(crate) fn queue_len(&self) -> usize {
        self.stealer().map_or(0, Stealer::len) + usize::from(!self.lifo_slot.is_empty())
    }

    /// Whether the owner is to make a visit. A hint: publishes nothing.
    #[inline]
    pub(super) fn is_called(&self) -> bool {
        self.called.load(Ordering::Relaxed)
    }

    pub(super) fn call(&self, to_look_around: bool) {
        self.called.store(to_look_around, Ordering::Relaxed);
    }

    /// How many tasks are in the queue.
    pub(super) fn queued(&self) -> u64 {
        self.stealer().map_or(0, Stealer::len) as u64
    }

    /// How long a poll takes here at present, in nanoseconds.
    pub(super) fn pace(&self) -> u64 {
        self.pace.load(Ordering::Relaxed)
    }

    /// Called by the owner. A hint for others: publishes nothing.
    pub(super) fn set_pace(&self, nanoseconds: u64) {
        self.pace.store(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    /// The thread on this slot.
    pub(crate) fn thread_id(&self) -> Option<ThreadId> {
        *self.thread.lock()
    }

    pub(super) fn set_tid(&self) {
        *self.thread.lock() = Some(std::thread::current().id());
        self.tid.store(crate::engine::primitive::thread::os_id(), Ordering::Relaxed);
    }

    pub(crate) fn tid(&self) -> u32 {
        self.tid.load(Ordering::Relaxed)
    }
}
