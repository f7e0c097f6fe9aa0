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
//!
//! All mutants are built at once ([`arm`]): each has a number, and the environment variable
//! [`VARIABLE`] says which one the program is. Without it, it is the program as it was.

use crate::source::{code_only, find_word};

/// The environment variable that chooses a mutant by its number.
pub(crate) const VARIABLE: &str = "MUTANT";

/// The code that tells the program which mutant it is; part of the models' root.
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
    /// The file, from the root.
    pub(crate) file: String,
    /// The line, counted from 0.
    line: usize,
    change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// Gives a constant another value.
    Weaker { constant: String, value: &'static str },
    /// Leaves a statement out.
    Gone,
}

impl Mutant {
    /// The line number, counted from 1.
    pub(crate) fn line(&self) -> usize {
        self.line + 1
    }
}

/// All mutants of `text`, the content of `file`.
pub(crate) fn find(file: &str, text: &str) -> Vec<Mutant> {
    let code = code_only(text);
    let code: Vec<&str> = code.lines().collect();
    let mut found: Vec<Mutant> = Vec::new();
    let short = file.trim_start_matches("runtime/src/");
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
        if let Some((name, ordering)) = constant(code_here) {
            let in_fence = code.iter().any(|line| line.contains(&format!("fence({name})")));
            for &value in weaker(ordering) {
                if value == "Relaxed" && in_fence {
                    continue;
                }
                let change = Change::Weaker { constant: name.to_owned(), value };
                push(format!("{name} {ordering} -> {value}"), change);
            }
        }
        if let Some(call) = fence(code_here) {
            let place = function_around(&code, line);
            push(format!("{call} in {place}"), Change::Gone);
        }
        if let Some(at) = raw.find("// wake: ") {
            // A comment that only mentions such comments does not count.
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
    let code = code_only(text);
    let mut constants: Vec<&str> = mutants
        .iter()
        .filter_map(|(_, mutant)| match &mutant.change {
            Change::Weaker { constant, .. } => Some(constant.as_str()),
            Change::Gone => None,
        })
        .collect();
    constants.dedup();
    let mut armed = String::new();
    for (line, (raw, code)) in text.lines().zip(code.lines()).enumerate() {
        let here = || mutants.iter().filter(move |(_, mutant)| mutant.line == line);
        let mut raw = with_calls(raw, code, &constants);
        if let Some((head, value)) = raw.split_once(": Ordering = Ordering::") {
            let weaker: String = here()
                .filter_map(|(number, mutant)| match mutant.change {
                    Change::Weaker { value, .. } => {
                        Some(format!("{number} => Ordering::{value}, "))
                    }
                    Change::Gone => None,
                })
                .collect();
            if !weaker.is_empty() {
                let value = value.split_once(';').map_or(value, |(value, _)| value);
                let head = head.replacen("const ", "fn ", 1);
                raw = format!(
                    "#[allow(non_snake_case)] {head} -> Ordering \
                     {{ match crate::mutant() {{ {weaker}_ => Ordering::{value} }} }}"
                );
            }
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

/// A line in which the constants have become calls of functions.
fn with_calls(raw: &str, code: &str, constants: &[&str]) -> String {
    let mut ends: Vec<usize> = constants
        .iter()
        .flat_map(|name| find_word(code, name).into_iter().map(|at| at + name.len()))
        .collect();
    ends.sort_unstable();
    let mut out = raw.to_owned();
    for end in ends.into_iter().rev() {
        out.insert_str(end, "()");
    }
    out
}

/// A line whose statement runs unless the program is that mutant.
fn behind_number(line: &str, number: usize) -> String {
    let line = line.split("// wake: ").next().unwrap_or(line).trim_end();
    let (head, statement) = match line.split_once("=>") {
        Some((pattern, call)) => (format!("{pattern}=>"), call.trim().trim_end_matches(',')),
        None => {
            let statement = line.trim_start();
            (line[..line.len() - statement.len()].to_owned(), statement)
        }
    };
    // The statement has braces of its own, so that it may be an arm of a `match`.
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

/// If two have the same name in a file, the second one becomes `name #2`.
fn number_namesakes(found: &mut [Mutant]) {
    for at in 1..found.len() {
        let earlier = found[..at].iter().filter(|other| other.name == found[at].name).count();
        if earlier > 0 {
            let before = found[at].name.clone();
            // Those that were renamed already have another name by now.
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
        assert_eq!(lines[0], TEXT.lines().next().unwrap());
        assert_eq!(
            lines[1],
            "#[allow(non_snake_case)] fn A() -> Ordering { match crate::mutant() \
             { 1 => Ordering::Acquire, 2 => Ordering::Release, _ => Ordering::AcqRel } }"
        );
        assert!(lines[2].starts_with("#[allow(non_snake_case)] pub(super) fn B() -> Ordering {"));
        assert_eq!(lines[4], "const D: Ordering = Ordering::Acquire;");
        assert_eq!(lines[9].trim(), "{ if crate::mutant() != 5 { fence(C()); } }");
        assert_eq!(lines[12].trim(), "{ if crate::mutant() != 7 { self.parker.unpark(); } }");
        assert_eq!(lines[14].trim(), "Some(y) => { if crate::mutant() != 8 { y.wake() } }");
    }

    #[test]
    fn orderings_without_a_name_are_listed() {
        assert_eq!(unnamed_orderings(TEXT), [12]);
    }
}
