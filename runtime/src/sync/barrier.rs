//! A barrier: a point that a number of tasks pass together.

use std::panic::Location;

use super::Notify;
use crate::engine::insight::{Kind, Object};
use crate::engine::primitive::Mutex;
use crate::engine::trace::resource::Resource;

/// Holds tasks back until a given number have arrived; then all pass, and it is closed again.
///
/// # Examples
///
/// ```
/// # runtime::Runtime::new().unwrap().block_on(async {
/// use runtime::sync::Barrier;
///
/// let barrier = Barrier::new(2);
/// let (a, b) = runtime::join!(barrier.wait(), barrier.wait());
/// assert!(a.is_leader() != b.is_leader());
/// # });
/// ```
#[derive(Debug)]
pub struct Barrier {
    state: Mutex<State>,
    opened: Notify,
    size: usize,
    resource: Resource,
}

#[derive(Debug)]
struct State {
    arrived: usize,
    /// How often it has opened.
    openings: usize,
}

impl Barrier {
    /// A barrier for `n` tasks. With 0 or 1 no task waits.
    ///
    /// # Examples
    ///
    /// See [`Barrier`].
    #[track_caller]
    pub fn new(n: usize) -> Barrier {
        let size = n.max(1);
        let place = Location::caller();
        let resource = Resource::barrier(place, size);
        let opened = Notify::part_of(Object::new(Kind::Barrier, place));
        let state = Mutex::new(State { arrived: 0, openings: 0 });
        Barrier { state, opened, size, resource }
    }

    /// Waits for the others. The task that arrives last is the leader.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: a task whose wait is dropped still counts as arrived.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::sync::Arc;
    /// use runtime::sync::Barrier;
    ///
    /// let barrier = Arc::new(Barrier::new(2));
    /// let other = runtime::spawn({
    ///     let barrier = barrier.clone();
    ///     async move { barrier.wait().await.is_leader() }
    /// });
    /// let here = barrier.wait().await.is_leader();
    /// // One of the two leads.
    /// assert!(here != other.await.unwrap());
    /// # }
    /// ```
    pub async fn wait(&self) -> BarrierWaitResult {
        self.resource.wait("Barrier::wait", "poll", || self.come_and_wait()).await
    }

    async fn come_and_wait(&self) -> BarrierWaitResult {
        let Some(openings) = self.arrive() else {
            self.opened.notify_waiters(); // wake: barrier.wait
            return BarrierWaitResult(true);
        };
        loop {
            // Get in line first, then look. A notification may be of an earlier opening, so the
            // count decides.
            let opened = self.opened.notified();
            if self.state.lock().openings != openings {
                return BarrierWaitResult(false);
            }
            opened.await;
        }
    }

    /// Counts an arrival. `None` if it opens the barrier, else how often it has opened before.
    fn arrive(&self) -> Option<usize> {
        let mut state = self.state.lock();
        state.arrived = (state.arrived + 1) % self.size;
        let (arrived, before) = (state.arrived, state.openings);
        if arrived == 0 {
            state.openings = before.wrapping_add(1);
        }
        drop(state);
        self.resource.arrived(arrived == 0);
        (arrived != 0).then_some(before)
    }
}

/// What [`Barrier::wait`] returns.
///
/// # Examples
///
/// See [`Barrier::wait`].
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this task arrived last. That is true for exactly one task of each opening.
    ///
    /// # Examples
    ///
    /// See [`Barrier`].
    pub fn is_leader(&self) -> bool {
        self.0
    }
}
