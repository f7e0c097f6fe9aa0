//! Whoever waits leaves a waker with what it waits for. When it waits no longer, because it is done
//! or was dropped, that waker goes, and with it the memory of the task: it does not stay for as
//! long as somebody else keeps the other end.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf, unix::AsyncFd};
use runtime::net::unix::pipe;
use runtime::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use runtime::signal::unix::{SignalKind, signal};
use runtime::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use runtime::task::{JoinSet, LocalSet, Scope};
use runtime::time::{self, Instant};
use tests::{CountingWaker, current_thread, eventually, forever, workers};

/// A task that waits, as those see it with whom it waits.
struct Task {
    count: Arc<CountingWaker>,
    waker: Waker,
}

impl Task {
    fn new() -> Task {
        let count = Arc::new(CountingWaker::default());
        Task { waker: Waker::from(Arc::clone(&count)), count }
    }

    fn poll<F: Future + ?Sized>(&self, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&self.waker))
    }

    /// Polls a future that must wait, and drops it.
    fn waits_for(&self, future: impl Future) {
        let mut future = pin!(future);
        assert!(self.poll(future.as_mut()).is_pending());
        assert_eq!(self.wakers(), 1, "it waits, and nobody has its waker");
    }

    /// How many wakers others have.
    fn wakers(&self) -> usize {
        Arc::strong_count(&self.count) - 2
    }

    /// Waits no longer.
    #[track_caller]
    fn is_forgotten(&self) {
        assert_eq!(self.wakers(), 0, "its waker is still there");
    }
}

/// The futures of `$waiting` wait, and then are gone; what they came from stays.
macro_rules! forgets {
    ($($waiting:expr),* $(,)?) => {$(
        let task = Task::new();
        task.waits_for($waiting);
        assert_eq!(task.wakers(), 0, "{} has left a waker", stringify!($waiting));
    )*};
}

#[test]
fn a_oneshot_drops_the_waker_of_a_dropped_or_closed_receiver() {
    let (sender, mut receiver) = oneshot::channel::<u8>();
    let task = Task::new();
    assert!(task.poll(pin!(&mut receiver)).is_pending());
    drop(receiver);
    task.is_forgotten();
    assert!(sender.is_closed());

    let (sender, mut receiver) = oneshot::channel::<u8>();
    assert!(task.poll(pin!(&mut receiver)).is_pending());
    receiver.close();
    task.is_forgotten();
    assert!(task.poll(pin!(&mut receiver)).is_ready());
    task.is_forgotten();
    drop(sender);
    assert_eq!(task.count.count(), 0);
}

#[test]
fn a_oneshot_drops_the_waker_of_a_sender_that_sends_or_is_dropped() {
    let task = Task::new();
    let (mut sender, mut receiver) = oneshot::channel();
    assert!(task.poll(pin!(sender.closed())).is_pending());
    sender.send(1).unwrap();
    task.is_forgotten();
    assert_eq!(receiver.try_recv(), Ok(1));

    let (mut sender, receiver) = oneshot::channel::<u8>();
    assert!(task.poll(pin!(sender.closed())).is_pending());
    drop(sender);
    task.is_forgotten();
    drop(receiver);

    let (mut sender, receiver) = oneshot::channel::<u8>();
    assert!(task.poll(pin!(sender.closed())).is_pending());
    drop(receiver);
    task.is_forgotten();
    assert_eq!(task.count.count(), 1);
    assert!(task.poll(pin!(sender.closed())).is_ready());
    assert_eq!(sender.send(1), Err(1));
}

#[test]
fn a_channel_drops_the_waker_of_a_dropped_end() {
    let task = Task::new();
    let (sender, mut receiver) = mpsc::channel::<u8>(1);
    task.waits_for(receiver.recv());
    drop(receiver);
    task.is_forgotten();
    drop(sender);
    let (sender, mut receiver) = mpsc::unbounded_channel::<u8>();
    task.waits_for(receiver.recv_many(&mut Vec::new(), 3));
    drop(receiver);
    task.is_forgotten();
    drop(sender);

    let (sender, receiver) = mpsc::channel(1);
    forgets!(sender.closed());
    sender.try_send(1).unwrap();
    forgets!(sender.send(2), sender.reserve(), sender.reserve_many(1), sender.closed());
    forgets!(sender.clone().reserve_owned());
    drop(receiver);
}

#[test]
fn dropped_waits_for_a_change_drop_their_wakers() {
    let (sender, mut receiver) = broadcast::channel::<u8>(1);
    forgets!(receiver.recv(), sender.closed());
    let (sender, mut receiver) = watch::channel(1);
    forgets!(receiver.changed(), receiver.wait_for(|value| *value == 2), sender.closed());
    let notify = Arc::new(Notify::new());
    forgets!(notify.notified(), Arc::clone(&notify).notified_owned());
    forgets!(Barrier::new(2).wait(), SetOnce::<u8>::new().wait());
}

#[test]
fn dropped_waits_for_permits_drop_their_wakers() {
    let semaphore = Arc::new(Semaphore::new(0));
    forgets!(semaphore.acquire(), semaphore.acquire_many(2), semaphore.clone().acquire_owned());
    let mutex = Arc::new(Mutex::new(1));
    let held = mutex.try_lock().unwrap();
    forgets!(mutex.lock(), mutex.clone().lock_owned());
    drop(held);
    let lock = Arc::new(RwLock::new(1));
    let held = lock.try_write().unwrap();
    forgets!(lock.read(), lock.write(), lock.clone().read_owned(), lock.clone().write_owned());
    drop(held);
    let cell = OnceCell::<u8>::new();
    let mut first = pin!(cell.get_or_init(std::future::pending));
    assert!(Task::new().poll(first.as_mut()).is_pending());
    forgets!(cell.get_or_init(async || 1));
}

#[test]
fn dropped_waits_for_tasks_drop_their_wakers() {
    let runtime = workers(1);
    let _entered = runtime.enter();
    let handle = runtime.spawn(forever(()));
    let abort = handle.abort_handle();
    forgets!(handle);
    abort.abort();

    let mut set = JoinSet::new();
    let abort = set.spawn(forever(()));
    let task = Task::new();
    task.waits_for(set.join_next());
    set.detach_all();
    drop(set);
    task.is_forgotten();
    abort.abort();

    let scope = Scope::new();
    forgets!(scope.cancelled());
    let handle = scope.spawn(forever(()));
    forgets!(scope.close());
    handle.abort();
}

#[test]
fn a_local_set_drops_the_wakers_of_its_pollers() {
    let set = LocalSet::new();
    let handle = set.spawn_local(forever(()));
    let task = Task::new();
    task.waits_for(set);
    task.is_forgotten();
    assert!(handle.is_finished());
}

#[test]
fn dropped_waits_for_timers_drop_their_wakers() {
    let runtime = current_thread();
    let _entered = runtime.enter();
    let long = Duration::from_secs(1000);
    forgets!(time::sleep(long), time::sleep_until(Instant::now() + long));
    forgets!(time::timeout(long, forever(())));
    let task = Task::new();
    let mut interval = time::interval_at(Instant::now() + long, long);
    task.waits_for(interval.tick());
    drop(interval);
    task.is_forgotten();
}

#[test]
fn dropped_waits_for_sockets_drop_their_wakers() {
    let runtime = current_thread();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        forgets!(listener.accept());
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut buf = [0; 8];
        forgets!(stream.readable());
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        forgets!(socket.recv(&mut buf), socket.readable(), socket.peek_from(&mut buf));
        let (_sender, receiver) = pipe::pipe().unwrap();
        forgets!(receiver.readable());
        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        // SAFETY: the `AsyncFd` owns the socket, which keeps its descriptor.
        let fd = unsafe { AsyncFd::register(one) }.unwrap();
        forgets!(fd.readable());
        forgets!(signal(SignalKind::hangup()).unwrap().recv());
    });
}

/// Polls until there is nothing to read, or no room.
fn uses_up(mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<()>>, cx: &mut Context<'_>) {
    eventually("it waits", || poll(cx).is_pending());
}

#[test]
fn a_dropped_half_of_a_stream_drops_its_waker() {
    async fn halves() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (stream, listener.accept().await.unwrap().0)
    }

    /// Reads what is not there, or fills what the other side does not read.
    macro_rules! half_waits {
        ($read:ident, $write:ident) => {
            let task = Task::new();
            let mut cx = Context::from_waker(&task.waker);
            let mut buf = [0; 8];
            uses_up(|cx| Pin::new(&mut $read).poll_read(cx, &mut ReadBuf::new(&mut buf)), &mut cx);
            assert_eq!(task.wakers(), 1);
            drop($read);
            task.is_forgotten();

            let block = vec![0; 1 << 20];
            uses_up(|cx| Pin::new(&mut $write).poll_write(cx, &block).map_ok(|_| ()), &mut cx);
            assert_eq!(task.wakers(), 1);
        };
    }

    let runtime = current_thread();
    runtime.block_on(runtime::task::unconstrained(async {
        let (stream, _peer) = halves().await;
        let (mut read, mut write) = stream.into_split();
        half_waits!(read, write);

        let (stream, _peer) = UnixStream::pair().unwrap();
        let (mut read, mut write) = stream.into_split();
        half_waits!(read, write);

        // The writing half, while the reading one is kept.
        let (stream, _peer) = halves().await;
        let (mut read, mut write) = stream.into_split();
        let task = Task::new();
        let mut cx = Context::from_waker(&task.waker);
        let block = vec![0; 1 << 20];
        uses_up(|cx| Pin::new(&mut write).poll_write(cx, &block).map_ok(|_| ()), &mut cx);
        assert_eq!(task.wakers(), 1);
        write.forget();
        task.is_forgotten();
        let mut buf = [0; 1];
        task.waits_for(read.read(&mut buf));
    }));
}

#[test]
fn a_dropped_end_of_a_pipe_in_memory_drops_its_waker() {
    let task = Task::new();
    let mut cx = Context::from_waker(&task.waker);
    let (mut one, other) = runtime::io::duplex(1);
    let mut buf = [0; 8];
    assert!(Pin::new(&mut one).poll_read(&mut cx, &mut ReadBuf::new(&mut buf)).is_pending());
    assert!(Pin::new(&mut one).poll_write(&mut cx, &[1]).is_ready());
    assert!(Pin::new(&mut one).poll_write(&mut cx, &[1]).is_pending());
    assert_eq!(task.wakers(), 2);
    drop(one);
    task.is_forgotten();
    drop(other);
}

#[test]
fn a_dropped_wait_for_a_child_drops_its_waker() {
    let runtime = current_thread();
    runtime.block_on(async {
        let mut child = runtime::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = child.id().unwrap() as libc::pid_t;
        let task = Task::new();
        task.waits_for(child.wait());
        drop(child);
        task.is_forgotten();
        // SAFETY: the call takes two numbers; the child was not waited for, so the number is its
        // own.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
    });
}
