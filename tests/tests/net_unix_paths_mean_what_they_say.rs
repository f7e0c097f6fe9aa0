//! A path is taken whole or refused: one with a zero byte in it never names what stands before
//! that. On Linux a zero byte at the beginning makes it an abstract name, and an empty path lets
//! the system choose one.
#![cfg(unix)]

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use runtime::fs;
use runtime::net::unix::pipe;
use runtime::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream};
use runtime::process::Command;
use tests::scratch::Scratch;

#[track_caller]
fn refused<T>(result: io::Result<T>) {
    assert_eq!(result.map(|_| ()).map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
}

/// The path with a zero byte at its end, in it, and twice.
fn with_zero_bytes(path: &Path) -> [PathBuf; 3] {
    let path = path.as_os_str().as_bytes();
    [&b"\0"[..], b"\0.other", b"\0\0"]
        .map(|rest| Path::new(OsStr::from_bytes(&[path, rest].concat())).into())
}

#[runtime::test]
async fn with_a_zero_byte_in_them_they_are_refused_by_every_socket() {
    let scratch = Scratch::new();
    let victim = scratch.join("victim");
    let listening = scratch.join("listening");
    let receiver = UnixDatagram::bind(&victim).unwrap();
    let _listener = UnixListener::bind(&listening).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    for path in with_zero_bytes(&victim) {
        refused(UnixDatagram::bind(&path));
        refused(sender.connect(&path));
        refused(sender.send_to(b"stray", &path).await);
        refused(sender.try_send_to(b"stray", &path));
        refused(std::future::poll_fn(|cx| sender.poll_send_to(cx, b"stray", &path)).await);
        refused(UnixSocket::new_datagram().unwrap().bind(&path));
    }
    for path in with_zero_bytes(&listening) {
        refused(UnixListener::bind(&path));
        refused(UnixStream::connect(&path).await);
        refused(UnixSocket::new_stream().unwrap().bind(&path));
        refused(UnixSocket::new_stream().unwrap().connect(&path).await);
    }
    // New names: nothing is made under what stands before the zero byte.
    let new = scratch.join("new");
    for path in with_zero_bytes(&new) {
        refused(UnixListener::bind(&path));
        refused(UnixDatagram::bind(&path));
        refused(UnixSocket::new_stream().unwrap().bind(&path));
    }
    assert!(!new.exists());
    let mut buf = [0; 8];
    assert_eq!(receiver.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[runtime::test]
async fn with_a_zero_byte_in_them_they_are_refused_by_files_pipes_and_commands() {
    let scratch = Scratch::new();
    let victim = scratch.file("victim", b"content");
    for path in &with_zero_bytes(&victim) {
        refused(pipe::OpenOptions::new().open_receiver(path));
        refused(pipe::OpenOptions::new().open_sender(path));
        refused(fs::File::open(path).await);
        refused(fs::File::create(path).await);
        refused(fs::File::create_new(path).await);
        refused(fs::read(path).await);
        refused(fs::read_to_string(path).await);
        refused(fs::write(path, b"other").await);
        refused(fs::copy(path, &victim).await);
        refused(fs::copy(&victim, path).await);
        refused(fs::rename(path, &victim).await);
        refused(fs::rename(&victim, path).await);
        refused(fs::hard_link(&victim, path).await);
        refused(fs::symlink(&victim, path).await);
        refused(fs::read_link(path).await);
        refused(fs::canonicalize(path).await);
        refused(fs::metadata(path).await);
        refused(fs::symlink_metadata(path).await);
        refused(fs::try_exists(path).await);
        let permissions = fs::metadata(&victim).await.unwrap().permissions();
        refused(fs::set_permissions(path, permissions).await);
        refused(fs::create_dir(path).await);
        refused(fs::create_dir_all(path).await);
        refused(fs::DirBuilder::new().create(path).await);
        refused(fs::remove_dir(path).await);
        refused(fs::remove_dir_all(path).await);
        refused(fs::remove_file(path).await);
        refused(fs::read_dir(path).await);
        refused(Command::new(path).spawn());
        refused(Command::new("true").arg(path).spawn());
        refused(Command::new("true").current_dir(path).spawn());
    }
    assert_eq!(fs::read(&victim).await.unwrap(), b"content");
}

#[runtime::test]
async fn they_reach_the_length_that_the_system_has_room_for() {
    let scratch = Scratch::new();
    // `sun_path` has room for 108 bytes, or fewer elsewhere, with the zero byte behind the path.
    let room = {
        // SAFETY: zero is a value of each field.
        let addr: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        addr.sun_path.len()
    };
    let of_length = |length: usize| {
        let start = scratch.join("").as_os_str().len();
        scratch.join(&"p".repeat(length - start))
    };
    let longest = of_length(room - 1);
    let listener = UnixListener::bind(&longest).unwrap();
    assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(longest.as_path()));
    let (near, far) = runtime::join!(UnixStream::connect(&longest), listener.accept());
    assert_eq!(near.unwrap().peer_addr().unwrap().as_pathname(), Some(longest.as_path()));
    far.unwrap();
    refused(UnixListener::bind(of_length(room)));
    refused(UnixStream::connect(of_length(room)).await);
    refused(UnixDatagram::bind(of_length(room)));
    refused(UnixDatagram::unbound().unwrap().send_to(b"far", of_length(room)).await);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod on_linux {
    use std::os::fd::AsRawFd;

    use runtime::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};

    use super::*;

    /// An abstract name that no other test has.
    fn name(rest: &[u8]) -> PathBuf {
        let start = format!("\0runtime-test-{}", std::process::id());
        Path::new(OsStr::from_bytes(&[start.as_bytes(), rest].concat())).into()
    }

    fn without_zero(path: &Path) -> &[u8] {
        &path.as_os_str().as_bytes()[1..]
    }

    #[runtime::test]
    async fn that_begin_with_a_zero_byte_are_abstract_names_and_may_have_more_of_them() {
        let own = format!("\0\0runtime-test-{}", std::process::id());
        let paths = [name(b""), name(b"\0"), name(b"\0x"), name(b"\0y"), PathBuf::from(own)];
        let listeners: Vec<_> = paths.iter().map(|p| UnixListener::bind(p).unwrap()).collect();
        for (path, listener) in paths.iter().zip(&listeners) {
            let addr = listener.local_addr().unwrap();
            assert_eq!(addr.as_abstract_name(), Some(without_zero(path)));
            let (near, far) = runtime::join!(UnixStream::connect(path), listener.accept());
            near.unwrap().write_all(b"here").await.unwrap();
            let mut got = Vec::new();
            far.unwrap().0.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"here");
            let (near, far) = runtime::join!(UnixStream::connect_addr(&addr), listener.accept());
            assert_eq!(
                near.unwrap().peer_addr().unwrap().as_abstract_name(),
                Some(without_zero(path))
            );
            far.unwrap();
        }
        drop(listeners);
        let receiver = UnixDatagram::bind(&paths[2]).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"one", &paths[2]).await.unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 3);
        assert!(sender.send_to(b"one", &paths[3]).await.is_err());
    }

    #[runtime::test]
    async fn that_are_empty_let_the_system_choose_a_name() {
        let listener = UnixListener::bind("").unwrap();
        let addr = listener.local_addr().unwrap();
        assert!(addr.as_abstract_name().is_some_and(|name| !name.is_empty()), "{addr:?}");
        let (near, far) = runtime::join!(UnixStream::connect_addr(&addr), listener.accept());
        near.unwrap();
        far.unwrap();

        let socket = UnixSocket::new_stream().unwrap();
        socket.bind("").unwrap();
        let other = socket.listen(1).unwrap().local_addr().unwrap();
        assert_ne!(other.as_abstract_name(), addr.as_abstract_name());

        let (one, two) = (UnixDatagram::bind("").unwrap(), UnixDatagram::bind("").unwrap());
        let path = |socket: &UnixDatagram| {
            let addr = socket.local_addr().unwrap();
            let name = addr.as_abstract_name().expect("an abstract name").to_owned();
            Path::new(OsStr::from_bytes(&[b"\0", &name[..]].concat())).to_owned()
        };
        one.send_to(b"hello", path(&two)).await.unwrap();
        let mut buf = [0; 8];
        let (n, sender) = two.recv_from(&mut buf).await.unwrap();
        assert_eq!(
            (&buf[..n], sender.as_abstract_name()),
            (&b"hello"[..], Some(without_zero(&path(&one))))
        );

        // Nobody has the empty name.
        refused(UnixStream::connect("").await);
        refused(one.connect(""));
        refused(one.send_to(b"hello", "").await);
    }

    /// The system lets a path fill `sun_path`, without a zero byte behind it.
    #[runtime::test]
    async fn of_a_sender_may_be_longer_than_ours() {
        let scratch = Scratch::new();
        let receiver = UnixDatagram::bind(scratch.join("receiver")).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        let start = scratch.join("").as_os_str().len();
        let path = scratch.join(&"s".repeat(108 - start));
        // SAFETY: zero is a value of each field.
        let mut addr: libc::sockaddr_un = unsafe { std::mem::zeroed() };
        addr.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (place, byte) in addr.sun_path.iter_mut().zip(path.as_os_str().as_bytes()) {
            *place = *byte as libc::c_char;
        }
        let length = size_of_val(&addr) as libc::socklen_t;
        // SAFETY: the descriptor is open, and `addr` is an address of that length.
        let bound = unsafe { libc::bind(sender.as_raw_fd(), (&raw const addr).cast(), length) };
        assert_eq!(bound, 0, "{}", io::Error::last_os_error());
        sender.connect(scratch.join("receiver")).unwrap();
        for _ in 0..3 {
            sender.send(b"hello").await.unwrap();
        }
        let mut buf = [0; 8];
        assert_eq!(receiver.recv_from(&mut buf).await.unwrap().0, 5);
        assert_eq!(receiver.recv_buf_from(&mut Vec::new()).await.unwrap().0, 5);
        let mut buf = ReadBuf::new(&mut buf);
        std::future::poll_fn(|cx| receiver.poll_recv_from(cx, &mut buf)).await.unwrap();
        assert_eq!(buf.filled(), b"hello");
    }
}
