//! A program on `runtime` that uses a crate written for tokio (through the patch), hyper by its own
//! traits, and a crate written for futures-io: all on the one runtime, with the same types.

use std::convert::Infallible;

use bytes::Bytes;
use ecosystem::in_time;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use runtime::io::compat::FuturesIo;
use runtime::net::{TcpListener, TcpStream};
use runtime_hyper::{HyperExecutor, HyperIo};

#[runtime::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_on_runtime_uses_crates_of_all_three_kinds() {
    // Plain hyper serves on a listener of ours.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = runtime::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(async |request: Request<hyper::body::Incoming>| {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        });
        let builder = hyper::server::conn::http2::Builder::new(HyperExecutor::new());
        builder.serve_connection(HyperIo::new(stream), service).await.unwrap();
    });
    // A client made for tokio, over a stream of ours: it is tokio's, too.
    let stream: tokio::net::TcpStream = TcpStream::connect(address).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("http://{address}/")).body(Full::new(Bytes::from("all")));
    let answer = in_time(sender.send_request(request.unwrap())).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "all");
    drop(sender);
    in_time(connection).await.unwrap().unwrap();
    in_time(server).await.unwrap();

    // A handle of the one is a handle of the other.
    let handle: tokio::runtime::Handle = runtime::Handle::current();
    assert_eq!(handle.id(), tokio::runtime::Handle::current().id());

    // Code for futures-io.
    let (near, far) = runtime::io::duplex(4);
    let send = async move {
        let mut near = FuturesIo::new(near);
        futures::AsyncWriteExt::write_all(&mut near, b"by futures-io").await.unwrap();
        futures::AsyncWriteExt::close(&mut near).await.unwrap();
    };
    let receive = async move {
        let (mut far, mut all) = (far, String::new());
        tokio::io::AsyncReadExt::read_to_string(&mut far, &mut all).await.unwrap();
        all
    };
    let ((), all) = in_time(async { tokio::join!(send, receive) }).await;
    assert_eq!(all, "by futures-io");
}
