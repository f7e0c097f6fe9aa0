//! Every task has an id that no other living task has, and may have a name; inside it can ask for
//! its own.

use std::collections::HashSet;

use runtime::task::{self, Builder};
use tests::{current_thread, panic_of, within, workers};

#[test]
fn the_id_is_the_same_from_inside_and_outside() {
    within(|| {
        for runtime in [workers(2), current_thread()] {
            let handle = runtime.spawn(async {
                let before = task::id();
                task::yield_now().await;
                assert_eq!(before, task::id());
                assert_eq!(task::try_id(), Some(before));
                before
            });
            let id = handle.id();
            assert_eq!(handle.abort_handle().id(), id);
            assert_eq!(runtime.block_on(handle).unwrap(), id);
        }
    });
}

#[test]
fn no_two_ids_are_alike() {
    within(|| {
        let (first, second) = (workers(2), current_thread());
        let ids: HashSet<_> =
            (0..2_000)
                .map(|n| {
                    if n % 2 == 0 {
                        first.spawn(async {}).id()
                    } else {
                        second.spawn(async {}).id()
                    }
                })
                .collect();
        assert_eq!(ids.len(), 2_000);
        let texts: HashSet<_> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2_000);
    });
}

#[test]
fn the_inner_one_s_while_a_task_drops_another_s_future() {
    within(|| {
        let runtime = current_thread();
        let local = task::LocalSet::new();
        // `block_on` has no task of its own.
        local.block_on(&runtime, async { assert_eq!(task::try_id(), None) });
        let handle = local.spawn_local(async { task::id() });
        let id = handle.id();
        runtime.block_on(local);
        assert_eq!(runtime.block_on(handle).unwrap(), id);
    });
}

#[test]
fn outside_of_a_task_there_is_none() {
    within(|| {
        assert_eq!(task::try_id(), None);
        let text = panic_of(task::id);
        assert!(text.contains("task"), "{text}");
        let runtime = workers(1);
        assert_eq!(runtime.block_on(async { task::try_id() }), None);
    });
}

#[test]
fn the_drop_of_a_future_sees_the_id_of_its_task() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            let (send, receive) = std::sync::mpsc::channel();
            let guard = tests::OnDrop::new(move || send.send(task::try_id()).unwrap());
            let handle = runtime.spawn(tests::forever(guard));
            let id = handle.id();
            handle.abort();
            let _ = runtime.block_on(handle);
            assert_eq!(receive.recv_timeout(tests::PATIENCE).unwrap(), Some(id));
        }
    });
}

#[test]
fn a_named_task_is_one_like_any_other() {
    within(|| {
        for runtime in [workers(1), current_thread()] {
            runtime.block_on(async {
                // The name is borrowed only for the call.
                let name = String::from("short-lived");
                let handle = Builder::new().name(&name).spawn(async { 3 }).unwrap();
                drop(name);
                assert_eq!(handle.await.unwrap(), 3);
                let unnamed = Builder::new().spawn(async { 4 }).unwrap();
                assert_eq!(unnamed.await.unwrap(), 4);
                let job = Builder::new().name("job").spawn_blocking(|| 5).unwrap();
                assert_eq!(job.await.unwrap(), 5);
            });
            let handle = runtime.handle().clone();
            let there = Builder::new().name("there").spawn_on(async { 6 }, &handle).unwrap();
            assert_eq!(runtime.block_on(there).unwrap(), 6);
        }
    });
}
