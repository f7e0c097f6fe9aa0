//! Requests beside long computations in the same runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::net::{MESSAGE, answers_after, put_answers, read_message};
use super::peer::UnderLoad;
use super::{Ask, Out};
use crate::measure::spin_for;

/// What computes beside the requests.
#[derive(Clone, Copy, Debug)]
pub(super) enum Batch {
    None,
    Ordinary,
    Background,
}

const TASKS: u64 = 16;
const A_SECOND: u32 = 500;

pub(super) fn requests<P: UnderLoad>(rt: &P::Runtime, beside: Batch, ask: &Ask, out: &Out) {
    let requests = (ask.seconds * f64::from(A_SECOND)).ceil() as usize;
    let (addr_tx, addr) = mpsc::channel();
    let server = P::spawn_on(rt, async move {
        let listener = P::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        addr_tx.send(P::local_addr(&listener).unwrap()).unwrap();
        let mut stream = P::accept(&listener).await.unwrap();
        while read_message::<P>(&mut stream).await {
            P::write_all(&mut stream, &MESSAGE).await.unwrap();
        }
    });
    let handle = P::handle(rt);
    let computed_us = Arc::new(AtomicU64::new(0));
    let tasks = if let Batch::None = beside { 0 } else { TASKS };
    for task in 0..tasks {
        let computed_us = computed_us.clone();
        let compute = async move {
            let mut state = task + 1;
            loop {
                // Knuth's generator; the upper bits are good enough.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let us = 100 + (state >> 33) % 4_900;
                spin_for(Duration::from_micros(us));
                computed_us.fetch_add(us, Ordering::Relaxed);
                P::yield_now().await;
            }
        };
        match beside {
            Batch::Background => P::spawn_behind(&handle, compute),
            _ => P::spawn_from(&handle, compute),
        }
    }
    let began = Instant::now();
    put_answers(out, answers_after(addr.recv().unwrap(), requests, A_SECOND));
    let computed = computed_us.load(Ordering::Relaxed) as f64 / 1e6;
    if tasks > 0 {
        out.more("computed by the batch", "s/s", computed / began.elapsed().as_secs_f64());
    }
    P::block_on(rt, server);
}
