//! A file that is dropped without a flush: what was written comes later, also when the runtime
//! ends, and the file is closed then.

use runtime::Builder;
use runtime::fs::File;
use runtime::io::AsyncWriteExt;
use tests::scratch::Scratch;
use tests::{Gate, eventually, eventually_async, within, workers};

#[test]
fn a_write_without_flush_is_done_in_the_background() {
    within(|| {
        let scratch = Scratch::new();
        let path = scratch.join("file");
        workers(1).block_on(async {
            let mut file = File::create(&path).await.unwrap();
            file.write_all(b"all of it").await.unwrap();
            drop(file);
            eventually_async("it is written", || std::fs::read(&path).unwrap() == b"all of it")
                .await;
        });
    });
}

#[test]
fn a_write_without_flush_is_done_though_the_runtime_ends() {
    within(|| {
        let scratch = Scratch::new();
        let (written, never) = (scratch.join("written"), scratch.join("never"));
        // One thread, and it is busy: what is handed over has not begun when the runtime ends.
        for runtime in [
            Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap(),
            Builder::new_current_thread().max_blocking_threads(1).build().unwrap(),
        ] {
            let gate = Gate::default();
            let (at_gate, opener) = (gate.clone(), gate.clone());
            runtime.block_on(async {
                let mut file = File::create(&written).await.unwrap();
                runtime::spawn_blocking(move || at_gate.block());
                gate.wait_for(1);
                assert_eq!(file.write(b"last words").await.unwrap(), 10);
                // Not a write of a file that was taken: this one waits, and is not waited for.
                let mut write = std::pin::pin!(runtime::fs::write(&never, "not begun"));
                assert!(futures::poll!(write.as_mut()).is_pending());
            });
            let handle = runtime.handle().clone();
            let opener = std::thread::spawn(move || {
                // The shutdown has begun when no job is taken any more.
                eventually("the shutdown begins", || {
                    let _inside = handle.enter();
                    let job = std::pin::pin!(runtime::fs::metadata("/"));
                    futures::executor::block_on(async {
                        match futures::poll!(job) {
                            std::task::Poll::Ready(result) => result.is_err(),
                            std::task::Poll::Pending => false,
                        }
                    })
                });
                opener.open();
            });
            drop(runtime);
            opener.join().unwrap();
            assert_eq!(std::fs::read(&written).unwrap(), b"last words");
            assert!(!never.exists());
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_dropped_file_is_closed_when_its_job_is_done() {
    use std::os::fd::AsRawFd;
    tests::isolated("a_dropped_file_is_closed_when_its_job_is_done", || {
        let scratch = Scratch::new();
        workers(1).block_on(async {
            let mut file = File::create(scratch.join("file")).await.unwrap();
            let fd = format!("/proc/self/fd/{}", file.as_raw_fd());
            file.write_all(&vec![1; 1_000_000]).await.unwrap();
            drop(file);
            eventually_async("it is closed", || {
                std::fs::read_link(&fd).map_or(true, |path| path != scratch.join("file"))
            })
            .await;
            assert_eq!(std::fs::metadata(scratch.join("file")).unwrap().len(), 1_000_000);
        });
    });
}
