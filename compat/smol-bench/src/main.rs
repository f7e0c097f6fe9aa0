//! Programs for smol and for async-std, as their users write them.
//!
//! `smol-bench smol NAME` (or `async-std`) does one thing often, and prints two numbers: the
//! nanoseconds that one takes, and the processor's nanoseconds for it. `smol-bench smol serve` is
//! an echo server that prints its address; `smol-bench load ADDRESS CONNECTIONS MS` is its client.

mod load;

use std::env;
use std::fs;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What both kinds of crates have.
trait Kind: 'static {
    type Task<T: Send + 'static>: Future<Output = T> + Send;

    fn block_on<T>(future: impl Future<Output = T>) -> T;
    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Self::Task<T>;
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;
    fn yield_now() -> impl Future<Output = ()> + Send;
    fn unblock<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;
    fn read(path: PathBuf) -> impl Future<Output = io::Result<Vec<u8>>> + Send;
    fn read_in_pieces(
        path: PathBuf,
        piece: usize,
    ) -> impl Future<Output = io::Result<usize>> + Send;
    fn serve() -> impl Future<Output = io::Result<()>> + Send;
}

struct Smol;

impl Kind for Smol {
    type Task<T: Send + 'static> = smol::Task<T>;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        smol::block_on(future)
    }
    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> smol::Task<T> {
        smol::spawn(future)
    }
    async fn sleep(time: Duration) {
        smol::Timer::after(time).await;
    }
    fn yield_now() -> impl Future<Output = ()> + Send {
        smol::future::yield_now()
    }
    fn unblock<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        smol::unblock(job)
    }
    fn read(path: PathBuf) -> impl Future<Output = io::Result<Vec<u8>>> + Send {
        smol::fs::read(path)
    }
    async fn read_in_pieces(path: PathBuf, piece: usize) -> io::Result<usize> {
        use smol::io::AsyncReadExt;
        let (mut file, mut buffer, mut pieces) =
            (smol::fs::File::open(path).await?, vec![0; piece], 0);
        while file.read(&mut buffer).await? > 0 {
            pieces += 1;
        }
        Ok(pieces)
    }
    async fn serve() -> io::Result<()> {
        use smol::io::{AsyncReadExt, AsyncWriteExt};
        let listener = smol::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let echo = async move {
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..n]).await.is_err() {
                        break;
                    }
                }
            };
            smol::spawn(echo).detach();
        }
    }
}

struct AsyncStd;

impl Kind for AsyncStd {
    type Task<T: Send + 'static> = async_std::task::JoinHandle<T>;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        async_std::task::block_on(future)
    }
    fn spawn<T: Send + 'static>(
        future: impl Future<Output = T> + Send + 'static,
    ) -> async_std::task::JoinHandle<T> {
        async_std::task::spawn(future)
    }
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        async_std::task::sleep(time)
    }
    fn yield_now() -> impl Future<Output = ()> + Send {
        async_std::task::yield_now()
    }
    fn unblock<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        async_std::task::spawn_blocking(job)
    }
    fn read(path: PathBuf) -> impl Future<Output = io::Result<Vec<u8>>> + Send {
        async_std::fs::read(path)
    }
    async fn read_in_pieces(path: PathBuf, piece: usize) -> io::Result<usize> {
        use async_std::io::ReadExt;
        let (mut file, mut buffer, mut pieces) =
            (async_std::fs::File::open(path).await?, vec![0; piece], 0);
        while file.read(&mut buffer).await? > 0 {
            pieces += 1;
        }
        Ok(pieces)
    }
    async fn serve() -> io::Result<()> {
        use async_std::io::{ReadExt, WriteExt};
        let listener = async_std::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (mut stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            async_std::task::spawn(async move {
                let mut buffer = [0; 1024];
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..n]).await.is_err() {
                        break;
                    }
                }
            });
        }
    }
}

fn main() -> io::Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["load", address, connections, ms] => load::run(address, number(connections), number(ms)),
        ["smol", name] => run::<Smol>(name),
        ["async-std", name] => run::<AsyncStd>(name),
        _ => Err(io::Error::other("smol-bench smol | async-std NAME, or load ADDRESS N MS")),
    }
}

fn number(word: &str) -> u64 {
    word.parse().expect("a number")
}

fn run<K: Kind>(name: &str) -> io::Result<()> {
    if name == "serve" {
        return K::block_on(K::serve());
    }
    let folder = env::temp_dir().join(format!("smol-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("file");
    fs::write(&file, vec![7; if name == "file-whole-4k" { 4 << 10 } else { 1 << 20 }])?;
    let result = measure::<K>(name, &file);
    fs::remove_dir_all(&folder)?;
    result
}

/// Does it once to warm up, then for a while.
fn measure<K: Kind>(name: &str, file: &Path) -> io::Result<()> {
    const WHILE: Duration = Duration::from_millis(400);
    once::<K>(name, file)?;
    let (start, cpu) = (Instant::now(), cpu());
    let mut times = 0;
    while start.elapsed() < WHILE {
        times += once::<K>(name, file)?;
    }
    let each = |time: Duration| time.as_nanos() as f64 / times as f64;
    println!("{:.1} {:.1}", each(start.elapsed()), each(self::cpu() - cpu));
    Ok(())
}

/// The processor time of this process.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns how many there were.
fn once<K: Kind>(name: &str, file: &Path) -> io::Result<usize> {
    let file = file.to_owned();
    match name {
        "spawn-one" => Ok(in_a_task::<K, _>(async {
            for n in 0..1000 {
                assert_eq!(K::spawn(async move { n }).await, n);
            }
            1000
        })),
        "spawn-1000" => Ok(in_a_task::<K, _>(async {
            all((0..1000).map(|n| K::spawn(async move { n }))).await
        })),
        "spawn-outside" => {
            Ok(K::block_on(async { all((0..1000).map(|n| K::spawn(async move { n }))).await }))
        }
        "yield-8" => Ok(in_a_task::<K, _>(async {
            let yields = || async {
                for _ in 0..200 {
                    K::yield_now().await;
                }
            };
            200 * all((0..8).map(|_| K::spawn(yields()))).await
        })),
        "block-on" => {
            for n in 0..1000 {
                assert_eq!(K::block_on(async { n }), n);
            }
            Ok(1000)
        }
        "timers-10000" => Ok(in_a_task::<K, _>(async {
            let sleep = |n: u64| K::sleep(Duration::from_micros(1000 + n));
            all((0..10_000).map(|n| K::spawn(sleep(n)))).await
        })),
        "timer-one" => Ok(in_a_task::<K, _>(async {
            for _ in 0..100 {
                K::sleep(Duration::from_micros(100)).await;
            }
            100
        })),
        "timer-dropped" => Ok(in_a_task::<K, _>(async {
            for _ in 0..1000 {
                let mut sleep = std::pin::pin!(K::sleep(Duration::from_secs(3600)));
                std::future::poll_fn(|context| {
                    assert!(sleep.as_mut().poll(context).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
            }
            1000
        })),
        "unblock-one" => Ok(in_a_task::<K, _>(async {
            for n in 0..200 {
                assert_eq!(K::unblock(move || n).await, n);
            }
            200
        })),
        "unblock-1000" => Ok(in_a_task::<K, _>(async {
            let job = |n: usize| K::spawn(K::unblock(move || n));
            all((0..1000).map(job)).await
        })),
        "file-whole-4k" => in_a_task::<K, _>(async move {
            for _ in 0..100 {
                assert_eq!(K::read(file.clone()).await?.len(), 4 << 10);
            }
            Ok(100)
        }),
        "file-whole-1m" => in_a_task::<K, _>(async move {
            for _ in 0..10 {
                assert_eq!(K::read(file.clone()).await?.len(), 1 << 20);
            }
            Ok(10)
        }),
        "file-pieces-4k" => {
            in_a_task::<K, _>(async move { K::read_in_pieces(file, 4 << 10).await })
        }
        other => Err(io::Error::other(format!("there is no `{other}`"))),
    }
}

/// Where most code of a program runs.
fn in_a_task<K: Kind, T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    K::block_on(K::spawn(future))
}

/// Waits for all tasks, and returns how many there were.
async fn all<F: Future>(tasks: impl Iterator<Item = F>) -> usize {
    let tasks: Vec<F> = tasks.collect();
    let count = tasks.len();
    for task in tasks {
        task.await;
    }
    count
}
