//! Several runtimes live in one process without knowing of each other, and one that has gone leaves
//! nothing behind.

use std::time::Duration;

use runtime::net::{TcpListener, TcpStream};
use runtime::{Builder, Handle, Runtime};
use tests::{current_thread, within, workers};

#[test]
fn runtimes_can_talk_to_each_other() {
    within(|| {
        let (server, client) = (workers(1), workers(1));
        let listener = server.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let serving = server.spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut reader, mut writer) = stream.split();
            runtime::io::copy(&mut reader, &mut writer).await.unwrap()
        });
        client.block_on(async move {
            use runtime::io::{AsyncReadExt, AsyncWriteExt};
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            let mut back = [0; 5];
            stream.read_exact(&mut back).await.unwrap();
            assert_eq!(&back, b"hello");
        });
        // A handle of the one is awaited on the other.
        assert_eq!(client.block_on(serving).unwrap(), 5);
    });
}

#[test]
fn a_task_knows_its_own() {
    within(|| {
        let (first, second) = (workers(1), current_thread());
        let there = second.handle().clone();
        let (own, other) = first
            .block_on(first.spawn(async move {
                let other = {
                    let _context = there.enter();
                    Handle::current().id()
                };
                (Handle::current().id(), other)
            }))
            .unwrap();
        assert_eq!((own, other), (first.handle().id(), second.handle().id()));
        assert_ne!(own, other);
    });
}

#[test]
fn one_goes_the_other_stays() {
    within(|| {
        let stays = workers(1);
        for _ in 0..10 {
            let goes = workers(1);
            let task = goes.spawn(std::future::pending::<()>());
            let waits = stays.spawn(task);
            drop(goes);
            assert!(stays.block_on(waits).unwrap().unwrap_err().is_cancelled());
            stays.block_on(async { runtime::time::sleep(Duration::from_millis(1)).await });
        }
    });
}

#[test]
fn a_socket_of_one_is_used_on_the_other() {
    within(|| {
        use runtime::io::{AsyncReadExt, AsyncWriteExt};
        let (first, second) = (workers(1), workers(1));
        let (near, far) = first.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap());
            let (near, far) = runtime::join!(near, listener.accept());
            (near.unwrap(), far.unwrap().0)
        });
        let (mut near, mut far) = (near, far);
        let reading = second.spawn(async move {
            let mut byte = [0];
            far.read_exact(&mut byte).await.unwrap();
            byte[0]
        });
        first.block_on(async move { near.write_all(&[7]).await.unwrap() });
        assert_eq!(second.block_on(reading).unwrap(), 7);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_leave_no_thread_and_no_descriptor() {
    use tests::process::{descriptors, threads};
    tests::isolated("a_hundred_leave_no_thread_and_no_descriptor", || {
        fn live_and_die(runtime: Runtime) {
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let near = TcpStream::connect(listener.local_addr().unwrap());
                let (near, far) = runtime::join!(near, listener.accept());
                runtime::spawn_blocking(|| {}).await.unwrap();
                runtime::spawn(async { runtime::time::sleep(Duration::from_millis(1)).await })
                    .await
                    .unwrap();
                // Some of it is still under way when the runtime goes.
                drop(runtime::spawn(async move {
                    let _held = (near, far);
                    listener.accept().await.map(drop)
                }));
                drop(runtime::spawn(async {
                    runtime::time::sleep(Duration::from_secs(3600)).await;
                }));
            });
            drop(runtime);
        }
        // The first of each kind may leave what belongs to the process, not to a runtime.
        live_and_die(workers(2));
        live_and_die(current_thread());
        tests::eventually("the first have gone", || threads() <= 3);
        let before = (threads(), descriptors());
        for n in 0..100 {
            live_and_die(if n % 4 == 0 { current_thread() } else { workers(2) });
        }
        // `drop` waits for its threads; what the system still has of an ended thread goes at once.
        tests::eventually("no thread is left", || threads() <= before.0);
        assert_eq!(descriptors(), before.1);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_shut_down_in_the_background_leave_nothing_either() {
    use tests::process::{descriptors, threads};
    tests::isolated("a_hundred_shut_down_in_the_background_leave_nothing_either", || {
        let begin_and_end = || {
            let runtime = workers(2);
            drop(runtime.spawn(std::future::pending::<()>()));
            runtime.block_on(async { runtime::spawn_blocking(|| {}).await.unwrap() });
            runtime.shutdown_background();
        };
        begin_and_end();
        tests::eventually("the first has gone", || threads() <= 3);
        let before = (threads(), descriptors());
        (0..100).for_each(|_| begin_and_end());
        tests::eventually("no thread is left", || threads() <= before.0);
        tests::eventually("no descriptor is left", || descriptors() <= before.1);
    });
}

/// What a runtime is made of goes with it, however it ends: nothing that it holds keeps it alive.
/// Each of its hooks holds what is counted here.
#[test]
fn nothing_of_one_stays_in_memory() {
    within(|| {
        let hour = Duration::from_secs(3600);
        let ends: [fn(Runtime); 4] = [
            drop,
            Runtime::shutdown_background,
            |runtime| runtime.shutdown_timeout(Duration::from_secs(3600)),
            |runtime| drop(runtime.shutdown(Duration::from_millis(1))),
        ];
        for (end, with_tasks) in ends.into_iter().flat_map(|end| [(end, true), (end, false)]) {
            for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
                let census = tests::Census::default();
                let hook = || {
                    let held = census.clone();
                    move || _ = &held
                };
                let terminated = hook();
                let runtime = builder
                    .worker_threads(2)
                    .enable_all()
                    .on_thread_start(hook())
                    .on_thread_park(hook())
                    .on_task_terminate(move |_| terminated())
                    .build()
                    .unwrap();
                runtime.block_on(async {
                    // Who waits for what when the root future ends: its waker is left in all of it.
                    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    let task = runtime::spawn(std::future::pending::<()>());
                    let abort = task.abort_handle();
                    if with_tasks {
                        drop(runtime::spawn(runtime::time::sleep(hour)));
                        drop(runtime::spawn(async move { listener.accept().await.map(drop) }));
                    }
                    let mut waits = Box::pin(async {
                        let scope = runtime::task::Scope::current();
                        runtime::join!(task, scope.cancelled(), runtime::time::sleep(hour))
                    });
                    assert!(futures::poll!(&mut waits).is_pending());
                    if !with_tasks {
                        abort.abort();
                    }
                    runtime::spawn_blocking(|| {}).await.unwrap();
                    runtime::task::spawn_pinned(|| async {}).await.unwrap();
                });
                drop(builder);
                assert!(census.alive() > 0);
                end(runtime);
                tests::eventually("the runtime's memory is free", || census.alive() == 0);
            }
        }
    });
}

#[test]
fn many_runtimes_work_at_once() {
    within(|| {
        let runtimes: Vec<_> = (0..20)
            .map(|_| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap())
            .collect();
        let tasks: Vec<_> = runtimes
            .iter()
            .map(|runtime| {
                runtime.spawn(async { runtime::time::sleep(Duration::from_millis(5)).await })
            })
            .collect();
        for task in tasks {
            futures::executor::block_on(task).unwrap();
        }
    });
}
