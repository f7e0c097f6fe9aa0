//! actix: an event loop of one thread for each arbiter, with tasks that are not `Send`, and a web
//! server on top of them.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use actix_rt::{Arbiter, System};
use actix_web::{App, HttpResponse, HttpServer, web};
use ecosystem::in_time;

#[test]
fn a_system_runs_what_is_not_send_on_its_threads() {
    let system = System::new();
    let here = std::thread::current().id();
    system.block_on(in_time(async move {
        let shared = Rc::new(Cell::new(0));
        let inner = shared.clone();
        let task = actix_rt::spawn(async move {
            actix_rt::time::sleep(Duration::from_millis(1)).await;
            inner.set(1);
            std::thread::current().id()
        });
        assert_eq!((task.await.unwrap(), shared.get()), (here, 1));

        let arbiter = Arbiter::new();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        arbiter.spawn(async move {
            let not_send = Rc::new(7);
            let there = actix_rt::spawn(async move { (*not_send, std::thread::current().id()) });
            sender.send(there.await.unwrap()).unwrap();
        });
        let (value, there) = receiver.await.unwrap();
        assert_eq!(value, 7);
        assert_ne!(there, here);
        arbiter.stop();
        arbiter.join().unwrap();
        System::current().stop_with_code(3);
    }));
    assert_eq!(system.run_with_code().unwrap(), 3);
}

/// The server runs on a thread of its own, for a system takes its thread.
fn serve() -> (SocketAddr, actix_web::dev::ServerHandle, std::thread::JoinHandle<()>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        System::new().block_on(async move {
            let app = || {
                App::new()
                    .route("/", web::get().to(async || "hello"))
                    .route("/echo", web::post().to(async |body: web::Bytes| body))
                    .route(
                        "/blocks",
                        web::get().to(async || {
                            let text = web::block(|| "from the pool").await.unwrap();
                            HttpResponse::Ok().body(text)
                        }),
                    )
            };
            let server = HttpServer::new(app).workers(2).disable_signals();
            let server = server.bind("127.0.0.1:0").unwrap();
            let address = server.addrs()[0];
            let server = server.run();
            sender.send((address, server.handle())).unwrap();
            server.await.unwrap();
        });
    });
    let (address, handle) = receiver.recv().unwrap();
    (address, handle, thread)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_server_answers_and_stops() {
    let (address, server, thread) = serve();
    let client = reqwest::Client::new();
    let get = async |path: &str| {
        let answer = client.get(format!("http://{address}{path}")).send().await.unwrap();
        answer.text().await.unwrap()
    };
    assert_eq!(in_time(get("/")).await, "hello");
    assert_eq!(in_time(get("/blocks")).await, "from the pool");
    let body = vec![b'x'; 200_000];
    let echoes = (0..8).map(|_| {
        let request = client.post(format!("http://{address}/echo")).body(body.clone());
        async move { request.send().await.unwrap().bytes().await.unwrap() }
    });
    for echo in in_time(futures::future::join_all(echoes)).await {
        assert!(echo == body);
    }
    // It waits for connections that are kept.
    drop(client);
    in_time(server.stop(true)).await;
    in_time(tokio::task::spawn_blocking(|| thread.join().unwrap())).await.unwrap();
}
