//! Reports of stalls: the threads that do what the guardian must not.
//!
//! The guardian may not block, so it only hands over. One thread copies the stalled thread's stack, at
//! once, as long as it is the stack of the stall; another one does what takes long or is the user's:
//! it symbolises, calls the hook or writes the line, and calls wakers that are not tasks'. Each is
//! started with its first piece of work.

use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::activity::Activity;
use crate::engine::contain::contain;
use crate::engine::primitive::Mutex;
use crate::engine::scheduler::{Shortage, Stall, StallSink};
use crate::engine::stall::{self, Capture, How, ThreadState, Tid, Unwinder};
use crate::engine::task::{self, Absence, Id};
use crate::engine::text;
use crate::engine::wake_list::WakeList;

use super::lane::Lane;

/// At most one line on stderr in this time.
const LINE_EVERY: Duration = Duration::from_secs(1);

/// A hook for stalls.
pub(super) type OnStall = Arc<dyn Fn(&StallReport) + Send + Sync>;

/// A poll that did not return for long: what it was, where it was spawned, where it hangs.
///
/// Given to [`Builder::on_stall`](crate::Builder::on_stall).
#[derive(Debug, Clone)]
pub struct StallReport {
    worker: usize,
    task: Option<Id>,
    name: Option<Arc<str>>,
    location: Option<&'static Location<'static>>,
    duration: Duration,
    blocked: Option<bool>,
    processor_share: Option<f64>,
    backtrace: Option<String>,
}

impl StallReport {
    /// The number of the worker whose thread is stalled.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// The id of the task. `None` if what stalls is a waker, a hook, or the future of `block_on`.
    pub fn task_id(&self) -> Option<Id> {
        self.task
    }

    /// The name of the task, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the task was spawned.
    pub fn spawn_location(&self) -> Option<&'static Location<'static>> {
        self.location
    }

    /// How long the poll had taken when it was reported.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Whether the thread waits in a system call (true) or computes (false), if the system tells.
    pub fn is_blocked(&self) -> Option<bool> {
        self.blocked
    }

    /// For which part of the time the thread had a processor, from 0 to 1, if the system tells (Linux does). It is
    /// measured from a tenth of [`stall_report`](crate::Builder::stall_report) on.
    pub fn processor_share(&self) -> Option<f64> {
        self.processor_share
    }

    /// Whether the poll takes long because its thread, which would compute, had a processor for less than half of
    /// the time: other threads and processes had them, or the process has used up its quota. `None` if the system
    /// does not tell.
    pub fn is_starved(&self) -> Option<bool> {
        Some(!self.blocked? && self.processor_share? < 0.5)
    }

    /// The stack of the stalled thread, innermost first, if it could be had.
    pub fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
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
        let how = match self.blocked {
            _ if self.is_starved() == Some(true) => " is kept from computing:",
            Some(true) => " blocks its thread:",
            Some(false) => " computes:",
            None => "",
        };
        write!(f, "{how} it has not returned from its poll for {ms} ms on worker {}", self.worker)?;
        if let Some(share) = self.processor_share.filter(|_| self.is_starved() == Some(true)) {
            // A whole number: what std has to write fractions is larger than this file.
            let percent = (share * 100.0).round() as u32;
            write!(f, ", which had a processor for {percent} % of that")?;
        }
        if let Some(backtrace) = &self.backtrace {
            write!(f, "\n{backtrace}")?;
        }
        Ok(())
    }
}

/// A hook for shortages of spare workers.
pub(super) type OnSpareShortage = Arc<dyn Fn(&SpareShortage) + Send + Sync>;

/// Work waits behind workers that do not serve, and there is nobody to do it in their place: the limit is reached, or
/// the system gives no thread.
///
/// Given to [`Builder::on_spare_shortage`](crate::Builder::on_spare_shortage).
#[derive(Debug)]
pub struct SpareShortage(Shortage);

impl SpareShortage {
    /// Whether the workers have announced that they block, by
    /// [`block_in_place`](crate::task::block_in_place). Else they are in polls that do not return.
    pub fn is_in_place(&self) -> bool {
        self.0.absence == Absence::InPlace
    }

    /// How many workers do not serve for that reason. Those that serve in place of others and do not serve themselves
    /// are among them.
    pub fn stalled(&self) -> usize {
        self.0.missing
    }

    /// How many serve in their place: spare workers or, for those in `block_in_place`, threads of the
    /// blocking pool.
    pub fn spare_workers(&self) -> usize {
        self.0.serving
    }

    /// How many there may be: [`Builder::spare_workers`](crate::Builder::spare_workers) or, for those in
    /// `block_in_place`, [`Builder::max_blocking_threads`](crate::Builder::max_blocking_threads), blocking jobs
    /// included.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Why the system gave no thread for another one. `None` if the limit is reached.
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

/// The reporter of one runtime.
pub(super) struct Reporter {
    /// Copies stacks.
    captures: Lane,
    /// Symbolises, writes, calls the user's hook.
    speaks: Lane,
    /// Calls wakers that are not tasks'. They do not wait for what takes long in the other lane.
    wakes: Lane,
    /// Counts the wakers that are to be called, so that paused time waits for them.
    activity: Option<Arc<Activity>>,
    voice: Arc<Voice>,
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.close();
        self.speaks.close();
    }
}

impl Reporter {
    pub(super) fn new(
        name: Option<String>,
        on_stall: Option<OnStall>,
        on_shortage: Option<OnSpareShortage>,
        backtrace: bool,
        activity: Option<Arc<Activity>>,
    ) -> Reporter {
        let lines = Mutex::new(Lines { last: None, left_out: 0 });
        let unwinder = Mutex::new(None);
        Reporter {
            captures: Lane::new("runtime-capture"),
            speaks: Lane::new("runtime-reporter"),
            wakes: Lane::new("runtime-waker"),
            activity,
            voice: Arc::new(Voice { name, on_stall, on_shortage, backtrace, unwinder, lines }),
        }
    }

    pub(super) fn close(&self) {
        self.wakes.close();
        self.captures.close();
    }

    /// Waits for what has been handed over. Without it the last report may be lost.
    pub(super) fn join(&self) {
        self.captures.join();
        self.speaks.close();
        self.speaks.join();
        self.wakes.join();
    }
}

impl StallSink for Arc<Reporter> {
    fn stalled(&self, stall: Stall) {
        // Now, while the task is there to have a name.
        let mut report = StallReport {
            worker: stall.worker,
            task: stall.task,
            name: stall.task.and_then(task::name),
            location: stall.location,
            duration: stall.duration,
            blocked: None,
            processor_share: stall.processor_share,
            backtrace: None,
        };
        let voice = Arc::clone(&self.voice);
        if !voice.backtrace {
            let _ = self.speaks.add(Box::new(move || voice.report(report, None)));
            return;
        }
        let speaks = self.speaks.clone();
        // Without a thread there is no report; the next one tries again.
        let _ = self.captures.add(Box::new(move || {
            let (blocked, capture) = look_at(&stall).unzip();
            report.blocked = blocked.flatten();
            let capture = capture.flatten();
            let _ = speaks.add(Box::new(move || voice.report(report, capture)));
        }));
    }

    fn short_of_spares(&self, shortage: Shortage) -> bool {
        let voice = Arc::clone(&self.voice);
        self.speaks.add(Box::new(move || voice.report_shortage(SpareShortage(shortage)))).is_ok()
    }

    fn wake(&self, ready: &mut WakeList) {
        for waker in ready.drain() {
            if task::is_task_waker(&waker) {
                waker.wake();
            } else {
                let activity = self.activity.clone();
                if let Some(activity) = &activity {
                    activity.begin();
                }
                let wake = move || {
                    contain(|| waker.wake());
                    if let Some(activity) = activity {
                        activity.end();
                    }
                };
                // With nobody else to call it, it must be called here.
                if let Err(wake) = self.wakes.add(Box::new(wake)) {
                    wake();
                }
            }
        }
    }
}

/// How reports are given.
struct Voice {
    name: Option<String>,
    on_stall: Option<OnStall>,
    on_shortage: Option<OnSpareShortage>,
    backtrace: bool,
    /// Made for the first report: it reads the program's debug information.
    unwinder: Mutex<Option<Unwinder>>,
    lines: Mutex<Lines>,
}

struct Lines {
    last: Option<Instant>,
    left_out: u64,
}

impl Voice {
    fn report(&self, mut report: StallReport, capture: Option<Capture>) {
        let left_out = if self.on_stall.is_some() {
            0
        } else {
            match self.may_write() {
                Some(left_out) => left_out,
                None => return,
            }
        };
        report.backtrace = capture.map(|capture| {
            let mut unwinder = self.unwinder.lock();
            capture.trace(unwinder.get_or_insert_with(Unwinder::new)).to_string()
        });
        if let Some(on_stall) = &self.on_stall {
            return on_stall(&report);
        }
        let of = self.name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        let more = match left_out {
            0 => String::new(),
            n => format!(" ({n} more since the last report)"),
        };
        let advice = if report.is_starved() == Some(true) {
            "The machine is busy with other threads or processes, or a quota is used up."
        } else {
            "Other tasks go on. Move what blocks to `spawn_blocking` or `block_in_place`, or let it yield."
        };
        eprintln!("runtime{of}: {report}\n  {advice}{more}");
    }

    fn report_shortage(&self, shortage: SpareShortage) {
        match &self.on_shortage {
            Some(on_shortage) => on_shortage(&shortage),
            None => {
                let in_place = shortage.is_in_place();
                eprintln!("{}", text::spare_shortage(self.name.as_deref(), &shortage, in_place));
            }
        }
    }

    /// How many reports were left out before this one, or `None` if this one is to be, too.
    fn may_write(&self) -> Option<u64> {
        let mut lines = self.lines.lock();
        if lines.last.is_some_and(|last| last.elapsed() < LINE_EVERY) {
            lines.left_out += 1;
            return None;
        }
        lines.last = Some(Instant::now());
        Some(std::mem::take(&mut lines.left_out))
    }
}

/// What the stalled thread does and its stack, unless the poll has ended meanwhile.
fn look_at(stall: &Stall) -> Option<(Option<bool>, Option<Capture>)> {
    let tid = Tid(i32::try_from(stall.tid).ok().filter(|&tid| tid != 0)?);
    let blocked = stall::thread_state(tid).ok().map(|state| state != ThreadState::Running);
    let capture = stall::capture(tid, How::ANY).ok();
    (stall.goes_on)().then_some((blocked, capture))
}
