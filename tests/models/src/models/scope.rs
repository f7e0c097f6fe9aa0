//! Models of `task/scope.rs`.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use super::task::{Queue, QueueRef};
use crate::engine::primitive::Mutex;
use crate::engine::slab::Key;
use crate::engine::task::scope::{Awaits, Force, Node};
use crate::engine::task::{Identity, JoinHandle};

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn spawn<F: Future + 'static>(
    scope: &Node,
    queue: &Arc<Queue>,
    future: F,
) -> JoinHandle<F::Output> {
    let identity = Identity::at(Location::caller());
    let scheduler = QueueRef(queue.clone());
    let membership = scope.join();
    let (task, handle) = membership.spawn_cell(future, scheduler, identity);
    queue.take_in(task, Some(&membership));
    handle
}

/// Waits at a scope, as the public functions do.
struct Wait(Node, Awaits, Option<Key>);

impl Future for Wait {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Wait(node, awaits, key) = &mut *self;
        if node.wait(*awaits, key, cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

fn wait(node: &Node, awaits: Awaits) {
    loom::future::block_on(Wait(node.clone(), awaits, None));
}

async fn forever(token: Arc<()>) {
    let _token = token;
    std::future::pending::<()>().await;
}

/// A scope that is said to have ended before its last task has, or never.
#[test]
fn who_waits_for_the_end_sees_finished_tasks() {
    check(|| {
        let (root, queue) = (Node::root(), Queue::new());
        let scope = root.child();
        let handle = spawn(&scope, &queue, async {});
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        wait(&scope, Awaits::End);
        assert!(handle.is_finished());
        thread.join().unwrap();
    });
}

/// A task that comes to life in a scope inside one that has ended.
#[test]
fn nothing_comes_to_life_inside_what_has_ended() {
    check(|| {
        let (root, queue) = (Node::root(), Queue::new());
        let scope = root.child();
        let inner = scope.child();
        let (deep, other) = (inner.clone(), queue.clone());
        let thread = thread::spawn(move || {
            let token = Arc::new(());
            let handle = spawn(&deep, &other, forever(token.clone()));
            let alive = !handle.is_finished();
            (alive, handle)
        });
        let ended = futures_end(&scope);
        let (alive, handle) = thread.join().unwrap();
        assert!(!(ended && alive), "a task lives in a scope that has ended");
        scope.abort(Force::Yes);
        queue.run_all();
        assert!(handle.is_finished());
        inner.abort(Force::Yes);
        wait(&scope, Awaits::End);
    });
}

/// Returns whether the scope has ended by now.
fn futures_end(scope: &Node) -> bool {
    let (mut key, waker) = (None, Waker::noop());
    let ended = scope.wait(Awaits::End, &mut key, waker);
    if let Some(key) = key {
        scope.stop_waiting(Awaits::End, key);
    }
    ended
}

/// A task that slips through an abort: spawned into the scope, or in one that is just being opened.
#[test]
fn abort_against_spawn() {
    for nested in [false, true] {
        check(move || {
            let token = Arc::new(());
            let (root, queue) = (Node::root(), Queue::new());
            let scope = root.child();
            let (handle, other, inside) = (scope.clone(), queue.clone(), token.clone());
            let thread = thread::spawn(move || {
                let inner = nested.then(|| handle.child());
                drop(spawn(inner.as_ref().unwrap_or(&handle), &other, forever(inside)));
                inner
            });
            scope.abort(Force::No);
            let inner = thread.join().unwrap();
            queue.run_all();
            assert_eq!(Arc::strong_count(&token), 1);
            wait(&scope, Awaits::End);
            if let Some(inner) = inner {
                assert!(inner.is_cancelled());
                inner.abort(Force::Yes);
            }
        });
    }
}

/// An abort that is held back by a guard and never carried out, or carried out while it is held.
#[test]
fn abort_against_the_last_guard() {
    check(|| {
        let token = Arc::new(());
        let (root, queue) = (Node::root(), Queue::new());
        let scope = root.child();
        let membership = scope.join();
        let guard = membership.guard();
        let identity = Identity::at(Location::caller());
        let scheduler = QueueRef(queue.clone());
        let (task, handle) = membership.spawn_cell(forever(token.clone()), scheduler, identity);
        drop(handle);
        queue.take_in(task, Some(&membership));
        queue.run_all();
        let other = scope.clone();
        let thread = thread::spawn(move || other.abort(Force::No));
        queue.run_all();
        assert_eq!(Arc::strong_count(&token), 2, "aborted under its guard");
        drop(guard);
        thread.join().unwrap();
        queue.run_all();
        assert_eq!(Arc::strong_count(&token), 1, "not aborted without its guard");
        wait(&scope, Awaits::End);
    });
}

/// Leaves its waker. If it is polled once `ended` is set, it leaves a word, since a panic would
/// stay in the task.
struct NotAfter {
    ended: Arc<AtomicBool>,
    polled: Arc<AtomicBool>,
    waker: Arc<Mutex<Option<Waker>>>,
}

impl Future for NotAfter {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Relaxed: the thread that sets it is the one that polls.
        if self.ended.load(Ordering::Relaxed) {
            self.polled.store(true, Ordering::Relaxed);
        }
        *self.waker.lock() = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// An abort that returns because of another one, although that has not yet reached the tasks.
#[test]
fn an_abort_beside_another_returns_when_all_is_aborted() {
    for nested in [false, true] {
        check(move || {
            let (root, queue) = (Node::root(), Queue::new());
            let scope = root.child();
            let inner = scope.child();
            let (ended, waker) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::default()));
            let polled = Arc::new(AtomicBool::new(false));
            let future =
                NotAfter { ended: ended.clone(), polled: polled.clone(), waker: waker.clone() };
            drop(spawn(&inner, &queue, future));
            queue.run_all();
            let other = scope.clone();
            let thread = thread::spawn(move || other.abort(Force::Yes));
            if nested { &inner } else { &scope }.abort(Force::Yes);
            ended.store(true, Ordering::Relaxed);
            let waker = waker.lock().take();
            waker.unwrap().wake();
            queue.run_all();
            assert!(!polled.load(Ordering::Relaxed), "polled after the abort");
            thread.join().unwrap();
            queue.run_all();
            wait(&scope, Awaits::End);
        });
    }
}

/// The same beside the last guard of a task, whose drop carries out an earlier abort.
#[test]
fn an_abort_beside_the_last_guard_returns_when_all_is_aborted() {
    check(|| {
        let (root, queue) = (Node::root(), Queue::new());
        let scope = root.child();
        let (ended, waker) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::default()));
        let polled = Arc::new(AtomicBool::new(false));
        let future =
            NotAfter { ended: ended.clone(), polled: polled.clone(), waker: waker.clone() };
        let membership = scope.join();
        let guard = membership.guard();
        let identity = Identity::at(Location::caller());
        let (task, handle) = membership.spawn_cell(future, QueueRef(queue.clone()), identity);
        drop(handle);
        queue.take_in(task, Some(&membership));
        queue.run_all();
        scope.abort(Force::No);
        let thread = thread::spawn(move || drop(guard));
        scope.abort(Force::Yes);
        ended.store(true, Ordering::Relaxed);
        let waker = waker.lock().take();
        waker.unwrap().wake();
        queue.run_all();
        assert!(!polled.load(Ordering::Relaxed), "polled after the abort");
        thread.join().unwrap();
        queue.run_all();
        wait(&scope, Awaits::End);
    });
}

/// The same for a cancellation: one that stops where another has passed, although that has not gone
/// on.
#[test]
fn a_cancellation_beside_another_returns_when_all_is_told() {
    check(|| {
        let root = Node::root();
        let scope = root.child();
        let other = root.clone();
        let thread = thread::spawn(move || other.cancel());
        let inner = scope.child();
        scope.cancel();
        assert!(inner.is_cancelled());
        root.cancel();
        thread.join().unwrap();
        inner.abort(Force::Yes);
        scope.abort(Force::Yes);
    });
}

/// A scope that counts two that come to life inside it at the same time as one, or as none.
#[test]
fn two_that_come_to_life_at_once_are_two() {
    check(|| {
        let (root, queue) = (Node::root(), Queue::new());
        let scope = root.child();
        let inside = [scope.child(), scope.child()];
        let (one, other) = (inside[0].clone(), queue.clone());
        let thread = thread::spawn(move || drop(spawn(&one, &other, async {})));
        drop(spawn(&inside[1], &queue, async {}));
        thread.join().unwrap();
        assert!(!futures_end(&scope));
        assert!(queue.run());
        assert!(!futures_end(&scope));
        let thread = thread::spawn(move || queue.run_all());
        wait(&scope, Awaits::End);
        thread.join().unwrap();
        for inner in inside {
            inner.abort(Force::Yes);
        }
    });
}

/// A parent of the last two scopes that neither frees, or that both free.
#[test]
fn the_last_two_inside_free_what_is_around_them() {
    check(|| {
        let inside = {
            let scope = Node::root().child();
            let inner = scope.child();
            let inside = [inner.child(), inner.child()];
            scope.abort(Force::Yes);
            inside
        };
        let [one, other] = inside;
        let thread = thread::spawn(move || drop(one));
        drop(other);
        thread.join().unwrap();
    });
}

/// A cancellation that does not reach some task, or comes without what the cancelling thread did
/// before.
#[test]
fn cancel_is_heard_with_what_came_before_it() {
    check(|| {
        let root = Node::root();
        let scope = root.child();
        let written = Arc::new(AtomicUsize::new(0));
        let (other, seen) = (scope.clone(), written.clone());
        let thread = thread::spawn(move || {
            if other.is_cancelled() {
                assert_eq!(seen.load(Ordering::Relaxed), 1);
            }
            // It was opened before or after the cancellation: it is told.
            let inner = other.child();
            if inner.is_cancelled() {
                assert_eq!(seen.load(Ordering::Relaxed), 1);
            }
            wait(&inner, Awaits::Cancelled);
            inner.abort(Force::Yes);
        });
        written.store(1, Ordering::Relaxed);
        root.cancel();
        thread.join().unwrap();
        scope.abort(Force::Yes);
    });
}

/// A scope that stays on its parent's list when nobody has it any more. loom finds memory that is
/// not freed.
#[test]
fn what_has_ended_is_forgotten() {
    check(|| {
        let (root, queue) = (Node::root(), Queue::new());
        let scope = root.child();
        drop(spawn(&scope, &queue, async {}));
        let other = queue.clone();
        let thread = thread::spawn(move || other.run_all());
        scope.abort(Force::Yes);
        drop(scope);
        thread.join().unwrap();
        queue.run_all();
    });
}
