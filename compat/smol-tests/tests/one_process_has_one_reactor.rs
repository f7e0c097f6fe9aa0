//! A program with crates of all three kinds has the threads and the reactor that it has with
//! tokio's alone.

use smol_ecosystem::{
    async_std_asks, async_std_serves, both_kinds_at_work, foreign_threads, in_time, reactors,
    smol_asks, smol_serves, threads, tokio_asks, tokio_serves,
};

#[test]
fn crates_for_smol_and_async_std_bring_no_thread_and_no_reactor() {
    in_time(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            tokio::spawn(tokio_alone()).await.unwrap();
            let before = (reactors(), threads());
            assert!(before.0 > 0, "a reactor has an epoll");

            tokio::spawn(all_kinds_at_work()).await.unwrap();
            assert_eq!(reactors(), before.0, "before: {before:?}, now: {:?}", threads());
            assert_eq!(foreign_threads(), [""; 0], "of {:?}", threads());
            // The pool for blocking work may have grown, as it does for tokio's; nothing else has.
            let workers = |names: &[String]| {
                names.iter().filter(|name| name.starts_with("runtime-worker")).count()
            };
            let grown = workers(&threads()).saturating_sub(workers(&before.1));
            assert!(grown <= 8, "before: {:?}, now: {:?}", before.1, threads());
        });
    });
}

/// What makes tokio start all that it has.
async fn tokio_alone() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(tokio_serves(listener));
    tokio_asks(address, 10).await;
    server.await.unwrap();
    assert_eq!(tokio::task::spawn_blocking(|| 1).await.unwrap(), 1);
    let child = tokio::process::Command::new("true").status().await;
    assert!(child.unwrap().success());
}

/// Each kind serves another kind, and each does all that it can.
async fn all_kinds_at_work() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(tokio_serves(listener));
    smol::spawn(smol_asks(address, 10)).await;
    server.await.unwrap();

    let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = smol::spawn(smol_serves(listener));
    tokio::spawn(tokio_asks(address, 10)).await.unwrap();
    server.await;

    let listener = async_std::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async_std::task::spawn(async_std_serves(listener));
    tokio::spawn(tokio_asks(address, 10)).await.unwrap();
    server.await;

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(tokio_serves(listener));
    async_std::task::spawn(async_std_asks(address, 10)).await;
    server.await.unwrap();

    both_kinds_at_work().await;
}
