//! A write that fails in the background is told by the next write, flush or sync: once, and not
//! lost to a read, a seek or a look at the file in between.

use std::pin::pin;

use runtime::Builder;
use runtime::fs::{File, OpenOptions};
use runtime::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, SeekFrom};
use tests::scratch::Scratch;
use tests::{Gate, current_thread, within, workers};

/// More than is read without a job.
const LARGE: usize = 1_000_000;

/// A file whose last write has failed, or is about to: it is open for reading only.
async fn with_a_failed_write(scratch: &Scratch) -> File {
    let mut file = File::open(scratch.file("file", "content")).await.unwrap();
    assert_eq!(file.write(b"refused").await.unwrap(), 7);
    file
}

fn is_refusal(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(libc::EBADF)
}

#[test]
fn the_next_write_flush_or_sync_returns_the_error() {
    within(|| {
        for runtime in [workers(2), current_thread()] {
            runtime.block_on(async {
                let scratch = Scratch::new();
                let mut file = with_a_failed_write(&scratch).await;
                assert!(is_refusal(&file.flush().await.unwrap_err()));
                file.flush().await.unwrap();

                let mut file = with_a_failed_write(&scratch).await;
                assert!(is_refusal(&file.write(b"again").await.unwrap_err()));
                file.flush().await.unwrap();

                let mut file = with_a_failed_write(&scratch).await;
                assert!(is_refusal(&file.shutdown().await.unwrap_err()));

                let file = with_a_failed_write(&scratch).await;
                assert!(is_refusal(&file.sync_all().await.unwrap_err()));
                file.sync_all().await.unwrap();

                let file = with_a_failed_write(&scratch).await;
                assert!(is_refusal(&file.sync_data().await.unwrap_err()));
            });
        }
    });
}

#[test]
fn the_error_is_returned_whatever_comes_between() {
    within(|| {
        for runtime in [workers(2), current_thread()] {
            runtime.block_on(async {
                let scratch = Scratch::new();
                let mut file = with_a_failed_write(&scratch).await;
                let mut buf = [0; 3];
                assert_eq!(file.read(&mut buf).await.unwrap(), 3);
                assert_eq!(&buf, b"con");
                file.seek(SeekFrom::Start(3)).await.unwrap();
                assert_eq!(file.metadata().await.unwrap().len(), 7);
                let _second = file.try_clone().await.unwrap();
                assert!(is_refusal(&file.flush().await.unwrap_err()));
                // And the file goes on.
                assert_eq!(file.read(&mut buf).await.unwrap(), 3);
                assert_eq!(&buf, b"ten");
            });
        }
    });
}

#[test]
fn a_read_that_fails_says_so_itself() {
    within(|| {
        current_thread().block_on(async {
            let scratch = Scratch::new();
            let path = scratch.join("file");
            let mut file = OpenOptions::new().write(true).create(true).open(&path).await.unwrap();
            assert!(is_refusal(&file.read(&mut [0; 10]).await.unwrap_err()));
            file.write_all(b"works").await.unwrap();
            file.flush().await.unwrap();
            assert_eq!(std::fs::read(path).unwrap(), b"works");
        });
    });
}

#[test]
fn a_seek_that_fails_moves_nothing() {
    within(|| {
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let scratch = Scratch::new();
            let mut file = File::open(scratch.file("file", "content")).await.unwrap();
            // What a read that was given up has got is kept, too: the pool is busy when it begins.
            let gate = Gate::default();
            let at_gate = gate.clone();
            let busy = runtime::spawn_blocking(move || at_gate.block());
            assert!(futures::poll!(pin!(file.read(&mut vec![0; LARGE]))).is_pending());
            gate.open();
            busy.await.unwrap();
            for to in [SeekFrom::Current(-1), SeekFrom::Current(i64::MIN), SeekFrom::End(-8)] {
                let error = file.seek(to).await.unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            }
            let mut text = String::new();
            file.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "content");
        });
    });
}
