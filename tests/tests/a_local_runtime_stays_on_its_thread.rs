//! A `LocalRuntime` polls and drops all its tasks on the thread that made it, and is otherwise a
//! runtime like others.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::runtime::{LocalRuntime, RuntimeFlavor};
use runtime::task::{self, JoinSet, LocalSet, yield_now};
use runtime::{Builder, time};
use tests::{Census, OnDrop, panic_of, within};

fn here() -> ThreadId {
    thread::current().id()
}

/// On a thread of its own, which is the runtime's.
fn on_one(body: impl FnOnce(LocalRuntime) + Send + 'static) {
    within(|| body(LocalRuntime::new().unwrap()));
}

#[test]
fn tasks_are_polled_and_dropped_there() {
    on_one(|runtime| {
        let home = here();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let (polled, dropped) = (seen.clone(), seen.clone());
        let task = runtime.spawn_local(async move {
            let _guard = OnDrop::new(move || dropped.borrow_mut().push(here()));
            for _ in 0..3 {
                polled.borrow_mut().push(here());
                yield_now().await;
            }
            time::sleep(Duration::from_millis(1)).await;
            polled.borrow_mut().push(here());
        });
        runtime.block_on(task).unwrap();
        assert_eq!(*seen.borrow(), [home; 5]);
    });
}

#[test]
fn tasks_woken_or_aborted_elsewhere_run_on_its_thread() {
    on_one(|runtime| {
        let home = here();
        let (count, dropped_at) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(None)));
        let (counts, drops) = (count.clone(), dropped_at.clone());
        let (sender, mut receiver) = runtime::sync::mpsc::unbounded_channel::<()>();
        let task = runtime.spawn_local(async move {
            let _guard = OnDrop::new(move || drops.set(Some(here())));
            while receiver.recv().await.is_some() {
                assert_eq!(here(), home);
                counts.set(counts.get() + 1);
            }
            std::future::pending::<()>().await;
        });
        let abort = task.abort_handle();
        let other = thread::spawn(move || {
            for _ in 0..100 {
                sender.send(()).unwrap();
            }
            sender
        });
        runtime.block_on(async {
            while count.get() < 100 {
                yield_now().await;
            }
        });
        drop(other.join().unwrap());
        thread::spawn(move || abort.abort()).join().unwrap();
        assert_eq!(dropped_at.get(), None, "not on the thread that aborts");
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        assert_eq!(dropped_at.get(), Some(home));
    });
}

#[test]
fn what_is_left_is_dropped_with_it() {
    on_one(|runtime| {
        let home = here();
        let held = Rc::new(());
        for polled in [true, false] {
            let inside = held.clone();
            drop(runtime.spawn_local(async move {
                let _guard = OnDrop::new(move || {
                    assert_eq!(here(), home);
                    drop(inside);
                });
                std::future::pending::<()>().await;
            }));
            if polled {
                runtime.block_on(yield_now());
            }
        }
        assert_eq!(Rc::strong_count(&held), 3);
        drop(runtime);
        assert_eq!(Rc::strong_count(&held), 1);
    });
}

#[test]
fn send_tasks_come_from_anywhere() {
    on_one(|runtime| {
        let (home, handle) = (here(), runtime.handle().clone());
        assert_eq!(handle.runtime_flavor(), RuntimeFlavor::CurrentThread);
        let task = thread::spawn(move || handle.spawn(async { here() })).join().unwrap();
        assert_eq!(runtime.block_on(task).unwrap(), home);
        let elsewhere = runtime.spawn_blocking(here);
        assert_ne!(runtime.block_on(elsewhere).unwrap(), home);
    });
}

#[test]
fn io_timers_sets_and_scopes_work_on_it() {
    on_one(|runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let text = Rc::new("over the wire");
            let sent = text.clone();
            let client = task::spawn_local(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(sent.as_bytes()).await.unwrap();
            });
            let mut got = String::new();
            listener.accept().await.unwrap().0.read_to_string(&mut got).await.unwrap();
            client.await.unwrap();
            assert_eq!(got, *text);

            let mut set = JoinSet::new();
            for n in 0..10 {
                let text = text.clone();
                set.spawn_local(async move {
                    time::sleep(Duration::from_millis(1)).await;
                    text.len() + n
                });
            }
            let mut lengths = set.join_all().await;
            lengths.sort();
            assert_eq!(lengths, (13..23).collect::<Vec<_>>());

            // A set inside has its own tasks.
            let inner = LocalSet::new();
            let length =
                inner.run_until(async { task::spawn_local(async move { text.len() }).await });
            assert_eq!(length.await.unwrap(), 13);
        });
    });
}

#[test]
fn a_panic_is_the_tasks_own() {
    on_one(|runtime| {
        let task = runtime.spawn_local(async {
            let _local = Rc::new(());
            panic!("boom");
        });
        assert!(runtime.block_on(task).unwrap_err().is_panic());
        assert_eq!(runtime.block_on(runtime.spawn_local(async { 1 })).unwrap(), 1);
    });
}

#[test]
fn its_tasks_have_a_grace_too() {
    on_one(|runtime| {
        let census = Census::default();
        let held = (Rc::new(()), census.clone());
        let listens = runtime.spawn_local(async move {
            let _held = held;
            task::Scope::current().cancelled().await;
            time::sleep(Duration::from_millis(1)).await;
            7
        });
        let deaf = runtime.spawn_local(std::future::pending::<()>());
        let report = runtime.shutdown(Duration::from_millis(50));
        assert_eq!(report.tasks().len(), 1);
        assert_eq!(report.tasks()[0].id(), Some(deaf.id()));
        assert_eq!(census.alive(), 0);
        assert_eq!(futures::executor::block_on(listens).unwrap(), 7);
        assert!(futures::executor::block_on(deaf).unwrap_err().is_cancelled());
    });
}

#[test]
fn misuse_is_answered() {
    on_one(|runtime| {
        let text = panic_of(|| Builder::new_multi_thread().build_local(Default::default()));
        assert!(text.contains("new_current_thread"), "{text}");
        let text = panic_of(|| runtime.block_on(async { runtime.block_on(async {}) }));
        assert!(text.contains("Cannot start a runtime from within a runtime"), "{text}");
        let text = panic_of(|| task::spawn_local(async {}));
        assert!(text.contains("LocalSet"), "{text}");
        let _inside = runtime.enter();
        let task = task::spawn_local(async { 1 });
        assert_eq!(runtime.block_on(task).unwrap(), 1);
    });
}
