//! A directory of more entries than one job fetches: each is given once, also if calls are given
//! up.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::os::unix::fs::MetadataExt;
use std::task::Poll;

use runtime::fs;
use tests::scratch::Scratch;
use tests::{current_thread, within, workers};

const FILES: usize = 1_300;

fn filled() -> Scratch {
    let scratch = Scratch::new();
    for n in 0..FILES {
        scratch.file(&format!("file {n}"), "");
    }
    std::fs::create_dir(scratch.join("directory")).unwrap();
    std::os::unix::fs::symlink("nowhere", scratch.join("link")).unwrap();
    scratch
}

#[test]
fn each_entry_is_listed_once() {
    within(|| {
        let scratch = filled();
        for runtime in [workers(2), current_thread()] {
            runtime.block_on(async {
                let (mut names, mut types) = (BTreeSet::new(), [0; 3]);
                let mut entries = fs::read_dir(scratch.path()).await.unwrap();
                while let Some(entry) = entries.next_entry().await.unwrap() {
                    let name = entry.file_name().into_string().unwrap();
                    assert_eq!(entry.path(), scratch.join(&name));
                    let known = entry.file_type().await.unwrap();
                    let known = [known.is_file(), known.is_dir(), known.is_symlink()];
                    types[known.iter().position(|is| *is).unwrap()] += 1;
                    assert!(names.insert(name));
                }
                assert_eq!((names.len(), types), (FILES + 2, [FILES, 1, 1]));
                assert!(entries.next_entry().await.unwrap().is_none());
            });
        }
    });
}

#[test]
fn calls_that_are_given_up_lose_nothing() {
    within(|| {
        let scratch = filled();
        for runtime in [workers(2), current_thread()] {
            runtime.block_on(async {
                let mut entries = fs::read_dir(scratch.path()).await.unwrap();
                let (mut names, mut given_up) = (BTreeSet::new(), 0);
                loop {
                    let first = poll_fn(|cx| Poll::Ready(entries.poll_next_entry(cx))).await;
                    let entry = match first {
                        Poll::Ready(entry) => entry,
                        Poll::Pending => {
                            given_up += 1;
                            entries.next_entry().await
                        }
                    };
                    let Some(entry) = entry.unwrap() else { break };
                    assert!(names.insert(entry.file_name()));
                }
                assert!(given_up > 0);
                assert_eq!(names.len(), FILES + 2);
            });
        }
    });
}

#[test]
fn an_entry_knows_its_file() {
    within(|| {
        let scratch = Scratch::new();
        let path = scratch.file("a", "12345");
        current_thread().block_on(async {
            let entry = fs::read_dir(scratch.path()).await.unwrap().next_entry().await;
            let entry = entry.unwrap().unwrap();
            let metadata = entry.metadata().await.unwrap();
            assert_eq!((metadata.len(), metadata.ino()), (5, entry.ino()));
            std::fs::remove_file(&path).unwrap();
            let error = entry.metadata().await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            assert!(entry.file_type().await.unwrap().is_file());
        });
    });
}

#[test]
fn reading_what_is_no_directory_is_an_error() {
    within(|| {
        let scratch = Scratch::new();
        let file = scratch.file("a", "");
        current_thread().block_on(async {
            let error = fs::read_dir(file).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::NotADirectory);
            let error = fs::read_dir(scratch.join("missing")).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        });
    });
}
