//! For compat/tokio: switches that choose between two implementations in tokio, where this runtime
//! has one. They change little or nothing.

use super::super::Builder;

#[doc(hidden)]
impl Builder {
    /// There is one kind of timer, with a wheel for each worker. As in tokio, this enables time,
    /// and a `Sleep` that waits when its runtime ends completes then. Without it, polling such a
    /// `Sleep` panics.
    pub fn enable_alt_timer(&mut self) -> &mut Builder {
        self.ends_timers = true;
        self.enable_time()
    }

    /// Has no effect: another thread always takes over the driver when its holder is busy.
    pub fn enable_eager_driver_handoff(&mut self) -> &mut Builder {
        self
    }

    /// Has no effect: there is one queue of blocking jobs.
    pub fn enable_sharded_blocking_queue(&mut self) -> &mut Builder {
        self
    }

    /// Enables I/O, as in tokio. Files use the blocking pool, as tokio's do where the system has no
    /// io-uring.
    pub fn enable_io_uring(&mut self) -> &mut Builder {
        self.enable_io()
    }
}
