//! How many jobs of the blocking pool an operation is: a whole file is one.

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
            assert_eq!(jobs(fs::metadata(&path)).await.0, 1);
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
