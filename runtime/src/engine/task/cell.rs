//! The layout of a task and the typed side of its operations.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::due::Due;
use super::panic::{Origin, Payload};
use super::runnable::Outcome;
use super::span::SpanId;
use super::state::{EndPoll, State};
use super::{Id, IdGuard, JoinError, Judge, Runnable, Schedule, waker};
use crate::engine::contain::contain;
use crate::engine::primitive::UnsafeCell;
use crate::engine::short_backtrace::short_backtrace;

/// What is the same for every task.
#[repr(C)]
pub(crate) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static Vtable,
    /// Rule 2.
    pub(super) links: UnsafeCell<Links>,
    pub(super) id: Id,
    pub(super) location: &'static Location<'static>,
    pub(super) span: SpanId,
    pub(super) due: Due,
}

/// Neighbours in the owned list.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) next: Option<NonNull<Header>>,
    pub(super) prev: Option<NonNull<Header>>,
}

/// The operations that need the future's type. Each takes the task's address.
pub(super) struct Vtable {
    /// Polls or, if the task is cancelled, drops the future. The caller gives up its `Runnable`.
    pub(super) run: unsafe fn(NonNull<Header>, &Judge<'_>) -> Outcome,
    /// Gives a `Runnable` to the scheduler.
    pub(super) schedule: unsafe fn(NonNull<Header>),
    /// Whether the output is there; if not, the waker is registered. Asked by the `JoinHandle`.
    pub(super) join_is_ready: unsafe fn(NonNull<Header>, &Waker) -> bool,
    /// Takes the output, which is there, into `*mut Option<Result<T, JoinError>>`.
    pub(super) take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// The `JoinHandle` is dropped.
    pub(super) drop_join: unsafe fn(NonNull<Header>),
    /// Frees the task. The caller dropped the last reference.
    pub(super) free: unsafe fn(NonNull<Header>),
}

/// A task.
#[repr(C)]
struct Cell<F: Future, S> {
    header: Header,
    scheduler: S,
    /// Rule 4.
    join_waker: UnsafeCell<Option<Waker>>,
    /// Rule 3.
    stage: UnsafeCell<Stage<F>>,
}

/// The future, then the output, then nothing; which of them the state word tells, so that the
/// allocation needs no tag.
union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

/// Allocates a task in its initial state (see [`State::new`]).
pub(super) fn allocate<F, S>(
    future: F,
    scheduler: S,
    id: Id,
    location: &'static Location<'static>,
    span: SpanId,
) -> NonNull<Header>
where
    F: Future + 'static,
    S: Schedule,
{
    let cell = Box::new(Cell {
        header: Header {
            state: State::new(),
            vtable: const { &vtable::<F, S>() },
            links: UnsafeCell::new(Links { next: None, prev: None }),
            id,
            location,
            span,
            due: Due::now(|| scheduler.origin()),
        },
        scheduler,
        join_waker: UnsafeCell::new(None),
        stage: UnsafeCell::new(Stage { future: ManuallyDrop::new(future) }),
    });
    NonNull::from(Box::leak(cell)).cast()
}

const fn vtable<F: Future + 'static, S: Schedule>() -> Vtable {
    Vtable {
        run: run::<F, S>,
        schedule: schedule::<F, S>,
        join_is_ready: join_is_ready::<F, S>,
        take_output: hand_over::<F, S>,
        drop_join: drop_join::<F, S>,
        free: free::<F, S>,
    }
}

/// # Safety
/// The task at `task` was allocated with these types, and the caller has a reference to it or
/// its `Runnable` (state.rs, invariant 3) for as long as it uses the result.
unsafe fn cell<'a, F: Future, S>(task: NonNull<Header>) -> &'a Cell<F, S> {
    // SAFETY: `Cell` is `repr(C)` with the header first, so the addresses agree; the caller keeps
    // the allocation alive; what changes inside is behind `UnsafeCell` or atomic.
    unsafe { task.cast().as_ref() }
}

unsafe fn schedule<F: Future, S: Schedule>(task: NonNull<Header>) {
    // SAFETY: the caller has just made the `Runnable`.
    let this: &Cell<F, S> = unsafe { cell(task) };
    this.header.due.again(|| this.scheduler.origin());
    // SAFETY: as above; the permission passes into the new value.
    this.scheduler.schedule(unsafe { Runnable::from_raw(task) });
}

unsafe fn run<F, S>(task: NonNull<Header>, judge: &Judge<'_>) -> Outcome
where
    F: Future + 'static,
    S: Schedule,
{
    // SAFETY: the caller gives up a `Runnable`; until completion the life reference keeps the
    // allocation, and after `end_poll` says `Idle` we do not touch it.
    let this: &Cell<F, S> = unsafe { cell(task) };
    let header = &this.header;
    let _id = IdGuard::enter(Some(header.id));
    if header.state.start_poll().is_cancelled() {
        return cancel(task, this);
    }

    // SAFETY: borrowed for this poll, during which the task cannot be freed (invariant 3): the
    // waker's count stays untouched, since the `ManuallyDrop` is never dropped.
    let waker = ManuallyDrop::new(unsafe { waker::borrowed(task) });
    let mut cx = Context::from_waker(&waker);
    let mut future_left = Ok(());
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let drop_on_unwind = DropOnUnwind { this, result: &mut future_left };
        let polled = this.stage.with_mut(|stage| {
            // SAFETY: we have RUNNING and the task is not complete: the stage is ours and holds
            // the future (rule 3). It never moves: it lives in the allocation until dropped.
            let future = unsafe { Pin::new_unchecked(&mut *(*stage).future) };
            short_backtrace(|| future.poll(&mut cx))
        });
        std::mem::forget(drop_on_unwind);
        polled
    }));
    match polled {
        Ok(Poll::Pending) => {
            // While RUNNING: afterwards the task may be anywhere.
            if let Some(hog) = judge.mark() {
                header.state.set_hog(hog);
            }
            match header.state.end_poll() {
                EndPoll::Idle => Outcome::Idle,
                EndPoll::Woken => {
                    header.due.again(|| this.scheduler.origin());
                    // SAFETY: `end_poll` gave us the `Runnable`.
                    Outcome::Woken(unsafe { Runnable::from_raw(task) })
                }
                EndPoll::Cancelled => cancel(task, this),
            }
        }
        Ok(Poll::Ready(output)) => {
            let output = match drop_future(this) {
                Ok(()) => Ok(output),
                Err(panicked) => {
                    contain(|| drop(output));
                    Err(panicked)
                }
            };
            complete(task, this, output)
        }
        Err(payload) => {
            // The panic of the poll is what the user wants to see, not a second one in the drop.
            if let Err(second) = future_left {
                contain(|| drop(second));
            }
            complete(task, this, Err(panicked(this, payload)))
        }
    }
}

/// Drops the future when its poll panics, while the panic is under way: its destructors can see that the
/// thread is panicking, so that a `std::sync::Mutex` whose guard it holds is poisoned.
struct DropOnUnwind<'a, F: Future, S: Schedule> {
    this: &'a Cell<F, S>,
    result: &'a mut Result<(), JoinError>,
}

impl<F: Future, S: Schedule> Drop for DropOnUnwind<'_, F, S> {
    fn drop(&mut self) {
        *self.result = drop_future(self.this);
    }
}

/// Drops the future of a cancelled task and completes it. The caller has RUNNING.
fn cancel<F, S>(task: NonNull<Header>, this: &Cell<F, S>) -> Outcome
where
    F: Future + 'static,
    S: Schedule,
{
    let error = match drop_future(this) {
        Ok(()) => JoinError::cancelled(this.header.id),
        Err(panicked) => panicked,
    };
    complete(task, this, Err(error))
}

/// Drops the future in place. The caller has RUNNING and does this once.
fn drop_future<F: Future, S: Schedule>(this: &Cell<F, S>) -> Result<(), JoinError> {
    catch_unwind(AssertUnwindSafe(|| {
        this.stage.with_mut(|stage| {
            // SAFETY: we have RUNNING, so the stage is ours and holds the future; it is not used
            // again: the caller goes on to `complete`, which overwrites the stage.
            unsafe { ManuallyDrop::drop(&mut (*stage).future) }
        });
    }))
    .map_err(|payload| panicked(this, payload))
}

/// Makes the error of a panic. If the panic ends the scheduler, it ends here.
#[cold]
fn panicked<F: Future, S: Schedule>(this: &Cell<F, S>, payload: Payload) -> JoinError {
    let header = &this.header;
    let sink = this.scheduler.panics();
    if let Some(sink) = &sink {
        if sink.ends_scheduler() && this.scheduler.stop() {
            sink.ended();
        }
    }
    let named = header.state.peek().is_named();
    let name = if named { super::id::name(header.id) } else { None };
    JoinError::panicked(header.id, payload, Origin { name, location: header.location, sink })
}

/// Puts the output in place, tells the `JoinHandle`, and gives up the life reference. The caller
/// has RUNNING and has dropped the future.
fn complete<F, S>(
    task: NonNull<Header>,
    this: &Cell<F, S>,
    output: Result<F::Output, JoinError>,
) -> Outcome
where
    F: Future + 'static,
    S: Schedule,
{
    let header = &this.header;
    if let Err(error) = &output {
        this.scheduler.failed(header, error);
    }
    this.stage.with_mut(|stage| {
        // SAFETY: we have RUNNING and the stage holds nothing: the write drops nothing.
        unsafe { std::ptr::write(stage, Stage { output: ManuallyDrop::new(output) }) };
    });
    let before = header.state.complete();
    if before.wants_output() {
        if before.has_join_waker() {
            this.join_waker.with(|waker| {
                // SAFETY: JOIN_WAKER is set: both sides may read (rule 4).
                if let Some(waker) = unsafe { &*waker } {
                    contain(|| waker.wake_by_ref()); // wake: join
                }
            });
            if header.state.release_join_waker() {
                drop_join_waker(this);
            }
        }
    } else {
        // SAFETY: nobody wants the output: it is ours (rule 3) and we take it once.
        let output = unsafe { take_output(this) };
        contain(|| match catch_unwind(AssertUnwindSafe(|| output.map(drop))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => error.unseen(),
            Err(payload) => panicked(this, payload).unseen(),
        });
    }
    if before.is_named() {
        super::id::forget_name(header.id);
    }
    this.scheduler.release(header);
    // The life reference.
    drop_reference(task);
    Outcome::Complete
}

/// # Safety
/// The task is complete, the stage holds the output, and rule 3 gives it to the caller.
unsafe fn take_output<F: Future, S>(this: &Cell<F, S>) -> Result<F::Output, JoinError> {
    this.stage.with_mut(|stage| {
        // SAFETY: by the caller; nobody reads the stage after this.
        unsafe { ManuallyDrop::take(&mut (*stage).output) }
    })
}

/// Drops the join waker. The caller has it for itself (rule 4).
fn drop_join_waker<F: Future, S>(this: &Cell<F, S>) {
    let waker = this.join_waker.with_mut(|waker| {
        // SAFETY: by the caller's exclusive access.
        unsafe { (*waker).take() }
    });
    contain(|| drop(waker));
}

unsafe fn hand_over<F: Future, S>(task: NonNull<Header>, slot: *mut ()) {
    // SAFETY: the caller is the `JoinHandle`, which has a reference.
    let this: &Cell<F, S> = unsafe { cell(task) };
    // SAFETY: complete, and the handle has JOIN_INTEREST: the output is the handle's.
    let output = unsafe { take_output(this) };
    this.header.state.output_taken();
    let slot: *mut Option<Result<F::Output, JoinError>> = slot.cast();
    // SAFETY: `JoinHandle<T>` passes a valid place of this very type.
    unsafe { *slot = Some(output) };
}

unsafe fn join_is_ready<F: Future, S>(task: NonNull<Header>, waker: &Waker) -> bool {
    // SAFETY: the caller is the `JoinHandle`, which has a reference.
    let this: &Cell<F, S> = unsafe { cell(task) };
    let state = &this.header.state;
    let now = state.load();
    if now.is_complete() {
        return true;
    }
    if now.has_join_waker() {
        let same = this.join_waker.with(|current| {
            // SAFETY: JOIN_WAKER is set, and only the handle, which we are, unsets it before
            // completion: both sides may read (rule 4).
            unsafe { &*current }.as_ref().is_some_and(|current| current.will_wake(waker))
        });
        if same {
            return false;
        }
        if !state.unset_join_waker() {
            return true;
        }
    }
    // Clone before touching the cell: a clone may panic.
    let new = waker.clone();
    let old = this.join_waker.with_mut(|current| {
        // SAFETY: JOIN_WAKER is unset: the waker is the handle's alone (rule 4).
        unsafe { (*current).replace(new) }
    });
    drop(old);
    state.set_join_waker()
}

unsafe fn drop_join<F, S>(task: NonNull<Header>)
where
    F: Future + 'static,
    S: Schedule,
{
    // SAFETY: the caller is the `JoinHandle`, which has a reference until the end of this call.
    let this: &Cell<F, S> = unsafe { cell(task) };
    let mine = this.header.state.drop_join();
    if mine.output {
        // SAFETY: complete, and our interest was the one that counted: the output is ours.
        let output = unsafe { take_output(this) };
        let _id = IdGuard::enter(Some(this.header.id));
        contain(|| match output {
            // A panic in here has been shown by the panic hook; the scheduler may be gone.
            Ok(output) => drop(output),
            Err(error) => error.unseen(),
        });
    }
    if mine.waker {
        drop_join_waker(this);
    }
    drop_reference(task);
}

unsafe fn free<F: Future, S>(task: NonNull<Header>) {
    {
        // Through its cell, like every other access: a model sees it if this comes too early.
        // SAFETY: the last reference is gone, so nobody else uses the task.
        let this: &Cell<F, S> = unsafe { cell(task) };
        drop_join_waker(this);
    }
    let cell: NonNull<Cell<F, S>> = task.cast();
    // SAFETY: the last reference is gone, the box was leaked by `allocate` with these types. The
    // stage holds nothing: the life reference is dropped after completion, the handle's after the
    // output was taken or dropped. So dropping the box drops the scheduler.
    let cell = unsafe { Box::from_raw(cell.as_ptr()) };
    contain(|| drop(cell));
}

/// Gives up one reference that the caller has.
pub(super) fn drop_reference(task: NonNull<Header>) {
    // SAFETY: the caller has a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    if header.state.drop_reference() {
        // SAFETY: it was the last.
        unsafe { (header.vtable.free)(task) };
    }
}

impl Header {
    /// The task's id.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Where the task was spawned.
    pub(crate) fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The task's address, for lists.
    pub(super) fn as_ptr(&self) -> NonNull<Header> {
        NonNull::from(self)
    }
}
