//! Scopes: tasks that belong together, in a tree.
//!
//! # Problem
//!
//! Code that starts tasks must be able to wait for all of them, to tell all of them to stop, and to
//! be sure that none is left behind. Tasks may start and end, inner scopes may be opened, and the
//! end may be requested (by the owner, by a failure, by an outer scope), all at the same time and
//! on different threads.
//!
//! The outermost scope is the runtime's. Tasks of a plain spawn belong to it: they are only on the
//! [`Owned`](super::Owned) list of their scheduler, not in this file. So they pay nothing for
//! scopes and touch no word that all tasks share.
//!
//! # States
//!
//! ```text
//!             cancel                      abort, failure, drop
//!   open ──────────────▶ cancelled ───────────────────────────────▶ shut, members are aborted
//!    │                       │                                            │
//!    └───────────┬───────────┘                                            │
//!         close, and live = 0                                             │ live = 0
//!                ▼                                                        ▼
//!           shut, nothing is left ◀──────────────────────────────────  ended
//! ```
//!
//! A *cancelled* scope only answers and wakes those that ask. A *shut* scope takes no member.
//!
//! # Invariants
//!
//! 1. `live` is the number of members plus the number of child scopes with a `live` above zero.
//!    Before a scope's `live` steps from 0 to 1, the parent's is raised; after it has stepped from
//!    1 to 0, the parent's is lowered. So a parent with `live = 0` has nothing alive below it, and
//!    once it is shut nothing becomes alive below it.
//! 2. A scope is on its parent's list until it is shut and its `live` is 0. The thread that sets
//!    `shut`, or lowers `live` to 0, takes it off.
//! 3. Cancel and abort mark a scope and copy its list of children under one lock, then go on to the
//!    children. A child that was opened before is on the list; one that is opened later inherits
//!    the marks.
//! 4. A member is entered before its task exists and leaves when the task has completed: after its
//!    future is dropped and its output is in place. So `live = 0` means that all tasks are
//!    finished.
//! 5. A member is aborted through the handle in its entry. If there is none yet, the entry is
//!    marked, and the thread that stores the handle aborts. If the task holds a guard, the thread
//!    that drops the last guard aborts. Only a forced abort ignores guards. The handle stays: of
//!    two threads that abort at the same time, neither relies on the other, which may be delayed.
//! 6. Locks are taken from a child to its parent, never the other way round. Wakers and abort
//!    handles are used, and dropped, without a lock.
//! 7. `told` is the strongest request (cancel, abort, forced abort) that has been delivered to the
//!    scope and everything below it: wakers are called and aborts are requested. The thread that
//!    delivers a request records it last, in each scope that it visited. A request that is no
//!    stronger stops there: what is below has received it or came later, and what comes later
//!    inherits the cancellation and finds the scope shut (invariants 1 and 3).
//!
//! # What an operation costs
//!
//! Scopes can be nested as deep as memory allows, and a thread's stack is small. So no function
//! here recurses into the next scope, up or down, not even to free it.
//!
//! | what | touches |
//! |---|---|
//! | opening a child scope, a guard, a wait | the scope |
//! | the first member of a scope, the last one that leaves | the scope, and outer scopes without another live member |
//! | any other member | the scope |
//! | cancel, abort | what is inside and has not received it: each scope once for each request, in whatever order nested scopes are told |
//!
//! Waiters for the end and waiters for the cancellation are in two lists, so that no wake passes
//! over waiters of the other kind.
//!
//! # Orderings
//!
//! All but one word is under the lock. [`Node::is_cancelled`] reads `cancelled` without it. A
//! thread that finds it set sees what the cancelling thread wrote before.
//!
//! # Rejected
//!
//! - **The list links of the task's header.** They belong to the scheduler's list, and a second
//!   pair would cost every task 16 bytes.
//! - **A wrapper around the member's future that leaves when it is dropped.** It is dropped before
//!   the output is in place: `close` would return while a `JoinHandle` still says that its task
//!   runs.
//! - **Recording a request before it is delivered.** A second request would stop there while the
//!   first is still on its way: the drop of a scope would return before its tasks were aborted.
//! - **A count in each scope of everything below it.** Every spawn would touch every scope up to
//!   the root, whose count would be the most contended word of the program.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::task::Waker;
use std::time::Instant;

use super::header::Header;
use super::{
    AbortHandle, Id, Identity, JoinError, JoinHandle, PanicSink, Runnable, Schedule, UnseenPanic,
    spawn_cell,
};
use crate::engine::catch_panic::catch_panic;
use crate::engine::insight::Recorder;
use crate::engine::primitive::atomic::{AtomicBool, Ordering};
use crate::engine::primitive::{Arc, Mutex, MutexGuard, last_of};
use crate::engine::slab::{Key, Slab};
use crate::engine::task_id::name;
use crate::engine::waiter_list::WaiterList;
use crate::engine::wake_list::WakeList;

/// Cancellation publishes what the cancelling thread did before. Pairs with [`HEAR`].
const TELL: Ordering = Ordering::Release;
/// A thread that sees the cancellation sees what was done before it. Pairs with [`TELL`].
const HEAR: Ordering = Ordering::Acquire;

/// A counted reference to a scope.
#[derive(Clone)]
pub(crate) struct Node(Arc<Inner>);

struct Inner {
    /// The outer scope, and this one's key in its list.
    parent: Option<(Node, Key)>,
    /// Where the scope was opened. The runtime's was not.
    made_at: Option<&'static Location<'static>>,
    /// Written under the lock.
    cancelled: AtomicBool,
    state: Mutex<State>,
}

struct State {
    shut: bool,
    /// Invariant 1.
    live: usize,
    members: Slab<Entry>,
    children: Slab<Node>,
    /// The first failure, until it is taken.
    failure: Option<Failure>,
    first_failed: Option<Id>,
    failures: usize,
    /// The owner will not ask for the failure.
    abandoned: bool,
    /// Invariant 7.
    told: Option<Word>,
    /// Waiters for the cancellation.
    cancel_waiters: WaiterList<()>,
    /// Waiters for `live` to be 0.
    end_waiters: WaiterList<()>,
}

/// A scope's entry for a member.
#[derive(Default)]
struct Entry {
    /// `None` before the handle is stored, and when the member has failed (invariant 5).
    abort: Option<AbortHandle>,
    /// Whether to abort as soon as there is a handle and no guard.
    doomed: bool,
    guards: usize,
}

/// What a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// The scope's cancellation.
    Cancelled,
    /// That the scope has nothing alive. It is shut then.
    End,
}

/// The failure that ended a scope early.
pub(crate) struct Failure {
    pub(crate) id: Id,
    pub(crate) name: Option<std::sync::Arc<str>>,
    pub(crate) location: &'static Location<'static>,
    pub(crate) cause: Cause,
}

/// What a task failed with.
pub(crate) enum Cause {
    /// It panicked.
    Panic {
        /// The panic message, if the payload is a string.
        message: Option<String>,
        /// The panic itself, once its `JoinHandle` is gone, and the sink to tell if the owner does
        /// not ask. The lock makes it `Sync`; no thread ever waits for the lock.
        panic: Option<Mutex<(UnseenPanic, std::sync::Arc<dyn PanicSink>)>>,
    },
    /// It returned an error.
    Error(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, " spawned at {} ", self.location)?;
        match &self.cause {
            Cause::Error(error) => write!(f, "failed: {error}"),
            Cause::Panic { message: Some(message), .. } => {
                write!(f, "panicked with message {message:?}")
            }
            Cause::Panic { message: None, .. } => write!(f, "panicked"),
        }
    }
}

/// A request that goes down the tree. Each is stronger than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Cancel,
    Abort(Force),
}

/// Which members an abort spares for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Force {
    /// Spares members that hold a guard.
    No,
    /// Spares none.
    Yes,
}

impl Node {
    /// The outermost scope of a runtime.
    pub(crate) fn root() -> Node {
        Node::new(None, false, None)
    }

    fn new(
        parent: Option<(Node, Key)>,
        cancelled: bool,
        made_at: Option<&'static Location<'static>>,
    ) -> Node {
        Node(Arc::new(Inner {
            parent,
            made_at,
            cancelled: AtomicBool::new(cancelled),
            state: Mutex::new(State {
                shut: false,
                live: 0,
                members: Slab::new(),
                children: Slab::new(),
                failure: None,
                first_failed: None,
                failures: 0,
                abandoned: false,
                // The scope is empty, so the inherited cancellation is delivered.
                told: cancelled.then_some(Word::Cancel),
                cancel_waiters: WaiterList::new(),
                end_waiters: WaiterList::new(),
            }),
        }))
    }

    /// Members, and scopes inside with somebody alive.
    pub(crate) fn live(&self) -> usize {
        self.0.state.lock().live
    }

    /// Whether both are the same scope.
    pub(crate) fn is(&self, other: &Node) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Opens a child scope. Its owner must [abort](Node::abort) it in the end.
    #[track_caller]
    pub(crate) fn child(&self) -> Node {
        let made_at = Some(Location::caller());
        let mut state = self.0.state.lock();
        let cancelled = self.is_cancelled();
        // If this scope is shut, the child's first member is refused.
        let make = |key| Node::new(Some((self.clone(), key)), cancelled, made_at);
        let (_, child) = state.children.insert_with(make);
        child.clone()
    }

    /// Enters a member. A scope that is shut gives a membership that admits no task.
    pub(crate) fn join(&self) -> Membership {
        let mut state = self.0.state.lock();
        let entered = self.enter(&mut state);
        let key = entered.then(|| state.members.insert_with(|_| Entry::default()).0);
        Membership { node: self.clone(), key }
    }

    /// Raises `live`, unless this scope or one around it is shut.
    fn enter(&self, state: &mut State) -> bool {
        // Outer scopes that become alive with this one stay locked until none of them is found
        // shut (invariants 1 and 6). Most often there is none, or one.
        let mut farthest: Option<MutexGuard<'_, State>> = None;
        let mut between = Vec::new();
        let (mut shut, mut live, mut node) = (state.shut, state.live, self);
        while let (false, 0, Some((parent, _))) = (shut, live, &node.0.parent) {
            let around = parent.0.state.lock();
            (shut, live, node) = (around.shut, around.live, parent);
            between.extend(farthest.replace(around));
        }
        let around = farthest.iter_mut().chain(&mut between);
        for state in around.map(|guard| &mut **guard).chain([state]) {
            state.shut = shut;
            state.live += usize::from(!shut);
        }
        !shut
    }

    /// Takes off a member that leaves (invariant 4).
    fn leave(&self, member: Key) {
        let mut ready = WakeList::new();
        let mut state = self.0.state.lock();
        let entry = state.members.remove(member);
        let mut end = state.lower_live(&mut ready);
        drop(state);
        drop(entry);
        let mut node = self;
        while let (Some(end_of), Some((parent, place))) = (end, &node.0.parent) {
            let mut state = parent.0.state.lock();
            if end_of.shut {
                // This does not free the scope: the leaving member still refers to it, and each
                // scope to its parent.
                drop(state.children.remove(*place));
            }
            end = state.lower_live(&mut ready);
            node = parent;
        }
        ready.wake_all(); // wake: who waits for the end of a scope
    }

    /// Whether this scope or an outer one was cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(HEAR)
    }

    /// Cancels this scope and all inside it.
    pub(crate) fn cancel(&self) {
        self.spread(Word::Cancel);
    }

    /// Shuts this scope and all inside it, and aborts their members.
    pub(crate) fn abort(&self, force: Force) {
        self.spread(Word::Abort(force));
    }

    /// Delivers a request (invariants 3 and 7).
    fn spread(&self, word: Word) {
        let mut ready = WakeList::new();
        let mut aborts = Vec::new();
        let mut told = Vec::new();
        let mut nodes = vec![self.clone()];
        while let Some(node) = nodes.pop() {
            let mut state = node.0.state.lock();
            if state.told >= Some(word) {
                continue;
            }
            if !node.0.cancelled.load(Ordering::Relaxed) {
                node.0.cancelled.store(true, TELL);
                state.cancel_waiters.take(|()| true, &mut ready);
            }
            if let Word::Abort(force) = word {
                state.doom(force, &mut aborts);
            }
            nodes.extend(state.children.iter_mut().map(|child| child.clone()));
            let over = state.shut && state.live == 0;
            drop(state);
            if over {
                node.take_off();
            } else {
                told.push(node);
            }
        }
        // Wakers first: a task that ends at once can see why.
        ready.wake_all(); // wake: who waits for the cancellation of a scope
        for abort in aborts {
            abort.abort(); // wake: an aborted member
        }
        for node in &told {
            let mut state = node.0.state.lock();
            state.told = state.told.max(Some(word));
        }
    }

    /// Takes the scope off its parent's list (invariant 2).
    fn take_off(&self) {
        if let Some((parent, place)) = &self.0.parent {
            let child = parent.0.state.lock().children.remove(*place);
            drop(child);
        }
    }

    /// Records a failure and aborts all other members. Only the first failure is kept.
    fn fail(&self, member: Option<Key>, failure: Failure) {
        let mut state = self.0.state.lock();
        state.failures += 1;
        // The member that failed ends by itself, so it is not aborted.
        let own = member.and_then(|member| state.members.get_mut(member)?.abort.take());
        let first = state.first_failed.is_none();
        let left_over = if first {
            state.first_failed = Some(failure.id);
            state.failure.replace(failure)
        } else {
            Some(failure)
        };
        drop(state);
        drop((own, left_over));
        if first {
            self.abort(Force::No);
        }
    }

    /// The first failure, and how many there were. Taken once.
    pub(crate) fn take_failure(&self) -> Option<(Failure, usize)> {
        let mut state = self.0.state.lock();
        let failures = state.failures;
        state.failure.take().map(|failure| (failure, failures))
    }

    /// Says that the owner will not ask for the failure. A panic that nobody has seen is reported.
    pub(crate) fn abandon(&self) {
        let failure = {
            let mut state = self.0.state.lock();
            // Unless the failure was taken.
            state.abandoned = state.failure.is_some() || state.first_failed.is_none();
            state.failure.take()
        };
        if let Some(Failure { cause: Cause::Panic { panic: Some(panic), .. }, .. }) = failure {
            let (panic, sink) = panic.into_inner();
            sink.unseen(panic);
        }
    }

    /// Whether the awaited state is reached. If not, `waker` is called when it is. A wait for the
    /// end shuts the scope when nothing in it is alive.
    pub(crate) fn wait(&self, awaits: Awaits, key: &mut Option<Key>, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut state = self.0.state.lock();
        let is_so = match awaits {
            Awaits::Cancelled => self.0.cancelled.load(Ordering::Relaxed),
            Awaits::End => state.live == 0,
        };
        let before = if is_so {
            state.shut |= awaits == Awaits::End;
            Some(waker)
        } else {
            let (new, before) = state.waiters(awaits).put(*key, (), waker);
            *key = Some(new);
            before
        };
        drop(state);
        drop(before);
        if is_so && awaits == Awaits::End {
            self.take_off();
        }
        is_so
    }

    /// Removes a waiter.
    pub(crate) fn stop_waiting(&self, awaits: Awaits, key: Key) {
        let waker = self.0.state.lock().waiters(awaits).remove(key);
        drop(waker);
    }

    /// The number of members, without those of inner scopes.
    pub(crate) fn members(&self) -> usize {
        self.0.state.lock().members.len()
    }
}

/// What to do for a scope whose `live` has become 0.
#[derive(Clone, Copy)]
struct End {
    shut: bool,
}

impl Drop for Inner {
    /// Frees outer scopes that nothing else refers to in a loop, not each in the drop of the one
    /// inside.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some((node, _)) = parent {
            parent = last_of(node.0).and_then(|mut inner| inner.parent.take());
        }
    }
}

impl State {
    fn waiters(&mut self, awaits: Awaits) -> &mut WaiterList<()> {
        match awaits {
            Awaits::Cancelled => &mut self.cancel_waiters,
            Awaits::End => &mut self.end_waiters,
        }
    }

    fn lower_live(&mut self, ready: &mut WakeList) -> Option<End> {
        self.live -= 1;
        (self.live == 0).then(|| {
            self.end_waiters.take(|()| true, ready);
            End { shut: self.shut }
        })
    }

    /// Shuts the scope and collects the handles to abort (invariant 5).
    fn doom(&mut self, force: Force, aborts: &mut Vec<AbortHandle>) {
        self.shut = true;
        for entry in self.members.iter_mut() {
            entry.doomed = true;
            if entry.guards == 0 || force == Force::Yes {
                aborts.extend(entry.abort.clone());
            }
        }
    }
}

/// A task's membership of a scope, from before the task is made until it is over.
#[derive(Clone)]
pub(crate) struct Membership {
    node: Node,
    /// `None` if the scope was shut.
    key: Option<Key>,
}

impl Membership {
    /// Makes the member's task. It must be [admitted](Membership::admit) before it runs.
    pub(crate) fn spawn_cell<F, S>(
        &self,
        future: F,
        scheduler: S,
        identity: Identity<'_>,
    ) -> (Runnable, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        S: Schedule,
    {
        spawn_cell(future, Scoped { scheduler, membership: self.clone() }, identity)
    }

    /// Stores the task's abort handle. A task that may not run is cancelled.
    pub(crate) fn admit(&self, task: Runnable) -> Option<Runnable> {
        if self.files(&task) {
            return Some(task);
        }
        task.cancel();
        None
    }

    /// Stores the task's abort handle. Returns whether the scope lets the task run.
    fn files(&self, task: &Runnable) -> bool {
        let Some(key) = self.key else { return false };
        let abort = task.abort_handle();
        let mut state = self.node.0.state.lock();
        let entry = state.members.get_mut(key).expect("a member leaves when its task is over");
        let admitted = !entry.doomed;
        entry.abort = Some(abort);
        admitted
    }

    /// Protects this task from an abort of the scope until the guard is dropped.
    pub(crate) fn guard(&self) -> Guard {
        if let Some(key) = self.key {
            let mut state = self.node.0.state.lock();
            if let Some(entry) = state.members.get_mut(key) {
                entry.guards += 1;
            }
        }
        Guard { membership: self.clone() }
    }

    /// Records that the task has failed with an error.
    pub(crate) fn fail(&self, failure: Failure) {
        self.node.fail(self.key, failure);
    }
}

/// Delays the abort of one member until it is dropped.
pub(crate) struct Guard {
    membership: Membership,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Membership { node, key: Some(key) } = &self.membership else { return };
        let due = {
            let mut state = node.0.state.lock();
            // The guard may have outlived the task that it was made in.
            let Some(entry) = state.members.get_mut(*key) else { return };
            entry.guards -= 1;
            if entry.doomed && entry.guards == 0 { entry.abort.clone() } else { None }
        };
        if let Some(abort) = due {
            abort.abort(); // wake: a member whose guard is gone
        }
    }
}

/// A member's scheduler: wraps another one, and notifies the scope when the task is over.
struct Scoped<S> {
    scheduler: S,
    membership: Membership,
}

impl<S: Schedule> Schedule for Scoped<S> {
    fn kind(&self) -> &'static str {
        self.scheduler.kind()
    }

    fn schedule(&self, task: Runnable) {
        self.scheduler.schedule(task);
    }

    #[inline]
    fn wakes_only_ours(&self) -> bool {
        self.scheduler.wakes_only_ours()
    }

    #[inline]
    fn queued_at(&self, place: u64) {
        self.scheduler.queued_at(place);
    }

    #[inline]
    fn aborted(&self) {
        self.scheduler.aborted();
    }

    #[inline]
    fn is_observed(&self) -> bool {
        self.scheduler.is_observed()
    }

    #[inline]
    fn origin(&self) -> Option<Instant> {
        self.scheduler.origin()
    }

    #[inline]
    fn recorder(&self) -> Option<&Recorder> {
        self.scheduler.recorder()
    }

    fn scope(&self) -> Option<&'static Location<'static>> {
        self.membership.node.0.made_at
    }

    fn failed(&self, task: &Header, error: &JoinError) {
        if error.is_panic() {
            self.membership.fail(Failure {
                id: task.id,
                name: name(task.id),
                location: task.location,
                cause: Cause::Panic {
                    message: error.with_message(|message| message.map(str::to_owned)),
                    panic: None,
                },
            });
        }
        self.scheduler.failed(task, error);
    }

    fn release(&self, task: &Header) {
        self.scheduler.release(task);
        if let Some(key) = self.membership.key {
            self.membership.node.leave(key);
        }
    }

    fn panics(&self) -> Option<std::sync::Arc<dyn PanicSink>> {
        let sink = self.scheduler.panics()?;
        Some(std::sync::Arc::new(Keeper { node: self.membership.node.clone(), sink }))
    }

    fn stop(&self) -> bool {
        self.scheduler.stop()
    }
}

/// A panic sink that keeps the panic that made the scope fail, for the scope's owner. It passes
/// other panics on.
struct Keeper {
    node: Node,
    sink: std::sync::Arc<dyn PanicSink>,
}

impl PanicSink for Keeper {
    fn ends_scheduler(&self) -> bool {
        self.sink.ends_scheduler()
    }

    fn ended(&self) {
        self.sink.ended();
    }

    fn unseen(&self, panic: UnseenPanic) {
        let mut state = self.node.0.state.lock();
        // The owner of an abandoned scope will not ask.
        let is_seen = state.first_failed == Some(panic.id) && !state.abandoned;
        if is_seen {
            if let Some(Failure { cause: Cause::Panic { panic: place, .. }, .. }) =
                &mut state.failure
            {
                *place = Some(Mutex::new((panic, std::sync::Arc::clone(&self.sink))));
                return;
            }
        }
        drop(state);
        if is_seen {
            catch_panic(|| drop(panic));
        } else {
            self.sink.unseen(panic);
        }
    }
}
