//! Whatever a program can wait for, it can wait for in a task: in the task's own body, in a boxed
//! future, and through a function of its own, with generic arguments, references and `?`.
//!
//! This is a test of the compiler's: what is here must compile, and nothing of it is run. A future
//! that is `Send` for one lifetime but not for all compiles alone, and is refused ("implementation
//! of `Send` is not general enough") in the body of a task.
//!
//! `cargo xtask tidy` finds each function of the face that gives a future and is not called here,
//! as `Type::function(..)` or `room::function(..)`.

use std::error::Error;
use std::fmt::Debug;
use std::future::Future;
use std::io::{IoSlice, Read, SeekFrom, Write};
use std::net::TcpStream as Socket;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use runtime::fs::{self, DirBuilder, DirEntry, File, OpenOptions, ReadDir};
use runtime::io::unix::{AsyncFd, FdWatch};
use runtime::io::{
    self, AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt,
    AsyncWrite, AsyncWriteExt, Interest, Lines, Split,
};
use runtime::net::unix::{self, pipe};
use runtime::net::{
    self, TcpListener, TcpSocket, TcpStream, ToSocketAddrs, UdpSocket, UnixDatagram, UnixListener,
    UnixSocket, UnixStream, tcp,
};
use runtime::process::{Child, Command};
use runtime::signal::{self, unix::Signal};
use runtime::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use runtime::task::{self, JoinHandle, JoinSet, Scope, ScopeHandle, coop};
use runtime::time::{self, Instant, Interval};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// What is waited for in the body of a task, in a box, and in a function that others wait for.
macro_rules! everywhere {
    ($($name:ident $body:block)*) => {
        $(
            fn $name<V: Value, S: Stream, A: Address, P: Place>() {
                async fn through_a_function<V: Value, S: Stream, A: Address, P: Place>() -> Outcome
                    $body

                fn through_a_reference<'a, V: Value, S: Stream, A: Address, P: Place>(
                    held: &'a V,
                ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
                    Box::pin(async move {
                        let kept = held;
                        through_a_function::<V, S, A, P>().await?;
                        let outcome: Outcome = async $body.await;
                        drop(kept.clone());
                        outcome
                    })
                }

                let _spawned = || -> JoinHandle<Outcome> { runtime::spawn(async move $body) };
                let _boxed = || -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
                    Box::pin(async move $body)
                };
                let _helped = || runtime::spawn(through_a_function::<V, S, A, P>());
                let _lent = || runtime::spawn(async {
                    let value: V = some();
                    through_a_reference::<V, S, A, P>(&value).await
                });
            }
        )*

        #[test]
        fn in_a_task_in_a_box_and_through_a_function() {
            $($name::<String, io::BufReader<File>, &'static str, &'static Path>();)*
        }
    };
}

trait Value: Clone + Debug + Send + Sync + 'static {}
impl Value for String {}

trait Stream:
    AsyncRead + AsyncBufRead + AsyncWrite + AsyncSeek + Unpin + Send + Sync + Debug + 'static
{
}

impl Stream for io::BufReader<File> {}

trait Address: ToSocketAddrs + Copy + Send + Sync + 'static {}
impl Address for &'static str {}

trait Place: AsRef<Path> + Copy + Send + Sync + 'static {}
impl Place for &'static Path {}

/// A value of any type, which is never made: nothing here runs.
fn some<T>() -> T {
    unreachable!("what calls this is compiled, not run")
}

runtime::task_local! {
    static NUMBER: u8;
}

everywhere! {
    tcp_sockets {
        let address: A = some();
        let text: String = some();
        let name: (&str, u16) = some();
        let socket_address: std::net::SocketAddr = some();
        let addresses: &[std::net::SocketAddr] = &[socket_address];
        let mut buf = [0; 8];
        let listener = TcpListener::bind(address).await?;
        TcpListener::bind("127.0.0.1:0").await?;
        TcpListener::bind(&text).await?;
        TcpListener::bind(name).await?;
        TcpListener::bind(addresses).await?;
        TcpListener::accept(&listener).await?;
        let mut stream = TcpStream::connect(address).await?;
        TcpStream::connect("127.0.0.1:9").await?;
        TcpStream::connect(&text).await?;
        TcpStream::connect(name).await?;
        TcpStream::connect(addresses).await?;
        TcpSocket::connect(TcpSocket::new_v4()?, socket_address).await?;
        TcpStream::peek(&stream, &mut buf).await?;
        TcpStream::ready(&stream, Interest::READABLE).await?;
        TcpStream::readable(&stream).await?;
        TcpStream::writable(&stream).await?;
        TcpStream::async_io(&stream, Interest::READABLE, || stream.try_read(&mut buf)).await?;
        {
            let (mut read, write) = stream.split();
            tcp::ReadHalf::peek(&mut read, &mut buf).await?;
            tcp::ReadHalf::ready(&read, Interest::READABLE).await?;
            tcp::ReadHalf::readable(&read).await?;
            tcp::WriteHalf::ready(&write, Interest::WRITABLE).await?;
            tcp::WriteHalf::writable(&write).await?;
        }
        let (mut read, write) = stream.into_split();
        tcp::OwnedReadHalf::peek(&mut read, &mut buf).await?;
        tcp::OwnedReadHalf::ready(&read, Interest::READABLE).await?;
        tcp::OwnedReadHalf::readable(&read).await?;
        tcp::OwnedWriteHalf::ready(&write, Interest::WRITABLE).await?;
        tcp::OwnedWriteHalf::writable(&write).await?;
        for found in net::lookup_host(address).await?.chain(net::lookup_host(&text).await?) {
            TcpStream::connect(found).await?;
        }
        Ok(())
    }

    udp_sockets {
        let address: A = some();
        let text: String = some();
        let name: (&str, u16) = some();
        let addresses: &[std::net::SocketAddr] = some();
        let mut buf = [0; 8];
        let mut room: Vec<u8> = Vec::new();
        let socket = UdpSocket::bind(address).await?;
        UdpSocket::bind("127.0.0.1:0").await?;
        UdpSocket::bind(&text).await?;
        UdpSocket::bind(name).await?;
        UdpSocket::bind(addresses).await?;
        UdpSocket::connect(&socket, address).await?;
        UdpSocket::connect(&socket, "127.0.0.1:9").await?;
        UdpSocket::connect(&socket, &text).await?;
        UdpSocket::connect(&socket, name).await?;
        UdpSocket::connect(&socket, addresses).await?;
        UdpSocket::send_to(&socket, &buf, address).await?;
        UdpSocket::send_to(&socket, &buf, &text).await?;
        UdpSocket::send(&socket, &buf).await?;
        UdpSocket::recv(&socket, &mut buf).await?;
        UdpSocket::recv_buf(&socket, &mut room).await?;
        UdpSocket::recv_from(&socket, &mut buf).await?;
        UdpSocket::recv_buf_from(&socket, &mut room).await?;
        UdpSocket::peek(&socket, &mut buf).await?;
        UdpSocket::peek_from(&socket, &mut buf).await?;
        UdpSocket::peek_sender(&socket).await?;
        UdpSocket::ready(&socket, Interest::READABLE).await?;
        UdpSocket::readable(&socket).await?;
        UdpSocket::writable(&socket).await?;
        UdpSocket::async_io(&socket, Interest::READABLE, || socket.try_recv(&mut buf)).await?;
        Ok(())
    }

    unix_sockets {
        let path: P = some();
        let text: String = some();
        let mut buf = [0; 8];
        let mut room: Vec<u8> = Vec::new();
        let socket = UnixDatagram::bind(path)?;
        UnixDatagram::send_to(&socket, &buf, path).await?;
        UnixDatagram::send_to(&socket, &buf, &text).await?;
        UnixDatagram::send(&socket, &buf).await?;
        UnixDatagram::recv(&socket, &mut buf).await?;
        UnixDatagram::recv_buf(&socket, &mut room).await?;
        UnixDatagram::recv_from(&socket, &mut buf).await?;
        UnixDatagram::recv_buf_from(&socket, &mut room).await?;
        UnixDatagram::ready(&socket, Interest::READABLE).await?;
        UnixDatagram::readable(&socket).await?;
        UnixDatagram::writable(&socket).await?;
        UnixDatagram::async_io(&socket, Interest::READABLE, || socket.try_recv(&mut buf)).await?;
        let listener = UnixListener::bind(path)?;
        let (_, address) = UnixListener::accept(&listener).await?;
        UnixStream::connect_addr(&address).await?;
        UnixStream::connect(path).await?;
        let mut stream = UnixStream::connect(&text).await?;
        UnixSocket::connect(UnixSocket::new_stream()?, &text).await?;
        UnixSocket::connect(UnixSocket::new_stream()?, path).await?;
        UnixStream::ready(&stream, Interest::READABLE).await?;
        UnixStream::readable(&stream).await?;
        UnixStream::writable(&stream).await?;
        UnixStream::async_io(&stream, Interest::READABLE, || stream.try_read(&mut buf)).await?;
        {
            let (read, write) = stream.split();
            unix::ReadHalf::ready(&read, Interest::READABLE).await?;
            unix::ReadHalf::readable(&read).await?;
            unix::WriteHalf::ready(&write, Interest::WRITABLE).await?;
            unix::WriteHalf::writable(&write).await?;
        }
        let (read, write) = stream.into_split();
        unix::OwnedReadHalf::ready(&read, Interest::READABLE).await?;
        unix::OwnedReadHalf::readable(&read).await?;
        unix::OwnedWriteHalf::ready(&write, Interest::WRITABLE).await?;
        unix::OwnedWriteHalf::writable(&write).await?;
        Ok(())
    }

    pipes {
        let (sender, receiver) = pipe::pipe()?;
        pipe::Sender::ready(&sender, Interest::WRITABLE).await?;
        pipe::Sender::writable(&sender).await?;
        pipe::Receiver::ready(&receiver, Interest::READABLE).await?;
        pipe::Receiver::readable(&receiver).await?;
        Ok(())
    }

    descriptors {
        let mut fd: AsyncFd<Socket> = some();
        let mut buf = [0; 8];
        drop(AsyncFd::ready(&fd, Interest::READABLE).await?);
        drop(AsyncFd::readable(&fd).await?);
        drop(AsyncFd::writable(&fd).await?);
        drop(AsyncFd::ready_mut(&mut fd, Interest::READABLE).await?);
        drop(AsyncFd::readable_mut(&mut fd).await?);
        drop(AsyncFd::writable_mut(&mut fd).await?);
        AsyncFd::async_io(&fd, Interest::READABLE, |mut socket| socket.read(&mut buf)).await?;
        AsyncFd::async_io_mut(&mut fd, Interest::WRITABLE, |socket| socket.write(&buf)).await?;
        let watch: FdWatch = some();
        FdWatch::readable(&watch).await?;
        FdWatch::writable(&watch).await?;
        Ok(())
    }

    files_by_path {
        let path: P = some();
        let text: String = some();
        fs::read(path).await?;
        fs::read(&text).await?;
        fs::read_to_string(path).await?;
        fs::read_to_string(&text).await?;
        fs::write(path, &text).await?;
        fs::write(&text, path.as_ref().as_os_str().as_encoded_bytes()).await?;
        fs::copy(path, &text).await?;
        fs::rename(path, &text).await?;
        fs::hard_link(path, &text).await?;
        fs::symlink(path, &text).await?;
        fs::read_link(&text).await?;
        fs::canonicalize(path).await?;
        let permissions = fs::metadata(path).await?.permissions();
        fs::set_permissions(&text, permissions).await?;
        fs::symlink_metadata(path).await?;
        fs::try_exists(path).await?;
        fs::create_dir(path).await?;
        fs::create_dir_all(&text).await?;
        fs::remove_dir(path).await?;
        fs::remove_dir_all(&text).await?;
        fs::remove_file(path).await?;
        DirBuilder::create(&DirBuilder::new(), path).await?;
        DirBuilder::create(DirBuilder::new().recursive(true), &text).await?;
        let mut entries: ReadDir = fs::read_dir(path).await?;
        while let Some(entry) = ReadDir::next_entry(&mut entries).await? {
            let entry: &DirEntry = &entry;
            DirEntry::metadata(entry).await?;
            DirEntry::file_type(entry).await?;
        }
        Ok(())
    }

    files {
        let path: P = some();
        let text: String = some();
        File::open(path).await?;
        File::create(&text).await?;
        File::create_new(path).await?;
        let file = OpenOptions::open(OpenOptions::new().read(true), path).await?;
        File::sync_all(&file).await?;
        File::sync_data(&file).await?;
        File::set_len(&file, 3).await?;
        let metadata = File::metadata(&file).await?;
        File::try_clone(&file).await?;
        File::set_permissions(&file, metadata.permissions()).await?;
        File::set_times(&file, some()).await?;
        File::set_modified(&file, SystemTime::now()).await?;
        File::into_std(file).await;
        Ok(())
    }

    readers {
        let mut stream: S = some();
        let mut buf = [0; 8];
        let mut bytes: Vec<u8> = Vec::new();
        let mut text = String::new();
        AsyncReadExt::read(&mut stream, &mut buf).await?;
        AsyncReadExt::read_buf(&mut stream, &mut bytes).await?;
        AsyncReadExt::read_exact(&mut stream, &mut buf[..3]).await?;
        AsyncReadExt::read_to_end(&mut stream, &mut bytes).await?;
        AsyncReadExt::read_to_string(&mut stream, &mut text).await?;
        AsyncReadExt::read_u8(&mut stream).await?;
        AsyncReadExt::read_f64_le(&mut stream).await?;
        AsyncReadExt::read(&mut AsyncReadExt::take(&mut stream, 3), &mut buf).await?;
        AsyncReadExt::read(&mut AsyncReadExt::chain(&mut stream, &b"abc"[..]), &mut buf).await?;
        AsyncBufReadExt::read_until(&mut stream, 1, &mut bytes).await?;
        AsyncBufReadExt::read_line(&mut stream, &mut text).await?;
        AsyncBufReadExt::fill_buf(&mut stream).await?.to_vec();
        {
            let mut lines = AsyncBufReadExt::lines(&mut stream);
            Lines::next_line(&mut lines).await?;
            let mut parts = AsyncBufReadExt::split(&mut stream, 1);
            Split::next_segment(&mut parts).await?;
        }
        AsyncSeekExt::seek(&mut stream, SeekFrom::Start(3)).await?;
        AsyncSeekExt::rewind(&mut stream).await?;
        AsyncSeekExt::stream_position(&mut stream).await?;
        let boxed: &mut (dyn AsyncRead + Send + Unpin) = &mut stream;
        AsyncReadExt::read(boxed, &mut buf).await?;
        Ok(())
    }

    writers {
        let mut stream: S = some();
        let text: String = some();
        AsyncWriteExt::write(&mut stream, text.as_bytes()).await?;
        AsyncWriteExt::write_vectored(&mut stream, &[IoSlice::new(text.as_bytes())]).await?;
        AsyncWriteExt::write_buf(&mut stream, &mut text.as_bytes()).await?;
        AsyncWriteExt::write_all_buf(&mut stream, &mut text.as_bytes()).await?;
        AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await?;
        AsyncWriteExt::write_u8(&mut stream, 1).await?;
        AsyncWriteExt::write_f64_le(&mut stream, 1.0).await?;
        AsyncWriteExt::flush(&mut stream).await?;
        AsyncWriteExt::shutdown(&mut stream).await?;
        let boxed: &mut (dyn AsyncWrite + Send + Unpin) = &mut stream;
        AsyncWriteExt::write_all(boxed, text.as_bytes()).await?;
        Ok(())
    }

    copies {
        let mut from: S = some();
        let mut to: S = some();
        io::copy(&mut from, &mut to).await?;
        io::copy_buf(&mut from, &mut to).await?;
        io::copy_bidirectional(&mut from, &mut to).await?;
        io::copy_bidirectional_with_sizes(&mut from, &mut to, 1, 2).await?;
        let mut stream: TcpStream = some();
        let (mut read, mut write) = stream.split();
        io::copy(&mut read, &mut write).await?;
        Ok(())
    }

    processes {
        let text: String = some();
        Command::status(Command::new(&text).arg(&text)).await?;
        Command::output(&mut Command::new(&text)).await?;
        let mut child: Child = Command::new(&text).spawn()?;
        Child::kill(&mut child).await?;
        Child::wait(&mut child).await?;
        Child::wait_with_output(child).await?;
        let mut signal: Signal = some();
        Signal::recv(&mut signal).await;
        signal::ctrl_c().await?;
        Ok(())
    }

    channels_of_many {
        let value: V = some();
        let mut values: Vec<V> = Vec::new();
        let (sender, mut receiver) = mpsc::channel::<V>(1);
        mpsc::Sender::send(&sender, value.clone()).await?;
        mpsc::Sender::send_timeout(&sender, value.clone(), Duration::MAX).await?;
        mpsc::Sender::reserve(&sender).await?.send(value.clone());
        mpsc::Sender::reserve_many(&sender, 2).await?.for_each(|permit| permit.send(value.clone()));
        mpsc::Sender::reserve_owned(sender.clone()).await?.send(value.clone());
        mpsc::Sender::closed(&sender).await;
        mpsc::Receiver::recv(&mut receiver).await;
        mpsc::Receiver::recv_many(&mut receiver, &mut values, 3).await;
        let (sender, mut receiver) = mpsc::unbounded_channel::<V>();
        mpsc::UnboundedSender::closed(&sender).await;
        mpsc::UnboundedReceiver::recv(&mut receiver).await;
        mpsc::UnboundedReceiver::recv_many(&mut receiver, &mut values, 3).await;
        let (sender, mut receiver) = broadcast::channel::<V>(1);
        broadcast::Sender::closed(&sender).await;
        broadcast::Receiver::recv(&mut receiver).await?;
        Ok(())
    }

    channels_of_one {
        let value: V = some();
        let (mut sender, mut receiver) = oneshot::channel::<V>();
        oneshot::Sender::closed(&mut sender).await;
        (&mut receiver).await?;
        receiver.await?;
        let (sender, mut receiver) = watch::channel::<V>(value);
        watch::Sender::closed(&sender).await;
        watch::Receiver::changed(&mut receiver).await?;
        let text: String = some();
        let wanted = |value: &V| format!("{value:?}") == text;
        drop(watch::Receiver::wait_for(&mut receiver, wanted).await?.clone());
        Ok(())
    }

    locks {
        let value: V = some();
        let mutex = Arc::new(Mutex::new(value.clone()));
        drop(Mutex::lock(&mutex).await);
        {
            let held = Mutex::lock(&mutex).await;
            task::yield_now().await;
            drop(held);
        }
        drop(Mutex::lock_owned(mutex.clone()).await);
        let lock = Arc::new(RwLock::new(value));
        {
            let held = RwLock::read(&lock).await;
            task::yield_now().await;
            drop(held);
        }
        drop(RwLock::read_owned(lock.clone()).await);
        {
            let held = RwLock::write(&lock).await;
            task::yield_now().await;
            drop(held);
        }
        drop(RwLock::write_owned(lock.clone()).await);
        let semaphore = Arc::new(Semaphore::new(1));
        drop(Semaphore::acquire(&semaphore).await?);
        drop(Semaphore::acquire_many(&semaphore, 2).await?);
        drop(Semaphore::acquire_owned(semaphore.clone()).await?);
        drop(Semaphore::acquire_many_owned(semaphore.clone(), 2).await?);
        Ok(())
    }

    cells_and_notices {
        let value: V = some();
        let cell = OnceCell::new();
        OnceCell::get_or_init(&cell, || async { value.clone() }).await;
        let address: A = some();
        let bound = OnceCell::new();
        OnceCell::get_or_try_init(&bound, || UdpSocket::bind(address)).await?;
        let made = OnceCell::get_or_try_init(&bound, || async {
            let socket = UdpSocket::bind(address).await?;
            UdpSocket::connect(&socket, address).await?;
            Ok::<_, std::io::Error>(socket)
        });
        UdpSocket::readable(made.await?).await?;
        let once = SetOnce::<V>::new();
        SetOnce::wait(&once).await;
        let barrier = Barrier::new(2);
        Barrier::wait(&barrier).await;
        let notify = Arc::new(Notify::new());
        Notify::notified(&notify).await;
        Notify::notified_owned(notify.clone()).await;
        Ok(())
    }

    tasks {
        let value: V = some();
        let mut set: JoinSet<V> = JoinSet::new();
        set.spawn(async move { value });
        JoinSet::join_next(&mut set).await;
        JoinSet::join_next_with_id(&mut set).await;
        JoinSet::shutdown(&mut set).await;
        JoinSet::join_all(set).await;
        task::spawn_blocking(some::<V>).await?;
        task::yield_now().await;
        task::consume_budget().await;
        coop::cooperative(async { task::yield_now().await }).await;
        coop::unconstrained(async { task::yield_now().await }).await;
        let scope = Scope::new();
        let handle: &ScopeHandle = scope.handle();
        ScopeHandle::cancelled(handle).await;
        Scope::close(scope).await?;
        Scope::shutdown(Scope::new(), Duration::ZERO).await?;
        task::LocalKey::scope(&NUMBER, 3, task::yield_now()).await;
        Ok(())
    }

    times {
        let mutex: Mutex<V> = some();
        time::sleep(Duration::ZERO).await;
        time::sleep_until(Instant::now()).await;
        drop(time::timeout(Duration::ZERO, Mutex::lock(&mutex)).await?);
        drop(time::timeout_at(Instant::now(), Mutex::lock(&mutex)).await?);
        let mut interval: Interval = time::interval(Duration::MAX);
        Interval::tick(&mut interval).await;
        time::advance(Duration::ZERO).await;
        Ok(())
    }

    macros {
        let (address, path): (A, P) = some();
        let socket = UdpSocket::bind(address).await?;
        let mut buf = [0; 8];
        runtime::select! {
            connected = UdpSocket::connect(&socket, address) => connected?,
            read = fs::read(path) => drop(read?),
            received = UdpSocket::recv(&socket, &mut buf) => drop(received?),
        }
        runtime::try_join!(UdpSocket::connect(&socket, address), UdpSocket::readable(&socket))?;
        runtime::join!(UdpSocket::connect(&socket, address), task::yield_now()).0?;
        Ok(())
    }
}
