//! What files are made of and made from: options, descriptors, std's files, paths; and that they
//! and their futures go between threads.

use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::time::{Duration, SystemTime};

use runtime::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use tests::scratch::Scratch;
use tests::{current_thread, within, workers};

fn goes_anywhere<T: Send + Sync>(value: T) -> T {
    value
}

#[test]
fn options_say_how_a_file_is_opened() {
    within(|| {
        let scratch = Scratch::new();
        let path = scratch.file("file", "content");
        current_thread().block_on(async {
            let kind = async |options: &mut OpenOptions, name: &str| {
                options.open(scratch.join(name)).await.map_err(|error| error.kind()).map(drop)
            };
            let new = OpenOptions::new;
            assert_eq!(kind(&mut new(), "file").await, Err(ErrorKind::InvalidInput));
            assert_eq!(kind(new().read(true), "missing").await, Err(ErrorKind::NotFound));
            assert_eq!(
                kind(new().read(true).create(true), "file").await,
                Err(ErrorKind::InvalidInput)
            );
            assert_eq!(
                kind(new().write(true).create_new(true), "file").await,
                Err(ErrorKind::AlreadyExists)
            );
            assert_eq!(kind(new().write(true).create_new(true), "new").await, Ok(()));

            let mut file = new().append(true).open(&path).await.unwrap();
            file.write_all(b", and more").await.unwrap();
            file.flush().await.unwrap();
            assert_eq!(fs::read(&path).await.unwrap(), b"content, and more");
            let mut file = new().write(true).open(&path).await.unwrap();
            file.write_all(b"CON").await.unwrap();
            file.flush().await.unwrap();
            assert_eq!(fs::read(&path).await.unwrap(), b"CONtent, and more");
            new().write(true).truncate(true).open(&path).await.unwrap();
            assert_eq!(fs::read(&path).await.unwrap(), b"");

            std::os::unix::fs::symlink(&path, scratch.join("link")).unwrap();
            let flags = new().read(true).custom_flags(libc::O_NOFOLLOW).clone();
            let error = flags.open(scratch.join("link")).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ELOOP));

            let mut std = std::fs::OpenOptions::new();
            std.read(true);
            assert_eq!(format!("{:?}", OpenOptions::default()), format!("{:?}", new()));
            OpenOptions::from(std).open(&path).await.unwrap();

            let file = new().write(true).create(true).mode(0o640).open(scratch.join("mode")).await;
            let mode = file.unwrap().metadata().await.unwrap().permissions().mode();
            assert_eq!(mode & 0o777 & !0o640, 0);
        });
    });
}

#[test]
fn descriptors_and_std_files_become_files_and_back() {
    within(|| {
        let scratch = Scratch::new();
        let path = scratch.file("file", "content");
        workers(1).block_on(async {
            let std = || std::fs::File::open(&path).unwrap();
            let owned: OwnedFd = std().into();
            let number = std().into_raw_fd();
            // SAFETY: it was just given up.
            let raw = unsafe { File::from_raw_fd(number) };
            for mut file in [File::from(std()), File::from(owned), File::from_std(std()), raw] {
                assert_eq!(file.as_fd().as_raw_fd(), file.as_raw_fd());
                let mut text = String::new();
                file.read_to_string(&mut text).await.unwrap();
                assert_eq!(text, "content");
                let shown = format!("{file:?}");
                assert!(shown.starts_with("runtime::fs::File { std: File { fd: "), "{shown}");
                let number = file.as_raw_fd();
                assert_eq!(file.into_std().await.as_raw_fd(), number);
            }
            let mut file = File::open(&path).await.unwrap().try_into_std().unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, "content");
        });
    });
}

#[test]
fn a_clone_shares_the_position() {
    within(|| {
        let scratch = Scratch::new();
        let path = scratch.file("file", "content");
        current_thread().block_on(async {
            let mut first = File::open(path).await.unwrap();
            first.set_max_buf_size(3);
            let mut second = first.try_clone().await.unwrap();
            assert_eq!(second.max_buf_size(), 3);
            let mut buf = [0; 7];
            assert_eq!(first.read(&mut buf).await.unwrap(), 3);
            assert_eq!(second.read(&mut buf).await.unwrap(), 3);
            assert_eq!(&buf[..3], b"ten");
        });
    });
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let scratch = Scratch::new();
    let std = std::fs::File::open(scratch.file("file", "")).unwrap();
    let text = tests::panic_of(|| File::from_std(std).set_max_buf_size(0));
    assert!(text.contains("must be greater than 0"), "{text}");
}

#[test]
fn times_are_set_after_the_writes() {
    within(|| {
        let scratch = Scratch::new();
        current_thread().block_on(async {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000);
            let earlier = time - Duration::from_secs(1);
            let mut file = File::create(scratch.join("file")).await.unwrap();
            file.write_all(b"content").await.unwrap();
            let times = FileTimes::new().set_modified(time).set_accessed(earlier);
            file.set_times(times.clone()).await.unwrap();
            let metadata = file.metadata().await.unwrap();
            assert_eq!(metadata.modified().unwrap(), time);
            assert_eq!(metadata.accessed().unwrap(), earlier);
            file.set_modified(earlier).await.unwrap();
            assert_eq!(file.metadata().await.unwrap().modified().unwrap(), earlier);
            assert_eq!(format!("{:?}", FileTimes::default()), format!("{:?}", FileTimes::new()));
        });
    });
}

#[test]
fn directories_are_made_as_they_are_described() {
    within(|| {
        let scratch = Scratch::new();
        current_thread().block_on(async {
            let deep = scratch.join("a/b/c");
            let error = DirBuilder::new().create(&deep).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            DirBuilder::new().recursive(true).mode(0o700).create(&deep).await.unwrap();
            let mode = fs::metadata(&deep).await.unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
            let error = DirBuilder::default().create(&deep).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            assert!(!fs::metadata(&deep).await.unwrap().file_type().is_fifo());
        });
    });
}

#[test]
fn files_and_their_futures_go_between_threads() {
    within(|| {
        let scratch = Scratch::new();
        let path = scratch.file("file", "content");
        let runtime = workers(2);
        let owned = path.clone();
        runtime
            .block_on(runtime.spawn(async move {
                let content = goes_anywhere(fs::read(owned.clone())).await.unwrap();
                fs::write(owned.clone(), content).await.unwrap();
                let file = goes_anywhere(File::open(owned).await.unwrap());
                goes_anywhere(file.metadata()).await.unwrap();
                file
            }))
            .unwrap();
        fn as_rust_programs_write_it<'a>(
            path: &'a str,
        ) -> impl Future<Output = std::io::Result<Vec<u8>>> + 'a {
            fs::read(path)
        }
        let content = runtime.block_on(as_rust_programs_write_it(path.to_str().unwrap())).unwrap();
        assert_eq!(content, b"content");
    });
}

/// A path that removes its file when it is dropped.
struct Temporary(std::path::PathBuf);

impl AsRef<std::path::Path> for Temporary {
    fn as_ref(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

#[test]
fn a_path_is_kept_until_it_was_used() {
    within(|| {
        let scratch = Scratch::new();
        let temporary = || Temporary(scratch.file("file", "content"));
        current_thread().block_on(async {
            assert_eq!(fs::read(temporary()).await.unwrap(), b"content");
            assert_eq!(fs::copy(temporary(), scratch.join("copy")).await.unwrap(), 7);
            let mut file = File::open(temporary()).await.unwrap();
            assert!(!fs::try_exists(scratch.join("file")).await.unwrap());
            let mut text = String::new();
            file.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "content");
            OpenOptions::new().read(true).open(temporary()).await.unwrap();
        });
    });
}
