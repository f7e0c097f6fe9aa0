//! What a workload may ask of a runtime, and who answers.
//!
//! A workload is written once, against [`Peer`]. Each peer answers with what its users would write:
//! its own channels and locks where it has them, the usual companion crate where it has none.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::ops::DerefMut;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};

#[macro_use]
mod tokio_shape;

pub mod async_std;
mod futures_channels;
mod futures_hyper;
#[cfg(feature = "ours")]
pub mod ours;
pub mod smol;
pub mod tokio;

/// A runtime under measurement.
///
/// Functions without a `Runtime` argument are called from inside a task of that runtime.
pub trait Peer: Send + Sync + Sized + 'static {
    const NAME: &'static str;
    /// What it is made of, for the heading of the table.
    const FEATURES: &'static str;
    /// False for a runtime that lives as long as its process.
    const STOPS: bool = true;
    const HAS_SEMAPHORE: bool = true;
    const HAS_WATCH: bool = true;

    type Runtime: Send + Sync;
    type Join<T: Send + 'static>: Future<Output = T> + Send + Unpin + 'static;

    fn start(workers: usize) -> Self::Runtime;
    fn stop(rt: Self::Runtime);
    fn block_on<F: Future>(rt: &Self::Runtime, f: F) -> F::Output;

    fn spawn<F>(f: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
    fn spawn_on<F>(rt: &Self::Runtime, f: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
    fn detach<T: Send + 'static>(join: Self::Join<T>);
    /// Spawns this many empty tasks into what keeps many, and waits for one after the other.
    fn join_set(tasks: usize) -> impl Future<Output = ()> + Send + 'static {
        async move {
            let mut set: FuturesUnordered<_> = (0..tasks).map(|_| Self::spawn(async {})).collect();
            while set.next().await.is_some() {}
        }
    }
    fn spawn_blocking<T, F>(f: F) -> Self::Join<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static;
    fn yield_now() -> impl Future<Output = ()> + Send + 'static;

    fn sleep(d: Duration) -> impl Future<Output = ()> + Send + 'static;
    fn timeout<F>(d: Duration, f: F) -> impl Future<Output = Option<F::Output>> + Send + 'static
    where
        F: Future + Send + 'static,
        F::Output: Send;

    type OneTx: Send + 'static;
    type OneRx: Send + 'static;
    fn oneshot() -> (Self::OneTx, Self::OneRx);
    fn one_send(tx: Self::OneTx, value: u64);
    fn one_recv(rx: Self::OneRx) -> impl Future<Output = u64> + Send + 'static;

    type Tx: Clone + Send + Sync + 'static;
    type Rx: Send + 'static;
    fn bounded(capacity: usize) -> (Self::Tx, Self::Rx);
    fn send(tx: &Self::Tx, value: u64) -> impl Future<Output = ()> + Send;
    fn recv(rx: &mut Self::Rx) -> impl Future<Output = Option<u64>> + Send;

    type UnboundedTx: Clone + Send + Sync + 'static;
    type UnboundedRx: Send + 'static;
    fn unbounded() -> (Self::UnboundedTx, Self::UnboundedRx);
    fn unbounded_send(tx: &Self::UnboundedTx, value: u64);
    fn unbounded_recv(rx: &mut Self::UnboundedRx) -> impl Future<Output = Option<u64>> + Send;

    type Mutex: Send + Sync + 'static;
    type Guard<'a>: DerefMut<Target = u64> + Send;
    fn mutex() -> Self::Mutex;
    fn lock(m: &Self::Mutex) -> impl Future<Output = Self::Guard<'_>> + Send;

    type RwLock: Send + Sync + 'static;
    fn rwlock() -> Self::RwLock;
    fn with_read(l: &Self::RwLock) -> impl Future<Output = u64> + Send;
    /// Adds one, and yields while it holds the lock.
    fn with_write(l: &Self::RwLock) -> impl Future<Output = ()> + Send;

    type BroadcastTx: Send + 'static;
    type BroadcastRx: Send + 'static;
    fn broadcast(capacity: usize, receivers: usize) -> (Self::BroadcastTx, Vec<Self::BroadcastRx>);
    fn broadcast_send(tx: &Self::BroadcastTx, value: u64);
    fn broadcast_recv(rx: &mut Self::BroadcastRx) -> impl Future<Output = u64> + Send;

    type WatchTx: Send + 'static;
    type WatchRx: Clone + Send + 'static;
    fn watch() -> (Self::WatchTx, Self::WatchRx);
    fn watch_send(tx: &Self::WatchTx, value: u64);
    /// The value after the next change.
    fn watch_changed(rx: &mut Self::WatchRx) -> impl Future<Output = u64> + Send;

    type Semaphore: Send + Sync + 'static;
    type Permit<'a>: Send;
    fn semaphore(permits: usize) -> Self::Semaphore;
    fn acquire(s: &Self::Semaphore) -> impl Future<Output = Self::Permit<'_>> + Send;

    /// Stores one permit, as `Notify` does.
    type Notify: Send + Sync + 'static;
    fn notify() -> Self::Notify;
    fn notify_one(n: &Self::Notify);
    fn notified(n: &Self::Notify) -> impl Future<Output = ()> + Send;

    type Listener: Send + Sync + 'static;
    type Stream: Send + Unpin + 'static;
    fn bind(addr: SocketAddr) -> impl Future<Output = io::Result<Self::Listener>> + Send;
    fn connect(addr: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    fn local_addr(l: &Self::Listener) -> io::Result<SocketAddr>;
    fn accept(l: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    fn read(s: &mut Self::Stream, b: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    fn write_all(s: &mut Self::Stream, b: &[u8]) -> impl Future<Output = io::Result<()>> + Send;

    type Udp: Send + Sync + 'static;
    fn udp_bind(addr: SocketAddr) -> impl Future<Output = io::Result<Self::Udp>> + Send;
    fn udp_local_addr(s: &Self::Udp) -> io::Result<SocketAddr>;
    fn recv_from(
        s: &Self::Udp,
        b: &mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send;
    fn send_to(
        s: &Self::Udp,
        b: &[u8],
        to: SocketAddr,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// The peer's own `copy`, until the end of `from`.
    fn copy(from: Self::Stream, to: Self::Stream) -> impl Future<Output = io::Result<u64>> + Send;
    /// Lines from stdin to stdout, until there is no more.
    fn copy_lines() -> impl Future<Output = io::Result<()>> + Send;

    type File: Send + Unpin + 'static;
    fn read_file(path: &Path) -> impl Future<Output = io::Result<Vec<u8>>> + Send;
    fn open_file(path: &Path) -> impl Future<Output = io::Result<Self::File>> + Send;
    fn read_some(
        f: &mut Self::File,
        b: &mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send;
    /// Starts the program and waits for its end.
    fn run(program: &str) -> impl Future<Output = io::Result<ExitStatus>> + Send;

    type HyperIo: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static;
    fn hyper_io(s: Self::Stream) -> Self::HyperIo;
}

/// Every peer that was compiled in, in the order of the table's columns.
pub const NAMES: &[&str] = &[
    #[cfg(feature = "ours")]
    ours::Ours::NAME,
    tokio::Tokio::NAME,
    smol::Smol::NAME,
    async_std::AsyncStd::NAME,
];

/// Every peer's features, in the order of [`NAMES`].
pub const FEATURES: &[&str] = &[
    #[cfg(feature = "ours")]
    ours::Ours::FEATURES,
    tokio::Tokio::FEATURES,
    smol::Smol::FEATURES,
    async_std::AsyncStd::FEATURES,
];

/// Runs `f` as a task of its own, so that what it spawns is spawned from a worker.
pub fn on_worker<P: Peer, F>(rt: &P::Runtime, f: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    P::block_on(rt, P::spawn_on(rt, f))
}
