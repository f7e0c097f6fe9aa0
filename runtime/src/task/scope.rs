//! Tasks that end together: [`Scope`].

use std::any::Any;
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::local_set::LocalPlace;
use super::task_local::{self, LocalKey};
use crate::Handle;
use crate::engine::coop;
use crate::engine::insight::{self, Kind};
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::slab::Key;
use crate::engine::task::scope::{Awaits, Cause, Failure, Force, Guard, Membership, Node};
use crate::engine::task::{Id, Identity, JoinHandle};
use crate::engine::task_id::{current_id, name};
use crate::engine::{messages, say};
use crate::runtime::context;

thread_local! {
    static MEMBER_CELL: RefCell<Option<Member>> = const { RefCell::new(None) };
}

// The expansion of `task_local!`, since this module may not import the macros.
/// The running task's membership of its scope.
static MEMBER: LocalKey<Member> = task_local::new_local_key(MEMBER_CELL);

struct Member {
    scope: ScopeHandle,
    membership: Membership,
}

/// Tasks that end together: none of them outlives the scope.
///
/// Tasks that are spawned through a [`ScopeHandle`] of the scope belong to it, and so do tasks of
/// its inner scopes. The scope ends in one of these ways:
///
/// | by | tasks that are alive | waits |
/// |---|---|---|
/// | [`close`](Scope::close) | are waited for | until the last one has ended |
/// | [`cancel`](ScopeHandle::cancel), then `close` | are told, and may end gracefully | the same |
/// | [`shutdown`](Scope::shutdown) | are told, and after a while aborted | the same |
/// | a failure | are told and aborted at once | no; `close` does |
/// | [`abort`](Scope::abort) | are told and aborted at once | no; `close` does |
/// | dropping it | are told and aborted, also those that hold a guard | no |
///
/// An aborted task is dropped at its next `.await`: it is not polled again after its current poll.
/// A task that holds a [`CancelGuard`] goes on until it has dropped the guard.
///
/// A task *fails* when it panics, or when it was spawned by [`try_spawn`](ScopeHandle::try_spawn)
/// and returns an error. The first failure is what `close` returns.
///
/// Every task belongs to a scope. A plain [`spawn`](crate::spawn) uses the runtime's scope, also
/// when it is called inside another one.
///
/// # Examples
///
/// ```
/// use runtime::task::Scope;
///
/// # #[runtime::main]
/// # async fn main() {
/// let scope = Scope::new();
/// let square = scope.spawn(async { 7 * 7 });
/// scope.spawn(async { println!("hello") });
/// scope.close().await.unwrap();
/// // Both have ended now.
/// assert!(square.is_finished());
/// # }
/// ```
///
/// Tasks that end gracefully when they are told to:
///
/// ```
/// use std::time::Duration;
/// use runtime::task::Scope;
///
/// # #[runtime::main]
/// # async fn main() {
/// let scope = Scope::new();
/// let saved = scope.spawn(async {
///     Scope::current().cancelled().await;
///     runtime::time::sleep(Duration::from_millis(1)).await; // saves its work
///     true
/// });
/// scope.shutdown(Duration::from_secs(5)).await.unwrap();
/// assert!(saved.await.unwrap());
/// # }
/// ```
#[must_use = "dropping a scope aborts its tasks: keep it, and close it in the end"]
pub struct Scope {
    handle: ScopeHandle,
}

/// A handle to a [`Scope`]: spawns into it, cancels it, and waits for its cancellation.
///
/// It does not keep the scope open: when the scope has ended, new tasks are cancelled at once.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::task::Scope;
///
/// let scope = Scope::new();
/// let handle = scope.handle().clone();
/// let worker = scope.spawn(async move {
///     // Give the handle to whoever may add to the scope, or end it.
///     handle.spawn(async { 1 }).await.unwrap()
/// });
/// assert_eq!(worker.await.unwrap(), 1);
/// scope.close().await.unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct ScopeHandle {
    node: Node,
    runtime: Handle,
}

impl Scope {
    /// A scope inside the current task's scope, or inside the runtime's.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Examples
    ///
    /// See [`Scope`].
    #[track_caller]
    #[allow(clippy::new_without_default, reason = "it depends on where it is called")]
    pub fn new() -> Scope {
        Scope::current().child()
    }

    /// The current task's scope. It is the runtime's scope if the task is in no other one, and in
    /// the future of `block_on`.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    ///
    /// # Examples
    ///
    /// A function that spawns into the scope of its caller, so that its tasks are waited for, too:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::Scope;
    ///
    /// fn log_later(line: &'static str) {
    ///     Scope::current().spawn(async move { println!("{line}") });
    /// }
    ///
    /// let scope = Scope::new();
    /// scope.spawn(async { log_later("hello") });
    /// scope.close().await.unwrap(); // the line has been written
    /// # }
    /// ```
    #[track_caller]
    pub fn current() -> ScopeHandle {
        match MEMBER.try_with(|member| member.scope.clone()) {
            Ok(scope) => scope,
            Err(_) => context::expect_current(ScopeHandle::root),
        }
    }

    /// A handle to the scope, to be given to other code.
    ///
    /// # Examples
    ///
    /// See [`ScopeHandle`].
    pub fn handle(&self) -> &ScopeHandle {
        &self.handle
    }

    /// Aborts all tasks, also those in inner scopes, and takes no more. A task is dropped at its
    /// next `.await`; one that holds a [`CancelGuard`] goes on until it has dropped the guard.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::Scope;
    ///
    /// let scope = Scope::new();
    /// let endless = scope.spawn(std::future::pending::<()>());
    /// scope.abort();
    /// scope.close().await.unwrap();
    /// assert!(endless.await.unwrap_err().is_cancelled());
    /// # }
    /// ```
    pub fn abort(&self) {
        self.handle.node.abort(Force::No);
    }

    /// Waits until all tasks have ended, also those in inner scopes and those that are spawned
    /// meanwhile. From then on the scope takes no more.
    ///
    /// When it returns, each task's future has been dropped and its [`JoinHandle`] is finished.
    ///
    /// # Errors
    ///
    /// The first failure, if there was one. Tasks that were aborted have not failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the scope, which aborts the tasks.
    ///
    /// # Examples
    ///
    /// See [`Scope`].
    pub async fn close(self) -> Result<(), ScopeError> {
        self.ended().await;
        match self.handle.node.take_failure() {
            None => Ok(()),
            Some((failure, failures)) => Err(ScopeError { failure: Box::new(failure), failures }),
        }
    }

    /// [Cancels](ScopeHandle::cancel) the scope, waits for at most `grace`,
    /// [aborts](Scope::abort) what is left, and waits for that as [`close`](Scope::close) does.
    ///
    /// # Panics
    ///
    /// If the runtime was built without timers.
    ///
    /// # Errors
    ///
    /// The first failure, if there was one. Tasks that were aborted have not failed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the scope, which aborts the tasks.
    ///
    /// # Examples
    ///
    /// See [`Scope`].
    pub async fn shutdown(self, grace: Duration) -> Result<(), ScopeError> {
        self.cancel();
        if crate::time::timeout(grace, self.ended()).await.is_err() {
            self.abort();
        }
        self.close().await
    }

    fn ended(&self) -> Wait {
        Wait { node: self.handle.node.clone(), awaits: Awaits::End, key: None }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.handle.node.abort(Force::Yes);
        self.handle.node.abandon();
    }
}

impl Deref for Scope {
    type Target = ScopeHandle;

    fn deref(&self) -> &ScopeHandle {
        &self.handle
    }
}

impl ScopeHandle {
    /// The outermost scope of a runtime.
    pub(crate) fn root(runtime: &Handle) -> ScopeHandle {
        ScopeHandle { node: runtime.root().clone(), runtime: runtime.clone() }
    }

    /// Opens an inner scope: it is cancelled and aborted with this one, whose `close` waits for it.
    /// A failure in the inner scope does not affect this one unless your code passes on the error
    /// that the inner `close` returns.
    ///
    /// # Examples
    ///
    /// Ends a part of the work, and leaves the rest:
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::Scope;
    ///
    /// let outer = Scope::new();
    /// let inner = outer.child();
    /// let stopped = inner.spawn(std::future::pending::<()>());
    /// let goes_on = outer.spawn(async { 1 });
    /// inner.abort();
    /// inner.close().await.unwrap();
    /// outer.close().await.unwrap();
    /// assert!(stopped.await.is_err());
    /// assert_eq!(goes_on.await.unwrap(), 1);
    /// # }
    /// ```
    #[track_caller]
    pub fn child(&self) -> Scope {
        Scope { handle: ScopeHandle { node: self.node.child(), runtime: self.runtime.clone() } }
    }

    /// Spawns a task into the scope. If it panics, the scope has failed.
    ///
    /// It runs on the runtime in which the scope was made. If the scope has ended or was aborted,
    /// the task is cancelled at once, and its handle says so.
    ///
    /// # Panics
    ///
    /// After a `fork`, in the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::task::Scope;
    ///
    /// # #[runtime::main]
    /// # async fn main() {
    /// let scope = Scope::new();
    /// let handle = scope.handle().clone();
    /// let outer = scope.spawn(async move { handle.spawn(async { 1 }).await.unwrap() + 1 });
    /// assert_eq!(outer.await.unwrap(), 2);
    /// scope.close().await.unwrap();
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_as(future, Identity::at(Location::caller()))
    }

    /// Spawns a fallible task into the scope. Its handle yields `None` if it failed: the scope has
    /// the error, and [`Scope::close`] returns the first one.
    ///
    /// The scope of a runtime keeps no error, since it is never closed: there the error is written
    /// to stderr.
    ///
    /// # Panics
    ///
    /// After a `fork`, in the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::task::Scope;
    ///
    /// # #[runtime::main]
    /// # async fn main() {
    /// let scope = Scope::new();
    /// scope.try_spawn(async { "x".parse::<u32>() });
    /// let sibling = scope.spawn(std::future::pending::<()>());
    ///
    /// let error = scope.close().await.unwrap_err();
    /// assert!(error.get_ref().unwrap().is::<std::num::ParseIntError>());
    /// assert!(sibling.await.unwrap_err().is_cancelled());
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn<F, T, E>(&self, future: F) -> JoinHandle<Option<T>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let location = Location::caller();
        let future = async move { or_fail(future.await, location) };
        self.spawn_as(future, Identity::at(location))
    }

    /// Runs a closure that may block on the blocking pool, as
    /// [`spawn_blocking`](crate::spawn_blocking) does, as a member of the scope. If it panics, the
    /// scope has failed.
    ///
    /// An abort, or the drop of the scope, cancels the job at once if it has not begun: the thread
    /// that aborts drops its closure. A job that has begun cannot be stopped:
    /// [`close`](Scope::close) waits for it. The job can check
    /// [`is_cancelled`](ScopeHandle::is_cancelled).
    ///
    /// # Panics
    ///
    /// After a `fork`, in the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::task::Scope;
    ///
    /// # #[runtime::main]
    /// # async fn main() {
    /// let scope = Scope::new();
    /// let steps = scope.spawn_blocking(|| {
    ///     let mut steps = 0u64;
    ///     while !Scope::current().is_cancelled() {
    ///         steps += 1; // one step of a long computation
    ///     }
    ///     steps
    /// });
    /// scope.cancel();
    /// scope.close().await.unwrap();
    /// assert!(steps.is_finished());
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, closure: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_blocking_as(closure, Identity::at(Location::caller()))
    }

    /// As [`spawn_blocking`](ScopeHandle::spawn_blocking), for a fallible closure. Its handle
    /// yields `None` if it failed: the scope has the error, as with
    /// [`try_spawn`](ScopeHandle::try_spawn).
    ///
    /// # Panics
    ///
    /// After a `fork`, in the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::task::Scope;
    ///
    /// # #[runtime::main]
    /// # async fn main() {
    /// let scope = Scope::new();
    /// scope.try_spawn_blocking(|| std::fs::read("/no/such/file"));
    /// let error = scope.close().await.unwrap_err();
    /// assert!(error.get_ref().unwrap().is::<std::io::Error>());
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn_blocking<F, T, E>(&self, closure: F) -> JoinHandle<Option<T>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let location = Location::caller();
        self.spawn_blocking_as(move || or_fail(closure(), location), Identity::at(location))
    }

    #[track_caller]
    pub(super) fn spawn_blocking_as<F, R>(
        &self,
        closure: F,
        identity: Identity<'_>,
    ) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let identity = identity.of_size(FullSize::of::<F>());
        large_on_heap!(closure closure: F => self.spawn_blocking_boxed(closure, identity))
    }

    #[track_caller]
    fn spawn_blocking_boxed<F, R>(&self, closure: F, identity: Identity<'_>) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let Some(member) = self.member() else {
            return self.runtime.spawn_blocking_in(None, closure, identity);
        };
        let membership = member.membership.clone();
        let closure = move || MEMBER.sync_scope(member, closure);
        self.runtime.spawn_blocking_in(Some(membership), closure, identity)
    }

    /// Spawns a task that stays on this thread, as [`spawn_local`](crate::task::spawn_local) does,
    /// as a member of the scope. If it panics, the scope has failed.
    ///
    /// It belongs to the scope and to the caller's [`LocalSet`](crate::task::LocalSet),
    /// [`LocalRuntime`](crate::runtime::LocalRuntime) or [pinned
    /// thread](crate::task::spawn_pinned): it runs when that runs, and ends with either of them.
    ///
    /// # Panics
    ///
    /// Where `spawn_local` panics, and after a `fork`, in the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    /// use runtime::task::{LocalSet, Scope};
    ///
    /// # #[runtime::main]
    /// # async fn main() {
    /// let set = LocalSet::new();
    /// set.run_until(async {
    ///     let scope = Scope::new();
    ///     let text = Rc::new("not Send");
    ///     let length = scope.spawn_local(async move { text.len() });
    ///     scope.close().await.unwrap();
    ///     assert_eq!(length.await.unwrap(), 8);
    /// })
    /// .await;
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_local_as(future, Identity::at(Location::caller()))
    }

    /// As [`spawn_local`](ScopeHandle::spawn_local), for a fallible task. Its handle yields `None`
    /// if it failed: the scope has the error, as with [`try_spawn`](ScopeHandle::try_spawn).
    ///
    /// # Panics
    ///
    /// Where `spawn_local` panics, and after a `fork`, in the child.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main(flavor = "local")]
    /// # async fn main() {
    /// use runtime::task::Scope;
    ///
    /// let scope = Scope::new();
    /// scope.try_spawn_local(async { std::rc::Rc::new("x").parse::<u32>() });
    /// assert!(scope.close().await.is_err());
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn_local<F, T, E>(&self, future: F) -> JoinHandle<Option<T>>
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let location = Location::caller();
        let future = async move { or_fail(future.await, location) };
        self.spawn_local_as(future, Identity::at(location))
    }

    #[track_caller]
    pub(super) fn spawn_local_as<F>(
        &self,
        future: F,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let identity = identity.of_size(FullSize::of::<F>());
        large_on_heap!(future: F => self.spawn_local_boxed(future, identity))
    }

    #[track_caller]
    fn spawn_local_boxed<F>(&self, future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let place = LocalPlace::here();
        let Some(member) = self.member() else {
            return place.spawn(None, future, identity);
        };
        let membership = member.membership.clone();
        place.spawn(Some(membership), MEMBER.scope(member, future), identity)
    }

    /// Spawns the future that `make` makes on a pinned thread, as
    /// [`spawn_pinned`](crate::task::spawn_pinned) does, as a member of the scope. If it panics,
    /// the scope has failed.
    ///
    /// # Panics
    ///
    /// After a `fork`, in the child.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::rc::Rc;
    /// use runtime::task::Scope;
    ///
    /// # #[runtime::main]
    /// # async fn main() {
    /// let scope = Scope::new();
    /// let length = scope.spawn_pinned(|| async { Rc::new("not Send").len() });
    /// scope.close().await.unwrap();
    /// assert_eq!(length.await.unwrap(), 8);
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_pinned<M, F>(&self, make: M) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_pinned_as(make, Identity::at(Location::caller()))
    }

    /// As [`spawn_pinned`](ScopeHandle::spawn_pinned), for a fallible task. Its handle yields
    /// `None` if it failed: the scope has the error, as with [`try_spawn`](ScopeHandle::try_spawn).
    ///
    /// # Panics
    ///
    /// After a `fork`, in the child.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::Scope;
    ///
    /// let scope = Scope::new();
    /// let number = scope.try_spawn_pinned(|| async { "7".parse::<u32>() });
    /// scope.close().await.unwrap();
    /// assert_eq!(number.await.unwrap(), Some(7));
    /// # }
    /// ```
    #[track_caller]
    pub fn try_spawn_pinned<M, F, T, E>(&self, make: M) -> JoinHandle<Option<T>>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + 'static,
        T: Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let location = Location::caller();
        let make = move || {
            let future = make();
            async move { or_fail(future.await, location) }
        };
        self.spawn_pinned_as(make, Identity::at(location))
    }

    #[track_caller]
    pub(super) fn spawn_pinned_as<M, F>(
        &self,
        make: M,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let Some(member) = self.member() else {
            return self.runtime.spawn_pinned_as(None, make, None, identity);
        };
        let membership = member.membership.clone();
        let make = move || {
            let again =
                Member { scope: member.scope.clone(), membership: member.membership.clone() };
            let future = MEMBER.sync_scope(again, make);
            MEMBER.scope(member, future)
        };
        self.runtime.spawn_pinned_as(Some(membership), make, None, identity)
    }

    /// A membership for a new task; `None` in the runtime's scope. The task must then be made: the
    /// scope counts it until it is over.
    #[track_caller]
    fn member(&self) -> Option<Member> {
        if self.is_root() {
            return None;
        }
        self.runtime.assert_not_forked();
        Some(Member { scope: self.clone(), membership: self.node.join() })
    }

    pub(super) fn spawn_as<F>(&self, future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let size = FullSize::of::<F>();
        large_on_heap!(future: F => self.spawn_boxed(future, identity.of_size(size)))
    }

    #[track_caller]
    fn spawn_boxed<F>(&self, future: F, identity: Identity<'_>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let Some(member) = self.member() else {
            return self.runtime.spawn_boxed(future, identity);
        };
        let membership = member.membership.clone();
        let future = MEMBER.scope(member, future);
        self.runtime.spawn_in(membership, future, identity)
    }

    fn is_root(&self) -> bool {
        self.node.is(self.runtime.root())
    }

    /// Tells the scope and its inner scopes to end: their
    /// [`cancelled`](ScopeHandle::cancelled) completes. Nothing else happens; tasks that do not
    /// listen go on.
    ///
    /// On the scope of a runtime this tells all tasks that listen, in any scope.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::Scope;
    ///
    /// let scope = Scope::new();
    /// let polite = scope.spawn(async {
    ///     let scope = Scope::current();
    ///     scope.cancelled().await;
    ///     scope.is_cancelled()
    /// });
    /// scope.cancel();
    /// scope.close().await.unwrap();
    /// assert!(polite.await.unwrap());
    /// # }
    /// ```
    pub fn cancel(&self) {
        self.node.cancel();
    }

    /// Whether the scope, or an outer one, was told to end.
    ///
    /// # Examples
    ///
    /// See [`try_spawn`](Self::try_spawn).
    pub fn is_cancelled(&self) -> bool {
        self.node.is_cancelled()
    }

    /// Completes when the scope, or an outer one, is told to end.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a cancellation stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::task::Scope;
    ///
    /// # #[runtime::main]
    /// # async fn main() {
    /// let scope = Scope::new();
    /// let told = scope.cancelled();
    /// scope.cancel();
    /// told.await;
    /// # scope.close().await.unwrap();
    /// # }
    /// ```
    pub fn cancelled(&self) -> Cancelled {
        let node = self.node.clone();
        Cancelled { wait: Wait { node, awaits: Awaits::Cancelled, key: None } }
    }

    /// How many tasks are alive in the scope, without those in inner scopes. For the scope of a
    /// runtime: how many the runtime has, in all scopes.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::Scope;
    ///
    /// let scope = Scope::new();
    /// scope.spawn(std::future::pending::<()>());
    /// assert_eq!(scope.alive_tasks(), 1);
    /// scope.abort();
    /// scope.close().await.unwrap();
    /// # }
    /// ```
    pub fn alive_tasks(&self) -> usize {
        if self.is_root() {
            return self.runtime.metrics().num_alive_tasks();
        }
        self.node.members()
    }
}

/// The value; on an error the current task fails.
fn or_fail<T, E>(result: Result<T, E>, location: &'static Location<'static>) -> Option<T>
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    result.map_err(|error| fail(error.into(), location)).ok()
}

/// Records that the current task fails.
fn fail(error: Box<dyn Error + Send + Sync>, location: &'static Location<'static>) {
    let id = current_id().expect("called by a task");
    let failure = Failure { id, name: name(id), location, cause: Cause::Error(error) };
    match MEMBER.try_with(|member| member.membership.clone()) {
        Ok(membership) => membership.fail(failure),
        Err(_) => say::line(&messages::failed_at_the_root(&failure.to_string())),
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("handle", &self.handle).finish()
    }
}

impl fmt::Debug for ScopeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeHandle")
            .field("cancelled", &self.is_cancelled())
            .field("alive_tasks", &self.alive_tasks())
            .finish_non_exhaustive()
    }
}

/// Waits for a scope's cancellation or end.
struct Wait {
    node: Node,
    awaits: Awaits,
    key: Option<Key>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(coop::poll_proceed(cx));
        let Wait { node, awaits, key } = &mut *self;
        if node.wait(*awaits, key, cx.waker()) {
            unit.made_progress();
            return Poll::Ready(());
        }
        unit.pending(|| insight::Wait::new(Kind::Scope, node.live() as u64))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.node.stop_waiting(self.awaits, key);
        }
    }
}

/// What [`ScopeHandle::cancelled`] returns.
///
/// # Examples
///
/// See [`ScopeHandle::cancelled`].
#[must_use = "futures do nothing unless you await or poll them"]
pub struct Cancelled {
    wait: Wait,
}

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.wait).poll(cx)
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled").finish_non_exhaustive()
    }
}

/// While it is held, an abort of the scope does not drop the task: not by [`Scope::abort`], the end
/// of the grace of [`Scope::shutdown`], or the failure of another task. The abort is carried out
/// when the last guard of the task is dropped.
///
/// It is for code that must not stop in the middle, and for clean-up after
/// [`cancelled`](ScopeHandle::cancelled). It does not protect against the drop of the scope,
/// [`JoinHandle::abort`], or the end of the runtime, which do not wait. An abort that was requested
/// before the guard was made still comes at the next `.await`. In a task of the runtime's own
/// scope, which only the runtime's end aborts, a guard does nothing.
///
/// # Examples
///
/// ```
/// use runtime::task::{CancelGuard, Scope, yield_now};
///
/// # #[runtime::main]
/// # async fn main() {
/// let scope = Scope::new();
/// let (begun, wait) = runtime::sync::oneshot::channel();
/// let transfer = scope.spawn(async {
///     let _guard = CancelGuard::new();
///     begun.send(()).unwrap();
///     yield_now().await; // takes from one account, gives to another
///     "done"
/// });
/// wait.await.unwrap();
/// scope.abort();
/// assert_eq!(transfer.await.unwrap(), "done");
/// # scope.close().await.unwrap();
/// # }
/// ```
#[must_use = "the task is protected only as long as the guard is kept"]
pub struct CancelGuard {
    _guard: Option<Guard>,
}

impl CancelGuard {
    /// A guard for the current task. There may be several.
    ///
    /// # Examples
    ///
    /// See [`CancelGuard`].
    #[allow(clippy::new_without_default, reason = "it depends on where it is called")]
    pub fn new() -> CancelGuard {
        CancelGuard { _guard: MEMBER.try_with(|member| member.membership.guard()).ok() }
    }
}

impl fmt::Debug for CancelGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelGuard").finish_non_exhaustive()
    }
}

/// A task of a [`Scope`] has failed.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() {
/// use runtime::task::Scope;
///
/// let scope = Scope::new();
/// let failed = scope.try_spawn(async { "x".parse::<u32>() });
/// let error = scope.close().await.unwrap_err();
/// assert_eq!(error.task_id(), failed.id());
/// assert_eq!((error.task_name(), error.failures()), (None, 1));
/// println!("{error}, spawned at {}", error.spawn_location());
/// assert!(!error.is_panic());
/// let cause = error.into_inner().unwrap();
/// assert!(cause.is::<std::num::ParseIntError>());
/// # }
/// ```
pub struct ScopeError {
    failure: Box<Failure>,
    failures: usize,
}

impl ScopeError {
    /// The id of the task that failed first.
    ///
    /// # Examples
    ///
    /// See [`ScopeError`].
    pub fn task_id(&self) -> Id {
        self.failure.id
    }

    /// Its name, if it was given one.
    ///
    /// # Examples
    ///
    /// See [`ScopeError`].
    pub fn task_name(&self) -> Option<&str> {
        self.failure.name.as_deref()
    }

    /// Where it was spawned.
    ///
    /// # Examples
    ///
    /// See [`ScopeError`].
    pub fn spawn_location(&self) -> &'static Location<'static> {
        self.failure.location
    }

    /// Whether it panicked. See also [`into_panic`](ScopeError::into_panic).
    ///
    /// # Examples
    ///
    /// See [`ScopeError`].
    pub fn is_panic(&self) -> bool {
        matches!(self.failure.cause, Cause::Panic { .. })
    }

    /// How many tasks have failed, the first one included.
    ///
    /// # Examples
    ///
    /// See [`ScopeError`].
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// The error that the task returned. `None` if it panicked.
    ///
    /// # Examples
    ///
    /// See [`ScopeHandle::try_spawn`].
    pub fn get_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.failure.cause {
            Cause::Error(error) => Some(&**error),
            Cause::Panic { .. } => None,
        }
    }

    /// The value that the task panicked with, to be passed to
    /// [`resume_unwind`](std::panic::resume_unwind) or looked into. `None` if it returned an error,
    /// or if its [`JoinHandle`] has the panic.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() {
    /// use runtime::task::Scope;
    ///
    /// let scope = Scope::new();
    /// drop(scope.spawn(async { panic!("oh no") }));
    /// let error = scope.close().await.unwrap_err();
    /// assert!(error.is_panic());
    /// let panic = error.into_panic().unwrap();
    /// assert_eq!(panic.downcast_ref(), Some(&"oh no"));
    /// # }
    /// ```
    pub fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        match self.failure.cause {
            Cause::Panic { panic: Some(panic), .. } => Some(panic.into_inner().0.payload),
            _ => None,
        }
    }

    /// The error that the task returned. `None` if it panicked.
    ///
    /// # Examples
    ///
    /// See [`ScopeError`].
    pub fn into_inner(self) -> Option<Box<dyn Error + Send + Sync>> {
        match self.failure.cause {
            Cause::Error(error) => Some(error),
            Cause::Panic { .. } => None,
        }
    }
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)?;
        match self.failures - 1 {
            0 => Ok(()),
            more => write!(f, " ({more} more failed after it)"),
        }
    }
}

impl fmt::Debug for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeError({self})")
    }
}

impl Error for ScopeError {
    /// The source of the error that the task returned.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.get_ref()?.source()
    }
}
