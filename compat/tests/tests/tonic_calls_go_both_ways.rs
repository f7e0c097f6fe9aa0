//! tonic: a call, and streams in each direction. The service is written by hand, as its code
//! generator would write it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use ecosystem::in_time;
use futures::{Stream, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, http};
use tonic::server::{Grpc, NamedService, StreamingService, UnaryService};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(int64, tag = "1")]
    value: i64,
}

fn number(value: i64) -> Number {
    Number { value }
}

#[derive(Clone)]
struct Calculator;

impl NamedService for Calculator {
    const NAME: &'static str = "ecosystem.Calculator";
}

struct Square;

impl UnaryService<Number> for Square {
    type Response = Number;
    type Future = BoxFuture<Response<Number>, Status>;

    fn call(&mut self, request: Request<Number>) -> Self::Future {
        Box::pin(async move {
            let value = request.into_inner().value;
            let square = value.checked_mul(value).ok_or(Status::out_of_range("too large"))?;
            Ok(Response::new(number(square)))
        })
    }
}

/// Answers each number with the sum of all so far.
struct Sums;

impl StreamingService<Number> for Sums {
    type Response = Number;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Number, Status>> + Send>>;
    type Future = BoxFuture<Response<Self::ResponseStream>, Status>;

    fn call(&mut self, request: Request<Streaming<Number>>) -> Self::Future {
        Box::pin(async move {
            let (answers, stream) = mpsc::channel(4);
            tokio::spawn(async move {
                let (mut numbers, mut sum) = (request.into_inner(), 0);
                while let Some(Ok(n)) = numbers.next().await {
                    sum += n.value;
                    if answers.send(Ok(number(sum))).await.is_err() {
                        break;
                    }
                }
            });
            Ok(Response::new(Box::pin(ReceiverStream::new(stream)) as Self::ResponseStream))
        })
    }
}

impl tower::Service<http::Request<Body>> for Calculator {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Number, Number>::default());
            Ok(match request.uri().path() {
                "/ecosystem.Calculator/Square" => grpc.unary(Square, request).await,
                "/ecosystem.Calculator/Sums" => grpc.streaming(Sums, request).await,
                _ => Status::unimplemented("no such call").into_http(),
            })
        })
    }
}

/// A server that ends when the sender is dropped or used, and a client of it.
async fn connected()
-> (tonic::client::Grpc<Channel>, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let incoming = TcpListenerStream::new(listener);
        let stopped = async move { stopped.await.unwrap_or_default() };
        let server = Server::builder().add_service(Calculator);
        server.serve_with_incoming_shutdown(incoming, stopped).await.unwrap();
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = in_time(endpoint.connect()).await.unwrap();
    (tonic::client::Grpc::new(channel), stop, server)
}

fn codec() -> ProstCodec<Number, Number> {
    ProstCodec::default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_answered_or_refused() {
    let (mut client, stop, server) = connected().await;
    let path = http::uri::PathAndQuery::from_static("/ecosystem.Calculator/Square");
    client.ready().await.unwrap();
    let answer = client.unary(Request::new(number(12)), path.clone(), codec());
    assert_eq!(in_time(answer).await.unwrap().into_inner(), number(144));
    client.ready().await.unwrap();
    let refused = in_time(client.unary(Request::new(number(i64::MAX)), path, codec())).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::OutOfRange);
    drop(client);
    stop.send(()).unwrap();
    in_time(server).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_go_both_ways_at_once() {
    let (mut client, _stop, _server) = connected().await;
    let path = http::uri::PathAndQuery::from_static("/ecosystem.Calculator/Sums");
    let (numbers, stream) = mpsc::channel(1);
    client.ready().await.unwrap();
    let asked = client.streaming(Request::new(ReceiverStream::new(stream)), path, codec());
    let feed = async {
        numbers.send(number(1)).await.unwrap();
    };
    let (answer, ()) = in_time(async { tokio::join!(asked, feed) }).await;
    let mut sums = answer.unwrap().into_inner();
    assert_eq!(in_time(sums.next()).await.unwrap().unwrap(), number(1));
    // Each number goes out when the answer to the last has come.
    let mut sum = 1;
    for n in 2..200 {
        numbers.send(number(n)).await.unwrap();
        sum += n;
        assert_eq!(in_time(sums.next()).await.unwrap().unwrap(), number(sum));
    }
    drop(numbers);
    assert!(in_time(sums.next()).await.is_none());
}
