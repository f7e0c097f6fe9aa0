//! Tasks that hold their threads: what becomes of everybody else's timers and sockets.
//!
//! A tick is due every millisecond, whether or not the one before was seen: a task that wakes 300
//! ms late is late for 300 ticks, by 300 ms, 299 ms and so on. The echo is asked the same way, by a
//! thread outside the runtime.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Figure, Plan, Unit, figure};
use crate::measure::{percentile, spin_for};
use crate::peers::Peer;

const HOLD: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(1);

/// Notes how late every tick is that is due by now; gives the next one that is not.
fn note(late: &mut Vec<f64>, mut due: Instant) -> Instant {
    let now = Instant::now();
    while due <= now {
        late.push((now - due).as_nanos() as f64 / 1e6);
        due += TICK;
    }
    due
}

fn hogs<P: Peer>(rt: &P::Runtime, plan: &Plan, blocked: usize, computing: usize) -> Vec<Figure> {
    let stop = Arc::new(AtomicBool::new(false));
    let over = |stop: &AtomicBool| stop.load(Ordering::Relaxed);

    let listener = P::block_on(rt, P::bind(([127, 0, 0, 1], 0).into())).unwrap();
    let addr = P::local_addr(&listener).unwrap();
    let echo = P::spawn_on(rt, async move {
        let mut stream = P::accept(&listener).await.unwrap();
        let mut buf = [0; 64];
        loop {
            match P::read(&mut stream, &mut buf).await {
                Ok(n) if n > 0 => P::write_all(&mut stream, &buf[..n]).await.unwrap(),
                _ => return,
            }
        }
    });
    let tick = {
        let stop = stop.clone();
        P::spawn_on(rt, async move {
            let mut late = Vec::new();
            let mut due = Instant::now() + TICK;
            while !over(&stop) {
                P::sleep(due.saturating_duration_since(Instant::now())).await;
                due = note(&mut late, due);
            }
            late
        })
    };
    let asking = {
        let stop = stop.clone();
        thread::spawn(move || ask(addr, &stop))
    };
    // Both are running before the first hog starts.
    thread::sleep(Duration::from_millis(20));
    let hogs: Vec<_> = (0..blocked + computing)
        .map(|i| {
            let stop = stop.clone();
            // Alternately, so that a mixed set starts mixed.
            let blocks = if blocked > 0 && computing > 0 { i % 2 == 0 } else { blocked > 0 };
            P::spawn_on(rt, async move {
                while !over(&stop) {
                    if blocks {
                        thread::sleep(HOLD)
                    } else {
                        spin_for(HOLD)
                    }
                    P::yield_now().await;
                }
            })
        })
        .collect();
    thread::sleep(HOLD * plan.count(3, 1) as u32 + Duration::from_millis(20));
    stop.store(true, Ordering::Relaxed);

    let mut tick = P::block_on(rt, async move {
        for hog in hogs {
            hog.await;
        }
        // The client stops after its next answer and closes the connection, which ends the echo.
        echo.await;
        tick.await
    });
    let mut asked = asking.join().unwrap();
    vec![
        figure("tick late, p50", Unit::Ms, percentile(&mut tick, 0.5)),
        figure("tick late, p99", Unit::Ms, percentile(&mut tick, 0.99)),
        figure("echo late, p50", Unit::Ms, percentile(&mut asked, 0.5)),
        figure("echo late, p99", Unit::Ms, percentile(&mut asked, 0.99)),
    ]
}

fn ask(addr: SocketAddr, stop: &AtomicBool) -> Vec<f64> {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut late = Vec::new();
    let mut due = Instant::now() + TICK;
    let mut buf = [0; 8];
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(b"are you ").unwrap();
        stream.read_exact(&mut buf).unwrap();
        due = note(&mut late, due);
    }
    late
}

pub(super) fn blocked_2<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    hogs::<P>(rt, plan, 2, 0)
}
pub(super) fn computing_2<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    hogs::<P>(rt, plan, 0, 2)
}
pub(super) fn computing_3<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    hogs::<P>(rt, plan, 0, 3)
}
pub(super) fn computing_8<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    hogs::<P>(rt, plan, 0, 8)
}
pub(super) fn computing_32<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    hogs::<P>(rt, plan, 0, 32)
}
pub(super) fn mixed_8<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    hogs::<P>(rt, plan, 4, 4)
}
