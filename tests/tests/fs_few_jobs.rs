//! How many jobs of the blocking pool an operation is: a whole file is one, and none if it is small
//! and the system has it in memory.

use runtime::fs::{self, File};
use runtime::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tests::scratch::Scratch;
use tests::{current_thread, isolated};

/// The number that the next task or job of the process gets, and one is used up.
async fn number() -> u64 {
    let id = runtime::spawn_blocking(runtime::task::id).await.unwrap();
    id.to_string().parse().unwrap()
}

/// Runs `work` and counts the jobs. Nothing else may run in the process.
async fn jobs<T>(work: impl Future<Output = std::io::Result<T>>) -> (u64, T) {
    let before = number().await;
    let value = work.await.unwrap();
    (number().await - before - 1, value)
}

#[test]
fn each_operation_takes_few_jobs() {
    isolated("each_operation_takes_few_jobs", || {
        let scratch = Scratch::new();
        let path = scratch.file("file", vec![b'x'; 3_000_000]);
        current_thread().block_on(async {
            let (n, content) = jobs(fs::read(&path)).await;
            assert_eq!((n, content.len()), (1, 3_000_000));
            let (n, content) = jobs(fs::read_to_string(&path)).await;
            assert_eq!((n, content.len()), (1, 3_000_000));
            assert_eq!(jobs(fs::write(&path, &content)).await.0, 1);
            assert_eq!(jobs(fs::copy(&path, scratch.join("copy"))).await, (1, 3_000_000));
            assert!(jobs(fs::metadata(&path)).await.0 <= 1);
            assert_eq!(jobs(fs::create_dir_all(scratch.join("a/b/c"))).await.0, 1);

            let (n, mut file) = jobs(File::options().read(true).write(true).open(&path)).await;
            assert_eq!(n, 1);
            // Up to the limit, a job each; and a flush only waits.
            assert_eq!(jobs(file.read_exact(&mut vec![0; 2_000_000])).await.0, 1);
            // What the system has in memory may need none.
            assert!(jobs(file.read_exact(&mut [0; 1_000])).await.0 <= 1);
            assert_eq!(jobs(file.seek(std::io::SeekFrom::Start(5))).await, (1, 5));
            assert_eq!(jobs(file.write_all(&vec![1; 2_000_000])).await.0, 1);
            assert_eq!(jobs(file.flush()).await.0, 0);
            assert_eq!(jobs(file.sync_all()).await.0, 1);
            file.set_max_buf_size(500_000);
            assert_eq!(jobs(file.write_all(&vec![1; 2_000_000])).await.0, 4);
        });
    });
}

/// Whether the system can be asked for what it has in memory: a path, and the bytes of a file.
#[cfg(target_os = "linux")]
fn the_system_tells(path: &std::path::Path) -> bool {
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;

    let file = std::fs::File::open(path).unwrap();
    let mut byte = [0_u8; 1];
    let piece = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the piece and the name outlive the calls, and the struct is all numbers.
    unsafe {
        let mut how: libc::open_how = std::mem::zeroed();
        (how.flags, how.resolve) = (libc::O_CLOEXEC as u64, libc::RESOLVE_CACHED);
        let size = size_of_val(&how);
        let number = libc::SYS_openat2;
        let opened = libc::syscall(number, libc::AT_FDCWD, name.as_ptr(), &raw const how, size);
        libc::close(opened as i32);
        opened >= 0 && libc::preadv2(file.as_raw_fd(), &piece, 1, 0, libc::RWF_NOWAIT) == 1
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_small_file_that_the_system_has_in_memory_takes_no_job() {
    isolated("a_small_file_that_the_system_has_in_memory_takes_no_job", || {
        let scratch = Scratch::new();
        let path = scratch.file("file", "grün");
        let link = scratch.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let empty = scratch.file("empty", "");
        if !the_system_tells(&path) {
            eprintln!("skipped: the system does not say what it has in memory");
            return;
        }
        current_thread().block_on(async {
            assert_eq!(jobs(fs::read(&path)).await, (0, "grün".into()));
            assert_eq!(jobs(fs::read_to_string(&path)).await, (0, "grün".into()));
            let (n, metadata) = jobs(fs::metadata(&path)).await;
            assert_eq!((n, metadata.is_file(), metadata.len()), (0, true, 5));
            assert_eq!(jobs(fs::try_exists(&path)).await, (0, true));
            // To follow a link changes the time of its last use now and then, which may wait.
            assert_eq!(jobs(fs::read(&link)).await.1, "grün".as_bytes());
            let (n, metadata) = jobs(fs::symlink_metadata(&link)).await;
            assert_eq!((n, metadata.is_symlink()), (0, true));
            assert_eq!(jobs(fs::read(&empty)).await, (0, vec![]));
            assert!(jobs(fs::metadata(scratch.path())).await.1.is_dir());

            let (n, mut file) = jobs(File::open(&path)).await;
            assert_eq!(n, 0);
            let mut text = String::new();
            // To its end, and the end again.
            assert_eq!(jobs(file.read_to_string(&mut text)).await, (0, 5));
            assert_eq!(jobs(file.read(&mut [0; 10])).await, (0, 0));
            let (n, metadata) = jobs(file.metadata()).await;
            assert_eq!((n, metadata.len()), (0, 5));
            // What is written behind the end is seen.
            std::fs::write(&path, "grün und blau").unwrap();
            text.clear();
            assert_eq!(jobs(file.read_to_string(&mut text)).await.1, 9);
            assert_eq!(text, " und blau");
        });
    });
}

#[test]
fn a_directory_is_read_in_batches() {
    isolated("a_directory_is_read_in_batches", || {
        let scratch = Scratch::new();
        for n in 0..1_000 {
            scratch.file(&n.to_string(), "");
        }
        current_thread().block_on(async {
            let (n, seen) = jobs(async {
                let mut entries = fs::read_dir(scratch.path()).await?;
                let mut seen = 0;
                while let Some(entry) = entries.next_entry().await? {
                    // The system tells the type along with the name.
                    assert!(entry.file_type().await?.is_file());
                    seen += 1;
                }
                Ok(seen)
            })
            .await;
            assert_eq!((n, seen), (4, 1_000));
        });
    });
}
