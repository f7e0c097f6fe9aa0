//! What only Apple's systems have.

use std::os::darwin::fs::FileTimesExt;
use std::time::SystemTime;

use super::FileTimes;

impl FileTimes {
    /// When it was created.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[runtime::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::SystemTime;
    /// use runtime::fs::{File, FileTimes};
    ///
    /// let file = File::create("new").await?;
    /// file.set_times(FileTimes::new().set_created(SystemTime::UNIX_EPOCH)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_created(self, time: SystemTime) -> FileTimes {
        FileTimes { std: self.std.set_created(time) }
    }
}
