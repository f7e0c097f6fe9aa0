//! One source for the two runtimes that share tokio's API: what is measured cannot differ by
//! accident.

macro_rules! tokio_shape {
    ($peer:ident, $rt:ident, $name:literal, $features:expr) => {
        use std::future::Future;
        use std::io;
        use std::net::SocketAddr;
        use std::path::Path;
        use std::pin::Pin;
        use std::process::ExitStatus;
        use std::task::{Context, Poll, ready};
        use std::time::Duration;

        use ::$rt::io::{
            AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
            BufWriter, ReadBuf,
        };
        use ::$rt::net::{TcpListener, TcpStream, UdpSocket};
        use ::$rt::process::Command;
        use ::$rt::runtime::{Builder, Runtime};
        use ::$rt::sync::{
            Mutex, MutexGuard, Notify, RwLock, Semaphore, SemaphorePermit, broadcast, mpsc,
            oneshot, watch,
        };
        use ::$rt::task::{JoinHandle, JoinSet};

        use super::Peer;

        pub struct $peer;

        /// A join handle whose task is not expected to panic.
        pub struct Join<T>(JoinHandle<T>);

        impl<T> Future for Join<T> {
            type Output = T;
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
                Pin::new(&mut self.0).poll(cx).map(|r| match r {
                    Ok(value) => value,
                    Err(_) => panic!("a task of a workload panicked"),
                })
            }
        }

        impl Peer for $peer {
            const NAME: &'static str = $name;
            const FEATURES: &'static str = $features;

            type Runtime = Runtime;
            type Join<T: Send + 'static> = Join<T>;

            fn start(workers: usize) -> Runtime {
                let mut builder = Builder::new_multi_thread();
                tune(builder.worker_threads(workers).enable_all());
                builder.build().unwrap()
            }
            fn stop(rt: Runtime) {
                drop(rt);
            }
            fn block_on<F: Future>(rt: &Runtime, f: F) -> F::Output {
                rt.block_on(f)
            }

            fn spawn<F>(f: F) -> Join<F::Output>
            where
                F: Future + Send + 'static,
                F::Output: Send + 'static,
            {
                Join(::$rt::spawn(f))
            }
            fn spawn_on<F>(rt: &Runtime, f: F) -> Join<F::Output>
            where
                F: Future + Send + 'static,
                F::Output: Send + 'static,
            {
                Join(rt.spawn(f))
            }
            fn detach<T: Send + 'static>(join: Join<T>) {
                drop(join);
            }
            async fn join_set(tasks: usize) {
                let mut set = JoinSet::new();
                for _ in 0..tasks {
                    set.spawn(async {});
                }
                while set.join_next().await.is_some() {}
            }
            fn spawn_blocking<T, F>(f: F) -> Join<T>
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                Join(::$rt::task::spawn_blocking(f))
            }
            fn yield_now() -> impl Future<Output = ()> + Send + 'static {
                ::$rt::task::yield_now()
            }

            fn sleep(d: Duration) -> impl Future<Output = ()> + Send + 'static {
                ::$rt::time::sleep(d)
            }
            fn timeout<F>(
                d: Duration,
                f: F,
            ) -> impl Future<Output = Option<F::Output>> + Send + 'static
            where
                F: Future + Send + 'static,
                F::Output: Send,
            {
                Mapped(::$rt::time::timeout(d, f))
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

            type Tx = mpsc::Sender<u64>;
            type Rx = mpsc::Receiver<u64>;
            fn bounded(capacity: usize) -> (Self::Tx, Self::Rx) {
                mpsc::channel(capacity)
            }
            async fn send(tx: &Self::Tx, value: u64) {
                tx.send(value).await.unwrap();
            }
            async fn recv(rx: &mut Self::Rx) -> Option<u64> {
                rx.recv().await
            }

            type UnboundedTx = mpsc::UnboundedSender<u64>;
            type UnboundedRx = mpsc::UnboundedReceiver<u64>;
            fn unbounded() -> (Self::UnboundedTx, Self::UnboundedRx) {
                mpsc::unbounded_channel()
            }
            fn unbounded_send(tx: &Self::UnboundedTx, value: u64) {
                tx.send(value).unwrap();
            }
            async fn unbounded_recv(rx: &mut Self::UnboundedRx) -> Option<u64> {
                rx.recv().await
            }

            type Mutex = Mutex<u64>;
            type Guard<'a> = MutexGuard<'a, u64>;
            fn mutex() -> Self::Mutex {
                Mutex::new(0)
            }
            fn lock(m: &Self::Mutex) -> impl Future<Output = Self::Guard<'_>> + Send {
                m.lock()
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

            type BroadcastTx = broadcast::Sender<u64>;
            type BroadcastRx = broadcast::Receiver<u64>;
            fn broadcast(
                capacity: usize,
                receivers: usize,
            ) -> (broadcast::Sender<u64>, Vec<broadcast::Receiver<u64>>) {
                let (tx, rx) = broadcast::channel(capacity);
                let more = (1..receivers).map(|_| tx.subscribe()).collect::<Vec<_>>();
                (tx, more.into_iter().chain([rx]).collect())
            }
            fn broadcast_send(tx: &broadcast::Sender<u64>, value: u64) {
                let _ = tx.send(value).unwrap();
            }
            async fn broadcast_recv(rx: &mut broadcast::Receiver<u64>) -> u64 {
                rx.recv().await.unwrap()
            }

            type WatchTx = watch::Sender<u64>;
            type WatchRx = watch::Receiver<u64>;
            fn watch() -> (watch::Sender<u64>, watch::Receiver<u64>) {
                watch::channel(0)
            }
            fn watch_send(tx: &watch::Sender<u64>, value: u64) {
                tx.send(value).unwrap();
            }
            async fn watch_changed(rx: &mut watch::Receiver<u64>) -> u64 {
                rx.changed().await.unwrap();
                *rx.borrow_and_update()
            }

            type Semaphore = Semaphore;
            type Permit<'a> = SemaphorePermit<'a>;
            fn semaphore(permits: usize) -> Semaphore {
                Semaphore::new(permits)
            }
            async fn acquire(s: &Semaphore) -> SemaphorePermit<'_> {
                s.acquire().await.unwrap()
            }

            type Notify = Notify;
            fn notify() -> Notify {
                Notify::new()
            }
            fn notify_one(n: &Notify) {
                n.notify_one();
            }
            fn notified(n: &Notify) -> impl Future<Output = ()> + Send {
                n.notified()
            }

            type Listener = TcpListener;
            type Stream = TcpStream;
            fn bind(addr: SocketAddr) -> impl Future<Output = io::Result<TcpListener>> + Send {
                TcpListener::bind(addr)
            }
            fn connect(addr: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> + Send {
                TcpStream::connect(addr)
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
                ::$rt::io::copy(&mut from, &mut to).await
            }
            async fn copy_lines() -> io::Result<()> {
                let mut lines = BufReader::new(::$rt::io::stdin()).lines();
                let mut out = BufWriter::new(::$rt::io::stdout());
                while let Some(line) = lines.next_line().await? {
                    out.write_all(line.as_bytes()).await?;
                    out.write_all(b"\n").await?;
                }
                out.flush().await
            }

            type File = ::$rt::fs::File;
            async fn read_file(path: &Path) -> io::Result<Vec<u8>> {
                ::$rt::fs::read(path).await
            }
            async fn open_file(path: &Path) -> io::Result<::$rt::fs::File> {
                ::$rt::fs::File::open(path).await
            }
            async fn read_some(f: &mut ::$rt::fs::File, b: &mut [u8]) -> io::Result<usize> {
                f.read(b).await
            }

            async fn run(program: &str) -> io::Result<ExitStatus> {
                Command::new(program).status().await
            }

            type HyperIo = HyperIo;
            fn hyper_io(s: TcpStream) -> HyperIo {
                HyperIo(s)
            }
        }

        /// `Result` to `Option`, without an async block's state around the timer.
        struct Mapped<F>(::$rt::time::Timeout<F>);

        impl<F: Future> Future for Mapped<F> {
            type Output = Option<F::Output>;
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
                // SAFETY: the field is pinned with its owner: it is never moved out, `Mapped` has
                // no `Drop` of its own, and it is `Unpin` only when its field is.
                let inner = unsafe { self.map_unchecked_mut(|m| &mut m.0) };
                inner.poll(cx).map(Result::ok)
            }
        }

        /// hyper's traits on this runtime's stream, the way `hyper_util::rt::TokioIo` does it.
        pub struct HyperIo(TcpStream);

        impl hyper::rt::Read for HyperIo {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buf: hyper::rt::ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                // SAFETY: `ReadBuf` writes only initialised bytes into the slice.
                let mut inner = ReadBuf::uninit(unsafe { buf.as_mut() });
                ready!(Pin::new(&mut self.0).poll_read(cx, &mut inner))?;
                let filled = inner.filled().len();
                // SAFETY: `filled` bytes at the start were just written.
                unsafe { buf.advance(filled) };
                Poll::Ready(Ok(()))
            }
        }

        impl hyper::rt::Write for HyperIo {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_write(cx, buf)
            }
            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_flush(cx)
            }
            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.0).poll_shutdown(cx)
            }
            fn is_write_vectored(&self) -> bool {
                AsyncWrite::is_write_vectored(&self.0)
            }
            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
            }
        }
    };
}
