//! A stack trace, formatted for people.
//!
//! A frame without a line is printed with its module and the address in the module's file. The
//! modules stand below the frames, each with its path and build id. That is all that is needed to
//! find the lines later, in another process: `runtime-insight/src/lines/report.rs` reads it.

use std::fmt::{self, Write as _};
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
    /// The number of the module in its trace, and an address inside the call as the module's file
    /// counts, without the address at which the file was loaded.
    pub(crate) place: Option<(usize, u64)>,
}

/// A file that code was loaded from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) path: String,
    /// What the linker has put there to tell builds apart.
    pub(crate) build_id: Option<Vec<u8>>,
}

impl Module {
    fn file_name(&self) -> &str {
        let path = self.path.strip_suffix(" (deleted)").unwrap_or(&self.path);
        path.rsplit('/').next().unwrap_or(path)
    }
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
    modules: Vec<Module>,
    /// Whether the outermost frame was reached.
    complete: bool,
}

impl Trace {
    pub(crate) fn new(frames: Vec<Frame>, modules: Vec<Module>, complete: bool) -> Trace {
        Trace { frames, modules, complete }
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

    /// What a module is called among these: by its file's name or, where an earlier module's file
    /// has the same name, by its path.
    fn module_name(&self, number: usize) -> &str {
        let (before, module) = (&self.modules[..number], &self.modules[number]);
        let name = module.file_name();
        let is_taken = before.iter().any(|other| other.file_name() == name);
        if is_taken { &module.path } else { name }
    }

    /// Writes where the modules are that these frames name.
    fn write_modules(&self, frames: &[Frame], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without_line = frames.iter().filter(|frame| frame.file.is_none());
        let mut used: Vec<usize> =
            without_line.filter_map(|frame| frame.place).map(|(module, _)| module).collect();
        used.sort_unstable();
        used.dedup();
        for &number in &used {
            let Module { path, build_id } = &self.modules[number];
            write!(f, "      [module {}: {path}", self.module_name(number))?;
            if let Some(build_id) = build_id {
                let mut digits = String::with_capacity(build_id.len() * 2);
                build_id.iter().try_for_each(|byte| write!(digits, "{byte:02x}"))?;
                write!(f, ", build id {digits}")?;
            }
            writeln!(f, "]")?;
        }
        if !used.is_empty() {
            writeln!(f, "      (`runtime-insight lines` adds files and lines to this)")?;
        }
        Ok(())
    }
}

/// Like std's backtraces: number, function, and the place on a line of its own. Without a line the
/// place is the module.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user_frames();
        for (number, frame) in user.iter().enumerate() {
            match &frame.name {
                Some(name) => write!(f, "{number:4}: {}", shortened(name))?,
                None => write!(f, "{number:4}: <unknown>")?,
            }
            match (&frame.file, frame.place) {
                (Some(file), _) => {
                    write!(f, "\n             at {}", file.display())?;
                    if let Some(line) = frame.line {
                        write!(f, ":{line}")?;
                    }
                }
                (None, Some((module, address))) => {
                    write!(f, " ({}+{address:#x})", self.module_name(module))?;
                }
                (None, None) if frame.name.is_none() => write!(f, " ({:#x})", frame.address)?,
                (None, None) => {}
            }
            writeln!(f)?;
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
        self.write_modules(user, f)
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
        Trace::new(names.iter().map(|name| frame(name, None)).collect(), Vec::new(), true)
            .to_string()
    }

    fn frame(name: &str, place: Option<(usize, u64)>) -> Frame {
        Frame { name: Some(name.to_owned()), file: None, line: None, address: 1, place }
    }

    #[test]
    fn a_frame_without_a_line_says_where_it_is_in_which_build() {
        let module = |path: &str, build_id: &[u8]| Module {
            path: path.to_owned(),
            build_id: (!build_id.is_empty()).then(|| build_id.to_vec()),
        };
        let modules = vec![
            module("/srv/server (deleted)", &[0x0f, 0xa0]),
            module("/lib/unused.so", &[1]),
            module("/old/server", &[]),
        ];
        let mut frames = vec![
            frame("server::a", Some((0, 0x12))),
            frame("server::b", Some((2, 0x34))),
            frame("vanished", None),
            frame("has_a_line", Some((1, 0x56))),
            Frame { name: None, ..frame("", Some((0, 0x78))) },
            Frame { name: None, ..frame("", None) },
        ];
        frames[3].file = Some("c.rs".into());
        frames[3].line = Some(7);
        let text = Trace::new(frames, modules, true).to_string();
        let expected = "   0: server::a (server+0x12)
   1: server::b (/old/server+0x34)
   2: vanished
   3: has_a_line
             at c.rs:7
   4: <unknown> (server+0x78)
   5: <unknown> (0x1)
      [module server: /srv/server (deleted), build id 0fa0]
      [module /old/server: /old/server]
      (`runtime-insight lines` adds files and lines to this)
";
        assert_eq!(text, expected);
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
