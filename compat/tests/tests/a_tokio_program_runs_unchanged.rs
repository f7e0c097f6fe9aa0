//! A program as people write them for tokio, with what only the crate `tokio` knows in its paths:
//! the attributes, `select!` in a loop, task-local values, sets of tasks, local tasks, blocking
//! jobs, signals, child processes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ecosystem::in_time;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet};

tokio::task_local! {
    static REQUEST: u32;
}

/// Serves lines until it is told to stop; says how many connections there were.
async fn serve(listener: TcpListener, mut stop: broadcast::Receiver<()>) -> usize {
    let mut connections = JoinSet::new();
    let mut served = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                served += 1;
                connections.spawn(REQUEST.scope(served, answer(stream, stop.resubscribe())));
            }
            Some(done) = connections.join_next() => done.unwrap(),
            _ = stop.recv() => break,
        }
    }
    connections.shutdown().await;
    served as usize
}

async fn answer(mut stream: TcpStream, mut stop: broadcast::Receiver<()>) {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).lines();
    let mut idle = tokio::time::interval(Duration::from_secs(60));
    idle.tick().await;
    loop {
        tokio::select! {
            biased;
            _ = stop.recv() => return,
            line = lines.next_line() => match line.unwrap() {
                Some(line) => {
                    let answer = format!("{} {}\n", REQUEST.get(), line.to_uppercase());
                    writer.write_all(answer.as_bytes()).await.unwrap();
                }
                None => return,
            },
            _ = idle.tick() => return,
        }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn program() -> Result<usize, Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = broadcast::channel(1);
    let server = tokio::spawn(serve(listener, stopped));
    let mut clients = JoinSet::new();
    for n in 0..20 {
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(format!("client {n}\n").as_bytes()).await?;
            stream.shutdown().await?;
            let mut all = String::new();
            stream.read_to_string(&mut all).await?;
            Ok::<_, std::io::Error>(all.ends_with(&format!(" CLIENT {n}\n")))
        });
    }
    while let Some(client) = clients.join_next().await {
        assert!(client??);
    }
    stop.send(())?;
    Ok(server.await?)
}

#[test]
fn a_server_with_loops_over_select() {
    assert_eq!(program().unwrap(), 20);
}

#[tokio::test]
async fn local_tasks_share_what_is_not_send() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let local = LocalSet::new();
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let reader = seen.clone();
    local.spawn_local(async move {
        while let Some(n) = receiver.recv().await {
            reader.borrow_mut().push(n);
        }
    });
    let all = local.run_until(async move {
        for n in 0..3 {
            let sender = sender.clone();
            tokio::task::spawn_local(async move { sender.send(n).unwrap() }).await.unwrap();
        }
    });
    in_time(all).await;
    in_time(local).await;
    assert_eq!(*seen.borrow(), [0, 1, 2]);
}

#[tokio::test]
async fn blocking_jobs_give_their_values_back() {
    let jobs = (0..50).map(|n| tokio::task::spawn_blocking(move || n * n));
    let mut sum = 0;
    for job in jobs {
        sum += in_time(job).await.unwrap();
    }
    assert_eq!(sum, (0..50).map(|n| n * n).sum::<i32>());
    let join = tokio::task::spawn_blocking(|| panic!("in the pool")).await.unwrap_err();
    assert!(join.is_panic());
}

#[tokio::test]
async fn children_are_spoken_to_and_waited_for() {
    use std::process::Stdio;
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = tokio::spawn(async move { stdin.write_all(b"meow").await.unwrap() });
    let mut all = String::new();
    in_time(child.stdout.take().unwrap().read_to_string(&mut all)).await.unwrap();
    assert_eq!(all, "meow");
    writer.await.unwrap();
    assert!(in_time(child.wait()).await.unwrap().success());
    let output =
        in_time(Command::new("sh").args(["-c", "echo out; exit 3"]).output()).await.unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(3), &b"out\n"[..]));
}

#[tokio::test]
async fn signals_reach_whoever_listens() {
    let mut first = signal(SignalKind::user_defined1()).unwrap();
    let mut second = signal(SignalKind::user_defined1()).unwrap();
    let pid = std::process::id().to_string();
    assert!(Command::new("kill").args(["-USR1", &pid]).status().await.unwrap().success());
    in_time(async { tokio::join!(first.recv(), second.recv()) }).await;
}

#[tokio::test(start_paused = true)]
async fn paused_time_goes_on_by_itself() {
    let start = std::time::Instant::now();
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        sender.send("an hour later").unwrap();
    });
    assert_eq!(receiver.await.unwrap(), "an hour later");
    assert!(start.elapsed() < Duration::from_secs(60));
}
