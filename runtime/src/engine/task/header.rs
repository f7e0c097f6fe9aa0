//! What is the same for every task: its header, the permission to run it, and the trait of its
//! scheduler. The three name each other, so they are in one file. Other files use them: `cell.rs`
//! polls a task, `waker.rs` wakes it, `join.rs` waits for it.

use std::alloc::{Layout, dealloc};
use std::panic::Location;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::panic::Payload;
use super::state::State;
use super::{Id, JoinError, PanicSink};
use crate::engine::catch_panic::catch_panic;
use crate::engine::insight::{Block, Recorder};
use crate::engine::primitive::UnsafeCell;
use crate::engine::trace::due::Due;
use crate::engine::trace::span::SpanId;

/// What is the same for every task.
#[repr(C)]
pub(crate) struct Header {
    pub(super) state: State,
    pub(super) vtable: &'static Vtable,
    /// Access: rule 2.
    pub(super) links: UnsafeCell<Links>,
    pub(super) id: Id,
    pub(crate) location: &'static Location<'static>,
    pub(super) span: SpanId,
    pub(super) due: Due,
    /// Access: rule 4.
    pub(super) join_waker: UnsafeCell<Option<Waker>>,
    /// Access: rule 3. Stands for the stage, whose type the header does not know. Has no size.
    pub(super) stage: UnsafeCell<()>,
}

/// Neighbours in the owned list.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) next: Option<NonNull<Header>>,
    pub(super) prev: Option<NonNull<Header>>,
}

/// What depends on the types of the future and the scheduler.
pub(super) struct Vtable {
    /// Polls the future that is in the stage; leaves its output there, or nothing if it unwinds.
    pub(super) poll: unsafe fn(*mut (), &mut Context<'_>) -> Poll<()>,
    /// Drops the future that is in the stage.
    pub(super) drop_future: unsafe fn(*mut ()) -> Result<(), Payload>,
    /// Puts an error into the stage, which holds nothing.
    pub(super) put_error: unsafe fn(*mut (), JoinError),
    /// Drops the output or error that is in the stage. Returns the error.
    pub(super) drop_output: unsafe fn(*mut ()) -> Result<Option<JoinError>, Payload>,
    /// Gives a `Runnable` to the scheduler.
    pub(super) schedule: unsafe fn(NonNull<Header>),
    /// Calls [`Schedule::wakes_only_ours`].
    pub(super) wakes_only_ours: unsafe fn(NonNull<Header>) -> bool,
    /// The task's scheduler.
    pub(super) scheduler: unsafe fn(NonNull<Header>) -> NonNull<dyn Schedule>,
    /// The layout of the whole task, without a block in front of it.
    pub(super) layout: Layout,
    /// The size of the future in bytes.
    pub(super) future_size: usize,
    /// The offset of the stage from the task's address.
    pub(super) stage: usize,
}

/// A task that is due to be run: the one permission to poll it (state.rs, invariant 1).
///
/// Dropping it unrun cancels the task: its future is dropped on this thread.
pub(crate) struct Runnable(pub(super) NonNull<Header>);

// SAFETY: a `Runnable` stands for exclusive access to the future and for nothing bound to a thread.
// Code that spawns a `!Send` future (`LocalSet`, `current_thread`) makes sure that its scheduler
// gives the `Runnable` to the right thread only.
unsafe impl Send for Runnable {}

/// How a run ended.
#[derive(Debug)]
#[must_use]
pub(crate) enum Outcome {
    /// The task waits for a wake.
    Idle,
    /// The task was woken while it was polled: it goes to the back of the queue.
    Woken(Runnable),
    /// The task is complete.
    Complete,
}

impl Runnable {
    /// # Safety
    /// The caller has just turned SCHEDULED on (or was handed that permission) for a task that is
    /// not complete, and makes no other `Runnable` of it.
    pub(super) unsafe fn from_raw(task: NonNull<Header>) -> Runnable {
        Runnable(task)
    }
}

/// The kind of the blocking pool's jobs, as spans show it.
pub(crate) const BLOCKING_KIND: &str = "blocking";

/// What a task needs from its scheduler.
///
/// Implementations must be cheap to keep in every task: one pointer.
pub(crate) trait Schedule: 'static {
    /// The kind of its tasks, as spans show it.
    fn kind(&self) -> &'static str {
        "task"
    }

    /// Queues a task that has become runnable. Called on any thread, in the middle of a wake.
    fn schedule(&self, task: Runnable);

    /// Whether [`schedule`](Schedule::schedule) runs only the runtime's own code. Asked where user
    /// wakers must not be called, since they may block. Always the same answer for one task.
    fn wakes_only_ours(&self) -> bool {
        false
    }

    /// Says where in a queue the task's `Runnable` waits, so that the scheduler can take it out.
    #[inline]
    fn queued_at(&self, _place: u64) {}

    /// Says that the task was aborted while its `Runnable` exists. A scheduler whose tasks may wait
    /// long for a thread takes the `Runnable` out of its queue and cancels it. Called on any
    /// thread, with a reference to the task, perhaps more than once.
    #[inline]
    fn aborted(&self) {}

    /// The instant from which waits for polls are measured; `None` if they are not.
    #[inline]
    fn origin(&self) -> Option<std::time::Instant> {
        None
    }

    /// Whether its tasks keep for a dump what they wait for. Always the same answer.
    fn is_observed(&self) -> bool;

    /// Where its tasks' scope was opened, if they are members of one.
    fn scope(&self) -> Option<&'static Location<'static>> {
        None
    }

    /// The flight recorder for its tasks, if there is one.
    fn recorder(&self) -> Option<&Recorder>;

    /// The task ends without an output. Called before anybody can see that it is complete.
    #[inline]
    fn failed(&self, _task: &Header, _error: &JoinError) {}

    /// Takes a completed task off the owned list. Called once, before the life reference is
    /// dropped.
    fn release(&self, task: &Header);

    /// The receiver of panics. Asked when a task has panicked.
    fn panics(&self) -> Option<std::sync::Arc<dyn PanicSink>> {
        None
    }

    /// Ends the scheduler because of a panic: it takes no more tasks and drops those it has. Called
    /// on any thread, does not wait. Returns false if this scheduler cannot be ended so.
    fn stop(&self) -> bool {
        false
    }
}

/// The task's scheduler, which is only read (rule 5). `header` is the task's.
pub(super) fn scheduler_of(task: NonNull<Header>, header: &Header) -> &dyn Schedule {
    // SAFETY: the vtable was made for the task's types; the scheduler lives as long as the header
    // does.
    unsafe { (header.vtable.scheduler)(task).as_ref() }
}

/// Drops the join waker. The caller has exclusive access to it (rule 4).
pub(super) fn drop_join_waker(header: &Header) {
    let waker = header.join_waker.with_mut(|waker| {
        // SAFETY: by the caller's exclusive access.
        unsafe { (*waker).take() }
    });
    catch_panic(|| drop(waker));
}

/// Frees the task.
///
/// # Safety
/// The last reference is gone.
#[inline(never)]
pub(super) unsafe fn free(task: NonNull<Header>) {
    // SAFETY: nobody else uses the task.
    let header = unsafe { task.as_ref() };
    // Through its cell, like every other access, so that a model notices if this comes too early.
    drop_join_waker(header);
    let layout = header.vtable.layout;
    let is_observed = header.state.peek().is_observed();
    // SAFETY: the vtable was made for the task's types.
    let scheduler = unsafe { (header.vtable.scheduler)(task) };
    // SAFETY: nobody uses the task after this. The stage holds nothing: the life reference is
    // dropped after completion, the handle's after the output was taken or dropped. The allocation
    // was made by `allocate`, as a box of this layout, or with a block in front. A block needs no
    // drop.
    unsafe {
        catch_panic(|| scheduler.drop_in_place());
        task.drop_in_place();
        if is_observed {
            dealloc_observed(task, layout);
        } else {
            dealloc(task.as_ptr().cast(), layout);
        }
    }
}

/// # Safety
/// The task, which has a block in front, is not used after this; it has been dropped.
#[cold]
unsafe fn dealloc_observed(task: NonNull<Header>, layout: Layout) {
    let (layout, offset) = with_block(layout);
    // SAFETY: by the caller: `allocate_observed` has made the allocation like this.
    unsafe { dealloc(task.as_ptr().cast::<u8>().sub(offset), layout) };
}

/// The layout of a task with a block in front of it, and how far from its beginning the task is.
/// The block ends where the task begins.
pub(super) fn with_block(task: Layout) -> (Layout, usize) {
    let block = Layout::new::<Block>();
    let align = block.align().max(task.align());
    // The room in front is a multiple of the alignment, so no padding is between the two.
    let front = block.size().next_multiple_of(align);
    let size = front.checked_add(task.size()).expect("a task is smaller than memory");
    (Layout::from_size_align(size, align).expect("a task is smaller than memory"), front)
}

/// The block of an observed task.
///
/// # Safety
/// The task is observed, and the address is good for the whole allocation.
pub(super) unsafe fn block<'a>(task: NonNull<Header>) -> &'a Block {
    // SAFETY: by the caller: `allocate` has put one there, which lives as long as the task.
    unsafe { task.cast::<Block>().sub(1).as_ref() }
}

/// Gives up one reference that the caller has.
pub(super) fn drop_reference(task: NonNull<Header>) {
    // SAFETY: the caller has a reference, so the task is alive.
    let header = unsafe { task.as_ref() };
    if header.state.drop_reference() {
        // SAFETY: it was the last.
        unsafe { free(task) };
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

    /// The header's address, to tell tasks apart.
    pub(super) fn as_ptr(&self) -> NonNull<Header> {
        NonNull::from(self)
    }
}
