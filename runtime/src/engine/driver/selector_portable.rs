//! Waiting for events through mio alone: timeouts are rounded up to whole milliseconds where the
//! system counts in them.

use std::io;
use std::time::Duration;

use super::ready::Ready;

/// Events fetched by one call.
const CAPACITY: usize = 1024;

/// The system's selector and room for its events.
#[derive(Debug)]
pub(super) struct Selector {
    poll: mio::Poll,
    events: mio::Events,
}

impl Selector {
    pub(super) fn new() -> io::Result<Selector> {
        Ok(Selector { poll: mio::Poll::new()?, events: mio::Events::with_capacity(CAPACITY) })
    }

    pub(super) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Waits for events, at most for `timeout`; may return early without any.
    pub(super) fn select(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        match self.poll.poll(&mut self.events, timeout) {
            Err(e) if e.kind() != io::ErrorKind::Interrupted => Err(e),
            _ => Ok(()),
        }
    }

    /// The tokens of the last [`select`](Self::select), and what is ready.
    pub(super) fn events(&self) -> impl Iterator<Item = (usize, Ready)> {
        self.events.iter().map(|event| {
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

/// Asks the system to end this thread's waits as exactly as it can: nothing to ask for here.
pub(crate) fn exact_timers() {}

/// The interest in urgent data alone: not to be had here.
pub(super) const PRIORITY: Option<mio::Interest> = None;
