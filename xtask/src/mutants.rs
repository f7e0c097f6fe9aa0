//! What can be weakened in a protocol.
//!
//! | in the source                                 | mutants                           |
//! |-----------------------------------------------|-----------------------------------|
//! | a use of `const N: Ordering = ..::AcqRel;`    | `Acquire` there, `Release` there  |
//! | a use of `const N: Ordering = ..::Acquire;`   | `Relaxed` there                   |
//! | a use of `const N: Ordering = ..::Release;`   | `Relaxed` there                   |
//! | a use of `const N: Ordering = ..::SeqCst;`    | `AcqRel` there                    |
//! | `fence(..);`                                  | nothing there                     |
//! | a statement with `// wake: name` behind it    | nothing there                     |
//!
//! Each use of a constant by itself: one that is right in one place may be more than another needs.
//! A fence is not made `Relaxed`: there is no such fence, and the mutant without it says the same.
//! Every mutant has a name that stays when lines move.
//!
//! All mutants are built at once ([`arm`]): each has a number, and the environment variable
//! [`VARIABLE`] says which one the program is. Without it, it is the program as it was.

use std::collections::BTreeMap;

use crate::source::{code_only, find_word};

/// The environment variable that chooses a mutant by its number.
pub(crate) const VARIABLE: &str = "MUTANT";

/// What tells the mutants' code which of them it is; part of the models' root.
pub(crate) const SWITCH: &str = "
/// The number of the mutant that this is.
pub(crate) fn mutant() -> usize {
    static NUMBER: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *NUMBER.get_or_init(|| std::env::var(\"MUTANT\").map_or(0, |text| text.parse().unwrap()))
}
";

/// One change to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// `engine/task/state.rs: WAKE Release -> Relaxed`
    pub(crate) name: String,
    /// From the root.
    pub(crate) file: String,
    /// From 0.
    line: usize,
    change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// The constant that begins at this byte of the line has another value here.
    Weaker { at: usize, constant: String, value: &'static str },
    /// A statement is not there.
    Gone,
}

impl Mutant {
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
    let constants: Vec<(&str, &str)> = code.iter().filter_map(|line| constant(line)).collect();
    for (line, raw) in text.lines().enumerate() {
        let code_here = code.get(line).copied().unwrap_or("");
        let mut push = |what: String, change: Change| {
            found.push(Mutant {
                name: format!("{short}: {what}"),
                file: file.to_owned(),
                line,
                change,
            });
        };
        let mut uses = Vec::new();
        if constant(code_here).is_none() {
            for &(name, ordering) in &constants {
                uses.extend(find_word(code_here, name).into_iter().map(|at| (at, name, ordering)));
            }
        }
        uses.sort_unstable();
        for (at, name, ordering) in uses {
            for &value in weaker(ordering) {
                if value == "Relaxed" && fence(code_here).is_some() {
                    continue;
                }
                let place = function_around(&code, line);
                let change = Change::Weaker { at, constant: name.to_owned(), value };
                push(format!("{name} {ordering} -> {value} in {place}"), change);
            }
        }
        if let Some(call) = fence(code_here) {
            let place = function_around(&code, line);
            push(format!("{call} in {place}"), Change::Gone);
        }
        if let Some(at) = raw.find("// wake: ") {
            // Not a comment about such comments.
            if !code_here.trim().is_empty() {
                let name = raw[at + "// wake: ".len()..].trim();
                push(format!("wake {name}"), Change::Gone);
            }
        }
    }
    number_namesakes(&mut found);
    found
}

/// `text`, the content of a file, with the mutants in it, each behind its number. Lines stay where
/// they are.
pub(crate) fn arm(text: &str, mutants: &[(usize, &Mutant)]) -> String {
    let mut armed = String::new();
    for (line, raw) in text.lines().enumerate() {
        let here = || mutants.iter().filter(move |(_, mutant)| mutant.line == line);
        // What each constant in the line may be, from the right, so that the places stay.
        let mut choices: BTreeMap<usize, (&str, String)> = BTreeMap::new();
        for (number, mutant) in here() {
            if let Change::Weaker { at, constant, value } = &mutant.change {
                let (_, arms) = choices.entry(*at).or_insert((constant, String::new()));
                arms.push_str(&format!("{number} => Ordering::{value}, "));
            }
        }
        let mut raw = raw.to_owned();
        for (at, (constant, arms)) in choices.into_iter().rev() {
            let choice = format!("match crate::mutant() {{ {arms}_ => {constant} }}");
            raw.replace_range(at..at + constant.len(), &choice);
        }
        for (number, mutant) in here() {
            if mutant.change == Change::Gone {
                raw = behind_number(&raw, *number);
            }
        }
        armed.push_str(&raw);
        armed.push('\n');
    }
    armed
}

/// A line whose statement runs unless the program is that mutant.
fn behind_number(line: &str, number: usize) -> String {
    let line = line.split("// wake: ").next().unwrap_or(line).trim_end();
    let (head, statement) = match line.split_once("=>") {
        Some((pattern, call)) if !pattern.contains("crate::mutant()") => {
            (format!("{pattern}=>"), call.trim().trim_end_matches(','))
        }
        _ => {
            let statement = line.trim_start();
            (line[..line.len() - statement.len()].to_owned(), statement)
        }
    };
    // In braces of its own, so that it may be an arm of a `match`.
    format!("{head} {{ if crate::mutant() != {number} {{ {statement} }} }}")
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
        self.x.compare_exchange(1, 2, A, B); // A and B
        self.x.load(B);
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
                "engine/a.rs: C SeqCst -> AcqRel in sleep",
                "engine/a.rs: fence(C) in sleep",
                "engine/a.rs: fence(D) in sleep",
                "engine/a.rs: A AcqRel -> Acquire in sleep",
                "engine/a.rs: A AcqRel -> Release in sleep",
                "engine/a.rs: B Acquire -> Relaxed in sleep",
                "engine/a.rs: B Acquire -> Relaxed in sleep #2",
                "engine/a.rs: wake sleeper",
                "engine/a.rs: wake y",
                "engine/a.rs: wake sleeper #2",
            ]
        );
    }

    #[test]
    fn the_switch_reads_the_variable() {
        assert!(SWITCH.contains(&format!("\"{VARIABLE}\"")));
    }

    #[test]
    fn all_mutants_are_in_the_armed_text() {
        let mutants = find("a.rs", TEXT);
        let numbered: Vec<_> = (1..).zip(&mutants).collect();
        let armed = arm(TEXT, &numbered);
        let lines: Vec<&str> = armed.lines().collect();
        assert_eq!(lines.len(), TEXT.lines().count());
        for same in (0..9).chain([11]) {
            assert_eq!(Some(lines[same]), TEXT.lines().nth(same));
        }
        assert_eq!(
            lines[9].trim(),
            "{ if crate::mutant() != 2 \
             { fence(match crate::mutant() { 1 => Ordering::AcqRel, _ => C }); } }"
        );
        assert_eq!(
            lines[12].trim(),
            "self.x.compare_exchange(1, 2, match crate::mutant() \
             { 4 => Ordering::Acquire, 5 => Ordering::Release, _ => A }, match crate::mutant() \
             { 6 => Ordering::Relaxed, _ => B }); // A and B"
        );
        assert_eq!(lines[14].trim(), "{ if crate::mutant() != 8 { self.parker.unpark(); } }");
        assert_eq!(lines[16].trim(), "Some(y) => { if crate::mutant() != 9 { y.wake() } }");
    }

    #[test]
    fn orderings_without_a_name_are_listed() {
        assert_eq!(unnamed_orderings(TEXT), [12]);
    }
}
