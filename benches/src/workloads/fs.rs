//! Files whose content the system has in memory: what is measured is the way to a thread that may
//! block, and back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::harness::{Figure, Plan, Unit, figure};
use crate::measure::{cpu_time, ns_each};
use crate::peers::{Peer, on_worker};

const IN_FLIGHT: usize = 8;
const SMALL: usize = 4 * 1024;
const LARGE: usize = 1024 * 1024;

/// A file that is gone when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new<P: Peer>(size: usize) -> Scratch {
        let name = format!("runtime-bench-{}-{}-{size}", std::process::id(), P::NAME);
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, vec![7; size]).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Wall and CPU time of each of `n` reads, which `tasks` tasks share.
fn shared<P: Peer, F>(
    rt: &P::Runtime,
    tasks: usize,
    n: usize,
    task: impl Fn(usize) -> F,
) -> Vec<Figure>
where
    F: Future<Output = ()> + Send + 'static,
{
    let all: Vec<F> = (0..tasks).map(|_| task(n / tasks)).collect();
    let before = cpu_time();
    let wall = on_worker::<P, _>(rt, async move {
        let t = Instant::now();
        let all: Vec<_> = all.into_iter().map(P::spawn).collect();
        for one in all {
            one.await;
        }
        ns_each(t, n)
    });
    let cpu = (cpu_time() - before).as_nanos() as f64 / n as f64;
    vec![figure("wall", Unit::Ns, wall), figure("CPU", Unit::Ns, cpu)]
}

async fn whole<P: Peer>(path: Arc<Path>, n: usize, size: usize) {
    for _ in 0..n {
        assert_eq!(P::read_file(&path).await.unwrap().len(), size);
    }
}

pub(super) fn whole_small<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let file = Scratch::new::<P>(SMALL);
    let path: Arc<Path> = file.0.as_path().into();
    shared::<P, _>(rt, IN_FLIGHT, plan.count(16_000, 800), |n| whole::<P>(path.clone(), n, SMALL))
}

pub(super) fn whole_large<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let file = Scratch::new::<P>(LARGE);
    let path: Arc<Path> = file.0.as_path().into();
    shared::<P, _>(rt, 1, plan.count(200, 20), |n| whole::<P>(path.clone(), n, LARGE))
}

async fn in_pieces<P: Peer>(path: Arc<Path>, n: usize) {
    let mut buf = vec![0; SMALL];
    let mut read = 0;
    while read < n {
        let mut file = P::open_file(&path).await.unwrap();
        loop {
            match P::read_some(&mut file, &mut buf).await.unwrap() {
                0 => break,
                _ => read += 1,
            }
        }
    }
}

pub(super) fn pieces<P: Peer>(rt: &P::Runtime, plan: &Plan) -> Vec<Figure> {
    let file = Scratch::new::<P>(LARGE);
    let path: Arc<Path> = file.0.as_path().into();
    let a_file = LARGE / SMALL;
    let n = plan.count(8 * a_file, a_file);
    shared::<P, _>(rt, IN_FLIGHT, IN_FLIGHT * n, |n| in_pieces::<P>(path.clone(), n))
}
