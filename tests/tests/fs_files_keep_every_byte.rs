//! Reads, writes, seeks and cuts in any order, some of them given up half-way, leave a file with
//! what they would have left in memory; each read gives what is there, and the position is the
//! caller's.

use std::future::poll_fn;
use std::io::SeekFrom;
use std::pin::pin;
use std::task::Poll;

use runtime::fs::File;
use runtime::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tests::scratch::Scratch;
use tests::{Seeded, current_thread, within, workers};

/// What the file should be.
#[derive(Default)]
struct Model {
    content: Vec<u8>,
    position: usize,
}

impl Model {
    fn write(&mut self, bytes: &[u8]) {
        let end = self.position + bytes.len();
        // An empty write beyond the end does not extend the file.
        if bytes.is_empty() {
            return;
        }
        if self.content.len() < end {
            self.content.resize(end, 0);
        }
        self.content[self.position..end].copy_from_slice(bytes);
        self.position = end;
    }

    fn rest(&self) -> &[u8] {
        self.content.get(self.position..).unwrap_or(&[])
    }
}

/// Polls a future once and gives it up.
async fn begin<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Half of them small; the others so large that a read is a job, whatever the system has in memory.
fn size(random: &mut Seeded) -> usize {
    if random.below(2) == 0 { 1 + random.below(300) as usize } else { 1_000_000 }
}

async fn any_order(seed: u64) {
    let scratch = Scratch::new();
    let path = scratch.join("file");
    let mut random = Seeded::new(seed);
    let mut file = File::create_new(&path).await.unwrap();
    let mut model = Model::default();
    for step in 0..400 {
        let note = || format!("seed {seed}, step {step}");
        match random.below(10) {
            0 | 1 => {
                let mut buf = vec![0; size(&mut random)];
                let n = file.read(&mut buf).await.unwrap();
                assert!(n > 0 || model.rest().is_empty(), "{}", note());
                assert_eq!(&buf[..n], &model.rest()[..n], "{}", note());
                model.position += n;
            }
            2 | 3 => {
                let bytes: Vec<u8> =
                    (0..random.below(300)).map(|_| random.below(256) as u8).collect();
                file.write_all(&bytes).await.unwrap();
                model.write(&bytes);
            }
            4 => {
                // Given up at once: the bytes are taken if, and only if, it is done.
                let bytes = [step as u8; 100];
                if let Some(n) = begin(file.write(&bytes)).await {
                    model.write(&bytes[..n.unwrap()]);
                }
            }
            5 => {
                // Given up at once: nothing is lost, whether or not it is done.
                let mut buf = vec![0; size(&mut random)];
                if let Some(n) = begin(file.read(&mut buf)).await {
                    let n = n.unwrap();
                    assert_eq!(&buf[..n], &model.rest()[..n], "{}", note());
                    model.position += n;
                }
            }
            6 => {
                let to = random.below(1 + model.content.len() as u64 + 50);
                assert_eq!(file.seek(SeekFrom::Start(to)).await.unwrap(), to, "{}", note());
                model.position = to as usize;
            }
            7 => {
                let by = random.below(200) as i64 - 100;
                let to = model.position as i64 + by;
                match file.seek(SeekFrom::Current(by)).await {
                    Ok(position) => assert_eq!(position as i64, to, "{}", note()),
                    Err(_) => assert!(to < 0, "{}", note()),
                }
                model.position = if to < 0 { model.position } else { to as usize };
            }
            8 => {
                let size = random.below(1 + model.content.len() as u64 + 20);
                file.set_len(size).await.unwrap();
                model.content.resize(size as usize, 0);
            }
            _ => {
                file.set_max_buf_size(size(&mut random));
                let position = file.stream_position().await.unwrap();
                assert_eq!(position as usize, model.position, "{}", note());
                file.flush().await.unwrap();
                assert!(std::fs::read(&path).unwrap() == model.content, "{}", note());
            }
        }
    }
    // A handle of std goes on where this one has come to.
    let _ = begin(file.read(&mut vec![0; 1_000_000])).await.map(|n| model.position += n.unwrap());
    let mut file = file.into_std().await;
    let position = std::io::Seek::stream_position(&mut file).unwrap();
    assert_eq!(position as usize, model.position, "seed {seed}");
    assert!(std::fs::read(&path).unwrap() == model.content, "seed {seed}");
}

#[test]
fn files_keep_every_byte_in_any_order_on_one_thread() {
    within(|| {
        current_thread().block_on(async {
            for seed in 0..20 {
                any_order(seed).await;
            }
        });
    });
}

#[test]
fn files_keep_every_byte_in_any_order_on_workers() {
    within(|| {
        let runtime = workers(2);
        let all: Vec<_> = (100..120).map(|seed| runtime.spawn(any_order(seed))).collect();
        for one in all {
            runtime.block_on(one).unwrap();
        }
    });
}

#[test]
fn content_larger_than_a_job_is_kept() {
    within(|| {
        let scratch = Scratch::new();
        let content: Vec<u8> = (0..5_000_000u32).map(|n| (n % 251) as u8).collect();
        for runtime in [workers(2), current_thread()] {
            let path = scratch.join("large");
            runtime.block_on(async {
                let mut file = File::create(&path).await.unwrap();
                assert_eq!(file.max_buf_size(), 2 * 1024 * 1024);
                assert_eq!(file.write(&content).await.unwrap(), file.max_buf_size());
                file.rewind().await.unwrap();
                file.write_all(&content).await.unwrap();
                file.flush().await.unwrap();

                let mut file = File::open(&path).await.unwrap();
                let mut buf = vec![0; content.len()];
                assert_eq!(file.read(&mut buf).await.unwrap(), file.max_buf_size());
                file.rewind().await.unwrap();
                let mut read = Vec::new();
                assert_eq!(file.read_to_end(&mut read).await.unwrap(), content.len());
                assert!(read == content && runtime::fs::read(&path).await.unwrap() == content);
            });
        }
    });
}

#[test]
fn copies_of_streams_keep_every_byte() {
    within(|| {
        let scratch = Scratch::new();
        let content: Vec<u8> = (0..1_000_000u32).map(|n| (n % 241) as u8).collect();
        let from = scratch.file("from", &content);
        current_thread().block_on(async {
            let mut reader = File::open(from).await.unwrap();
            let mut writer = File::create(scratch.join("to")).await.unwrap();
            let n = runtime::io::copy(&mut reader, &mut writer).await.unwrap();
            assert_eq!(n, content.len() as u64);
            assert!(std::fs::read(scratch.join("to")).unwrap() == content);
        });
    });
}

#[test]
fn a_write_of_several_pieces_is_one_write() {
    within(|| {
        let scratch = Scratch::new();
        current_thread().block_on(async {
            let mut file = File::create(scratch.join("file")).await.unwrap();
            file.set_max_buf_size(7);
            let pieces = [b"one ", b"two ", b"six "].map(|piece| std::io::IoSlice::new(piece));
            assert_eq!(file.write_vectored(&pieces).await.unwrap(), 7);
            file.flush().await.unwrap();
            assert_eq!(std::fs::read(scratch.join("file")).unwrap(), b"one two");
        });
    });
}
