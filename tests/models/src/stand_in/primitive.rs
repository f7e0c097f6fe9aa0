//! loom's types under the names of `runtime`'s `engine::primitive`.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

#[path = "futex.rs"]
mod futex;
#[path = "../../../../runtime/src/engine/primitive/parker.rs"]
mod parker;

pub(crate) use loom::sync::Arc;
pub(crate) use parker::{Parker, Unparked};

/// loom has no time.
pub(crate) fn ticks() -> u64 {
    0
}

/// And so no rate.
pub(crate) fn ticks_in(_time: Duration) -> Option<u64> {
    None
}

pub(crate) fn process_began() -> std::time::Instant {
    std::time::Instant::now()
}

/// loom has no time: an alarm goes off as soon as it is set. Setting, clearing and waiting are in
/// one order, as under the kernel's lock.
#[derive(Debug)]
pub(crate) struct Alarm {
    is_set: loom::sync::Mutex<bool>,
    changed: loom::sync::Condvar,
}

impl Alarm {
    pub(crate) fn new() -> std::io::Result<Alarm> {
        Ok(Alarm { is_set: loom::sync::Mutex::new(false), changed: loom::sync::Condvar::new() })
    }

    pub(crate) fn set(&self, _delay: Duration) {
        *self.is_set.lock().unwrap() = true;
        self.changed.notify_one();
    }

    pub(crate) fn clear(&self) {
        *self.is_set.lock().unwrap() = false;
    }

    pub(crate) fn wait(&self) {
        let mut is_set = self.is_set.lock().unwrap();
        while !*is_set {
            is_set = self.changed.wait(is_set).unwrap();
        }
        *is_set = false;
    }
}

pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

pub(crate) mod hint {
    pub(crate) use loom::hint::spin_loop;
}

pub(crate) mod thread {
    pub(crate) use loom::thread::{Builder, JoinHandle, current, yield_now};

    /// Stands in for ticks, which no model uses: loom has no time.
    #[derive(Clone, Copy)]
    pub(crate) struct Usage;

    impl Usage {
        pub(crate) fn now() -> Option<Usage> {
            None
        }

        pub(crate) fn since(self) -> Option<Spent> {
            None
        }
    }

    pub(crate) struct Spent {
        pub(crate) computed: std::time::Duration,
        pub(crate) has_waited: bool,
    }
}

/// Yields between attempts, so that other threads go first.
#[derive(Debug)]
pub(crate) struct Backoff(());

impl Backoff {
    pub(crate) fn new() -> Backoff {
        Backoff(())
    }

    pub(crate) fn snooze(&self) {
        loom::thread::yield_now();
    }
}

#[derive(Debug)]
pub(crate) struct UnsafeCell<T: ?Sized>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(loom::cell::UnsafeCell::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T> UnsafeCell<std::mem::MaybeUninit<T>> {
    pub(crate) fn make_at(place: &mut std::mem::MaybeUninit<UnsafeCell<std::mem::MaybeUninit<T>>>) {
        place.write(UnsafeCell::new(std::mem::MaybeUninit::uninit()));
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    pub(crate) fn get_mut(&mut self) -> &mut T {
        // SAFETY: the exclusive borrow of the cell is the right to its value.
        self.0.with_mut(|value| unsafe { &mut *value })
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.0.with(f)
    }

    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }
}

#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    lock: &'a loom::sync::Mutex<T>,
    guard: Option<loom::sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(loom::sync::Mutex::new(value))
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { lock: &self.0, guard: Some(self.0.lock().unwrap()) }
    }

    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok().map(|guard| MutexGuard { lock: &self.0, guard: Some(guard) })
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Mutex<T> {
        Mutex::new(T::default())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.guard.as_ref().unwrap()
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().unwrap()
    }
}

#[derive(Debug)]
pub(crate) struct Condvar(loom::sync::Condvar);

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar(loom::sync::Condvar::new())
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let inner = guard.guard.take().unwrap();
        guard.guard = Some(self.0.wait(inner).unwrap());
    }

    /// loom has no time: the wait ends at once, as if its limit had passed.
    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, _timeout: Duration) -> bool {
        drop(guard.guard.take());
        loom::thread::yield_now();
        guard.guard = Some(guard.lock.lock().unwrap());
        true
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// If two are last at the same time, neither may get the value here: loom has no `into_inner`.
pub(crate) fn last_of<T>(reference: Arc<T>) -> Option<T> {
    Arc::try_unwrap(reference).ok()
}

macro_rules! const_fn {
    ($(#[$attribute:meta])* $visibility:vis const fn $($rest:tt)*) => {
        $(#[$attribute])* $visibility fn $($rest)*
    };
}
pub(crate) use const_fn;

pub(crate) mod sizes {
    /// One slot and the mark: every message crosses from one block into the next.
    pub(crate) const LIST_LAP: usize = 2;
    pub(crate) const RING_CHUNK: usize = 1;
    pub(crate) const FIRST_CHUNK: usize = 2;
    pub(crate) const MOST_WAITS: usize = 1;
    pub(crate) const TRIES: usize = 1;
    pub(crate) const STRIDE: usize = 1;
}

#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(loom::sync::RwLock<T>);

pub(crate) struct RwLockReadGuard<'a, T>(loom::sync::RwLockReadGuard<'a, T>);

pub(crate) struct RwLockWriteGuard<'a, T>(loom::sync::RwLockWriteGuard<'a, T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> RwLock<T> {
        RwLock(loom::sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard(self.0.read().unwrap())
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        RwLockWriteGuard(self.0.write().unwrap())
    }
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
