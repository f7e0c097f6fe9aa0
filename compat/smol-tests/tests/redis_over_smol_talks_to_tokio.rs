//! The crate `redis` as smol's crates run it, as a client of a server that was written for tokio.

use smol_ecosystem::in_time;
use tokio::net::TcpListener;

#[test]
fn a_connection_of_smol_is_served_by_tokio() {
    in_time(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let server = runtime.spawn(mini_redis::server::run(listener, std::future::pending::<()>()));
        smol::block_on(async {
            let client = redis::Client::open(format!("redis://{address}/")).unwrap();
            let connection = client.get_multiplexed_async_connection().await.unwrap();
            let tasks: Vec<_> = (0..100)
                .map(|n| {
                    let mut connection = connection.clone();
                    smol::spawn(async move {
                        let (key, value) = (format!("key {n}"), format!("value {n}"));
                        let set = redis::cmd("SET").arg(&key).arg(&value).to_owned();
                        set.exec_async(&mut connection).await.unwrap();
                        let get = redis::cmd("GET").arg(&key).to_owned();
                        let got: String = get.query_async(&mut connection).await.unwrap();
                        assert_eq!(got, value);
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
        });
        server.abort();
    });
}
