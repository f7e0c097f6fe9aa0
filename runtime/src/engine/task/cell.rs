//! The layout of a task, and the operations on it.
//!
//! A program has many types of futures and few of schedulers, so code that needs neither type is
//! written once for all tasks. Only polling ([`__runtime_short_backtrace_poll`]) and
//! [dropping](drop_future) the future need its type. Putting an error in the output's place, and
//! dropping and taking the output, need the output's type. The scheduler is reached through a trait
//! object.
//!
//! Functions that may free the task take its address and no reference to it: a reference that is an
//! argument has to be good until the function returns.

use std::alloc::{Layout, alloc, handle_alloc_error};
use std::future::Future;
use std::mem::{ManuallyDrop, offset_of};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::header::{
    Header, Links, Outcome, Runnable, Schedule, Vtable, block, drop_join_waker, drop_reference,
    scheduler_of, with_block,
};
use super::panic::{Origin, Payload};
use super::state::{EndPoll, State};
use super::{Id, JoinError, Mark, ended_static};
use crate::engine::catch_panic::{catch_panic, forget_panic};
use crate::engine::insight::{self, Block, WakeSource};
use crate::engine::large::FullSize;
use crate::engine::primitive::{UnsafeCell, ticks};
use crate::engine::task_id::IdGuard;
use crate::engine::trace::due::Due;
use crate::engine::trace::span::SpanId;

/// A task.
#[repr(C)]
struct Cell<F: Future, S> {
    front: Front<S>,
    stage: Stage<F>,
}

/// A task as far as it does not depend on the future's type. The header comes first, so that its
/// address is the task's.
#[repr(C)]
struct Front<S> {
    header: Header,
    scheduler: S,
}

/// Holds the future, then the output, then nothing. The state word tells which, so the allocation
/// needs no tag. Both are at the beginning of the stage.
#[repr(C)]
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
    full_size: FullSize,
) -> NonNull<Header>
where
    F: Future + 'static,
    S: Schedule,
{
    if insight::CAN_BE_ON && scheduler.is_observed() {
        return allocate_observed(future, scheduler, id, location, span, full_size);
    }
    let cell = Box::new(Cell::new(future, scheduler, id, location, span, false));
    NonNull::from(Box::leak(cell)).cast()
}

impl<F: Future + 'static, S: Schedule> Cell<F, S> {
    #[inline(always)]
    fn new(
        future: F,
        scheduler: S,
        id: Id,
        location: &'static Location<'static>,
        span: SpanId,
        is_observed: bool,
    ) -> Cell<F, S> {
        let header = Header {
            state: State::new(is_observed),
            vtable: const { &vtable::<F, S>() },
            links: UnsafeCell::new(Links { next: None, prev: None }),
            id,
            location,
            span,
            due: Due::now(|| scheduler.origin()),
            join_waker: UnsafeCell::new(None),
            stage: UnsafeCell::new(()),
        };
        let stage = Stage { future: ManuallyDrop::new(future) };
        Cell { front: Front { header, scheduler }, stage }
    }
}

/// Allocates a task with a block for dumps in front of it.
#[cold]
#[inline(never)]
fn allocate_observed<F: Future + 'static, S: Schedule>(
    future: F,
    scheduler: S,
    id: Id,
    location: &'static Location<'static>,
    span: SpanId,
    full_size: FullSize,
) -> NonNull<Header> {
    let cell = Cell::new(future, scheduler, id, location, span, true);
    let (layout, offset) = with_block(Layout::new::<Cell<F, S>>());
    let (now, by) = (ticks(), WakeSource::here());
    if let Some(recorder) = cell.front.scheduler.recorder() {
        recorder.spawned(cell.front.header.id, now, by);
    }
    let new = Block::new(now, by, full_size.get().unwrap_or(size_of::<F>()));
    // SAFETY: the layout is that of the two together: both places are inside of it, and aligned.
    unsafe {
        let Some(memory) = NonNull::new(alloc(layout)) else { handle_alloc_error(layout) };
        let task = memory.add(offset);
        task.cast::<Block>().sub(1).write(new);
        task.cast::<Cell<F, S>>().write(cell);
        task.cast()
    }
}

const fn vtable<F: Future + 'static, S: Schedule>() -> Vtable {
    Vtable {
        poll: __runtime_short_backtrace_poll::<F>,
        drop_future: drop_future::<F>,
        put_error: put_error::<F::Output>,
        drop_output: drop_output::<F::Output>,
        schedule: schedule::<S>,
        wakes_only_ours: wakes_only_ours::<S>,
        scheduler: scheduler::<S>,
        layout: Layout::new::<Cell<F, S>>(),
        future_size: size_of::<F>(),
        stage: offset_of!(Cell<F, S>, stage),
    }
}

/// # Safety
/// The task at `task` has a scheduler of this type.
unsafe fn scheduler<S: Schedule>(task: NonNull<Header>) -> NonNull<dyn Schedule> {
    // SAFETY: the offset is within the task, which begins with a `Front<S>`.
    let scheduler: NonNull<S> = unsafe { task.byte_add(offset_of!(Front<S>, scheduler)) }.cast();
    scheduler
}

/// # Safety
/// As for [`scheduler`], and the caller has just made the `Runnable`.
unsafe fn schedule<S: Schedule>(task: NonNull<Header>) {
    // SAFETY: by the caller; the life reference keeps the task until the `Runnable` is used up, and
    // a scheduler is only read (rule 5).
    let scheduler: &S = unsafe { task.byte_add(offset_of!(Front<S>, scheduler)).cast().as_ref() };
    // SAFETY: as above.
    let header = unsafe { task.as_ref() };
    header.due.again(|| scheduler.origin());
    if header.state.peek().is_observed() {
        // SAFETY: it is, and the address is the task's.
        unsafe { note_wake(task, WakeSource::here()) };
    }
    // SAFETY: by the caller; the permission passes into the new value.
    scheduler.schedule(unsafe { Runnable::from_raw(task) });
}

/// Notes for dumps that the `Runnable` of an observed task has been made.
///
/// # Safety
/// The task is observed, and the address is good for all of it.
#[cold]
#[inline(never)]
unsafe fn note_wake(task: NonNull<Header>, by: WakeSource) {
    // SAFETY: by the caller.
    let (header, block) = unsafe { (task.as_ref(), block(task)) };
    let now = ticks();
    block.woken(now, by);
    if let Some(recorder) = scheduler_of(task, header).recorder() {
        recorder.woken(header.id, now, by);
    }
}

/// # Safety
/// As for [`scheduler`], and the caller has a reference to the task.
unsafe fn wakes_only_ours<S: Schedule>(task: NonNull<Header>) -> bool {
    // SAFETY: by the caller; a scheduler is only read (rule 5).
    let scheduler: &S = unsafe { task.byte_add(offset_of!(Front<S>, scheduler)).cast().as_ref() };
    scheduler.wakes_only_ours()
}

/// Polls the future. Drops it if it is ready, and leaves the output; drops it if it panics. A stall
/// report ends the stack at the frame with this function's name (`stall/trace.rs`).
///
/// # Safety
/// The stage is the caller's (rule 3) and holds the future.
unsafe fn __runtime_short_backtrace_poll<F: Future>(
    stage: *mut (),
    cx: &mut Context<'_>,
) -> Poll<()> {
    let stage: *mut Stage<F> = stage.cast();
    let drop_on_unwind = DropOnUnwind(stage);
    // SAFETY: by the caller. The future never moves: it lives in the allocation until dropped.
    let future = unsafe { Pin::new_unchecked(&mut *(*stage).future) };
    let polled = future.poll(cx);
    std::mem::forget(drop_on_unwind);
    polled.map(|output| {
        // SAFETY: the stage holds the future, which is not used again.
        if let Err(payload) = unsafe { drop_future::<F>(stage.cast()) } {
            catch_panic(|| drop(output));
            resume_unwind(payload);
        }
        // SAFETY: the stage holds nothing: the write drops nothing.
        unsafe { stage.write(Stage { output: ManuallyDrop::new(Ok(output)) }) };
    })
}

/// Drops the future while the panic of its poll is under way. So destructors see that the thread is
/// panicking, and a `std::sync::Mutex` whose guard the future holds is poisoned.
struct DropOnUnwind<F: Future>(*mut Stage<F>);

impl<F: Future> Drop for DropOnUnwind<F> {
    fn drop(&mut self) {
        // SAFETY: made by the poll, whose stage it is: it holds the future, which is not used
        // again.
        if let Err(second) = unsafe { drop_future::<F>(self.0.cast()) } {
            // The panic of the poll is what the user wants to see.
            forget_panic(second);
        }
    }
}

/// Drops the future in place.
///
/// # Safety
/// The stage is the caller's (rule 3) and holds the future, which is not used again.
#[inline(never)]
unsafe fn drop_future<F: Future>(stage: *mut ()) -> Result<(), Payload> {
    let stage: *mut Stage<F> = stage.cast();
    // SAFETY: by the caller.
    catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut (*stage).future) }))
}

/// # Safety
/// The stage is the caller's (rule 3), of a future with this output, and holds nothing.
unsafe fn put_error<T>(stage: *mut (), error: JoinError) {
    // SAFETY: by the caller; the output is at the beginning of the stage.
    unsafe { stage.cast::<Result<T, JoinError>>().write(Err(error)) };
}

/// # Safety
/// The stage is the caller's (rule 3), of a future with this output, and holds it; nobody reads it
/// after this.
unsafe fn drop_output<T>(stage: *mut ()) -> Result<Option<JoinError>, Payload> {
    // SAFETY: by the caller; the output is at the beginning of the stage.
    let output = unsafe { stage.cast::<Result<T, JoinError>>().read() };
    catch_unwind(AssertUnwindSafe(|| output.map(drop).err()))
}

/// Polls the task or, if it is cancelled, drops its future. `pending` is called after a poll that
/// was pending, and returns the task's new mark, if that changes. It is a type parameter, so a
/// scheduler that marks no tasks gets a copy without the question.
///
/// # Safety
/// The caller gives up a `Runnable`.
#[inline(never)]
pub(super) unsafe fn run(
    task: NonNull<Header>,
    make_waker: impl FnOnce(NonNull<Header>) -> Waker,
    pending: impl FnOnce(NonNull<Header>) -> Option<Option<Mark>>,
) -> Outcome {
    // SAFETY: until completion the life reference keeps the allocation, and after `end_poll` says
    // `Idle` we do not touch it.
    let header = unsafe { task.as_ref() };
    let _id = IdGuard::enter(Some(header.id));
    if header.state.start_poll().is_cancelled() {
        // SAFETY: we have RUNNING.
        return unsafe { cancel(task) };
    }
    // Borrowed for this poll, during which the task cannot be freed (invariant 3): the
    // waker's count stays untouched, since the `ManuallyDrop` is never dropped.
    let waker = ManuallyDrop::new(make_waker(task));
    let mut cx = Context::from_waker(&waker);
    let polled = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: we have RUNNING and the task is not complete: the stage is ours and holds the
        // future (rule 3).
        with_stage(task, header, |stage| unsafe { (header.vtable.poll)(stage, &mut cx) })
    }));
    match polled {
        Ok(Poll::Pending) => {
            // While RUNNING: afterwards another thread may poll the task.
            if let Some(mark) = pending(task) {
                header.state.set_mark(mark);
            }
            match header.state.end_poll() {
                EndPoll::Idle => Outcome::Idle,
                EndPoll::Woken => {
                    header.due.again(|| scheduler_of(task, header).origin());
                    if header.state.peek().is_observed() {
                        // SAFETY: as above.
                        unsafe { block(task) }.woken_in_poll(WakeSource::Task(header.id));
                    }
                    // SAFETY: `end_poll` gave us the `Runnable`.
                    Outcome::Woken(unsafe { Runnable::from_raw(task) })
                }
                // SAFETY: we still have RUNNING.
                EndPoll::Cancelled => unsafe { cancel(task) },
            }
        }
        // SAFETY: we have RUNNING, and the output is in its place.
        Ok(Poll::Ready(())) => unsafe { complete(task) },
        // SAFETY: we have RUNNING, and the future was dropped.
        Err(payload) => unsafe { fail(task, panicked(task, header, payload)) },
    }
}

/// Drops the future of a cancelled task and completes it.
///
/// # Safety
/// The caller has RUNNING, and the stage holds the future.
unsafe fn cancel(task: NonNull<Header>) -> Outcome {
    // SAFETY: alive, since it is not complete.
    let header = unsafe { task.as_ref() };
    // SAFETY: we have RUNNING, so the stage is ours and holds the future (rule 3); it is not used
    // again.
    let dropped = with_stage(task, header, |stage| unsafe { (header.vtable.drop_future)(stage) });
    let error = match dropped {
        Ok(()) => JoinError::cancelled(header.id),
        Err(payload) => panicked(task, header, payload),
    };
    // SAFETY: we have RUNNING, and the future was dropped.
    unsafe { fail(task, error) }
}

/// Makes the error of a panic. Stops the scheduler if the panic is to end it.
#[cold]
fn panicked(task: NonNull<Header>, header: &Header, payload: Payload) -> JoinError {
    let scheduler = scheduler_of(task, header);
    let sink = scheduler.panics();
    if let Some(sink) = &sink {
        sink.panicked(header.id);
    }
    if let Some(sink) = &sink {
        if sink.ends_scheduler() && scheduler.stop() {
            sink.ended();
        }
    }
    let named = header.state.peek().is_named();
    let name = if named { crate::engine::task_id::name(header.id) } else { None };
    JoinError::panicked(header.id, payload, Origin { name, location: header.location, sink })
}

/// Completes the task with an error.
///
/// # Safety
/// The caller has RUNNING, and the stage holds nothing.
#[cold]
unsafe fn fail(task: NonNull<Header>, error: JoinError) -> Outcome {
    // SAFETY: alive, since it is not complete.
    let header = unsafe { task.as_ref() };
    scheduler_of(task, header).failed(header, &error);
    // SAFETY: we have RUNNING, so the stage is ours, and it holds nothing.
    with_stage(task, header, |stage| unsafe { (header.vtable.put_error)(stage, error) });
    // SAFETY: we have RUNNING, and the error is in its place.
    unsafe { complete(task) }
}

/// Tells the `JoinHandle` and gives up the life reference.
///
/// # Safety
/// The caller has RUNNING, and the output, or an error, is in its place.
unsafe fn complete(task: NonNull<Header>) -> Outcome {
    // SAFETY: alive until the life reference is given up at the end.
    let header = unsafe { task.as_ref() };
    let before = header.state.complete();
    if before.wants_output() {
        if before.has_join_waker() {
            header.join_waker.with(|waker| {
                // SAFETY: JOIN_WAKER is set: both sides may read (rule 4).
                if let Some(waker) = unsafe { &*waker } {
                    catch_panic(|| waker.wake_by_ref()); // wake: join
                }
            });
            if header.state.release_join_waker() {
                drop_join_waker(header);
            }
        }
    } else {
        // SAFETY: nobody wants the output: it is ours (rule 3), and we take it once.
        let dropped = unsafe { discard(task, header) };
        match dropped {
            Ok(None) => {}
            Ok(Some(error)) => catch_panic(|| error.unseen()),
            Err(payload) => catch_panic(|| panicked(task, header, payload).unseen()),
        }
    }
    if before.is_watched() {
        tell_of_end(header.id);
    }
    if before.is_named() {
        forget_name(task, header);
    }
    scheduler_of(task, header).release(header);
    // Gives up the life reference.
    drop_reference(task);
    Outcome::Complete
}

/// Calls those who wait for the end of a task, which is complete.
#[cold]
fn tell_of_end(task: Id) {
    let wakers = { ended_static::table(task).lock().take(task) };
    for waker in wakers {
        catch_panic(|| waker.wake()); // wake: ended
    }
}

#[cold]
fn forget_name(task: NonNull<Header>, header: &Header) {
    if let Some(recorder) = scheduler_of(task, header).recorder() {
        if let Some(name) = crate::engine::task_id::name(header.id) {
            recorder.keep_name(header.id, name);
        }
    }
    crate::engine::task_id::forget_name(header.id);
}

/// # Safety
/// The task is complete, the stage holds the output, and rule 3 gives it to the caller.
unsafe fn discard(task: NonNull<Header>, header: &Header) -> Result<Option<JoinError>, Payload> {
    // SAFETY: by the caller.
    with_stage(task, header, |stage| unsafe { (header.vtable.drop_output)(stage) })
}

/// Calls `f` with the address of the stage; rule 3 says who may use it. `header` is the task's.
fn with_stage<R>(task: NonNull<Header>, header: &Header, f: impl FnOnce(*mut ()) -> R) -> R {
    // SAFETY: the stage is in the same allocation.
    header.stage.with_mut(|_| f(unsafe { task.byte_add(header.vtable.stage) }.as_ptr().cast()))
}

/// Takes the output.
///
/// # Safety
/// The caller is the `JoinHandle`, whose output is of this type; the task is complete, and the
/// output was not taken.
pub(super) unsafe fn take_output<T>(task: NonNull<Header>) -> Result<T, JoinError> {
    // SAFETY: the handle has a reference.
    let header = unsafe { task.as_ref() };
    let output = with_stage(task, header, |stage| {
        // SAFETY: complete, and the handle has JOIN_INTEREST: the output is the handle's, at the
        // beginning of the stage. Nobody reads the stage after this.
        unsafe { stage.cast::<Result<T, JoinError>>().read() }
    });
    header.state.output_taken();
    output
}

/// Whether the output is there; if not, the waker is registered.
///
/// # Safety
/// The caller is the `JoinHandle`.
pub(super) unsafe fn join_is_ready(task: NonNull<Header>, waker: &Waker) -> bool {
    // SAFETY: the handle has a reference.
    let header = unsafe { task.as_ref() };
    let state = &header.state;
    let now = state.load();
    if now.is_complete() {
        return true;
    }
    if now.has_join_waker() {
        let same = header.join_waker.with(|current| {
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
    let old = header.join_waker.with_mut(|current| {
        // SAFETY: JOIN_WAKER is unset: the waker is the handle's alone (rule 4).
        unsafe { (*current).replace(new) }
    });
    drop(old);
    state.set_join_waker()
}

/// The `JoinHandle` is dropped.
///
/// # Safety
/// The caller is the `JoinHandle`, and gives up its reference.
pub(super) unsafe fn drop_join(task: NonNull<Header>) {
    // SAFETY: the handle has a reference until the end of this call.
    let header = unsafe { task.as_ref() };
    let mine = header.state.drop_join();
    if mine.output {
        let _id = IdGuard::enter(Some(header.id));
        // SAFETY: complete, and our interest was the one that counted: the output is ours.
        match unsafe { discard(task, header) } {
            Ok(None) => {}
            Ok(Some(error)) => catch_panic(|| error.unseen()),
            // The panic hook has shown the panic already; the scheduler may be gone.
            Err(payload) => forget_panic(payload),
        }
    }
    if mine.waker {
        drop_join_waker(header);
    }
    drop_reference(task);
}
