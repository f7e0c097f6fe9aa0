//! smol: an `async_executor::Executor` on threads of its own, each inside `async_io::block_on`.
//!
//! This is what `smol::spawn` does with `SMOL_THREADS`, but stoppable. The current executor is
//! found through a thread local instead of a static.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use event_listener::Event;
use futures_channel::oneshot;
use smol::Unblock;
use smol::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use smol::lock::{Mutex, MutexGuard, RwLock, Semaphore, SemaphoreGuard};
use smol::net::{TcpListener, TcpStream, UdpSocket};
use smol::process::Command;
use smol::stream::StreamExt;
use smol::{Executor, Task, Timer, channel};

use super::Peer;
use super::futures_channels;
use super::futures_hyper::FuturesIo;

pub struct Smol;

type Ex = Arc<Executor<'static>>;

thread_local! {
    static CURRENT: RefCell<Option<Ex>> = const { RefCell::new(None) };
}

pub struct Running {
    executor: Ex,
    stop: channel::Sender<()>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// A `Notify` of the usual make: a flag and an event.
#[derive(Default)]
pub struct FlagEvent {
    flag: AtomicBool,
    event: Event,
}

impl FlagEvent {
    pub fn notify_one(&self) {
        self.flag.store(true, Ordering::Release);
        self.event.notify(1);
    }
    pub async fn notified(&self) {
        loop {
            if self.flag.swap(false, Ordering::Acquire) {
                return;
            }
            let listener = self.event.listen();
            if self.flag.swap(false, Ordering::Acquire) {
                return;
            }
            listener.await;
        }
    }
}

impl Peer for Smol {
    const NAME: &'static str = "smol";
    const FEATURES: &'static str = "async-executor driven by threads in async_io::block_on; \
         async-channel, async-lock, event-listener, blocking, async-process; oneshot of futures-channel";
    const HAS_WATCH: bool = false;

    type Runtime = Running;
    type Join<T: Send + 'static> = Task<T>;

    fn start(workers: usize) -> Running {
        let executor: Ex = Arc::new(Executor::new());
        let (stop, stopped) = channel::unbounded::<()>();
        let threads = (0..workers)
            .map(|i| {
                let (executor, stopped) = (executor.clone(), stopped.clone());
                let run = move || {
                    CURRENT.set(Some(executor.clone()));
                    let _ = smol::block_on(executor.run(stopped.recv()));
                };
                thread::Builder::new().name(format!("smol-{i}")).spawn(run).unwrap()
            })
            .collect();
        Running { executor, stop, threads }
    }
    fn stop(rt: Running) {
        drop(rt.stop);
        for thread in rt.threads {
            thread.join().unwrap();
        }
    }
    fn block_on<F: Future>(rt: &Running, f: F) -> F::Output {
        CURRENT.set(Some(rt.executor.clone()));
        let output = smol::block_on(f);
        CURRENT.set(None);
        output
    }

    fn spawn<F>(f: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        CURRENT.with_borrow(|ex| ex.as_ref().expect("not inside the executor").spawn(f))
    }
    fn spawn_on<F>(rt: &Running, f: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        rt.executor.spawn(f)
    }
    fn detach<T: Send + 'static>(join: Task<T>) {
        join.detach();
    }
    fn spawn_blocking<T, F>(f: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        smol::unblock(f)
    }
    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        smol::future::yield_now()
    }

    async fn sleep(d: Duration) {
        Timer::after(d).await;
    }
    fn timeout<F>(d: Duration, f: F) -> impl Future<Output = Option<F::Output>> + Send + 'static
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        smol::future::or(async { Some(f.await) }, async move {
            Timer::after(d).await;
            None
        })
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

    type Semaphore = Semaphore;
    type Permit<'a> = SemaphoreGuard<'a>;
    fn semaphore(permits: usize) -> Semaphore {
        Semaphore::new(permits)
    }
    async fn acquire(s: &Semaphore) -> SemaphoreGuard<'_> {
        s.acquire().await
    }

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

    async fn copy(from: TcpStream, to: TcpStream) -> io::Result<u64> {
        smol::io::copy(from, to).await
    }
    async fn copy_lines() -> io::Result<()> {
        let mut lines = BufReader::new(Unblock::new(io::stdin())).lines();
        let mut out = BufWriter::new(Unblock::new(io::stdout()));
        while let Some(line) = lines.next().await {
            out.write_all(line?.as_bytes()).await?;
            out.write_all(b"\n").await?;
        }
        out.flush().await
    }

    type File = smol::fs::File;
    async fn read_file(path: &Path) -> io::Result<Vec<u8>> {
        smol::fs::read(path).await
    }
    async fn open_file(path: &Path) -> io::Result<smol::fs::File> {
        smol::fs::File::open(path).await
    }
    async fn read_some(f: &mut smol::fs::File, b: &mut [u8]) -> io::Result<usize> {
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
