//! What is promised of a future that is given up: whatever it waited for is still there for the
//! next one, and what it was to do is not done. Each operation here is made again and again, and
//! given up now at its first, now at its second `Pending`, now when it was woken and not polled
//! yet.

#![cfg(unix)]

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::Cursor;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use runtime::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
    duplex, simplex,
};
use runtime::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, unix::pipe,
};
use runtime::sync::{
    Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use runtime::task::{JoinSet, Scope, yield_now};
use runtime::time::{self, MissedTickBehavior};
use tests::scratch::Scratch;
use tests::{Gate, current_thread, eventually_async, within, workers};

/// Polls a future until it is done or given up: in each round somewhere else.
async fn for_a_while<F: Future>(mut future: Pin<&mut F>, round: usize) -> Option<F::Output> {
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        if round % 3 == 2 && polls == 2 {
            // Woken, and gone.
            return Poll::Ready(None);
        }
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls > round % 3 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Makes the future, and makes it again, until one is done.
macro_rules! stubbornly {
    ($future:expr) => {{
        let mut round = 0;
        loop {
            let output = for_a_while(pin!($future), round).await;
            if let Some(output) = output {
                break output;
            }
            round += 1;
            yield_now().await;
        }
    }};
}

fn on_each<F: Future<Output = ()>>(body: impl Fn() -> F + Send + Sync + 'static) {
    within(move || {
        for runtime in [workers(1), workers(2), current_thread()] {
            runtime.block_on(body());
        }
    });
}

const MANY: usize = 300;

fn all() -> Vec<usize> {
    (0..MANY).collect()
}

#[test]
fn a_bounded_channel_loses_nothing() {
    on_each(|| async {
        let (sender, mut receiver) = mpsc::channel(3);
        let sends = runtime::spawn(async move {
            for n in 0..MANY {
                match n % 3 {
                    0 => stubbornly!(sender.send(n)).unwrap(),
                    1 => stubbornly!(async { sender.reserve().await.unwrap().send(n) }),
                    // The places are taken together.
                    _ => {
                        stubbornly!(async {
                            sender.reserve_many(2).await.unwrap().next().unwrap().send(n)
                        })
                    }
                }
            }
            stubbornly!(sender.closed());
        });
        let mut received = Vec::new();
        while received.len() < MANY {
            if received.len() % 2 == 0 {
                received.push(stubbornly!(receiver.recv()).unwrap());
            } else {
                let mut some = Vec::new();
                stubbornly!(receiver.recv_many(&mut some, 2));
                received.append(&mut some);
            }
        }
        drop(receiver);
        assert_eq!(received, all());
        sends.await.unwrap();
    });
}

#[test]
fn an_unbounded_channel_loses_nothing() {
    on_each(|| async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let sends = runtime::spawn(async move {
            for n in 0..MANY {
                sender.send(n).unwrap();
                yield_now().await;
            }
        });
        let mut received = Vec::new();
        while let Some(n) = stubbornly!(receiver.recv()) {
            received.push(n);
        }
        assert_eq!(received, all());
        sends.await.unwrap();
    });
}

#[test]
fn a_oneshot_loses_nothing() {
    on_each(|| async {
        for n in 0..MANY {
            let (sender, mut receiver) = oneshot::channel();
            let send = runtime::spawn(async move {
                yield_now().await;
                sender.send(n).unwrap();
            });
            assert_eq!(stubbornly!(&mut receiver), Ok(n));
            send.await.unwrap();

            let (mut sender, receiver) = oneshot::channel::<()>();
            drop(runtime::spawn(async move { drop(receiver) }));
            stubbornly!(sender.closed());
        }
    });
}

#[test]
fn a_broadcast_loses_nothing() {
    on_each(|| async {
        let (sender, mut receiver) = broadcast::channel(MANY);
        let mut second = sender.subscribe();
        let other = runtime::spawn(async move {
            let mut received = Vec::new();
            while let Ok(n) = stubbornly!(second.recv()) {
                received.push(n);
            }
            received
        });
        let sends = runtime::spawn(async move {
            for n in 0..MANY {
                sender.send(n).unwrap();
                yield_now().await;
            }
        });
        let mut received = Vec::new();
        while let Ok(n) = stubbornly!(receiver.recv()) {
            received.push(n);
        }
        sends.await.unwrap();
        assert_eq!(received, all());
        assert_eq!(other.await.unwrap(), all());
    });
}

#[test]
fn a_watch_loses_nothing() {
    on_each(|| async {
        let (sender, mut receiver) = watch::channel(0);
        let (seen, mut was_seen) = watch::channel(0);
        let sends = runtime::spawn(async move {
            for n in 1..MANY {
                sender.send(n).unwrap();
                // Each change is seen before the next.
                stubbornly!(async { *was_seen.wait_for(|&seen| seen == n).await.unwrap() });
            }
            drop(was_seen);
            stubbornly!(sender.closed());
        });
        for n in 1..MANY {
            stubbornly!(receiver.changed()).unwrap();
            assert_eq!(*receiver.borrow_and_update(), n);
            seen.send(n).unwrap();
        }
        drop(receiver);
        sends.await.unwrap();
    });
}

#[test]
fn a_semaphore_loses_nothing() {
    on_each(|| async {
        let semaphore = Arc::new(Semaphore::new(3));
        let mut tasks = JoinSet::new();
        for task in 0..4 {
            let semaphore = semaphore.clone();
            tasks.spawn(async move {
                for n in 0..MANY / 4 {
                    match (task + n) % 3 {
                        0 => {
                            let _one = stubbornly!(semaphore.acquire()).unwrap();
                            yield_now().await;
                        }
                        1 => {
                            let _all =
                                stubbornly!(async { semaphore.acquire_many(3).await.unwrap() });
                            yield_now().await;
                        }
                        _ => {
                            let _two = stubbornly!(async {
                                semaphore.clone().acquire_many_owned(2).await.unwrap()
                            });
                            yield_now().await;
                        }
                    }
                }
            });
        }
        while let Some(ended) = stubbornly!(tasks.join_next()) {
            ended.unwrap();
        }
        assert_eq!(semaphore.available_permits(), 3);
    });
}

#[test]
fn the_locks_lose_nothing() {
    on_each(|| async {
        let (mutex, rwlock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
        let readers = Arc::new(AtomicUsize::new(0));
        let tasks: JoinSet<()> = (0..4)
            .map(|task| {
                let (mutex, rwlock, readers) = (mutex.clone(), rwlock.clone(), readers.clone());
                async move {
                    for n in 0..MANY / 4 {
                        if (task + n) % 2 == 0 {
                            let mut guard = stubbornly!(mutex.lock());
                            let before = *guard;
                            yield_now().await;
                            *guard = before + 1;
                        } else {
                            let mut guard = stubbornly!(async { mutex.clone().lock_owned().await });
                            *guard += 1;
                        }
                        if n % 2 == 0 {
                            let mut guard = stubbornly!(rwlock.write());
                            let before = *guard;
                            yield_now().await;
                            assert_eq!(readers.load(Ordering::SeqCst), 0);
                            *guard = before + 1;
                        } else {
                            let _guard = stubbornly!(async { rwlock.clone().read_owned().await });
                            readers.fetch_add(1, Ordering::SeqCst);
                            yield_now().await;
                            readers.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                }
            })
            .collect();
        tasks.join_all().await;
        assert_eq!(*mutex.lock().await, MANY);
        let writes = 4 * (MANY / 4).div_ceil(2);
        assert_eq!(*rwlock.write().await, writes);
    });
}

#[test]
fn a_notify_loses_nothing() {
    on_each(|| async {
        let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (pinged, ponged) = (ping.clone(), pong.clone());
        let other = runtime::spawn(async move {
            for _ in 0..MANY {
                stubbornly!(pinged.notified());
                ponged.notify_one();
            }
        });
        for _ in 0..MANY {
            ping.notify_one();
            stubbornly!(pong.clone().notified_owned());
        }
        other.await.unwrap();
    });
}

#[test]
fn cells_that_are_filled_once_lose_nothing() {
    on_each(|| async {
        for n in 0..MANY / 10 {
            let (cell, set) = (Arc::new(OnceCell::new()), Arc::new(SetOnce::new()));
            let (other, fills) = (cell.clone(), set.clone());
            let fill = runtime::spawn(async move {
                let init = async || {
                    yield_now().await;
                    n
                };
                let value = stubbornly!(async { *other.get_or_init(init).await });
                fills.set(value).unwrap();
            });
            let init = async || {
                yield_now().await;
                n
            };
            assert_eq!(stubbornly!(async { *cell.get_or_init(init).await }), n);
            assert_eq!(stubbornly!(async { *set.wait().await }), n);
            fill.await.unwrap();
        }
    });
}

#[test]
fn waits_for_tasks_lose_nothing() {
    on_each(|| async {
        let mut set: JoinSet<usize> = (0..MANY)
            .map(|n| async move {
                yield_now().await;
                n
            })
            .collect();
        let mut ended = Vec::new();
        while let Some(task) = stubbornly!(set.join_next_with_id()) {
            ended.push(task.unwrap().1);
        }
        ended.sort();
        assert_eq!(ended, all());

        let mut task = runtime::spawn(async { yield_now().await });
        stubbornly!(&mut task).unwrap();

        let mut job = runtime::spawn_blocking(|| 7);
        assert_eq!(stubbornly!(&mut job).unwrap(), 7);

        let scope = Scope::new();
        let handle = scope.handle().clone();
        let told = runtime::spawn(async move { stubbornly!(handle.cancelled()) });
        yield_now().await;
        scope.cancel();
        told.await.unwrap();
        scope.close().await.unwrap();
    });
}

fn pattern() -> Vec<u8> {
    (0..40_000u32).map(|n| (n % 251) as u8).collect()
}

/// Sends the pattern through a stream: what is written and read, in pieces of all sizes, is the
/// same.
async fn carries(
    mut writer: impl AsyncWrite + Unpin + Send + 'static,
    mut reader: impl AsyncRead + Unpin,
) {
    let writes = runtime::spawn(async move {
        let all = pattern();
        let mut sent = 0;
        while sent < all.len() / 2 {
            let piece = &all[sent..(sent + 700).min(all.len() / 2)];
            sent += stubbornly!(writer.write(piece)).unwrap();
        }
        let mut rest = Cursor::new(&all[sent..]);
        stubbornly!(writer.write_all_buf(&mut rest)).unwrap();
        stubbornly!(writer.flush()).unwrap();
        stubbornly!(writer.shutdown()).unwrap();
        writer
    });
    let mut received = Vec::new();
    for turn in 0.. {
        let read = if turn % 2 == 0 {
            let mut buf = [0; 333];
            let read = stubbornly!(reader.read(&mut buf)).unwrap();
            received.extend_from_slice(&buf[..read]);
            read
        } else {
            stubbornly!(reader.read_buf(&mut received)).unwrap()
        };
        if read == 0 || received.len() == pattern().len() {
            break;
        }
    }
    assert!(received == pattern());
    writes.await.unwrap();
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap());
    let accept = async { stubbornly!(listener.accept()) };
    let (near, far) = runtime::join!(near, accept);
    (near.unwrap(), far.unwrap().0)
}

#[test]
fn streams_lose_nothing() {
    on_each(|| async {
        let (near, far) = tcp_pair().await;
        carries(near, far).await;
        let (near, far) = tcp_pair().await;
        let ((_, writer), (reader, _)) = (near.into_split(), far.into_split());
        carries(writer, reader).await;
        let (near, far) = UnixStream::pair().unwrap();
        carries(near, far).await;
        let (sender, receiver) = pipe::pipe().unwrap();
        carries(sender, receiver).await;
        let (near, far) = duplex(100);
        carries(near, far).await;
        let (reader, writer) = simplex(64);
        carries(writer, reader).await;
    });
}

#[test]
fn files_lose_nothing() {
    on_each(|| async {
        let scratch = Scratch::new();
        let path = scratch.path().join("file");
        let mut file = runtime::fs::File::create(&path).await.unwrap();
        let all = pattern();
        let mut sent = 0;
        while sent < all.len() {
            let piece = &all[sent..(sent + 7000).min(all.len())];
            sent += stubbornly!(file.write(piece)).unwrap();
        }
        stubbornly!(file.flush()).unwrap();
        drop(file);
        let mut file = runtime::fs::File::open(&path).await.unwrap();
        let (mut received, mut buf) = (Vec::new(), [0; 3000]);
        loop {
            let read = stubbornly!(file.read(&mut buf)).unwrap();
            if read == 0 {
                break;
            }
            received.extend_from_slice(&buf[..read]);
        }
        assert!(received == all);

        for n in 0..600 {
            std::fs::write(scratch.path().join(n.to_string()), "").unwrap();
        }
        let mut entries = runtime::fs::read_dir(scratch.path()).await.unwrap();
        let mut names = 0;
        while stubbornly!(entries.next_entry()).unwrap().is_some() {
            names += 1;
        }
        assert_eq!(names, 601);
    });
}

/// A reader from which lines come in pieces.
fn pieces(text: &'static str) -> impl AsyncBufRead + Unpin {
    let (mut writer, reader) = duplex(5);
    drop(runtime::spawn(async move {
        for piece in text.as_bytes().chunks(3) {
            writer.write_all(piece).await.unwrap();
            yield_now().await;
        }
    }));
    BufReader::with_capacity(4, reader)
}

const TEXT: &str = "first\nsecond line\n\nthird, and the last, which is longer";

#[test]
fn readers_of_text_lose_nothing() {
    on_each(|| async {
        let expected: Vec<_> = TEXT.split('\n').collect();

        let mut lines = pieces(TEXT).lines();
        let mut got = Vec::new();
        while let Some(line) = stubbornly!(lines.next_line()).unwrap() {
            got.push(line);
        }
        assert_eq!(got, expected);

        let mut segments = pieces(TEXT).split(b'\n');
        let mut got = Vec::new();
        while let Some(segment) = stubbornly!(segments.next_segment()).unwrap() {
            got.push(String::from_utf8(segment).unwrap());
        }
        assert_eq!(got, expected);

        let mut reader = pieces(TEXT);
        let mut got = Vec::new();
        stubbornly!(reader.read_until(b',', &mut got)).unwrap();
        stubbornly!(reader.read_to_end(&mut got)).unwrap();
        assert_eq!(got, TEXT.as_bytes());

        let mut reader = pieces(TEXT);
        let mut got = Vec::new();
        loop {
            let taken = stubbornly!(async { reader.fill_buf().await.unwrap().to_vec() });
            if taken.is_empty() {
                break;
            }
            reader.consume(taken.len());
            got.extend(taken);
        }
        assert_eq!(got, TEXT.as_bytes());

        let (mut reader, (mut writer, mut other)) = (pieces(TEXT), duplex(2));
        let copied = runtime::spawn(async move {
            let mut copied = String::new();
            other.read_to_string(&mut copied).await.unwrap();
            copied
        });
        stubbornly!(runtime::io::copy_buf(&mut reader, &mut writer)).unwrap();
        drop(writer);
        assert_eq!(copied.await.unwrap(), TEXT);
    });
}

#[test]
fn listeners_lose_nothing() {
    on_each(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clients = runtime::spawn(async move {
            for n in 0..40u8 {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_u8(n).await.unwrap();
            }
        });
        for n in 0..40u8 {
            let (mut stream, _) = stubbornly!(listener.accept()).unwrap();
            let mut peeked = [0];
            stubbornly!(stream.peek(&mut peeked)).unwrap();
            assert_eq!((peeked[0], stream.read_u8().await.unwrap()), (n, n));
        }
        clients.await.unwrap();

        let scratch = Scratch::new();
        let path = scratch.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let clients = runtime::spawn(async move {
            for n in 0..40u8 {
                UnixStream::connect(&path).await.unwrap().write_u8(n).await.unwrap();
            }
        });
        for n in 0..40u8 {
            let (mut stream, _) = stubbornly!(listener.accept()).unwrap();
            stubbornly!(stream.readable()).unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), n);
        }
        clients.await.unwrap();
    });
}

#[test]
fn datagram_sockets_lose_nothing() {
    on_each(|| async {
        let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        near.connect(far.local_addr().unwrap()).await.unwrap();
        let echo = runtime::spawn(async move {
            let mut buf = [0; 100];
            for _ in 0..100 {
                let (len, from) = stubbornly!(async { far.recv_from(&mut buf).await.unwrap() });
                stubbornly!(far.send_to(&buf[..len], from)).unwrap();
            }
        });
        for n in 0..100usize {
            stubbornly!(near.send(&n.to_ne_bytes())).unwrap();
            let mut buf = [0; 100];
            if n % 2 == 0 {
                stubbornly!(near.peek(&mut buf)).unwrap();
            }
            let len = stubbornly!(near.recv(&mut buf)).unwrap();
            assert_eq!(buf[..len], n.to_ne_bytes());
        }
        echo.await.unwrap();

        let (near, far) = UnixDatagram::pair().unwrap();
        let sends = runtime::spawn(async move {
            for n in 0..MANY {
                stubbornly!(near.send(&n.to_ne_bytes())).unwrap();
            }
        });
        for n in 0..MANY {
            let mut buf = [0; 100];
            let len = stubbornly!(far.recv(&mut buf)).unwrap();
            assert_eq!(buf[..len], n.to_ne_bytes());
        }
        sends.await.unwrap();
    });
}

#[test]
fn timers_lose_nothing() {
    on_each(|| async {
        let start = time::Instant::now();
        let period = Duration::from_millis(2);
        let mut ticks = time::interval_at(start, period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for n in 0..20 {
            assert_eq!(stubbornly!(ticks.tick()), start + n * period);
        }
        let mut sleep = pin!(time::sleep(period));
        stubbornly!(sleep.as_mut());
        assert!(start.elapsed() >= 20 * period);
    });
}

#[test]
fn signals_and_children_lose_nothing() {
    on_each(|| async {
        use runtime::signal::unix::{SignalKind, signal};
        let mut listener = signal(SignalKind::user_defined2()).unwrap();
        for _ in 0..20 {
            // SAFETY: the signal has a handler.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
            stubbornly!(listener.recv()).unwrap();
        }
        let mut child = runtime::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        carries(child.stdin.take().unwrap(), child.stdout.take().unwrap()).await;
        assert!(stubbornly!(child.wait()).unwrap().success());
    });
}

/// The promise is that of the queue, not of luck: nobody who was woken and left keeps what was
/// meant for the next.
#[test]
fn many_waiters_in_one_line_lose_nothing() {
    on_each(|| async {
        let (notify, gate) = (Arc::new(Notify::new()), Gate::default());
        let queue = Arc::new(std::sync::Mutex::new(VecDeque::new()));
        let consumers: JoinSet<usize> = (0..5)
            .map(|_| {
                let (notify, queue, gate) = (notify.clone(), queue.clone(), gate.clone());
                async move {
                    let mut taken = 0;
                    loop {
                        stubbornly!(notify.notified());
                        if gate.is_open() {
                            // The next one leaves, too.
                            notify.notify_one();
                            return taken;
                        }
                        taken += queue.lock().unwrap().drain(..).count();
                    }
                }
            })
            .collect();
        for n in 0..MANY {
            queue.lock().unwrap().push_back(n);
            notify.notify_one();
            yield_now().await;
        }
        eventually_async("all is taken", || queue.lock().unwrap().is_empty()).await;
        gate.open();
        notify.notify_one();
        assert_eq!(consumers.join_all().await.into_iter().sum::<usize>(), MANY);
    });
}
