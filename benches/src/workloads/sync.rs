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

pub(super) fn bounded_to_one<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(50_000, 2_000);
    ns(on_worker::<P, _>(rt, async move {
        let (there, mut from_there) = P::bounded(1);
        let (back, mut from_back) = P::bounded(1);
        let t = Instant::now();
        P::detach(P::spawn(async move {
            while let Some(value) = P::recv(&mut from_there).await {
                P::send(&back, value).await;
            }
        }));
        for i in 0..n {
            P::send(&there, i as u64).await;
            assert_eq!(P::recv(&mut from_back).await, Some(i as u64));
        }
        ns_each(t, n)
    }))
}

pub(super) fn rwlock<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let n = plan.count(500_000, 10_000);
    ns(on_worker::<P, _>(rt, async move {
        let l = P::rwlock();
        let t = Instant::now();
        for _ in 0..n {
            assert_eq!(P::with_read(&l).await, 0);
        }
        ns_each(t, n)
    }))
}

pub(super) fn rwlock_contended<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let each = plan.count(5_000, 200);
    ns(on_worker::<P, _>(rt, async move {
        let l = Arc::new(P::rwlock());
        let t = Instant::now();
        let tasks: Vec<_> = (0..8)
            .map(|me| {
                let l = l.clone();
                P::spawn(async move {
                    for i in 0..each {
                        if (i + me) % 8 == 0 {
                            P::with_write(&l).await;
                        } else {
                            P::with_read(&l).await;
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
        let took = ns_each(t, 8 * each);
        assert_eq!(P::with_read(&l).await, each as u64);
        took
    }))
}

/// Messages that are sent before the sender waits for all receivers.
const BATCH: usize = 64;
const RECEIVERS: usize = 4;

pub(super) fn broadcast<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let batches = plan.count(1_000, 30);
    ns(on_worker::<P, _>(rt, async move {
        let (tx, receivers) = P::broadcast(2 * BATCH, RECEIVERS);
        let (done, mut all_done) = P::bounded(RECEIVERS);
        let t = Instant::now();
        for mut rx in receivers {
            let done = done.clone();
            P::detach(P::spawn(async move {
                for i in 0..batches * BATCH {
                    assert_eq!(P::broadcast_recv(&mut rx).await, i as u64);
                    if i % BATCH == BATCH - 1 {
                        P::send(&done, i as u64).await;
                    }
                }
            }));
        }
        for batch in 0..batches {
            for i in 0..BATCH {
                P::broadcast_send(&tx, (batch * BATCH + i) as u64);
            }
            for _ in 0..RECEIVERS {
                P::recv(&mut all_done).await;
            }
        }
        ns_each(t, batches * BATCH * RECEIVERS)
    }))
}

pub(super) fn watch<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    if !P::HAS_WATCH {
        return Vec::new();
    }
    let n = plan.count(20_000, 500);
    ns(on_worker::<P, _>(rt, async move {
        let (tx, rx) = P::watch();
        let (done, mut all_done) = P::bounded(RECEIVERS);
        let t = Instant::now();
        for _ in 0..RECEIVERS {
            let (mut rx, done) = (rx.clone(), done.clone());
            P::detach(P::spawn(async move {
                for i in 1..=n {
                    assert_eq!(P::watch_changed(&mut rx).await, i as u64);
                    P::send(&done, i as u64).await;
                }
            }));
        }
        for i in 1..=n {
            P::watch_send(&tx, i as u64);
            for _ in 0..RECEIVERS {
                P::recv(&mut all_done).await;
            }
        }
        ns_each(t, n * RECEIVERS)
    }))
}
