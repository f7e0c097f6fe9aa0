//! Tasks with a name, and with a priority.

use std::future::Future;
use std::io;
use std::panic::Location;

use super::ScopeHandle;
use super::local_set::{LocalSet, spawn_local_as};
use super::spawn::{spawn_blocking_here, spawn_here};
use crate::Handle;
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::messages;
use crate::engine::task::{Identity, JoinHandle, Priority};
use crate::runtime::context;

/// Spawns a task with a name, which reports show, or with a priority.
///
/// # Examples
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> std::io::Result<()> {
/// let handle = runtime::task::Builder::new().name("ticker").spawn(async { 7 })?;
/// assert_eq!(handle.await.unwrap(), 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Builder<'a> {
    name: Option<&'a str>,
    priority: Priority,
}

impl<'a> Builder<'a> {
    /// A builder without a name so far, and with the usual priority.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn new() -> Builder<'a> {
        Builder::default()
    }

    /// The task's name. It need not be unique.
    ///
    /// # Examples
    ///
    /// See [`Builder`].
    pub fn name(&self, name: &'a str) -> Builder<'a> {
        Builder { name: Some(name), ..*self }
    }

    /// How urgent the task is. With [`Priority::Background`] it runs when the others leave time for
    /// it: for long computations beside a server that has to answer soon.
    ///
    /// On the multi-thread flavour background tasks are polled on threads of their own
    /// ([`Builder::background_threads`](crate::Builder::background_threads)), at most as many at a
    /// time as workers sleep, so that the runtime computes with no more threads than before. If no
    /// worker ever sleeps, one background poll begins each 10 ms. A poll goes on until it returns,
    /// as everywhere; but it is not in a worker's way. What a background task wakes or spawns is as
    /// urgent as it is by itself.
    ///
    /// Where tasks share one thread (on the `current_thread` flavour, in a
    /// [`LocalSet`](crate::task::LocalSet), on a [pinned](crate::task::spawn_pinned) thread)
    /// a background task is polled when no other task there is ready, else for about a hundredth of
    /// the time. There the others do wait for a poll that has begun.
    ///
    /// A lock that a background task holds is released when the task gets to it: keep locks that
    /// urgent tasks need for short.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::task::{self, Priority};
    ///
    /// let report = task::Builder::new().name("report").priority(Priority::Background);
    /// let sum = report.spawn(async {
    ///     let mut sum = 0u64;
    ///     for part in 0..100 {
    ///         sum += (part * 1000..(part + 1) * 1000).sum::<u64>();
    ///         task::yield_now().await; // lets other background tasks run
    ///     }
    ///     sum
    /// })?;
    /// assert_eq!(sum.await?, 4_999_950_000);
    /// # Ok(())
    /// # }
    /// ```
    pub fn priority(&self, priority: Priority) -> Builder<'a> {
        Builder { priority, ..*self }
    }

    #[inline]
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

    /// Spawns the task on the current runtime. See [`spawn`](crate::spawn).
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
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let size = FullSize::of::<F>();
        let identity = self.identity(Location::caller()).of_size(size);
        Ok(large_on_heap!(future: F => spawn_here(future, identity)))
    }

    /// Spawns the task on the runtime of `handle`.
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::task;
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// let named = task::Builder::new().name("remote").spawn_on(async { 1 }, runtime.handle())?;
    /// let job = task::Builder::new().name("load").spawn_blocking_on(|| 2, runtime.handle())?;
    /// assert_eq!(runtime.block_on(async { named.await.unwrap() + job.await.unwrap() }), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(handle.spawn_as(future, self.identity(Location::caller())))
    }

    /// Spawns the task into a scope. See [`ScopeHandle::spawn`].
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime::task::{self, Scope};
    ///
    /// let scope = Scope::new();
    /// let builder = task::Builder::new().name("member");
    /// let task = builder.spawn_in(async { 1 }, &scope)?;
    /// let job = builder.spawn_blocking_in(|| 2, &scope)?;
    /// let pinned = builder.spawn_pinned_in(|| async { 3 }, &scope)?;
    /// scope.close().await?;
    /// assert_eq!(task.await? + job.await? + pinned.await?, 6);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_in<F>(self, future: F, scope: &ScopeHandle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(scope.spawn_as(future, self.identity(Location::caller())))
    }

    /// Spawns the task on the current [`LocalSet`](crate::task::LocalSet). See
    /// [`spawn_local`](crate::task::spawn_local).
    ///
    /// # Panics
    ///
    /// Outside a set and a [`LocalRuntime`](crate::runtime::LocalRuntime).
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
    /// use std::rc::Rc;
    /// use runtime::task::{self, Scope};
    ///
    /// let text = Rc::new("not Send");
    /// let copy = text.clone();
    /// let task = task::Builder::new().name("local").spawn_local(async move { copy.len() })?;
    /// assert_eq!(task.await?, 8);
    ///
    /// let scope = Scope::new();
    /// let member = task::Builder::new().spawn_local_in(async move { text.len() }, &scope)?;
    /// scope.close().await?;
    /// assert_eq!(member.await?, 8);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(spawn_local_as(future, self.identity(Location::caller())))
    }

    /// Spawns the task on a [`LocalSet`]. See [`LocalSet::spawn_local`].
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::rc::Rc;
    /// use runtime::task::{self, LocalSet};
    ///
    /// let set = LocalSet::new();
    /// let text = Rc::new("not Send");
    /// let builder = task::Builder::new().name("local");
    /// let task = builder.spawn_local_on(async move { text.len() }, &set)?;
    /// set.await;
    /// assert_eq!(task.await?, 8);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_local_on<F>(
        self,
        future: F,
        local_set: &LocalSet,
    ) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(local_set.spawn_as(future, self.identity(Location::caller())))
    }

    /// Spawns the task into a scope, on this thread. See [`ScopeHandle::spawn_local`].
    ///
    /// # Panics
    ///
    /// Outside a set and a [`LocalRuntime`](crate::runtime::LocalRuntime).
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// See [`spawn_local`](Self::spawn_local).
    #[track_caller]
    pub fn spawn_local_in<F>(
        self,
        future: F,
        scope: &ScopeHandle,
    ) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(scope.spawn_local_as(future, self.identity(Location::caller())))
    }

    /// Spawns the future that `make` makes on a pinned thread. See
    /// [`spawn_pinned`](crate::task::spawn_pinned).
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
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let task = runtime::task::Builder::new().name("pinned").spawn_pinned(|| async {
    ///     std::rc::Rc::new("not Send").len()
    /// })?;
    /// assert_eq!(task.await?, 8);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_pinned<M, F>(self, make: M) -> io::Result<JoinHandle<F::Output>>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let location = Location::caller();
        Ok(context::expect_current(|handle| {
            handle.spawn_pinned_as(None, make, None, self.identity(location))
        }))
    }

    /// Spawns the future that `make` makes into a scope, on a pinned thread. See
    /// [`ScopeHandle::spawn_pinned`].
    ///
    /// # Errors
    ///
    /// None at present.
    ///
    /// # Examples
    ///
    /// See [`spawn_in`](Self::spawn_in).
    #[track_caller]
    pub fn spawn_pinned_in<M, F>(
        self,
        make: M,
        scope: &ScopeHandle,
    ) -> io::Result<JoinHandle<F::Output>>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        Ok(scope.spawn_pinned_as(make, self.identity(Location::caller())))
    }

    /// Runs a closure on the blocking pool. See [`spawn_blocking`](crate::spawn_blocking).
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
    /// ```
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = runtime::task::Builder::new().name("hash");
    /// let job = builder.spawn_blocking(|| (1..=10u64).product::<u64>())?;
    /// assert_eq!(job.await?, 3_628_800);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, R>(self, closure: F) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let size = FullSize::of::<F>();
        let identity = self.identity_of_job(Location::caller())?.of_size(size);
        Ok(large_on_heap!(closure closure: F => spawn_blocking_here(closure, identity)))
    }

    /// Runs a closure on the blocking pool, as a member of a scope. See
    /// [`ScopeHandle::spawn_blocking`].
    ///
    /// # Errors
    ///
    /// If it has a [priority](Self::priority).
    ///
    /// # Examples
    ///
    /// See [`spawn_in`](Self::spawn_in).
    #[track_caller]
    pub fn spawn_blocking_in<F, R>(
        self,
        closure: F,
        scope: &ScopeHandle,
    ) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Ok(scope.spawn_blocking_as(closure, self.identity_of_job(Location::caller())?))
    }

    /// Runs a closure on the blocking pool of `handle`'s runtime. See
    /// [`Handle::spawn_blocking`].
    ///
    /// # Errors
    ///
    /// If it has a [priority](Self::priority).
    ///
    /// # Examples
    ///
    /// See [`spawn_on`](Self::spawn_on).
    #[track_caller]
    pub fn spawn_blocking_on<F, R>(self, closure: F, handle: &Handle) -> io::Result<JoinHandle<R>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        Ok(handle.spawn_blocking_as(closure, self.identity_of_job(Location::caller())?))
    }
}
