//! The law of the documentation: every public item of the face is documented, shows how it is used,
//! and has its sections in one form.
//!
//! # Sections
//!
//! `# Panics`, `# Errors`, `# Cancel safety`, `# Examples`: spelt so, in this order, each once, and
//! `# Examples` has something in it.
//!
//! # Examples
//!
//! An item is *shown* if its `# Examples` section holds one of these:
//!
//! - code that names it (a type's own need not), or
//! - a line ``See [`X`].`` whose target has such code: the item's name stands in the visible lines
//!   of the examples of `X`. For a type, `X` may also be a function with an example that takes or
//!   gives the type: guards and errors are rarely written out.
//!
//! Code whose first line says `text`, `ignore` or `compile_fail` shows nothing, and lines that
//! rustdoc hides do not count. A module's page may have its code under any heading.
//!
//! # Exempt
//!
//! What a user cannot name is exempt: items of private modules that no public module re-exports. So
//! are fields, variants, associated types and constants of traits, functions of a trait's
//! implementation, re-exports, and what is deprecated, hidden (`#[doc(hidden)]`) or a test. An item
//! whose name a macro fills in needs an example that may name anything, or ``See [`Self`].``.

use std::collections::{BTreeMap, BTreeSet};

use crate::face::{Owner, is_modifier, owner};
use crate::source::{find_word, line_of, tokens};

/// The sections of an item, in their order.
const SECTIONS: [&str; 4] = ["Panics", "Errors", "Cancel safety", "Examples"];

const HIDDEN: &str = "#[doc(hidden)]";

/// Other spellings that mean one of [`SECTIONS`].
const MISSPELT: &[&str] = &["panic", "error", "cancellation safety", "cancellation", "example"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Function,
    Type,
    Module,
    Macro,
    Constant,
}

/// A public item, as its source has it.
#[derive(Debug)]
pub(crate) struct Item {
    name: String,
    kind: Kind,
    /// The type or trait that it belongs to.
    owner: Option<String>,
    /// Whether a macro fills in what it belongs to.
    is_filled_in: bool,
    /// The path of its module, from the crate's root.
    module: Vec<String>,
    /// The number of the file that it is in.
    pub(crate) file: usize,
    pub(crate) line: usize,
    /// Its documentation, line by line, without the marks.
    docs: Vec<String>,
    /// The text from its keyword to its body, with the types that a function takes and returns.
    signature: String,
}

/// How an item gets its example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Itself,
    ByLink,
    Not,
}

/// The public items of the file with the number `file`. `text` is all of it, `code` the same
/// without comments, literals and tests.
pub(crate) fn items(file: usize, text: &str, code: &str, module: &[String]) -> Vec<Item> {
    let mut found = Vec::new();
    let tokens = tokens(code);
    // The items that the open braces belong to.
    let mut open: Vec<Owner> = Vec::new();
    let mut next = Owner::Nobody;
    for (at, &(place, word)) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |at| tokens[at].1);
        match word {
            "impl" | "trait" if matches!(before, "" | "}" | "]" | ";" | "{" | "pub" | "unsafe") => {
                let start = beginning(&tokens, at);
                let hidden = code[end_of_previous(&tokens, start)..place].contains(HIDDEN);
                next = if hidden { Owner::Hidden } else { owner(&tokens[at..], before == "pub") };
            }
            "macro_rules" => next = Owner::Filled,
            "{" => open.push(std::mem::replace(&mut next, Owner::Nobody)),
            "}" => drop(open.pop()),
            _ => {}
        }
        let Some(kind) = kind(word, tokens.get(at + 1).map_or("", |token| token.1)) else {
            continue;
        };
        let start = beginning(&tokens, at);
        let of = open.iter().rev().find(|owner| **owner != Owner::Nobody);
        let head = &code[end_of_previous(&tokens, start)..place];
        let is_public = match (of, word) {
            (Some(Owner::Hidden), _) => false,
            (_, "macro_rules") => head.contains("#[macro_export]"),
            (Some(Owner::Trait(_)), "fn") => matches!(open.last(), Some(Owner::Trait(_))),
            _ => is_public(&tokens, at),
        };
        // A module in a file of its own is counted there.
        let skip = word == "mod" && tokens.get(at + 2).is_some_and(|token| token.1 == ";");
        if !is_public || skip || head.contains(HIDDEN) || head.contains("#[deprecated") {
            continue;
        }
        let name_at = at + if word == "macro_rules" { 2 } else { 1 };
        let Some(&(_, name)) = tokens.get(name_at) else { break };
        let end = code[place..].find(['{', ';']).map_or(code.len(), |length| place + length);
        found.push(Item {
            name: if name == "$" { String::new() } else { name.to_owned() },
            kind,
            is_filled_in: of == Some(&Owner::Filled),
            owner: match of {
                Some(Owner::Trait(name) | Owner::Type(name)) => Some(name.clone()),
                _ => None,
            },
            module: module.to_vec(),
            file,
            line: line_of(code, place),
            docs: marked(&text[end_of_previous(&tokens, start)..place], "///"),
            signature: code[place..end].to_owned(),
        });
    }
    found
}

/// What makes an item of a private module public: the names in the re-exports of a public one.
pub(crate) fn exported(code: &str) -> BTreeSet<String> {
    let tokens: Vec<&str> = tokens(code).into_iter().map(|token| token.1).collect();
    let starts = tokens.windows(2).enumerate().filter(|(_, words)| *words == ["pub", "use"]);
    starts
        .flat_map(|(at, _)| tokens[at..].iter().take_while(|word| **word != ";"))
        .map(|word| (*word).to_owned())
        .collect()
}

/// Whether the module of a file can be named by users: it, and each around it, says `pub`.
pub(crate) fn is_public_module(module: &[String], public: &BTreeSet<Vec<String>>) -> bool {
    module == ["lib"] || (1..=module.len()).all(|length| public.contains(&module[..length]))
}

/// The module that is the file with the number `file`, if the modules around it say `pub`:
/// `public` are the paths of those that do.
pub(crate) fn page(
    file: usize,
    text: &str,
    module: &[String],
    public: &BTreeSet<Vec<String>>,
) -> Option<Item> {
    let is_public = is_public_module(module, public) && module != ["lib"];
    let (name, around) = module.split_last()?;
    is_public.then(|| Item {
        name: name.clone(),
        kind: Kind::Module,
        owner: None,
        is_filled_in: false,
        module: around.to_vec(),
        file,
        line: 1,
        docs: marked(text, "//!"),
        signature: String::new(),
    })
}

/// The modules in files of their own that the module of this code declares public.
pub(crate) fn public_modules(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let around = if module == ["lib"] { &[] } else { module };
    let tokens: Vec<&str> = tokens(code).into_iter().map(|token| token.1).collect();
    let declared =
        tokens.windows(4).filter(|words| words[..2] == ["pub", "mod"] && words[3] == ";");
    declared.map(|words| [around, &[words[2].to_owned()]].concat()).collect()
}

fn kind(word: &str, next: &str) -> Option<Kind> {
    match word {
        "fn" => Some(Kind::Function),
        "struct" | "enum" | "trait" | "type" | "union" => Some(Kind::Type),
        "mod" => Some(Kind::Module),
        "macro_rules" => Some(Kind::Macro),
        "const" | "static" if !matches!(next, "fn" | "unsafe" | "async") => Some(Kind::Constant),
        _ => None,
    }
}

/// Whether the words before the keyword at `at` say `pub`, to everybody.
fn is_public(tokens: &[(usize, &str)], at: usize) -> bool {
    tokens[..at]
        .iter()
        .rev()
        .map(|token| token.1)
        .take_while(|word| is_modifier(word))
        .any(|w| w == "pub")
}

/// The first token of the item whose keyword is at `at`: its attributes and modifiers included.
fn beginning(tokens: &[(usize, &str)], mut at: usize) -> usize {
    while at > 0 && is_modifier(tokens[at - 1].1) {
        at -= 1;
    }
    while at > 0 && tokens[at - 1].1 == "]" {
        let mut depth = 0;
        let Some(open) = (0..at).rev().find(|&n| {
            depth += match tokens[n].1 {
                "]" => 1,
                "[" => -1,
                _ => 0,
            };
            depth == 0
        }) else {
            break;
        };
        if open == 0 || tokens[open - 1].1 != "#" {
            break;
        }
        at = open - 1;
    }
    at
}

fn end_of_previous(tokens: &[(usize, &str)], at: usize) -> usize {
    at.checked_sub(1).map_or(0, |at| tokens[at].0 + tokens[at].1.len())
}

/// The lines of `text` that begin with `mark`, without it.
fn marked(text: &str, mark: &str) -> Vec<String> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(mark) || (mark == "///" && line.starts_with("#[doc = ")));
    lines
        .map(|line| match line.strip_prefix(mark) {
            Some(rest) => rest.strip_prefix(' ').unwrap_or(rest).to_owned(),
            // A macro fills it in, or it is one line of documentation.
            None => line.trim_start_matches("#[doc = ").trim_matches(['"', ']']).to_owned(),
        })
        .collect()
}

/// A piece of documentation: its heading (none before the first), and the text below it.
struct Section<'a> {
    heading: Option<&'a str>,
    /// The visible lines of code that shows something.
    code: String,
    prose: Vec<&'a str>,
}

fn sections(docs: &[String]) -> Vec<Section<'_>> {
    let mut all = vec![Section { heading: None, code: String::new(), prose: Vec::new() }];
    // Inside of a code block: whether it shows something.
    let mut fence: Option<bool> = None;
    for line in docs {
        let section = all.last_mut().expect("it begins with one");
        if let Some(info) = line.trim_start().strip_prefix("```") {
            let shows = !["text", "ignore", "compile_fail"].iter().any(|word| info.contains(word));
            fence = if fence.is_some() { None } else { Some(shows) };
        } else if let Some(shows) = fence {
            let hidden = line == "#" || line.starts_with("# ");
            if shows && !hidden {
                section.code.push_str(line);
                section.code.push('\n');
            }
        } else if let Some(heading) = line.strip_prefix("# ") {
            all.push(Section { heading: Some(heading), code: String::new(), prose: Vec::new() });
        } else {
            section.prose.push(line);
        }
    }
    all
}

/// What is wrong with the form of an item's sections.
fn malformed(item: &Item) -> Vec<String> {
    let sections = sections(&item.docs);
    let headings: Vec<&str> = sections.iter().filter_map(|section| section.heading).collect();
    let mut wrong = Vec::new();
    let mut last = None;
    for heading in headings {
        let lower = heading.to_lowercase();
        if let Some(place) = SECTIONS.iter().position(|name| *name == heading) {
            if item.kind != Kind::Module && last.is_some_and(|last| last >= place) {
                wrong.push(format!(
                    "`# {heading}` stands after `# {}`",
                    SECTIONS[last.unwrap_or(0)]
                ));
            }
            last = Some(place);
        } else if MISSPELT.contains(&lower.as_str())
            || SECTIONS.iter().any(|name| name.to_lowercase() == lower)
        {
            wrong.push(format!("`# {heading}` has another spelling: {}", SECTIONS.join(", ")));
        } else if last.is_some() && item.kind != Kind::Module {
            wrong.push(format!("`# {heading}` stands after `# {}`", SECTIONS[last.unwrap_or(0)]));
        }
    }
    for section in &sections {
        let known = section.heading.is_some_and(|heading| SECTIONS.contains(&heading));
        if known && section.code.is_empty() && section.prose.iter().all(|line| line.is_empty()) {
            wrong.push(format!("`# {}` is empty", section.heading.unwrap_or_default()));
        }
    }
    wrong
}

/// All items of the crate, to be found by their names.
struct Index<'a>(BTreeMap<&'a str, Vec<&'a Item>>);

impl<'a> Index<'a> {
    fn new(items: &'a [Item]) -> Index<'a> {
        let mut index: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
        for item in items {
            index.entry(&item.name).or_default().push(item);
        }
        Index(index)
    }

    /// The items that `target`, a link in the documentation of `from`, may mean: the nearest.
    fn find(&self, target: &str, from: &Item) -> Vec<&'a Item> {
        let mut path: Vec<&str> = target
            .split("::")
            .map(|part| part.rsplit('@').next().unwrap_or(part))
            .map(|part| part.trim_end_matches(['!', '(', ')']))
            .map(|part| part.split(['<', '#']).next().unwrap_or(part))
            .filter(|part| !matches!(*part, "crate" | "super" | "self"))
            .collect();
        if path == ["Self"] || path.is_empty() {
            path = from
                .owner
                .as_deref()
                .or(from.module.last().map(String::as_str))
                .into_iter()
                .collect();
        } else if path[0] == "Self" {
            path[0] = from.owner.as_deref().unwrap_or_default();
        }
        let Some((name, around)) = path.split_last() else { return Vec::new() };
        let all = self.0.get(name).into_iter().flatten().copied();
        let mut fits: Vec<&Item> = all
            .clone()
            .filter(|item| {
                around.last().is_none_or(|around| {
                    item.owner.as_deref() == Some(around)
                        || item.module.iter().any(|part| part == around)
                })
            })
            .collect();
        // The path is that of a re-export.
        if fits.is_empty() {
            fits = all.collect();
        }
        let nearness = |item: &Item| {
            let same = item.module.iter().zip(&from.module).take_while(|(a, b)| a == b).count();
            (same, item.file == from.file, item.owner.is_none())
        };
        let best = fits.iter().map(|item| nearness(item)).max();
        fits.into_iter().filter(|item| Some(nearness(item)) == best).collect()
    }

    /// How the item is shown.
    fn shown(&self, item: &Item) -> Shown {
        let sections = sections(&item.docs);
        if item.kind == Kind::Module {
            let code = sections.iter().any(|section| !section.code.is_empty());
            if code {
                return Shown::Itself;
            }
        }
        let Some(section) = sections.iter().find(|section| section.heading == Some("Examples"))
        else {
            return Shown::Not;
        };
        let named = |code: &str| {
            let filled_in = code.lines().any(|line| line.starts_with('$'));
            item.name.is_empty() || filled_in || !find_word(code, &item.name).is_empty()
        };
        let itself = match item.kind {
            Kind::Function | Kind::Macro => named(&section.code),
            _ => true,
        };
        if !section.code.is_empty() && itself {
            return Shown::Itself;
        }
        let links = links(section, &item.docs);
        // A type that only the macro knows, and that has an example by this law.
        if item.is_filled_in && links == ["Self"] {
            return Shown::ByLink;
        }
        let linked = links
            .iter()
            .any(|target| self.find(target, item).iter().any(|target| self.shows(target, item)));
        if linked { Shown::ByLink } else { Shown::Not }
    }

    /// Whether the examples of `target` show `item`.
    fn shows(&self, target: &Item, item: &Item) -> bool {
        let code: String = sections(&target.docs).into_iter().map(|section| section.code).collect();
        let named = |text: &str| !find_word(text, &item.name).is_empty();
        match item.kind {
            _ if code.is_empty() => false,
            // A reader of the module sees everything that the module shows.
            Kind::Module => true,
            Kind::Type if target.kind == Kind::Function => named(&code) || named(&target.signature),
            _ => item.name.is_empty() || named(&code),
        }
    }
}

/// The targets of the links in the lines that begin with `See`.
fn links<'a>(section: &Section<'a>, docs: &'a [String]) -> Vec<&'a str> {
    let mut found = Vec::new();
    let see = section.prose.iter().filter(|line| line.starts_with("See [`"));
    for line in see {
        for (at, _) in line.match_indices("[`") {
            let Some(length) = line[at..].find("`]") else { continue };
            let name = &line[at + 2..at + length];
            let rest = &line[at + length + 2..];
            let direct = rest.strip_prefix('(').and_then(|rest| rest.split(')').next());
            let label = format!("[`{name}`]: ");
            let below = docs.iter().find_map(|line| line.strip_prefix(&label));
            found.push(direct.or(below).unwrap_or(name));
        }
    }
    found
}

impl Item {
    /// The folder of the face that the item is in, by which the law lists it.
    fn room(&self) -> &str {
        self.module.first().map_or(&self.name, String::as_str)
    }

    /// Whether a user can name the item, which is in a private module: whether it, or what it
    /// belongs to, is re-exported. What a macro fills in is taken for named.
    pub(crate) fn is_exported(&self, names: &BTreeSet<String>) -> bool {
        let name = self.owner.as_ref().unwrap_or(&self.name);
        self.kind == Kind::Macro || self.is_filled_in || names.contains(name)
    }

    /// The item's name in the form `owner::name`.
    fn path(&self) -> String {
        let around = self.owner.as_ref().or(self.module.last());
        around.map_or_else(|| self.name.clone(), |around| format!("{around}::{}", self.name))
    }
}

/// The places where the law is broken, and how.
pub(crate) fn breaches(items: &[Item]) -> Vec<(&Item, String)> {
    let index = Index::new(items);
    let mut found = Vec::new();
    for item in items.iter().filter(|item| item.room() != "engine") {
        found.extend(malformed(item).into_iter().map(|what| (item, what)));
        let path = item.path();
        if item.docs.is_empty() {
            found.push((item, format!("`{path}` has no documentation")));
        } else if index.shown(item) == Shown::Not {
            found
                .push((item, format!("`{path}` has no example, and no link to one that names it")));
        }
    }
    found
}

/// How many items each folder has, and how many of them are shown.
pub(crate) fn figures(items: &[Item]) -> Vec<String> {
    let index = Index::new(items);
    let mut rooms: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for item in items.iter().filter(|item| item.room() != "engine") {
        let [all, own, linked] = rooms.entry(item.room()).or_default();
        *all += 1;
        match index.shown(item) {
            Shown::Itself => *own += 1,
            Shown::ByLink => *linked += 1,
            Shown::Not => {}
        }
    }
    rooms
        .into_iter()
        .map(|(room, [all, own, linked])| {
            format!(
                "`{room}`: {all} public items, {own} with an example, {linked} with a link to one"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{code_only, without_tests};

    fn read(text: &str) -> Vec<Item> {
        items(0, text, &without_tests(&code_only(text)), &["sync".into(), "lock".into()])
    }

    /// The items of the text, by their paths, and how each is shown.
    fn shown(text: &str) -> Vec<(String, Shown)> {
        let items = read(text);
        let index = Index::new(&items);
        items.iter().map(|item| (item.path(), index.shown(item))).collect()
    }

    fn paths(text: &str) -> Vec<String> {
        read(text).iter().map(Item::path).collect()
    }

    #[test]
    fn items_that_a_user_sees_are_counted() {
        assert_eq!(paths("pub fn f() {}\nfn g() {}\npub(crate) fn h() {}"), ["lock::f"]);
        assert_eq!(
            paths("pub struct A { pub x: u8 }\nimpl<T> A {\n pub const fn f() {}\n fn g() {}\n}"),
            ["lock::A", "A::f"]
        );
        assert_eq!(
            paths("pub trait T {\n type O;\n fn f(&self) { fn inner() {} }\n}"),
            ["lock::T", "T::f"]
        );
        assert_eq!(paths("#[macro_export]\nmacro_rules! m { () => {} }"), ["lock::m"]);
        assert!(paths("macro_rules! m { () => {} }\ntrait T { fn f(); }").is_empty());
        assert!(paths("impl T for A {\n fn f() {}\n}\npub use a::B;").is_empty());
        assert!(paths("#[deprecated = \"x\"]\npub fn f() {}").is_empty());
        assert!(paths("#[doc(hidden)]\nimpl A {\n pub fn f() {}\n}").is_empty());
        assert!(paths("#[doc(hidden)]\n#[inline]\npub fn f() {}").is_empty());
        assert!(paths("#[cfg(test)]\nmod tests {\n pub fn f() {}\n}").is_empty());
    }

    #[test]
    fn an_example_names_the_item() {
        let one = |docs: &str| shown(&format!("{docs}\npub fn push() {{}}"))[0].1;
        assert_eq!(one("/// Adds."), Shown::Not);
        assert_eq!(one("/// # Examples\n///\n/// ```\n/// list.push(1);\n/// ```"), Shown::Itself);
        assert_eq!(one("/// # Examples\n///\n/// ```\n/// list.pop();\n/// ```"), Shown::Not);
        assert_eq!(one("/// # Examples\n///\n/// ```\n/// # list.push(1);\n/// ```"), Shown::Not);
        assert_eq!(one("/// # Examples\n///\n/// ```text\n/// push\n/// ```"), Shown::Not);
        assert_eq!(one("/// ```\n/// list.push(1);\n/// ```"), Shown::Not);
        assert_eq!(
            one("/// # Examples\n///\n/// ```\n#[doc = $make]\n/// list.pop();\n/// ```"),
            Shown::Itself
        );
    }

    #[test]
    fn a_link_counts_if_its_target_names_the_item() {
        let list =
            "/// # Examples\n///\n/// ```\n/// List::new().push(1);\n/// ```\npub struct List;\n";
        let method = |name: &str, link: &str| {
            let docs = format!("/// # Examples\n///\n/// See {link}.");
            shown(&format!("{list}impl List {{\n{docs}\npub fn {name}() {{}}\n}}"))[1].1
        };
        assert_eq!(method("push", "[`List`]"), Shown::ByLink);
        assert_eq!(method("push", "[the list](Self)"), Shown::Not);
        assert_eq!(method("push", "[`list`](Self)"), Shown::ByLink);
        assert_eq!(method("push", "[`List`](crate::sync::List)"), Shown::ByLink);
        assert_eq!(method("pop", "[`List`]"), Shown::Not);
        assert_eq!(method("pus", "[`List`]"), Shown::Not);
        assert_eq!(method("push", "[`Nowhere`]"), Shown::Not);
        assert_eq!(method("push", "[`List`](Self::push)"), Shown::Not);
    }

    #[test]
    fn a_type_is_shown_by_a_function_that_gives_it() {
        let guard = |result: &str| {
            let lock = "/// # Examples\n///\n/// ```\n/// let guard = lock();\n/// ```\n";
            let docs = "/// # Examples\n///\n/// See [`lock`].\npub struct Guard;";
            shown(&format!("{lock}pub fn lock() -> {result} {{}}\n{docs}"))[1].1
        };
        assert_eq!(guard("Result<Guard<'_>, Error>"), Shown::ByLink);
        assert_eq!(guard("Other"), Shown::Not);
    }

    #[test]
    fn sections_have_one_form() {
        let wrong = |docs: &str| malformed(&read(&format!("{docs}\npub fn f() {{}}"))[0]).len();
        assert_eq!(wrong("/// # Order\n/// x\n/// # Panics\n/// x\n/// # Errors\n/// x"), 0);
        assert_eq!(wrong("/// # Errors\n/// x\n/// # Panics\n/// x"), 1);
        assert_eq!(wrong("/// # Errors\n/// x\n/// # Errors\n/// x"), 1);
        assert_eq!(wrong("/// # Panics\n/// x\n/// # Order\n/// x"), 1);
        assert_eq!(wrong("/// # Example\n/// x"), 1);
        assert_eq!(wrong("/// # Cancel Safety\n/// x"), 1);
        assert_eq!(wrong("/// # Panics\n///\n/// # Errors\n/// x"), 1);
        assert_eq!(wrong("/// ```\n/// # Errors\n/// ```"), 0);
    }

    #[test]
    fn modules_and_re_exports_make_items_public() {
        let root =
            public_modules("pub mod sync;\nmod engine;\npub mod futures {}", &["lib".into()]);
        assert_eq!(root, [["sync"]]);
        let public = root.into_iter().collect();
        assert!(is_public_module(&["sync".into()], &public));
        assert!(!is_public_module(&["sync".into(), "lock".into()], &public));
        let names = exported("mod lock;\npub use lock::{List, Guard as G};\nuse other::Not;");
        assert!(names.contains("List") && names.contains("Guard") && !names.contains("Not"));
        let items = read("pub struct List;\npub struct Not;\nimpl List {\n pub fn f() {}\n}");
        let exported = items.iter().map(|item| item.is_exported(&names)).collect::<Vec<_>>();
        assert_eq!(exported, [true, false, true]);
    }
}
