//! What only Apple's systems have.

use std::os::darwin::fs::FileTimesExt;
use std::time::SystemTime;

use super::FileTimes;

impl FileTimes {
    /// When it was created.
    pub fn set_created(self, time: SystemTime) -> FileTimes {
        FileTimes { std: self.std.set_created(time) }
    }
}
