//! A database, a service and a web server on hosts of their own, and a user: mini-redis, tonic,
//! axum, reqwest and redis, all unmodified, with multi-thread runtimes.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use runtime_sim::{Faults, Network, Sim, Test};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap().block_on(future)
}

fn db() {
    block_on(async {
        let listener = TcpListener::bind("0.0.0.0:6379").await.unwrap();
        mini_redis::server::run(listener, std::future::pending::<()>()).await.unwrap();
    });
}

#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(int64, tag = "1")]
    value: i64,
}

#[derive(Clone)]
struct Calculator;

impl NamedService for Calculator {
    const NAME: &'static str = "simulated.Calculator";
}

struct Square;

impl UnaryService<Number> for Square {
    type Response = Number;
    type Future = BoxFuture<Response<Number>, Status>;

    fn call(&mut self, request: Request<Number>) -> Self::Future {
        Box::pin(async move {
            let value = request.into_inner().value;
            Ok(Response::new(Number { value: value * value }))
        })
    }
}

impl tower::Service<http::Request<Body>> for Calculator {
    type Response = http::Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Number, Number>::default());
            Ok(grpc.unary(Square, request).await)
        })
    }
}

fn calculator() {
    block_on(async {
        let address = "0.0.0.0:50051".parse().unwrap();
        let server = tonic::transport::Server::builder().add_service(Calculator);
        server.serve(address).await.unwrap();
    });
}

async fn square(value: i64) -> Result<i64, String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let endpoint = tonic::transport::Endpoint::from_static("http://calculator:50051");
    let channel = endpoint.connect().await.map_err(|error| text(&error))?;
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(|error| text(&error))?;
    let path = http::uri::PathAndQuery::from_static("/simulated.Calculator/Square");
    let codec = ProstCodec::<Number, Number>::default();
    let answer = client.unary(Request::new(Number { value }), path, codec).await;
    Ok(answer.map_err(|error| text(&error))?.into_inner().value)
}

#[derive(Clone)]
struct Shared {
    db: redis::Client,
}

/// Squares a number by way of the calculator, and keeps it in the database.
async fn remember(shared: State<Shared>, number: Path<i64>) -> Result<String, BadGateway> {
    Ok(try_to_remember(&shared, *number).await?)
}

/// An error of another host, as an answer that is not successful.
#[derive(Debug)]
struct BadGateway(String);

impl From<String> for BadGateway {
    fn from(error: String) -> BadGateway {
        BadGateway(error)
    }
}

impl axum::response::IntoResponse for BadGateway {
    fn into_response(self) -> axum::response::Response {
        (http::StatusCode::BAD_GATEWAY, self.0).into_response()
    }
}

async fn try_to_remember(shared: &Shared, number: i64) -> Result<String, String> {
    let squared = square(number).await?;
    let key = format!("square of {number}");
    let connection = shared.db.get_multiplexed_async_connection().await;
    let mut connection = connection.map_err(|error| error.to_string())?;
    let set = redis::cmd("SET").arg(&key).arg(squared).to_owned();
    set.query_async::<()>(&mut connection).await.map_err(|error| error.to_string())?;
    let got = redis::cmd("GET").arg(&key).to_owned();
    got.query_async(&mut connection).await.map_err(|error| error.to_string())
}

fn web() {
    block_on(async {
        let db = redis::Client::open("redis://db:6379/").unwrap();
        let app = Router::new().route("/square/{number}", get(remember)).with_state(Shared { db });
        let listener = TcpListener::bind("0.0.0.0:8080").await.unwrap();
        axum::serve(listener, app).await.unwrap();
    });
}

/// Asks until there is an answer: hosts may be down, and requests get lost.
async fn ask(client: &reqwest::Client, number: i64) -> String {
    let address = format!("http://web:8080/square/{number}");
    loop {
        if let Ok(answer) = client.get(&address).send().await {
            if answer.status().is_success() {
                if let Ok(text) = answer.text().await {
                    return text;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn user() {
    block_on(async {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5));
        let client = client.build().unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..4 {
            let client = client.clone();
            tasks.spawn(async move {
                for round in 0..5 {
                    let number = task * 100 + round;
                    assert_eq!(ask(&client, number).await, (number * number).to_string());
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
}

fn app(sim: &mut Sim) {
    sim.network(Network::lan().loss(0.005));
    sim.host("db", db);
    sim.host("calculator", calculator);
    sim.host("web", web);
    sim.client("user", user);
}

fn app_with_faults(sim: &mut Sim) {
    app(sim);
    sim.faults(Faults::swarm());
}

#[test]
fn an_application_of_three_hosts_is_the_same_run_in_each_process() {
    let test = Test::new("an_application_of_three_hosts_is_the_same_run_in_each_process", app);
    let report = test.clone().seeds(32).search();
    eprintln!("{} steps in {:?}", report.steps, report.took);
    assert!(report.failure.is_none(), "{}", report.failure.unwrap().text);
    assert_eq!(report.different, 32);
    // parking_lot finds its queues by addresses, so these stay where they are.
    let pinned = test.hashes(0..20, 3);
    for (seed, hashes) in pinned.iter().enumerate() {
        if !hashes.iter().all(|hash| *hash == hashes[0]) {
            panic!("{}", test.first_difference(seed as u64).unwrap_or_default());
        }
    }
    let different: BTreeSet<u128> = pinned.iter().map(|hashes| hashes[0]).collect();
    assert_eq!(different.len(), 20);
}

#[test]
fn it_survives_crashes_partitions_and_wrong_clocks() {
    let name = "it_survives_crashes_partitions_and_wrong_clocks";
    Test::new(name, app_with_faults).seeds(32).run();
}
