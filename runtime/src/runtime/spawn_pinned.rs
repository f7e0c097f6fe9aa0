//! Spawns on pinned threads, and runs such a thread inside its runtime.

use std::future::Future;
use std::io;
use std::sync::Arc;

use super::context;
use super::handle::Handle;
use super::pinned::Thread;
use super::this_thread::{self, Service, enter_local};
use super::thread_plan::BodyWithHooks;
use crate::engine::scheduler::PinnedHome;
use crate::engine::task::scope::Membership;
use crate::engine::task::{Identity, JoinHandle};
use crate::engine::{entered, messages, say};

/// Counts a thread off when dropped, however the thread ends. Until then the thread is an activity
/// of the runtime, except while it waits.
struct Counted(Handle);

impl Counted {
    fn new(handle: Handle) -> Counted {
        if let Some(activity) = handle.jobs() {
            activity.begin();
        }
        Counted(handle)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.pinned().left();
        if let Some(activity) = self.0.jobs() {
            activity.end();
        }
    }
}

impl Handle {
    /// Spawns the future that `make` makes on a pinned thread, into a scope if there is a
    /// membership.
    #[track_caller]
    pub(crate) fn spawn_pinned_as<M, F>(
        &self,
        membership: Option<Membership>,
        make: M,
        index: Option<usize>,
        identity: Identity<'_>,
    ) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        self.assert_not_forked();
        let pinned = self.pinned();
        if let Some(index) = index {
            assert!(index < pinned.limit, "{}", messages::no_pinned_thread(index, pinned.limit));
        }
        let chosen = pinned.choose(index, self.first_pinned_number());
        if let Some(home) = chosen.home {
            if let Err(error) = self.start_pinned(&chosen.thread, home) {
                pinned.never_started(&chosen.thread);
                say::line(&messages::no_thread_to_pin(&error));
            }
        }
        chosen.thread.spawn(membership, make, identity)
    }

    /// Starts the thread. On an error the home is dropped, and its tasks are cancelled.
    fn start_pinned(&self, thread: &Thread, home: PinnedHome) -> io::Result<()> {
        let counted = Counted::new(self.clone());
        let bound = Arc::clone(thread.bound());
        self.have_watched();
        let plan = &self.pinned().plan;
        let name = plan.name.for_any()?;
        let body: BodyWithHooks = Box::new(move |hooks| {
            let handle = counted.0.clone();
            let _current = context::enter(handle.clone());
            let inside_it = this_thread::count_thread(handle.id());
            let serves = this_thread::serve(handle.id(), Service::Pinned);
            hooks.start();
            let inside = entered::enter();
            handle.monitor().watch_bound(bound);
            home.run(handle.monitor(), handle.jobs(), enter_local);
            drop((inside, serves, inside_it, counted));
            hooks.stop();
        });
        let started = plan.start(name, body)?;
        self.pinned().state.lock().handles.push(started);
        Ok(())
    }
}
