//! The servers that are measured: `compat-bench axum` and `compat-bench redis`. Each prints its
//! address and serves until it is killed.

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;

#[derive(Serialize)]
struct Answer {
    message: &'static str,
    numbers: [u32; 8],
}

async fn json() -> Json<Answer> {
    Json(Answer { message: "hello", numbers: [1, 1, 2, 3, 5, 8, 13, 21] })
}

#[tokio::main]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port of the loopback");
    println!("{}", listener.local_addr().expect("a bound listener has an address"));
    match std::env::args().nth(1).as_deref() {
        Some("axum") => {
            let hello = get(async || "hello, world");
            let router = Router::new().route("/", hello).route("/json", get(json));
            axum::serve(listener, router).await.expect("serves");
        }
        Some("redis") => {
            mini_redis::server::run(listener, std::future::pending::<()>()).await.expect("serves");
        }
        _ => eprintln!("compat-bench axum | redis"),
    }
}
