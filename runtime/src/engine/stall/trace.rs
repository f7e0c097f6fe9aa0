//! A thread's calls, for people.

use std::fmt;
use std::path::PathBuf;

/// What the name of the function contains in which a task is polled (`task/cell.rs`).
const MARKER: &str = "__runtime_short_backtrace";

/// One call: the function, and where in it the next call was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The function's path, without hashes; `None` where the program tells no names.
    pub(crate) name: Option<String>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<u32>,
    pub(crate) address: u64,
}

/// Where a frame is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) pc: u64,
    /// `pc` is the instruction itself, not the one after a call.
    pub(crate) exact: bool,
}

impl Address {
    /// An address in the function: after a call that does not return, the function may have ended.
    pub(crate) fn inside(self) -> u64 {
        self.pc.wrapping_sub(u64::from(!self.exact))
    }
}

/// The calls a thread is in, the innermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    frames: Vec<Frame>,
    /// Whether the outermost frame was reached.
    complete: bool,
}

impl Trace {
    pub(crate) fn new(frames: Vec<Frame>, complete: bool) -> Trace {
        Trace { frames, complete }
    }

    /// Every frame, the runtime's own included.
    #[cfg(test)]
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames that are not the runtime's: those inside the innermost poll of a task, or, without one, inside the
    /// function with which std begins a thread.
    pub(crate) fn user_frames(&self) -> &[Frame] {
        let marker = |name: &str| {
            let outermost = |f: &Frame| f.name.as_deref().is_some_and(|n| n.contains(name));
            self.frames.iter().position(outermost)
        };
        let end = marker(MARKER).or_else(|| marker("__rust_begin_short_backtrace"));
        &self.frames[..end.unwrap_or(self.frames.len())]
    }
}

/// Like std's backtraces: number, function, and the place on a line of its own.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user_frames();
        for (number, frame) in user.iter().enumerate() {
            match &frame.name {
                Some(name) => writeln!(f, "{number:4}: {name}")?,
                None => writeln!(f, "{number:4}: <unknown> ({:#x})", frame.address)?,
            }
            if let Some(file) = &frame.file {
                write!(f, "             at {}", file.display())?;
                if let Some(line) = frame.line {
                    write!(f, ":{line}")?;
                }
                writeln!(f)?;
            }
        }
        if !self.complete && user.len() == self.frames.len() {
            writeln!(f, "      (the stack could be followed no further)")?;
        }
        Ok(())
    }
}
