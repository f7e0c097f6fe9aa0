//! Waiting for many things: `join!`, `select!` and `timeout` in a small web crawler.
//!
//! ```text
//! cargo run --release -p examples --example crawl
//! ```
//!
//! The program starts a site of its own on a free port, so it needs no network: a few dozen pages
//! that link to each other, some slow, one that never answers, one link that leads nowhere. Then it
//! crawls it from `/0`:
//!
//! - each fetch is a task; a `Semaphore` keeps no more than eight under way;
//! - `timeout` gives up on a page that takes too long, which drops the fetch and closes its socket;
//! - `select!` waits for the next page found, or for the whole crawl's deadline;
//! - `join!` runs the crawler and a progress line next to each other in one task.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use runtime::net::{TcpListener, TcpStream};
use runtime::sync::{Notify, Semaphore, mpsc};
use runtime::time::{Instant, interval, sleep, sleep_until, timeout};

const PAGES: usize = 40;
const AT_ONCE: usize = 8;
const ONE_PAGE: Duration = Duration::from_millis(300);
const WHOLE_CRAWL: Duration = Duration::from_secs(5);

#[runtime::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let site = runtime::spawn(serve_site(listener));

    let seen = AtomicUsize::new(0);
    let finished = Notify::new();
    // Both run in this task, so both may borrow `seen`: no `Arc`, no `'static`.
    let (outcome, ()) = runtime::join!(
        async {
            let outcome = crawl(address, &seen).await;
            finished.notify_one();
            outcome
        },
        progress(&seen, &finished),
    );

    println!("{} pages read, {} broken", outcome.read, outcome.broken.len());
    for (page, why) in outcome.broken {
        println!("  {page}: {why}");
    }
    site.abort();
    Ok(())
}

#[derive(Default)]
struct Outcome {
    read: usize,
    broken: Vec<(String, String)>,
}

async fn crawl(site: SocketAddr, seen: &AtomicUsize) -> Outcome {
    let mut outcome = Outcome::default();
    let mut known = HashSet::new();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let (report, mut reports) = mpsc::channel(AT_ONCE);
    let deadline = Instant::now() + WHOLE_CRAWL;

    let mut found = vec!["/0".to_string()];
    let mut under_way = 0;
    loop {
        for page in found.drain(..) {
            if known.insert(page.clone()) {
                under_way += 1;
                runtime::spawn(visit(site, page, permits.clone(), report.clone()));
            }
        }
        if under_way == 0 {
            return outcome;
        }
        runtime::select! {
            Some((page, result)) = reports.recv() => {
                under_way -= 1;
                seen.fetch_add(1, Ordering::Relaxed);
                match result {
                    Ok(links) => {
                        outcome.read += 1;
                        found = links;
                    }
                    Err(why) => outcome.broken.push((page, why)),
                }
            }
            _ = sleep_until(deadline) => {
                println!("out of time with {under_way} pages to go");
                return outcome;
            }
        }
    }
}

type Report = (String, Result<Vec<String>, String>);

async fn visit(
    site: SocketAddr,
    page: String,
    permits: Arc<Semaphore>,
    report: mpsc::Sender<Report>,
) {
    // Nobody closes the semaphore, so there is always a permit in the end.
    let Ok(_permit) = permits.acquire().await else { return };
    let result = match timeout(ONE_PAGE, fetch(site, &page)).await {
        Ok(Ok(links)) => Ok(links),
        Ok(Err(error)) => Err(error.to_string()),
        Err(elapsed) => Err(elapsed.to_string()),
    };
    // If the crawl has ended meanwhile, nobody wants to know.
    let _ = report.send((page, result)).await;
}

/// Fetches a page; its links are the lines of its body.
async fn fetch(site: SocketAddr, page: &str) -> io::Result<Vec<String>> {
    let mut stream = TcpStream::connect(site).await?;
    stream.write_all(format!("GET {page} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains(" 200 ") => {
            Ok(body.lines().map(str::to_string).collect())
        }
        Some((head, _)) => Err(io::Error::other(head.lines().next().unwrap_or("").to_string())),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

async fn progress(seen: &AtomicUsize, finished: &Notify) {
    let mut ticks = interval(Duration::from_millis(100));
    loop {
        runtime::select! {
            _ = finished.notified() => return,
            _ = ticks.tick() => println!("{} pages so far", seen.load(Ordering::Relaxed)),
        }
    }
}

/// The site: page n links to 2n + 1 and 2n + 2, a few to where it hurts.
async fn serve_site(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        runtime::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut request = String::new();
            stream.read_line(&mut request).await?;
            let page = request.split(' ').nth(1).and_then(|page| page[1..].parse::<usize>().ok());
            let links: String = match page {
                Some(13) => std::future::pending().await,
                Some(n) if n < PAGES => [2 * n + 1, 2 * n + 2, (n * 7) % PAGES]
                    .iter()
                    .filter(|&&n| n < PAGES || n % 17 == 0)
                    .map(|n| format!("/{n}\n"))
                    .collect(),
                _ => return stream.write_all(b"HTTP/1.0 404 Not Found\r\n\r\n").await,
            };
            sleep(Duration::from_millis(10 + 5 * (page.unwrap_or(0) as u64 % 7))).await;
            stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{links}").as_bytes()).await?;
            stream.shutdown().await
        });
    }
}
