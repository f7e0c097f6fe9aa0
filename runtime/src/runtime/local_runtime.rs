//! A runtime whose tasks never leave its thread.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::time::Duration;

use super::context::EnterGuard;
use super::handle::Handle;
use super::metrics::RuntimeMetrics;
use super::runtime::Runtime;
use super::shutdown::ShutdownReport;
use crate::engine::large::{FullSize, large_on_heap};
use crate::engine::task::{Identity, JoinHandle};

/// A `current_thread` runtime that cannot leave its thread, so that tasks need not be `Send`: what
/// [`spawn_local`](crate::task::spawn_local) spawns runs on it without a
/// [`LocalSet`](crate::task::LocalSet).
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// let runtime = runtime::Builder::new_current_thread().enable_all().build_local(Default::default())?;
/// let text = Rc::new("not Send");
/// let length = runtime.block_on(async move {
///     runtime::task::spawn_local(async move { text.len() }).await.unwrap()
/// });
/// assert_eq!(length, 8);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LocalRuntime {
    runtime: Runtime,
    // Neither `Send` nor `Sync`: the tasks are polled and dropped where they were spawned.
    _thread: PhantomData<*const ()>,
}

/// Settings that only a [`LocalRuntime`] has. None so far.
///
/// # Examples
///
/// See [`Builder::build_local`](crate::Builder::build_local).
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct LocalOptions {
    // What is set here may belong to this thread.
    _thread: PhantomData<*const ()>,
}

impl LocalRuntime {
    pub(super) fn over(runtime: Runtime) -> LocalRuntime {
        LocalRuntime { runtime, _thread: PhantomData }
    }

    /// Numbers about the runtime as it runs.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle().metrics()
    }

    /// A handle to the runtime. What is spawned through it must be `Send`.
    ///
    /// # Examples
    ///
    /// See [`enter`](Self::enter).
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Spawns a task that need not be `Send`.
    ///
    /// # Examples
    ///
    /// See [`LocalRuntime`].
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let identity = Identity::at(Location::caller()).of_size(FullSize::of::<F>());
        large_on_heap!(future: F => self.handle().spawn_local_in(None, future, identity))
    }

    /// Runs a closure on the blocking pool. See [`runtime::spawn_blocking`](crate::spawn_blocking).
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, closure: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.runtime.spawn_blocking(closure)
    }

    /// Runs a future to completion on this thread. See [`Runtime::block_on`].
    ///
    /// # Panics
    ///
    /// Inside async code, and if the future panics.
    ///
    /// # Examples
    ///
    /// See [`LocalRuntime`].
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Makes this the current runtime of the thread. See [`Handle::enter`].
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::runtime::LocalRuntime::new()?;
    /// let _guard = runtime.enter();
    /// let task = runtime::spawn(async { 1 });
    /// assert_eq!(runtime.handle().metrics().num_alive_tasks(), 1);
    /// assert_eq!(runtime.block_on(task).unwrap(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Shuts down gracefully, and returns what did not stop within `grace`. See
    /// [`Runtime::shutdown`].
    ///
    /// # Panics
    ///
    /// Inside async code.
    ///
    /// # Examples
    ///
    /// See [`new`](Self::new).
    #[track_caller]
    pub fn shutdown(self, grace: Duration) -> ShutdownReport {
        self.runtime.shutdown(grace)
    }

    /// Shuts down, waiting for at most `duration`. See [`Runtime::shutdown_timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime::runtime::LocalRuntime;
    ///
    /// let runtime = LocalRuntime::new()?;
    /// runtime.spawn_blocking(|| std::thread::sleep(Duration::from_millis(5)));
    /// runtime.shutdown_timeout(Duration::from_secs(5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn shutdown_timeout(self, duration: Duration) {
        self.runtime.shutdown_timeout(duration);
    }

    /// Shuts down without waiting for anything.
    ///
    /// # Examples
    ///
    /// ```
    /// let runtime = runtime::runtime::LocalRuntime::new()?;
    /// runtime.spawn_local(std::future::pending::<()>());
    /// runtime.shutdown_background();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_background(self) {
        self.runtime.shutdown_background();
    }
}

// As `Handle`.
impl std::panic::UnwindSafe for LocalRuntime {}
impl std::panic::RefUnwindSafe for LocalRuntime {}

impl fmt::Debug for LocalRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRuntime").field("handle", self.handle()).finish()
    }
}
