//! Tasks that block or hog all workers stop nobody else: timers fire, sockets are served, tasks
//! that are spawned or woken run, what lay in a blocked worker's queues runs elsewhere.
//!
//! Each test holds every worker for as long as it takes: the hogs end only when the others have
//! done their work. So a runtime that fails here does not pass by being slow, it hangs until the
//! deadline.

use std::future::Future;
use std::hint::spin_loop;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use runtime::Runtime;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use tests::{Gate, PATIENCE, within, workers};

/// How a hog holds its worker.
#[derive(Clone, Copy)]
enum Hold {
    /// Asleep in the system, as a blocking call would be.
    Blocked,
    /// Computing without an `.await`.
    Computing,
}

/// Hogs that hold their workers until dropped.
struct Hogs {
    stop: Arc<AtomicBool>,
    gate: Gate,
}

impl Hogs {
    /// Starts as many as asked for and waits until `held` of them hold a worker.
    fn start(runtime: &Runtime, kinds: &[Hold], held: usize) -> Hogs {
        let hogs = Hogs { stop: Arc::default(), gate: Gate::default() };
        let arrivals = Gate::default();
        arrivals.open();
        for kind in kinds {
            let (stop, gate, arrivals, kind) =
                (hogs.stop.clone(), hogs.gate.clone(), arrivals.clone(), *kind);
            drop(runtime.spawn(async move {
                arrivals.block(); // only counts: it is open
                match kind {
                    Hold::Blocked => gate.block(),
                    Hold::Computing => {
                        let start = Instant::now();
                        while !stop.load(Ordering::Relaxed)
                            && start.elapsed() < 2 * tests::patience()
                        {
                            spin_loop();
                        }
                    }
                }
            }));
        }
        arrivals.wait_for(held);
        hogs
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.gate.open();
    }
}

/// Runs `others` on a runtime of two workers that are held in each of the ways.
fn under_hogs<F: Future<Output = ()> + Send + 'static>(others: impl Fn() -> F + Send + 'static) {
    within(move || {
        for kinds in [[Hold::Blocked; 2], [Hold::Computing; 2], [Hold::Blocked, Hold::Computing]] {
            let runtime = workers(2);
            let hogs = Hogs::start(&runtime, &kinds, 2);
            // In a task: the root future has a thread of its own and would show nothing.
            runtime.block_on(runtime.spawn(others())).unwrap();
            drop(hogs);
        }
    });
}

#[test]
fn spawned_tasks_run() {
    under_hogs(|| async {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                runtime::spawn(async move {
                    runtime::task::yield_now().await;
                    n
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), n);
        }
    });
}

#[test]
fn timers_fire() {
    under_hogs(|| async {
        for _ in 0..50 {
            runtime::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn timers_that_were_set_by_a_worker_now_blocked_fire() {
    within(|| {
        let runtime = workers(1);
        let gate = Gate::default();
        let hold = gate.clone();
        let (send, receive) = std::sync::mpsc::channel();
        // The timer is registered on the very worker that the same task's neighbour then blocks.
        drop(runtime.spawn(async move {
            let sleeper = runtime::spawn(async move {
                runtime::time::sleep(Duration::from_millis(20)).await;
                send.send(()).unwrap();
            });
            runtime::task::yield_now().await;
            runtime::task::yield_now().await;
            let _sleeper = sleeper;
            hold.block();
        }));
        gate.wait_for(1);
        receive.recv_timeout(PATIENCE).expect("the blocked worker's timer did not fire");
        gate.open();
    });
}

#[test]
fn sockets_are_served() {
    under_hogs(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            for n in 0..50 {
                stream.write_all(&[n]).unwrap();
                let mut back = [0];
                stream.read_exact(&mut back).unwrap();
                assert_eq!(back[0], n);
            }
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut byte = [0];
        while stream.read_exact(&mut byte).await.is_ok() {
            stream.write_all(&byte).await.unwrap();
        }
        client.join().unwrap();
    });
}

#[test]
fn sockets_between_tasks_are_served() {
    under_hogs(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = runtime::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for n in 0..50 {
                stream.write_all(&[n]).await.unwrap();
                assert_eq!(stream.read_u8().await.unwrap(), n);
            }
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        while let Ok(byte) = stream.read_u8().await {
            stream.write_u8(byte).await.unwrap();
        }
        client.await.unwrap();
    });
}

#[test]
fn wakes_from_other_threads_arrive() {
    under_hogs(|| async {
        for n in 0..50 {
            let (send, receive) = runtime::sync::oneshot::channel();
            let thread = std::thread::spawn(move || send.send(n).unwrap());
            assert_eq!(receive.await, Ok(n));
            thread.join().unwrap();
        }
    });
}

#[test]
fn tasks_in_a_blocked_worker_s_queues_run_elsewhere() {
    within(|| {
        let runtime = workers(2);
        for round in 0..20 {
            let gate = Gate::default();
            let hold = gate.clone();
            let (send, receive) = std::sync::mpsc::channel();
            drop(runtime.spawn(async move {
                // Into the local queue, the last into the LIFO slot; then nobody else comes by.
                for n in 0..30 {
                    let send = send.clone();
                    drop(runtime::spawn(async move { send.send(n).unwrap() }));
                }
                hold.block();
            }));
            let mut ran: Vec<i32> = (0..30)
                .map(|_| receive.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("round {round}")))
                .collect();
            ran.sort_unstable();
            assert_eq!(ran, (0..30).collect::<Vec<_>>());
            gate.wait_for(1);
            gate.open();
        }
    });
}

#[test]
fn a_task_woken_by_one_that_then_blocks_runs() {
    within(|| {
        let runtime = workers(1);
        for _ in 0..20 {
            let gate = Gate::default();
            let hold = gate.clone();
            let (ping, pong) = runtime::sync::oneshot::channel();
            let (done, ended) = std::sync::mpsc::channel();
            let woken = runtime.spawn(async move {
                pong.await.unwrap();
                done.send(()).unwrap();
            });
            let blocks = runtime.spawn(async move {
                ping.send(()).unwrap(); // the woken task lies in the LIFO slot
                hold.block();
            });
            ended.recv_timeout(PATIENCE).expect("the woken task waits behind the blocked one");
            gate.open();
            runtime.block_on(async {
                woken.await.unwrap();
                blocks.await.unwrap();
            });
        }
    });
}

#[test]
fn many_more_blocking_tasks_than_workers_stop_nothing() {
    within(|| {
        // The spares' number is bounded, so hogs beyond it wait like others; up to it, all run.
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .spare_workers(16)
            .enable_all()
            .build()
            .unwrap();
        let hogs = Hogs::start(&runtime, &[Hold::Blocked; 12], 12);
        let task = runtime.spawn(async {
            for _ in 0..20 {
                runtime::time::sleep(Duration::from_millis(1)).await;
            }
        });
        runtime.block_on(task).unwrap();
        drop(hogs);
    });
}

#[test]
fn ticks_are_late_by_milliseconds_not_by_the_length_of_the_block() {
    within(|| {
        for kind in [Hold::Blocked, Hold::Computing] {
            let runtime = workers(2);
            let hold = Duration::from_millis(300);
            let stop = Arc::new(AtomicBool::new(false));
            for _ in 0..2 {
                let stop = stop.clone();
                drop(runtime.spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        let start = Instant::now();
                        match kind {
                            Hold::Blocked => std::thread::sleep(hold),
                            Hold::Computing => {
                                while start.elapsed() < hold {
                                    spin_loop();
                                }
                            }
                        }
                        runtime::task::yield_now().await;
                    }
                }));
            }
            let ticker = runtime.spawn(async {
                let mut late = Vec::new();
                for _ in 0..300 {
                    let due = runtime::time::Instant::now() + Duration::from_millis(1);
                    runtime::time::sleep_until(due).await;
                    late.push(due.elapsed());
                }
                late.sort_unstable();
                late
            });
            let late = runtime.block_on(ticker).unwrap();
            stop.store(true, Ordering::Relaxed);
            // Half of them: generous for a loaded machine, and far below what a held tick would be.
            let median = late[late.len() / 2];
            assert!(median < Duration::from_millis(60), "half of the ticks late by {median:?}");
        }
    });
}

#[test]
fn a_task_woken_by_one_that_then_blocks_runs_without_spares_too() {
    within(|| {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .spare_workers(0)
            .enable_all()
            .build()
            .unwrap();
        for _ in 0..5 {
            let gate = Gate::default();
            let hog = {
                let gate = gate.clone();
                runtime.spawn(async move {
                    let opened = gate.clone();
                    // It lies in the slot of this worker, and three others have nothing to do.
                    drop(runtime::spawn(async move { opened.open() }));
                    gate.block();
                })
            };
            runtime.block_on(hog).unwrap();
        }
    });
}

#[test]
fn without_spares_blocked_workers_behave_as_documented() {
    // `spare_workers(0)` turns the take-over off: the blocked worker's neighbour still steals.
    within(|| {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .spare_workers(0)
            .enable_all()
            .build()
            .unwrap();
        let hogs = Hogs::start(&runtime, &[Hold::Blocked], 1);
        runtime
            .block_on(runtime.spawn(async { runtime::time::sleep(Duration::from_millis(5)).await }))
            .unwrap();
        assert_eq!(runtime.metrics().num_spare_workers(), 0);
        drop(hogs);
    });
}

#[test]
fn spares_retire() {
    within(|| {
        let runtime = workers(1);
        for _ in 0..3 {
            let hogs = Hogs::start(&runtime, &[Hold::Blocked], 1);
            runtime.block_on(runtime.spawn(async {})).unwrap();
            drop(hogs);
            tests::eventually("no spare is active", || runtime.metrics().num_spare_workers() == 0);
            runtime.block_on(runtime.spawn(async {})).unwrap();
        }
    });
}

#[test]
fn shutdown_while_spares_are_at_work() {
    within(|| {
        for _ in 0..10 {
            let runtime = workers(1);
            let census = tests::Census::default();
            let hogs = Hogs::start(&runtime, &[Hold::Blocked], 1);
            for _ in 0..10 {
                drop(runtime.spawn(tests::forever(census.clone())));
            }
            runtime.block_on(runtime.spawn(async {})).unwrap();
            let dropping = std::thread::spawn(move || drop(runtime));
            drop(hogs);
            dropping.join().unwrap();
            assert_eq!(census.alive(), 0);
        }
    });
}
