//! A stack trace, formatted for people.

use std::fmt;
use std::path::PathBuf;

/// Part of the name of the function in which tasks are polled (`task/cell.rs`).
const MARKER: &str = "__runtime_short_backtrace";

/// One call: the function, and where in it the next call was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The function's path, without hashes; `None` if it is not known.
    pub(crate) name: Option<String>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) line: Option<u32>,
    pub(crate) address: u64,
}

impl Frame {
    /// Whether compilers and linkers may have merged the function with others of the same code, and
    /// kept only one of their names. That happens to functions of the runtime and of std, which
    /// exist once for each type, and to generic ones.
    fn may_be_shared(&self) -> bool {
        const CRATES: [&str; 5] = ["runtime::", "tokio::", "core::", "alloc::", "std::"];
        self.name.as_deref().is_some_and(|name| {
            let name = name.trim_start_matches(['<', '&', '*', ' ']);
            CRATES.iter().any(|start| name.starts_with(start)) || name.contains('<')
        })
    }
}

/// Where a frame is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) pc: u64,
    /// `pc` is the instruction itself, not the one after a call.
    pub(crate) exact: bool,
}

impl Address {
    /// An address inside the function. `pc` itself may be past its end after a call that does not
    /// return.
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

    /// Without the innermost frames that copy a waker, where the stack was taken.
    pub(crate) fn without_wakers(mut self) -> Trace {
        const WAKERS: [&str; 4] =
            ["capture_here", "waker_is_cloned", "clone_looked_at", "core::task::wake::"];
        let is_waker = |frame: &Frame| {
            let file = frame.file.as_deref();
            frame.name.as_deref().is_some_and(|name| WAKERS.iter().any(|part| name.contains(part)))
                || file.is_some_and(|file| file.ends_with("core/src/task/wake.rs"))
        };
        let last = self.frames.iter().take(16).rposition(is_waker);
        self.frames.drain(..last.map_or(0, |last| last + 1));
        self
    }

    /// Every frame, the runtime's own included.
    #[cfg(test)]
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames that are not the runtime's: those inside the innermost poll of a task, or,
    /// without one, inside the function with which std begins a thread.
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
                Some(name) => writeln!(f, "{number:4}: {}", shortened(name))?,
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
        if user.iter().any(Frame::may_be_shared) {
            writeln!(
                f,
                "      (functions with the same code are made one: a name may be that of another)"
            )?;
        }
        if !self.complete && user.len() == self.frames.len() {
            writeln!(f, "      (the stack could be followed no further)")?;
        }
        Ok(())
    }
}

/// A longer list of type arguments says nothing to a reader: those of a server have thousands of
/// characters.
const LONGEST_ARGUMENTS: usize = 60;

/// A name with `<..>` in place of long type arguments.
fn shortened(name: &str) -> String {
    let mut short = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(begin) = rest.find('<') {
        // `<a as b>::c` begins with one that is no list of arguments.
        let is_list =
            rest[..begin].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        match end_of_arguments(&rest[begin..]) {
            Some(length) if is_list && length > LONGEST_ARGUMENTS => {
                short.push_str(&rest[..begin]);
                short.push_str("<..>");
                rest = &rest[begin + length..];
            }
            _ => {
                short.push_str(&rest[..=begin]);
                rest = &rest[begin + 1..];
            }
        }
    }
    short + rest
}

/// The length of what `text` begins with, from `<` to the `>` that belongs to it.
fn end_of_arguments(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => depth += 1,
            // `->` is no end.
            '>' if before != '-' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(names: &[&str]) -> String {
        let frame = |name: &&str| Frame {
            name: Some((*name).to_owned()),
            file: None,
            line: None,
            address: 1,
        };
        Trace::new(names.iter().map(frame).collect(), true).to_string()
    }

    #[test]
    fn long_type_arguments_are_left_out() {
        let long = "x::Y, ".repeat(20);
        assert_eq!(shortened(&format!("poll<fn(u8) -> Z<{long}>>")), "poll<..>");
        assert_eq!(shortened(&format!("a::b<{long}>::c<u8>")), "a::b<..>::c<u8>");
        assert_eq!(shortened("<a as b<c>>::d"), "<a as b<c>>::d");
        assert_eq!(shortened(&format!("<a<{long}> as b>::d")), "<a<..> as b>::d");
        assert_eq!(shortened("a < b"), "a < b");
    }

    #[test]
    fn it_says_once_that_a_name_may_be_another_functions() {
        let warning = "a name may be that of another";
        assert!(!text(&["libc_read", "program::main"]).contains(warning));
        for name in [
            "runtime::net::unix::UnixStream::write",
            "std::io::Read::read",
            "a::b<T>",
            "<a as b>::c",
        ] {
            let text = text(&[name, "core::future::poll", "program::main"]);
            assert_eq!(text.matches(warning).count(), 1, "{text}");
        }
        // A frame that is not shown needs no warning.
        let hidden = text(&["program::main", "runtime::__runtime_short_backtrace", "runtime::run"]);
        assert!(!hidden.contains(warning), "{hidden}");
    }
}
