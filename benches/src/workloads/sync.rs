//! Channels, locks, notifications.

use std::sync::Arc;
use std::time::Instant;

use crate::harness::{Figure, Plan, Unit, figure};
use crate::measure::ns_each;
use crate::peers::{Peer, on_worker};

fn ns(value: f64) -> Vec<Figure> {
    vec![figure("", Unit::Ns, value)]
}

pub(super) fn oneshot<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(200_000, 5_000);
    ns(on_worker::<P, _>(rt, async move {
        let t = Instant::now();
        for i in 0..n {
            let (tx, rx) = P::oneshot();
            P::one_send(tx, i as u64);
            assert_eq!(P::one_recv(rx).await, i as u64);
        }
        ns_each(t, n)
    }))
}

fn bounded<P: Peer>(rt: &P::Runtime, plan: &Plan, senders: usize) -> Vec<Figure> {
    let n = plan.count(200_000, 5_000);
    ns(on_worker::<P, _>(rt, async move {
        let (tx, mut rx) = P::bounded(128);
        let t = Instant::now();
        for _ in 0..senders {
            let tx = tx.clone();
            P::detach(P::spawn(async move {
                for i in 0..n / senders {
                    P::send(&tx, i as u64).await;
                }
            }));
        }
        drop(tx);
        while P::recv(&mut rx).await.is_some() {}
        ns_each(t, n)
    }))
}

pub(super) fn bounded_1<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    bounded::<P>(rt, plan, 1)
}
pub(super) fn bounded_4<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    bounded::<P>(rt, plan, 4)
}

fn unbounded<P: Peer>(rt: &P::Runtime, plan: &Plan, senders: usize) -> Vec<Figure> {
    let n = plan.count(200_000, 5_000);
    ns(on_worker::<P, _>(rt, async move {
        let (tx, mut rx) = P::unbounded();
        let t = Instant::now();
        for _ in 0..senders {
            let tx = tx.clone();
            P::detach(P::spawn(async move {
                for i in 0..n / senders {
                    P::unbounded_send(&tx, i as u64);
                    // A sender that never waits would fill memory before anybody reads.
                    if i % 256 == 255 {
                        P::yield_now().await;
                    }
                }
            }));
        }
        drop(tx);
        while P::unbounded_recv(&mut rx).await.is_some() {}
        ns_each(t, n)
    }))
}

pub(super) fn unbounded_1<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    unbounded::<P>(rt, plan, 1)
}
pub(super) fn unbounded_4<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    unbounded::<P>(rt, plan, 4)
}

pub(super) fn mutex<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(500_000, 10_000);
    ns(on_worker::<P, _>(rt, async move {
        let m = P::mutex();
        let t = Instant::now();
        for _ in 0..n {
            *P::lock(&m).await += 1;
        }
        ns_each(t, n)
    }))
}

pub(super) fn mutex_contended<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let each = plan.count(5_000, 200);
    ns(on_worker::<P, _>(rt, async move {
        let m = Arc::new(P::mutex());
        let t = Instant::now();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let m = m.clone();
                P::spawn(async move {
                    for _ in 0..each {
                        let mut guard = P::lock(&m).await;
                        *guard += 1;
                        P::yield_now().await;
                        drop(guard);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let took = ns_each(t, 8 * each);
        assert_eq!(*P::lock(&m).await, 8 * each as u64);
        took
    }))
}

pub(super) fn semaphore<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    if !P::HAS_SEMAPHORE {
        return Vec::new();
    }
    let n = plan.count(500_000, 10_000);
    ns(on_worker::<P, _>(rt, async move {
        let s = P::semaphore(4);
        let t = Instant::now();
        for _ in 0..n {
            drop(P::acquire(&s).await);
        }
        ns_each(t, n)
    }))
}

pub(super) fn semaphore_contended<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    if !P::HAS_SEMAPHORE {
        return Vec::new();
    }
    let each = plan.count(5_000, 200);
    ns(on_worker::<P, _>(rt, async move {
        let s = Arc::new(P::semaphore(2));
        let t = Instant::now();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let s = s.clone();
                P::spawn(async move {
                    for _ in 0..each {
                        let permit = P::acquire(&s).await;
                        P::yield_now().await;
                        drop(permit);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        ns_each(t, 8 * each)
    }))
}

pub(super) fn notify<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(50_000, 2_000);
    ns(on_worker::<P, _>(rt, async move {
        let pair = Arc::new((P::notify(), P::notify()));
        let t = Instant::now();
        let other = {
            let pair = pair.clone();
            P::spawn(async move {
                for _ in 0..n {
                    P::notified(&pair.0).await;
                    P::notify_one(&pair.1);
                }
            })
        };
        for _ in 0..n {
            P::notify_one(&pair.0);
            P::notified(&pair.1).await;
        }
        other.await;
        ns_each(t, n)
    }))
}
