//! Unix sockets and pipes carry what is written to them, and their ends are seen.

use std::io::{ErrorKind, IoSlice};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::unix::pipe;
use runtime::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream};
use runtime::time::timeout;

/// A path of its own for each test, gone at its end.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Path {
        let file = format!("runtime-test-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(file);
        let _ = std::fs::remove_file(&path);
        Path(path)
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[runtime::test]
async fn a_listener_accepts() {
    let path = Path::new("listener");
    let listener = UnixListener::bind(&path.0).unwrap();
    assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(path.0.as_path()));
    let (near, far) = runtime::join!(UnixStream::connect(&path.0), listener.accept());
    let (mut near, (mut far, peer)) = (near.unwrap(), far.unwrap());
    assert!(peer.is_unnamed());
    near.write_all(b"hello").await.unwrap();
    near.shutdown().await.unwrap();
    let mut got = String::new();
    far.read_to_string(&mut got).await.unwrap();
    assert_eq!(got, "hello");
    assert_eq!(far.peer_cred().unwrap().pid(), Some(std::process::id() as i32));
}

#[runtime::test]
async fn nobody_there_is_an_error() {
    let path = Path::new("nobody");
    assert_eq!(UnixStream::connect(&path.0).await.unwrap_err().kind(), ErrorKind::NotFound);
    drop(UnixListener::bind(&path.0).unwrap());
    let refused = UnixStream::connect(&path.0).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[cfg(target_os = "linux")]
#[runtime::test]
async fn a_name_may_be_abstract() {
    let name = format!("\0runtime-test-{}", std::process::id());
    let listener = UnixListener::bind(&name).unwrap();
    let addr = listener.local_addr().unwrap();
    assert_eq!(addr.as_abstract_name(), Some(&name.as_bytes()[1..]));
    let (near, far) = runtime::join!(UnixStream::connect_addr(&addr), listener.accept());
    drop((near.unwrap(), far.unwrap()));
}

#[runtime::test]
async fn halves_carry_large_writes() {
    let (near, far) = UnixStream::pair().unwrap();
    let (_read, mut write) = near.into_split();
    let (mut read, _write) = far.into_split();
    let writer = runtime::spawn(async move { write.write_all(&vec![3; 3_000_000]).await });
    let mut got = Vec::new();
    read.read_to_end(&mut got).await.unwrap();
    assert_eq!(got.len(), 3_000_000);
    writer.await.unwrap().unwrap();
}

/// A read of a Unix stream stops at a message that descriptors came with. What follows is no new
/// event to the system.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[runtime::test]
async fn a_message_with_a_descriptor_does_not_hide_the_next() {
    let (near, mut far) = UnixStream::pair().unwrap();
    let mut buf = [0; 64];
    // The readiness is known and cleared, so that what follows is one edge.
    assert!(timeout(Duration::from_millis(20), far.read(&mut buf)).await.is_err());
    send_descriptor(&near, b"first");
    assert_eq!(near.try_write(b"second").unwrap(), 6);
    let mut got = Vec::new();
    while got.len() < 11 {
        let n = timeout(tests::patience(), far.read(&mut buf)).await.expect("no hang").unwrap();
        got.extend_from_slice(&buf[..n]);
    }
    assert_eq!(got, b"firstsecond");
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
/// Sends `bytes`, and the standard input along with them.
fn send_descriptor(stream: &UnixStream, bytes: &[u8]) {
    let control = {
        // struct cmsghdr { size_t len; int level; int type; } and the descriptor, as on 64 bits.
        let mut control = Vec::new();
        control.extend_from_slice(&20_usize.to_ne_bytes());
        control.extend_from_slice(&1_i32.to_ne_bytes());
        control.extend_from_slice(&1_i32.to_ne_bytes());
        control.extend_from_slice(&0_i32.to_ne_bytes());
        control.extend_from_slice(&[0; 4]);
        control
    };
    let slices = [IoSlice::new(bytes)];
    let message = socket2::MsgHdr::new().with_buffers(&slices).with_control(&control);
    socket2::SockRef::from(&stream.as_fd()).sendmsg(&message, 0).unwrap();
}

#[runtime::test]
async fn datagrams_arrive_whole() {
    let path = Path::new("datagram");
    let named = UnixDatagram::bind(&path.0).unwrap();
    let nameless = UnixDatagram::unbound().unwrap();
    nameless.send_to(b"one", &path.0).await.unwrap();
    let mut buf = [0; 64];
    let (n, sender) = named.recv_from(&mut buf).await.unwrap();
    assert!(n == 3 && sender.is_unnamed());
    nameless.connect(&path.0).unwrap();
    nameless.send(b"two").await.unwrap();
    let mut more = Vec::with_capacity(64);
    let (n, sender) = named.recv_buf_from(&mut more).await.unwrap();
    assert!(n == 3 && sender.is_unnamed() && more == b"two");
    let (a, b) = UnixDatagram::pair().unwrap();
    let fill = async {
        let mut sent = 0;
        while a.try_send(&[0; 1000]).is_ok() {
            sent += 1;
        }
        for _ in 0..sent {
            b.recv(&mut [0; 1000]).await.unwrap();
        }
        a.send(b"room again").await.unwrap();
    };
    timeout(tests::patience(), fill).await.unwrap();
}

#[runtime::test]
async fn sockets_can_be_set_up_first() {
    let path = Path::new("socket");
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(&path.0).unwrap();
    let listener = socket.listen(16).unwrap();
    let connect = UnixSocket::new_stream().unwrap().connect(&path.0);
    let (near, far) = runtime::join!(connect, listener.accept());
    drop((near.unwrap(), far.unwrap()));
    assert!(UnixSocket::new_datagram().unwrap().listen(1).is_err());
    assert!(UnixSocket::new_stream().unwrap().datagram().is_err());
    drop(UnixSocket::new_datagram().unwrap().datagram().unwrap());
}

#[runtime::test]
async fn a_pipe_ends_when_its_sender_goes() {
    let (mut sender, mut receiver) = pipe::pipe().unwrap();
    let writer = runtime::spawn(async move {
        sender.write_all(&vec![1; 500_000]).await.unwrap();
    });
    let mut got = Vec::new();
    receiver.read_to_end(&mut got).await.unwrap();
    assert_eq!(got.len(), 500_000);
    writer.await.unwrap();
    let (mut sender, receiver) = pipe::pipe().unwrap();
    drop(receiver);
    assert_eq!(sender.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

/// Once a writer has gone, the system has said "closed". A new writer undoes that, and a reader
/// that still believed it would spin.
#[cfg(target_os = "linux")]
#[runtime::test]
async fn a_named_pipe_can_be_opened_anew() {
    let path = Path::new("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path.0).status().unwrap().success());
    let mut receiver = pipe::OpenOptions::new().open_receiver(&path.0).unwrap();
    for _ in 0..3 {
        let mut sender = pipe::OpenOptions::new().open_sender(&path.0).unwrap();
        let mut buf = [0; 8];
        let quiet = timeout(Duration::from_millis(20), receiver.read(&mut buf)).await;
        assert!(quiet.is_err(), "{quiet:?}");
        sender.write_all(b"x").await.unwrap();
        assert_eq!(receiver.read(&mut buf).await.unwrap(), 1);
        drop(sender);
        // Time for the system to say "closed".
        runtime::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(receiver.read(&mut buf).await.unwrap(), 0);
    }
    let sender = pipe::OpenOptions::new().read_write(true).open_sender(&path.0).unwrap();
    drop(sender.into_blocking_fd().unwrap());
}

#[runtime::test]
async fn what_is_no_pipe_is_refused() {
    let file = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(pipe::Receiver::from_file(file).unwrap_err().kind(), ErrorKind::InvalidInput);
    let (sender, _receiver) = pipe::pipe().unwrap();
    let fd = sender.into_nonblocking_fd().unwrap();
    assert_eq!(pipe::Receiver::from_owned_fd(fd).unwrap_err().kind(), ErrorKind::InvalidInput);
}
