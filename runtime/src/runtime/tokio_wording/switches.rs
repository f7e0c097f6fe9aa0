//! For compat/tokio: switches that choose between two forms of a part of tokio, of which this
//! runtime has one. A program that sets them gets what it asks for, so they turn little.

use super::super::Builder;

#[doc(hidden)]
impl Builder {
    /// There is one timer, a wheel a worker. Turns time on, as in tokio; and as with tokio's other
    /// timer, a `Sleep` that waits when its runtime ends is over then. Without this, polling it
    /// panics.
    pub fn enable_alt_timer(&mut self) -> &mut Builder {
        self.ends_timers = true;
        self.enable_time()
    }

    /// The poll is always handed over when its holder is busy.
    pub fn enable_eager_driver_handoff(&mut self) -> &mut Builder {
        self
    }

    /// There is one queue of blocking jobs.
    pub fn enable_sharded_blocking_queue(&mut self) -> &mut Builder {
        self
    }

    /// Files use the blocking pool, as tokio's do where the system has no io-uring. Turns I/O on,
    /// as in tokio.
    pub fn enable_io_uring(&mut self) -> &mut Builder {
        self.enable_io()
    }
}
