//! A thread's hooks run while its runtime is current. In them, and in the destructors of the
//! thread's locals, other runtimes that live on can be used: their timers fire.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::time::Duration;

use runtime::runtime::Id;
use runtime::time::sleep;
use runtime::{Builder, Handle, Runtime};
use tests::{Gate, OnDrop, current_thread, eventually, within, workers};

/// Waits for a timer of `other`, with its own threads to fire it, on whatever thread this is.
fn await_timer(other: &Handle) {
    let timer = {
        let _entered = other.enter();
        sleep(Duration::from_millis(1))
    };
    let mut timer = pin!(timer);
    let mut context = Context::from_waker(Waker::noop());
    eventually("the timer has fired", || {
        let _entered = other.enter();
        timer.as_mut().poll(&mut context).is_ready()
    });
}

/// Counts each way a hook was seen to end.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(&'static str, Option<Id>)>>>);

impl Seen {
    fn note(&self, what: &'static str) {
        let here = Handle::try_current().ok().map(|handle| handle.id());
        self.0.lock().unwrap().push((what, here));
    }

    /// What was noted, and that it was always within that runtime.
    fn within(&self, id: Id) -> BTreeSet<&'static str> {
        let seen = self.0.lock().unwrap();
        assert!(seen.iter().all(|&(_, here)| here == Some(id)), "{id}: {seen:?}");
        seen.iter().map(|&(what, _)| what).collect()
    }

    fn count(&self, what: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|&&(noted, _)| noted == what).count()
    }
}

/// Makes a thread of each kind: workers, a spare, one for blocking jobs, one for pinned tasks.
fn use_all_kinds_of_threads(runtime: &Runtime) {
    runtime.block_on(async {
        runtime.spawn_blocking(|| ()).await.unwrap();
        runtime::task::spawn_pinned(|| async { sleep(Duration::from_millis(1)).await })
            .await
            .unwrap();
        let gate = Gate::default();
        let hold = gate.clone();
        let blocked = runtime.spawn(async move { hold.block() });
        // On one worker this needs a spare.
        runtime.spawn(async {}).await.unwrap();
        gate.open();
        blocked.await.unwrap();
    });
}

#[test]
fn hooks_at_both_ends_of_every_thread_run_inside_the_runtime() {
    within(|| {
        let other = workers(1);
        let seen = Seen::default();
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_all();
        let (at_start, at_stop) = (seen.clone(), seen.clone());
        let (first, last) = (other.handle().clone(), other.handle().clone());
        builder.on_thread_start(move || {
            await_timer(&first);
            at_start.note("start");
        });
        builder.on_thread_stop(move || {
            await_timer(&last);
            // Nothing forbids to wait here: neither a task nor a root future runs.
            last.block_on(async { sleep(Duration::from_millis(1)).await });
            at_stop.note("stop");
        });
        let runtime = builder.build().unwrap();
        let id = runtime.handle().id();
        use_all_kinds_of_threads(&runtime);
        drop(runtime);
        assert_eq!(seen.within(id), BTreeSet::from(["start", "stop"]));
        assert!(seen.count("start") >= 4, "{seen:?}", seen = seen.0);
        assert_eq!(seen.count("start"), seen.count("stop"));
    });
}

#[test]
fn hooks_around_sleeps_and_polls_run_inside_the_runtime() {
    within(|| {
        let other = workers(1);
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let seen = Seen::default();
            builder.worker_threads(2).enable_all();
            let hook = |what: &'static str| {
                let (seen, other) = (seen.clone(), other.handle().clone());
                move || {
                    if seen.count(what) < 3 {
                        await_timer(&other);
                    }
                    seen.note(what);
                }
            };
            builder.on_thread_park(hook("park")).on_thread_unpark(hook("unpark"));
            let (spawned, before, after, ended) =
                (hook("spawn"), hook("before"), hook("after"), hook("end"));
            builder
                .on_task_spawn(move |_| spawned())
                .on_before_task_poll(move |_| before())
                .on_after_task_poll(move |_| after())
                .on_task_terminate(move |_| ended());
            let runtime = builder.build().unwrap();
            let id = runtime.handle().id();
            runtime.block_on(async {
                for _ in 0..5 {
                    runtime::spawn(sleep(Duration::from_millis(1))).await.unwrap();
                }
                sleep(Duration::from_millis(1)).await;
            });
            drop(runtime);
            let all = BTreeSet::from(["park", "unpark", "spawn", "before", "after", "end"]);
            assert_eq!(seen.within(id), all);
        }
    });
}

thread_local! {
    static LAST: RefCell<Option<OnDrop<Box<dyn FnOnce()>>>> = const { RefCell::new(None) };
    static EARLY: RefCell<Option<OnDrop<Box<dyn FnOnce()>>>> = const { RefCell::new(None) };
}

/// Has a timer of `other` awaited in the destructors of two of this thread's locals, whichever goes
/// first.
fn await_timers_at_the_end(other: &Handle, done: &Arc<AtomicUsize>) {
    for local in [&EARLY, &LAST] {
        let (other, done) = (other.clone(), done.clone());
        let at_end: Box<dyn FnOnce()> = Box::new(move || {
            await_timer(&other);
            other.block_on(async { sleep(Duration::from_millis(1)).await });
            done.fetch_add(1, Ordering::SeqCst);
        });
        local.set(Some(OnDrop::new(at_end)));
    }
}

#[test]
fn destructors_of_thread_locals_can_use_another_runtime() {
    within(|| {
        for other in [workers(1), workers(2)] {
            let (made, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).enable_all();
            let (handle, count, end) = (other.handle().clone(), made.clone(), done.clone());
            builder.on_thread_start(move || {
                count.fetch_add(2, Ordering::SeqCst);
                await_timers_at_the_end(&handle, &end);
            });
            let runtime = builder.build().unwrap();
            use_all_kinds_of_threads(&runtime);
            drop(runtime);
            eventually("every destructor has run", || {
                done.load(Ordering::SeqCst) == made.load(Ordering::SeqCst)
            });
            assert!(made.load(Ordering::SeqCst) >= 8);
        }
    });
}

/// The locals of a thread that is nobody's, made before and after it has entered a runtime.
#[test]
fn destructors_can_do_so_on_threads_that_only_visit() {
    within(|| {
        for early in [true, false] {
            let other = workers(1);
            let done = Arc::new(AtomicUsize::new(0));
            let (handle, end) = (other.handle().clone(), done.clone());
            let visits = move || {
                if early {
                    await_timers_at_the_end(&handle, &end);
                }
                let here = current_thread();
                here.block_on(async {});
                if !early {
                    await_timers_at_the_end(&handle, &end);
                }
            };
            std::thread::spawn(visits).join().unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 2);
        }
    });
}

#[test]
fn a_guard_that_is_forgotten_keeps_no_runtime_beyond_its_thread() {
    within(|| {
        let runtime = workers(1);
        let kept = Arc::new(());
        let hook = kept.clone();
        let mut builder = Builder::new_current_thread();
        builder.on_thread_park(move || drop(hook.clone()));
        let forgotten = builder.build().unwrap();
        std::thread::spawn(move || std::mem::forget(forgotten.handle().clone().enter()))
            .join()
            .unwrap();
        assert_eq!(Arc::strong_count(&kept), 2, "by the builder alone");
        drop(builder);
        eventually("all of it is gone", || Arc::strong_count(&kept) == 1);
        drop(runtime);
    });
}

thread_local! {
    static HAD_A_JOB: Cell<bool> = const { Cell::new(false) };
}

/// A hook that waits for an hour of paused time, once, where it is to.
fn waits_once(
    done: mpsc::Sender<()>,
    is_here: impl Fn() -> bool + Send + Sync + 'static,
) -> impl Fn() + Send + Sync + 'static {
    let first = AtomicUsize::new(0);
    move || {
        if is_here() && first.fetch_add(1, Ordering::SeqCst) == 0 {
            Handle::current().block_on(async { sleep(Duration::from_secs(3600)).await });
            let _ = done.send(());
        }
    }
}

#[test]
fn paused_time_goes_on_for_hooks_that_wait() {
    within(|| {
        let paused = || {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2).enable_all().start_paused(true);
            builder.thread_keep_alive(Duration::from_millis(1));
            builder
        };
        let (done, has_waited) = mpsc::channel();
        let runtime = paused().on_thread_start(waits_once(done, || true)).build().unwrap();
        has_waited.recv_timeout(tests::patience()).expect("a worker's hook has waited");
        drop(runtime);

        let (done, has_waited) = mpsc::channel();
        let stop = waits_once(done, || HAD_A_JOB.get());
        let runtime = paused().on_thread_stop(stop).build().unwrap();
        runtime.block_on(runtime.spawn_blocking(|| HAD_A_JOB.set(true))).unwrap();
        has_waited.recv_timeout(tests::patience()).expect("a blocking thread's hook has waited");
    });
}
