//! Tasks that stay on one thread: [`LocalSet`] and [`spawn_local`].

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::messages;
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::scheduler::{LocalTasks, Poller};
use crate::engine::task::scope::Membership;
use crate::engine::task::{Identity, JoinHandle, PanicSink, UnseenPanic};
use crate::runtime::local_sets;
use crate::runtime::panics::report_alone;
use crate::runtime::this_thread::{self, LocalEnterGuard, enter_local};
use crate::runtime::{self, UnhandledPanic, context};
use crate::{Handle, Runtime};

/// Tasks that run on the thread of this set, so their futures need not be `Send`.
///
/// The set is a future: its tasks run while it, or a future made by
/// [`run_until`](LocalSet::run_until), is being polled. The set completes when all of its tasks
/// have. Dropping it drops them.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// #[runtime::main]
/// async fn main() {
///     let local = runtime::task::LocalSet::new();
///     let length = local
///         .run_until(async {
///             let text = Rc::new("not Send");
///             runtime::task::spawn_local(async move { text.len() }).await.unwrap()
///         })
///         .await;
///     assert_eq!(length, 8);
/// }
/// ```
pub struct LocalSet {
    tasks: LocalTasks,
    /// The poller of the set itself as a future.
    poller: Poller,
    panics: Arc<SetPanics>,
    id: runtime::Id,
}

/// How a set handles the panics of its tasks.
#[derive(Default)]
struct SetPanics {
    /// `None`: the policy of the runtime in which the set runs.
    policy: Mutex<Option<UnhandledPanic>>,
    ended: AtomicBool,
}

impl PanicSink for SetPanics {
    fn ends_scheduler(&self) -> bool {
        *self.policy.lock() == Some(UnhandledPanic::ShutdownRuntime)
    }

    fn ended(&self) {
        // No pair: the set's own thread sets it and reads it.
        self.ended.store(true, Ordering::Relaxed);
    }

    fn unseen(&self, panic: UnseenPanic) {
        let policy = *self.policy.lock();
        match context::with_current(|handle| Arc::clone(handle.panics())) {
            Ok(panics) => panics.report(panic, policy.unwrap_or(panics.policy())),
            Err(_) => report_alone(panic, policy.unwrap_or_default()),
        }
    }
}

/// Spawns a task on the current [`LocalSet`], or on the runtime if it is a
/// [`LocalRuntime`](crate::runtime::LocalRuntime).
///
/// # Panics
///
/// Outside both.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use runtime::task::{LocalSet, spawn_local};
///
/// let count = Rc::new(Cell::new(0));
/// let inside = count.clone();
/// LocalSet::new()
///     .run_until(async move {
///         spawn_local(async move { inside.set(1) }).await.unwrap();
///     })
///     .await;
/// assert_eq!(count.get(), 1);
/// # }
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_local_as(future, Identity::at(Location::caller()))
}

#[track_caller]
pub(super) fn spawn_local_as<F>(future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let place = LocalPlace::here();
    let identity = identity.of_size(FullSize::of::<F>());
    large_on_heap!(future: F => place.spawn(None, future, identity))
}

/// Where [`spawn_local`] spawns.
pub(super) enum LocalPlace {
    Set(LocalTasks),
    Runtime(Handle),
}

impl LocalPlace {
    /// The place of this thread.
    #[track_caller]
    pub(super) fn here() -> LocalPlace {
        if let Some(tasks) = this_thread::local_tasks() {
            return LocalPlace::Set(tasks);
        }
        match context::with_current(Handle::clone) {
            Ok(handle) if handle.is_local_here() => LocalPlace::Runtime(handle),
            Ok(handle) if handle.is_local() => panic!("{}", messages::LOCAL_RUNTIME_ELSEWHERE),
            Ok(_) | Err(_) => panic!("{}", messages::NO_LOCAL_SET),
        }
    }

    /// Spawns a task, into a scope if there is a membership.
    pub(super) fn spawn<F>(
        &self,
        membership: Option<Membership>,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match self {
            LocalPlace::Set(tasks) => tasks.spawn(membership, future, identity),
            LocalPlace::Runtime(handle) => handle.spawn_local_in(membership, future, identity),
        }
    }
}

impl LocalSet {
    /// A set without tasks.
    ///
    /// # Examples
    ///
    /// See [`LocalSet`].
    pub fn new() -> LocalSet {
        let panics = Arc::new(SetPanics::default());
        let tasks = LocalTasks::new(panics.clone(), local_sets::observe());
        local_sets::add(&tasks);
        let poller = Poller::default();
        LocalSet { tasks, poller, panics, id: runtime::Id::next() }
    }

    /// What happens when a task of the set panics. The default is the policy of the runtime in
    /// which the set runs, but no panic in the set stops the runtime.
    ///
    /// With [`UnhandledPanic::ShutdownRuntime`] each panic of a task stops the set: its tasks are
    /// dropped, and polling the set or a future of [`run_until`](LocalSet::run_until) panics.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::runtime::UnhandledPanic;
    /// use runtime::task::LocalSet;
    ///
    /// let mut set = LocalSet::new();
    /// set.unhandled_panic(UnhandledPanic::Ignore);
    /// set.spawn_local(async { panic!("nobody is told") });
    /// set.await;
    /// # }
    /// ```
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut LocalSet {
        *self.panics.policy.lock() = Some(behavior);
        self
    }

    /// The number of the set, unique among the runtimes and sets of this process.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::task::LocalSet;
    ///
    /// assert_ne!(LocalSet::new().id(), LocalSet::new().id());
    /// ```
    pub fn id(&self) -> runtime::Id {
        self.id
    }

    /// Makes this the set of [`spawn_local`] on this thread until the guard is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// let set = runtime::task::LocalSet::new();
    /// let task = {
    ///     let _guard = set.enter();
    ///     runtime::task::spawn_local(async { 1 }) // in the set, which is not polled here
    /// };
    /// set.await;
    /// assert_eq!(task.await.unwrap(), 1);
    /// # }
    /// ```
    #[must_use = "the set is current only as long as the guard is kept"]
    pub fn enter(&self) -> LocalEnterGuard {
        enter_local(self.tasks.share())
    }

    /// Spawns a task on the set. It runs when the set is polled.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use std::rc::Rc;
    ///
    /// let set = runtime::task::LocalSet::new();
    /// let text = Rc::new("not Send");
    /// let length = set.spawn_local(async move { text.len() });
    /// set.await; // runs until all of its tasks have ended
    /// assert_eq!(length.await.unwrap(), 8);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_as(future, Identity::at(Location::caller()))
    }

    pub(super) fn spawn_as<F>(&self, future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let identity = identity.of_size(FullSize::of::<F>());
        large_on_heap!(future: F => self.tasks.spawn(None, future, identity))
    }

    /// Runs a future on the runtime, and the set's tasks beside it, until the future completes.
    ///
    /// # Panics
    ///
    /// As [`Runtime::block_on`].
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// let set = runtime::task::LocalSet::new();
    /// let length = set.block_on(&runtime, async {
    ///     let text = std::rc::Rc::new("not Send");
    ///     runtime::task::spawn_local(async move { text.len() }).await.unwrap()
    /// });
    /// assert_eq!(length, 8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        large_on_heap!(future: F => runtime.block_on(self.run_until(future)))
    }

    /// Runs a future, and the set's tasks beside it, until the future completes.
    ///
    /// Several such futures may be polled at the same time, in a `join!` or a `FuturesUnordered`.
    /// Each of them, when polled, runs the set's tasks.
    ///
    /// # Cancel safety
    ///
    /// As safe as the future is. The set's tasks stay in the set.
    ///
    /// # Examples
    ///
    /// See [`LocalSet`].
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        RunUntil { set: self, poller: Poller::default(), future }.await
    }

    /// One turn of the set's tasks. The waker is called when a task becomes runnable later.
    fn turn(&self, poller: &Poller, cx: &mut Context<'_>) {
        self.assert_not_ended();
        // On a `current_thread` runtime this starts the monitor, if there is none yet.
        let _ = context::with_current(|handle| {
            self.tasks.seen_in(handle.id().as_u64());
            handle.have_watched();
        });
        self.tasks.turn(poller, None, cx.waker());
        self.assert_not_ended();
    }

    fn assert_not_ended(&self) {
        assert!(!self.panics.ended.load(Ordering::Relaxed), "{}", messages::LOCAL_TASK_PANICKED);
    }
}

impl Default for LocalSet {
    fn default() -> LocalSet {
        LocalSet::new()
    }
}

impl Future for LocalSet {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let set = &mut *self;
        drop(set.tasks.register(&mut set.poller, cx.waker()));
        let _current = self.enter();
        self.turn(&self.poller, cx);
        if self.tasks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        // In a thread-local the set may outlive the thread's other locals.
        let _current = this_thread::can_enter_local().then(|| self.enter());
        self.tasks.close(None);
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").finish_non_exhaustive()
    }
}

pin_project! {
    struct RunUntil<'a, F> {
        set: &'a LocalSet,
        poller: Poller,
        #[pin]
        future: F,
    }

    impl<F> PinnedDrop for RunUntil<'_, F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            drop(this.set.tasks.unregister(this.poller));
        }
    }
}

impl<F: Future> Future for RunUntil<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        // Registered first: tasks that the future itself spawns or wakes must find the waker.
        drop(this.set.tasks.register(this.poller, cx.waker()));
        let _current = this.set.enter();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(output);
        }
        this.set.turn(this.poller, cx);
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Waker;

    use super::*;
    use crate::engine::task::is_task_waker;
    use crate::task::{Scope, spawn_pinned};

    /// Whether the waker of the current task counts as one that runs no user code.
    async fn is_ours() -> bool {
        poll_fn(|cx| Poll::Ready(is_task_waker(cx.waker()))).await
    }

    #[test]
    fn a_waker_that_calls_another_one_does_not_pass_for_a_tasks() {
        let mut builders =
            [crate::Builder::new_multi_thread(), crate::Builder::new_current_thread()];
        for builder in &mut builders {
            let runtime = builder.worker_threads(1).enable_all().build().unwrap();
            assert!(!is_task_waker(Waker::noop()));
            assert!(!runtime.block_on(is_ours()));
            assert!(runtime.block_on(runtime.spawn(is_ours())).unwrap());
            assert!(runtime.block_on(async { spawn_pinned(is_ours).await }).unwrap());
            runtime.block_on(async {
                let scope = Scope::new();
                assert!(scope.spawn(is_ours()).await.unwrap(), "of a scope's member");
                scope.close().await.unwrap();
            });
            let set = LocalSet::new();
            assert!(!set.block_on(&runtime, async { spawn_local(is_ours()).await }).unwrap());
            set.block_on(&runtime, async {
                let scope = Scope::new();
                assert!(!scope.spawn_local(is_ours()).await.unwrap(), "nor of one in a set");
                scope.close().await.unwrap();
            });
        }
    }
}
