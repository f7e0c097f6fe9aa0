//! Waits for events through mio alone. Timeouts are rounded up to whole milliseconds where that is
//! the system's unit.

use std::io;
use std::time::Duration;

use super::batch::Batch;
use super::ready::Ready;

/// The system's selector and room for its events.
#[derive(Debug)]
pub(super) struct Selector {
    poll: mio::Poll,
    events: mio::Events,
    /// Room for the events of a call that does not wait, if that is smaller.
    busy: Option<mio::Events>,
    was_busy: bool,
}

impl Selector {
    pub(super) fn new(batch: Batch) -> io::Result<Selector> {
        let events = mio::Events::with_capacity(batch.idle);
        let busy = (batch.busy < batch.idle).then(|| mio::Events::with_capacity(batch.busy));
        Ok(Selector { poll: mio::Poll::new()?, events, busy, was_busy: false })
    }

    pub(super) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Waits for events, at most for `timeout`; may return early without any.
    pub(super) fn select(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.was_busy = timeout == Some(Duration::ZERO) && self.busy.is_some();
        let events = match &mut self.busy {
            Some(busy) if self.was_busy => busy,
            _ => &mut self.events,
        };
        events.clear();
        match self.poll.poll(events, timeout) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => Err(e),
            _ => Ok(()),
        }
    }

    /// The tokens of the last [`select`](Self::select), and what is ready.
    pub(super) fn events(&self) -> impl Iterator<Item = (usize, Ready)> {
        let events = match &self.busy {
            Some(busy) if self.was_busy => busy,
            _ => &self.events,
        };
        events.iter().map(|event| {
            let mut ready = Ready::EMPTY;
            for (is_ready, what) in [
                (event.is_readable(), Ready::READABLE),
                (event.is_writable(), Ready::WRITABLE),
                (event.is_read_closed(), Ready::READ_CLOSED),
                (event.is_write_closed(), Ready::WRITE_CLOSED),
                (event.is_priority(), Ready::PRIORITY),
                (event.is_error(), Ready::ERROR),
            ] {
                if is_ready {
                    ready |= what;
                }
            }
            (event.token().0, ready)
        })
    }
}

/// Asks the system to end this thread's waits as exactly as it can. Does nothing here.
pub(crate) fn exact_timers() {}

/// The interest in urgent data alone, which this system does not offer.
pub(super) const PRIORITY: Option<mio::Interest> = None;
