//! axum serves what reqwest asks for: JSON, bodies that stream, connections that stay, many at
//! once, and an end that lets everybody finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use ecosystem::in_time;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, oneshot};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    item: String,
    count: u32,
}

async fn served(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    address
}

#[tokio::test]
async fn json_goes_both_ways() {
    async fn double(Json(mut order): Json<Order>) -> Json<Order> {
        order.count *= 2;
        Json(order)
    }
    let server = served(Router::new().route("/double", post(double))).await;
    let order = Order { item: "nail".into(), count: 21 };
    let request = reqwest::Client::new().post(server + "/double").json(&order);
    let answer = in_time(request.send()).await.unwrap();
    let doubled = Order { item: "nail".into(), count: 42 };
    assert_eq!(in_time(answer.json::<Order>()).await.unwrap(), doubled);
}

#[tokio::test]
async fn a_body_streams_in_and_out_while_it_is_made() {
    // What comes in goes out at once: the client sends the next piece when it has seen the last.
    async fn echo(body: Body) -> Body {
        Body::from_stream(body.into_data_stream())
    }
    let server = served(Router::new().route("/echo", post(echo))).await;
    let (pieces, sent) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = reqwest::Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(sent));
    pieces.send(Ok(Bytes::from_static(b"first"))).await.unwrap();
    let request = reqwest::Client::new().post(server + "/echo").body(body);
    let mut answer = in_time(request.send()).await.unwrap().bytes_stream();
    assert_eq!(in_time(answer.next()).await.unwrap().unwrap(), "first");
    for piece in ["second", "third"] {
        pieces.send(Ok(Bytes::from(piece))).await.unwrap();
        assert_eq!(in_time(answer.next()).await.unwrap().unwrap(), piece);
    }
    drop(pieces);
    assert!(in_time(answer.next()).await.is_none());
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    async fn who(ConnectInfo(client): ConnectInfo<SocketAddr>) -> String {
        client.to_string()
    }
    let server = served(Router::new().route("/who", get(who))).await;
    let client = reqwest::Client::new();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let answer = in_time(client.get(format!("{server}/who")).send()).await.unwrap();
        seen.push(in_time(answer.text()).await.unwrap());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_at_once() {
    const COUNT: usize = 1_000;

    // Nobody is answered before all have come: they are in the server at the same time.
    #[derive(Default)]
    struct Crowd {
        here: AtomicUsize,
        all: Notify,
    }

    async fn gather(State(crowd): State<Arc<Crowd>>, Path(n): Path<usize>) -> String {
        let all = crowd.all.notified();
        if crowd.here.fetch_add(1, Ordering::SeqCst) + 1 == COUNT {
            crowd.all.notify_waiters();
        } else {
            all.await;
        }
        n.to_string()
    }
    let router = Router::new().route("/{n}", get(gather)).with_state(Arc::new(Crowd::default()));
    let server = served(router).await;
    let client = reqwest::Client::new();
    let mut requests = tokio::task::JoinSet::new();
    for n in 0..COUNT {
        let request = client.get(format!("{server}/{n}"));
        requests.spawn(async move {
            assert_eq!(request.send().await.unwrap().text().await.unwrap(), n.to_string());
        });
    }
    in_time(async {
        while let Some(done) = requests.join_next().await {
            done.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_graceful_end_lets_what_has_begun_finish() {
    let (begun, seen) = oneshot::channel();
    let begun = Arc::new(std::sync::Mutex::new(Some(begun)));
    let finish = Arc::new(Notify::new());
    let may_finish = finish.clone();
    let slow = move || async move {
        if let Some(begun) = begun.lock().unwrap().take() {
            begun.send(()).unwrap();
        }
        may_finish.notified().await;
        "finished"
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = Router::new().route("/slow", get(slow));
    let serve = axum::serve(listener, router)
        .with_graceful_shutdown(async move { stopped.await.unwrap_or_default() });
    let server = tokio::spawn(async move { serve.await.unwrap() });

    let client = reqwest::Client::new();
    let request = tokio::spawn(client.get(format!("http://{address}/slow")).send());
    in_time(seen).await.unwrap();
    stop.send(()).unwrap();
    // The listener goes at once; the request that is under way is answered.
    in_time(async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!server.is_finished());
    finish.notify_one();
    let answer = in_time(request).await.unwrap().unwrap();
    assert_eq!(in_time(answer.text()).await.unwrap(), "finished");
    drop(client);
    in_time(server).await.unwrap();
}
