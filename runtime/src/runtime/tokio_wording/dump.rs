//! tokio's own interface to dumps, over the one of this crate.
//!
//! The workers are not stopped. `Handle::dump` wakes each task, and takes the stack of its next
//! poll (`runtime/insight/stacks.rs`). Traces of a future (`Trace::capture`, `trace_with`) are
//! taken in a poll in which leaf futures do nothing (`engine/traced.rs`).

use std::ffi::c_void;
use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pin_project_lite::pin_project;

use crate::engine::coop::{self, Budget};
use crate::engine::insight;
use crate::engine::stall;
use crate::engine::traced;
use crate::runtime::handle::Handle;
use crate::task::Id;

/// How long `Handle::dump` waits for tasks whose poll does not end.
const WITHIN: Duration = Duration::from_secs(1);

/// What the tasks of a runtime wait for.
#[doc(hidden)]
#[derive(Debug)]
pub struct Dump {
    tasks: Tasks,
}

/// The tasks of a [`Dump`].
#[derive(Debug)]
pub struct Tasks {
    tasks: Vec<Task>,
}

/// A task of a [`Dump`].
#[derive(Debug)]
pub struct Task {
    id: Id,
    trace: Trace,
}

/// The stacks in which a future waits: one for each thing that it waits for.
#[doc(hidden)]
#[derive(Debug)]
pub struct Trace {
    stacks: Vec<Stack>,
}

#[derive(Debug)]
enum Stack {
    /// Of this thread, without names yet.
    Here(Vec<backtrace::BacktraceFrame>),
    /// Of a task.
    Taken(stall::Trace),
}

/// A stack.
#[derive(Clone, Debug)]
pub struct Backtrace {
    frames: Vec<BacktraceFrame>,
}

/// A call in a [`Backtrace`].
#[derive(Clone, Debug)]
pub struct BacktraceFrame {
    ip: usize,
    symbol_address: usize,
    symbols: Vec<BacktraceSymbol>,
}

/// A function of a [`BacktraceFrame`]: several, where calls were inlined.
#[derive(Clone, Debug)]
pub struct BacktraceSymbol {
    name: Option<String>,
    raw_name: Option<Vec<u8>>,
    address: Option<usize>,
    file: Option<PathBuf>,
    line: Option<u32>,
    column: Option<u32>,
}

#[doc(hidden)]
impl Dump {
    /// The tasks.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }
}

impl Tasks {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter()
    }
}

impl Task {
    /// Its id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where it waits.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }
}

impl Backtrace {
    /// The calls, the innermost first.
    pub fn frames(&self) -> impl Iterator<Item = &BacktraceFrame> {
        self.frames.iter()
    }
}

impl BacktraceFrame {
    /// The address of the instruction.
    pub fn ip(&self) -> *mut c_void {
        std::ptr::without_provenance_mut(self.ip)
    }

    /// The address of the function.
    pub fn symbol_address(&self) -> *mut c_void {
        std::ptr::without_provenance_mut(self.symbol_address)
    }

    /// The functions.
    pub fn symbols(&self) -> impl Iterator<Item = &BacktraceSymbol> {
        self.symbols.iter()
    }
}

impl BacktraceSymbol {
    /// The name as it stands in the program.
    pub fn name_raw(&self) -> Option<&[u8]> {
        self.raw_name.as_deref()
    }

    /// The name for people.
    pub fn name_demangled(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The address of the function.
    pub fn addr(&self) -> Option<*mut c_void> {
        self.address.map(std::ptr::without_provenance_mut)
    }

    /// The file.
    pub fn filename(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The line.
    pub fn lineno(&self) -> Option<u32> {
        self.line
    }

    /// The column. Of a task in a `Dump` it is not known.
    pub fn colno(&self) -> Option<u32> {
        self.column
    }
}

#[doc(hidden)]
impl Trace {
    /// Calls `f`, which polls a future, and gives the stacks from each leaf that it reaches to the
    /// [`root`](Trace::root). Leaves do nothing but be woken, so as a rule the poll is pending.
    #[inline(never)]
    pub fn capture<F, R>(f: F) -> (R, Trace)
    where
        F: FnOnce() -> R,
    {
        let mut stacks = Vec::new();
        let result = trace_with(f, |meta| stacks.extend(stack_of(meta).map(Stack::Here)));
        (result, Trace { stacks })
    }

    /// Backtraces end where this future is polled.
    pub fn root<F>(f: F) -> Root<F>
    where
        F: Future,
    {
        Root { future: f }
    }

    /// The stacks, with names.
    pub fn resolve_backtraces(&self) -> Vec<Backtrace> {
        self.stacks.iter().map(Stack::resolve).collect()
    }
}

/// From the leaf to the root. `None` without a root.
fn stack_of(meta: &TraceMeta) -> Option<Vec<backtrace::BacktraceFrame>> {
    let root = meta.root_addr?;
    let (mut frames, mut is_outside_leaf) = (Vec::new(), false);
    backtrace::trace(|frame| {
        let function = frame.symbol_address().cast_const();
        if std::ptr::eq(function, root) {
            return false;
        }
        if is_outside_leaf {
            frames.push(frame.clone().into());
        }
        is_outside_leaf |= std::ptr::eq(function, meta.trace_leaf_addr);
        true
    });
    Some(frames)
}

impl Stack {
    fn resolve(&self) -> Backtrace {
        let frames = match self {
            Stack::Here(frames) => {
                let mut resolved = backtrace::Backtrace::from(frames.clone());
                resolved.resolve();
                resolved.frames().iter().map(BacktraceFrame::of_this_thread).collect()
            }
            Stack::Taken(trace) => {
                trace.user_frames().iter().map(BacktraceFrame::of_a_task).collect()
            }
        };
        Backtrace { frames }
    }
}

impl BacktraceFrame {
    fn of_this_thread(frame: &backtrace::BacktraceFrame) -> BacktraceFrame {
        let symbol = |symbol: &backtrace::BacktraceSymbol| BacktraceSymbol {
            name: symbol.name().map(|name| in_words_of_tokio(&format!("{name:#}"))),
            raw_name: symbol.name().map(|name| name.as_bytes().to_vec()),
            address: symbol.addr().map(|address| address.addr()),
            file: symbol.filename().map(Path::to_path_buf),
            line: symbol.lineno(),
            column: symbol.colno(),
        };
        BacktraceFrame {
            ip: frame.ip().addr(),
            symbol_address: frame.symbol_address().addr(),
            symbols: frame.symbols().iter().map(symbol).collect(),
        }
    }

    fn of_a_task(frame: &stall::Frame) -> BacktraceFrame {
        let symbol = BacktraceSymbol {
            name: frame.name.as_deref().map(in_words_of_tokio),
            raw_name: None,
            address: None,
            file: frame.file.clone(),
            line: frame.line,
            column: None,
        };
        let ip = frame.address as usize;
        BacktraceFrame { ip, symbol_address: ip, symbols: vec![symbol] }
    }
}

/// A program for tokio knows this crate's functions by tokio's paths.
fn in_words_of_tokio(name: &str) -> String {
    let mut words = String::new();
    for part in name.split_inclusive([' ', '<', '(', '&', ',', '[', '*']) {
        match part.strip_prefix("runtime::") {
            Some(rest) => {
                words.push_str("tokio::");
                words.push_str(rest);
            }
            None => words.push_str(part),
        }
    }
    words
}

/// Like std's backtraces, a stack after the other: number, function, place.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, stack) in self.resolve_backtraces().iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let symbols = stack.frames().flat_map(BacktraceFrame::symbols);
            for (number, symbol) in symbols.enumerate() {
                writeln!(f, "{number:4}: {}", symbol.name_demangled().unwrap_or("<unknown>"))?;
                if let (Some(file), Some(line)) = (symbol.filename(), symbol.line) {
                    write!(f, "             at {}:{line}", file.display())?;
                    match symbol.column {
                        Some(column) => writeln!(f, ":{column}")?,
                        None => writeln!(f)?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where a leaf is: for [`trace_with`].
#[derive(Debug)]
#[non_exhaustive]
pub struct TraceMeta {
    /// The function that polls the innermost [`Root`].
    pub root_addr: Option<*const c_void>,
    /// The function in whose frame the leaf ends.
    pub trace_leaf_addr: *const c_void,
}

/// Calls `f`, which polls a future, and `trace_leaf` at each leaf that it reaches. See
/// [`Trace::capture`].
pub fn trace_with<FN, FT, R>(f: FN, mut trace_leaf: FT) -> R
where
    FN: FnOnce() -> R,
    FT: FnMut(&TraceMeta),
{
    let mut leaves = Leaves(Vec::new());
    let _budget = coop::set(Budget::TRACED);
    traced::with(f, &mut |root_addr, trace_leaf_addr, waker| {
        leaves.0.push(waker.clone());
        trace_leaf(&TraceMeta { root_addr, trace_leaf_addr });
    })
}

/// The leaves that are to be polled again, as usual.
struct Leaves(Vec<Waker>);

/// They are woken by a task: after the poll that goes on, as a rule.
impl Drop for Leaves {
    fn drop(&mut self) {
        let leaves = std::mem::take(&mut self.0);
        let wake = move || leaves.into_iter().for_each(Waker::wake);
        match Handle::try_current() {
            Ok(handle) if !handle.is_shut_down() => drop(handle.spawn(async { wake() })),
            _ => wake(),
        }
    }
}

pin_project! {
    /// A future where backtraces end: see [`Trace::root`].
    #[derive(Clone, Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Root<T> {
        #[pin]
        future: T,
    }
}

impl<T: Future> Future for Root<T> {
    type Output = T::Output;

    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        let _outer = traced::Root::enter(Self::poll as *const c_void);
        self.project().future.poll(cx)
    }
}

#[doc(hidden)]
impl Handle {
    /// The stacks of all tasks that wait, or end their poll within a second. Each is polled once.
    /// None of a runtime whose insight was switched off, or that has been shut down.
    pub async fn dump(&self) -> Dump {
        let handle = self.clone();
        // It takes a while, and is no poll of a task.
        let taking = self.spawn_blocking(move || handle.stacks_of_all(WITHIN));
        let all = taking.await.unwrap_or_default();
        let tasks = all.into_iter().map(|(id, stacks)| {
            let stacks = stacks.into_iter().map(Stack::Taken).collect();
            Task { id, trace: Trace { stacks } }
        });
        Dump { tasks: Tasks { tasks: tasks.collect() } }
    }

    /// Whether the code that calls this is polled to take its stack.
    pub fn is_tracing() -> bool {
        coop::is_traced() || insight::is_looked_at()
    }
}
