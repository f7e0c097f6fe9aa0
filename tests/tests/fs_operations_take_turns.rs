//! One operation of a file at a time, in the order in which they were begun; one that was given up
//! goes on, and what it gets is there for the next. A task that always finds something to read lets
//! others in.

use std::io::{ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;

use runtime::fs::File;
use runtime::io::{AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use tests::scratch::Scratch;
use tests::{current_thread, within, workers};

/// A pipe with a name, both ends in each file: a read waits until somebody writes.
async fn fifo(scratch: &Scratch) -> (File, std::fs::File) {
    let path: PathBuf = scratch.join("fifo");
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: `name` is a string that ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let mut options = std::fs::File::options();
    options.read(true).write(true);
    let file = runtime::fs::OpenOptions::from(options.clone()).open(&path).await.unwrap();
    (file, options.open(&path).unwrap())
}

#[test]
fn a_read_that_was_given_up_loses_nothing() {
    within(|| {
        for runtime in [workers(2), current_thread()] {
            runtime.block_on(async {
                let scratch = Scratch::new();
                let (mut file, mut other) = fifo(&scratch).await;
                let mut buf = [0; 10];
                assert!(futures::poll!(pin!(file.read(&mut buf))).is_pending());
                // A second one that was given up, while the first still waits.
                assert!(futures::poll!(pin!(file.read(&mut buf))).is_pending());
                other.write_all(b"ten bytes!and more").unwrap();
                assert_eq!(file.read(&mut buf[..4]).await.unwrap(), 4);
                assert_eq!(&buf[..4], b"ten ");
                // What is left of it comes alone, and needs no job.
                let rest = futures::poll!(pin!(file.read(&mut buf)));
                assert!(matches!(rest, std::task::Poll::Ready(Ok(6))));
                assert_eq!(&buf[..6], b"bytes!");
                assert_eq!(file.read(&mut buf).await.unwrap(), 8);
                assert_eq!(&buf[..8], b"and more");
            });
        }
    });
}

#[test]
fn an_operation_in_flight_is_waited_for() {
    within(|| {
        current_thread().block_on(async {
            let scratch = Scratch::new();
            let (mut file, mut other) = fifo(&scratch).await;
            let mut buf = [0; 4];
            assert!(futures::poll!(pin!(file.read(&mut buf))).is_pending());
            // A flush, a sync and a move all wait for the read; a look does not.
            assert!(futures::poll!(pin!(file.flush())).is_pending());
            assert!(futures::poll!(Box::pin(file.sync_all())).is_pending());
            file.metadata().await.unwrap();
            assert!(futures::poll!(pin!(file.seek(SeekFrom::Start(0)))).is_pending());
            let error = Pin::new(&mut file).start_seek(SeekFrom::Start(0)).unwrap_err();
            assert!(error.to_string().contains("poll_complete"), "{error}");
            let mut file = file.try_into_std().unwrap_err();
            other.write_all(b"four").unwrap();
            file.flush().await.unwrap();
            assert_eq!(file.read(&mut buf).await.unwrap(), 4);
            assert_eq!(&buf, b"four");
            // A pipe has no position.
            assert_eq!(
                file.seek(SeekFrom::Start(0)).await.unwrap_err().kind(),
                ErrorKind::NotSeekable
            );
            file.try_into_std().unwrap();
        });
    });
}

#[test]
fn each_sees_the_writes_before_it() {
    within(|| {
        for runtime in [workers(2), current_thread()] {
            runtime.block_on(async {
                let scratch = Scratch::new();
                let path = scratch.join("file");
                let mut file = File::create(&path).await.unwrap();
                let mut size = 0;
                for _ in 0..100 {
                    file.write_all(&[1; 1_000]).await.unwrap();
                    size += 1_000;
                    file.flush().await.unwrap();
                    assert_eq!(file.metadata().await.unwrap().len(), size);
                    file.write_all(&[1; 1_000]).await.unwrap();
                    size += 1_000;
                    file.sync_all().await.unwrap();
                    assert_eq!(std::fs::metadata(&path).unwrap().len(), size);
                    file.write_all(&[1; 1_000]).await.unwrap();
                    file.set_len(size).await.unwrap();
                    file.seek(SeekFrom::End(0)).await.unwrap();
                    assert_eq!(std::fs::metadata(&path).unwrap().len(), size);
                }
                file.write_all(b"end").await.unwrap();
                drop(file.into_std().await);
                assert_eq!(std::fs::metadata(&path).unwrap().len(), size + 3);
            });
        }
    });
}

#[test]
fn many_tasks_share_a_file() {
    within(|| {
        let scratch = Scratch::new();
        for runtime in [workers(2), current_thread()] {
            let path = scratch.file("file", "content");
            runtime.block_on(async {
                let file = Arc::new(File::options().write(true).open(&path).await.unwrap());
                let tasks: Vec<_> = (0..20)
                    .map(|n| {
                        let file = file.clone();
                        runtime::spawn(async move {
                            for turn in 0..20 {
                                // Every third call is given up half-way.
                                let mut sync = Box::pin(file.sync_data());
                                let mut look = Box::pin(file.metadata());
                                if (n + turn) % 3 == 0 {
                                    let _ = futures::poll!(sync.as_mut());
                                    let _ = futures::poll!(look.as_mut());
                                } else {
                                    assert_eq!(look.await.unwrap().len(), 7);
                                    sync.await.unwrap();
                                }
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
                // None of those that were given up keeps it for long.
                Arc::into_inner(file).unwrap().into_std().await;
            });
        }
    });
}

#[test]
fn a_task_that_finds_all_it_reads_lets_others_in() {
    within(|| {
        current_thread().block_on(async {
            let scratch = Scratch::new();
            let (mut file, mut other) = fifo(&scratch).await;
            // Given up: all of it is there when the next read is made.
            let mut buf = vec![0; 50_000];
            assert!(futures::poll!(pin!(file.read(&mut buf))).is_pending());
            other.write_all(&buf).unwrap();
            file.flush().await.unwrap();

            // And a file that the system has in memory.
            let mut second = File::open(scratch.file("file", &buf)).await.unwrap();

            let turns = Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let counter = turns.clone();
            let other = runtime::spawn(async move {
                loop {
                    counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    runtime::task::yield_now().await;
                }
            });
            runtime::spawn(async move {
                for _ in 0..50_000 {
                    assert_eq!(file.read(&mut [0; 1]).await.unwrap(), 1);
                }
            })
            .await
            .unwrap();
            let after_first = turns.load(std::sync::atomic::Ordering::Relaxed);
            assert!(after_first > 100);
            runtime::spawn(async move {
                for _ in 0..50_000 {
                    assert_eq!(second.read(&mut [0; 1]).await.unwrap(), 1);
                }
            })
            .await
            .unwrap();
            other.abort();
            assert!(turns.load(std::sync::atomic::Ordering::Relaxed) > after_first + 100);
        });
    });
}
