//! What the program gives the runtime to call is never called by the thread that watches: it may
//! wait for the very task that is in the way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::{Builder, Runtime};
use tests::{Gate, eventually, within};

/// One worker, and threads with names by `name`, which is told how many have been asked for before.
fn named(name: impl Fn(usize) -> String + Send + Sync + 'static) -> Runtime {
    let asked = AtomicUsize::new(0);
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .thread_name_fn(move || name(asked.fetch_add(1, Ordering::SeqCst)))
        .build()
        .unwrap()
}

/// While the only worker is held others go on, and what runs is on a thread with the name that is
/// returned.
fn name_of_the_spare(runtime: &Runtime) -> String {
    let gate = Gate::default();
    let hold = gate.clone();
    let held = runtime.spawn(async move { hold.block() });
    gate.wait_for(1);
    let name = name_of_a_task(runtime);
    gate.open();
    runtime.block_on(held).unwrap();
    name
}

fn name_of_a_task(runtime: &Runtime) -> String {
    let name = runtime.spawn(async {
        runtime::time::sleep(Duration::from_millis(20)).await;
        std::thread::current().name().unwrap().to_owned()
    });
    eventually("a task gets on", || name.is_finished());
    runtime.block_on(name).unwrap()
}

#[test]
fn spares_are_named_by_the_programs_function() {
    within(|| {
        // A function that gets no processor for 5 ms is not waited for.
        let first = |_| name_of_the_spare(&named(|nth| format!("name-{nth}")));
        let in_time = (0..100).map(first).find(|name| name != "runtime-worker");
        assert_eq!(in_time.as_deref(), Some("name-1"));
    });
}

#[test]
fn a_name_that_waits_for_the_task_in_the_way_does_not_hold_up_the_others() {
    within(|| {
        let lock = Arc::new(Mutex::new(()));
        let names = lock.clone();
        let runtime = named(move |nth| {
            let _locked = names.lock().unwrap();
            format!("name-{nth}")
        });
        let gate = Gate::default();
        let hold = gate.clone();
        let held = runtime.spawn(async move {
            let _locked = lock.lock().unwrap();
            hold.block();
        });
        gate.wait_for(1);
        assert_eq!(name_of_a_task(&runtime), "runtime-worker");
        // More of them: no other name can be had either, and nobody waits for it.
        let more = gate.clone();
        let held_too = runtime.spawn(async move { more.block() });
        gate.wait_for(2);
        assert_eq!(name_of_a_task(&runtime), "runtime-worker");
        gate.open();
        runtime.block_on(held).unwrap();
        runtime.block_on(held_too).unwrap();
    });
}

#[test]
fn a_name_that_no_thread_may_have_costs_the_name_alone() {
    within(|| {
        let runtime = named(|nth| if nth == 0 { "first".into() } else { format!("ne\0xt-{nth}") });
        assert_eq!(name_of_the_spare(&runtime), "next-1");
        // And on the blocking pool and for pinned tasks.
        let name = || std::thread::current().name().unwrap().to_owned();
        runtime.block_on(async {
            assert!(runtime::spawn_blocking(name).await.unwrap().starts_with("next-"));
            let pinned = runtime::task::spawn_pinned(move || async move { name() });
            assert!(pinned.await.unwrap().starts_with("next-"));
        });
    });
}

#[test]
fn a_function_that_panics_costs_the_name_alone() {
    within(|| {
        let runtime = named(|nth| {
            assert!(nth == 0, "no more names");
            "first".into()
        });
        assert_eq!(name_of_the_spare(&runtime), "runtime-worker");
    });
}

#[test]
fn a_name_that_no_thread_may_have_is_an_error_of_build() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2);
    let fixed = builder.thread_name("wor\0ker").build().err().expect("no thread has such a name");
    let made = builder.thread_name_fn(|| "wor\0ker".into()).build().err().expect("nor this one");
    for error in [fixed, made] {
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains("NUL") && text.contains("thread_name"), "{text}");
    }
    let mut one = Builder::new_current_thread();
    let error = one.thread_name("wor\0ker").build().err().expect("nor for jobs");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}
