//! What can be weakened in a protocol.
//!
//! | in the source                              | mutants                                        |
//! |--------------------------------------------|------------------------------------------------|
//! | `const N: Ordering = Ordering::AcqRel;`    | `Acquire`, and `Release`                       |
//! | `const N: Ordering = Ordering::Acquire;`   | `Relaxed`                                      |
//! | `const N: Ordering = Ordering::Release;`   | `Relaxed`                                      |
//! | `const N: Ordering = Ordering::SeqCst;`    | `AcqRel`                                       |
//! | `fence(..);`                               | nothing there                                  |
//! | a statement with `// wake: name` behind it | nothing there                                  |
//!
//! A constant that is given to `fence` is not made `Relaxed`: a relaxed fence does not exist, and
//! the fence's own mutant says the same. Every mutant has a name that stays when lines move.

use crate::source::code_only;

/// One change to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// `engine/task/state.rs: WAKE Release -> Relaxed`
    pub(crate) name: String,
    /// From the root.
    pub(crate) file: String,
    /// From 0.
    line: usize,
    /// What the line becomes.
    becomes: String,
}

impl Mutant {
    /// The file's text with the change.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut lines: Vec<&str> = text.lines().collect();
        lines[self.line] = &self.becomes;
        let mut text = lines.join("\n");
        text.push('\n');
        text
    }

    /// The line, counted from 1.
    pub(crate) fn line(&self) -> usize {
        self.line + 1
    }
}

/// What can be weakened in `text`, the content of `file`.
pub(crate) fn find(file: &str, text: &str) -> Vec<Mutant> {
    let code = code_only(text);
    let code: Vec<&str> = code.lines().collect();
    let mut found: Vec<Mutant> = Vec::new();
    let short = file.trim_start_matches("runtime/src/");
    for (line, raw) in text.lines().enumerate() {
        let code_here = code.get(line).copied().unwrap_or("");
        let mut push = |what: String, becomes: String| {
            found.push(Mutant {
                name: format!("{short}: {what}"),
                file: file.to_owned(),
                line,
                becomes,
            });
        };
        if let Some((name, ordering)) = constant(code_here) {
            let in_fence = code.iter().any(|line| line.contains(&format!("fence({name})")));
            for weaker in weaker(ordering) {
                if *weaker == "Relaxed" && in_fence {
                    continue;
                }
                let from = format!("Ordering::{ordering}");
                let to = format!("Ordering::{weaker}");
                push(format!("{name} {ordering} -> {weaker}"), raw.replacen(&from, &to, 1));
            }
        }
        if let Some(call) = fence(code_here) {
            let place = function_around(&code, line);
            push(format!("{call} in {place}"), raw.replacen(&format!("{call};"), "", 1));
        }
        if let Some(at) = raw.find("// wake: ") {
            // Not a comment about such comments.
            if !code_here.trim().is_empty() {
                let name = raw[at + "// wake: ".len()..].trim();
                push(format!("wake {name}"), without_statement(&raw[..at]));
            }
        }
    }
    number_namesakes(&mut found);
    found
}

/// `const NAME: Ordering = Ordering::X;`: the name and X.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (head, value) = line.split_once(": Ordering = Ordering::")?;
    let name = head.split_once("const ")?.1;
    let ordering = value.trim_end().strip_suffix(';')?;
    Some((name, ordering))
}

fn weaker(ordering: &str) -> &'static [&'static str] {
    match ordering {
        "SeqCst" => &["AcqRel"],
        "AcqRel" => &["Acquire", "Release"],
        "Acquire" | "Release" => &["Relaxed"],
        _ => &[],
    }
}

/// The call in a line that is nothing but `fence(..);`.
fn fence(line: &str) -> Option<&str> {
    let call = line.trim().strip_suffix(';')?;
    let is_fence = call.starts_with("fence(") || call.starts_with("atomic::fence(");
    (is_fence && call.ends_with(')')).then_some(call)
}

/// The name of the function that `line` is in.
fn function_around<'a>(code: &[&'a str], line: usize) -> &'a str {
    for text in code[..=line].iter().rev() {
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        if words.any(|word| word == "fn") {
            if let Some(name) = words.find(|word| !word.is_empty()) {
                return name;
            }
        }
    }
    "no function"
}

/// A line without its statement: `pattern => call,` keeps its pattern.
fn without_statement(line: &str) -> String {
    match line.split_once("=>") {
        Some((pattern, _)) => format!("{pattern}=> {{}}"),
        None => {
            let indent = line.len() - line.trim_start().len();
            format!("{}{{}}", &line[..indent])
        }
    }
}

/// Two of one name in a file become `name` and `name #2`.
fn number_namesakes(found: &mut [Mutant]) {
    for at in 1..found.len() {
        let earlier = found[..at].iter().filter(|other| other.name == found[at].name).count();
        if earlier > 0 {
            let before = found[at].name.clone();
            // Those renamed already have another name by now.
            let renamed = found[..at]
                .iter()
                .filter(|other| other.name.starts_with(&format!("{before} #")))
                .count();
            found[at].name = format!("{before} #{}", earlier + renamed + 1);
        }
    }
}

/// Lines that use an ordering without a name, which no mutant can weaken.
pub(crate) fn unnamed_orderings(text: &str) -> Vec<usize> {
    code_only(text)
        .lines()
        .enumerate()
        .filter(|(_, line)| {
            constant(line).is_none()
                && fence(line).is_none()
                && ["Acquire", "Release", "AcqRel", "SeqCst"]
                    .iter()
                    .any(|ordering| line.contains(&format!("Ordering::{ordering}")))
        })
        .map(|(line, _)| line + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
//! const OLD: Ordering = Ordering::Release; // wake: not this
const A: Ordering = Ordering::AcqRel; // pairs with itself
pub(super) const B: Ordering = Ordering::Acquire;
const C: Ordering = Ordering::SeqCst;
const D: Ordering = Ordering::Acquire;
const E: Ordering = Ordering::Relaxed;

impl State {
    fn sleep(&self) {
        fence(C);
        fence(D);
        self.x.load(Ordering::Acquire);
        self.parker.unpark(); // wake: sleeper
        match x {
            Some(y) => y.wake(), // wake: y
        }
        let _ = self.parker.unpark(); // wake: sleeper
    }
}
";

    #[test]
    fn each_weakening_is_found_by_name() {
        let names: Vec<String> =
            find("runtime/src/engine/a.rs", TEXT).into_iter().map(|mutant| mutant.name).collect();
        assert_eq!(
            names,
            [
                "engine/a.rs: A AcqRel -> Acquire",
                "engine/a.rs: A AcqRel -> Release",
                "engine/a.rs: B Acquire -> Relaxed",
                "engine/a.rs: C SeqCst -> AcqRel",
                "engine/a.rs: fence(C) in sleep",
                "engine/a.rs: fence(D) in sleep",
                "engine/a.rs: wake sleeper",
                "engine/a.rs: wake y",
                "engine/a.rs: wake sleeper #2",
            ]
        );
    }

    #[test]
    fn a_mutant_changes_its_line_only() {
        let mutants = find("a.rs", TEXT);
        let changed = |name: &str| {
            let mutant = mutants.iter().find(|mutant| mutant.name.ends_with(name)).unwrap();
            let text = mutant.apply(TEXT);
            assert_eq!(text.lines().count(), TEXT.lines().count());
            let mut lines =
                TEXT.lines().zip(text.lines()).filter(|(before, after)| before != after);
            let (_, after) = lines.next().unwrap();
            assert!(lines.next().is_none());
            after.to_owned()
        };
        assert_eq!(
            changed("A AcqRel -> Release"),
            "const A: Ordering = Ordering::Release; // pairs with itself"
        );
        assert_eq!(changed("fence(C) in sleep").trim(), "");
        assert_eq!(changed("wake sleeper").trim(), "{}");
        assert_eq!(changed("wake y").trim(), "Some(y) => {}");
    }

    #[test]
    fn orderings_without_a_name_are_listed() {
        assert_eq!(unnamed_orderings(TEXT), [12]);
    }
}
