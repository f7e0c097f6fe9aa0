//! tide serves surf: HTTP/1.1 by async-h1, on async-std. async-h1 has timers of async-io 1, for
//! which a package of its own stands.

use async_std::task;
use smol_ecosystem::{foreign_threads, in_time, of_one_runtime, reactors, threads};
use tide::listener::Listener;
use tide::{Request, Response};

#[test]
fn requests_are_answered_on_one_reactor() {
    in_time(|| {
        let of_one = of_one_runtime();
        task::block_on(async {
            let mut app = tide::new();
            app.at("/hello").get(async |_| Ok("hello"));
            app.at("/upper").post(async |mut request: Request<()>| {
                Ok(request.body_string().await?.to_uppercase())
            });
            app.at("/sum/:a/:b").get(async |request: Request<()>| {
                let number = |name: &str| Ok::<i64, tide::Error>(request.param(name)?.parse()?);
                Ok((number("a")? + number("b")?).to_string())
            });
            app.at("/gone").get(async |_| Ok(Response::new(410)));
            let mut listener = app.bind("127.0.0.1:0").await.unwrap();
            let address = listener.info()[0].connection().to_owned();
            let server = task::spawn(async move { listener.accept().await });

            let client = surf::Client::new();
            let url = |path: &str| format!("{address}{path}");
            assert_eq!(client.recv_string(client.get(url("/hello"))).await.unwrap(), "hello");
            assert_eq!(client.get(url("/gone")).await.unwrap().status(), 410);
            let body = "a".repeat(1_000_000);
            let upper = client.post(url("/upper")).body_string(body);
            assert_eq!(client.recv_string(upper).await.unwrap(), "A".repeat(1_000_000));
            let requests: Vec<_> = (0..50)
                .map(|n| {
                    let (client, url) = (client.clone(), url(&format!("/sum/{n}/{n}")));
                    task::spawn(async move { client.recv_string(client.get(url)).await })
                })
                .collect();
            for (n, request) in requests.into_iter().enumerate() {
                assert_eq!(request.await.unwrap(), (2 * n).to_string());
            }
            server.cancel().await;
        });
        assert_eq!(reactors(), of_one, "{:?}", threads());
        assert_eq!(foreign_threads(), [""; 0], "of {:?}", threads());
    });
}
