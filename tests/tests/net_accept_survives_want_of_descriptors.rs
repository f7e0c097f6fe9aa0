//! When the process is out of file descriptors, `accept` says so, and the connection that waits is
//! accepted as soon as there is a descriptor again: no new connection is needed to wake the
//! listener. (A process of its own: the limit is the process's.)
#![cfg(target_os = "linux")]

use std::fs::File;
use std::time::Duration;

use runtime::net::TcpListener;
use runtime::time::timeout;

fn limit(descriptors: libc::rlim_t) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a live value of the type that both calls take.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = descriptors;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}

#[test]
fn a_connection_outlasts_the_want_of_descriptors() {
    let rt = runtime::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let first = std::net::TcpStream::connect(addr).unwrap();
        drop(listener.accept().await.unwrap());
        // The listener is drained, and knows it: what follows is one edge.
        assert!(timeout(Duration::from_millis(20), listener.accept()).await.is_err());
        let second = std::net::TcpStream::connect(addr).unwrap();
        limit(200);
        let mut files = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            files.push(file);
        }
        for _ in 0..3 {
            let error = timeout(tests::patience(), listener.accept()).await.unwrap();
            assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EMFILE));
        }
        drop(files);
        let accepted = timeout(tests::patience(), listener.accept()).await.unwrap().unwrap();
        assert_eq!(accepted.1, second.local_addr().unwrap());
        drop(first);
    });
}
