//! tokio-util: codecs, tokens that cancel, tasks that are tracked, delays in a queue, and the
//! bridge to the traits of futures-io.

use std::time::Duration;

use bytes::Bytes;
use ecosystem::in_time;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, duplex};
use tokio::time::{Instant, sleep};
use tokio_util::codec::{Framed, FramedRead, LengthDelimitedCodec, LinesCodec};
use tokio_util::compat::{
    FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tokio_util::time::DelayQueue;

#[tokio::test]
async fn frames_keep_their_borders() {
    let (near, far) = duplex(16);
    let mut near = Framed::new(near, LengthDelimitedCodec::new());
    let mut far = Framed::new(far, LengthDelimitedCodec::new());
    let send = async {
        for size in [0, 1, 15, 16, 17, 10_000] {
            near.send(Bytes::from(vec![7; size])).await.unwrap();
        }
        SinkExt::<Bytes>::close(&mut near).await.unwrap();
    };
    let receive = async {
        let mut sizes = Vec::new();
        while let Some(frame) = far.next().await {
            sizes.push(frame.unwrap().len());
        }
        sizes
    };
    let ((), sizes) = in_time(async { tokio::join!(send, receive) }).await;
    assert_eq!(sizes, [0, 1, 15, 16, 17, 10_000]);

    let lines = FramedRead::new(&b"one\r\ntwo\nthree"[..], LinesCodec::new());
    let lines: Vec<String> = lines.map(Result::unwrap).collect().await;
    assert_eq!(lines, ["one", "two", "three"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_cancels_its_children_and_the_tracker_waits_for_them() {
    let token = CancellationToken::new();
    let tracker = TaskTracker::new();
    for _ in 0..20 {
        let child = token.child_token();
        tracker.spawn(async move {
            tokio::select! {
                () = child.cancelled() => "cancelled",
                () = std::future::pending() => unreachable!(),
            }
        });
    }
    let guard = token.clone().drop_guard();
    assert_eq!(tracker.len(), 20);
    tracker.close();
    drop(guard);
    in_time(tracker.wait()).await;
    assert!(token.is_cancelled() && tracker.is_empty());
    let never = AbortOnDropHandle::new(tokio::spawn(std::future::pending::<()>()));
    let abort = never.abort_handle();
    drop(never);
    in_time(async {
        while !abort.is_finished() {
            tokio::task::yield_now().await
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn delays_come_in_the_order_of_their_ends() {
    let start = Instant::now();
    let mut queue = DelayQueue::new();
    let late = queue.insert("late", Duration::from_secs(300));
    queue.insert("early", Duration::from_secs(1));
    let gone = queue.insert("gone", Duration::from_secs(2));
    let moved = queue.insert("moved", Duration::from_secs(600));
    queue.remove(&gone);
    queue.reset(&moved, Duration::from_secs(30));
    let mut seen = Vec::new();
    while let Some(delay) = queue.next().await {
        seen.push((delay.key() == late, delay.into_inner(), start.elapsed().as_secs()));
    }
    assert_eq!(seen, [(false, "early", 1), (false, "moved", 30), (true, "late", 300)]);
}

#[tokio::test]
async fn streams_of_both_worlds_wrap_each_other() {
    let (near, far) = duplex(8);
    let send = async {
        let mut near = near.compat_write();
        futures::AsyncWriteExt::write_all(&mut near, b"through futures-io").await.unwrap();
        futures::AsyncWriteExt::close(&mut near).await.unwrap();
    };
    let receive = async {
        // There and back again: a stream of tokio's as one of futures-io's as one of tokio's.
        let mut far = FuturesAsyncReadCompatExt::compat(TokioAsyncReadCompatExt::compat(far));
        let mut all = String::new();
        far.read_to_string(&mut all).await.unwrap();
        all
    };
    let ((), all) = in_time(async { tokio::join!(send, receive) }).await;
    assert_eq!(all, "through futures-io");
}

#[tokio::test]
async fn what_takes_long_in_a_local_pool_stays_on_its_thread() {
    let pool = tokio_util::task::LocalPoolHandle::new(2);
    let run = || {
        pool.spawn_pinned(|| async {
            let here = std::rc::Rc::new(std::thread::current().id());
            sleep(Duration::from_millis(1)).await;
            *here == std::thread::current().id()
        })
    };
    let (first, second) = in_time(async { tokio::join!(run(), run()) }).await;
    assert!(first.unwrap() && second.unwrap());
}
