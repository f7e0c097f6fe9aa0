//! The thread that serves a page.
//!
//! # Limits
//!
//! | | |
//! |---|---|
//! | connections | [`CONNECTIONS`]; others get an error, and are closed at once |
//! | a request | its head in [`HEAD_WITHIN`] and [`HEAD_BYTES`]; a body is not read |
//! | a connection whose requests are refused | ends with the first of them |
//! | a connection | ends after [`CONNECTION_WITHIN`], whatever goes on |
//! | requests at work | one thread: so the memory for a dump is taken once, from one allocator's arena |
//!
//! Every user of the machine can connect to a port. A client without the token keeps its connection
//! for [`HEAD_WITHIN`] at most, and costs the program nothing else.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use runtime::net::TcpStream;
use runtime::sync::Semaphore;
use runtime::sync::oneshot;
use runtime::time::{MissedTickBehavior, interval, sleep, timeout};
use runtime_hyper::{HyperIo, HyperTimer};

use super::api::{Answer, answer, asset};
use super::gate::Gate;
use super::history::EVERY;
use super::hub::Hub;

const CONNECTIONS: usize = 32;
/// The answer to a connection beyond the limit.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n";
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const HEAD_BYTES: usize = 16 * 1024;
const HEADERS: usize = 64;
const CONNECTION_WITHIN: Duration = Duration::from_secs(300);
/// The pause when descriptors are used up, until some are free again.
const AFTER_AN_ERROR: Duration = Duration::from_millis(50);

/// A page that is served. It goes on when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    url: String,
    thread: Option<JoinHandle<()>>,
    /// A message to it ends the thread; dropping it does not.
    stop: Option<oneshot::Sender<()>>,
}

impl Server {
    pub(super) fn start(listener: TcpListener, gate: Gate, hub: Arc<Hub>) -> io::Result<Server> {
        let url = gate.url();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("insight-page".to_owned());
        // The page must not appear in the list of its own program.
        let runtime = runtime::Builder::new_current_thread()
            .insight(false)
            .enable_all()
            .max_blocking_threads(1)
            .thread_name("insight-page")
            .build()?;
        let thread = thread.spawn(move || {
            runtime.block_on(async {
                let served = async {
                    listener.set_nonblocking(true)?;
                    let listener = runtime::net::TcpListener::from_std(listener)?;
                    accept(listener, Arc::new(gate), Arc::clone(&hub)).await
                };
                runtime::select! {
                    ended = served => {
                        let ended: io::Result<Infallible> = ended;
                        let Err(error) = ended;
                        eprintln!("runtime-insight: the page has ended: {error}");
                    }
                    () = sample(&hub) => {}
                    Ok(()) = stopped => {}
                }
            });
        })?;
        Ok(Server { url, thread: Some(thread), stop: Some(stop) })
    }

    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Waits until it has ended and its port is free. To be called when its source has ended.
    pub(super) fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    pub(super) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads the numbers each second, until no request will be answered any more.
async fn sample(hub: &Arc<Hub>) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let hub = Arc::clone(hub);
        let read = runtime::task::spawn_blocking(move || {
            let has_ended = hub.has_ended();
            if !has_ended {
                hub.tick();
            }
            has_ended
        });
        // The panic was reported on stderr; the next attempt may succeed.
        if read.await.unwrap_or(false) {
            return;
        }
    }
}

async fn accept(
    listener: runtime::net::TcpListener,
    gate: Arc<Gate>,
    hub: Arc<Hub>,
) -> io::Result<Infallible> {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(place) = Arc::clone(&free).try_acquire_owned() else {
                    // A new socket has room for it. It does not matter whether it is read.
                    let _ = stream.into_std().and_then(|mut stream| stream.write(BUSY));
                    continue;
                };
                let (gate, hub) = (Arc::clone(&gate), Arc::clone(&hub));
                runtime::spawn(async move {
                    let _ = timeout(CONNECTION_WITHIN, serve(stream, gate, hub)).await;
                    drop(place);
                });
            }
            // Descriptors are used up, or the client has left already.
            Err(_) => sleep(AFTER_AN_ERROR).await,
        }
    }
}

/// Serves one connection. Its errors concern the client alone.
async fn serve(stream: TcpStream, gate: Arc<Gate>, hub: Arc<Hub>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let (gate, hub) = (Arc::clone(&gate), Arc::clone(&hub));
        async move { Ok::<_, Infallible>(respond(request, &gate, hub).await) }
    });
    let connection = http1::Builder::new()
        .timer(HyperTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(HyperIo::new(stream), service);
    let _ = connection.await;
}

/// What the browser may do with an answer: show it, and load nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The headers of every answer, by their names.
const HEADERS_OF_ALL: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

async fn respond(request: Request<Incoming>, gate: &Gate, hub: Arc<Hub>) -> Response<Full<Bytes>> {
    if let Err((status, text)) = gate.check(&request) {
        let mut response = response(Answer::text(status, text));
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        if status == hyper::StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        return response;
    }
    let path = request.uri().path();
    if let Some(found) = asset(path) {
        let mut response = response(found);
        if path == "/" {
            let cookie = HeaderValue::from_str(&gate.cookie()).expect("it is of plain letters");
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        return response;
    }
    let (path, query) = (path.to_owned(), request.uri().query().unwrap_or("").to_owned());
    let answered = runtime::task::spawn_blocking(move || answer(&hub, &path, &query)).await;
    response(answered.unwrap_or_else(|_| {
        Answer::text(
            hyper::StatusCode::INTERNAL_SERVER_ERROR,
            "The page has a defect: it panicked.",
        )
    }))
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    for &(name, value) in HEADERS_OF_ALL {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.kind));
    if let Some(name) = answer.file {
        let text = format!("attachment; filename=\"{name}\"");
        let value = HeaderValue::from_str(&text).expect("its name is of plain letters");
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
