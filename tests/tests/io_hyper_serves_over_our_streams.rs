//! hyper serves over a stream of ours, spawns with our executor, and its timeouts end by our timer.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Executor, Timer};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use runtime::io::{AsyncReadExt, AsyncWriteExt, duplex};
use runtime_hyper::{HyperExecutor, HyperIo, HyperTimer};

async fn shout(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Ok(Response::new(Full::new(body.to_ascii_uppercase().into())))
}

#[test]
fn hyper_serves_over_our_streams() {
    let (mut client, server) = duplex(16);
    let serve = http1::Builder::new().serve_connection(HyperIo::new(server), service_fn(shout));
    let ask = async {
        let body = "x".repeat(10_000);
        let head = "POST / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n";
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        client.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.ends_with(&format!("\r\n\r\n{}", "X".repeat(10_000))), "{response}");
    };
    let (served, ()) = block_on(futures::future::join(serve, ask));
    served.unwrap();
}

#[test]
fn their_stream_is_ours_again() {
    let (near, mut far) = duplex(3);
    let mut near = HyperIo::new(HyperIo::new(near));
    let there = async {
        near.write_all(b"question").await.unwrap();
        near.shutdown().await.unwrap();
        let mut answer = Vec::with_capacity(100);
        near.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
    };
    let back = async {
        let mut question = String::new();
        far.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        far.write_all(b"answer").await.unwrap();
        far.shutdown().await.unwrap();
    };
    block_on(futures::future::join(there, back));
}

#[test]
fn a_slow_head_times_out() {
    let runtime = tests::current_thread();
    runtime.block_on(async {
        let (mut client, server) = duplex(64);
        client.write_all(b"GET / HT").await.unwrap();
        let serve = http1::Builder::new()
            .timer(HyperTimer::new())
            .header_read_timeout(Duration::from_millis(20))
            .serve_connection(HyperIo::new(server), service_fn(shout));
        let error = serve.await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
    });
}

#[test]
fn a_sleep_of_hyper_can_be_set_again() {
    let runtime = tests::current_thread();
    runtime.block_on(async {
        let (timer, start) = (HyperTimer::new(), Instant::now());
        let mut sleep = timer.sleep(Duration::from_secs(3_600));
        timer.reset(&mut sleep, start + Duration::from_millis(10));
        sleep.await;
        assert!(start.elapsed() >= Duration::from_millis(10));
        timer.sleep_until(start).await;
        assert!(timer.now() >= start);
    });
}

#[test]
fn the_executor_spawns() {
    let runtime = tests::current_thread();
    runtime.block_on(async {
        let (mut near, mut far) = duplex(8);
        HyperExecutor::new().execute(async move { near.write_all(b"done").await.unwrap() });
        let mut text = String::new();
        far.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "done");
    });
}
