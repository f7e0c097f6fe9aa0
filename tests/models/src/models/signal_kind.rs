//! Models of `process_wide/signal_kind.rs`. A handler is a thread of its own; the socket is a count
//! behind a lock, as in the kernel.

use std::future::poll_fn;

use loom::future::block_on;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::engine::process_wide::signal_kind::{Ear, Kind, collect};
use crate::engine::wake_list::WakeList;

/// The socket has room for so many bytes; more are swallowed.
const ROOM: usize = 1;

struct Shared {
    kinds: [Kind; 2],
    bytes: Mutex<usize>,
    readable: Condvar,
}

impl Shared {
    fn new() -> Arc<Shared> {
        Arc::new(Shared {
            kinds: [Kind::new(), Kind::new()],
            bytes: Mutex::new(0),
            readable: Condvar::new(),
        })
    }

    fn handler(&self, kind: usize) {
        self.kinds[kind].raise(|| {
            let mut bytes = self.bytes.lock().unwrap();
            *bytes = (*bytes + 1).min(ROOM);
            self.readable.notify_all();
        });
    }

    /// The poll's holder, which looks once.
    fn wait_and_collect(&self) {
        let mut bytes = self.bytes.lock().unwrap();
        while *bytes == 0 {
            bytes = self.readable.wait(bytes).unwrap();
        }
        drop(bytes);
        let mut wakers = WakeList::new();
        collect(|| *self.bytes.lock().unwrap() = 0, self.kinds.iter(), &mut wakers);
        wakers.wake_all();
    }
}

/// A kind that a listener can reach.
struct At(Arc<Shared>, usize);

impl std::ops::Deref for At {
    type Target = Kind;
    fn deref(&self) -> &Kind {
        &self.0.kinds[self.1]
    }
}

/// A byte that is read without its flag, or a listener that sleeps while the count changes.
#[test]
fn a_signal_reaches_who_listens() {
    loom::model(|| {
        let shared = Shared::new();
        let mut ear = Ear::new(At(shared.clone(), 0));
        let handler = {
            let shared = shared.clone();
            thread::spawn(move || shared.handler(0))
        };
        let holder = {
            let shared = shared.clone();
            thread::spawn(move || shared.wait_and_collect())
        };
        block_on(poll_fn(|cx| ear.poll(cx.waker())));
        handler.join().unwrap();
        holder.join().unwrap();
    });
}

/// A flag that nobody looks at because the socket swallowed its byte.
#[test]
fn a_swallowed_byte_loses_no_signal() {
    loom::model(|| {
        let shared = Shared::new();
        let mut ears = [0, 1].map(|kind| Ear::new(At(shared.clone(), kind)));
        let handlers = [0, 1].map(|kind| {
            let shared = shared.clone();
            thread::spawn(move || shared.handler(kind))
        });
        let mut heard = [false; 2];
        while heard != [true; 2] {
            shared.wait_and_collect();
            for (heard, ear) in heard.iter_mut().zip(&mut ears) {
                *heard |= ear.poll(std::task::Waker::noop()).is_ready();
            }
        }
        for handler in handlers {
            handler.join().unwrap();
        }
    });
}
