//! The stack of a task that waits: the async functions from its root to its leaf, whoever's leaf it
//! is. (Linux on x86-64 and aarch64.)
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::future::Future;
use std::time::Duration;

use runtime::insight::{Stacks, TaskState};
use runtime::io::AsyncReadExt;
use runtime::sync::{Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch};
use runtime::{Builder, Runtime, net, select, time};
use tests::{eventually, patience};

fn observed(workers: usize) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).insight(true).enable_all().build().unwrap()
}

/// The stacks of a task as soon as it waits.
fn stacks_of<F>(runtime: &Runtime, future: F) -> Vec<String>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = runtime.spawn(future);
    eventually("the task waits", || {
        let dump = runtime.handle().task_dump();
        let info = dump.tasks.into_iter().find(|info| info.id == task.id());
        info.is_some_and(|info| matches!(info.state, TaskState::Waiting { .. }) && info.polls > 0)
    });
    let look = || {
        let dump = runtime.handle().task_dump_with_stacks(patience(), |info| info.id == task.id());
        let info = dump.tasks.into_iter().find(|info| info.id == task.id()).unwrap();
        match info.stacks {
            Some(Stacks::Taken(stacks)) => stacks,
            other => panic!("{other:?}"),
        }
    };
    let stacks = look();
    assert_eq!(look().len(), stacks.len(), "a second look sees as much as the first");
    task.abort();
    stacks
}

/// The two functions around the leaf, which is not inlined into them by being called from three
/// places.
#[inline(never)]
async fn outer_function(leaf: impl Future) {
    middle_function(leaf).await;
}

#[inline(never)]
async fn middle_function(leaf: impl Future) {
    leaf.await;
}

#[track_caller]
fn assert_is_chain(stack: &str) {
    let place =
        |name: &str| stack.find(name).unwrap_or_else(|| panic!("{name} is missing in\n{stack}"));
    assert!(place("middle_function") < place("outer_function"), "{stack}");
    assert!(!stack.contains("core::task::wake"), "{stack}");
    assert!(!stack.contains("run_observed"), "{stack}");
}

macro_rules! leaves {
    ($($name:ident: $make:block;)*) => {$(
        #[test]
        fn $name() {
            let runtime = observed(1);
            let stacks = stacks_of(&runtime, async { outer_function(async $make).await });
            assert_eq!(stacks.len(), 1, "{stacks:?}");
            assert_is_chain(&stacks[0]);
            runtime.shutdown_background();
        }
    )*};
}

leaves! {
    a_mutex: {
        let mutex = Mutex::new(());
        let _guard = mutex.lock().await;
        drop(mutex.lock().await);
    };
    a_message: {
        let (_sender, mut receiver) = mpsc::channel::<u8>(1);
        receiver.recv().await;
    };
    room_in_a_channel: {
        let (sender, _receiver) = mpsc::channel::<u8>(1);
        loop {
            sender.send(1).await.unwrap();
        }
    };
    a_value: {
        let (_sender, receiver) = oneshot::channel::<u8>();
        receiver.await.unwrap();
    };
    a_notification: {
        Notify::new().notified().await;
    };
    a_permit: {
        let semaphore = Semaphore::new(0);
        drop(semaphore.acquire().await);
    };
    a_change: {
        let (_sender, mut receiver) = watch::channel(0);
        receiver.changed().await.unwrap();
    };
    a_broadcast: {
        let (_sender, mut receiver) = broadcast::channel::<u8>(2);
        receiver.recv().await.unwrap();
    };
    a_timer: {
        time::sleep(Duration::from_secs(1000)).await;
    };
    a_timeout_of_a_future_that_never_wakes: {
        let never = std::future::pending::<()>();
        drop(time::timeout(Duration::from_secs(1000), never).await);
    };
    a_connection: {
        let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        drop(listener.accept().await);
    };
    bytes_of_a_socket: {
        let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        drop(stream.read_u8().await);
    };
    the_end_of_a_task: {
        drop(runtime::spawn(std::future::pending::<()>()).await);
    };
    a_job: {
        let (_end, wait_for_end) = std::sync::mpsc::channel::<()>();
        drop(runtime::spawn_blocking(move || wait_for_end.recv()).await);
    };
    a_value_of_the_futures_crate: {
        let (_sender, receiver) = futures::channel::oneshot::channel::<u8>();
        let _ = receiver.await;
    };
    a_message_of_the_futures_crate: {
        let (_sender, mut receiver) = futures::channel::mpsc::unbounded::<u8>();
        futures::StreamExt::next(&mut receiver).await;
    };
    a_mutex_of_the_futures_crate: {
        let mutex = futures::lock::Mutex::new(());
        let _guard = mutex.lock().await;
        drop(mutex.lock().await);
    };
    a_future_that_is_shared: {
        let (_sender, receiver) = futures::channel::oneshot::channel::<u8>();
        let _ = futures::FutureExt::shared(receiver).await;
    };
}

#[test]
fn each_branch_of_a_select_has_its_stack() {
    let runtime = observed(1);
    let stacks = stacks_of(&runtime, async {
        let (one, two) = (Notify::new(), Notify::new());
        select! {
            () = outer_function(one.notified()) => {}
            () = middle_function(two.notified()) => {}
        }
    });
    assert_eq!(stacks.len(), 2, "{stacks:?}");
    let with_outer = stacks.iter().filter(|stack| stack.contains("outer_function")).count();
    assert_eq!(with_outer, 1, "{stacks:?}");
    runtime.shutdown_background();
}

#[test]
fn a_future_that_keeps_no_waker_has_no_stack() {
    let runtime = observed(1);
    let stacks = stacks_of(&runtime, std::future::pending::<()>());
    assert!(stacks.is_empty(), "{stacks:?}");
    runtime.shutdown_background();
}

#[test]
fn the_stack_of_a_task_that_runs_is_that_of_its_thread() {
    let runtime = observed(2);
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (end, wait_for_end) = std::sync::mpsc::channel::<()>();
    let task = runtime.spawn(async move {
        begun.send(()).unwrap();
        let _ = wait_for_end.recv();
    });
    has_begun.recv().unwrap();
    // It may be on its way still, and a thread that does not hold still is not copied.
    eventually("its thread waits in `recv`, and is seen there", || {
        let dump = runtime.handle().task_dump_with_stacks(patience(), |_| true);
        let info = dump.tasks.into_iter().find(|info| info.id == task.id()).unwrap();
        matches!(&info.stacks, Some(Stacks::Taken(stacks)) if stacks[0].contains("recv"))
    });
    end.send(()).unwrap();
    runtime.block_on(task).unwrap();
}

#[test]
fn a_task_that_nobody_polls_in_time_is_said_to_be_so() {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).spare_workers(0).insight(true).build().unwrap();
    let waiting = runtime.spawn(std::future::pending::<()>());
    eventually("it waits", || {
        let dump = runtime.handle().task_dump();
        dump.tasks.iter().any(|info| matches!(info.state, TaskState::Waiting { .. }))
    });
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (end, wait_for_end) = std::sync::mpsc::channel::<()>();
    let stuck = runtime.spawn(async move {
        begun.send(()).unwrap();
        let _ = wait_for_end.recv();
    });
    has_begun.recv().unwrap();
    let chosen = |info: &runtime::insight::TaskInfo| info.id == waiting.id();
    let dump = runtime.handle().task_dump_with_stacks(Duration::from_millis(50), chosen);
    let info = dump.tasks.iter().find(|info| info.id == waiting.id()).unwrap();
    assert!(matches!(info.stacks, Some(Stacks::NotInTime)), "{info}");
    assert!(dump.tasks.iter().find(|info| info.id == stuck.id()).unwrap().stacks.is_none());
    end.send(()).unwrap();
    runtime.block_on(stuck).unwrap();
}
