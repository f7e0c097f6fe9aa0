//! Wrong use panics where tokio's does, and the text says what to do instead.

use std::time::Duration;

use runtime::{Builder, Handle, Runtime};
use tests::{current_thread, panic_of, within, workers};

/// Whether `text` speaks of at least one of the words that would help.
#[track_caller]
fn advises(text: &str, words: &[&str]) {
    assert!(words.iter().any(|word| text.contains(word)), "no advice in: {text}");
}

const NO_RUNTIME: [&str; 3] = ["block_on", "enter", "runtime::main"];

#[test]
fn spawning_outside_of_a_runtime() {
    advises(&panic_of(|| runtime::spawn(async {}).id()), &NO_RUNTIME);
    advises(&panic_of(|| runtime::spawn_blocking(|| {}).id()), &NO_RUNTIME);
    advises(&panic_of(|| runtime::task::spawn_blocking(|| {}).id()), &NO_RUNTIME);
    advises(
        &panic_of(|| runtime::task::Builder::new().spawn(async {}).map(|h| h.id())),
        &NO_RUNTIME,
    );
}

#[test]
fn the_current_handle_outside_of_a_runtime() {
    advises(&panic_of(Handle::current), &NO_RUNTIME);
    let error = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context());
    advises(&error.to_string(), &["runtime"]);
}

#[test]
fn timers_outside_of_a_runtime() {
    advises(&panic_of(|| drop(runtime::time::sleep(Duration::from_millis(1)))), &NO_RUNTIME);
    advises(&panic_of(|| drop(runtime::time::interval(Duration::from_millis(1)))), &NO_RUNTIME);
}

#[test]
fn sockets_outside_of_a_runtime() {
    let bind = || futures::executor::block_on(runtime::net::UdpSocket::bind("127.0.0.1:0"));
    advises(&panic_of(|| bind().is_ok()), &NO_RUNTIME);
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    advises(&panic_of(|| runtime::net::UdpSocket::from_std(socket).is_ok()), &NO_RUNTIME);
}

#[test]
fn sockets_and_timers_that_were_not_enabled() {
    within(|| {
        for runtime in [
            Builder::new_multi_thread().worker_threads(1).build().unwrap(),
            Builder::new_current_thread().build().unwrap(),
        ] {
            let text = panic_of(|| {
                runtime
                    .block_on(async { runtime::net::UdpSocket::bind("127.0.0.1:0").await.is_ok() })
            });
            advises(&text, &["enable_io"]);
            let text = panic_of(|| {
                runtime.block_on(async { runtime::time::sleep(Duration::from_millis(1)).await })
            });
            advises(&text, &["enable_time"]);
        }
    });
}

#[test]
fn block_on_within_a_runtime() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            // In the root future, by a runtime, a handle, and a new runtime.
            let advice = ["await", "spawn_blocking", "block_in_place"];
            let handle = runtime.handle().clone();
            advises(&panic_of(|| runtime.block_on(async { handle.block_on(async {}) })), &advice);
            advises(&panic_of(|| runtime.block_on(async { runtime.block_on(async {}) })), &advice);
            // In a task.
            let handle = runtime.handle().clone();
            let task = runtime.spawn(async move { handle.block_on(async {}) });
            let error = runtime.block_on(task).unwrap_err();
            advises(&tests::text_of(&*error.into_panic()), &advice);
            // And the runtime is none the worse for it.
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
        }
    });
}

#[test]
fn block_on_a_second_runtime_within_a_task() {
    within(|| {
        let (first, second) = (workers(1), workers(1));
        let text = panic_of(|| first.block_on(async { second.block_on(async {}) }));
        advises(&text, &["await", "spawn_blocking", "block_in_place"]);
    });
}

#[test]
fn dropping_a_runtime_within_an_async_context() {
    within(|| {
        for flavour in [Builder::new_multi_thread, Builder::new_current_thread] {
            let outer = workers(1);
            let census = tests::Census::default();
            let inner = flavour().enable_all().build().unwrap();
            drop(inner.spawn(tests::forever(census.clone())));
            let text = panic_of(|| outer.block_on(async move { drop(inner) }));
            advises(&text, &["shutdown_background", "spawn_blocking"]);
            tests::eventually("nothing of the dropped runtime is left", || census.alive() == 0);
            outer.block_on(async { runtime::spawn(async {}).await.unwrap() });
        }
    });
}

#[test]
fn numbers_that_make_no_sense() {
    let builder = Builder::new_multi_thread;
    for (text, word) in [
        (panic_of(|| _ = builder().worker_threads(0)), "0"),
        (panic_of(|| _ = builder().max_blocking_threads(0)), "0"),
        (panic_of(|| _ = builder().global_queue_interval(0)), "0"),
    ] {
        advises(&text, &[word, "greater", "at least", "zero"]);
    }
    let text = panic_of(|| drop(runtime_interval()));
    advises(&text, &["non-zero", "zero"]);
}

#[test]
fn room_for_more_descriptors_than_there_may_be() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let error = builder.prewarm_descriptors(usize::MAX).build().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains("prewarm_descriptors") && text.contains("at most"), "{text}");
        advises(&text, &["ulimit -n"]);
    }
}

/// An interval of nothing.
fn runtime_interval() -> runtime::time::Interval {
    let runtime = current_thread();
    let _context = runtime.enter();
    runtime::time::interval(Duration::ZERO)
}

#[test]
fn guards_dropped_in_another_order() {
    within(|| {
        let (first, second) = (workers(1), workers(1));
        let outer = first.enter();
        let inner = second.enter();
        let text = panic_of(|| drop(outer));
        advises(&text, &["order"]);
        drop(inner);
        assert!(Handle::try_current().is_err() || Handle::current().id() == first.handle().id());
    });
}

#[test]
fn the_place_of_the_caller_is_named() {
    // `#[track_caller]`: the panic points at the user's line, not into the runtime.
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let place = seen.clone();
    std::thread::Builder::new()
        .name("caller".into())
        .spawn(move || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                if std::thread::current().name() == Some("caller") {
                    *place.lock().unwrap() = info.location().map(|at| at.file().to_string());
                } else {
                    before(info);
                }
            }));
            let _ = std::panic::catch_unwind(|| drop(runtime::spawn(async {})));
        })
        .unwrap()
        .join()
        .unwrap();
    let file = seen.lock().unwrap().clone().unwrap();
    assert!(file.ends_with("misuse_is_answered_with_advice.rs"), "{file}");
}

#[test]
fn a_runtime_that_needs_no_advice() {
    // The counter-proof: each call that panicked above works in its place.
    within(|| {
        let runtime = Runtime::new().unwrap();
        let _context = runtime.enter();
        assert!(Handle::try_current().is_ok());
        let task = runtime::spawn(async {});
        drop(runtime::time::sleep(Duration::from_millis(1)));
        assert!(runtime::time::interval(Duration::from_millis(1)).period() > Duration::ZERO);
        runtime.block_on(task).unwrap();
        let job = runtime.spawn_blocking(|| Handle::current().block_on(async { 1 }));
        assert_eq!(runtime.block_on(job).unwrap(), 1);
    });
}
