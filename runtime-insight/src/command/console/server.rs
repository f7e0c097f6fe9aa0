//! The service that the console calls.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use runtime::net::{TcpListener, TcpStream};
use runtime::sync::{Semaphore, watch};
use runtime::time::sleep;
use runtime_hyper::{HyperExecutor, HyperIo, HyperTimer};
use runtime_insight::Dump;

use super::grpc::{self, Answer, Messages, Status};
use super::picture::Picture;
use runtime_insight::protobuf::{Message, read_id};

/// How many consoles there may be at a time. Others are closed at once.
const CONNECTIONS: usize = 16;
/// How many streams a connection may have: a console has three.
const STREAMS: u32 = 32;
/// How often a client is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// The pause after an `accept` that failed.
const AFTER_AN_ERROR: Duration = Duration::from_millis(100);

/// The state that all clients share.
pub(super) struct Shared {
    /// The last dump. Each client waits for the next one.
    samples: watch::Sender<Option<Arc<Sample>>>,
    /// Whether a console has asked for a pause.
    is_paused: watch::Sender<bool>,
}

/// A dump, and when it was made.
pub(super) struct Sample {
    pub(super) at: SystemTime,
    pub(super) dump: Dump,
}

impl Shared {
    pub(super) fn new() -> Arc<Shared> {
        Arc::new(Shared { samples: watch::Sender::new(None), is_paused: watch::Sender::new(false) })
    }

    /// Whether anybody waits for a dump.
    pub(super) fn is_watched(&self) -> bool {
        !*self.is_paused.borrow() && self.samples.receiver_count() > 0
    }

    pub(super) fn publish(&self, sample: Sample) {
        self.samples.send_replace(Some(Arc::new(sample)));
    }
}

/// Takes connections, for ever.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) -> Infallible {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(place) = Arc::clone(&free).try_acquire_owned() else { continue };
                let shared = Arc::clone(&shared);
                runtime::spawn(async move {
                    // Errors of a connection concern its client alone.
                    let _ = serve(stream, shared).await;
                    drop(place);
                });
            }
            // Descriptors are used up, or the client has left already.
            Err(_) => sleep(AFTER_AN_ERROR).await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(request, shared).await) }
    });
    http2::Builder::new(HyperExecutor::new())
        .timer(HyperTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS)
        .serve_connection(HyperIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

async fn respond(request: Request<Incoming>, shared: Arc<Shared>) -> Response<Answer> {
    if !grpc::is_call(&request) {
        return grpc::no_call();
    }
    call(request, shared).await.unwrap_or_else(grpc::failure)
}

async fn call(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Answer>, Status> {
    let path = request.uri().path();
    let method = path.strip_prefix("/rs.tokio.console.instrument.Instrument/");
    let method = method.ok_or(Status::Unimplemented)?.to_owned();
    let message = grpc::read(request.into_body()).await?;
    let (messages, response) = grpc::answer();
    match method.as_str() {
        "WatchUpdates" => drop(runtime::spawn(updates(messages, shared))),
        "WatchTaskDetails" => {
            let task = read_id(&message).ok_or(Status::InvalidArgument)?;
            drop(runtime::spawn(details(task, messages, shared)));
        }
        "WatchState" => drop(runtime::spawn(states(messages, shared))),
        "Pause" | "Resume" => {
            shared.is_paused.send_replace(method == "Pause");
            messages.send(Message::default()).await;
        }
        _ => return Err(Status::Unimplemented),
    }
    Ok(response)
}

/// Sends all tasks, and then what has changed.
async fn updates(messages: Messages, shared: Arc<Shared>) {
    let mut picture = Picture::new();
    let mut samples = shared.samples.subscribe();
    while let Some(sample) = next(&mut samples, &messages).await {
        // For a hundred thousand tasks this takes some tenths of a second.
        let compared = runtime::task::spawn_blocking(move || {
            let updates = picture.updates(&sample.dump, sample.at);
            (picture, updates)
        });
        // The panic was reported on stderr.
        let Ok((told, updates)) = compared.await else { return };
        picture = told;
        for update in updates {
            if !messages.send(update).await {
                return;
            }
        }
    }
}

/// Nothing is known of a task beyond its row, so the answer says that there is no more.
async fn details(task: u64, messages: Messages, shared: Arc<Shared>) {
    let mut samples = shared.samples.subscribe();
    while let Some(sample) = next(&mut samples, &messages).await {
        let details = Message::with(|details| {
            details.id(1, task);
            details.moment(2, sample.at);
        });
        if !messages.send(details).await {
            return;
        }
    }
}

/// `None` if the client has gone.
async fn next(
    samples: &mut watch::Receiver<Option<Arc<Sample>>>,
    messages: &Messages,
) -> Option<Arc<Sample>> {
    runtime::select! {
        () = messages.closed() => None,
        changed = samples.changed() => {
            changed.ok()?;
            samples.borrow_and_update().clone()
        }
    }
}

/// Whether there is a pause.
async fn states(messages: Messages, shared: Arc<Shared>) {
    let mut is_paused = shared.is_paused.subscribe();
    loop {
        let paused = *is_paused.borrow_and_update();
        if !messages.send(Message::with(|state| state.number(1, paused.into()))).await {
            return;
        }
        runtime::select! {
            () = messages.closed() => return,
            changed = is_paused.changed() => if changed.is_err() { return },
        }
    }
}
