//! Tasks: their birth, their turns, their memory.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::alloc;
use crate::harness::{Figure, Plan, Unit, figure};
use crate::measure::{Countdown, now_ns, ns_each, work};
use crate::peers::{Peer, on_worker};

fn ns(value: f64) -> Vec<Figure> {
    vec![figure("", Unit::Ns, value)]
}

pub(super) fn join_each<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(50_000, 2_000);
    ns(on_worker::<P, _>(rt, async move {
        let t = Instant::now();
        for _ in 0..n {
            P::spawn(async {}).await;
        }
        ns_each(t, n)
    }))
}

fn batches<P: Peer>(rt: &P::Runtime, batch: usize, rounds: usize) -> Vec<Figure> {
    ns(on_worker::<P, _>(rt, async move {
        let mut handles = Vec::with_capacity(batch);
        let t = Instant::now();
        for _ in 0..rounds {
            for _ in 0..batch {
                handles.push(P::spawn(async {}));
            }
            for handle in handles.drain(..) {
                handle.await;
            }
        }
        ns_each(t, rounds * batch)
    }))
}

pub(super) fn join_thousand<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    batches::<P>(rt, 1_000, plan.count(50, 3))
}
pub(super) fn join_set<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let (tasks, rounds) = (1_000, plan.count(50, 3));
    ns(on_worker::<P, _>(rt, async move {
        let t = Instant::now();
        for _ in 0..rounds {
            P::join_set(tasks).await;
        }
        ns_each(t, rounds * tasks)
    }))
}
pub(super) fn join_ten_thousand<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    batches::<P>(rt, 10_000, plan.count(8, 1))
}

pub(super) fn outside<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(10_000, 1_000);
    let all = Arc::new(Countdown::default());
    all.arm(n as u64);
    let t = Instant::now();
    for _ in 0..n {
        let all = all.clone();
        P::detach(P::spawn_on(rt, async move { all.done() }));
    }
    let spawned = ns_each(t, n);
    all.wait();
    vec![
        figure("until all ran", Unit::Ns, ns_each(t, n)),
        figure("spawner's cost", Unit::Ns, spawned),
    ]
}

/// A thread that is no worker spawns, while both workers have work that never ends.
pub(super) fn root_beside_yields<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let (batch, rounds) = (1_000, plan.count(50, 3));
    let stop = Arc::new(AtomicBool::new(false));
    ns(P::block_on(rt, async {
        let busy: Vec<_> = (0..4)
            .map(|_| {
                let stop = stop.clone();
                P::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        P::yield_now().await;
                    }
                })
            })
            .collect();
        let mut handles = Vec::with_capacity(batch);
        let t = Instant::now();
        for _ in 0..rounds {
            for _ in 0..batch {
                handles.push(P::spawn(async {}));
            }
            for handle in handles.drain(..) {
                handle.await;
            }
        }
        let each = ns_each(t, rounds * batch);
        stop.store(true, Ordering::Relaxed);
        for task in busy {
            task.await;
        }
        each
    }))
}

/// Batches of tasks, each after a time in which all workers sleep. Wall time a task.
fn after_idling<P: Peer>(rt: &P::Runtime, batch: usize, rounds: usize, task: fn()) -> Vec<Figure> {
    ns(on_worker::<P, _>(rt, async move {
        let mut handles = Vec::with_capacity(batch);
        let mut busy = Duration::ZERO;
        for _ in 0..rounds {
            P::sleep(Duration::from_millis(1)).await;
            let t = Instant::now();
            for _ in 0..batch {
                handles.push(P::spawn(async move { task() }));
            }
            for handle in handles.drain(..) {
                handle.await;
            }
            busy += t.elapsed();
        }
        busy.as_nanos() as f64 / (rounds * batch) as f64
    }))
}

pub(super) fn bursts<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    after_idling::<P>(rt, 64, plan.count(200, 10), || ())
}
pub(super) fn fan_burst<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    work(1);
    after_idling::<P>(rt, 256, plan.count(200, 10), || work(2))
}

pub(super) fn chain<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    fn link<P: Peer>(left: usize, end: P::OneTx) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            if left == 0 {
                P::one_send(end, now_ns());
            } else {
                P::detach(P::spawn(link::<P>(left - 1, end)));
            }
        })
    }
    let rounds = plan.count(50, 5);
    ns(on_worker::<P, _>(rt, async move {
        let mut total = 0;
        for _ in 0..rounds {
            let (tx, rx) = P::oneshot();
            let began = now_ns();
            P::detach(P::spawn(link::<P>(1000, tx)));
            total += P::one_recv(rx).await - began;
        }
        total as f64 / (rounds * 1000) as f64
    }))
}

pub(super) fn ping_pong<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let rounds = plan.count(20, 2);
    ns(on_worker::<P, _>(rt, async move {
        let mut pairs = Vec::with_capacity(1000);
        let t = Instant::now();
        for _ in 0..rounds {
            for _ in 0..1000 {
                pairs.push(P::spawn(async {
                    let (ping, pinged) = P::oneshot();
                    let (pong, ponged) = P::oneshot();
                    P::detach(P::spawn(async move {
                        P::one_send(pong, P::one_recv(pinged).await);
                    }));
                    P::one_send(ping, 1);
                    P::one_recv(ponged).await;
                }));
            }
            for pair in pairs.drain(..) {
                pair.await;
            }
        }
        ns_each(t, rounds * 1000)
    }))
}

fn yielding<P: Peer>(rt: &P::Runtime, tasks: usize, turns: usize) -> Vec<Figure> {
    ns(on_worker::<P, _>(rt, async move {
        let t = Instant::now();
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                P::spawn(async move {
                    for _ in 0..turns {
                        P::yield_now().await;
                    }
                })
            })
            .collect();
        let n = tasks.len() * turns;
        for task in tasks {
            task.await;
        }
        ns_each(t, n)
    }))
}

pub(super) fn yield_1<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    yielding::<P>(rt, 1, plan.count(100_000, 5_000))
}
pub(super) fn yield_8<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    yielding::<P>(rt, 8, plan.count(25_000, 1_000))
}
pub(super) fn yield_200<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    yielding::<P>(rt, 200, plan.count(2_000, 50))
}

fn fan_out<P: Peer>(rt: &P::Runtime, us: u64, rounds: usize) -> Vec<Figure> {
    work(1);
    ns(on_worker::<P, _>(rt, async move {
        let mut handles = Vec::with_capacity(1000);
        let t = Instant::now();
        for _ in 0..rounds {
            for _ in 0..1000 {
                handles.push(P::spawn(async move { work(us) }));
            }
            for handle in handles.drain(..) {
                handle.await;
            }
        }
        ns_each(t, rounds * 1000)
    }))
}

pub(super) fn fan_2<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    fan_out::<P>(rt, 2, plan.count(20, 2))
}
pub(super) fn fan_20<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    fan_out::<P>(rt, 20, plan.count(5, 1))
}

/// Pending at its first poll; leaves its waker in a list that has room already, and ends when
/// woken.
pub(crate) struct Idle {
    wakers: &'static Mutex<Vec<Waker>>,
    polled: bool,
}

impl Idle {
    pub(crate) fn new(wakers: &'static Mutex<Vec<Waker>>) -> Self {
        Idle { wakers, polled: false }
    }
}

impl Future for Idle {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.polled {
            return Poll::Ready(());
        }
        self.polled = true;
        self.wakers.lock().unwrap().push(cx.waker().clone());
        Poll::Pending
    }
}

pub(super) fn memory<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    static WAKERS: Mutex<Vec<Waker>> = Mutex::new(Vec::new());
    let n = plan.count(100_000, 10_000);
    on_worker::<P, _>(rt, async move {
        WAKERS.lock().unwrap().reserve(n);
        let mut handles = Vec::with_capacity(n);
        alloc::start();
        for _ in 0..n {
            handles.push(P::spawn(Idle::new(&WAKERS)));
        }
        while WAKERS.lock().unwrap().len() < n {
            P::yield_now().await;
        }
        let counts = alloc::stop();
        let wakers: Vec<Waker> = WAKERS.lock().unwrap().drain(..).collect();
        wakers.into_iter().for_each(Waker::wake);
        for handle in handles {
            handle.await;
        }
        let each = |bytes: i64| bytes as f64 / n as f64;
        vec![
            figure("as the allocator holds it", Unit::Bytes, each(counts.held)),
            figure("as asked for", Unit::Bytes, each(counts.asked)),
            figure("allocations", Unit::Each, each(counts.calls)),
        ]
    })
}

pub(super) fn start_stop<P: Peer>(_rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    if !P::STOPS {
        return Vec::new();
    }
    static RAN: AtomicUsize = AtomicUsize::new(0);
    let n = plan.count(50, 5);
    let t = Instant::now();
    for _ in 0..n {
        let rt = P::start(plan.workers);
        on_worker::<P, _>(&rt, async {
            RAN.fetch_add(1, Ordering::Relaxed);
        });
        P::stop(rt);
    }
    vec![figure("", Unit::Us, ns_each(t, n) / 1000.0)]
}
