//! One server process holds ten thousand connections, all of them alive, from clients in another
//! process.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpSocket, TcpStream};
use tests::process::{limit, output_within};
use tests::{PATIENCE, again, role, scaled, workers};

const TEST: &str = "ten_thousand_connections_are_served_by_one_process";

/// Opened at a time, so that the backlog is not what is tested.
const AT_A_TIME: usize = 200;

/// Ten thousand; fewer where a tool makes the program slow.
fn count() -> usize {
    AT_A_TIME * scaled(50)
}

#[test]
fn ten_thousand_connections_are_served_by_one_process() {
    match role().as_deref() {
        None => {
            let mut server =
                again(TEST, "server").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
            let address = lines
                .by_ref()
                .find_map(|line| line.unwrap().split("listens on ").nth(1).map(str::to_string))
                .expect("the server says where it listens");
            let clients =
                again(TEST, "clients").env("ADDRESS", address).stdout(Stdio::piped()).spawn();
            let output = output_within(clients.unwrap(), 4 * PATIENCE);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            // The end of its input tells the server to check its books and go.
            drop(server.stdin.take());
            let rest: Vec<_> = lines.map_while(Result::ok).collect();
            let status = server.wait().unwrap();
            assert!(status.success(), "server: {status}\n{}", rest.join("\n"));
        }
        Some("server") => serve(),
        Some(_) => connect_all(std::env::var("ADDRESS").unwrap().parse().unwrap()),
    }
}

fn serve() {
    limit(libc::RLIMIT_NOFILE, u64::MAX);
    let runtime = workers(2);
    let alive = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let served = Arc::new(AtomicUsize::new(0));
    let counts = (alive.clone(), most.clone(), served.clone());
    runtime.block_on(async move {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(4096).unwrap();
        println!("listens on {}", listener.local_addr().unwrap());
        drop(runtime::spawn(accept(listener, counts)));
        // The end of the input, read on a thread of the pool.
        runtime::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(most.load(Ordering::SeqCst), count());
        // A client may have its bytes before the server has counted them.
        let all = || served.load(Ordering::SeqCst) == 2 * count();
        tests::eventually_async("all have been served twice", all).await;
        tests::eventually_async("all have left", || alive.load(Ordering::SeqCst) == 0).await;
    });
}

type Counts = (Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>);

async fn accept(listener: TcpListener, (alive, most, served): Counts) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let (alive, served) = (alive.clone(), served.clone());
        drop(runtime::spawn(async move {
            let mut bytes = [0; 8];
            while stream.read_exact(&mut bytes).await.is_ok() {
                stream.write_all(&bytes).await.unwrap();
                served.fetch_add(1, Ordering::SeqCst);
            }
            drop(stream);
            alive.fetch_sub(1, Ordering::SeqCst);
        }));
    }
}

fn connect_all(server: SocketAddr) {
    limit(libc::RLIMIT_NOFILE, u64::MAX);
    let runtime = workers(2);
    runtime.block_on(async move {
        let mut connections = Vec::with_capacity(count());
        for first in (0..count()).step_by(AT_A_TIME) {
            let tasks: Vec<_> = (first..first + AT_A_TIME)
                .map(|n| runtime::spawn(greet(server, n as u64)))
                .collect();
            for task in tasks {
                connections.push(task.await.unwrap());
            }
        }
        // All are open. Each of them still works.
        let tasks: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(n, stream)| runtime::spawn(exchange(stream, n as u64)))
            .collect();
        let mut connections = Vec::with_capacity(count());
        for task in tasks {
            connections.push(task.await.unwrap());
        }
        assert_eq!(connections.len(), count());
    });
    let _ = std::io::stdout().flush();
}

async fn greet(server: SocketAddr, number: u64) -> TcpStream {
    exchange(TcpStream::connect(server).await.unwrap(), number).await
}

async fn exchange(mut stream: TcpStream, number: u64) -> TcpStream {
    stream.write_all(&number.to_le_bytes()).await.unwrap();
    let mut back = [0; 8];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(u64::from_le_bytes(back), number);
    stream
}
