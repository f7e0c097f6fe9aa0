//! What a report says of modules and addresses.
//!
//! ```text
//!    0: std::thread::sleep (server+0x1a2b3)
//!    1: server::slow (server+0x9f21)
//!       [module server: /srv/server, build id 8c1f09]
//!       (`runtime-insight lines` adds files and lines to this)
//! ```
//!
//! The modules of a stack stand below its frames. Each line may begin with something else, such as
//! the time that a log has put there. The other side is `engine/stall/trace.rs` of the crate
//! `runtime`.

use std::collections::{HashMap, HashSet};

/// A file that code was loaded from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Module {
    pub(super) path: String,
    /// In hexadecimal digits.
    pub(super) build_id: Option<String>,
}

/// A call in a stack.
#[derive(Debug, PartialEq)]
pub(super) struct Frame<'a> {
    /// What stands before the number's column.
    pub(super) before: &'a str,
    pub(super) number: &'a str,
    /// The function's name.
    pub(super) name: &'a str,
    /// The module's place in [`Report::modules`].
    pub(super) module: usize,
    pub(super) address: u64,
    /// Which stack of the report it is in.
    pub(super) stack: usize,
}

/// What stands for the name of a function that is not known.
pub(super) const NAMELESS: &str = "<unknown>";

impl Frame<'_> {
    pub(super) fn is_nameless(&self) -> bool {
        self.name == NAMELESS
    }
}

/// A report by its lines.
#[derive(Debug, Default)]
pub(super) struct Report<'a> {
    /// All lines, with their ends.
    pub(super) lines: Vec<&'a str>,
    /// Each module once.
    pub(super) modules: Vec<Module>,
    /// The lines that are frames of modules that the report lists.
    pub(super) frames: HashMap<usize, Frame<'a>>,
    /// The lines that list modules: the module, and the stack.
    pub(super) listed: HashMap<usize, (usize, usize)>,
    /// The lines that advise to do what is being done.
    pub(super) advice: HashSet<usize>,
}

/// A line that looks like a frame.
struct Candidate<'a> {
    line: usize,
    before: &'a str,
    number: &'a str,
    /// All between the number and the address: the name, and the module after a parenthesis.
    text: &'a str,
    address: u64,
}

impl<'a> Report<'a> {
    pub(super) fn parse(text: &'a str) -> Report<'a> {
        let mut report =
            Report { lines: text.split_inclusive('\n').collect(), ..Report::default() };
        let mut numbers: HashMap<Module, usize> = HashMap::new();
        // The frames of the present stack whose modules are not known yet.
        let mut open: Vec<Candidate<'a>> = Vec::new();
        let mut stack = 0;
        let mut is_listing = false;
        for (number, line) in report.lines.iter().enumerate() {
            if let Some(candidate) = candidate(number, line) {
                if is_listing || candidate.number == "0" {
                    open.clear();
                    stack += 1;
                }
                is_listing = false;
                open.push(candidate);
            } else if let Some((name, module)) = listed(line) {
                is_listing = true;
                let next = report.modules.len();
                let module = *numbers.entry(module).or_insert_with_key(|module| {
                    report.modules.push(module.clone());
                    next
                });
                report.listed.insert(number, (module, stack));
                let of_module = format!(" ({name}");
                open.retain(|one| match one.text.strip_suffix(&of_module) {
                    Some(name) => {
                        let &Candidate { before, number, address, .. } = one;
                        let frame = Frame { before, number, name, module, address, stack };
                        report.frames.insert(one.line, frame);
                        false
                    }
                    None => true,
                });
            } else if is_listing && line.contains("(`runtime-insight lines` ") {
                report.advice.insert(number);
            }
        }
        report
    }
}

/// `BEFORE   3: NAME (MODULE+0x12ab)`
fn candidate(line: usize, text: &str) -> Option<Candidate<'_>> {
    let text = text.trim_end().strip_suffix(')')?;
    let (text, address) = text.rsplit_once("+0x")?;
    let address = u64::from_str_radix(address, 16).ok()?;
    // The first number of which that is true: a time before it has no space after its colons.
    let (colon, _) = text.match_indices(": ").find(|&(colon, _)| {
        let digits = text[..colon].bytes().rev().take_while(u8::is_ascii_digit).count();
        digits > 0 && text[..colon - digits].ends_with(' ')
    })?;
    let digits = text[..colon].bytes().rev().take_while(u8::is_ascii_digit).count();
    let number = &text[colon - digits..colon];
    // The number's column is four wide.
    let before = text[..colon - digits].strip_suffix(&"    "[digits.min(4)..])?;
    Some(Candidate { line, before, number, text: &text[colon + 2..], address })
}

/// `[module NAME: PATH, build id 8c1f09]`
fn listed(text: &str) -> Option<(&str, Module)> {
    let (_, text) = text.trim_end().strip_suffix(']')?.split_once("[module ")?;
    let (name, rest) = text.split_once(": ")?;
    let is_digits = |id: &&str| id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (path, build_id) = match rest.rsplit_once(", build id ") {
        Some((path, id)) if is_digits(&id) => (path, Some(id.to_owned())),
        _ => (rest, None),
    };
    Some((name, Module { path: path.to_owned(), build_id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_belong_to_the_modules_below_them() {
        let text = "\
runtime: task 7 blocks its thread
   0: std::thread::sleep (libc.so.6+0x10)
  12: <a as b>::c (d) (the server+0x2f)
      (a name may be that of another)
      [module libc.so.6: /lib/libc.so.6]
      [module the server: /srv/the server, build id 0fa0]
      (`runtime-insight lines` adds files and lines to this)
2026-11-29 10:15:12: x    0: f (the server+0x1)
2026-11-29 10:15:12: x       [module the server: /srv/the server, build id 0fa1]
";
        let report = Report::parse(text);
        let module = |path: &str, build_id: Option<&str>| Module {
            path: path.to_owned(),
            build_id: build_id.map(str::to_owned),
        };
        let server = |id| module("/srv/the server", Some(id));
        let modules = [module("/lib/libc.so.6", None), server("0fa0"), server("0fa1")];
        assert_eq!(report.modules, modules);
        let frame = |line: usize| {
            let Frame { before, number, name, module, address, stack } = report.frames[&line];
            (before, number, name, module, address, stack)
        };
        assert_eq!(frame(1), ("", "0", "std::thread::sleep", 0, 0x10, 1));
        assert_eq!(frame(2), ("", "12", "<a as b>::c (d)", 1, 0x2f, 1));
        assert_eq!(frame(7), ("2026-11-29 10:15:12: x ", "0", "f", 2, 1, 2));
        assert_eq!(report.frames.len(), 3);
        assert_eq!(report.listed.len(), 3);
        assert_eq!(report.advice.iter().collect::<Vec<_>>(), [&6]);
    }

    #[test]
    fn other_text_is_no_frame() {
        for text in [
            "   0: a::b\n             at src/main.rs:4\n",
            "   0: <unknown> (0x12)\n      [module a: /a]\n",
            "   0: f (other+0x1)\n      [module a: /a]\n",
            "x: f (a+0x1)\n      [module a: /a]\n",
            "   0: f (a+0xg)\n      [module a: /a]\n",
            "   0: f (a+0x1)\n   0: g\n[module a /a]\n",
        ] {
            let report = Report::parse(text);
            assert!(report.frames.is_empty(), "{text}");
            assert_eq!(report.lines.concat(), text);
        }
    }
}
