//! The tests of the crates for which `compat/` has stand-ins, and of crates that rest on them, as
//! they are published: on the originals and on the stand-ins. What passes there must pass here.
//!
//! | file | content |
//! |---|---|
//! | `lay.rs` | lays a crate's tests, examples and documentation into a package of their own |
//! | `examples.rs` | finds what is documentation in a source file |
//! | `outcomes.rs` | builds and runs such a package, and says which tests passed |
//!
//! A package of tests knows the crate only from outside, so it is the same for both sides; what
//! differs is a table `[patch.crates-io]`, which is that of `compat/Cargo.toml`. cargo downloads
//! the crates; nothing of them is in the tree.

mod examples;
mod lay;
mod outcomes;

use std::collections::BTreeMap;

pub(crate) use self::lay::patch_lines;
use self::outcomes::Fate;
use crate::Outcome;

/// A crate whose tests are run.
struct Subject {
    name: &'static str,
    /// The release that the stand-in mirrors. Cargo takes the stand-in for no other.
    version: &'static str,
    features: &'static [&'static str],
    /// Dependencies that only its benchmarks use.
    without: &'static [&'static str],
    /// Optional dependencies that its tests and examples use.
    with: &'static [&'static str],
}

const fn subject(name: &'static str, version: &'static str) -> Subject {
    Subject { name, version, features: &[], without: &["criterion"], with: &[] }
}

const SUBJECTS: [Subject; 12] = [
    subject("async-io", "2.6.0"),
    subject("blocking", "1.7.0"),
    subject("async-process", "2.5.0"),
    subject("async-signal", "0.2.14"),
    Subject { features: &["static"], ..subject("async-executor", "1.14.1") },
    Subject { features: &["tokio"], ..subject("async-global-executor", "2.4.1") },
    Subject { features: &["tokio"], ..subject("async-global-executor", "3.1.0") },
    Subject {
        features: &["attributes", "unstable"],
        with: &["log", "pin-project-lite", "pin-utils"],
        ..subject("async-std", "1.13.2")
    },
    subject("smol", "2.0.2"),
    subject("futures-lite", "2.6.1"),
    subject("async-net", "2.0.0"),
    subject("async-fs", "2.2.0"),
];

/// Tests that pass on the originals and not here: the package, the test or the beginning of its
/// name, the reason. `docs/testing.md` has the same list.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// The side of the registry's crates, and that of the stand-ins.
pub(super) const SIDES: [&str; 2] = ["originals", "ours"];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (options, words): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|argument| argument.starts_with("--"));
    let (mut patched, mut again) = (true, true);
    for option in options {
        match option.as_str() {
            "--twice" => patched = false,
            "--ours" => again = false,
            other => return Err(format!("there is no `{other}`, only `--twice` and `--ours`")),
        }
    }
    let chosen: Vec<&Subject> = SUBJECTS
        .iter()
        .filter(|subject| {
            words.is_empty() || words.iter().any(|word| label(subject).contains(word.as_str()))
        })
        .collect();
    if chosen.is_empty() {
        let names: Vec<String> = SUBJECTS.iter().map(label).collect();
        return Err(format!("no crate has such a name; there are {}", names.join(", ")));
    }
    let sides = lay::sides(&SUBJECTS, patched)?;
    let mut differences = Vec::new();
    let mut rows = Vec::new();
    for subject in chosen {
        let [there, here] = &sides;
        let kept = if again { None } else { outcomes::last(subject, there)? };
        let originals = match kept {
            Some(kept) => kept,
            None => outcomes::of(subject, there, None)?,
        };
        let ours = outcomes::of(subject, here, Some(&originals))?;
        let row = Row::compare(&label(subject), &originals, &ours);
        println!("{}", row.shown());
        differences.extend(row.differences.iter().cloned());
        rows.push(row);
    }
    println!("\n| crate | pass on both | excepted | fail on both | pass here alone | differ |");
    println!("|---|---|---|---|---|---|");
    rows.iter().for_each(|row| println!("{}", row.shown()));
    for row in &rows {
        row.notes.iter().for_each(|note| println!("{note}"));
    }
    if differences.is_empty() {
        return Ok(());
    }
    let list = differences.join("\n  ");
    let logs = sides[1].folder.join("logs");
    Err(format!("these differ, and are no exceptions:\n  {list}\noutput in {}", logs.display()))
}

/// The name of a crate, with its version.
fn label(subject: &Subject) -> String {
    format!("{}-{}", subject.name, subject.version)
}

/// What came out of a crate's tests.
#[derive(Default)]
struct Row {
    label: String,
    same: usize,
    excepted: usize,
    failing: usize,
    better: usize,
    differences: Vec<String>,
    notes: Vec<String>,
}

impl Row {
    fn compare(
        label: &str,
        originals: &BTreeMap<String, Fate>,
        ours: &BTreeMap<String, Fate>,
    ) -> Row {
        let mut row = Row { label: label.to_owned(), ..Row::default() };
        let mut used = vec![false; EXCEPTIONS.len()];
        for (test, there) in originals {
            let here = ours.get(test).cloned().unwrap_or_else(Fate::absent);
            let exception = EXCEPTIONS
                .iter()
                .position(|(package, name, _)| *package == label && test.starts_with(name));
            match (there, &here) {
                (Fate::Passed, Fate::Passed) => row.same += 1,
                (Fate::Passed, Fate::Failed(why)) => match exception {
                    Some(at) => {
                        row.excepted += 1;
                        used[at] = true;
                    }
                    None => row.differences.push(format!("{label}: {test}: {why}")),
                },
                (Fate::Failed(why), Fate::Failed(_)) => {
                    row.failing += 1;
                    row.notes.push(format!("{label}: {test} fails on both sides: {why}"));
                }
                (Fate::Failed(why), Fate::Passed) => {
                    row.better += 1;
                    row.notes.push(format!("{label}: {test} fails on the originals alone: {why}"));
                }
                (Fate::Ignored, _) | (_, Fate::Ignored) => {}
            }
        }
        // An exception that is none any more hides the next fault.
        for ((package, name, _), used) in EXCEPTIONS.iter().zip(used) {
            if *package == label && !used {
                row.differences.push(format!("{label}: {name} is an exception, and passes"));
            }
        }
        row
    }

    fn shown(&self) -> String {
        format!(
            "| {} | {} | {} | {} | {} | {} |",
            self.label,
            self.same,
            self.excepted,
            self.failing,
            self.better,
            self.differences.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_passes_there_alone_is_a_difference() {
        let side = |fates: [Fate; 3]| {
            let names = ["a", "b", "c"].map(str::to_owned);
            names.into_iter().zip(fates).collect::<BTreeMap<_, _>>()
        };
        let failed = || Fate::Failed("why".into());
        let there = side([Fate::Passed, Fate::Passed, failed()]);
        let mut here = side([Fate::Passed, failed(), failed()]);
        let row = Row::compare("x-1.0.0", &there, &here);
        assert_eq!((row.same, row.failing), (1, 1));
        assert_eq!(row.differences, ["x-1.0.0: b: why"]);
        // So is one that is not there.
        here.remove("a");
        assert_eq!(Row::compare("x-1.0.0", &there, &here).differences.len(), 2);
    }

    #[test]
    fn exceptions_are_documented() {
        let path = crate::root().join("docs/testing.md");
        let page = std::fs::read_to_string(path).unwrap();
        for (package, name, _) in EXCEPTIONS {
            let row = page.lines().find(|line| line.contains(&format!("`{name}`")));
            let there = row.is_some_and(|row| row.contains(package));
            assert!(there, "docs/testing.md does not name {package} {name}");
        }
    }
}
