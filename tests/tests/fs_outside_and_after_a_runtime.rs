//! Files without a runtime: outside of one the panic says what to do; where the runtime was shut
//! down each operation is an error, and the file stays usable from within another.

use std::io::SeekFrom;

use futures::executor::block_on;
use runtime::fs::{self, File};
use runtime::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use runtime::{Handle, Runtime};
use tests::scratch::Scratch;
use tests::{current_thread, panic_of, within, workers};

const ADVICE: &str = "must be called from the context of a";

#[test]
fn outside_a_runtime_the_panic_says_what_to_do() {
    let scratch = Scratch::new();
    let path = scratch.file("file", "content");
    let open =
        || File::from_std(std::fs::File::options().read(true).write(true).open(&path).unwrap());
    for advice in [
        panic_of(|| block_on(fs::read(&path))),
        panic_of(|| block_on(fs::read_dir(scratch.path())).map(drop)),
        panic_of(|| block_on(File::open(&path))),
        panic_of(|| block_on(open().read(&mut [0; 4]))),
        panic_of(|| block_on(open().write(b"nothing"))),
        panic_of(|| block_on(open().seek(SeekFrom::Start(1)))),
        panic_of(|| block_on(open().sync_all())),
    ] {
        assert!(advice.contains(ADVICE), "{advice}");
    }
    // What needs no job needs no runtime.
    block_on(open().flush()).unwrap();
    drop(fs::read(&path));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut block_on(open().into_std()), &mut text).unwrap();
    assert_eq!(text, "content");
}

#[test]
fn a_file_survives_a_panic_for_want_of_a_runtime() {
    within(|| {
        let scratch = Scratch::new();
        let mut file =
            File::from_std(std::fs::File::open(scratch.file("file", "content")).unwrap());
        panic_of(|| block_on(file.read(&mut [0; 4])));
        let mut text = String::new();
        current_thread().block_on(file.read_to_string(&mut text)).unwrap();
        assert_eq!(text, "content");
    });
}

/// The handle of a runtime that is gone.
fn dead(runtime: Runtime) -> Handle {
    let handle = runtime.handle().clone();
    drop(runtime);
    handle
}

fn is_lost<T: std::fmt::Debug>(result: std::io::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
    assert!(error.to_string().starts_with("background task failed"), "{error}");
}

#[test]
fn after_the_shutdown_each_operation_is_an_error() {
    within(|| {
        let scratch = Scratch::new();
        let path = scratch.file("file", "content");
        for runtime in [workers(1), current_thread()] {
            let handle = dead(runtime);
            let inside = handle.enter();
            is_lost(block_on(fs::read(&path)));
            is_lost(block_on(fs::write(&path, "lost")));
            is_lost(block_on(fs::read_dir(scratch.path())));
            is_lost(block_on(File::open(&path)));

            let std = std::fs::File::options().read(true).write(true).open(&path).unwrap();
            let mut file = File::from_std(std);
            for _ in 0..2 {
                is_lost(block_on(file.read(&mut [0; 4])));
                is_lost(block_on(file.write(b"lost")));
                block_on(file.flush()).unwrap();
                is_lost(block_on(file.seek(SeekFrom::Start(1))));
                is_lost(block_on(file.set_len(0)));
                is_lost(block_on(file.sync_all()));
                is_lost(block_on(file.metadata()));
                is_lost(block_on(file.try_clone()));
            }
            drop(inside);

            let mut text = String::new();
            current_thread().block_on(file.read_to_string(&mut text)).unwrap();
            assert_eq!(text, "content");
        }
    });
}

#[test]
fn a_listing_that_outlives_its_runtime_ends() {
    within(|| {
        let scratch = Scratch::new();
        for n in 0..300 {
            scratch.file(&n.to_string(), "");
        }
        for runtime in [workers(1), current_thread()] {
            let mut entries = runtime.block_on(fs::read_dir(scratch.path())).unwrap();
            let handle = dead(runtime);
            let _inside = handle.enter();
            // What was fetched is there.
            for _ in 0..256 {
                block_on(entries.next_entry()).unwrap().unwrap();
            }
            is_lost(block_on(entries.next_entry()));
            assert!(block_on(entries.next_entry()).unwrap().is_none());
        }
    });
}
