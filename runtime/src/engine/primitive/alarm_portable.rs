//! For systems without a timer that one thread sets and another one waits for: making an alarm
//! fails.

use std::io;
use std::time::Duration;

/// Never made.
#[derive(Debug)]
pub(crate) enum Alarm {}

impl Alarm {
    pub(crate) fn new() -> io::Result<Alarm> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn set(&self, _delay: Duration) {
        match *self {}
    }

    pub(crate) fn clear(&self) {
        match *self {}
    }

    pub(crate) fn wait(&self) {
        match *self {}
    }
}
