//! The functions of the public face that give futures. One test must name them all.
//!
//! A future that is not `Send` for every lifetime compiles by itself, and fails in the program of a
//! user who spawns it. So [`TEST`] uses each of these functions inside a task, and this law makes
//! sure that none is missing.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{find_word, line_of, tokens};

/// The test that names them all.
pub(crate) const TEST: &str = "tests/tests/futures_of_the_face_can_be_spawned.rs";

/// The rooms of the face, under `runtime/src/`.
const ROOMS: &[&str] = &["fs", "io", "net", "process", "signal", "sync", "task", "time"];

/// Types whose futures stay on their thread, and need not be `Send`.
const STAYS: &[&str] = &["LocalSet"];

/// A function that gives a future.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Waits {
    /// As the test must name it: `Type::function`; `room::function` if it belongs to no type;
    /// `::function` where a macro fills the type in.
    pub(crate) name: String,
    /// The other form: the public module of a function that belongs to no type.
    other: Option<String>,
    pub(crate) line: usize,
}

/// Whether a file of the source belongs to the face: a module's path.
pub(crate) fn is_face(module: &[String]) -> bool {
    module.first().is_some_and(|room| ROOMS.contains(&room.as_str()))
}

/// The types in `code` that are futures.
pub(crate) fn futures(code: &str) -> BTreeSet<String> {
    let starts = find_word(code, "Future for").into_iter();
    let types = starts.filter_map(|at| first_word(&code[at + "Future for".len()..]));
    types.map(str::to_owned).collect()
}

/// The public functions of one file that give futures: asynchronous ones, and those whose result
/// names one of `futures`. Takes code without comments and tests.
pub(crate) fn that_wait(code: &str, module: &[String], futures: &BTreeSet<String>) -> Vec<Waits> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    // What each open brace belongs to.
    let mut open: Vec<Owner> = Vec::new();
    let mut next = Owner::Nobody;
    for (at, &(place, word)) in tokens.iter().enumerate() {
        let before = |n: usize| at.checked_sub(n).map_or("", |at| tokens[at].1);
        match word {
            "impl" | "trait"
                if matches!(before(1), "" | "}" | "]" | ";" | "{" | "pub" | "unsafe") =>
            {
                next = owner(&tokens[at..], before(1) == "pub");
            }
            "macro_rules" => next = Owner::Filled,
            "{" => open.push(std::mem::replace(&mut next, Owner::Nobody)),
            "}" => drop(open.pop()),
            "fn" => {
                let Some(&(_, name)) = tokens.get(at + 1) else { break };
                let of = open.iter().rev().find(|owner| **owner != Owner::Nobody);
                let words: Vec<&str> =
                    (1..=3).map(before).take_while(|word| is_modifier(word)).collect();
                let is_public = match of {
                    Some(Owner::Trait(_)) => true,
                    Some(Owner::Hidden) => false,
                    _ => words.contains(&"pub"),
                };
                let gives = words.contains(&"async")
                    || result(&tokens[at..])
                        .is_some_and(|of| of == "Future" || futures.contains(of));
                // A macro's argument has no name here.
                if is_public && gives && name != "$" {
                    let (owner, other) = match of {
                        Some(Owner::Trait(name) | Owner::Type(name)) => (name.as_str(), None),
                        Some(Owner::Filled) => ("", None),
                        _ => (module[0].as_str(), module.get(1)),
                    };
                    if STAYS.contains(&owner) {
                        continue;
                    }
                    let line = line_of(code, place);
                    let other = other.map(|module| format!("{module}::{name}"));
                    found.push(Waits { name: format!("{owner}::{name}"), other, line });
                }
            }
            _ => {}
        }
    }
    found
}

/// The functions of `wanted` that the test calls less often than the face defines them.
pub(crate) fn missing<'a, W>(wanted: &'a [(W, Waits)], test: &str) -> Vec<&'a (W, Waits)> {
    let mut defined: BTreeMap<&str, usize> = BTreeMap::new();
    wanted
        .iter()
        .filter(|(_, waits)| {
            let count = defined.entry(&waits.name).or_default();
            *count += 1;
            let other = waits.other.as_ref().map_or(0, |name| uses(test, name));
            uses(test, &waits.name) + other < *count
        })
        .collect()
}

fn uses(test: &str, name: &str) -> usize {
    find_word(test, name).into_iter().filter(|at| test[at + name.len()..].starts_with('(')).count()
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A function's body, or a module: its content belongs to the block around it.
    Nobody,
    Type(String),
    Trait(String),
    /// The type is an argument of a macro.
    Filled,
    /// A trait's own functions for a type, or a private trait: named where the trait is.
    Hidden,
}

/// The kind of the block that begins with `impl` or `trait`.
pub(crate) fn owner(tokens: &[(usize, &str)], is_public: bool) -> Owner {
    let end = tokens.iter().position(|&(_, word)| word == "{" || word == ";");
    let head: Vec<&str> = tokens[1..end.unwrap_or(tokens.len())].iter().map(|t| t.1).collect();
    if tokens[0].1 == "trait" {
        return if is_public { Owner::Trait(head[0].to_owned()) } else { Owner::Hidden };
    }
    let mut depth = 0;
    let mut outside = Vec::new();
    for (at, word) in head.iter().enumerate() {
        match *word {
            "<" => depth += 1,
            ">" if at > 0 && head[at - 1] != "-" => depth -= 1,
            word if depth == 0 => outside.push(word),
            _ => {}
        }
    }
    match outside[..] {
        ["$", ..] => Owner::Filled,
        _ if outside.contains(&"for") => Owner::Hidden,
        [name, ..] => Owner::Type(name.to_owned()),
        [] => Owner::Nobody,
    }
}

pub(crate) fn is_modifier(word: &str) -> bool {
    matches!(word, "pub" | "async" | "const" | "unsafe")
}

/// The type, or the trait after `impl`, that the first function in the tokens returns.
fn result<'a>(tokens: &[(usize, &'a str)]) -> Option<&'a str> {
    let mut depth = 0;
    for at in 2..tokens.len() {
        match tokens[at].1 {
            "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "{" | ";" | "where" if depth == 0 => return None,
            ">" if depth == 0 && tokens[at - 1].1 == "-" && tokens[at - 2].1 == ")" => {
                let rest = tokens[at + 1..].iter().map(|token| token.1);
                let mut path = rest.skip_while(|word| *word == "impl");
                let mut name = path.next()?;
                while path.next() == Some("::") {
                    name = path.next()?;
                }
                return Some(name);
            }
            _ => {}
        }
    }
    None
}

fn first_word(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(code: &str) -> Vec<String> {
        let futures = BTreeSet::from(["Sleep".to_owned()]);
        that_wait(code, &["time".into()], &futures).into_iter().map(|waits| waits.name).collect()
    }

    #[test]
    fn functions_are_named_by_what_they_belong_to() {
        assert_eq!(
            names("pub async fn f() {}\nasync fn g() {}\npub(crate) async fn h() {}"),
            ["time::f"]
        );
        assert_eq!(
            names("impl<T: Fn() -> u8> A<T> {\n pub async fn f(&self) { async {} }\n}"),
            ["A::f"]
        );
        assert_eq!(names("mod m {\n impl A {\n pub fn f(&self) -> Sleep { x }\n}\n}"), ["A::f"]);
        assert_eq!(
            names(
                "impl A {\n pub fn f(s: Sleep) -> u8 { x }\n pub fn g() -> impl Future<Output = ()> { x }\n}"
            ),
            ["A::g"]
        );
        assert_eq!(
            names("macro_rules! m {\n ($t:ty) => {\n impl $t { pub async fn f() {} }\n };\n}"),
            ["::f"]
        );
        assert_eq!(
            names("pub trait T: U {\n fn f(&mut self) -> Sleep where Self: X { y }\n}"),
            ["T::f"]
        );
        assert!(
            names(
                "impl T for A {\n fn f(&self) -> Sleep { x }\n}\ntrait T {\n fn f() -> Sleep;\n}"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_test_names_each_as_often_as_it_is_defined() {
        let wanted: Vec<_> = ["A::f", "B::f", "A::f"]
            .map(|name| ((), Waits { name: name.into(), other: None, line: 1 }))
            .into();
        let count = |test: &str| missing(&wanted, test).len();
        assert_eq!(count(""), 3);
        assert_eq!(count("A::f(x); m::A::f(y); B::f();"), 0);
        assert_eq!(count("A::f(x); B::f; B::fg();"), 2);
    }

    #[test]
    fn futures_are_found() {
        assert_eq!(futures("impl<T> Future for A<T> {}\nimpl Stream for B {}").len(), 1);
    }
}
