//! Each option of the `Builder` does what it says.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use runtime::runtime::RuntimeFlavor;
use runtime::{Builder, Runtime};
#[cfg(target_os = "linux")]
use tests::isolated;
use tests::{Gate, eventually, within};

fn names_of_workers(runtime: &Runtime, count: usize) -> HashSet<String> {
    let gate = Gate::default();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let gate = gate.clone();
            runtime.spawn(async move {
                gate.block();
                thread::current().name().unwrap_or("").to_string()
            })
        })
        .collect();
    gate.wait_for(count);
    gate.open();
    tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).collect()
}

#[test]
fn worker_threads() {
    within(|| {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(3).spare_workers(0).build().unwrap();
        // Three at once in user code, each on a thread of its own.
        let gate = Gate::default();
        let threads = Arc::new(Mutex::new(HashSet::new()));
        for _ in 0..3 {
            let (gate, threads) = (gate.clone(), threads.clone());
            drop(runtime.spawn(async move {
                threads.lock().unwrap().insert(thread::current().id());
                gate.block();
            }));
        }
        gate.wait_for(3);
        assert_eq!(threads.lock().unwrap().len(), 3);
        gate.open();
        assert_eq!(runtime.handle().runtime_flavor(), RuntimeFlavor::MultiThread);
    });
}

#[test]
fn the_current_thread_runs_all_tasks_itself() {
    within(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        assert_eq!(runtime.handle().runtime_flavor(), RuntimeFlavor::CurrentThread);
        let me = thread::current().id();
        let task = runtime.spawn(async { thread::current().id() });
        assert!(!task.is_finished());
        thread::sleep(Duration::from_millis(5)); // nobody runs it behind our back
        assert!(!task.is_finished());
        assert_eq!(runtime.block_on(task).unwrap(), me);
    });
}

#[test]
fn thread_name() {
    within(|| {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).thread_name("weaver").build().unwrap();
        for name in names_of_workers(&runtime, 2) {
            assert!(name.starts_with("weaver"), "{name}");
        }
        let job = runtime.spawn_blocking(|| thread::current().name().map(str::to_string));
        assert!(runtime.block_on(job).unwrap().unwrap().starts_with("weaver"));
    });
}

#[test]
fn thread_name_fn() {
    within(|| {
        let next = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name_fn(move || format!("loom-{}", next.fetch_add(1, Ordering::SeqCst)))
            .build()
            .unwrap();
        let names = names_of_workers(&runtime, 2);
        assert_eq!(names.len(), 2);
        assert!(names.iter().all(|name| name.starts_with("loom-")), "{names:?}");
    });
}

#[test]
fn thread_stack_size() {
    within(|| {
        /// Uses `depth` kB of stack or so.
        #[inline(never)]
        fn dig(depth: usize) -> usize {
            let hole = std::hint::black_box([depth; 128]);
            if depth == 0 { 0 } else { dig(depth - 1) + hole[0].min(1) }
        }
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_stack_size(64 << 20).build().unwrap();
        let depth = 20 << 10; // 20 MiB: ten times what a thread has by default
        assert_eq!(runtime.block_on(runtime.spawn(async move { dig(depth) })).unwrap(), depth);
        assert_eq!(runtime.block_on(runtime.spawn_blocking(move || dig(depth))).unwrap(), depth);
    });
}

/// Too little is as much as the runtime needs, and a little more for the program.
#[test]
fn a_thread_stack_size_that_is_too_small_becomes_one_that_works() {
    async fn work() {
        use runtime::io::{AsyncReadExt, AsyncWriteExt};
        let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = runtime::spawn(async move {
            let mut stream = runtime::net::TcpStream::connect(address).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
        });
        let mut text = String::new();
        listener.accept().await.unwrap().0.read_to_string(&mut text).await.unwrap();
        client.await.unwrap();
        assert_eq!(text, "hello");
        runtime::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(runtime::task::spawn_blocking(|| 3).await.unwrap(), 3);
        assert_eq!(runtime::task::block_in_place(|| 4), 4);
        assert!(runtime::spawn(async { panic!("on a small stack") }).await.is_err());
        assert!(runtime::fs::metadata(".").await.unwrap().is_dir());
        runtime::task::spawn_pinned(|| async {}).await.unwrap();
    }
    within(|| {
        for bytes in [0, 1, 16 << 10, 28_000, 40_000] {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2).thread_stack_size(bytes).enable_all();
            let runtime = builder.build().unwrap();
            runtime.block_on(runtime.spawn(work())).unwrap();
            drop(runtime);
        }
    });
}

#[test]
fn the_hooks_for_start_and_stop_are_called_on_each_thread() {
    within(|| {
        let (started, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (starts, stops) = (started.clone(), stopped.clone());
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .on_thread_start(move || _ = starts.fetch_add(1, Ordering::SeqCst))
            .on_thread_stop(move || _ = stops.fetch_add(1, Ordering::SeqCst))
            .build()
            .unwrap();
        eventually("the workers have started", || started.load(Ordering::SeqCst) >= 2);
        runtime.block_on(runtime.spawn_blocking(|| {})).unwrap();
        assert!(started.load(Ordering::SeqCst) >= 3);
        assert_eq!(stopped.load(Ordering::SeqCst), 0);
        drop(runtime);
        assert_eq!(started.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst));
    });
}

#[test]
fn the_hooks_for_park_and_unpark_are_called_around_each_sleep() {
    within(|| {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let (parked, unparked) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (parks, unparks) = (parked.clone(), unparked.clone());
            let runtime = builder
                .worker_threads(1)
                .enable_all()
                .on_thread_park(move || _ = parks.fetch_add(1, Ordering::SeqCst))
                .on_thread_unpark(move || _ = unparks.fetch_add(1, Ordering::SeqCst))
                .build()
                .unwrap();
            runtime.block_on(async {
                for _ in 0..3 {
                    runtime::spawn(async {
                        runtime::time::sleep(Duration::from_millis(2)).await;
                    })
                    .await
                    .unwrap();
                }
            });
            assert!(parked.load(Ordering::SeqCst) >= 1);
            assert!(unparked.load(Ordering::SeqCst) >= 1);
            drop(runtime);
            let (parked, unparked) =
                (parked.load(Ordering::SeqCst), unparked.load(Ordering::SeqCst));
            assert!(parked.abs_diff(unparked) <= 1, "{parked} parks, {unparked} unparks");
        }
    });
}

#[test]
fn hooks_run_in_the_context_of_nobody_s_task() {
    within(|| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .on_thread_park(move || log.lock().unwrap().push(runtime::task::try_id()))
            .build()
            .unwrap();
        runtime.block_on(async {
            runtime::spawn(async { runtime::time::sleep(Duration::from_millis(2)).await })
                .await
                .unwrap();
        });
        drop(runtime);
        assert!(seen.lock().unwrap().iter().all(Option::is_none));
    });
}

#[test]
fn the_intervals_can_be_set() {
    within(|| {
        for (global, event) in [(1, 1), (2, 61), (u32::MAX, u32::MAX)] {
            let runtime = Builder::new_multi_thread()
                .worker_threads(1)
                .global_queue_interval(global)
                .event_interval(event)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let tasks: Vec<_> = (0..200)
                    .map(|_| runtime::spawn(async { runtime::task::yield_now().await }))
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
                runtime::time::sleep(Duration::from_millis(1)).await;
            });
        }
    });
}

#[test]
fn io_and_time_each_alone() {
    within(|| {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let runtime = builder.worker_threads(1).enable_time().build().unwrap();
            runtime.block_on(async {
                runtime::spawn(runtime::time::sleep(Duration::from_millis(1))).await.unwrap();
            });
        }
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let runtime = builder.worker_threads(1).enable_io().build().unwrap();
            runtime.block_on(async {
                let socket = runtime::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                socket.send_to(b"x", socket.local_addr().unwrap()).await.unwrap();
                assert_eq!(socket.recv(&mut [0; 4]).await.unwrap(), 1);
            });
        }
    });
}

#[test]
fn one_builder_builds_many() {
    within(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_all();
        let ids: HashSet<_> = (0..3)
            .map(|_| {
                let runtime = builder.build().unwrap();
                assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
                runtime.handle().id().to_string()
            })
            .collect();
        assert_eq!(ids.len(), 3);
    });
}

#[test]
fn debug_output_names_the_kind() {
    let text = format!("{:?} {:?}", Builder::new_multi_thread(), Builder::new_current_thread());
    assert!(text.contains("Builder"), "{text}");
    let runtime = Builder::new_current_thread().build().unwrap();
    assert!(format!("{runtime:?}").contains("Runtime"));
    assert!(format!("{:?}", runtime.handle()).contains("Handle"));
}

#[test]
fn a_seed_fixes_the_choices_of_one_thread() {
    use runtime::runtime::RngSeed;
    let choices = |seed: &[u8]| {
        let runtime =
            Builder::new_current_thread().rng_seed(RngSeed::from_bytes(seed)).build().unwrap();
        // Two entries, and between them another runtime on the same thread.
        let first = runtime.block_on(choose());
        Builder::new_current_thread().build().unwrap().block_on(choose());
        [first, runtime.block_on(choose())]
    };
    async fn choose() -> Vec<usize> {
        let mut chosen = Vec::new();
        for _ in 0..64 {
            chosen.push(runtime::select! { () = async {} => 0, () = async {} => 1 });
        }
        chosen
    }
    let same = choices(b"one");
    assert_eq!(same, choices(b"one"));
    assert_ne!(same, choices(b"two"));
    assert_ne!(same[0], same[1]);
}

#[test]
fn without_the_lifo_slot_tasks_run_in_the_order_of_their_wakes() {
    within(|| {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).disable_lifo_slot().build().unwrap();
        let order = runtime.block_on(runtime.spawn(async {
            let (note, mut notes) = runtime::sync::mpsc::unbounded_channel();
            for i in 0..10 {
                let note = note.clone();
                runtime::spawn(async move { note.send(i).unwrap() });
            }
            drop(note);
            let mut order = Vec::new();
            while let Some(i) = notes.recv().await {
                order.push(i);
            }
            order
        }));
        assert_eq!(order.unwrap(), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn a_small_batch_of_events_still_brings_all() {
    use runtime::io::{AsyncReadExt, AsyncWriteExt};
    within(|| {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let runtime = builder
                .enable_all()
                .max_io_events_per_tick(2)
                .max_io_events_per_busy_tick(1)
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut tasks = runtime::task::JoinSet::new();
                let mut others = Vec::new();
                for _ in 0..50 {
                    let (ours, mut theirs) = runtime::net::UnixStream::pair().unwrap();
                    others.push(ours);
                    tasks.spawn(async move { theirs.read_u8().await.unwrap() });
                }
                for other in &mut others {
                    other.write_u8(1).await.unwrap();
                }
                assert_eq!(tasks.join_all().await.len(), 50);
            });
        }
    });
}

/// How many descriptors the process's table has room for.
#[cfg(target_os = "linux")]
fn room_for_descriptors() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
    size.trim().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn prewarm_descriptors() {
    // The table never shrinks, so it is looked at in a process of its own.
    isolated("prewarm_descriptors", || {
        for mut builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
            let before = room_for_descriptors();
            drop(builder.enable_all().build().unwrap());
            assert_eq!(room_for_descriptors(), before, "nothing was asked for");
            let more = before + 1;
            let runtime = builder.prewarm_descriptors(more).build().unwrap();
            assert!(room_for_descriptors() >= more, "{} < {more}", room_for_descriptors());
            // Room, and no descriptor.
            let highest = std::fs::read_dir("/proc/self/fd")
                .unwrap()
                .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<usize>().ok());
            assert!(highest.max().unwrap() < before);
            drop(runtime);
        }
    });
}

#[test]
fn idle_threads_that_look_again_miss_nothing_and_sleep_in_the_end() {
    use std::io::{Read, Write};

    use runtime::io::{AsyncReadExt, AsyncWriteExt};

    within(|| {
        let spin = Duration::from_micros(200);
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let runtime = builder.worker_threads(2).enable_all().idle_spin(spin).build().unwrap();
            for i in 0..200 {
                assert_eq!(runtime.block_on(runtime.spawn(async move { i })).unwrap(), i);
            }
            // A client that answers as soon as it is answered.
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let client = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut byte = [0];
                while stream.read(&mut byte).unwrap() == 1 {
                    stream.write_all(&byte).unwrap();
                }
            });
            runtime.block_on(async {
                let mut stream = runtime::net::TcpStream::connect(address).await.unwrap();
                for i in 0..200 {
                    stream.write_all(&[i]).await.unwrap();
                    assert_eq!(stream.read_u8().await.unwrap(), i);
                    if i % 20 == 0 {
                        runtime::time::sleep(Duration::from_micros(50)).await;
                    }
                }
            });
            client.join().unwrap();
            let metrics = runtime.metrics();
            let parks = || (0..metrics.num_workers()).map(|n| metrics.worker_park_count(n)).sum();
            eventually("no thread looks again for ever", || {
                let before: u64 = parks();
                std::thread::sleep(Duration::from_millis(20));
                parks() == before
            });
        }
    });
}
