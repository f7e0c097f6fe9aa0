//! Each leaf future of the runtime tells a dump what it waits for, by its kind and its argument.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use runtime::insight::{TaskInfo, TaskState, WaitInfo, WaitKind, WokenBy};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use runtime::task::{Id, JoinSet, Scope};
use runtime::{Builder, Runtime, fs, net, process, select, signal, time};
use tests::eventually;

fn observed() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).insight(true).enable_all().build().unwrap()
}

/// What is known of a task as soon as it waits for something of the runtime.
fn waiting(runtime: &Runtime, id: Id) -> TaskInfo {
    let mut found = None;
    eventually("the task waits", || {
        let dump = runtime.handle().task_dump();
        found = dump.tasks.into_iter().find(|task| {
            task.id == id && matches!(task.state, TaskState::Waiting { .. }) && task.polls > 0
        });
        found.is_some()
    });
    found.unwrap()
}

/// What a task that does this waits for: the one thing.
#[track_caller]
fn wait_of<F>(future: F) -> WaitInfo
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let runtime = observed();
    let task = runtime.spawn(future);
    let info = waiting(&runtime, task.id());
    assert_eq!((info.waits.len(), info.more_waits), (1, 0), "{info}");
    runtime.shutdown_background();
    info.waits[0].clone()
}

/// Whether it was made in this file, on a line near the caller's.
#[track_caller]
fn assert_made_near(wait: &WaitInfo) {
    let made_at = wait.made_at.expect("it says where it was made");
    let here = std::panic::Location::caller();
    assert_eq!(made_at.file(), here.file());
    assert!(made_at.line().abs_diff(here.line()) < 20, "{made_at} is far from {here}");
}

#[test]
fn a_mutex_is_named_with_its_holder() {
    let runtime = observed();
    let mutex = Arc::new(Mutex::new(()));
    let holder = runtime.spawn({
        let mutex = mutex.clone();
        async move {
            let _guard = mutex.lock().await;
            pending::<()>().await;
        }
    });
    waiting(&runtime, holder.id());
    let waiter = runtime.spawn(async move { drop(mutex.lock().await) });
    let info = waiting(&runtime, waiter.id());
    assert_eq!(info.waits[0].kind, WaitKind::Mutex);
    assert_eq!(info.waits[0].held_by, Some(holder.id()));
    assert_made_near(&info.waits[0]);
    runtime.shutdown_background();
}

#[test]
fn a_holder_is_crossed_out_when_it_unlocks() {
    let runtime = observed();
    let mutex = Arc::new(Mutex::new(()));
    runtime
        .block_on(runtime.spawn({
            let mutex = mutex.clone();
            async move { drop(mutex.lock().await) }
        }))
        .unwrap();
    // Not a task, so nobody is known to hold it.
    let guard = runtime.block_on(mutex.clone().lock_owned());
    let waiter = runtime.spawn(async move { drop(mutex.lock().await) });
    let info = waiting(&runtime, waiter.id());
    assert_eq!((info.waits[0].kind, info.waits[0].held_by), (WaitKind::Mutex, None));
    drop(guard);
    runtime.block_on(waiter).unwrap();
}

#[test]
fn a_read_write_lock_says_what_for_and_who_writes() {
    let runtime = observed();
    let lock = Arc::new(RwLock::new(()));
    let writer = runtime.spawn({
        let lock = lock.clone();
        async move {
            let _guard = lock.write().await;
            pending::<()>().await;
        }
    });
    waiting(&runtime, writer.id());
    let reader = runtime.spawn({
        let lock = lock.clone();
        async move { drop(lock.read().await) }
    });
    let second = runtime.spawn(async move { drop(lock.write().await) });
    let (reader, second) = (waiting(&runtime, reader.id()), waiting(&runtime, second.id()));
    for (info, verb) in [(&reader, "to read"), (&second, "to write")] {
        let wait = &info.waits[0];
        assert_eq!((wait.kind, wait.held_by), (WaitKind::RwLock, Some(writer.id())));
        assert!(wait.to_string().contains(verb), "{wait}");
        assert_made_near(wait);
    }
    assert_eq!(reader.waits[0].object, second.waits[0].object);
    runtime.shutdown_background();
}

#[test]
fn a_semaphore_says_how_many_permits() {
    let semaphore = Arc::new(Semaphore::new(2));
    let wait = wait_of(async move { drop(semaphore.acquire_many(3).await) });
    assert_eq!((wait.kind, wait.count), (WaitKind::Semaphore, Some(3)));
    assert_made_near(&wait);
}

#[test]
fn a_barrier_a_notification_and_cells_that_are_set_once() {
    let barrier = Arc::new(Barrier::new(2));
    let wait = wait_of(async move { barrier.wait().await.is_leader() });
    assert_eq!(wait.kind, WaitKind::Barrier);
    assert_made_near(&wait);

    let notify = Arc::new(Notify::new());
    let wait = wait_of(async move { notify.notified().await });
    assert_eq!(wait.kind, WaitKind::Notify);
    assert_made_near(&wait);

    let owned = Arc::new(Notify::new()).notified_owned();
    assert_eq!(wait_of(owned).kind, WaitKind::Notify);

    let set_once = Arc::new(SetOnce::<u32>::new());
    let wait = wait_of(async move { *set_once.wait().await });
    assert_eq!(wait.kind, WaitKind::SetOnce);
    assert_made_near(&wait);

    let runtime = observed();
    let cell = Arc::new(OnceCell::<u32>::new());
    let first = runtime.spawn({
        let cell = cell.clone();
        async move { *cell.get_or_init(pending::<u32>).await }
    });
    waiting(&runtime, first.id());
    let second = runtime.spawn(async move { *cell.get_or_init(|| async { 1 }).await });
    let info = waiting(&runtime, second.id());
    assert_eq!(info.waits[0].kind, WaitKind::OnceCell);
    assert_eq!(info.waits[0].held_by, Some(first.id()));
    assert_made_near(&info.waits[0]);
    runtime.shutdown_background();
}

#[test]
fn each_end_of_an_mpsc_channel() {
    let (_sender, mut receiver) = mpsc::channel::<u32>(1);
    let wait = wait_of(async move { receiver.recv().await });
    assert_eq!(wait.kind, WaitKind::MpscReceive);
    assert_made_near(&wait);

    let (_sender, mut receiver) = mpsc::unbounded_channel::<u32>();
    let wait = wait_of(async move { receiver.recv_many(&mut Vec::new(), 2).await });
    assert_eq!(wait.kind, WaitKind::MpscReceive);
    assert_made_near(&wait);

    let (sender, _receiver) = mpsc::channel::<u32>(1);
    let wait = wait_of(async move { sender.closed().await });
    assert_eq!(wait.kind, WaitKind::MpscClosed);
    assert_made_near(&wait);

    let runtime = observed();
    let (sender, mut receiver) = mpsc::channel::<u32>(1);
    let receiving = runtime.spawn(async move {
        receiver.recv().await;
        pending::<()>().await;
        drop(receiver);
    });
    let sending = runtime.spawn(async move {
        loop {
            sender.send(1).await.unwrap();
        }
    });
    let info = waiting(&runtime, sending.id());
    eventually("the receiver is known", || {
        waiting(&runtime, sending.id()).waits[0].held_by == Some(receiving.id())
    });
    assert_eq!(info.waits[0].kind, WaitKind::MpscSend);
    assert_made_near(&info.waits[0]);
    runtime.shutdown_background();
}

#[test]
fn each_end_of_the_other_channels() {
    let (_sender, receiver) = oneshot::channel::<u32>();
    let wait = wait_of(receiver);
    assert_eq!(wait.kind, WaitKind::OneshotReceive);
    assert_made_near(&wait);

    let (mut sender, _receiver) = oneshot::channel::<u32>();
    let wait = wait_of(async move { sender.closed().await });
    assert_eq!(wait.kind, WaitKind::OneshotClosed);
    assert_made_near(&wait);

    let (_sender, mut receiver) = watch::channel(1);
    let wait = wait_of(async move { receiver.changed().await.is_ok() });
    assert_eq!(wait.kind, WaitKind::WatchChanged);
    assert_made_near(&wait);

    let (sender, _receiver) = watch::channel(1);
    let wait = wait_of(async move { sender.closed().await });
    assert_eq!(wait.kind, WaitKind::WatchClosed);
    assert_made_near(&wait);

    let (_sender, mut receiver) = broadcast::channel::<u32>(1);
    let wait = wait_of(async move { receiver.recv().await.is_ok() });
    assert_eq!(wait.kind, WaitKind::BroadcastReceive);
    assert_made_near(&wait);

    let (sender, _receiver) = broadcast::channel::<u32>(1);
    let wait = wait_of(async move { sender.closed().await });
    assert_eq!(wait.kind, WaitKind::BroadcastClosed);
    assert_made_near(&wait);
}

#[test]
fn a_timer_says_how_long() {
    let far = Duration::from_secs(1000);
    for wait in [
        wait_of(async move { time::sleep(far).await }),
        wait_of(async move { time::timeout(far, pending::<()>()).await.is_ok() }),
        wait_of(async move { time::interval_at(time::Instant::now() + far, far).tick().await }),
    ] {
        assert_eq!(wait.kind, WaitKind::Timer);
        let left = wait.left.unwrap();
        assert!(left <= far && left > far.saturating_sub(tests::patience()), "{left:?}");
    }
}

#[test]
fn a_socket_says_its_addresses_and_the_direction() {
    let runtime = observed();
    let listener = runtime.block_on(net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let server = listener.local_addr().unwrap();
    let accepting = runtime.spawn(async move { listener.accept().await.map(|_| ()) });
    let wait = waiting(&runtime, accepting.id()).waits[0].clone();
    let descriptor = wait.descriptor.unwrap();
    assert_eq!((descriptor.local, descriptor.peer), (Some(server.to_string()), None));

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let mut stream = runtime.block_on(net::TcpStream::connect(server)).unwrap();
    let client = stream.local_addr().unwrap();
    let _kept = listener.accept().unwrap();
    let reading = runtime.spawn(async move { stream.read_u8().await });
    let wait = waiting(&runtime, reading.id()).waits[0].clone();
    assert_eq!(wait.kind, WaitKind::Readable);
    let descriptor = wait.descriptor.unwrap();
    assert_eq!(descriptor.local, Some(client.to_string()));
    assert_eq!(descriptor.peer, Some(server.to_string()));

    let mut full = runtime.block_on(net::TcpStream::connect(server)).unwrap();
    let writing = runtime.spawn(async move { full.write_all(&vec![0; 64 << 20]).await });
    assert_eq!(waiting(&runtime, writing.id()).waits[0].kind, WaitKind::Writable);
    runtime.shutdown_background();
}

#[test]
fn tasks_sets_and_scopes_that_are_awaited() {
    let runtime = observed();
    let endless = runtime.spawn(pending::<()>());
    let awaited = endless.id();
    let joining = runtime.spawn(endless);
    let wait = waiting(&runtime, joining.id()).waits[0].clone();
    assert_eq!((wait.kind, wait.task), (WaitKind::Join, Some(awaited)));
    runtime.shutdown_background();

    let wait = wait_of(async {
        let mut set = JoinSet::new();
        set.spawn(pending::<()>());
        set.spawn(pending::<()>());
        set.join_next().await;
    });
    assert_eq!((wait.kind, wait.count), (WaitKind::JoinSet, Some(2)));

    let wait = wait_of(async {
        let scope = runtime::task::Scope::new();
        scope.spawn(pending::<()>());
        scope.close().await.is_ok()
    });
    assert_eq!((wait.kind, wait.count), (WaitKind::Scope, Some(1)));
}

#[test]
fn jobs_files_children_and_signals() {
    let runtime = observed();
    let (end, wait_for_end) = std::sync::mpsc::channel::<()>();
    let (begin, wait_for_begin) = std::sync::mpsc::channel::<()>();
    let job = runtime.spawn_blocking(move || begin.send(()).is_ok() && wait_for_end.recv().is_ok());
    let id = job.id();
    wait_for_begin.recv().unwrap();
    let waiter = runtime.spawn(job);
    let wait = waiting(&runtime, waiter.id()).waits[0].clone();
    assert_eq!((wait.kind, wait.task), (WaitKind::Blocking, Some(id)));
    let dump = runtime.handle().task_dump();
    assert!(dump.blocking.iter().any(|job| job.id == Some(id) && job.running), "{dump}");
    end.send(()).unwrap();
    runtime.block_on(waiter).unwrap().unwrap();

    // The only thread of the pool is busy, so the file's operation waits.
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).max_blocking_threads(1).insight(true).enable_all();
    let runtime = runtime.build().unwrap();
    let (end, wait_for_end) = std::sync::mpsc::channel::<()>();
    let _busy = runtime.spawn_blocking(move || wait_for_end.recv().is_ok());
    let reading = runtime.spawn(fs::canonicalize("/"));
    let wait = waiting(&runtime, reading.id()).waits[0].clone();
    assert_eq!(wait.kind, WaitKind::Blocking);
    let queued = runtime.handle().task_dump().blocking;
    assert!(queued.iter().any(|job| job.id == wait.task && !job.running), "{queued:?}");
    end.send(()).unwrap();
    runtime.block_on(reading).unwrap().unwrap();

    let wait = wait_of(async {
        let mut child = process::Command::new("sleep").arg("1000").kill_on_drop(true).spawn()?;
        child.wait().await
    });
    assert_eq!(wait.kind, WaitKind::Child);
    assert!(wait.number.is_some_and(|process| process > 1));

    let wait = wait_of(async {
        signal::unix::signal(signal::unix::SignalKind::user_defined2()).unwrap().recv().await
    });
    assert_eq!((wait.kind, wait.number), (WaitKind::Signal, Some(libc::SIGUSR2 as u64)));
}

#[test]
fn streams_in_memory() {
    let (mut near, _far) = runtime::io::duplex(1);
    assert_eq!(wait_of(async move { near.read_u8().await }).kind, WaitKind::DuplexRead);
    let (mut near, _far) = runtime::io::duplex(1);
    let writing = async move { near.write_all(&[1, 2]).await };
    assert_eq!(wait_of(writing).kind, WaitKind::DuplexWrite);
}

#[test]
fn several_at_once_are_all_named() {
    let runtime = observed();
    let (_sender, mut receiver) = mpsc::channel::<u32>(1);
    let (_other, value) = oneshot::channel::<u32>();
    let notify = Notify::new();
    let task = runtime.spawn(async move {
        select! {
            _ = receiver.recv() => {}
            _ = value => {}
            () = notify.notified() => {}
            () = time::sleep(Duration::from_secs(1000)) => {}
        }
    });
    let info = waiting(&runtime, task.id());
    let mut kinds: Vec<_> = info.waits.iter().map(|wait| wait.kind.name()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["mpsc_receive", "notify", "oneshot_receive", "timer"]);
    assert!(info.waits.iter().all(|wait| !wait.is_old), "{info}");
    runtime.shutdown_background();
}

#[test]
fn a_branch_that_has_lost_is_marked_as_old() {
    let runtime = observed();
    let notify = Notify::new();
    let mutex = Mutex::new(());
    let task = runtime.spawn(async move {
        let _guard = mutex.lock().await;
        select! {
            biased;
            () = notify.notified() => {}
            () = std::future::ready(()) => {}
        }
        drop(mutex.lock().await);
    });
    let info = waiting(&runtime, task.id());
    let kinds: Vec<_> = info.waits.iter().map(|wait| wait.kind).collect();
    assert_eq!(kinds, [WaitKind::Notify, WaitKind::Mutex]);
    runtime.shutdown_background();
}

#[test]
fn who_woke_a_task_is_told() {
    let runtime = observed();
    let notify = Arc::new(Notify::new());
    let task = runtime.spawn({
        let notify = notify.clone();
        async move {
            loop {
                notify.notified().await;
            }
        }
    });
    let woken_by = || waiting(&runtime, task.id()).woken.unwrap().0;
    assert_eq!(woken_by(), WokenBy::Outside);
    let waker = runtime.spawn({
        let notify = notify.clone();
        async move { notify.notify_one() }
    });
    let waker_id = waker.id();
    runtime.block_on(waker).unwrap();
    eventually("the waker is known", || woken_by() == WokenBy::Task(waker_id));

    let timed = runtime.spawn(async {
        loop {
            time::sleep(Duration::from_millis(1)).await;
        }
    });
    eventually("the timer has woken", || {
        waiting(&runtime, timed.id()).woken.unwrap().0 == WokenBy::Timer
    });
    runtime.shutdown_background();
}

#[test]
fn a_task_that_a_descriptor_wakes_says_so_beside_a_timer() {
    for runtime in
        [observed(), Builder::new_current_thread().insight(true).enable_all().build().unwrap()]
    {
        let pair = runtime.block_on(async { net::UnixStream::pair() });
        let (mut ours, mut theirs) = pair.unwrap();
        let reader = runtime.spawn(async move {
            let mut byte = [0];
            while theirs.read(&mut byte).await.unwrap() > 0 {}
        });
        runtime.block_on(async {
            // Both are due in the same look of the driver.
            let timed = runtime::spawn(async {
                loop {
                    time::sleep(Duration::from_millis(1)).await;
                }
            });
            let deadline = time::Instant::now() + Duration::from_secs(30);
            loop {
                ours.write_all(b"x").await.unwrap();
                time::sleep(Duration::from_millis(1)).await;
                let dump = runtime.handle().task_dump();
                let by =
                    |id| dump.tasks.iter().find(|task| task.id == id).unwrap().woken.unwrap().0;
                if (by(reader.id()), by(timed.id())) == (WokenBy::Driver, WokenBy::Timer) {
                    break;
                }
                assert!(time::Instant::now() < deadline, "{dump}");
            }
        });
        runtime.shutdown_background();
    }
}

#[test]
fn a_descriptor_is_no_timer_after_looks_that_found_nothing() {
    for runtime in
        [observed(), Builder::new_current_thread().insight(true).enable_all().build().unwrap()]
    {
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let (read, mut was_read) = mpsc::unbounded_channel();
        let reader = runtime.spawn(async move {
            let mut theirs = net::UnixStream::from_std(theirs).unwrap();
            let mut byte = [0];
            while read.send(()).is_ok() && theirs.read(&mut byte).await.unwrap() > 0 {}
        });
        runtime.block_on(async {
            was_read.recv().await.unwrap();
            for _ in 0..20 {
                // Else it may find the byte in the poll that it was spawned for.
                waiting(&runtime, reader.id());
                std::io::Write::write_all(&mut ours, b"x").unwrap();
                was_read.recv().await.unwrap();
                let dump = runtime.handle().task_dump();
                let info = dump.tasks.iter().find(|task| task.id == reader.id()).unwrap();
                // Its poll may go on; who woke it for that poll is known all the same.
                assert_eq!(info.woken.unwrap().0, WokenBy::Driver, "{info}");
            }
        });
        runtime.shutdown_background();
    }
}

#[test]
fn the_scope_of_a_task_is_named_by_its_place() {
    let runtime = observed();
    runtime.block_on(async {
        let (scope, line) = (Scope::new(), line!());
        let member = scope.spawn(pending::<()>());
        let inner = scope.child();
        let inside = inner.spawn(pending::<()>());
        let outside = runtime::spawn(pending::<()>());
        let scope_of = |id| {
            let dump = runtime.handle().task_dump();
            let task = dump.tasks.iter().find(|task| task.id == id).unwrap();
            assert_eq!(task.scope.is_some(), task.to_string().contains("into the scope of"));
            task.scope.map(|place| (place.file(), place.line()))
        };
        assert_eq!(scope_of(member.id()), Some((file!(), line)));
        assert_eq!(scope_of(inside.id()), Some((file!(), line + 2)));
        assert_eq!(scope_of(outside.id()), None);
        // The runtime's own scope was opened nowhere in the program.
        assert_eq!(scope_of(Scope::current().spawn(pending::<()>()).id()), None);
        outside.abort();
    });
    runtime.shutdown_background();
}

#[test]
fn the_size_of_a_large_future_is_not_that_of_its_box() {
    let runtime = observed();
    let large = runtime.spawn(async {
        let buffer = [7_u8; 40_000];
        pending::<()>().await;
        std::hint::black_box(&buffer);
    });
    let info = waiting(&runtime, large.id());
    assert!((40_000..41_000).contains(&info.future_size), "{info:?}");
    runtime.shutdown_background();
}

#[test]
fn a_future_of_another_crate_leaves_no_wait() {
    let runtime = observed();
    let task = runtime.spawn(async {
        let (_sender, receiver) = futures::channel::oneshot::channel::<u32>();
        receiver.await.is_ok() && pending::<bool>().await
    });
    let info = waiting(&runtime, task.id());
    assert!(info.waits.is_empty() && info.to_string().contains("not of this runtime"), "{info}");
    runtime.shutdown_background();
}
