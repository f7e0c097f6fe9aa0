//! Whether, and how, a runtime can be looked into.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::Finding;
use crate::engine::insight::{CAN_BE_ON, Recorder};
use crate::runtime::handle::Handle;

/// The size of the recorder unless somebody says otherwise.
const RECORDER_BYTES: usize = 4 << 20;
/// The largest size of the recorder.
const MOST_RECORDER_BYTES: usize = 1 << 30;

/// What is called with the runtime when it has been built.
type Service = Arc<dyn Fn(&Handle) -> io::Result<()> + Send + Sync>;

/// What hears of findings.
pub(super) type OnFinding = Arc<dyn Fn(&Finding) + Send + Sync>;

/// Whether a runtime can be looked into, and who does: for
/// [`Builder::insight`](crate::Builder::insight).
///
/// # Examples
///
/// ```
/// use runtime::insight::Insight;
///
/// let mut builder = runtime::Builder::new_current_thread();
/// // The same as `builder.insight(true)`.
/// builder.insight(Insight::on());
/// // With something that looks at it from the beginning.
/// let watched = Insight::on().with(|handle| {
///     println!("look into {:?}", handle.name());
///     Ok(())
/// });
/// builder.insight(watched);
/// builder.build()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Insight {
    is_on: bool,
    recorder_bytes: usize,
    trace_folder: Option<PathBuf>,
    /// Whether other programs are kept out.
    is_closed: bool,
    services: Vec<Service>,
    on_finding: Option<OnFinding>,
}

impl Insight {
    /// Switches insight on: tasks keep notes.
    ///
    /// # Examples
    ///
    /// See [`Insight`].
    pub fn on() -> Insight {
        Insight { is_on: true, ..Insight::off() }
    }

    /// Switches insight off, whatever the environment says.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::insight::Insight;
    ///
    /// let mut builder = runtime::Builder::new_current_thread();
    /// let runtime = builder.insight(Insight::off()).build()?;
    /// assert!(!runtime.handle().is_insight_on());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn off() -> Insight {
        Insight {
            is_on: false,
            is_closed: false,
            recorder_bytes: RECORDER_BYTES,
            trace_folder: None,
            services: Vec::new(),
            on_finding: None,
        }
    }

    /// Switches insight on and calls `start` with each runtime that is built with it.
    ///
    /// # Errors
    ///
    /// An error of `start` becomes that of [`Builder::build`](crate::Builder::build).
    ///
    /// # Examples
    ///
    /// See [`Insight`].
    #[must_use]
    pub fn with(
        mut self,
        start: impl Fn(&Handle) -> io::Result<()> + Send + Sync + 'static,
    ) -> Insight {
        self.is_on = true;
        self.services.push(Arc::new(start));
        self
    }

    /// The size of the flight recorder in bytes, for each thread that runs tasks: a poll takes 16.
    /// It is rounded up to a power of two, and to 16 KiB. 0 switches the recorder off. The default
    /// is 4 MiB: 262,144 events. Memory is taken as it is needed, and kept.
    ///
    /// # Errors
    ///
    /// With more than 1 GiB, [`Builder::build`](crate::Builder::build) fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::insight::Insight;
    ///
    /// let mut builder = runtime::Builder::new_multi_thread();
    /// builder.insight(Insight::on().recorder_bytes(16 << 20)).build()?;
    /// assert!(builder.insight(Insight::on().recorder_bytes(usize::MAX)).build().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn recorder_bytes(mut self, bytes: usize) -> Insight {
        self.recorder_bytes = bytes;
        self
    }

    /// Writes a trace of the last 10 s to a file in this folder whenever a stall is found or a task
    /// panics: at most one a second. The folder is made if it is not there. The 16 newest files of
    /// the runtime are kept; older ones are removed.
    ///
    /// A file is called `trace-PROCESS-RUNTIME-NUMBER-stall.rttrace`, or `-panic`, and has what
    /// [`Trace::to_bytes`](crate::insight::Trace::to_bytes) gives. What is a stall, and whether
    /// anybody looks, is for [`Builder::stall_report`](crate::Builder::stall_report) to say. If a
    /// file cannot be written, a line on stderr says so once.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use runtime::insight::Insight;
    ///
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .insight(Insight::on().trace_folder("/var/lib/my-server/traces"))
    ///     .build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn trace_folder(mut self, folder: impl Into<PathBuf>) -> Insight {
        self.trace_folder = Some(folder.into());
        self
    }

    /// Switches insight on and calls `hear` with each fault found in the program, in place of a
    /// line on stderr: deadlocks; tasks that nobody can wake, that spin, or that sleep with a lock;
    /// a blocking pool or a queue that is overrun. Each is reported once, when it has been there
    /// for a second or two. `hear` is called on a thread of the runtime's own.
    ///
    /// # Examples
    ///
    /// ```
    /// use runtime::insight::{Finding, FindingKind, Insight};
    ///
    /// let insight = Insight::on().on_finding(|finding: &Finding| {
    ///     if finding.kind == FindingKind::Deadlock {
    ///         eprintln!("{}: {finding} ({:?})", finding.kind.name(), finding.tasks);
    ///     }
    /// });
    /// let runtime = runtime::Builder::new_multi_thread().insight(insight).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn on_finding(mut self, hear: impl Fn(&Finding) + Send + Sync + 'static) -> Insight {
        self.is_on = true;
        self.on_finding = Some(Arc::new(hear));
        self
    }

    pub(super) fn hears_findings(&self) -> Option<&OnFinding> {
        self.on_finding.as_ref()
    }

    /// The settings of the environment.
    pub(crate) fn of_environment() -> io::Result<Insight> {
        const VARIABLE: &str = "RUNTIME_INSIGHT";
        match std::env::var(VARIABLE).as_deref() {
            // tokio's dumps need the notes. Other programs are kept out.
            Err(std::env::VarError::NotPresent) if cfg!(feature = "taskdump") => {
                Ok(Insight { is_closed: true, ..Insight::on() })
            }
            Err(std::env::VarError::NotPresent) | Ok("" | "0") => Ok(Insight::off()),
            Ok("1") => Ok(Insight::on()),
            other => {
                let message = format!("{VARIABLE} must be 1 (on) or 0 (off), not {other:?}");
                Err(io::Error::new(io::ErrorKind::InvalidInput, message))
            }
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// The flight recorder, if there is to be one.
    pub(crate) fn recorder(&self) -> io::Result<Option<Arc<Recorder>>> {
        let bytes = self.recorder_bytes;
        if bytes > MOST_RECORDER_BYTES {
            let message = format!(
                "recorder_bytes may be at most {MOST_RECORDER_BYTES}, for each thread, not {bytes}"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let is_on = CAN_BE_ON && self.is_on && bytes > 0;
        Ok(is_on.then(|| Arc::new(Recorder::new(bytes))))
    }

    /// Where traces are written to.
    pub(crate) fn folder_of_traces(&self) -> Option<&PathBuf> {
        self.trace_folder.as_ref()
    }

    /// Whether the process lets its user look in.
    pub(crate) fn is_open(&self) -> bool {
        self.is_on && !self.is_closed
    }

    pub(crate) fn start_services(&self, handle: &Handle) -> io::Result<()> {
        self.services.iter().try_for_each(|start| start(handle))
    }
}

/// On or off.
impl From<bool> for Insight {
    fn from(is_on: bool) -> Insight {
        if is_on { Insight::on() } else { Insight::off() }
    }
}

impl fmt::Debug for Insight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Insight").field("is_on", &self.is_on).finish_non_exhaustive()
    }
}
