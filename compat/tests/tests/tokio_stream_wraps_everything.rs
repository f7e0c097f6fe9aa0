//! tokio-stream: what waits as a stream of what comes.

use std::time::Duration;

use ecosystem::in_time;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, interval};
use tokio_stream::wrappers::{
    BroadcastStream, IntervalStream, LinesStream, ReceiverStream, SignalStream, TcpListenerStream,
    UnboundedReceiverStream, WatchStream,
};
use tokio_stream::{StreamExt, StreamMap};

#[tokio::test]
async fn channels_are_streams() {
    let (sender, receiver) = mpsc::channel(1);
    let (unbounded, receiver2) = mpsc::unbounded_channel();
    let (news, listener) = broadcast::channel(16);
    let (value, watcher) = watch::channel(0);
    tokio::spawn(async move {
        for n in 1..=3 {
            sender.send(n).await.unwrap();
        }
    });
    for n in 1..=3 {
        unbounded.send(n).unwrap();
        news.send(n).unwrap();
    }
    drop((unbounded, news));
    let mut all = StreamMap::new();
    all.insert("bounded", Box::pin(ReceiverStream::new(receiver)) as std::pin::Pin<Box<_>>);
    let unbounded: std::pin::Pin<Box<dyn tokio_stream::Stream<Item = i32>>> =
        Box::pin(UnboundedReceiverStream::new(receiver2));
    all.insert("unbounded", unbounded);
    all.insert("news", Box::pin(BroadcastStream::new(listener).map(Result::unwrap)));
    let mut sums = std::collections::BTreeMap::new();
    while let Some((from, n)) = in_time(all.next()).await {
        *sums.entry(from).or_insert(0) += n;
    }
    assert_eq!(sums.into_values().collect::<Vec<_>>(), [6, 6, 6]);

    let mut watched = WatchStream::new(watcher);
    assert_eq!(in_time(watched.next()).await, Some(0));
    value.send(7).unwrap();
    assert_eq!(in_time(watched.next()).await, Some(7));
    drop(value);
    assert_eq!(in_time(watched.next()).await, None);
}

#[tokio::test(start_paused = true)]
async fn time_is_a_stream() {
    let start = Instant::now();
    let ticks = IntervalStream::new(interval(Duration::from_secs(10))).take(4);
    let at: Vec<u64> = ticks.map(|tick| (tick - start).as_secs()).collect().await;
    assert_eq!(at, [0, 10, 20, 30]);
    let mut slow = Box::pin(tokio_stream::pending::<()>().timeout(Duration::from_secs(5)));
    assert!(slow.next().await.unwrap().is_err());
    let slowed = tokio_stream::iter(0..3).throttle(Duration::from_secs(1));
    let before = Instant::now();
    let all: Vec<i32> = slowed.collect().await;
    assert_eq!((all, before.elapsed().as_secs()), (vec![0, 1, 2], 3));
    let mut chunks = Box::pin(tokio_stream::iter(0..5).chunks_timeout(2, Duration::from_secs(1)));
    assert_eq!(chunks.next().await, Some(vec![0, 1]));
}

#[tokio::test]
async fn connections_lines_and_signals_are_streams() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"one\ntwo\n").await.unwrap();
    });
    let mut connections = TcpListenerStream::new(listener);
    let stream = in_time(connections.next()).await.unwrap().unwrap();
    let lines = LinesStream::new(BufReader::new(stream).lines());
    let lines: Vec<String> = in_time(lines.map(Result::unwrap).collect()).await;
    assert_eq!(lines, ["one", "two"]);
    client.await.unwrap();

    let mut signals = SignalStream::new(signal(SignalKind::user_defined2()).unwrap());
    let pid = std::process::id().to_string();
    let kill = tokio::process::Command::new("kill").args(["-USR2", &pid]).status();
    assert!(in_time(kill).await.unwrap().success());
    assert_eq!(in_time(signals.next()).await, Some(()));
}
