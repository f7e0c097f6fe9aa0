//! A source's readiness: no event is lost between an operation and the wait after it, in any order.

use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

use loom::future::block_on;
use loom::thread;

use crate::engine::driver::interest::Interest;
use crate::engine::driver::readiness::{Direction, Readiness};
use crate::engine::driver::ready::Ready;
use crate::engine::driver::switch::{Source, Switch};
use crate::engine::driver::table::{Table, shut_all};
use crate::engine::primitive::atomic::{AtomicUsize, Ordering};
use crate::engine::primitive::{Arc, Condvar, Mutex};
use crate::engine::waiter_list::Key;
use crate::engine::wake_list::WakeList;

/// Explores every interleaving with up to three preemptions. (All interleavings take two minutes,
/// and find nothing more.)
fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

/// The kernel's side of a source: how much is there to read.
struct Kernel(Mutex<usize>);

impl Kernel {
    fn new() -> Kernel {
        Kernel(Mutex::new(0))
    }

    /// Data arrives: an edge, which the poll's holder then delivers.
    fn arrives(&self, source: &Readiness) {
        *self.0.lock() += 1;
        let mut wakers = WakeList::new();
        source.set(Ready::READABLE, &mut wakers);
        wakers.wake_all();
    }

    /// A read that does not block: takes all that is there.
    fn read(&self) -> Option<usize> {
        match std::mem::take(&mut *self.0.lock()) {
            0 => None,
            n => Some(n),
        }
    }
}

/// A reader as a task has it: reads when ready, clears when the read would block.
fn poll_read(source: &Readiness, kernel: &Kernel, cx: &mut Context<'_>) -> Poll<usize> {
    loop {
        let event = match source.poll(Direction::Read, cx.waker()) {
            Poll::Ready(event) => event,
            Poll::Pending => return Poll::Pending,
        };
        match kernel.read() {
            Some(n) => return Poll::Ready(n),
            None => source.clear_blocked(event),
        }
    }
}

/// Would catch: a clear without a tick, that wipes out an event which came after the read; a wait
/// that does not look again once its waker is stored; an event that takes no waker. Each is a
/// reader that sleeps for ever.
#[test]
fn every_event_reaches_the_reader() {
    model(|| {
        let shared = Arc::new((Readiness::new(Ready::EMPTY), Kernel::new()));
        let there = shared.clone();
        let system = thread::spawn(move || {
            let (source, kernel) = &*there;
            kernel.arrives(source);
            kernel.arrives(source);
        });
        let (source, kernel) = &*shared;
        let mut got = 0;
        while got < 2 {
            got += block_on(std::future::poll_fn(|cx| poll_read(source, kernel, cx)));
        }
        system.join().unwrap();
    });
}

/// Would catch: a short read that clears what has come since it.
#[test]
fn a_short_read_does_not_wipe_out_the_next_event() {
    model(|| {
        let shared = Arc::new((Readiness::new(Ready::EMPTY), Kernel::new()));
        let there = shared.clone();
        let system = thread::spawn(move || {
            let (source, kernel) = &*there;
            kernel.arrives(source);
            kernel.arrives(source);
        });
        let (source, kernel) = &*shared;
        let mut got = 0;
        while got < 2 {
            got += block_on(std::future::poll_fn(|cx| {
                loop {
                    let Poll::Ready(event) = source.poll(Direction::Read, cx.waker()) else {
                        return Poll::Pending;
                    };
                    match kernel.read() {
                        Some(n) => {
                            source.clear_short_read(event);
                            return Poll::Ready(n);
                        }
                        None => source.clear_blocked(event),
                    }
                }
            }));
        }
        system.join().unwrap();
    });
}

/// One of many waiters, as in `Registration::ready`.
struct Wait<'a> {
    source: &'a Readiness,
    key: Option<Key>,
}

impl Wait<'_> {
    fn poll(&mut self, waker: &Waker) -> bool {
        self.source.poll_shared(&mut self.key, Ready::READABLE, waker).is_ready()
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        // A model that fails drops this outside any execution, where there is no lock to take.
        if let (Some(key), false) = (self.key, std::thread::panicking()) {
            self.source.leave(key);
        }
    }
}

/// Would catch: a waiter that goes while it is being woken and takes the place of one that has
/// come since, or another's wake, along with it.
#[test]
fn a_waiter_that_leaves_takes_nothing_along() {
    model(|| {
        let source = Arc::new(Readiness::new(Ready::EMPTY));
        let (there, also) = (source.clone(), source.clone());
        let system = thread::spawn(move || {
            let mut wakers = WakeList::new();
            there.set(Ready::READABLE, &mut wakers);
            wakers.wake_all();
        });
        let fickle = thread::spawn(move || {
            let mut wait = Wait { source: &also, key: None };
            wait.poll(Waker::noop());
        });
        let mut wait = Wait { source: &source, key: None };
        block_on(std::future::poll_fn(|cx| {
            if wait.poll(cx.waker()) { Poll::Ready(()) } else { Poll::Pending }
        }));
        fickle.join().unwrap();
        system.join().unwrap();
    });
}

/// Would catch: a source that is registered while the driver ends and is neither refused nor shut:
/// its reader sleeps for ever.
#[test]
fn shutdown_refuses_a_source_or_shuts_it() {
    model(|| {
        let table = Arc::new(Mutex::new(Table::default()));
        let there = table.clone();
        let ender = thread::spawn(move || shut_all(&there));
        let source = Arc::new(Readiness::new(Ready::EMPTY));
        let registered = { table.lock().insert(source.clone()) };
        if let Some(token) = registered {
            let mut wait =
                pin!(std::future::poll_fn(|cx| source.poll(Direction::Read, cx.waker())));
            assert!(block_on(wait.as_mut()).shut);
            let gone = { table.lock().remove(token) };
            drop(gone);
        }
        ender.join().unwrap();
    });
}

/// Would catch: an event that is delivered to whoever has the place of the source it was meant for.
#[test]
fn an_event_of_a_former_tenant_finds_nobody() {
    model(|| {
        let table = Arc::new(Mutex::new(Table::default()));
        let first = Arc::new(Readiness::new(Ready::EMPTY));
        let token = table.lock().insert(first).unwrap();
        let there = table.clone();
        let events = Arc::new(AtomicUsize::new(0));
        let seen = events.clone();
        let holder = thread::spawn(move || {
            let table = there.lock();
            if let Some(source) = table.get(token.to_raw()) {
                source.set(Ready::READABLE, &mut WakeList::new());
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        let gone = { table.lock().remove(token) };
        drop(gone);
        let second = Arc::new(Readiness::new(Ready::EMPTY));
        table.lock().insert(second.clone()).unwrap();
        holder.join().unwrap();
        assert!(second.look(Ready::ALL).ready.is_empty());
    });
}

/// A waiting reader that is forgotten, not woken, when the reader before it ends its turn.
#[test]
fn who_waits_in_the_place_of_one_that_is_gone_is_woken() {
    model(|| {
        let source = Arc::new(Readiness::new(Ready::EMPTY));
        let gone = Arc::new(AtomicUsize::new(0));
        let (other, goes) = (source.clone(), gone.clone());
        let thread = thread::spawn(move || {
            goes.store(1, Ordering::Release);
            other.end_turn(Direction::Read);
        });
        block_on(std::future::poll_fn(|cx| {
            assert!(source.poll(Direction::Read, cx.waker()).is_pending());
            if gone.load(Ordering::Acquire) == 1 { Poll::Ready(()) } else { Poll::Pending }
        }));
        thread.join().unwrap();
    });
}

/// One of two tasks that poll in the same place, as in `FdWatch::poll_readable`. Reads when the
/// kernel says that there is something; else says so.
fn poll_level(
    source: &Readiness,
    turn: &Mutex<Option<Key>>,
    kernel: &Kernel,
    cx: &mut Context<'_>,
) -> Poll<()> {
    loop {
        let mut key = *turn.lock();
        let polled = source.poll_turn(&mut key, Ready::READABLE, cx.waker());
        *turn.lock() = key;
        let Poll::Ready(event) = polled else { return Poll::Pending };
        // As `poll` does, it takes nothing.
        if *kernel.0.lock() > 0 {
            return Poll::Ready(());
        }
        source.clear_blocked(event);
    }
}

/// A task that sleeps until it is woken.
struct Woken(Mutex<bool>, Condvar);

impl Woken {
    fn wait(&self) {
        let mut woken = self.0.lock();
        while !std::mem::take(&mut *woken) {
            self.1.wait(&mut woken);
        }
    }
}

impl Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        *self.0.lock() = true;
        self.1.notify_all();
    }
}

/// Would catch: a task that takes the place of another one and forgets it: the other sleeps for
/// ever. One of the two stores its key over the other's, and both must still be woken.
#[test]
fn two_tasks_that_poll_in_one_place_both_see_the_event() {
    model(|| {
        let source = Arc::new(Readiness::new(Ready::EMPTY));
        let turn = Arc::new(Mutex::new(None));
        let kernel = Arc::new(Kernel::new());
        let (there, place, theirs) = (source.clone(), turn.clone(), kernel.clone());
        let other = thread::spawn(move || {
            // It gives up at once: what it leaves behind must not keep the first one from an event.
            let _ = poll_level(&there, &place, &theirs, &mut Context::from_waker(Waker::noop()));
            theirs.arrives(&there);
        });
        let woken = std::sync::Arc::new(Woken(Mutex::new(false), Condvar::new()));
        // The same one for each poll, which loom's own `block_on` does not have.
        let waker = Waker::from(woken.clone());
        while poll_level(&source, &turn, &kernel, &mut Context::from_waker(&waker)).is_pending() {
            woken.wait();
        }
        other.join().unwrap();
    });
}

/// A source that is switched off as soon as an event is not waited for, and its kernel's side.
fn switched() -> Arc<(Readiness, Arc<Source>)> {
    let (readiness, source) = (Readiness::new(Ready::EMPTY), Source::new());
    readiness.attach(Interest::READABLE, Switch(source.clone()));
    Arc::new((readiness, source))
}

fn deliver(readiness: &Readiness) {
    let mut wakers = WakeList::new();
    readiness.set(Ready::READABLE, &mut wakers);
    wakers.wake_all();
}

/// Would catch: a source that stays off while its reader waits; one that is switched off just after
/// its reader has begun to wait, or by a thread that is overtaken by the one that switches it on.
#[test]
fn every_event_of_a_source_that_is_switched_off_reaches_the_reader() {
    model(|| {
        let shared = switched();
        let there = shared.clone();
        let holder = thread::spawn(move || {
            let (readiness, source) = &*there;
            for _ in 0..2 {
                source.arrives();
                if source.fetch() {
                    deliver(readiness);
                }
            }
            while source.wait() {
                deliver(readiness);
            }
        });
        let (readiness, source) = &*shared;
        let mut got = 0;
        while got < 2 {
            got += block_on(std::future::poll_fn(|cx| {
                loop {
                    let Poll::Ready(event) = readiness.poll(Direction::Read, cx.waker()) else {
                        return Poll::Pending;
                    };
                    match source.read() {
                        Some(n) => return Poll::Ready(n),
                        None => readiness.clear_blocked(event),
                    }
                }
            }));
        }
        source.end();
        holder.join().unwrap();
    });
}

/// Would catch: who only tries, and never waits, is told for ever that a read would block.
#[test]
fn who_only_tries_sees_the_events_of_a_source_that_is_switched_off() {
    model(|| {
        let shared = switched();
        let there = shared.clone();
        let holder = thread::spawn(move || {
            let (readiness, source) = &*there;
            for _ in 0..2 {
                source.arrives();
                if source.fetch() {
                    deliver(readiness);
                }
            }
        });
        let (readiness, source) = &*shared;
        for _ in 0..2 {
            let event = readiness.look(Ready::READABLE);
            if !event.ready.is_empty() && source.read().is_none() {
                readiness.clear_blocked(event);
            }
        }
        holder.join().unwrap();
        if source.fetch() {
            deliver(readiness);
        }
        let is_ready = !readiness.look(Ready::READABLE).ready.is_empty();
        assert!(source.there() == 0 || is_ready, "nobody tells of what is there");
    });
}
