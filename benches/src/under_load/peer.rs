//! What the workloads under load ask of a runtime beyond [`Peer`]: limits, hooks, handles,
//! announced blocking.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::peers::Peer;

/// Threads that runtimes of this process have started.
static THREADS_STARTED: AtomicU64 = AtomicU64::new(0);

pub(super) fn threads_started() -> u64 {
    THREADS_STARTED.load(Ordering::Relaxed)
}

pub(super) type Hook = Arc<dyn Fn() + Send + Sync>;

/// How a runtime is built; what is `None` keeps its default.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) workers: usize,
    pub(super) max_blocking_threads: Option<usize>,
    /// For this runtime alone: others have none.
    pub(super) spare_workers: Option<usize>,
    pub(super) on_thread_unpark: Option<Hook>,
}

/// A runtime with tokio's API.
pub(super) trait UnderLoad: Peer {
    type Handle: Clone + Send + Sync + 'static;

    fn build(settings: &Settings) -> Self::Runtime;
    fn handle(rt: &Self::Runtime) -> Self::Handle;
    /// Spawns a task that nobody joins.
    fn spawn_from<F: Future<Output = ()> + Send + 'static>(handle: &Self::Handle, f: F);
    /// The same for a task that is to run when the others leave time for it, where a runtime has
    /// such tasks.
    fn spawn_behind<F: Future<Output = ()> + Send + 'static>(handle: &Self::Handle, f: F);
    fn block_on_from<F: Future>(handle: &Self::Handle, f: F) -> F::Output;
    fn block_in_place<R>(f: impl FnOnce() -> R) -> R;
    fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static;
    /// Polls that were reported as stalls, where a runtime counts them.
    fn stalls(rt: &Self::Runtime) -> Option<u64>;
}

macro_rules! under_load_peer {
    ($peer:ty, $rt:ident, $extras:expr, $stalls:expr, $behind:path) => {
        impl UnderLoad for $peer {
            type Handle = $rt::runtime::Handle;

            fn build(settings: &Settings) -> Self::Runtime {
                let mut builder = $rt::runtime::Builder::new_multi_thread();
                builder.enable_all().worker_threads(settings.workers).on_thread_start(|| {
                    THREADS_STARTED.fetch_add(1, Ordering::Relaxed);
                });
                if let Some(count) = settings.max_blocking_threads {
                    builder.max_blocking_threads(count);
                }
                if let Some(hook) = settings.on_thread_unpark.clone() {
                    builder.on_thread_unpark(move || hook());
                }
                let extras: fn(&mut $rt::runtime::Builder, &Settings) = $extras;
                extras(&mut builder, settings);
                builder.build().unwrap()
            }
            fn handle(rt: &Self::Runtime) -> Self::Handle {
                rt.handle().clone()
            }
            fn spawn_from<F: Future<Output = ()> + Send + 'static>(handle: &Self::Handle, f: F) {
                drop(handle.spawn(f));
            }
            fn spawn_behind<F: Future<Output = ()> + Send + 'static>(handle: &Self::Handle, f: F) {
                $behind(handle, f);
            }
            fn block_on_from<F: Future>(handle: &Self::Handle, f: F) -> F::Output {
                handle.block_on(f)
            }
            fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
                $rt::task::block_in_place(f)
            }
            fn sleep_until(deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
                $rt::time::sleep_until(deadline.into())
            }
            fn stalls(rt: &Self::Runtime) -> Option<u64> {
                let stalls: fn(&Self::Runtime) -> Option<u64> = $stalls;
                stalls(rt)
            }
        }
    };
}

#[cfg(feature = "ours")]
under_load_peer!(
    crate::peers::ours::Ours,
    runtime,
    |builder, settings| {
        // Counted instead of written: the table is to be read.
        builder.on_stall(|_| ()).on_spare_shortage(|_| ());
        if let Some(count) = settings.spare_workers {
            builder.spare_workers(count);
        }
    },
    |rt| Some(rt.metrics().stall_count()),
    background
);

#[cfg(feature = "ours")]
fn background<F: Future<Output = ()> + Send + 'static>(handle: &runtime::Handle, f: F) {
    let builder = runtime::task::Builder::new().priority(runtime::task::Priority::Background);
    drop(builder.spawn_on(f, handle).unwrap());
}

under_load_peer!(crate::peers::tokio::Tokio, tokio, |_, _| (), |_| None, ordinary);

fn ordinary<F: Future<Output = ()> + Send + 'static>(handle: &tokio::runtime::Handle, f: F) {
    drop(handle.spawn(f));
}
