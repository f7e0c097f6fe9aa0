//! bb8: a pool whose connections are waited for with a timeout, looked at before they are lent, and
//! closed by a task of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bb8::{ManageConnection, Pool, RunError};
use ecosystem::in_time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Connections to a server that echoes.
struct Echo {
    address: std::net::SocketAddr,
    made: Arc<AtomicUsize>,
}

impl ManageConnection for Echo {
    type Connection = TcpStream;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<TcpStream> {
        self.made.fetch_add(1, Ordering::Relaxed);
        TcpStream::connect(self.address).await
    }

    async fn is_valid(&self, connection: &mut TcpStream) -> io::Result<()> {
        connection.write_all(&[0]).await?;
        connection.read_u8().await.map(drop)
    }

    fn has_broken(&self, _: &mut TcpStream) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_connections_serve_many_tasks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
    });
    let made = Arc::new(AtomicUsize::new(0));
    let builder = Pool::builder().max_size(3).connection_timeout(Duration::from_secs(30));
    let pool = builder.build(Echo { address, made: made.clone() }).await.unwrap();

    let tasks = (0..50_u8).map(|n| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut connection = pool.get().await.unwrap();
            connection.write_all(&[n]).await.unwrap();
            assert_eq!(connection.read_u8().await.unwrap(), n);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        in_time(task).await.unwrap();
    }
    assert!((1..=3).contains(&made.load(Ordering::Relaxed)), "{made:?}");

    let builder = Pool::builder().max_size(1).connection_timeout(Duration::from_millis(20));
    let small = builder.build(Echo { address, made }).await.unwrap();
    let held = in_time(small.get()).await.unwrap();
    assert!(matches!(in_time(small.get()).await, Err(RunError::TimedOut)));
    drop(held);
    in_time(small.get()).await.unwrap();
}
