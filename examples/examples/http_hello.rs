//! An HTTP server: hyper's protocol code on this runtime's sockets, timers and tasks.
//!
//! ```text
//! cargo run --release -p examples --example http_hello
//! curl http://127.0.0.1:8080/                               # HTTP/1.1
//! curl --http2-prior-knowledge http://127.0.0.1:8080/       # HTTP/2
//! ```
//!
//! The address is 127.0.0.1:8080, or the port that the variable `PORT` names (0: any free one). It
//! is printed once the socket listens, so a script can wait for that line.
//!
//! What to look at:
//!
//! 1. hyper knows no runtime. It asks for four things (read and write, spawn, sleep), and
//!    `runtime_hyper` wraps what the runtime has into those four traits.
//! 2. HTTP/1.1 and HTTP/2 share the port. A client that speaks HTTP/2 without TLS opens with a
//!    fixed preface that is no HTTP/1.1 request; `sniff` reads until the two differ, and gives the
//!    bytes back through `Rewound`.
//! 3. Ctrl-C or SIGTERM drains: the listener closes, idle connections close, requests under way are
//!    answered, and the process exits when the last connection has gone or after ten seconds.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use runtime::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use runtime::net::{TcpListener, TcpStream};
use runtime::sync::{Semaphore, mpsc};
use runtime::time::{sleep, timeout};
use runtime_hyper::{HyperExecutor, HyperIo, HyperTimer};

/// How long a client may take for its first bytes.
const FIRST_BYTES: Duration = Duration::from_secs(10);
/// How long the requests under way may take once the server was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match request.uri().path() {
        "/" => (StatusCode::OK, "Hello, world!\n"),
        // Takes what the client sends, and its time.
        "/slow" => {
            let _ = request.into_body().collect().await;
            sleep(Duration::from_secs(1)).await;
            (StatusCode::OK, "Hello, patient world!\n")
        }
        _ => (StatusCode::NOT_FOUND, "Nothing here.\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    Ok(response)
}

#[runtime::main]
async fn main() -> Result<(), Error> {
    let port = match std::env::var("PORT") {
        Ok(port) => port.parse().map_err(|_| format!("PORT is no port number: {port:?}"))?,
        Err(_) => 8080,
    };
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await?;
    println!("listening on http://{}", listener.local_addr()?);

    // Two facts that outlive a missed moment. `closing` is shut: every `acquire` on a closed
    // semaphore fails at once, whenever it is asked. `alive` is held by each connection: the
    // channel ends when the last of them has dropped its sender.
    let closing = Arc::new(Semaphore::new(0));
    let (alive, mut all_gone) = mpsc::channel::<Infallible>(1);

    let mut stop = pin!(stop_signal());
    loop {
        runtime::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (closing, alive) = (closing.clone(), alive.clone());
                    runtime::spawn(async move {
                        if let Err(error) = serve(stream, &closing).await {
                            eprintln!("connection: {error}");
                        }
                        drop(alive);
                    });
                }
                // Out of descriptors, or a client that left before it was greeted. Neither is a
                // reason to stop; the first needs a moment until other connections end.
                Err(error) => {
                    eprintln!("accept: {error}");
                    sleep(Duration::from_millis(50)).await;
                }
            },
            name = &mut stop => {
                eprintln!("{}: finishing what is under way", name?);
                break;
            }
        }
    }

    drop(listener);
    closing.close();
    drop(alive);
    if timeout(DRAIN, all_gone.recv()).await.is_err() {
        eprintln!("some connections were still busy after {DRAIN:?}");
    }
    Ok(())
}

/// Ends with the name of the signal that asks the process to stop.
#[cfg(unix)]
async fn stop_signal() -> io::Result<&'static str> {
    use runtime::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    runtime::select! {
        _ = interrupt.recv() => Ok("SIGINT"),
        _ = terminate.recv() => Ok("SIGTERM"),
    }
}

#[cfg(not(unix))]
async fn stop_signal() -> io::Result<&'static str> {
    runtime::signal::ctrl_c().await?;
    Ok("Ctrl-C")
}

/// One connection, from its first byte to its last.
async fn serve(mut stream: TcpStream, closing: &Semaphore) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let protocol = runtime::select! {
        protocol = timeout(FIRST_BYTES, sniff(&mut stream)) => match protocol {
            Ok(protocol) => protocol?,
            Err(_) => return Ok(()), // a client that says nothing is no error of ours
        },
        _ = closing.acquire() => return Ok(()),
    };
    match protocol {
        Protocol::Silence => Ok(()),
        Protocol::Http1(read) => {
            let connection = http1::Builder::new()
                .timer(HyperTimer::new())
                .serve_connection(Rewound::hyper(read, stream), service_fn(hello));
            until_closing(pin!(connection), closing, |c| c.graceful_shutdown()).await
        }
        Protocol::Http2(read) => {
            let connection = http2::Builder::new(HyperExecutor::new())
                .timer(HyperTimer::new())
                .serve_connection(Rewound::hyper(read, stream), service_fn(hello));
            until_closing(pin!(connection), closing, |c| c.graceful_shutdown()).await
        }
    }
}

/// Drives a connection to its end, and asks it to come to one once the server is closing.
async fn until_closing<C: Future<Output = hyper::Result<()>>>(
    mut connection: Pin<&mut C>,
    closing: &Semaphore,
    ask: impl FnOnce(Pin<&mut C>),
) -> Result<(), Error> {
    runtime::select! {
        biased;
        done = &mut connection => return Ok(done?),
        _ = closing.acquire() => {}
    }
    ask(connection.as_mut());
    Ok(connection.await?)
}

/// What the client speaks, with the bytes that told.
enum Protocol {
    Silence,
    Http1(Bytes),
    Http2(Bytes),
}

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until the bytes are the HTTP/2 preface or cannot become it.
async fn sniff(stream: &mut TcpStream) -> io::Result<Protocol> {
    let mut read = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            // The end of the stream: what came before it, if anything, is hyper's to judge.
            return Ok(match read.is_empty() {
                true => Protocol::Silence,
                false => Protocol::Http1(read.into()),
            });
        }
        let common = read.len().min(PREFACE.len());
        if read[..common] != PREFACE[..common] {
            return Ok(Protocol::Http1(read.into()));
        }
        if common == PREFACE.len() {
            return Ok(Protocol::Http2(read.into()));
        }
    }
}

/// A stream whose first bytes have been read already and are read again.
struct Rewound {
    first: Bytes,
    stream: TcpStream,
}

impl Rewound {
    fn hyper(first: Bytes, stream: TcpStream) -> HyperIo<Rewound> {
        HyperIo::new(Rewound { first, stream })
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let fits = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first.split_to(fits));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
