//! A signal reaches every listener, in whatever runtime, and none is lost between two looks.

use std::io;
use std::process::Command;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use runtime::runtime::{Builder, Runtime};
use runtime::signal::unix::{Signal, SignalKind, signal};

/// Signals are the whole process's, and tests run at the same time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner())
}

fn raise(name: &str) {
    let pid = std::process::id().to_string();
    assert!(Command::new("kill").args([format!("-{name}"), pid]).status().unwrap().success());
}

fn single() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

async fn soon(signal: &mut Signal) {
    let heard = runtime::time::timeout(tests::patience(), signal.recv()).await;
    assert_eq!(heard.expect("the signal is heard"), Some(()));
}

#[test]
fn a_signal_before_the_first_poll_is_not_lost() {
    let _alone = alone();
    single().block_on(async {
        let mut first = signal(SignalKind::user_defined1()).unwrap();
        raise("USR1");
        runtime::time::sleep(Duration::from_millis(50)).await;
        soon(&mut first).await;
    });
}

#[test]
fn every_listener_hears_every_signal() {
    let _alone = alone();
    let rt = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    rt.block_on(async {
        let listeners: Vec<_> =
            (0..10).map(|_| signal(SignalKind::user_defined1()).unwrap()).collect();
        let (told, mut heard) = runtime::sync::mpsc::channel(100);
        for mut listener in listeners {
            let told = told.clone();
            runtime::spawn(async move {
                loop {
                    soon(&mut listener).await;
                    if told.send(()).await.is_err() {
                        break;
                    }
                }
            });
        }
        for _ in 0..5 {
            raise("USR1");
            for _ in 0..10 {
                heard.recv().await.unwrap();
            }
        }
    });
}

#[test]
fn kinds_do_not_mix() {
    let _alone = alone();
    single().block_on(async {
        let mut one = signal(SignalKind::user_defined1()).unwrap();
        let mut two = signal(SignalKind::user_defined2()).unwrap();
        raise("USR2");
        soon(&mut two).await;
        let quiet = runtime::time::timeout(Duration::from_millis(50), one.recv()).await;
        assert!(quiet.is_err());
    });
}

#[test]
fn runtimes_come_and_go() {
    let _alone = alone();
    for _ in 0..10 {
        let rt = single();
        rt.block_on(async {
            let mut listener = signal(SignalKind::user_defined1()).unwrap();
            raise("USR1");
            soon(&mut listener).await;
        });
    }
}

#[test]
fn a_listener_works_in_another_runtime_than_its_own() {
    let _alone = alone();
    let first = single();
    let mut listener = first.block_on(async { signal(SignalKind::user_defined1()).unwrap() });
    drop(first);
    let second = single();
    second.block_on(async {
        {
            let mut waits = std::pin::pin!(soon(&mut listener));
            assert!(futures::poll!(&mut waits).is_pending());
            // From another thread, while this one waits.
            let raiser = std::thread::spawn(|| raise("USR1"));
            waits.await;
            raiser.join().unwrap();
        }
    });
}

#[test]
fn runtimes_at_the_same_time_all_hear() {
    let _alone = alone();
    let ready = std::sync::Arc::new(std::sync::Barrier::new(5));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let ready = ready.clone();
            std::thread::spawn(move || {
                single().block_on(async {
                    let mut listener = signal(SignalKind::user_defined2()).unwrap();
                    ready.wait();
                    soon(&mut listener).await;
                });
            })
        })
        .collect();
    ready.wait();
    raise("USR2");
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn ctrl_c_is_heard() {
    let _alone = alone();
    single().block_on(async {
        let mut pressed = std::pin::pin!(runtime::signal::ctrl_c());
        // From its first poll on it listens; before, the signal would end the process.
        assert!(futures::poll!(&mut pressed).is_pending());
        raise("INT");
        pressed.await.unwrap();
    });
}

#[test]
fn a_dropped_listener_leaves_the_others_alone() {
    let _alone = alone();
    single().block_on(async {
        let mut stays = signal(SignalKind::user_defined1()).unwrap();
        let (listens, listening) = runtime::sync::oneshot::channel();
        let goes = runtime::spawn(async {
            let mut signal = signal(SignalKind::user_defined1()).unwrap();
            let mut heard = std::pin::pin!(signal.recv());
            assert!(futures::poll!(&mut heard).is_pending());
            listens.send(()).unwrap();
            heard.await;
        });
        listening.await.unwrap();
        goes.abort();
        let _ = goes.await;
        raise("USR1");
        soon(&mut stays).await;
    });
}

#[test]
fn what_cannot_be_caught_is_an_error() {
    single().block_on(async {
        for number in [9, 19, 11, -1, 100_000] {
            let error = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Other, "{number}");
        }
    });
}

#[test]
#[should_panic = "there is no reactor running"]
fn outside_a_runtime_it_panics_with_advice() {
    let _ = signal(SignalKind::user_defined1());
}
