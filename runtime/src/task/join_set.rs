//! Many tasks of one kind, waited for in the order in which they end: [`JoinSet`].
//!
//! # Examples
//!
//! See [`JoinSet`].

// # Problem
//
// The next task to end is one of many, and the cost to find it must not grow with their number. So
// each task has a waker of its own that lists its key (`engine/ready_list.rs`), and only listed
// tasks are polled.
//
// # Slots
//
// The handles are in a table; a task's key is its index there. A slot keeps its waker when its task
// has been joined, so that the next task needs no new one. A waker may be called late, for a task
// that has left its slot: then the slot's new task is polled once in vain, with the waker that it
// has already.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{Location, resume_unwind};
use std::task::{Context, Poll, Waker, ready};

use super::local_set::spawn_local_as;
use super::spawn::{spawn_blocking_here, spawn_here};
use super::{AbortHandle, Id, JoinError, JoinHandle, LocalSet};
use crate::Handle;
use crate::engine::coop;
use crate::engine::insight::{Kind, Wait};
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::messages;
use crate::engine::primitive::Arc;
use crate::engine::ready_list::{self, ReadyList};
use crate::engine::task::{Identity, Priority};
use crate::runtime::context;

/// How many of the tasks of [`JoinSet::spawn_all`] become runnable together.
const TOGETHER: usize = 64;

/// The slots that an empty set keeps for its next tasks.
const KEPT_SLOTS: usize = 64;

/// Tasks that are waited for together, in the order in which they end.
///
/// All of them have the same type of output. When the set is dropped, all of its tasks are aborted.
/// The cost of waiting for the next task does not depend on their number.
///
/// # Examples
///
/// ```
/// use runtime::task::JoinSet;
///
/// #[runtime::main]
/// async fn main() {
///     let mut set = JoinSet::new();
///     for i in 0..10 {
///         set.spawn(async move { i * i });
///     }
///     let mut sum = 0;
///     while let Some(square) = set.join_next().await {
///         sum += square.unwrap();
///     }
///     assert_eq!(sum, 285);
/// }
/// ```
pub struct JoinSet<T> {
    slots: Vec<Slot<T>>,
    /// Slots without a task.
    free: Vec<u32>,
    /// Keys that were collected and not yet polled.
    collected: VecDeque<u32>,
    ready: Arc<ReadyList>,
}

struct Slot<T> {
    task: Option<JoinHandle<T>>,
    waker: Waker,
}

impl<T> JoinSet<T> {
    /// A set without tasks.
    ///
    /// # Examples
    ///
    /// See [`JoinSet`].
    pub fn new() -> JoinSet<T> {
        JoinSet {
            slots: Vec::new(),
            free: Vec::new(),
            collected: VecDeque::new(),
            ready: Arc::default(),
        }
    }

    /// The number of tasks in the set: running ones, and ended ones that were not joined yet.
    ///
    /// # Examples
    ///
    /// See [`join_next`](Self::join_next).
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether the set has no task.
    ///
    /// # Examples
    ///
    /// See [`join_next`](Self::join_next).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert(&mut self, task: JoinHandle<T>) -> AbortHandle {
        let abort = task.abort_handle();
        self.put(task);
        abort
    }

    #[inline]
    fn put(&mut self, mut task: JoinHandle<T>) {
        let key = match self.free.pop() {
            Some(key) => key,
            None => {
                let key = u32::try_from(self.slots.len()).expect("2^32 tasks do not fit in memory");
                self.slots.push(Slot { task: None, waker: ready_list::waker(&self.ready, key) });
                key
            }
        };
        let slot = &mut self.slots[key as usize];
        if task.is_ready(&slot.waker) {
            self.ready.push(key);
        }
        slot.task = Some(task);
    }

    /// The output of the task with this key, if it has ended: then the task leaves the set.
    fn take(&mut self, key: u32) -> Option<(Id, Result<T, JoinError>)> {
        let slot = self.slots.get_mut(key as usize)?;
        let task = slot.task.as_mut()?;
        if !task.is_ready(&slot.waker) {
            return None;
        }
        let ended = (task.id(), task.take_output());
        slot.task = None;
        self.free.push(key);
        self.shrink_if_empty();
        Some(ended)
    }

    /// Frees the memory of a set that was large and is empty.
    fn shrink_if_empty(&mut self) {
        if self.is_empty() && self.slots.len() > KEPT_SLOTS {
            self.slots.truncate(KEPT_SLOTS);
            self.slots.shrink_to_fit();
            self.free = (0..KEPT_SLOTS as u32).collect();
            // Drops late keys, of tasks that are gone. One queue is here, the other in the list.
            self.collected = VecDeque::new();
            self.ready.collect(&mut self.collected);
            self.collected = VecDeque::new();
        }
    }

    fn tasks(&self) -> impl Iterator<Item = &JoinHandle<T>> {
        self.slots.iter().filter_map(|slot| slot.task.as_ref())
    }

    /// The first of the collected tasks that has ended.
    fn take_collected(&mut self) -> Option<(Id, Result<T, JoinError>)> {
        while let Some(key) = self.collected.pop_front() {
            if let Some(ended) = self.take(key) {
                return Some(ended);
            }
        }
        None
    }

    fn try_take_next(&mut self) -> Option<(Id, Result<T, JoinError>)> {
        loop {
            if let Some(ended) = self.take_collected() {
                return Some(ended);
            }
            if !self.ready.collect(&mut self.collected) {
                return None;
            }
        }
    }

    fn poll_take_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Id, Result<T, JoinError>)>> {
        if self.is_empty() {
            return Poll::Ready(None);
        }
        let unit = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(ended) = self.take_collected() {
                unit.made_progress();
                return Poll::Ready(Some(ended));
            }
            if !self.ready.poll_collect(&mut self.collected, cx.waker()) {
                return unit.pending(|| Wait::new(Kind::JoinSet, self.len() as u64));
            }
        }
    }

    /// Waits for the next task to end and takes it out of the set: its output, or why there is
    /// none. `None` if the set is empty.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if another branch of a `select!` wins, no task has left the set.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::JoinSet;
    ///
    /// let mut set = JoinSet::new();
    /// for n in 1..=3 {
    ///     set.spawn(async move { n * 10 });
    /// }
    /// assert_eq!(set.len(), 3);
    /// let mut sum = 0;
    /// // In the order in which they end.
    /// while let Some(result) = set.join_next().await {
    ///     sum += result.unwrap();
    /// }
    /// assert_eq!(sum, 60);
    /// assert!(set.is_empty());
    /// # }
    /// ```
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// As [`join_next`](JoinSet::join_next), with the task's id. A [`JoinError`] has the id itself.
    ///
    /// # Cancel safety
    ///
    /// As [`join_next`](JoinSet::join_next).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::JoinSet;
    ///
    /// let mut set = JoinSet::new();
    /// let task = set.spawn(async { "done" });
    /// let (id, output) = set.join_next_with_id().await.unwrap().unwrap();
    /// assert_eq!((id, output), (task.id(), "done"));
    /// # }
    /// ```
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// Takes a task that has ended out of the set, without waiting. `None` if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::JoinSet;
    ///
    /// let mut set = JoinSet::new();
    /// set.spawn(async { 1 });
    /// // Take what has ended, without waiting.
    /// let first = loop {
    ///     if let Some(result) = set.try_join_next() {
    ///         break result.unwrap();
    ///     }
    ///     runtime::task::yield_now().await;
    /// };
    /// assert_eq!(first, 1);
    /// assert!(set.try_join_next_with_id().is_none());
    /// # }
    /// ```
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.try_take_next().map(|(_, result)| result)
    }

    /// As [`try_join_next`](JoinSet::try_join_next), with the task's id.
    ///
    /// # Examples
    ///
    /// See [`try_join_next`](Self::try_join_next).
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        self.try_take_next().map(with_id)
    }

    /// Polls for the next task to end, as [`join_next`](JoinSet::join_next) does.
    ///
    /// `Ready(None)` if the set is empty. If `Pending`, the waker of the last call is called when a
    /// task ends.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use runtime::task::JoinSet;
    ///
    /// let mut set = JoinSet::new();
    /// set.spawn(async { 1 });
    /// let result = poll_fn(|cx| set.poll_join_next(cx)).await;
    /// assert_eq!(result.unwrap().unwrap(), 1);
    /// # }
    /// ```
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_take_next(cx).map(|ended| ended.map(|(_, result)| result))
    }

    /// As [`poll_join_next`](JoinSet::poll_join_next), with the task's id.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use runtime::task::JoinSet;
    ///
    /// let mut set = JoinSet::new();
    /// let task = set.spawn(async { 1 });
    /// let result = poll_fn(|cx| set.poll_join_next_with_id(cx)).await;
    /// assert_eq!(result.unwrap().unwrap(), (task.id(), 1));
    /// # }
    /// ```
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        self.poll_take_next(cx).map(|ended| ended.map(with_id))
    }

    /// Waits for all tasks and yields their outputs, in the order in which they ended.
    ///
    /// # Panics
    ///
    /// With the panic of the first task that panicked, or if a task was aborted. The other tasks
    /// are then aborted.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: the set and all of its tasks are dropped with it.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// let set: runtime::task::JoinSet<_> = (0..3).map(|i| async move { i }).collect();
    /// let mut all = set.join_all().await;
    /// all.sort();
    /// assert_eq!(all, [0, 1, 2]);
    /// # }
    /// ```
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(result) = self.join_next().await {
            match result {
                Ok(output) => outputs.push(output),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => resume_unwind(panic),
                    Err(error) => panic!("{error}"),
                },
            }
        }
        outputs
    }

    /// Aborts all tasks and waits until they have ended. Their outputs are dropped.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: all tasks are aborted in any case. Tasks that were not waited for stay in the
    /// set.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::JoinSet;
    ///
    /// let mut set = JoinSet::new();
    /// set.spawn(std::future::pending::<()>());
    /// // Aborts all, and waits until they have gone.
    /// set.shutdown().await;
    /// assert!(set.is_empty());
    /// # }
    /// ```
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Aborts all tasks. They stay in the set until they are joined.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::JoinSet;
    ///
    /// let mut set = JoinSet::new();
    /// set.spawn(std::future::pending::<()>());
    /// set.abort_all();
    /// let error = set.join_next().await.unwrap().unwrap_err();
    /// assert!(error.is_cancelled());
    /// # }
    /// ```
    pub fn abort_all(&mut self) {
        self.tasks().for_each(JoinHandle::abort);
    }

    /// Takes all tasks out of the set without aborting them: they keep running.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::sync::oneshot;
    /// use runtime::task::JoinSet;
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// let mut set = JoinSet::new();
    /// set.spawn(async move { sender.send("still running").unwrap() });
    /// // From now on they belong to nobody: dropping the set does not stop them.
    /// set.detach_all();
    /// drop(set);
    /// assert_eq!(receiver.await, Ok("still running"));
    /// # }
    /// ```
    pub fn detach_all(&mut self) {
        self.slots.clear();
        self.free.clear();
        self.collected.clear();
        // Late wakers of these tasks must not list the keys of the next ones.
        self.ready = Arc::default();
    }
}

fn with_id<T>((id, result): (Id, Result<T, JoinError>)) -> Result<(Id, T), JoinError> {
    result.map(|output| (id, output))
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task on the current runtime and puts it in the set.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Examples
    ///
    /// See [`JoinSet`].
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.spawn_as(task, Identity::at(Location::caller()))
    }

    /// Spawns each of the futures on the current runtime and puts the tasks in the set. It costs
    /// less than to [`spawn`](Self::spawn) one after the other: 64 at a time become runnable
    /// together, and other workers are told of them once.
    ///
    /// A task may wait for the 63 futures after it before it begins, so the iterator must not wait
    /// for a task. The tasks begin in the order of the futures, as far as one worker runs them.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// let mut set = runtime::task::JoinSet::new();
    /// set.spawn_all((0..1000u64).map(|n| async move { n * n }));
    /// assert_eq!(set.len(), 1000);
    /// assert_eq!(set.join_all().await.into_iter().sum::<u64>(), 332_833_500);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_all<I>(&mut self, tasks: I)
    where
        I: IntoIterator<Item: Future<Output = T> + Send + 'static>,
        T: Send,
    {
        let identity = Identity::at(Location::caller());
        let handle = context::expect();
        let mut tasks = tasks.into_iter();
        let room = tasks.size_hint().0.clamp(1, TOGETHER);
        let (mut futures, mut batch) = (Vec::with_capacity(room), handle.spawn_together(room));
        loop {
            futures.extend(tasks.by_ref().take(TOGETHER));
            let is_last = futures.len() < TOGETHER;
            for future in futures.drain(..) {
                self.put(batch.spawn(future, identity));
            }
            batch.publish();
            if is_last {
                return;
            }
        }
    }

    /// Spawns a task on the runtime of `handle` and puts it in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::task::JoinSet;
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// let mut set = JoinSet::new();
    /// set.spawn_on(async { 1 }, runtime.handle());
    /// set.spawn_blocking_on(|| 2, runtime.handle());
    /// assert_eq!(runtime.block_on(set.join_all()).len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_as(task, Identity::at(Location::caller())))
    }

    /// Spawns a task on the current [`LocalSet`] or
    /// [`LocalRuntime`](crate::runtime::LocalRuntime) and puts it in the set.
    ///
    /// # Panics
    ///
    /// Outside both.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "local")]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// use runtime::task::JoinSet;
    ///
    /// let text = Rc::new("not Send");
    /// let mut set = JoinSet::new();
    /// set.spawn_local(async move { text.len() });
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 8);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(spawn_local_as(task, Identity::at(Location::caller())))
    }

    /// Spawns a task on a [`LocalSet`] and puts it in this set. It runs when the `LocalSet` is
    /// polled.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::rc::Rc;
    /// use runtime::task::{JoinSet, LocalSet};
    ///
    /// let local = LocalSet::new();
    /// let text = Rc::new("not Send");
    /// let mut set = JoinSet::new();
    /// set.spawn_local_on(async move { text.len() }, &local);
    /// local.await;
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 8);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.insert(local_set.spawn_as(task, Identity::at(Location::caller())))
    }

    /// Runs a closure on the current runtime's blocking pool, as a task of the set.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// let mut set = runtime::task::JoinSet::new();
    /// for i in 0..3 {
    ///     set.spawn_blocking(move || i);
    /// }
    /// assert_eq!(set.join_all().await.len(), 3);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, f: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.spawn_blocking_as(f, Identity::at(Location::caller()))
    }

    /// Runs a closure on the blocking pool of `handle`'s runtime, as a task of the set.
    ///
    /// # Examples
    ///
    /// See [`spawn_on`](Self::spawn_on).
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, f: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.insert(handle.spawn_blocking_as(f, Identity::at(Location::caller())))
    }

    /// Builds a task with a name, to be spawned in the set.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let mut set = runtime::task::JoinSet::new();
    /// set.build_task().name("answer").spawn(async { 42 })?;
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder { set: self, name: None, priority: Priority::Normal }
    }

    #[track_caller]
    fn spawn_as<F>(&mut self, task: F, identity: Identity<'_>) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let size = FullSize::of::<F>();
        self.insert(large_on_heap!(task: F => spawn_here(task, identity.of_size(size))))
    }

    #[track_caller]
    fn spawn_blocking_as<F>(&mut self, f: F, identity: Identity<'_>) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let size = FullSize::of::<F>();
        self.insert(large_on_heap!(closure f: F => spawn_blocking_here(f, identity.of_size(size))))
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> JoinSet<T> {
        JoinSet::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Spawns each future on the current runtime.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> JoinSet<T> {
        let mut set = JoinSet::new();
        set.extend(futures);
        set
    }
}

/// Spawns each future on the current runtime.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    fn extend<I: IntoIterator<Item = F>>(&mut self, futures: I) {
        for future in futures {
            self.spawn(future);
        }
    }
}

/// Spawns a task with a name in a [`JoinSet`]. Made by [`JoinSet::build_task`].
///
/// # Examples
///
/// A name for each task of the set, on whatever it runs:
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::runtime::Handle;
/// use runtime::task::{JoinSet, LocalSet};
///
/// let handle = Handle::current();
/// let local = LocalSet::new();
/// let mut set = JoinSet::new();
/// set.build_task().name("one").spawn(async { 1 })?;
/// set.build_task().name("two").spawn_on(async { 2 }, &handle)?;
/// set.build_task().name("three").spawn_blocking(|| 3)?;
/// set.build_task().name("four").spawn_blocking_on(|| 4, &handle)?;
/// set.build_task().name("five").spawn_local_on(async { 5 }, &local)?;
/// local.await;
/// assert_eq!(set.join_all().await.iter().sum::<i32>(), 15);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until something is spawned with it"]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    name: Option<&'a str>,
    priority: Priority,
}

impl<'a, T: 'static> Builder<'a, T> {
    /// The task's name, which reports show. It need not be unique.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn name(self, name: &'a str) -> Builder<'a, T> {
        Builder { name: Some(name), ..self }
    }

    /// How urgent the task is. See
    /// [`task::Builder::priority`](crate::task::Builder::priority).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> std::io::Result<()> {
    /// use runtime::task::{JoinSet, Priority};
    ///
    /// let mut set = JoinSet::new();
    /// set.build_task().priority(Priority::Background).spawn(async { 42 })?;
    /// assert_eq!(set.join_next().await.unwrap().unwrap(), 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn priority(self, priority: Priority) -> Builder<'a, T> {
        Builder { priority, ..self }
    }

    fn identity(&self, location: &'static Location<'static>) -> Identity<'a> {
        Identity::new(self.name, location).with_priority(self.priority)
    }

    /// # Errors
    ///
    /// If it has a priority.
    fn identity_of_job(&self, location: &'static Location<'static>) -> io::Result<Identity<'a>> {
        match self.priority {
            Priority::Normal => Ok(Identity::new(self.name, location)),
            Priority::Background => Err(messages::no_priority_for_a_job()),
        }
    }

    /// See [`JoinSet::spawn`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let identity = self.identity(Location::caller());
        Ok(self.set.spawn_as(future, identity))
    }

    /// See [`JoinSet::spawn_on`].
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let identity = self.identity(Location::caller());
        Ok(self.set.insert(handle.spawn_as(future, identity)))
    }

    /// See [`JoinSet::spawn_blocking`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Errors
    ///
    /// If it has a [priority](Self::priority).
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    #[track_caller]
    pub fn spawn_blocking<F>(self, f: F) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let identity = self.identity_of_job(Location::caller())?;
        Ok(self.set.spawn_blocking_as(f, identity))
    }

    /// See [`JoinSet::spawn_blocking_on`].
    ///
    /// # Errors
    ///
    /// If it has a [priority](Self::priority).
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    #[track_caller]
    pub fn spawn_blocking_on<F>(self, f: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let identity = self.identity_of_job(Location::caller())?;
        Ok(self.set.insert(handle.spawn_blocking_as(f, identity)))
    }

    /// See [`JoinSet::spawn_local`].
    ///
    /// # Panics
    ///
    /// Outside a [`LocalSet`] and a [`LocalRuntime`](crate::runtime::LocalRuntime).
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "local")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::task::JoinSet;
    ///
    /// let mut set = JoinSet::new();
    /// set.build_task().name("local").spawn_local(async { std::rc::Rc::new(1) })?;
    /// assert_eq!(*set.join_next().await.unwrap()?, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        let identity = self.identity(Location::caller());
        Ok(self.set.insert(spawn_local_as(future, identity)))
    }

    /// See [`JoinSet::spawn_local_on`].
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        let identity = self.identity(Location::caller());
        Ok(self.set.insert(local_set.spawn_as(future, identity)))
    }
}
