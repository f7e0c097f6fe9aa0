//! Reports of stalls: the threads that do for the monitor what may block.
//!
//! The monitor may not block, so it only hands work over. The first thread looks at the stalled
//! thread and copies its stack at once, while the poll still goes on. The second does what is slow
//! or user code: it symbolises, and calls the hook or writes the line. The third calls wakers that
//! may be user code. Each is started with its first job, and takes no signals.
//!
//! # Limits
//!
//! A hook may never return, and stderr may not be read. So:
//!
//! 1. At most [`MOST_AT_ONCE`] reports are in progress, from the handover by the monitor until the
//!    hook has returned or the line is written: 4 MiB of stacks. There is at most one line in
//!    [`LINE_EVERY`]. Both are checked before the thread is looked at, so that a report that will
//!    not be made costs nothing.
//! 2. Stalls that are left out are counted: in total
//!    ([`RuntimeMetrics::stall_reports_left_out_count`]), and since the last report.
//! 3. At most one shortage of spares waits to be reported. The monitor offers the next one again.
//! 4. A waker that waits to be called is queued once, however often it comes.
//! 5. The end of a runtime waits for all of that for at most [`LAST_WORDS`].
//!
//! [`RuntimeMetrics::stall_reports_left_out_count`]: crate::runtime::RuntimeMetrics::stall_reports_left_out_count

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::activity::Activity;
use crate::engine::insight::Recorder;
use crate::engine::insight::recorder::{Kind, subject_of};
use crate::engine::primitive::Mutex;
use crate::engine::primitive::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::engine::scheduler::{Shortage, Stall, StallSink};
use crate::engine::stall::{self, Capture, How, ThreadState, Tid, Unwinder, Why, system_calls};
use crate::engine::task::{self, Absence, Id};
use crate::engine::task_id;
use crate::engine::wake_list::WakeList;
use crate::engine::{messages, say};

use super::foreign_wakes::ForeignWakes;
use super::serial_thread::SerialThread;
use super::trace_files::TraceFiles;

/// The shortest time between two lines on stderr.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// The most reports that are in progress at one time.
const MOST_AT_ONCE: usize = 16;

/// How long the end of a runtime waits for reports and wakers that are in progress.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(5);

/// A hook for stalls.
pub(super) type OnStall = Arc<dyn Fn(&StallReport) + Send + Sync>;

/// A poll that did not return for long: its task, its spawn location, and where it hangs.
///
/// Given to [`Builder::on_stall`](crate::Builder::on_stall).
///
/// # Examples
///
/// Each fact by itself, for a program's own log:
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread()
///     .on_stall(|stall| {
///         eprintln!("{:?} {:?} on worker {}", stall.task_id(), stall.name(), stall.worker());
///         eprintln!("spawned at {:?}, {:?} so far", stall.spawn_location(), stall.duration());
///         match (stall.is_starved(), stall.is_blocked()) {
///             (Some(true), _) => eprintln!("gets {:?} of a processor", stall.processor_share()),
///             (_, Some(true)) => eprintln!("blocks in {:?}", stall.system_call()),
///             _ => eprintln!("computes"),
///         }
///         eprintln!("{}", stall.backtrace().unwrap_or("no backtrace"));
///         eprintln!("{} others were left out", stall.left_out());
///     })
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct StallReport {
    worker: usize,
    task: Option<Id>,
    name: Option<Arc<str>>,
    location: Option<&'static Location<'static>>,
    duration: Duration,
    seen: ThreadActivity,
    processor_share: Option<f64>,
    backtrace: Option<String>,
    left_out: u64,
}

/// What the thread did when it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ThreadActivity {
    /// The system does not tell.
    Untold,
    /// The poll had returned by then.
    Over,
    /// It computed, or waited for a processor.
    Computing,
    /// It waited in a system call with this number, or in none.
    Waiting(Option<i64>),
}

/// The conclusion from all that is known of a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is ready to compute, and has no processor.
    Starved,
    Computes,
    /// It computed most of the time, and waited when it was looked at.
    ComputesAndWaits,
    /// It waits in a call that blocks.
    Blocks,
    /// It waits for another thread, for a lock or for a message. That may be a lock of the
    /// allocator.
    WaitsForAThread,
    /// It was over before it was looked at.
    Over,
    Unknown,
}

impl StallReport {
    /// The number of the worker whose thread is stalled.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// The id of the task. `None` if what stalls is a waker, a hook, or the future of `block_on`.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn task_id(&self) -> Option<Id> {
        self.task
    }

    /// The name of the task, if it was given one.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the task was spawned.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn spawn_location(&self) -> Option<&'static Location<'static>> {
        self.location
    }

    /// How long the poll had taken when it was reported.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Whether the thread waited in the kernel (true) or computed (false) when it was looked at.
    /// `None` if the system does not tell, or the poll had returned by then.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn is_blocked(&self) -> Option<bool> {
        match self.seen {
            ThreadActivity::Untold | ThreadActivity::Over => None,
            ThreadActivity::Computing => Some(false),
            ThreadActivity::Waiting(_) => Some(true),
        }
    }

    /// The name of the system call in which the thread waited, if it is a known blocking call such
    /// as `clock_nanosleep`, `read` or `futex`. `futex` means a lock, a condition variable or a
    /// channel, of the program or of a library such as the allocator.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn system_call(&self) -> Option<&'static str> {
        match self.seen {
            ThreadActivity::Waiting(Some(number)) => system_calls::name(number),
            _ => None,
        }
    }

    /// The share of the time in which the thread had a processor, from 0 to 1, if the system tells
    /// (Linux does). It is measured from when the poll was first seen, at most some 2 ms after its
    /// beginning.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn processor_share(&self) -> Option<f64> {
        self.processor_share
    }

    /// Whether the poll takes long because its thread was ready to compute but had a processor for
    /// less than half of the time: other threads and processes had them, or the process has used up
    /// its quota. `None` if the system does not tell.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn is_starved(&self) -> Option<bool> {
        Some(!self.is_blocked()? && self.processor_share? < 0.5)
    }

    /// The stack of the stalled thread, innermost frame first, if it could be captured.
    ///
    /// Compilers and linkers merge functions with the same code, so the name of a function may be
    /// that of another one, usually for another type. If that is possible the last line says so.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
    }

    /// How many stalls were not reported since the last report: too many were in progress at one
    /// time, or they had ended too soon.
    ///
    /// # Examples
    ///
    /// See [`StallReport`].
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn verdict(&self) -> Verdict {
        let computed = self.processor_share.is_some_and(|share| share >= 0.5);
        match self.seen {
            ThreadActivity::Untold => Verdict::Unknown,
            ThreadActivity::Over => Verdict::Over,
            ThreadActivity::Computing if self.is_starved() == Some(true) => Verdict::Starved,
            ThreadActivity::Computing => Verdict::Computes,
            ThreadActivity::Waiting(_) if computed => Verdict::ComputesAndWaits,
            ThreadActivity::Waiting(_) if self.system_call() == Some("futex") => {
                Verdict::WaitsForAThread
            }
            ThreadActivity::Waiting(_) => Verdict::Blocks,
        }
    }

    /// Whether only the duration is known, because the poll was over too soon.
    fn is_empty(&self) -> bool {
        self.seen == ThreadActivity::Over && self.processor_share.is_none()
    }

    /// What to do. `others_go_on`: whether a spare stands in for the stalled thread.
    fn advice(&self, others_go_on: bool) -> String {
        let others = if others_go_on { "Other tasks go on." } else { "Other tasks wait." };
        let what = match self.verdict() {
            Verdict::Starved => {
                return "The machine is busy with other threads or processes, or a quota is used up."
                    .to_owned();
            }
            Verdict::Blocks => {
                "Move what blocks to `spawn_blocking` or `block_in_place`, or use what can be awaited."
            }
            Verdict::Computes | Verdict::ComputesAndWaits => {
                "Move what computes to `spawn_blocking` or `block_in_place`, or let it yield."
            }
            Verdict::WaitsForAThread => {
                "If it is a lock or a channel of the program, use one that can be awaited, or `block_in_place`; if it \
                 is one of the allocator or of a library, as the stack tells, it is held by a thread that is late \
                 itself."
            }
            Verdict::Over | Verdict::Unknown => {
                "If it blocks or computes, move that to `spawn_blocking` or `block_in_place`, or let it yield."
            }
        };
        format!("{others} {what}")
    }
}

/// Where a thread waits, in words.
struct Place<'a>(&'a StallReport);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.seen, self.0.system_call()) {
            (_, Some("futex")) => f.write_str("in `futex`, for a lock or for another thread"),
            (_, Some(name)) => write!(f, "in `{name}`"),
            (ThreadActivity::Waiting(Some(number)), None) => write!(f, "in system call {number}"),
            _ => f.write_str("in the kernel, perhaps for memory that is read in"),
        }
    }
}

impl fmt::Display for StallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        match self.task {
            Some(id) => write!(f, "task {id}")?,
            None => write!(f, "a waker, a hook or the future of block_on")?,
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(location) = self.location {
            write!(f, " spawned at {location}")?;
        }
        let (verdict, place) = (self.verdict(), Place(self));
        match verdict {
            Verdict::Starved => write!(f, " is kept from computing: it has")?,
            Verdict::Computes => write!(f, " computes: it has")?,
            Verdict::ComputesAndWaits => {
                write!(f, " computes, though just now it waits {place}: it has")?;
            }
            Verdict::Blocks => write!(f, " blocks its thread {place}: it has")?,
            Verdict::WaitsForAThread => write!(f, " waits {place}: it has")?,
            Verdict::Over => write!(f, " had")?,
            Verdict::Unknown => write!(f, " has")?,
        }
        write!(f, " not returned from its poll for {ms} ms on worker {}", self.worker)?;
        // Only if the share explains the verdict, or is all that is known.
        let telling =
            !matches!(verdict, Verdict::Computes | Verdict::Blocks | Verdict::WaitsForAThread);
        if let Some(share) = self.processor_share.filter(|_| telling) {
            // A whole number: std's code to format fractions is larger than this file.
            let percent = (share * 100.0).round() as u32;
            write!(f, ", which had a processor for {percent} % of that")?;
        }
        if verdict == Verdict::Over {
            f.write_str(", and returned before it was looked at")?;
        }
        if let Some(backtrace) = &self.backtrace {
            write!(f, "\n{backtrace}")?;
        }
        Ok(())
    }
}

/// A hook for shortages of spare workers.
pub(super) type OnSpareShortage = Arc<dyn Fn(&SpareShortage) + Send + Sync>;

/// Work waits behind workers that do not serve, and no spare worker is available: the limit is
/// reached, or the system gives no thread.
///
/// Given to [`Builder::on_spare_shortage`](crate::Builder::on_spare_shortage).
///
/// # Examples
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread()
///     .on_spare_shortage(|shortage| {
///         let (used, limit) = (shortage.spare_workers(), shortage.limit());
///         eprintln!("{} workers stall, {used} of {limit} spares stand in", shortage.stalled());
///         match shortage.error() {
///             Some(error) => eprintln!("no more threads: {error}"),
///             None if shortage.is_in_place() => eprintln!("raise `max_blocking_threads`"),
///             None => eprintln!("raise `spare_workers`"),
///         }
///     })
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SpareShortage(Shortage);

impl SpareShortage {
    /// Whether the workers are in [`block_in_place`](crate::task::block_in_place). If not, they are
    /// in polls that do not return.
    ///
    /// # Examples
    ///
    /// See [`SpareShortage`].
    pub fn is_in_place(&self) -> bool {
        self.0.absence == Absence::InPlace
    }

    /// How many workers do not serve for that reason, including spare workers that are themselves
    /// stalled.
    ///
    /// # Examples
    ///
    /// See [`SpareShortage`].
    pub fn stalled(&self) -> usize {
        self.0.missing
    }

    /// How many threads serve in their place: spare workers or, for `block_in_place`, threads of
    /// the blocking pool.
    ///
    /// # Examples
    ///
    /// See [`SpareShortage`].
    pub fn spare_workers(&self) -> usize {
        self.0.serving
    }

    /// The most such threads: [`Builder::spare_workers`](crate::Builder::spare_workers) or, for
    /// `block_in_place`, [`Builder::max_blocking_threads`](crate::Builder::max_blocking_threads),
    /// which includes blocking jobs.
    ///
    /// # Examples
    ///
    /// See [`SpareShortage`].
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Why the system gave no further thread. `None` if the limit is reached.
    ///
    /// # Examples
    ///
    /// See [`SpareShortage`].
    pub fn error(&self) -> Option<&io::Error> {
        self.0.no_thread.as_ref()
    }
}

impl fmt::Display for SpareShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shortage { absence, missing, serving, limit, no_thread } = &self.0;
        let (workers, are) = if *missing == 1 { ("worker", "is") } else { ("workers", "are") };
        let (what, who) = match absence {
            Absence::Stalled => ("stalled", "spare worker"),
            Absence::InPlace => ("in `block_in_place`", "thread of the blocking pool"),
        };
        write!(f, "{missing} {workers} {are} {what}, and ")?;
        match (no_thread, absence) {
            (Some(error), _) => write!(
                f,
                "the system gives no thread for another {who}, beside {serving} of at most {limit} \
                 ({error})"
            )?,
            (None, Absence::Stalled) => {
                write!(f, "all {limit} spare workers that there may be stand in for them")?;
            }
            (None, Absence::InPlace) => write!(
                f,
                "all {limit} threads that the blocking pool may have are busy, {serving} of them in \
                 their place"
            )?,
        }
        f.write_str(": tasks wait")
    }
}

/// How many reports are kept for those who look into the program. One with its stack takes 1 to
/// 8 KB.
const KEPT: usize = 20;

/// The reporter of one runtime.
pub(super) struct Reporter {
    /// Looks at threads and copies stacks.
    captures: SerialThread,
    /// Symbolises, writes, calls the user's hook.
    speaks: SerialThread,
    wakes: Arc<ForeignWakes>,
    voice: Arc<Voice>,
    recorder: Option<Arc<Recorder>>,
    traces: Option<Arc<TraceFiles>>,
}

impl Reporter {
    /// Calls `f` with what unwinds stacks.
    pub(super) fn unwind<R>(&self, f: impl FnOnce(&mut Unwinder) -> R) -> R {
        self.voice.unwind(f)
    }

    /// The last reports, the newest first: how long ago each was made, and what it says.
    pub(super) fn kept(&self) -> Vec<(Duration, String)> {
        let kept = self.voice.kept.lock();
        kept.iter().map(|(at, text)| (at.elapsed(), text.clone())).collect()
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.close();
        self.speaks.close();
        if let Some(traces) = &self.traces {
            traces.thread().close();
        }
    }
}

/// How reports are made.
pub(super) struct Manner {
    pub(super) name: Option<String>,
    pub(super) on_stall: Option<OnStall>,
    pub(super) on_shortage: Option<OnSpareShortage>,
    pub(super) backtrace: bool,
    /// Whether the last reports are kept for those who look into the program.
    pub(super) keeps: bool,
    /// Whether a spare stands in for a stalled thread.
    pub(super) others_go_on: bool,
}

impl Reporter {
    /// `activity` counts the wakers that are to be called, so that paused time waits for them.
    pub(super) fn new(
        manner: Manner,
        activity: Option<Arc<Activity>>,
        (recorder, traces): (Option<Arc<Recorder>>, Option<Arc<TraceFiles>>),
    ) -> Reporter {
        let voice = Voice {
            manner,
            unwinder: Mutex::new(None),
            kept: Mutex::default(),
            last_line: Mutex::new(None),
            under_way: AtomicUsize::new(0),
            shortage_waits: AtomicBool::new(false),
            left_out: AtomicU64::new(0),
            unsaid: AtomicU64::new(0),
        };
        Reporter {
            captures: SerialThread::new("runtime-capture", MOST_AT_ONCE),
            // One more, for a shortage.
            speaks: SerialThread::new("runtime-reporter", MOST_AT_ONCE + 1),
            wakes: Arc::new(ForeignWakes::new(activity)),
            voice: Arc::new(voice),
            recorder,
            traces,
        }
    }

    /// A reporter whose reports go nowhere.
    #[cfg(test)]
    pub(super) fn silent() -> Reporter {
        let manner = Manner {
            name: None,
            on_stall: None,
            on_shortage: None,
            backtrace: false,
            keeps: false,
            others_go_on: true,
        };
        Reporter::new(manner, None, (None, None))
    }

    /// Takes no more work. What was handed over is still done.
    pub(super) fn close(&self) {
        self.wakes.thread().close();
        self.captures.close();
    }

    /// Waits until `deadline` for what was handed over, so that the last report is not lost.
    /// Returns the names of the threads that have not ended, and drops the work that they have not
    /// begun.
    pub(super) fn join(&self, deadline: Instant) -> Vec<&'static str> {
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut stuck = Vec::new();
        let mut end = |lane: &SerialThread| {
            lane.close();
            if !lane.join_within(left()) {
                let _forgotten = lane.leave();
                stuck.push(lane.name());
            }
        };
        end(&self.captures);
        end(&self.speaks);
        if let Some(traces) = &self.traces {
            end(traces.thread());
        }
        end(self.wakes.thread());
        // Wakers for which no thread could be started.
        self.wakes.call_all_unless_called();
        stuck
    }

    /// Stalls that were counted and not reported.
    pub(super) fn left_out(&self) -> u64 {
        self.voice.left_out.load(Ordering::Relaxed)
    }
}

impl StallSink for Arc<Reporter> {
    fn stalled(&self, stall: Stall) {
        if let Some(recorder) = &self.recorder {
            let task = stall.task.map_or(0, subject_of);
            recorder.now(Kind::Stall, task, stall.worker as u64);
        }
        if let Some(traces) = &self.traces {
            traces.write("stall");
        }
        let Some(turn) = self.voice.admit() else { return };
        // Read now, while the task exists and has its name.
        let mut report = StallReport {
            worker: stall.worker,
            task: stall.task,
            name: stall.task.and_then(task_id::name),
            location: stall.location,
            duration: stall.duration,
            seen: ThreadActivity::Untold,
            processor_share: stall.processor_share,
            backtrace: None,
            left_out: 0,
        };
        let speaks = self.speaks.clone();
        // A refused job counts as left out, since its ticket is dropped unused. The next report
        // tries again.
        let _ = self.captures.add(Box::new(move || {
            let (seen, capture) = look_at(&stall, turn.voice.manner.backtrace);
            report.seen = seen;
            let _ = speaks.add(Box::new(move || turn.report(report, capture)));
        }));
    }

    fn short_of_spares(&self, shortage: Shortage) -> bool {
        let voice = Arc::clone(&self.voice);
        if voice.shortage_waits.swap(true, Ordering::Relaxed) {
            return false;
        }
        let waits = ShortageWaits(voice);
        self.speaks.add(Box::new(move || waits.0.report_shortage(SpareShortage(shortage)))).is_ok()
    }

    fn wake(&self, ready: &mut WakeList) {
        for waker in ready.drain() {
            if task::is_task_waker(&waker) {
                waker.wake();
            } else {
                self.wakes.put(waker);
            }
        }
        ForeignWakes::have_called(&self.wakes);
    }

    fn owes_wakes(&self) -> bool {
        self.wakes.are_owed()
    }
}

/// Makes reports.
struct Voice {
    manner: Manner,
    /// Made for the first report, since it reads the program's debug information.
    unwinder: Mutex<Option<Unwinder>>,
    /// The last reports, the newest first.
    kept: Mutex<VecDeque<(Instant, String)>>,
    last_line: Mutex<Option<Instant>>,
    // The counts have no pairs: they publish nothing.
    /// Reports that were handed over and not made yet.
    under_way: AtomicUsize,
    shortage_waits: AtomicBool,
    /// All stalls that were not reported.
    left_out: AtomicU64,
    /// Stalls that were not reported since the last report.
    unsaid: AtomicU64,
}

/// A report's place among those in progress. If the report is not made, it is counted as left out
/// when the ticket is dropped.
struct Ticket {
    voice: Arc<Voice>,
    given: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let voice = &self.voice;
        if !self.given {
            voice.leave_out();
            // This line was not written, so another one may be.
            *voice.last_line.lock() = None;
        }
        voice.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Ticket {
    fn report(mut self, mut report: StallReport, capture: Option<Capture>) {
        if report.is_empty() {
            return;
        }
        self.given = true;
        let voice = Arc::clone(&self.voice);
        report.left_out = voice.unsaid.swap(0, Ordering::Relaxed);
        voice.report(report, capture);
    }
}

/// A shortage whose report is in progress.
struct ShortageWaits(Arc<Voice>);

impl Drop for ShortageWaits {
    fn drop(&mut self) {
        self.0.shortage_waits.store(false, Ordering::Relaxed);
    }
}

impl Voice {
    /// A ticket if a stall may be reported now; if not, the stall is counted as left out.
    fn admit(self: &Arc<Voice>) -> Option<Ticket> {
        // Only the monitor's thread adds, so the count cannot rise between the load and the add.
        let admitted = self.under_way.load(Ordering::Relaxed) < MOST_AT_ONCE && self.may_speak();
        if !admitted {
            self.leave_out();
            return None;
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Some(Ticket { voice: Arc::clone(self), given: false })
    }

    /// Whether a report may be made now: always with a hook, at most one line a time on stderr.
    fn may_speak(&self) -> bool {
        if self.manner.on_stall.is_some() {
            return true;
        }
        let mut last = self.last_line.lock();
        if last.is_some_and(|last| last.elapsed() < LINE_EVERY) {
            return false;
        }
        *last = Some(Instant::now());
        true
    }

    fn leave_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
        self.unsaid.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls `f` with what unwinds stacks.
    fn unwind<R>(&self, f: impl FnOnce(&mut Unwinder) -> R) -> R {
        f(self.unwinder.lock().get_or_insert_with(Unwinder::new))
    }

    fn report(&self, mut report: StallReport, capture: Option<Capture>) {
        report.backtrace =
            capture.map(|capture| self.unwind(|unwinder| capture.trace(unwinder).to_string()));
        if self.manner.keeps {
            let mut kept = self.kept.lock();
            kept.truncate(KEPT - 1);
            kept.push_front((Instant::now(), report.to_string()));
        }
        if let Some(on_stall) = &self.manner.on_stall {
            return on_stall(&report);
        }
        let of = self.manner.name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        let more = match report.left_out {
            0 => String::new(),
            n => format!(" ({n} more since the last report)"),
        };
        let advice = report.advice(self.manner.others_go_on);
        say::line(&format!("runtime{of}: {report}\n  {advice}{more}"));
    }

    fn report_shortage(&self, shortage: SpareShortage) {
        match &self.manner.on_shortage {
            Some(on_shortage) => on_shortage(&shortage),
            None => {
                let in_place = shortage.is_in_place();
                say::line(&messages::spare_shortage(
                    self.manner.name.as_deref(),
                    &shortage,
                    in_place,
                ));
            }
        }
    }
}

/// Reads what the stalled thread does, and its stack, unless the poll has ended meanwhile.
fn look_at(stall: &Stall, backtrace: bool) -> (ThreadActivity, Option<Capture>) {
    let Some(tid) = i32::try_from(stall.tid).ok().filter(|&tid| tid != 0).map(Tid) else {
        return (ThreadActivity::Untold, None);
    };
    let state = stall::thread_state(tid);
    let capture = backtrace.then(|| stall::capture(tid, How::ANY).ok()).flatten();
    if !(stall.goes_on)() {
        return (ThreadActivity::Over, None);
    }
    let seen = match state {
        Ok(ThreadState::Running) => ThreadActivity::Computing,
        Ok(ThreadState::Blocked { syscall }) => ThreadActivity::Waiting(syscall),
        Err(Why::Gone) => ThreadActivity::Over,
        Err(_) => ThreadActivity::Untold,
    };
    (seen, capture)
}

#[cfg(test)]
#[path = "stall_tests.rs"]
mod tests;
