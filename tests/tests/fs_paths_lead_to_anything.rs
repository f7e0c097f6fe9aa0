//! A path may lead to anything: the functions that take one give what `std::fs` gives, whether or
//! not the system has it in memory.
#![cfg(unix)]

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use runtime::fs::{self, File};
use runtime::io::AsyncReadExt;
use tests::scratch::Scratch;
use tests::{current_thread, within};

/// What both say of a path: the content, or the kind of the error.
async fn compare(path: impl AsRef<Path>) {
    let path = path.as_ref();
    let kind = |error: std::io::Error| (error.kind(), error.raw_os_error());
    let content = std::fs::read(path).map_err(kind);
    let text = std::fs::read_to_string(path).map_err(kind);
    let length = std::fs::metadata(path).map(|found| found.len()).map_err(kind);
    let link = std::fs::symlink_metadata(path).map(|found| found.file_type()).map_err(kind);
    // Twice: the first time may bring it into memory.
    for _ in 0..2 {
        assert_eq!(fs::read(path).await.map_err(kind), content, "{path:?}");
        assert_eq!(fs::read_to_string(path).await.map_err(kind), text, "{path:?}");
        let found = fs::metadata(path).await.map_err(kind);
        assert_eq!(found.map(|found| found.len()), length, "{path:?}");
        let found = fs::symlink_metadata(path).await.map_err(kind);
        assert_eq!(found.map(|found| found.file_type()), link, "{path:?}");
        let there = fs::try_exists(path).await.map_err(kind);
        assert_eq!(there, path.try_exists().map_err(kind), "{path:?}");
        let mut read = Vec::new();
        let through_a_file = match File::open(path).await {
            Ok(mut file) => file.read_to_end(&mut read).await.map(|_| read),
            Err(error) => Err(error),
        };
        assert_eq!(through_a_file.map_err(kind), content, "{path:?}");
    }
}

#[test]
fn the_results_are_those_of_the_standard_library() {
    within(|| {
        let scratch = Scratch::new();
        let link = |name: &str, to: PathBuf| {
            std::os::unix::fs::symlink(to, scratch.join(name)).unwrap();
            scratch.join(name)
        };
        let file = scratch.file("file", "text");
        let to_itself = link("to-itself", scratch.join("to-itself"));
        let all = [
            scratch.file("empty", ""),
            scratch.file("no-text", [0xff, 0xfe]),
            scratch.file("64-kib", vec![b'x'; 64 << 10]),
            scratch.file("more", vec![b'x'; (64 << 10) + 1]),
            scratch.path().to_owned(),
            scratch.join("missing"),
            scratch.join("file/below-a-file"),
            link("link", file.clone()),
            link("dangling", scratch.join("missing")),
            to_itself,
            file,
            PathBuf::new(),
            PathBuf::from("a\0b"),
            scratch.join(&"x".repeat(300)),
            PathBuf::from("/proc/version"),
            PathBuf::from("/dev/null"),
        ];
        current_thread().block_on(async {
            for path in all {
                compare(path).await;
            }
        });
    });
}

/// Whoever opens a pipe to read and closes it again lets its writer write into nothing.
#[test]
fn a_named_pipe_is_opened_once() {
    within(|| {
        let scratch = Scratch::new();
        let path = scratch.join("pipe");
        let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the name ends with a zero.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        for _ in 0..50 {
            let writer = std::thread::spawn({
                let path = path.clone();
                move || {
                    let mut pipe = std::fs::File::options().write(true).open(path)?;
                    pipe.write_all(b"through the pipe")
                }
            });
            let read = current_thread().block_on(fs::read(&path)).unwrap();
            assert_eq!(read, b"through the pipe");
            writer.join().unwrap().unwrap();
        }
    });
}

#[test]
fn a_file_that_is_not_in_memory_is_read_all_the_same() {
    within(|| {
        let scratch = Scratch::new();
        let path = scratch.file("file", vec![7; 40_000]);
        let opened = std::fs::File::open(&path).unwrap();
        current_thread().block_on(async {
            for _ in 0..5 {
                opened.sync_all().unwrap();
                #[cfg(target_os = "linux")]
                // SAFETY: the descriptor is open.
                unsafe {
                    use std::os::fd::AsRawFd;
                    libc::posix_fadvise(opened.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED);
                }
                assert_eq!(fs::read(&path).await.unwrap(), vec![7; 40_000]);
            }
        });
    });
}

#[test]
#[cfg(target_os = "linux")]
fn without_descriptors_the_error_is_the_systems() {
    tests::isolated("without_descriptors_the_error_is_the_systems", || {
        let scratch = Scratch::new();
        let path = scratch.file("file", "content");
        std::fs::read(&path).unwrap();
        let runtime = current_thread();
        runtime.block_on(fs::read(&path)).unwrap();
        tests::process::limit(libc::RLIMIT_NOFILE, 64);
        let mut taken = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
        }
        let error = runtime.block_on(fs::read(&path)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        // One is enough for a read.
        taken.pop();
        assert_eq!(runtime.block_on(fs::read(&path)).unwrap(), b"content");
    });
}
