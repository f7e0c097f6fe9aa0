//! After a `fork` a runtime exists in the parent alone: its threads do not run in the child. There,
//! every use gives an error or panics with a word, none hangs, and no drop disturbs the parent.
#![cfg(unix)]

use std::future::Future;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use runtime::Runtime;
use runtime::net::{TcpListener, TcpStream};
use runtime::signal::unix::{SignalKind, signal};
use tests::process::{Forked, in_a_fork};
use tests::{current_thread, forever, isolated, workers};

/// True if the call panics, and does so with words.
fn refused<T>(call: impl FnOnce() -> T) -> bool {
    catch_unwind(AssertUnwindSafe(call)).is_err()
}

fn on_each(test: &str, body: impl Fn(Runtime)) {
    // In a process of its own, so that no other test's threads hold a lock at the moment of the
    // fork.
    isolated(test, || {
        for runtime in [workers(2), current_thread()] {
            body(runtime);
        }
    });
}

/// The parent's runtime works as before.
fn assert_works(runtime: &Runtime) {
    runtime.block_on(async {
        runtime::spawn(runtime::time::sleep(Duration::from_millis(1))).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = runtime::join!(near, listener.accept());
        assert!(near.is_ok() && far.is_ok());
        assert_eq!(runtime::spawn_blocking(|| 1).await.unwrap(), 1);
    });
}

#[test]
fn a_task_is_not_taken() {
    on_each("a_task_is_not_taken", |runtime| {
        assert_works(&runtime);
        let handle = runtime.handle().clone();
        let child = in_a_fork(|| {
            // An error in the handle, or a panic: but no task that will never run.
            match catch_unwind(AssertUnwindSafe(|| handle.spawn(async {}))) {
                Err(_) => true,
                Ok(task) => futures::executor::block_on(task).is_err(),
            }
        });
        assert_eq!(child, Forked::Held);
        assert_works(&runtime);
    });
}

#[test]
fn a_job_is_not_taken() {
    on_each("a_job_is_not_taken", |runtime| {
        assert_works(&runtime);
        let handle = runtime.handle().clone();
        let child =
            in_a_fork(|| match catch_unwind(AssertUnwindSafe(|| handle.spawn_blocking(|| {}))) {
                Err(_) => true,
                Ok(job) => futures::executor::block_on(job).is_err(),
            });
        assert_eq!(child, Forked::Held);
        assert_works(&runtime);
    });
}

#[test]
fn block_on_does_not_wait_for_those_who_are_not_there() {
    on_each("block_on_does_not_wait_for_those_who_are_not_there", |runtime| {
        assert_works(&runtime);
        let child = in_a_fork(|| {
            refused(|| {
                runtime.block_on(async {
                    runtime::time::sleep(Duration::from_millis(1)).await;
                })
            })
        });
        assert_eq!(child, Forked::Held);
        assert_works(&runtime);
    });
}

#[test]
fn a_task_s_handle_gives_an_error_or_nothing_but_does_not_lie() {
    on_each("a_task_s_handle_gives_an_error_or_nothing_but_does_not_lie", |runtime| {
        let task = runtime.spawn(forever(()));
        assert_works(&runtime);
        let child = in_a_fork(|| {
            task.abort();
            true // it came back
        });
        assert_eq!(child, Forked::Held);
        // The parent's task was not touched.
        assert!(!task.is_finished());
        assert_works(&runtime);
        task.abort();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    });
}

/// A timer that was set in the parent is never fired in the child, whose memory is all that knows
/// it.
#[test]
fn timers_say_so_and_their_drop_comes_back() {
    on_each("timers_say_so_and_their_drop_comes_back", |runtime| {
        assert_works(&runtime);
        let timer = || {
            let _entered = runtime.enter();
            Box::pin(runtime::time::sleep(Duration::from_secs(3600)))
        };
        let mut nobody = Context::from_waker(Waker::noop());
        let (mut set, new) = (timer(), timer());
        assert!(set.as_mut().poll(&mut nobody).is_pending());
        let mut timers = vec![set, new];
        let child = in_a_fork(|| {
            timers.drain(..).all(|mut timer| {
                let waited = refused(|| futures::executor::block_on(timer.as_mut()));
                let soon = runtime::time::Instant::now();
                let reset = catch_unwind(AssertUnwindSafe(|| timer.as_mut().reset(soon)));
                drop(timer);
                // To set the time of a timer may be refused. It is enough that it comes back.
                drop(reset);
                waited
            })
        });
        assert_eq!(child, Forked::Held);
        assert_works(&runtime);
        drop(timers);
    });
}

#[test]
fn every_way_to_shut_down_comes_back() {
    on_each("every_way_to_shut_down_comes_back", |runtime| {
        assert_works(&runtime);
        let mut held = Some(runtime);
        for way in 0..3 {
            let child = in_a_fork(|| {
                let runtime = held.take().unwrap();
                match way {
                    0 => runtime.shutdown_background(),
                    1 => runtime.shutdown_timeout(Duration::from_secs(3600)),
                    _ => assert!(runtime.shutdown(Duration::from_secs(3600)).is_clean()),
                }
                true
            });
            assert_eq!(child, Forked::Held);
            assert_works(held.as_ref().unwrap());
        }
    });
}

#[test]
fn files_children_and_pinned_tasks_are_not_begun() {
    on_each("files_children_and_pinned_tasks_are_not_begun", |runtime| {
        assert_works(&runtime);
        let child = in_a_fork(|| {
            // Not even the context can be had: nothing in it would work.
            let handle = runtime.handle().clone();
            let entered = catch_unwind(AssertUnwindSafe(|| drop(handle.enter())));
            let file = refused(|| {
                let _entered = runtime.enter();
                futures::executor::block_on(runtime::fs::read("/dev/null")).unwrap()
            });
            let child = refused(|| {
                let _entered = runtime.enter();
                runtime::process::Command::new("true").spawn().unwrap()
            });
            let pinned = refused(|| {
                let _entered = runtime.enter();
                runtime::task::spawn_pinned(|| async {})
            });
            drop(entered);
            file && child && pinned
        });
        assert_eq!(child, Forked::Held);
        assert_works(&runtime);
    });
}

/// A program forks within a task, and the child goes on where the task was.
#[test]
fn a_child_forked_in_the_middle_of_a_poll_gets_advice() {
    on_each("a_child_forked_in_the_middle_of_a_poll_gets_advice", |runtime| {
        let forks = || {
            in_a_fork(|| {
                refused(|| runtime::spawn(async {}))
                    && refused(|| drop(runtime::spawn_blocking(|| {})))
                    && refused(|| {
                        let sleep = runtime::time::sleep(Duration::from_millis(1));
                        futures::executor::block_on(sleep)
                    })
            })
        };
        assert_eq!(runtime.block_on(async { forks() }), Forked::Held);
        assert_eq!(runtime.block_on(runtime.spawn(async move { forks() })).unwrap(), Forked::Held);
        assert_works(&runtime);
    });
}

#[test]
fn sockets_give_errors_and_their_drop_leaves_the_parent_s_alone() {
    on_each("sockets_give_errors_and_their_drop_leaves_the_parent_s_alone", |runtime| {
        let (near, far) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap());
            let (near, far) = runtime::join!(near, listener.accept());
            (near.unwrap(), far.unwrap().0)
        });
        let mut held = Some(near);
        let child = in_a_fork(|| {
            let near = held.take().unwrap();
            let waits = match catch_unwind(AssertUnwindSafe(|| {
                futures::executor::block_on(near.readable())
            })) {
                Err(_) => true,
                Ok(result) => result.is_err(),
            };
            // epoll is shared with the parent: a deregistration here would deafen it there.
            drop(near);
            waits
        });
        assert_eq!(child, Forked::Held);
        let near = held.take().unwrap();
        runtime.block_on(async {
            far.writable().await.unwrap();
            far.try_write(b"x").unwrap();
            near.readable().await.unwrap();
            assert_eq!(near.try_read(&mut [0; 4]).unwrap(), 1);
        });
    });
}

#[test]
fn dropping_the_runtime_in_the_child_comes_back_and_leaves_the_parent_s_alone() {
    on_each(
        "dropping_the_runtime_in_the_child_comes_back_and_leaves_the_parent_s_alone",
        |runtime| {
            assert_works(&runtime);
            let mut held = Some(runtime);
            let child = in_a_fork(|| {
                drop(held.take());
                true
            });
            assert_eq!(child, Forked::Held);
            assert_works(held.as_ref().unwrap());
        },
    );
}

#[test]
fn a_new_runtime_in_the_child_works() {
    isolated("a_new_runtime_in_the_child_works", || {
        let old = workers(2);
        assert_works(&old);
        let child = in_a_fork(|| {
            let new = workers(2);
            assert_works(&new);
            drop(new);
            let new = current_thread();
            assert_works(&new);
            true
        });
        assert_eq!(child, Forked::Held);
        assert_works(&old);
    });
}

#[test]
fn a_runtime_in_the_child_takes_none_of_the_parent_s_signals() {
    on_each("a_runtime_in_the_child_takes_none_of_the_parent_s_signals", |runtime| {
        let raise = || {
            // SAFETY: the call takes a number.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
        };
        let mut heard = runtime.block_on(async { signal(SignalKind::user_defined1()).unwrap() });
        let (mut told, mut tell) = UnixStream::pair().unwrap();
        let forks = std::thread::spawn(move || {
            in_a_fork(move || {
                current_thread().block_on(async {
                    let mut own = signal(SignalKind::user_defined1()).unwrap();
                    tell.write_all(b"!").unwrap();
                    // It looks at the socket as long as the parent is at it.
                    let quiet = runtime::time::timeout(Duration::from_secs(1), own.recv()).await;
                    raise();
                    quiet.is_err() && own.recv().await.is_some()
                })
            })
        });
        told.read_exact(&mut [0]).unwrap();
        runtime.block_on(async {
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(1) {
                raise();
                let next = runtime::time::timeout(tests::PATIENCE, heard.recv()).await;
                next.expect("the parent hears each of its own");
            }
        });
        assert_eq!(forks.join().unwrap(), Forked::Held);
    });
}
