//! The driver without a system: a poll in which one thread at a time sleeps, and the events that a
//! model sends.

use std::io;
use std::task::Waker;
use std::time::Duration;

use crate::engine::clock::Clock;
use crate::engine::primitive::{Arc, Condvar, Mutex, MutexGuard};
use crate::engine::wake_list::WakeList;

#[derive(Debug)]
pub(crate) struct IoDriver {
    selector: Mutex<()>,
    /// The time until which a thread with a limit sleeps.
    clock: Arc<Clock>,
    system: Mutex<System>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct System {
    woken: bool,
    events: Vec<Waker>,
}

impl IoDriver {
    pub(crate) fn new(clock: Arc<Clock>) -> Arc<IoDriver> {
        let (selector, system) = (Mutex::new(()), Mutex::default());
        Arc::new(IoDriver { selector, clock, system, changed: Condvar::new() })
    }

    pub(crate) fn try_acquire(&self) -> Option<PollGuard<'_>> {
        Some(PollGuard { driver: self, _selector: self.selector.try_lock()? })
    }

    /// A wake that is kept until the next wait.
    pub(crate) fn wake(&self) {
        self.system.lock().woken = true;
        self.changed.notify_all();
    }

    /// An event that makes a task ready. It waits until a thread looks.
    pub(crate) fn send(&self, waker: Waker) {
        self.system.lock().events.push(waker);
        self.changed.notify_all();
    }
}

pub(crate) struct PollGuard<'a> {
    driver: &'a IoDriver,
    _selector: MutexGuard<'a, ()>,
}

impl PollGuard<'_> {
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut WakeList,
    ) -> io::Result<()> {
        let mut system = self.driver.system.lock();
        while timeout.is_none() && !system.woken && system.events.is_empty() {
            self.driver.changed.wait(&mut system);
        }
        if let Some(limit) = timeout.filter(|_| !system.woken && system.events.is_empty()) {
            self.driver.clock.advance(limit).unwrap();
        }
        system.woken = false;
        system.events.drain(..).for_each(|waker| ready.push(waker));
        Ok(())
    }
}
