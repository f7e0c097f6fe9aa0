//! The crate `redis` as a client of the crate `mini-redis`: both written for tokio.

use ecosystem::in_time;
use futures::StreamExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

async fn served() -> (std::net::SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        mini_redis::server::run(listener, async move { stopped.await.unwrap_or_default() })
            .await
            .unwrap();
    });
    (address, stop, server)
}

/// A connection without the greeting that the server does not know.
async fn connect(address: std::net::SocketAddr) -> mini_redis::client::Client {
    in_time(mini_redis::client::connect(address)).await.unwrap()
}

#[tokio::test]
async fn values_are_set_read_and_expire() {
    let (address, stop, server) = served().await;
    let mut client = connect(address).await;
    client.set("key", "value".into()).await.unwrap();
    assert_eq!(in_time(client.get("key")).await.unwrap().unwrap(), "value");
    let life = std::time::Duration::from_millis(20);
    client.set_expires("short", "lived".into(), life).await.unwrap();
    in_time(async { while client.get("short").await.unwrap().is_some() {} }).await;
    drop((client, stop));
    in_time(server).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_reaches_the_subscribers() {
    let (address, _stop, _server) = served().await;
    let subscriber = connect(address).await.subscribe(vec!["news".into()]).await.unwrap();
    let mut news = std::pin::pin!(subscriber.into_stream());
    let mut publisher = connect(address).await;
    for n in 0..100 {
        assert_eq!(publisher.publish("news", n.to_string().into()).await.unwrap(), 1);
        assert_eq!(in_time(news.next()).await.unwrap().unwrap().content, n.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_crate_shares_a_connection() {
    let (address, _stop, _server) = served().await;
    let client = redis::Client::open(format!("redis://{address}/")).unwrap();
    let connection = in_time(client.get_multiplexed_async_connection()).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let mut connection = connection.clone();
        tasks.spawn(async move {
            let (key, value) = (format!("key {n}"), format!("value {n}"));
            let set = redis::cmd("SET").arg(&key).arg(&value).to_owned();
            set.exec_async(&mut connection).await.unwrap();
            let got: String =
                redis::cmd("GET").arg(&key).query_async(&mut connection).await.unwrap();
            assert_eq!(got, value);
        });
    }
    in_time(tasks.join_all()).await;
}
