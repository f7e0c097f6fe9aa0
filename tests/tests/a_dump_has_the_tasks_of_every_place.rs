//! A dump has all tasks of a runtime: of workers, of one thread, of local sets, of pinned threads,
//! in scopes; and the futures that threads block on.

use std::future::pending;
use std::time::Duration;

use runtime::insight::{TaskDump, TaskPlace, TaskState, WaitKind};
use runtime::task::{Id, LocalSet, Scope};
use runtime::{Builder, Handle, time};
use tests::{eventually, within};

/// A dump as soon as it has so many waiting tasks.
fn dump_with(handle: &Handle, count: usize) -> TaskDump {
    let mut found = None;
    eventually("the tasks wait", || {
        let dump = handle.task_dump();
        let waiting = |task: &&runtime::insight::TaskInfo| {
            task.polls > 0 && matches!(task.state, TaskState::Waiting { .. })
        };
        let all = dump.tasks.iter().filter(waiting).count() == count;
        found = all.then_some(dump);
        found.is_some()
    });
    found.unwrap()
}

fn place_of(dump: &TaskDump, id: Id) -> TaskPlace {
    dump.tasks.iter().find(|task| task.id == id).expect("the task is there").place
}

async fn sleep() {
    time::sleep(Duration::from_secs(1000)).await;
}

#[test]
fn of_one_thread_with_its_root() {
    let runtime = Builder::new_current_thread().enable_all().insight(true).build().unwrap();
    let handle = runtime.handle().clone();
    let (told, hear) = std::sync::mpsc::channel();
    let (end, ended) = runtime::sync::oneshot::channel::<()>();
    let looker = std::thread::spawn(move || {
        let id: Id = hear.recv().unwrap();
        let dump = dump_with(&handle, 1);
        assert_eq!(place_of(&dump, id), TaskPlace::Runtime);
        eventually("the root waits", || {
            let dump = handle.task_dump();
            let root = &dump.roots[0];
            root.called_at.file() == file!()
                && root.waits.iter().any(|wait| wait.kind == WaitKind::OneshotReceive)
        });
        end.send(()).unwrap();
    });
    runtime.block_on(async {
        let task = runtime::spawn(sleep());
        told.send(task.id()).unwrap();
        ended.await.unwrap();
    });
    looker.join().unwrap();
    assert!(runtime.handle().task_dump().roots.is_empty());
}

#[test]
fn of_a_local_set() {
    let runtime = Builder::new_current_thread().enable_all().insight(true).build().unwrap();
    let handle = runtime.handle().clone();
    let (told, hear) = std::sync::mpsc::channel();
    let (end, ended) = runtime::sync::oneshot::channel::<()>();
    let looker = std::thread::spawn(move || {
        let id: Id = hear.recv().unwrap();
        let dump = dump_with(&handle, 1);
        assert_eq!(place_of(&dump, id), TaskPlace::LocalSet);
        let info = dump.tasks.iter().find(|task| task.id == id).unwrap();
        assert_eq!(info.waits[0].kind, WaitKind::Timer);
        end.send(()).unwrap();
    });
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        let task = runtime::task::spawn_local(sleep());
        told.send(task.id()).unwrap();
        ended.await.unwrap();
    });
    looker.join().unwrap();
    drop(set);
    assert!(runtime.handle().task_dump().tasks.is_empty());
}

#[test]
fn of_pinned_threads_and_scopes() {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().insight(true).build().unwrap();
    let pinned = runtime.block_on(async { runtime::task::spawn_pinned(sleep) });
    let (scope, inside) = runtime.block_on(async {
        let scope = Scope::new();
        let inside = scope.spawn(sleep());
        (scope, inside)
    });
    let dump = dump_with(runtime.handle(), 2);
    assert_eq!(place_of(&dump, pinned.id()), TaskPlace::PinnedThread);
    assert_eq!(place_of(&dump, inside.id()), TaskPlace::Runtime);
    scope.abort();
    runtime.shutdown_background();
}

#[test]
fn without_insight_it_says_which_tasks_there_are() {
    let runtime = Builder::new_multi_thread().worker_threads(1).insight(false).build().unwrap();
    let task = endless(&runtime);
    let dump = runtime.handle().task_dump();
    assert!(!dump.is_insight_on);
    let info = dump.tasks.iter().find(|info| info.id == task).unwrap();
    assert!(info.waits.is_empty() && info.age.is_none());
    assert!(dump.to_string().contains("RUNTIME_INSIGHT=1"), "{dump}");
}

fn endless(runtime: &runtime::Runtime) -> Id {
    runtime.spawn(pending::<()>()).id()
}

#[test]
fn while_tasks_come_and_go_a_dump_goes_on() {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).insight(true).build().unwrap();
    let kept: Vec<Id> = (0..1000).map(|_| endless(&runtime)).collect();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let churn = runtime.spawn(async move {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let tasks: Vec<_> = (0..100).map(|_| runtime::spawn(async {})).collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
    });
    for _ in 0..tests::scaled(200) {
        let dump = runtime.handle().task_dump();
        let found = dump.tasks.iter().filter(|task| kept.binary_search(&task.id).is_ok()).count();
        assert_eq!(found, kept.len(), "a task that stays is always there");
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    runtime.block_on(churn).unwrap();
    within(move || runtime.shutdown_background());
}

#[runtime::main(insight)]
async fn with_insight() -> bool {
    Handle::current().is_insight_on()
}

#[runtime::main(insight = false, flavor = "current_thread")]
async fn without_insight() -> bool {
    Handle::current().is_insight_on()
}

#[test]
fn the_attribute_switches_it_on_and_off() {
    assert!(with_insight());
    assert!(!without_insight());
}
