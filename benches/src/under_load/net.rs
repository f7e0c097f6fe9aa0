//! What a request costs when there are many workers, and when requests are rare.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::peer::UnderLoad;
use super::{Ask, Out, end_with_parent};
use crate::measure::{Usage, percentile};
use crate::peers::on_worker;

pub(super) const MESSAGE: [u8; 64] = [b'm'; 64];

/// Reads one message; false at the end of the stream.
pub(super) async fn read_message<P: UnderLoad>(stream: &mut P::Stream) -> bool {
    let mut buf = [0; MESSAGE.len()];
    let mut got = 0;
    while got < buf.len() {
        match P::read(stream, &mut buf[got..]).await {
            Ok(n) if n > 0 => got += n,
            _ => return false,
        }
    }
    true
}

async fn round_trip<P: UnderLoad>(stream: &mut P::Stream) {
    P::write_all(stream, &MESSAGE).await.unwrap();
    assert!(read_message::<P>(stream).await);
}

/// What was used between two looks, for each of `n` things.
fn put_usage(out: &Out, what: &str, from: Usage, to: Usage, n: usize) {
    let each = |d: Duration| d.as_secs_f64() * 1e6 / n as f64;
    out.less(format!("CPU a {what}"), "us", each(to.cpu() - from.cpu()));
    let switches = (to.switches - from.switches) as f64;
    out.less(format!("context switches a {what}"), "", switches / n as f64);
}

pub(super) fn round_trips<P: UnderLoad>(rt: &P::Runtime, ask: &Ask, out: &Out) {
    const WARM_UP: usize = 2_000;
    let time = ask.time();
    let (trips, took, from, to) = on_worker::<P, _>(rt, async move {
        let listener = P::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let addr = P::local_addr(&listener).unwrap();
        P::detach(P::spawn(async move {
            let mut stream = P::accept(&listener).await.unwrap();
            while read_message::<P>(&mut stream).await {
                P::write_all(&mut stream, &MESSAGE).await.unwrap();
            }
        }));
        let mut stream = P::connect(addr).await.unwrap();
        for _ in 0..WARM_UP {
            round_trip::<P>(&mut stream).await;
        }
        let (from, began, mut trips) = (Usage::now(), Instant::now(), 0);
        while began.elapsed() < time {
            round_trip::<P>(&mut stream).await;
            trips += 1;
        }
        (trips, began.elapsed(), from, Usage::now())
    });
    out.more("round trips", "1/s", trips as f64 / took.as_secs_f64());
    // The kernel tells the two apart by samples: only of much time they say something.
    let each = |d: Duration| d.as_secs_f64() * 1e6 / trips as f64;
    out.less("CPU a round trip, user", "us", each(to.user - from.user));
    out.less("CPU a round trip, system", "us", each(to.system - from.system));
    put_usage(out, "round trip", from, to, trips);
}

pub(super) fn rare_events<P: UnderLoad>(rt: &P::Runtime, a_second: u32, ask: &Ask, out: &Out) {
    // The first ones start what is started once.
    const WARM_UP: usize = 5;
    let requests = (ask.seconds * f64::from(a_second)).ceil().max(1.0) as usize;
    let (addr_tx, addr) = mpsc::channel();
    let server = P::spawn_on(rt, async move {
        let listener = P::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        addr_tx.send(P::local_addr(&listener).unwrap()).unwrap();
        let mut stream = P::accept(&listener).await.unwrap();
        let mut looks = Vec::new();
        // From the arrival of one request to that of another one, all that is between is counted.
        for request in 0..=WARM_UP + requests {
            assert!(read_message::<P>(&mut stream).await);
            if request == WARM_UP || request == WARM_UP + requests {
                looks.push(Usage::now());
            }
            P::write_all(&mut stream, &MESSAGE).await.unwrap();
        }
        looks
    });
    let after = answers_after(addr.recv().unwrap(), WARM_UP + requests + 1, a_second);
    let looks = P::block_on(rt, server);
    put_usage(out, "request", looks[0], looks[1], requests);
    put_answers(out, after);
}

pub(super) fn put_answers(out: &Out, after: [f64; 2]) {
    out.less("answer after, p50", "us", after[0]);
    out.less("answer after, p99", "us", after[1]);
}

/// Has another process ask so often. Returns two percentiles of when the answer comes, in
/// microseconds.
pub(super) fn answers_after(addr: SocketAddr, requests: usize, a_second: u32) -> [f64; 2] {
    let mut client = Command::new(std::env::current_exe().unwrap())
        .arg("client")
        .arg(addr.to_string())
        .args([requests.to_string(), a_second.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Its input stays open until this process ends, or it.
    let _leash = client.stdin.take();
    let client = client.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&client.stdout);
    let mut us = text.split_whitespace().map(|n| n.parse::<f64>().unwrap());
    [us.next().unwrap(), us.next().unwrap()]
}

/// The other end of `rare_events`: `ADDRESS REQUESTS A_SECOND`. Prints two percentiles in
/// microseconds.
pub(super) fn client(args: &[String]) {
    end_with_parent();
    let [addr, requests, a_second] = args else {
        panic!("client: ADDRESS REQUESTS A_SECOND; this is for the program itself");
    };
    let mut stream = TcpStream::connect(addr.parse::<SocketAddr>().unwrap()).unwrap();
    stream.set_nodelay(true).unwrap();
    let every = Duration::from_secs(1) / a_second.parse().unwrap();
    let mut due = Instant::now();
    let mut latency = Vec::new();
    for _ in 0..requests.parse::<usize>().unwrap() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        due += every;
        let sent = Instant::now();
        stream.write_all(&MESSAGE).unwrap();
        stream.read_exact(&mut [0; MESSAGE.len()]).unwrap();
        latency.push(sent.elapsed().as_secs_f64() * 1e6);
    }
    println!("{} {}", percentile(&mut latency, 0.5), percentile(&mut latency, 0.99));
}
