//! Models of `task/`: the state word, the cell, the handles, the owned list.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::engine::insight::{Recorder, Stacks};
use crate::engine::primitive::Mutex;
use crate::engine::scheduler::closing::cancel_down_to;
use crate::engine::task::scope::Membership;
use crate::engine::task::{
    Header, Identity, JoinHandle, Outcome, Owned, Runnable, Schedule, StallPolicy, spawn_cell,
};

/// A scheduler that is a queue.
pub(super) struct Queue {
    /// Whether its tasks are observed.
    is_observed: bool,
    stacks: Stacks,
    /// Where the tasks that have left the list were spawned. Its lock is not a part of the model.
    released: std::sync::Mutex<Vec<&'static Location<'static>>>,
    pub(super) tasks: Mutex<VecDeque<Runnable>>,
    pub(super) owned: Owned,
}

pub(super) struct QueueRef(pub(super) Arc<Queue>);

impl Schedule for QueueRef {
    fn is_observed(&self) -> bool {
        self.0.is_observed
    }

    fn recorder(&self) -> Option<&Recorder> {
        None
    }

    fn schedule(&self, task: Runnable) {
        self.0.tasks.lock().push_back(task);
    }
    fn release(&self, task: &Header) {
        self.0.owned.release(task);
        self.0.released.lock().unwrap().push(task.location);
    }
}

impl Queue {
    pub(super) fn new() -> Arc<Queue> {
        Queue::of_tasks(false)
    }

    /// A queue whose tasks are observed, or not.
    fn of_tasks(is_observed: bool) -> Arc<Queue> {
        let stacks = Stacks::default();
        let (tasks, released) = (Mutex::default(), std::sync::Mutex::default());
        Arc::new(Queue { is_observed, stacks, released, tasks, owned: Owned::new(1) })
    }

    /// Adds a new task and makes it run.
    pub(super) fn take_in(&self, task: Runnable, membership: Option<&Membership>) {
        self.owned.take_in(task, membership, |task| self.tasks.lock().push_back(task));
    }

    /// Runs the queued tasks; returns whether there were any.
    pub(super) fn run(&self) -> bool {
        let task = self.tasks.lock().pop_front();
        let Some(task) = task else { return false };
        let outcome = if self.is_observed {
            task.run_observed(&StallPolicy::Nobody, 0, 0, &self.stacks).0
        } else {
            task.run(&StallPolicy::Nobody)
        };
        if let Outcome::Woken(task) = outcome {
            self.tasks.lock().push_back(task);
        }
        true
    }

    pub(super) fn run_all(&self) {
        while self.run() {}
    }

    pub(super) fn close(&self) {
        self.owned.close();
        self.cancel();
    }

    /// Cancels the tasks that are there, until none is left.
    pub(super) fn cancel(&self) {
        cancel_down_to(0, &self.owned, || {
            self.owned.cancel_all(Runnable::cancel);
            let queued = || self.tasks.lock().pop_front();
            std::iter::from_fn(queued).for_each(Runnable::cancel);
        });
    }
}

#[track_caller]
fn spawn<F: Future + 'static>(queue: &Arc<Queue>, future: F) -> JoinHandle<F::Output> {
    let scheduler = QueueRef(queue.clone());
    let identity = Identity::at(Location::caller());
    let (task, handle) = spawn_cell(future, scheduler, identity);
    queue.take_in(task, None);
    handle
}

/// A future that is ready when all of `flags` are set; it leaves its waker for each of them.
struct AllSet {
    flags: Arc<Vec<AtomicUsize>>,
    wakers: Arc<Mutex<Vec<Waker>>>,
    registered: bool,
}

impl Future for AllSet {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.registered {
            self.registered = true;
            let wakers = self.flags.iter().map(|_| cx.waker().clone()).collect();
            *self.wakers.lock() = wakers;
        }
        // Relaxed: only the wake orders these accesses.
        if self.flags.iter().all(|flag| flag.load(Ordering::Relaxed) == 1) {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// A wake that finds the task scheduled or running already, and is lost with what it published.
#[test]
fn every_wake_is_seen_with_what_came_before_it() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let queue = Queue::new();
        let flags = Arc::new(vec![AtomicUsize::new(0), AtomicUsize::new(0)]);
        let wakers = Arc::new(Mutex::default());
        let all = AllSet { flags: flags.clone(), wakers: wakers.clone(), registered: false };
        let handle = spawn(&queue, all);
        queue.run_all();
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let waker = wakers.lock().pop().unwrap();
                let flags = flags.clone();
                thread::spawn(move || {
                    flags[i].store(1, Ordering::Relaxed);
                    if i == 0 { waker.wake() } else { waker.wake_by_ref() }
                })
            })
            .collect();
        queue.run();
        for thread in threads {
            thread.join().unwrap();
        }
        queue.run_all();
        assert!(handle.is_finished());
    });
}

/// A future that two threads touch: the end of one poll must be seen by the next.
#[test]
fn polls_follow_each_other() {
    loom::model(|| {
        let queue = Queue::new();
        let cell = loom::cell::UnsafeCell::new(0);
        let waker = Arc::new(Mutex::new(None));
        let given = waker.clone();
        let handle = spawn(
            &queue,
            poll_fn(move |cx| {
                *given.lock() = Some(cx.waker().clone());
                // The waker is out already, so only the end of this poll publishes what follows.
                // SAFETY: polls of one task never overlap: that is what is being checked.
                let polls = cell.with_mut(|polls| unsafe {
                    *polls += 1;
                    *polls
                });
                if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
            }),
        );
        let other = queue.clone();
        let thread = thread::spawn(move || {
            let waker = waker.lock().take();
            if let Some(waker) = waker {
                waker.wake();
            }
            other.run();
        });
        queue.run();
        queue.run();
        thread.join().unwrap();
        queue.run_all();
        queue.close();
        drop(handle);
    });
}

/// A handle that misses the completion, or takes an output that is not yet there.
#[test]
fn join_against_completion() {
    loom::model(|| {
        let queue = Queue::new();
        let handle = spawn(&queue, async { Box::new(7) });
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        assert_eq!(*loom::future::block_on(handle).unwrap(), 7);
        thread.join().unwrap();
    });
}

/// A waiter for the end that comes when the task completes and is forgotten, or that hears of the
/// end before the future has been dropped.
#[test]
fn who_waits_for_the_end_hears_of_it() {
    /// Its drop shows in a value that nothing but the end of the task orders.
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(1, Ordering::Relaxed);
        }
    }
    loom::model(|| {
        let queue = Queue::new();
        let dropped = Arc::new(AtomicUsize::new(0));
        let owned = Dropped(dropped.clone());
        let handle = spawn(&queue, async move {
            let _owned = owned;
            std::future::pending::<()>().await
        });
        let task = handle.abort_handle();
        task.abort();
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        loom::future::block_on(task.ended());
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        thread.join().unwrap();
    });
}

/// Two waiters of which the one that gives up takes the other's waker with it.
#[test]
fn who_gives_up_leaves_the_other_waiter() {
    loom::model(|| {
        let queue = Queue::new();
        let task = spawn(&queue, async {}).abort_handle();
        let mut ended = task.ended();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(ended.poll_end(&mut cx).is_pending());
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        let stays = task.ended();
        drop(ended);
        loom::future::block_on(stays);
        thread.join().unwrap();
    });
}

/// A waker that is changed while the completion calls it.
#[test]
fn the_latest_join_waker_is_called() {
    loom::model(|| {
        let queue = Queue::new();
        let mut handle = Box::pin(spawn(&queue, async { 1 }));
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        let mut cx = Context::from_waker(Waker::noop());
        let first = handle.as_mut().poll(&mut cx);
        let output = match first {
            Poll::Ready(output) => output,
            Poll::Pending => loom::future::block_on(handle.as_mut()),
        };
        assert_eq!(output.unwrap(), 1);
        thread.join().unwrap();
    });
}

/// An output, or a join waker, that leaks or is dropped twice.
#[test]
fn a_dropped_handle_leaves_nothing() {
    loom::model(|| {
        let token = Arc::new(());
        let queue = Queue::new();
        let output = token.clone();
        let mut handle = Box::pin(spawn(&queue, async move { output }));
        let _ = handle.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        drop(handle);
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

/// Reads its cell when it is dropped.
struct ReadAtTheEnd(Arc<loom::cell::UnsafeCell<u8>>);

impl Drop for ReadAtTheEnd {
    fn drop(&mut self) {
        // SAFETY: loom checks that nobody writes meanwhile.
        assert_eq!(self.0.with(|value| unsafe { *value }), 1);
    }
}

/// A task that is polled after its abort was seen, or never ends, or ends without what the aborting
/// thread did before.
#[test]
fn abort_against_run() {
    loom::model(|| {
        let token = Arc::new(());
        let written = Arc::new(loom::cell::UnsafeCell::new(0));
        let queue = Queue::new();
        let inside = (token.clone(), ReadAtTheEnd(written.clone()));
        let handle = spawn(&queue, async move {
            let _inside = inside;
            std::future::pending::<()>().await;
        });
        let abort = handle.abort_handle();
        let other = queue.clone();
        let thread = thread::spawn(move || other.run());
        // SAFETY: loom checks that nobody reads meanwhile.
        written.with_mut(|value| unsafe { *value = 1 });
        abort.abort();
        thread.join().unwrap();
        queue.run_all();
        assert!(abort.is_finished());
        assert_eq!(Arc::strong_count(&token), 1);
        assert!(loom::future::block_on(handle).unwrap_err().is_cancelled());
    });
}

/// A task that is freed while a waker still uses it, or never.
#[test]
fn the_last_reference_frees() {
    loom::model(|| {
        let queue = Queue::new();
        let waker = Arc::new(Mutex::new(None));
        let given = waker.clone();
        let token = Arc::new(());
        let inside = token.clone();
        let handle = spawn(
            &queue,
            poll_fn(move |cx| {
                let _inside = &inside;
                *given.lock() = Some(cx.waker().clone());
                Poll::Ready(())
            }),
        );
        queue.run_all();
        let waker = waker.lock().take().unwrap();
        let thread = thread::spawn(move || waker.wake());
        drop(handle);
        thread.join().unwrap();
        assert_eq!(Arc::strong_count(&token), 1);
        // If the task was not freed, loom reports that the queue's count is not zero.
        assert_eq!(Arc::strong_count(&queue), 1);
    });
}

/// A task that one thread frees before it sees that another is done with it.
#[test]
fn who_frees_sees_all_that_was_done() {
    for by_value in [false, true] {
        loom::model(move || {
            let queue = Queue::new();
            let waker = Arc::new(Mutex::new(None));
            let given = waker.clone();
            let mut handle = Box::pin(spawn(
                &queue,
                poll_fn(move |cx| {
                    *given.lock() = Some(cx.waker().clone());
                    Poll::Ready(())
                }),
            ));
            let _ = handle.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            queue.run_all();
            let waker = waker.lock().take().unwrap();
            // The handle takes the output and the join waker out, then drops its reference.
            let thread = thread::spawn(move || drop(handle));
            if by_value {
                waker.wake()
            } else {
                drop(waker)
            }
            thread.join().unwrap();
        });
    }
}

/// A task that slips through a shutdown.
#[test]
fn shutdown_against_spawn() {
    loom::model(|| {
        let token = Arc::new(());
        let queue = Queue::new();
        let (other, inside) = (queue.clone(), token.clone());
        let thread = thread::spawn(move || {
            drop(spawn(&other, async move {
                let _inside = inside;
                std::future::pending::<()>().await;
            }));
        });
        queue.close();
        thread.join().unwrap();
        queue.close();
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

/// A shutdown that misses a task whose wake is under way.
#[test]
fn shutdown_against_wake() {
    loom::model(|| {
        let queue = Queue::new();
        let waker = Arc::new(Mutex::new(None));
        let given = waker.clone();
        let handle = spawn(
            &queue,
            poll_fn(move |cx| {
                *given.lock() = Some(cx.waker().clone());
                Poll::<()>::Pending
            }),
        );
        queue.run_all();
        let waker = waker.lock().take().unwrap();
        let thread = thread::spawn(move || waker.wake());
        queue.close();
        assert!(handle.is_finished());
        thread.join().unwrap();
    });
}

/// A shutdown with a grace that misses the end of the last task, or sees it too early.
#[test]
fn who_waits_for_the_last_task_hears_of_it() {
    loom::model(|| {
        let queue = Queue::new();
        let handle = spawn(&queue, async {});
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        loom::future::block_on(poll_fn(|cx| {
            let none = queue.owned.census(0, cx.waker()).alive == 0;
            if none { Poll::Ready(()) } else { Poll::Pending }
        }));
        assert!(handle.is_finished());
        thread.join().unwrap();
    });
}

/// A dump that leaves out a task that is there all the time, shows one twice, or reads one that is
/// gone: the walk's place is lost when the task at it ends.
#[test]
fn a_walk_sees_each_task_that_stays_once() {
    loom::model(|| {
        let queue = Queue::new();
        let first_line = Location::caller().line();
        drop(spawn(&queue, std::future::pending::<()>()));
        drop(spawn(&queue, async {}));
        drop(spawn(&queue, async {}));
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        let mut seen = Vec::new();
        // The latest comes first.
        queue.owned.walk(|task| {
            assert!(!queue.released.lock().unwrap().contains(&task.location()), "it is gone");
            seen.push(task.location().line() - first_line);
        });
        thread.join().unwrap();
        assert!(seen.contains(&1), "{seen:?}");
        assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
        queue.close();
    });
}

/// A look that comes to nothing: it finds the task in a poll, or woken, and no poll follows.
#[test]
fn who_looks_at_a_task_gets_its_stack() {
    loom::model(|| {
        let queue = Queue::of_tasks(true);
        let handle = spawn(&queue, std::future::pending::<()>());
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        let looked_at = queue.owned.look_at(|_| true);
        thread.join().unwrap();
        queue.run_all();
        assert_eq!(looked_at, 1);
        assert_eq!(queue.stacks.taken(), [handle.id()]);
        queue.close();
    });
}
