//! `AsyncFd` tells when a descriptor is ready, keeps telling until it is cleared, and loses nothing
//! that comes in between.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use runtime::io::unix::AsyncFd;
use runtime::io::{Interest, Ready};
use runtime::time::timeout;

fn watched() -> (AsyncFd<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    // SAFETY: a `UnixStream` keeps its descriptor open and always names the same one.
    (unsafe { AsyncFd::register(near) }.unwrap(), far)
}

async fn is_quiet(fd: &AsyncFd<UnixStream>) -> bool {
    timeout(Duration::from_millis(20), fd.readable()).await.is_err()
}

#[runtime::test]
async fn readiness_stays_until_it_is_cleared() {
    let (fd, mut far) = watched();
    assert!(is_quiet(&fd).await);
    far.write_all(b"x").unwrap();
    for _ in 0..3 {
        fd.readable().await.unwrap().retain_ready();
    }
    fd.readable().await.unwrap().clear_ready();
    assert!(is_quiet(&fd).await);
    far.write_all(b"y").unwrap();
    let mut guard = fd.readable().await.unwrap();
    let mut buf = [0; 8];
    assert_eq!(guard.try_io(|fd| fd.get_ref().read(&mut buf)).unwrap().unwrap(), 2);
    assert!(guard.try_io(|fd| fd.get_ref().read(&mut buf)).is_err());
    drop(guard);
    assert!(is_quiet(&fd).await);
}

#[runtime::test]
async fn what_comes_before_the_clear_is_not_lost() {
    let (fd, mut far) = watched();
    far.write_all(b"x").unwrap();
    let mut guard = fd.readable().await.unwrap();
    let mut buf = [0; 8];
    assert_eq!(fd.get_ref().read(&mut buf).unwrap(), 1);
    assert_eq!(fd.get_ref().read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    far.write_all(b"y").unwrap();
    // Another task sees the event, before this one says "over".
    runtime::time::sleep(Duration::from_millis(20)).await;
    guard.clear_ready();
    timeout(tests::patience(), fd.readable()).await.unwrap().unwrap().retain_ready();
}

#[runtime::test]
async fn a_part_can_be_cleared() {
    let (fd, mut far) = watched();
    far.write_all(b"x").unwrap();
    let both = Interest::READABLE | Interest::WRITABLE;
    fd.readable().await.unwrap().retain_ready();
    let mut guard = fd.ready(both).await.unwrap();
    assert_eq!(guard.ready(), Ready::READABLE | Ready::WRITABLE);
    guard.clear_ready_matching(Ready::READABLE);
    assert_eq!(guard.ready(), Ready::WRITABLE);
    drop(guard);
    assert!(is_quiet(&fd).await);
    assert_eq!(fd.ready(both).await.unwrap().ready(), Ready::WRITABLE);
}

#[runtime::test]
async fn the_end_is_told_again_and_again() {
    let (fd, far) = watched();
    drop(far);
    for _ in 0..3 {
        let mut guard = fd.readable().await.unwrap();
        assert!(guard.ready().is_read_closed());
        guard.clear_ready();
    }
}

#[runtime::test]
async fn operations_wait_by_themselves() {
    let (fd, mut far) = watched();
    let fd = Arc::new(fd);
    let reader = runtime::spawn({
        let fd = fd.clone();
        async move {
            let mut buf = [0; 8];
            fd.async_io(Interest::READABLE, |mut socket| socket.read(&mut buf)).await
        }
    });
    runtime::time::sleep(Duration::from_millis(20)).await;
    far.write_all(b"abc").unwrap();
    assert_eq!(reader.await.unwrap().unwrap(), 3);
    let blocked = fd.try_io(Interest::READABLE, |_| Err::<(), _>(ErrorKind::WouldBlock.into()));
    assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
    let not_called = fd.try_io(Interest::READABLE, |_| -> io::Result<()> { panic!("called") });
    assert_eq!(not_called.unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[runtime::test]
async fn the_value_comes_back() {
    let (fd, mut far) = watched();
    let mut socket = fd.into_inner();
    far.write_all(b"x").unwrap();
    socket.set_nonblocking(false).unwrap();
    assert_eq!(socket.read(&mut [0; 8]).unwrap(), 1);
}

#[runtime::test]
async fn a_file_cannot_be_watched_and_comes_back() {
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    // SAFETY: a `File` keeps its descriptor open and always names the same one.
    let error = unsafe { AsyncFd::register(file) }.unwrap_err();
    let (_file, cause) = error.into_parts();
    assert_eq!(cause.kind(), ErrorKind::PermissionDenied);
}

#[test]
fn a_descriptor_that_outlives_its_runtime_says_so() {
    let build = || runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rt = build();
    let (fd, _far) = rt.block_on(async { watched() });
    let other = build();
    let waits = other.spawn(async move { fd.readable().await.map(|_| ()) });
    other.block_on(async { runtime::task::yield_now().await });
    drop(rt);
    let error = other.block_on(waits).unwrap().unwrap_err();
    assert!(error.to_string().contains("shut down"), "{error}");
}
