//! async-std: one global runtime a process, its threads set by `ASYNC_STD_THREAD_COUNT`.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use async_std::channel;
use async_std::io::prelude::BufReadExt;
use async_std::io::{BufReader, BufWriter, ReadExt, WriteExt};
use async_std::net::{TcpListener, TcpStream, UdpSocket};
use async_std::stream::StreamExt;
use async_std::sync::{Mutex, MutexGuard, RwLock};
use async_std::task::{self, JoinHandle};
use futures_channel::oneshot;
use smol::process::Command;

use super::Peer;
use super::futures_channels;
use super::futures_hyper::FuturesIo;
use super::smol::FlagEvent;

pub struct AsyncStd;

/// Gives async-std as many threads as `--workers` says, two without it; it reads the variable when
/// it is first used.
///
/// # Safety
///
/// As of `std::env::set_var`: no other thread may read or write the environment meanwhile.
pub unsafe fn set_workers(args: &[String]) {
    let workers = args.iter().position(|a| a == "--workers").and_then(|i| args.get(i + 1));
    // SAFETY: the caller's promise is passed on.
    unsafe { std::env::set_var("ASYNC_STD_THREAD_COUNT", workers.map_or("2", String::as_str)) };
}

impl Peer for AsyncStd {
    const NAME: &'static str = "async-std";
    const FEATURES: &'static str = "default; ASYNC_STD_THREAD_COUNT set to the workers; its own \
         channels and locks; event-listener; oneshot of futures-channel; async-process";
    const STOPS: bool = false;
    const HAS_SEMAPHORE: bool = false;
    const HAS_WATCH: bool = false;

    type Runtime = ();
    type Join<T: Send + 'static> = JoinHandle<T>;

    fn start(_workers: usize) {}
    fn stop(_rt: ()) {}
    fn block_on<F: Future>(_rt: &(), f: F) -> F::Output {
        task::block_on(f)
    }

    fn spawn<F>(f: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(f)
    }
    fn spawn_on<F>(_rt: &(), f: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(f)
    }
    fn detach<T: Send + 'static>(join: JoinHandle<T>) {
        drop(join);
    }
    fn spawn_blocking<T, F>(f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        task::spawn_blocking(f)
    }
    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        task::yield_now()
    }

    async fn sleep(d: Duration) {
        task::sleep(d).await;
    }
    async fn timeout<F>(d: Duration, f: F) -> Option<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        async_std::future::timeout(d, f).await.ok()
    }

    type OneTx = oneshot::Sender<u64>;
    type OneRx = oneshot::Receiver<u64>;
    fn oneshot() -> (Self::OneTx, Self::OneRx) {
        oneshot::channel()
    }
    fn one_send(tx: Self::OneTx, value: u64) {
        let _ = tx.send(value);
    }
    async fn one_recv(rx: Self::OneRx) -> u64 {
        rx.await.unwrap()
    }

    type Tx = channel::Sender<u64>;
    type Rx = channel::Receiver<u64>;
    fn bounded(capacity: usize) -> (Self::Tx, Self::Rx) {
        channel::bounded(capacity)
    }
    async fn send(tx: &Self::Tx, value: u64) {
        tx.send(value).await.unwrap();
    }
    async fn recv(rx: &mut Self::Rx) -> Option<u64> {
        rx.recv().await.ok()
    }

    type UnboundedTx = channel::Sender<u64>;
    type UnboundedRx = channel::Receiver<u64>;
    fn unbounded() -> (Self::UnboundedTx, Self::UnboundedRx) {
        channel::unbounded()
    }
    fn unbounded_send(tx: &Self::UnboundedTx, value: u64) {
        tx.try_send(value).unwrap();
    }
    async fn unbounded_recv(rx: &mut Self::UnboundedRx) -> Option<u64> {
        rx.recv().await.ok()
    }

    type Mutex = Mutex<u64>;
    type Guard<'a> = MutexGuard<'a, u64>;
    fn mutex() -> Self::Mutex {
        Mutex::new(0)
    }
    async fn lock(m: &Self::Mutex) -> Self::Guard<'_> {
        m.lock().await
    }

    type RwLock = RwLock<u64>;
    fn rwlock() -> RwLock<u64> {
        RwLock::new(0)
    }
    async fn with_read(l: &RwLock<u64>) -> u64 {
        *l.read().await
    }
    async fn with_write(l: &RwLock<u64>) {
        let mut guard = l.write().await;
        *guard += 1;
        Self::yield_now().await;
    }

    type BroadcastTx = futures_channels::Tx;
    type BroadcastRx = async_broadcast::Receiver<u64>;
    fn broadcast(capacity: usize, receivers: usize) -> (Self::BroadcastTx, Vec<Self::BroadcastRx>) {
        futures_channels::broadcast(capacity, receivers)
    }
    fn broadcast_send(tx: &Self::BroadcastTx, value: u64) {
        futures_channels::broadcast_send(tx, value);
    }
    async fn broadcast_recv(rx: &mut Self::BroadcastRx) -> u64 {
        futures_channels::broadcast_recv(rx).await
    }

    type WatchTx = ();
    type WatchRx = ();
    fn watch() -> ((), ()) {
        ((), ())
    }
    fn watch_send(_tx: &(), _value: u64) {}
    async fn watch_changed(_rx: &mut ()) -> u64 {
        0
    }

    type Semaphore = ();
    type Permit<'a> = ();
    fn semaphore(_permits: usize) {}
    async fn acquire(_s: &()) {}

    type Notify = FlagEvent;
    fn notify() -> FlagEvent {
        FlagEvent::default()
    }
    fn notify_one(n: &FlagEvent) {
        n.notify_one();
    }
    async fn notified(n: &FlagEvent) {
        n.notified().await;
    }

    type Listener = TcpListener;
    type Stream = TcpStream;
    async fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(addr).await
    }
    async fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(addr).await
    }
    fn local_addr(l: &TcpListener) -> io::Result<SocketAddr> {
        l.local_addr()
    }
    async fn accept(l: &TcpListener) -> io::Result<TcpStream> {
        Ok(l.accept().await?.0)
    }
    async fn read(s: &mut TcpStream, b: &mut [u8]) -> io::Result<usize> {
        s.read(b).await
    }
    async fn write_all(s: &mut TcpStream, b: &[u8]) -> io::Result<()> {
        s.write_all(b).await
    }

    type Udp = UdpSocket;
    async fn udp_bind(addr: SocketAddr) -> io::Result<UdpSocket> {
        UdpSocket::bind(addr).await
    }
    fn udp_local_addr(s: &UdpSocket) -> io::Result<SocketAddr> {
        s.local_addr()
    }
    async fn recv_from(s: &UdpSocket, b: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        s.recv_from(b).await
    }
    async fn send_to(s: &UdpSocket, b: &[u8], to: SocketAddr) -> io::Result<usize> {
        s.send_to(b, to).await
    }

    async fn copy(mut from: TcpStream, mut to: TcpStream) -> io::Result<u64> {
        async_std::io::copy(&mut from, &mut to).await
    }
    async fn copy_lines() -> io::Result<()> {
        let mut lines = BufReader::new(async_std::io::stdin()).lines();
        let mut out = BufWriter::new(async_std::io::stdout());
        while let Some(line) = lines.next().await {
            out.write_all(line?.as_bytes()).await?;
            out.write_all(b"\n").await?;
        }
        out.flush().await
    }

    type File = async_std::fs::File;
    async fn read_file(path: &Path) -> io::Result<Vec<u8>> {
        async_std::fs::read(path).await
    }
    async fn open_file(path: &Path) -> io::Result<async_std::fs::File> {
        async_std::fs::File::open(path).await
    }
    async fn read_some(f: &mut async_std::fs::File, b: &mut [u8]) -> io::Result<usize> {
        f.read(b).await
    }

    async fn run(program: &str) -> io::Result<ExitStatus> {
        Command::new(program).status().await
    }

    type HyperIo = FuturesIo<TcpStream>;
    fn hyper_io(s: TcpStream) -> Self::HyperIo {
        FuturesIo(s)
    }
}
