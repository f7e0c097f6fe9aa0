//! HTTP/2 without TLS, by prior knowledge: hyper on both sides, many streams on one connection.

use std::convert::Infallible;

use bytes::Bytes;
use ecosystem::in_time;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

async fn shout(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.version(), Version::HTTP_2);
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Ok(Response::new(Full::new(body.to_ascii_uppercase().into())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_share_one_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder.http2().timer(TokioTimer::new()).max_concurrent_streams(100);
        builder.serve_connection(TokioIo::new(stream), service_fn(shout)).await.unwrap();
    });

    let stream = TcpStream::connect(address).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = in_time(handshake).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut requests = JoinSet::new();
    for n in 0..50 {
        let mut sender = sender.clone();
        requests.spawn(async move {
            // More than a window of flow control.
            let body = format!("request {n} ").repeat(10_000);
            let uri = format!("http://{address}/");
            let request = Request::post(uri).body(Full::new(Bytes::from(body.clone()))).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            let answer = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(answer == body.to_ascii_uppercase());
        });
    }
    in_time(requests.join_all()).await;
    drop(sender);
    in_time(connection).await.unwrap().unwrap();
    in_time(server).await.unwrap();
}
