//! What a subscriber of `tracing` is told of tasks, wakers, locks, channels and timers: the names,
//! fields and targets that tokio has.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync;
use tokio::task;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

const ASYNC_OP: &str = "runtime.resource.async_op";

type Fields = BTreeMap<&'static str, String>;

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Notes what it is told.
#[derive(Clone, Default)]
struct Recorder(Arc<Inner>);

#[derive(Default)]
struct Inner {
    next: AtomicU64,
    spans: Mutex<HashMap<u64, Span>>,
    events: Mutex<Vec<Noted>>,
    /// The next event that is there is met with a panic.
    panics: Mutex<Option<Panics>>,
}

#[derive(Clone, Copy)]
enum Panics {
    Anywhere,
    At(&'static str),
}

#[derive(Clone, Debug)]
struct Span {
    id: u64,
    name: &'static str,
    target: &'static str,
    parent: Option<u64>,
    fields: Fields,
    handles: usize,
    enters: usize,
}

impl Span {
    fn is_closed(&self) -> bool {
        self.handles == 0
    }
}

#[derive(Clone, Debug)]
struct Noted {
    target: &'static str,
    fields: Fields,
    inside: Vec<u64>,
}

struct Visitor(Fields);

impl Visit for Visitor {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed) + 1;
        let mut fields = Visitor(Fields::new());
        span.record(&mut fields);
        let around = || ENTERED.with_borrow(|entered| entered.last().copied());
        let parent = match span.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if span.is_root() => None,
            None => around(),
        };
        let (name, target) = (span.metadata().name(), span.metadata().target());
        let span = Span { id, name, target, parent, fields: fields.0, handles: 1, enters: 0 };
        self.spans().insert(id, span);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let is_there = |panics: &mut Panics| match panics {
            Panics::Anywhere => true,
            Panics::At(target) => event.metadata().target() == *target,
        };
        let panics = self.0.panics.lock().unwrap().take_if(is_there);
        if panics.is_some() {
            panic!("the subscriber panics");
        }
        let mut fields = Visitor(Fields::new());
        event.record(&mut fields);
        let inside = ENTERED.with_borrow(Vec::clone);
        let target = event.metadata().target();
        self.0.events.lock().unwrap().push(Noted { target, fields: fields.0, inside });
    }

    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
        self.spans().get_mut(&span.into_u64()).unwrap().enters += 1;
    }

    fn exit(&self, span: &Id) {
        let left = ENTERED.with_borrow_mut(Vec::pop);
        assert_eq!(left, Some(span.into_u64()), "left in the reverse order of entering");
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.spans().get_mut(&span.into_u64()).unwrap().handles += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut spans = self.spans();
        let span = spans.get_mut(&span.into_u64()).unwrap();
        span.handles -= 1;
        span.is_closed()
    }
}

impl Recorder {
    fn spans(&self) -> MutexGuard<'_, HashMap<u64, Span>> {
        self.0.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The spans that `is` says, in the order in which they were made.
    fn all(&self, is: impl Fn(&Span) -> bool) -> Vec<Span> {
        let mut found: Vec<Span> = self.spans().values().filter(|span| is(span)).cloned().collect();
        found.sort_by_key(|span| span.id);
        found
    }

    fn only(&self, is: impl Fn(&Span) -> bool) -> Span {
        let found = self.all(is);
        assert_eq!(found.len(), 1, "{found:#?}");
        found.into_iter().next().unwrap()
    }

    fn resource(&self, concrete_type: &str) -> Span {
        self.only(|span| {
            span.name == "runtime.resource"
                && span.fields["concrete_type"] == concrete_type
                && !span.fields.contains_key("is_internal")
        })
    }

    /// The permits inside of a resource.
    fn permits_of(&self, resource: &Span) -> Span {
        let all = self.all(|span| span.fields.contains_key("is_internal"));
        let permits = all.into_iter().find(|span| span.id > resource.id).unwrap();
        assert_eq!((permits.name, permits.parent), ("runtime.resource", None));
        assert_eq!(permits.target, "tokio::sync::batch_semaphore");
        assert_eq!(permits.fields["concrete_type"], "Semaphore");
        permits
    }

    /// What was said of the resource's state.
    fn states(&self, resource: &Span, field: &str) -> Vec<String> {
        let events = self.0.events.lock().unwrap();
        let of = |event: &&Noted| {
            event.target == "runtime::resource::state_update"
                && event.inside.last() == Some(&resource.id)
        };
        let said = events.iter().filter(of).filter_map(|event| {
            let value = event.fields.get(field)?;
            match event.fields.get(format!("{field}.op").as_str()) {
                Some(op) => Some(format!("{op} {value}")),
                None => Some(value.clone()),
            }
        });
        said.collect()
    }

    /// How long a timer was said to last.
    fn durations(&self, timer: &Span) -> Vec<String> {
        let events = self.0.events.lock().unwrap();
        let of = |event: &&Noted| {
            event.inside.contains(&timer.id)
                && event.target == "runtime::resource::state_update"
                && event.fields.get("duration.unit").is_some_and(|unit| unit == "ms")
        };
        events.iter().filter(of).map(|event| event.fields["duration"].clone()).collect()
    }

    /// How the polls of the waits for the resource ended: what was called, and whether it was
    /// ready.
    fn polls(&self, resource: &Span) -> Vec<(String, String, bool)> {
        let events = self.0.events.lock().unwrap();
        let mut polls = Vec::new();
        for event in events.iter().filter(|event| event.target == "runtime::resource::poll_op") {
            let [.., of, wait, poll] = event.inside[..] else { panic!("{event:?}") };
            if of != resource.id {
                continue;
            }
            let spans = self.spans();
            assert_eq!(spans[&wait].name, ASYNC_OP);
            assert_eq!(spans[&wait].parent, Some(of));
            assert_eq!(spans[&poll].name, "runtime.resource.async_op.poll");
            assert_eq!(spans[&poll].parent, Some(wait));
            let source = spans[&wait].fields["source"].clone();
            let ready = event.fields["is_ready"] == "true";
            polls.push((source, event.fields["op_name"].clone(), ready));
        }
        polls
    }

    /// What was said of the state of the waits for the resource.
    fn wait_states(&self, resource: &Span, field: &str) -> Vec<String> {
        let events = self.0.events.lock().unwrap();
        let spans = self.spans();
        let of = |event: &&Noted| {
            let waits = event.inside.iter().rev().find(|id| spans[id].name == ASYNC_OP);
            event.target == "runtime::resource::async_op::state_update"
                && waits.is_some_and(|wait| spans[wait].parent == Some(resource.id))
        };
        events.iter().filter(of).filter_map(|event| event.fields.get(field).cloned()).collect()
    }

    fn wakers_of(&self, task: &Span) -> Vec<String> {
        let events = self.0.events.lock().unwrap();
        let id = task.id.to_string();
        let of =
            |event: &&Noted| event.target == "tokio::task::waker" && event.fields["task.id"] == id;
        events.iter().filter(of).map(|event| event.fields["op"].clone()).collect()
    }
}

/// One test at a time: `tracing` keeps one table, of the whole process, of who listens to what.
static TURN: Mutex<()> = Mutex::new(());

fn recorded<R>(f: impl FnOnce(&Recorder) -> R) -> R {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let recorder = Recorder::default();
    tracing::subscriber::with_default(recorder.clone(), || f(&recorder))
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn is_task(span: &Span, kind: &str) -> bool {
    span.name == "runtime.spawn" && span.fields["kind"] == kind
}

fn polls(of: &[(&str, &str, bool)]) -> Vec<(String, String, bool)> {
    of.iter().map(|&(source, op, ready)| (source.into(), op.into(), ready)).collect()
}

/// The location in the fields is in this file, at `line`.
fn assert_is_at(span: &Span, line: u32) {
    assert!(span.fields["loc.file"].ends_with("spans_and_events.rs"), "{span:?}");
    assert_eq!(span.fields["loc.line"], line.to_string());
    assert!(span.fields.contains_key("loc.col"));
}

#[test]
fn a_task_is_a_span_from_its_spawn_to_its_end() {
    recorded(|recorder| {
        let (id, line) = one_thread().block_on(async {
            let future = async { task::yield_now().await };
            let size = size_of_val(&future);
            let line = line!() + 1;
            let handle = task::Builder::new().name("a name").spawn(future).unwrap();
            let id = handle.id();
            let span = recorder.only(|span| is_task(span, "task"));
            assert_eq!(span.enters, 0);
            assert_eq!(span.fields["size.bytes"], size.to_string());
            handle.await.unwrap();
            // Before anybody can see that the task is over.
            assert!(recorder.only(|span| is_task(span, "task")).is_closed());
            (id, line)
        });
        let span = recorder.only(|span| is_task(span, "task"));
        assert_eq!((span.target, span.parent), ("tokio::task", None));
        assert_eq!(span.fields["task.name"], "a name");
        assert_eq!(span.fields["task.id"], id.to_string());
        assert_is_at(&span, line);
        // Two polls and the drop.
        assert_eq!(span.enters, 3);
    });
}

#[test]
fn a_large_future_is_in_a_box() {
    recorded(|recorder| {
        one_thread().block_on(async {
            async fn large() -> usize {
                let bytes = [1; 20_000];
                task::yield_now().await;
                bytes.len()
            }
            let full = size_of_val(&large()).to_string();
            let small = task::spawn(async { 1 });
            let large = task::spawn(large());
            assert_eq!((small.await.unwrap(), large.await.unwrap()), (1, 20_000));
            let tasks = recorder.all(|span| is_task(span, "task"));
            assert_eq!(tasks[0].fields.get("original_size.bytes"), None);
            assert_eq!(tasks[1].fields["original_size.bytes"], full);
            assert_eq!(tasks[1].fields["size.bytes"], size_of::<usize>().to_string());
        });
    });
}

#[test]
fn the_other_kinds_of_tasks() {
    recorded(|recorder| {
        let runtime = one_thread();
        let root_line = line!() + 1;
        runtime.block_on(async {
            let local = task::LocalSet::new();
            local.run_until(async { task::spawn_local(async {}).await.unwrap() }).await;
            task::spawn_blocking(|| ()).await.unwrap();
        });
        let root = recorder.only(|span| is_task(span, "block_on"));
        assert!(root.is_closed() && root.enters > 1);
        assert_is_at(&root, root_line);
        assert!(recorder.only(|span| is_task(span, "local")).is_closed());
        let job = recorder.only(|span| is_task(span, "blocking"));
        assert_eq!(job.target, "tokio::task::blocking");
        assert!(job.is_closed());
        assert!(job.fields["fn"].starts_with("spans_and_events::"), "{job:?}");
        assert!(job.fields["fn"].contains("{{closure}}"), "{job:?}");
    });
}

#[test]
fn what_is_done_with_a_tasks_waker() {
    recorded(|recorder| {
        one_thread().block_on(async {
            let mut polls = 0;
            let task = tokio::spawn(poll_fn(move |cx| {
                polls += 1;
                if polls == 3 {
                    return Poll::Ready(());
                }
                let waker = cx.waker().clone();
                if polls == 1 {
                    waker.wake_by_ref();
                } else {
                    waker.wake();
                }
                Poll::Pending
            }));
            task.await.unwrap();
        });
        let task = recorder.only(|span| is_task(span, "task"));
        let ops = ["clone", "wake_by_ref", "drop", "clone", "wake"].map(|op| format!("waker.{op}"));
        assert_eq!(recorder.wakers_of(&task), ops);
    });
}

#[test]
fn a_mutex() {
    recorded(|recorder| {
        one_thread().block_on(async {
            let line = line!() + 1;
            let mutex = Arc::new(sync::Mutex::new(0));
            let guard = mutex.lock().await;
            let other = mutex.clone();
            let waits = tokio::spawn(async move { *other.lock().await += 1 });
            task::yield_now().await;
            drop(sync::MutexGuard::map(guard, |value| value));
            waits.await.unwrap();
            drop(mutex.try_lock().unwrap());

            let span = recorder.resource("Mutex");
            assert_eq!((span.fields["kind"].as_str(), span.parent), ("Sync", None));
            assert_eq!(span.target, "tokio::sync::mutex");
            assert_is_at(&span, line);
            let states = ["false", "true", "false", "true", "false", "true", "false"];
            assert_eq!(recorder.states(&span, "locked"), states);
            let lock = |ready| ("Mutex::lock", "poll", ready);
            assert_eq!(recorder.polls(&span), polls(&[lock(true), lock(false), lock(true)]));
            // Its permit. Nothing is kept for the one who lines up.
            let permits = recorder.permits_of(&span);
            let states = ["override 1", "sub 1", "sub 0", "add 1", "sub 1", "add 1"];
            assert_eq!(recorder.states(&permits, "permits"), states);
            assert_eq!(recorder.wait_states(&permits, "permits_requested"), ["1", "1"]);
            let obtained = ["0", "1", "0", "0", "1"];
            assert_eq!(recorder.wait_states(&permits, "permits_obtained"), obtained);
            assert!(!span.is_closed());
            drop(mutex);
            let spans = recorder.all(|span| span.name.starts_with("runtime.resource"));
            assert!(spans.iter().all(Span::is_closed), "{spans:#?}");
        });
        // Made before there can be a subscriber, so nobody sees it.
        static UNSEEN: sync::Mutex<()> = sync::Mutex::const_new(());
        drop(UNSEEN.try_lock().unwrap());
        assert_eq!(recorder.all(|span| span.name == "runtime.resource").len(), 2);
    });
}

#[test]
fn a_read_write_lock() {
    recorded(|recorder| {
        one_thread().block_on(async {
            let lock = Arc::new(sync::RwLock::with_max_readers((), 5));
            let (a, b) = (lock.read().await, lock.clone().read_owned().await);
            drop(a);
            drop(b);
            let write = lock.write().await;
            drop(write.downgrade());
            let span = recorder.resource("RwLock");
            assert_eq!(span.target, "tokio::sync::rwlock");
            assert_eq!(recorder.states(&span, "max_readers"), ["5"]);
            let readers = ["0", "add 1", "add 1", "sub 1", "sub 1", "add 1", "sub 1"];
            assert_eq!(recorder.states(&span, "current_readers"), readers);
            let written = ["false", "override true", "override false"];
            assert_eq!(recorder.states(&span, "write_locked"), written);
            let ops = ["RwLock::read", "RwLock::read_owned", "RwLock::write"];
            assert_eq!(recorder.polls(&span), polls(&ops.map(|op| (op, "poll", true))));
        });
    });
}

#[test]
fn a_semaphore() {
    recorded(|recorder| {
        one_thread().block_on(async {
            let semaphore = sync::Semaphore::new(3);
            let two = semaphore.acquire_many(2).await.unwrap();
            semaphore.try_acquire().unwrap().forget();
            drop(two);
            semaphore.add_permits(4);
            assert_eq!(semaphore.forget_permits(1), 1);
            let span = recorder.resource("Semaphore");
            assert_eq!(span.target, "tokio::sync::semaphore");
            assert_eq!(span.fields["inherits_child_attrs"], "true");
            let inside = recorder.permits_of(&span);
            let permits = ["override 3", "sub 2", "sub 1", "add 2", "add 4", "sub 1"];
            assert_eq!(recorder.states(&inside, "permits"), permits);
            let op = ("Semaphore::acquire_many", "poll", true);
            assert_eq!(recorder.polls(&span), polls(&[op]));
        });
    });
}

#[test]
fn permits_that_are_kept_for_a_waiter_are_not_available() {
    recorded(|recorder| {
        one_thread().block_on(async {
            let semaphore = Arc::new(sync::Semaphore::new(1));
            let waits = {
                let semaphore = semaphore.clone();
                tokio::spawn(async move { semaphore.acquire_many(3).await.unwrap().forget() })
            };
            task::yield_now().await;
            semaphore.add_permits(1);
            assert_eq!(semaphore.available_permits(), 0);
            semaphore.add_permits(5);
            waits.await.unwrap();
            assert_eq!(semaphore.available_permits(), 4);
            {
                let mut leaves = Box::pin(semaphore.acquire_many(6));
                let polled = poll_fn(|cx| Poll::Ready(leaves.as_mut().poll(cx).is_pending())).await;
                assert!(polled);
            }
            semaphore.close();
            let span = recorder.permits_of(&recorder.resource("Semaphore"));
            let permits = ["override 1", "sub 1", "add 4", "sub 4", "add 4"];
            assert_eq!(recorder.states(&span, "permits"), permits);
            assert_eq!(recorder.wait_states(&span, "permits_requested"), ["3", "6"]);
            let obtained = ["0", "1", "2", "0", "4"];
            assert_eq!(recorder.wait_states(&span, "permits_obtained"), obtained);
        });
    });
}

#[test]
fn a_bounded_channel_has_permits_inside() {
    recorded(|recorder| {
        one_thread().block_on(async {
            let (sender, mut receiver) = sync::mpsc::channel(2);
            sender.send(1).await.unwrap();
            sender.try_send(2).unwrap();
            receiver.recv().await.unwrap();
        });
        let span = recorder.only(|span| span.name == "runtime.resource");
        assert!(span.is_closed() && span.fields["is_internal"] == "true");
        let permits = ["override 2", "sub 1", "sub 1", "add 1"];
        assert_eq!(recorder.states(&span, "permits")[..4], permits);
    });
}

#[test]
fn a_barrier() {
    recorded(|recorder| {
        one_thread().block_on(async {
            let barrier = sync::Barrier::new(2);
            tokio::join!(biased; barrier.wait(), barrier.wait());
            let span = recorder.resource("Barrier");
            assert_eq!(span.target, "tokio::sync::barrier");
            assert_eq!(recorder.states(&span, "size"), ["2"]);
            assert_eq!(recorder.wait_states(&span, "arrived"), ["true", "true"]);
            assert_eq!(recorder.wait_states(&span, "is_leader"), ["true"]);
            let events = recorder.0.events.lock().unwrap();
            let of = |event: &&Noted| event.target == "runtime::resource::state_update";
            let arrived = events.iter().filter(of).filter_map(|event| event.fields.get("arrived"));
            assert_eq!(arrived.collect::<Vec<_>>(), ["0", "1", "1", "0"]);
            drop(events);
            let wait = |ready| ("Barrier::wait", "poll", ready);
            assert_eq!(recorder.polls(&span), polls(&[wait(false), wait(true), wait(true)]));
        });
    });
}

#[test]
fn a_oneshot_channel() {
    recorded(|recorder| {
        one_thread().block_on(async {
            let (sender, receiver) = sync::oneshot::channel();
            let receives = tokio::spawn(receiver);
            task::yield_now().await;
            sender.send(1).unwrap();
            assert_eq!(receives.await.unwrap(), Ok(1));
            let span = recorder.resource("Sender|Receiver");
            assert_eq!(span.target, "tokio::sync::oneshot");
            let states = ["override false", "override true"];
            assert_eq!(recorder.states(&span, "value_sent"), states);
            assert_eq!(recorder.states(&span, "value_received"), states);
            let recv = |ready| ("Receiver::await", "poll_recv", ready);
            assert_eq!(recorder.polls(&span), polls(&[recv(false), recv(true)]));
        });
    });
    recorded(|recorder| {
        one_thread().block_on(async {
            let (mut sender, receiver) = sync::oneshot::channel::<()>();
            drop(receiver);
            sender.closed().await;
            drop(sender);
            let span = recorder.resource("Sender|Receiver");
            assert_eq!(recorder.states(&span, "rx_dropped"), ["override false", "override true"]);
            assert_eq!(recorder.states(&span, "tx_dropped"), ["override false", "override true"]);
            let closed = ("Sender::closed", "poll_closed", true);
            assert_eq!(recorder.polls(&span), polls(&[closed]));
        });
    });
}

#[test]
fn timers() {
    recorded(|recorder| {
        let runtime =
            Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let line = line!() + 1;
            let mut sleep = Box::pin(tokio::time::sleep(Duration::from_millis(7)));
            sleep.as_mut().await;
            let now = tokio::time::Instant::now();
            sleep.as_mut().reset(now + Duration::from_millis(3));
            sleep.as_mut().await;
            let span = recorder.resource("Sleep");
            assert_eq!(span.fields["kind"], "timer");
            assert_is_at(&span, line);
            assert_eq!(span.target, "tokio::time::sleep");
            assert_eq!(recorder.durations(&span), ["7", "3"]);
            // A poll has two ends: that of the budget's, and its own.
            let new = |ready| ("Sleep::new_timeout", "poll_elapsed", ready);
            let reset = |ready| ("Sleep::reset", "poll_elapsed", ready);
            let both = [new(true), new(false), new(true), new(true)];
            let again = [reset(true), reset(false), reset(true), reset(true)];
            assert_eq!(recorder.polls(&span), polls(&[both, again].concat()));
            drop(sleep);
            assert!(recorder.resource("Sleep").is_closed());
        });
    });
    recorded(|recorder| {
        let runtime =
            Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let line = line!() + 1;
            let mut interval = tokio::time::interval(Duration::from_millis(5));
            interval.tick().await;
            interval.tick().await;
            let span = recorder.resource("Interval");
            assert_eq!(span.target, "tokio::time::interval");
            assert_is_at(&span, line);
            let tick = |ready| ("Interval::tick", "poll_tick", ready);
            assert_eq!(recorder.polls(&span), polls(&[tick(true), tick(false), tick(true)]));
            // The sleep inside.
            let span = recorder.resource("Sleep");
            assert_is_at(&span, line);
            assert_eq!(recorder.durations(&span), ["0", "5"]);
        });
    });
}

#[test]
fn a_panic_of_the_subscriber_loses_no_wake_and_no_lock() {
    recorded(|recorder| {
        let panics_if = |panics| *recorder.0.panics.lock().unwrap() = Some(panics);
        let panics = || panics_if(Panics::Anywhere);
        one_thread().block_on(async {
            let mut woken = false;
            let own = recorder.clone();
            let task = tokio::spawn(poll_fn(move |cx| {
                if std::mem::replace(&mut woken, true) {
                    return Poll::Ready(());
                }
                *own.0.panics.lock().unwrap() = Some(Panics::Anywhere);
                cx.waker().wake_by_ref();
                Poll::Pending
            }));
            task.await.unwrap();

            let mutex = sync::Mutex::new(());
            panics();
            let guard = mutex.lock().await;
            panics();
            drop(guard);
            drop(mutex.lock().await);
        });
        // It reaches who takes or adds permits, and then they are where they belong.
        one_thread().block_on(async {
            let semaphore = Arc::new(sync::Semaphore::new(1));
            let mut acquires = Box::pin(semaphore.acquire());
            let outcome = poll_fn(|cx| {
                let mut poll = || acquires.as_mut().poll(cx).map(drop);
                panics_if(Panics::At("runtime::resource::state_update"));
                Poll::Ready(catch_unwind(AssertUnwindSafe(&mut poll)).is_err())
            });
            assert!(outcome.await);
            drop(acquires);
            assert_eq!(semaphore.available_permits(), 1);

            let waits = {
                let semaphore = semaphore.clone();
                tokio::spawn(async move { semaphore.acquire_many(2).await.unwrap().forget() })
            };
            task::yield_now().await;
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                panics_if(Panics::At("runtime::resource::async_op::state_update"));
                semaphore.add_permits(2);
            }));
            assert!(outcome.is_err());
            waits.await.unwrap();
            assert_eq!(semaphore.available_permits(), 1);
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            panics();
            tracing::info!("an event of the program is its own matter");
        }));
        assert!(outcome.is_err());
    });
}
