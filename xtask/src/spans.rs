//! The law of names in comments: a name in code marks must exist in the code.
//!
//! A comment outlives what it describes: a parameter that is gone, a type that has another name. So
//! each code span that is one name must name something:
//!
//! - a name in lower case stands in the code of the same file, or is that of a function, a
//!   module, a constant, a macro, a field or an import somewhere in the crate. A parameter or a
//!   local of another file does not count;
//! - any other name stands somewhere in the code of the crate;
//! - or it is one of [`OUTSIDE`].
//!
//! Links are not looked at, since rustdoc checks them; nor is code in examples.

use std::collections::BTreeSet;

use crate::source::tokens;

/// Names of things outside the crate: the language, the system, the processor, other crates, and
/// placeholders for a group of names.
const OUTSIDE: [&str; 5] = [
    // The language.
    "break c_long false static true unsafe",
    // The system: calls, options, errors, signals, files, variables.
    "EMFILE ENXIO IPV6_MULTICAST_LOOP IPV6_TCLASS IP_MULTICAST_LOOP IP_MULTICAST_TTL \
     IP_TOS MSG_PEEK PATH RUNTIME_INSIGHT RUNTIME_WORKER_THREADS SIGKILL SIGSTOP SO_BINDTODEVICE \
     SO_BROADCAST SO_KEEPALIVE SO_LINGER SO_REUSEADDR SO_REUSEPORT TCP_NODELAY \
     TCP_QUICKACK clock_nanosleep epoll errno exec fork inotify kqueue nanosleep open \
     pread process_vm_readv ptrace schedstat setns sigwait timerfd unshare waitpid",
    // The processor.
    "bl blr rbp rip rsp",
    // Other crates, and users' code.
    "AtomicWaker BytesMut FuturesUnordered resize_picture slotmap",
    // Names that our macros are given, and parts of names.
    "Ext blocking_ multi_thread poll_recv_ready poll_send_ready shutdown_grace try_ \
     worker_",
];

/// What can be named, in the code of a whole crate.
#[derive(Default)]
pub(crate) struct Names<'a> {
    all: BTreeSet<&'a str>,
    items: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    /// Adds the names of one file; `code` has no comments.
    pub(crate) fn add(&mut self, code: &'a str) {
        let tokens = tokens(code);
        let mut in_use = false;
        for (at, &(place, word)) in tokens.iter().enumerate() {
            let before = at.checked_sub(1).map_or("", |at| tokens[at].1);
            let after = tokens.get(at + 1).map_or("", |token| token.1);
            in_use = word == "use" || (in_use && word != ";");
            self.all.insert(word);
            let is_defined =
                matches!(before, "fn" | "mod" | "const" | "static" | "type") || before == "!";
            let opens_line = code[..place]
                .rsplit('\n')
                .next()
                .is_some_and(|line| line.trim().is_empty() || line.trim_start().starts_with("pub"));
            if in_use || is_defined || (opens_line && after == ":") {
                self.items.insert(word);
            }
        }
    }

    /// The names in the comments of a file that name nothing: line and name. `code` is the text of
    /// the file without comments.
    pub(crate) fn dead(&self, text: &'a str, code: &str) -> Vec<(usize, &'a str)> {
        let own: BTreeSet<&str> = tokens(code).into_iter().map(|(_, word)| word).collect();
        let mut dead = named(text);
        dead.retain(|(_, name)| {
            let is_known = match name.starts_with(|c: char| c.is_lowercase()) {
                true => own.contains(name) || self.items.contains(name),
                false => self.all.contains(name),
            };
            !is_known && !OUTSIDE.iter().any(|words| words.split(' ').any(|word| word == *name))
        });
        dead
    }
}

/// The code spans of comments that are one name, with their lines.
fn named(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            in_code = false;
            continue;
        };
        if comment.trim_start_matches(['/', '!']).trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code || comment.contains("``") {
            continue;
        }
        let parts: Vec<&str> = comment.split('`').collect();
        for at in (1..parts.len().saturating_sub(1)).step_by(2) {
            let name = parts[at];
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if is_name && name.len() > 1 && !parts[at - 1].ends_with('[') {
                found.push((index + 1, name));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead<'a>(text: &'a str, code: &'a str, others: &'a str) -> Vec<(usize, &'a str)> {
        let mut names = Names::default();
        names.add(code);
        names.add(others);
        names.dead(text, code)
    }

    #[test]
    fn a_parameter_that_is_gone_is_found() {
        let text = "/// Spawns. `span` sees it.\nfn spawn(task: u8) {}";
        let code = "fn spawn(task: u8) {}";
        assert_eq!(dead(text, code, ""), [(1, "span")]);
        // A parameter of another file is not what is meant, but a function may be.
        assert_eq!(dead(text, code, "fn other(span: u8) {}"), [(1, "span")]);
        assert!(dead(text, code, "fn span() {}").is_empty());
        assert!(dead(text, "fn spawn(span: u8) {}", "").is_empty());
    }

    #[test]
    fn a_type_that_has_another_name_is_found() {
        assert_eq!(dead("// A `Seat` is taken.", "struct Slot;", ""), [(1, "Seat")]);
        assert!(dead("// A `Slot` is taken.", "", "struct Slot;").is_empty());
    }

    #[test]
    fn links_examples_and_what_is_outside_are_left_alone() {
        assert!(dead("/// [`gone`], `fork`, `a::b`, `f(x)`, `l`", "", "").is_empty());
        assert!(dead("/// ```\n/// `gone`\n/// ```", "", "").is_empty());
    }
}
