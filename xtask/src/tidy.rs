//! The laws of the source tree. Each is a function that returns the places that break it.
//!
//! A law that many files break is no law. If a law proves wrong, it is changed here, in the open;
//! nobody works around it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::circles;
use crate::crates;
use crate::docs;
use crate::face;
use crate::prose;
use crate::source::{code_only, files, find_word, line_of, named_paths, without_tests};
use crate::spans;

/// A place where a law is broken.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    file: String,
    line: usize,
    law: &'static str,
    what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.law, self.what)
    }
}

/// A text file of the project.
struct File {
    /// From the root, with `/`.
    name: String,
    text: String,
    /// The text without comments, literals and test modules; nothing but for Rust.
    code: String,
}

impl File {
    fn new(name: &str, text: &str) -> File {
        let code =
            if name.ends_with(".rs") { without_tests(&code_only(text)) } else { String::new() };
        File { name: name.into(), text: text.into(), code }
    }

    fn breach(&self, line: usize, law: &'static str, what: impl Into<String>) -> Breach {
        Breach { file: self.name.clone(), line, law, what: what.into() }
    }

    /// Whether the file belongs to `runtime` and is not a test.
    fn is_production(&self) -> bool {
        self.name.starts_with("runtime/src/")
            && self.name.ends_with(".rs")
            && !self.name.ends_with("tests.rs")
    }

    /// The path of the module that the file is, from the crate's root.
    fn module(&self) -> Vec<String> {
        let inside = self.name.trim_start_matches("runtime/src/").trim_end_matches(".rs");
        inside.split('/').filter(|part| *part != "mod").map(str::to_owned).collect()
    }
}

/// Reads the tree and reports.
pub(crate) fn run(root: &Path) -> Outcome {
    let tree = read(root);
    let mut breaches = breaches(&tree);
    breaches.extend(crates::differences(root)?.into_iter().map(|what| Breach {
        file: "runtime/Cargo.toml".into(),
        line: 1,
        law: "crates",
        what,
    }));
    for breach in &breaches {
        println!("{breach}");
    }
    for (name, lines) in long_files(&tree) {
        println!("note: {name} has {lines} lines: is it one idea?");
    }
    for circle in circles::ADMITTED {
        println!("note: the circle `{}` is admitted: {}", circle.name, circle.reason);
    }
    for line in docs::figures(&documented(&tree)) {
        println!("note: {line}");
    }
    if breaches.is_empty() {
        println!("tidy: {} files keep the laws", tree.len());
        Ok(())
    } else {
        Err(format!("{} breaches", breaches.len()))
    }
}

fn read(root: &Path) -> Vec<File> {
    files(root)
        .iter()
        .filter_map(|path| {
            let name = path.strip_prefix(root).ok()?.to_str()?.replace('\\', "/");
            let text = fs::read_to_string(path).ok()?;
            // A worktree's `.git` is a file, and its content a path.
            (name != ".git").then(|| File::new(&name, &text))
        })
        .collect()
}

fn breaches(tree: &[File]) -> Vec<Breach> {
    let mut all = Vec::new();
    for file in tree {
        all.extend(layers(file));
        all.extend(banned(file));
        all.extend(left_over(file));
        all.extend(places(file));
        all.extend(dead_names(file, tree));
        all.extend(prose(file));
        all.extend(silent_leaves(file));
    }
    all.extend(unsafe_rooms(tree));
    all.extend(suppressions(tree));
    all.extend(orderings(tree));
    all.extend(unspawned(tree));
    all.extend(in_circles(tree));
    all.extend(undocumented(tree));
    all.extend(names_of_nothing(tree));
    all.sort();
    all.dedup();
    all
}

// ---- layers ----

/// The three wings of the engine; none names another, and the floor names none.
const WINGS: [&[&str]; 3] = [&["task", "scheduler"], &["blocking"], &["driver", "timer"]];

/// Imports run down: the engine names nothing above it, and no wing names another.
fn layers(file: &File) -> Vec<Breach> {
    const LAW: &str = "layers";
    let module = file.module();
    if !file.is_production() || module[0] != "engine" {
        return Vec::new();
    }
    let wing_of = |room: Option<&String>| {
        WINGS.iter().position(|wing| room.is_some_and(|room| wing.contains(&room.as_str())))
    };
    let own = wing_of(module.get(1));
    let mut found = Vec::new();
    for path in named_paths(&file.code, &module) {
        let name = path.segments.join("::");
        match path.segments.first().map(String::as_str) {
            // The list of the rooms itself: `engine/mod.rs`.
            None => {}
            Some("engine") => {
                let other = wing_of(path.segments.get(1));
                if other.is_some() && other != own && module.len() > 1 {
                    let from = match own {
                        Some(wing) => format!("the wing `{}`", WINGS[wing].join(" + ")),
                        None => "the floor".into(),
                    };
                    found.push(file.breach(
                        path.line,
                        LAW,
                        format!("{from} names `{name}`; they meet in `crate::runtime` only"),
                    ));
                }
            }
            Some(_) => found.push(file.breach(
                path.line,
                LAW,
                format!("the engine names `crate::{name}`, which is above it"),
            )),
        }
    }
    found
}

// ---- circles ----

/// The document that says which circles there are.
const FLOORS: &str = "docs/architecture.md";

/// Files and folders do not import each other, but for the circles that are admitted by name.
fn in_circles(tree: &[File]) -> Vec<Breach> {
    let mut found = Vec::new();
    for start in circles::CRATES {
        let files: Vec<(&str, &str)> = tree
            .iter()
            .filter_map(|file| Some((file.name.strip_prefix(start)?, file.text.as_str())))
            .collect();
        found.extend(circles::circles(&files));
    }
    let mut refused = circles::refused(&found, circles::ADMITTED);
    let document = tree.iter().find(|file| file.name == FLOORS).map_or("", |file| &file.text);
    for circle in circles::ADMITTED {
        if !document.contains(&format!("**{}**", circle.name)) {
            refused.push(format!("`{FLOORS}` does not say that there is `{}`", circle.name));
        }
    }
    refused
        .into_iter()
        .map(|what| Breach { file: "xtask/src/circles.rs".into(), line: 1, law: "circles", what })
        .collect()
}

// ---- banned names ----

/// A name that only some files may use.
struct Ban {
    name: &'static str,
    /// The beginnings of the file names that may use it, under `runtime/src/`.
    allowed: &'static [&'static str],
    reason: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        name: "std::sync::atomic",
        // These have statics, and loom's atomics cannot stand in one.
        allowed: &["engine/primitive/", "engine/process_wide/", "engine/clock.rs"],
        reason: "use `engine::primitive::atomic`, so that a model can put loom underneath",
    },
    Ban {
        name: "core::sync::atomic",
        allowed: &["engine/primitive/"],
        reason: "use `engine::primitive::atomic`, so that a model can put loom underneath",
    },
    Ban {
        name: "std::sync::Mutex",
        allowed: &["engine/primitive/"],
        reason: "use `engine::primitive::Mutex`, so that a model can put loom underneath",
    },
    Ban {
        name: "std::sync::Condvar",
        allowed: &["engine/primitive/"],
        reason: "use `engine::primitive::Condvar`, so that a model can put loom underneath",
    },
    Ban {
        name: "parking_lot",
        allowed: &["engine/primitive/"],
        reason: "use `engine::primitive`, so that a model can put loom underneath",
    },
    Ban { name: "loom", allowed: &[], reason: "the models put loom underneath from outside" },
    Ban {
        name: "std::time::Instant::now",
        // The face's `Instant` shows the virtual time when there is one. The scheduler and the
        // runtime measure how long a poll or a shutdown really takes, whatever time the program
        // sees.
        allowed: &[
            "engine/clock.rs",
            "engine/primitive/",
            "engine/say.rs",
            "engine/scheduler/",
            "runtime/",
            "time/instant.rs",
        ],
        reason: "only the clock reads the time, so that it can be virtual",
    },
    Ban {
        name: "std::time::SystemTime::now",
        allowed: &["engine/clock.rs"],
        reason: "only the clock reads the time, so that it can be virtual",
    },
    Ban {
        name: "RandomState",
        allowed: &["engine/rng.rs"],
        reason: "only `engine::rng` makes random numbers, so that a run can be repeated",
    },
    Ban { name: "async |", allowed: &[], reason: NO_ASYNC_CLOSURES },
    Ban { name: "async move |", allowed: &[], reason: NO_ASYNC_CLOSURES },
    Ban {
        name: "eprintln!",
        allowed: &["engine/say.rs"],
        reason: "use `engine::say`, which neither panics nor waits for ever where stderr is closed or full",
    },
    Ban {
        name: "eprint!",
        allowed: &["engine/say.rs"],
        reason: "use `engine::say`, which neither panics nor waits for ever where stderr is closed or full",
    },
    Ban {
        name: "println!",
        allowed: &["engine/say.rs"],
        reason: "use `engine::say`, which neither panics nor waits for ever where stderr is closed or full",
    },
    Ban {
        name: "print!",
        allowed: &["engine/say.rs"],
        reason: "use `engine::say`, which neither panics nor waits for ever where stderr is closed or full",
    },
    Ban {
        name: "io::stderr",
        allowed: &["engine/say.rs", "io/stdio/"],
        reason: "use `engine::say`, which neither panics nor waits for ever where stderr is closed or full",
    },
    Ban {
        name: "io::stdout",
        allowed: &["engine/say.rs", "io/stdio/"],
        reason: "use `engine::say`, which neither panics nor waits for ever where stderr is closed or full",
    },
];

const NO_ASYNC_CLOSURES: &str =
    "the future of an asynchronous closure is not `Send` enough for a task: use a plain closure";

fn banned(file: &File) -> Vec<Breach> {
    if !file.is_production() {
        return Vec::new();
    }
    let inside = file.name.trim_start_matches("runtime/src/");
    let mut found = Vec::new();
    for ban in BANS {
        if ban.allowed.iter().any(|start| inside.starts_with(start)) {
            continue;
        }
        for at in places_of(&file.code, ban.name) {
            let line = line_of(&file.code, at);
            found.push(file.breach(line, "banned", format!("`{}`: {}", ban.name, ban.reason)));
        }
    }
    found
}

/// Where a standard path is used: written out, or with its last two segments where the first of
/// them is imported (`use std::time::Instant` and `Instant::now`).
fn places_of(code: &str, name: &str) -> Vec<usize> {
    let mut found = find_word(code, name);
    if let Some((import, function)) = name.rsplit_once("::") {
        let type_of = import.rsplit_once("::");
        if let Some((module, item)) =
            type_of.filter(|(_, item)| item.starts_with(char::is_uppercase))
        {
            let imported = code.split(';').filter(|part| part.contains("use ")).any(|part| {
                let list = part.split_once("use ").map_or("", |(_, list)| list).trim();
                list.starts_with(module) && !find_word(list, item).is_empty()
            });
            if imported {
                found.extend(find_word(code, &format!("{item}::{function}")));
            }
        }
    }
    found
}

// ---- unsafe rooms ----

/// The document that lists the rooms.
const ROOMS: &str = "docs/unsafe.md";

/// `unsafe` stands only in rooms that `docs/unsafe.md` lists, and each listed room has some.
fn unsafe_rooms(tree: &[File]) -> Vec<Breach> {
    const LAW: &str = "unsafe rooms";
    let document = tree.iter().find(|file| file.name == ROOMS);
    let listed = document.map_or_else(BTreeSet::new, |file| rooms(&file.text));
    let mut used = BTreeSet::new();
    let mut found = Vec::new();
    for file in tree {
        let packages = ["runtime/src/", "runtime-hyper/src/", "runtime-sim/src/"];
        let inside_one = packages.iter().any(|package| file.name.starts_with(package));
        if !inside_one || !file.name.ends_with(".rs") {
            continue;
        }
        let inside = file.name.trim_start_matches("runtime/src/");
        let mut room = |line: usize, what: &str| {
            let holder = listed
                .iter()
                .find(|room| inside == room.as_str() || inside.starts_with(&format!("{room}/")));
            match holder {
                Some(holder) => {
                    used.insert(holder.clone());
                }
                None => found.push(file.breach(
                    line,
                    LAW,
                    format!("{what}, but {ROOMS} does not list `{inside}`"),
                )),
            }
        };
        if let Some(&at) = find_word(&file.code, "unsafe").first() {
            room(line_of(&file.code, at), "there is unsafe code here");
        } else if let Some(at) = file.code.find("allow(unsafe_code") {
            room(line_of(&file.code, at), "unsafe code is allowed here");
        }
    }
    if let Some(document) = document {
        for room in listed.difference(&used) {
            found.push(document.breach(1, LAW, format!("`{room}` is listed but has no unsafe")));
        }
    }
    found
}

/// The files and folders of `runtime/src` that a document names in backticks.
fn rooms(document: &str) -> BTreeSet<String> {
    document
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|name| name.trim_start_matches("runtime/src/").trim_end_matches('/'))
        .filter(|name| !name.contains(' ') && !name.contains("::"))
        .filter(|name| name.ends_with(".rs") || (name.contains('/') && !name.contains('.')))
        .filter(|name| !name.starts_with("docs/"))
        .map(str::to_owned)
        .collect()
}

// ---- orderings ----

/// The register of orderings: tables with the file in the first column, which may stand for the
/// rows below too, and the model in the last.
const REGISTER: &str = "docs/memory-orderings.md";

/// Every ordering of `runtime` that has a name is in the register with its model, and every one in
/// the register is in its file.
fn orderings(tree: &[File]) -> Vec<Breach> {
    const LAW: &str = "orderings";
    let Some(register) = tree.iter().find(|file| file.name == REGISTER) else { return Vec::new() };
    let mut found = Vec::new();
    let mut registered = BTreeSet::new();
    let mut path = "";
    for (at, line) in register.text.lines().enumerate() {
        let Some(row) = line.trim().strip_prefix('|') else { continue };
        let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        let Some((model, cells)) = cells.split_last() else { continue };
        let first = cells.first().copied().unwrap_or_default();
        path = in_backticks(first).find(|name| name.ends_with(".rs")).unwrap_or(path);
        for name in cells.iter().flat_map(|cell| in_backticks(cell)).filter(is_constant) {
            if model.is_empty() {
                found.push(register.breach(at + 1, LAW, format!("`{name}` has no model")));
            }
            registered.insert((at + 1, format!("runtime/src/{path}"), name));
        }
    }
    for (line, path, name) in &registered {
        let file = tree.iter().find(|file| file.name == *path);
        if !file.is_some_and(|file| named_orderings(&file.code).any(|(_, other)| other == *name)) {
            found.push(register.breach(*line, LAW, format!("`{path}` has no ordering `{name}`")));
        }
    }
    for file in tree.iter().filter(|file| file.is_production()) {
        for (line, name) in named_orderings(&file.code) {
            if !registered.iter().any(|(_, path, other)| *path == file.name && *other == name) {
                found.push(file.breach(line, LAW, format!("`{name}` is not in {REGISTER}")));
            }
        }
    }
    found
}

fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_constant(name: &&str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The `const NAME: Ordering = ...` of a file: line and name.
fn named_orderings(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().filter_map(|(at, line)| {
        let (head, _) = line.split_once(": Ordering =")?;
        Some((at + 1, head.split_once("const ")?.1))
    })
}

// ---- dead names in documents ----

/// Every `file.rs::name` in a document names something that is there.
fn dead_names(file: &File, tree: &[File]) -> Vec<Breach> {
    const LAW: &str = "dead names";
    let is_document =
        file.name.ends_with(".md") && (file.name.starts_with("docs/") || !file.name.contains('/'));
    if !is_document {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (line, path, items) in source_names(&file.text) {
        let sources: Vec<&File> = tree
            .iter()
            .filter(|source| source.name == path || source.name.ends_with(&format!("/{path}")))
            .collect();
        if sources.is_empty() {
            found.push(file.breach(line, LAW, format!("there is no file `{path}`")));
        } else if !sources.iter().any(|source| defines(source, &items)) {
            let items = items.join("::");
            found.push(file.breach(line, LAW, format!("`{path}` has no `{items}`")));
        }
    }
    found
}

/// The `file.rs::a::b` in `text`: line, file, `[a, b]`.
fn source_names(text: &str) -> Vec<(usize, String, Vec<String>)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(".rs::") {
        let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | '.');
        let start = text[..at].rfind(|c| !is_path(c)).map_or(0, |n| n + 1);
        let path = format!("{}.rs", &text[start..at]);
        let rest = &text[at + ".rs::".len()..];
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')))
            .unwrap_or(rest.len());
        let items = rest[..end].split("::").filter(|s| !s.is_empty()).map(str::to_owned).collect();
        found.push((line_of(text, at), path, items));
    }
    found
}

/// Whether the file defines the last of `items` and mentions the others.
fn defines(file: &File, items: &[String]) -> bool {
    let code = code_only(&file.text);
    let Some((last, others)) = items.split_last() else { return false };
    let last = last.trim_end_matches(':');
    let defined = find_word(&code, last).into_iter().any(|at| {
        let before = code[..at].trim_end();
        let word = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next();
        let keyword = word.is_some_and(|word| {
            matches!(
                word,
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "mod" | "union"
            )
        });
        // `macro_rules! name`, and a variant or a field: a name that opens a line.
        let macro_name = before.ends_with("macro_rules!");
        let opens_line = code[..at].rsplit('\n').next().is_some_and(|line| line.trim().is_empty());
        keyword || macro_name || opens_line
    });
    defined && others.iter().all(|item| !find_word(&code, item).is_empty())
}

// ---- futures of the face ----

/// Each function of the face that gives a future is used in the test that spawns them all.
fn unspawned(tree: &[File]) -> Vec<Breach> {
    const LAW: &str = "futures of the face";
    let test = tree.iter().find(|file| file.name == face::TEST).map_or("", |test| &test.code);
    let rooms: Vec<(&File, Vec<String>)> = tree
        .iter()
        .filter(|file| file.is_production())
        .map(|file| (file, file.module()))
        .filter(|(_, module)| face::is_face(module))
        .collect();
    let mut futures: BTreeSet<String> =
        rooms.iter().flat_map(|(file, _)| face::futures(&file.code)).collect();
    // The receiver of one channel is a future, and others have the same name.
    futures.remove("Receiver");
    let mut wanted = Vec::new();
    for (file, module) in rooms {
        let found = face::that_wait(&file.code, &module, &futures);
        wanted.extend(found.into_iter().map(|waits| (file, waits)));
    }
    face::missing(&wanted, test)
        .into_iter()
        .map(|(file, waits)| {
            let name = &waits.name;
            file.breach(waits.line, LAW, format!("`{}` does not spawn `{name}`", face::TEST))
        })
        .collect()
}

// ---- documentation of the face ----

/// The public items of `runtime`, those of the engine included: the number of each one's file is
/// its place in `tree`.
fn documented(tree: &[File]) -> Vec<docs::Item> {
    let files = || tree.iter().enumerate().filter(|(_, file)| file.is_production());
    let public =
        files().flat_map(|(_, file)| docs::public_modules(&file.code, &file.module())).collect();
    let is_open = |file: &File| docs::is_public_module(&file.module(), &public);
    let exported: BTreeSet<String> = files()
        .filter(|(_, file)| is_open(file))
        .flat_map(|(_, file)| docs::exported(&file.code))
        .collect();
    files()
        .flat_map(|(at, file)| {
            let module = file.module();
            let mut items = docs::items(at, &file.text, &file.code, &module);
            items.retain(|item| is_open(file) || item.is_exported(&exported));
            items.extend(docs::page(at, &file.text, &module, &public));
            items
        })
        .collect()
}

/// Each public item of the face is documented and shown; the sections of its documentation have
/// one form.
fn undocumented(tree: &[File]) -> Vec<Breach> {
    const LAW: &str = "documentation";
    let items = documented(tree);
    docs::breaches(&items)
        .into_iter()
        .map(|(item, what)| tree[item.file].breach(item.line, LAW, what))
        .collect()
}

// ---- names in comments ----

/// What stands in code marks in a comment of `runtime` is in the code.
fn names_of_nothing(tree: &[File]) -> Vec<Breach> {
    const LAW: &str = "names in comments";
    let mut names = spans::Names::default();
    for file in tree {
        let is_ours =
            ["runtime/", "runtime-macros/"].iter().any(|ours| file.name.starts_with(ours));
        if is_ours {
            names.add(&file.code);
        }
    }
    let production = tree.iter().filter(|file| file.is_production());
    production
        .flat_map(|file| {
            let dead = names.dead(&file.text, &file.code).into_iter();
            dead.map(|(line, name)| file.breach(line, LAW, format!("nothing is called `{name}`")))
        })
        .collect()
}

// ---- left-overs ----

fn left_over(file: &File) -> Vec<Breach> {
    const LAW: &str = "left over";
    let mut found = Vec::new();
    let is_this = file.name.starts_with("xtask/src/");
    if !is_this {
        for word in ["TODO", "FIXME", "XXX"] {
            for at in find_word(&file.text, word) {
                found.push(file.breach(line_of(&file.text, at), LAW, word));
            }
        }
    }
    if file.name.ends_with(".rs") {
        // Tests too.
        let code = code_only(&file.text);
        for word in ["todo!", "unimplemented!", "dbg!", "#[ignore]", "#[ignore =", "cfg(loom)"] {
            for (at, _) in code.match_indices(word) {
                let whole = at == 0 || !code.as_bytes()[at - 1].is_ascii_alphanumeric();
                if whole && !code[..at].ends_with('_') {
                    found.push(file.breach(line_of(&code, at), LAW, word));
                }
            }
        }
    }
    found
}

/// No text says where or on which machine it was written.
fn places(file: &File) -> Vec<Breach> {
    const LAW: &str = "places";
    let mut found = Vec::new();
    if file.name.starts_with("xtask/src/") {
        return found;
    }
    for start in ["/home/", "/root/", "/Users/", "/work/", "C:\\"] {
        for (at, _) in file.text.match_indices(start) {
            let before = file.text[..at].chars().next_back();
            // A match inside of a longer path or an address is something else.
            if !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}')) {
                found.push(file.breach(
                    line_of(&file.text, at),
                    LAW,
                    format!("`{start}` begins a path of one machine"),
                ));
            }
        }
    }
    if let Some(host) = host_name() {
        for at in find_word(&file.text, &host) {
            found.push(file.breach(line_of(&file.text, at), LAW, "the name of this machine"));
        }
    }
    found
}

/// The machine's name, if it is one that nobody would write by chance.
fn host_name() -> Option<String> {
    let name = fs::read_to_string("/etc/hostname").ok()?.trim().to_owned();
    let telling = name.len() >= 8 && name.bytes().any(|b| b.is_ascii_digit() || b == b'-');
    telling.then_some(name)
}

// ---- suppressions ----

/// Each function that `tests/tsan.txt` silences in the runtime exists: a line whose function has
/// moved silences nothing.
fn suppressions(tree: &[File]) -> Vec<Breach> {
    const LAW: &str = "suppressions";
    let Some(file) = tree.iter().find(|file| file.name == "tests/tsan.txt") else {
        return Vec::new();
    };
    let lines = file.text.lines().enumerate();
    let named =
        lines.filter_map(|(index, line)| Some((index + 1, line.strip_prefix("race:runtime::")?)));
    named
        .filter(|(_, path)| !is_module_or_item(path, tree))
        .map(|(line, path)| file.breach(line, LAW, format!("there is no `{path}` in the runtime")))
        .collect()
}

/// Whether `a::b::c` is a module of the runtime, or a function of the module `a::b`.
fn is_module_or_item(path: &str, tree: &[File]) -> bool {
    let segments: Vec<&str> = path.trim_end_matches("::").split("::").collect();
    let module = |of: &[&str]| {
        let folder = format!("runtime/src/{}", of.join("/"));
        let names = [format!("{folder}.rs"), format!("{folder}/mod.rs")];
        tree.iter().find(|file| names.contains(&file.name))
    };
    if module(&segments).is_some() {
        return true;
    }
    let Some((item, parents)) = segments.split_last() else { return false };
    // Tests are modules inside of their file.
    let inner = *item == "tests";
    module(parents).is_some_and(|file| {
        let word = if inner { format!("mod {item}") } else { format!("fn {item}") };
        file.text.contains(&word)
    })
}

// ---- prose ----

/// Comments have at most [`prose::WIDTH`] columns, and no row stands twice in a table.
fn prose(file: &File) -> Vec<Breach> {
    const LAW: &str = "prose";
    if file.name.ends_with(".rs") {
        let wide = prose::wide_comments(&file.text).into_iter();
        let what = format!("a comment of more than {} columns", prose::WIDTH);
        return wide.map(|line| file.breach(line, LAW, what.clone())).collect();
    }
    let doubled = prose::doubled_rows(&file.text).into_iter();
    doubled.map(|line| file.breach(line, LAW, "this row stands in the table already")).collect()
}

// ---- leaves ----

/// Files whose futures pass the cooperative hook and need not say what they wait for, and why.
const SILENT: [(&str, &str); 9] = [
    ("task/coop.rs", "futures of users"),
    ("macros/support.rs", "the branches say it"),
    ("macros/select.rs", "the branches say it"),
    ("io/ends.rs", "always ready"),
    ("io/copy.rs", "its reader and its writer say it"),
    ("io/on_pool.rs", "the handle of its job says it"),
    ("fs/job.rs", "the handle of its job says it"),
    ("fs/read_dir.rs", "the handle of its job says it"),
    ("fs/file.rs", "the handle of its job says it"),
];

/// A leaf future says what it waits for: whoever passes the hook notes a wait in the same file.
fn silent_leaves(file: &File) -> Vec<Breach> {
    const LAW: &str = "leaves";
    let Some(inside) = file.name.strip_prefix("runtime/src/") else { return Vec::new() };
    let passes = file.code.contains("poll_proceed(cx)");
    let notes = [".pending(", "note("].iter().any(|call| file.code.contains(call));
    let admitted = SILENT.iter().any(|(name, _)| *name == inside);
    match (passes && !notes, admitted) {
        (true, false) => vec![file.breach(
            1,
            LAW,
            "a future passes `coop::poll_proceed` and does not say what it waits for: end with \
             `unit.pending(|| Wait::new(..))`",
        )],
        (false, true) if notes => vec![file.breach(1, LAW, "it need not be admitted any more")],
        _ => Vec::new(),
    }
}

// ---- notes ----

/// More than this many lines are rarely one idea. Documentation of items is not counted.
const LONG: usize = 900;

fn is_no_documentation(line: &&str) -> bool {
    !line.trim_start().starts_with("///")
}

fn long_files(tree: &[File]) -> Vec<(&str, usize)> {
    tree.iter()
        .filter(|file| file.name.ends_with(".rs"))
        .map(|file| (file.name.as_str(), file.text.lines().filter(is_no_documentation).count()))
        .filter(|&(_, lines)| lines > LONG)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laws(found: Vec<Breach>) -> Vec<String> {
        found.into_iter().map(|breach| format!("{}: {}", breach.line, breach.what)).collect()
    }

    fn engine(room: &str, text: &str) -> Vec<String> {
        laws(layers(&File::new(&format!("runtime/src/engine/{room}"), text)))
    }

    #[test]
    fn engine_names_nothing_above_it() {
        assert!(engine("coop.rs", "use crate::engine::text;\nuse std::cell::Cell;").is_empty());
        assert_eq!(engine("coop.rs", "\nuse crate::runtime::context;").len(), 1);
        assert_eq!(engine("task/state.rs", "use super::super::super::sync::Notify;").len(), 1);
        assert!(engine("coop.rs", "/// See [`crate::task`].\n//! crate::runtime").is_empty());
        let test = "#[cfg(test)]\nmod tests { use crate::sync; }";
        assert!(engine("coop.rs", test).is_empty());
    }

    #[test]
    fn what_is_silenced_is_there() {
        let tree = |silenced: &str| {
            vec![
                File::new("tests/tsan.txt", silenced),
                File::new("runtime/src/engine/task/header.rs", "pub(super) fn free() {}"),
            ]
        };
        let law = |silenced| laws(suppressions(&tree(silenced))).len();
        assert_eq!(law("race:runtime::engine::task::header::free\nrace:std::io"), 0);
        assert_eq!(law("race:runtime::engine::task::cell::free"), 1);
    }

    #[test]
    fn wings_do_not_name_each_other() {
        assert!(engine("scheduler/pool.rs", "use crate::engine::task::Runnable;").is_empty());
        assert!(engine("driver/mod.rs", "use crate::engine::{timer::Shard, clock};").is_empty());
        assert_eq!(engine("driver/mod.rs", "use crate::engine::{clock, task::Id};").len(), 1);
        assert_eq!(engine("blocking/pool.rs", "use super::super::scheduler;").len(), 1);
        assert_eq!(engine("wake_list.rs", "use crate::engine::timer;").len(), 1);
    }

    #[test]
    fn floor_is_the_only_door_to_the_standard_primitives() {
        let law = |name: &str, text: &str| laws(banned(&File::new(name, text))).len();
        assert_eq!(law("runtime/src/a.rs", "f(async |x| x); g(async move || 1);"), 2);
        assert_eq!(law("runtime/src/a.rs", "f(|x| async move { x })"), 0);
        assert_eq!(law("runtime/src/sync/a.rs", "use std::sync::atomic::Ordering;"), 1);
        assert_eq!(law("runtime/src/engine/primitive/mod.rs", "use std::sync::atomic::fence;"), 0);
        assert_eq!(law("runtime/src/net/a.rs", "let now = std::time::Instant::now();"), 1);
        let imported = "use std::time::{Duration, Instant};\nfn f() { Instant::now(); }";
        assert_eq!(law("runtime/src/net/a.rs", imported), 1);
        let own = "use crate::time::Instant;\nfn f() { Instant::now(); }";
        assert_eq!(law("runtime/src/net/a.rs", own), 0);
        assert_eq!(law("runtime/src/engine/clock.rs", "Instant::now()"), 0);
        assert_eq!(law("tests/tests/a.rs", "Instant::now()"), 0);
        assert_eq!(law("runtime/src/engine/blocking/pool_tests.rs", "Instant::now()"), 0);
    }

    #[test]
    fn lines_go_one_way() {
        let law = |name: &str, text: &str| laws(banned(&File::new(name, text))).len();
        for line in ["eprintln!(\"x\");", "print!(\"x\");", "std::io::stderr().write_all(b);"] {
            assert_eq!(law("runtime/src/runtime/a.rs", line), 1, "{line}");
            assert_eq!(law("runtime/src/engine/say.rs", line), 0, "{line}");
            assert_eq!(law("runtime/src/a.rs", &format!("/// {line}")), 0, "{line}");
            assert_eq!(law("xtask/src/a.rs", line), 0, "{line}");
        }
        assert_eq!(law("runtime/src/io/stdio/mod.rs", "io::stderr()"), 0);
        assert_eq!(law("runtime/src/a.rs", "println!();"), 1);
    }

    #[test]
    fn unsafe_needs_a_room() {
        let files = |document: &str, text: &str| {
            let tree =
                [File::new(ROOMS, document), File::new("runtime/src/engine/task/cell.rs", text)];
            laws(unsafe_rooms(&tree)).len()
        };
        assert_eq!(files("| `engine/task/cell.rs` | S1 |", "fn f() { unsafe { g() } }"), 0);
        assert_eq!(files("| `engine/task/` | S1 |", "fn f() { unsafe { g() } }"), 0);
        assert_eq!(files("nothing", "fn f() { unsafe { g() } }"), 1);
        assert_eq!(files("nothing", "#![allow(unsafe_code, reason = \"\")]"), 1);
        assert_eq!(files("| `engine/task/cell.rs` |", "fn f() {}"), 1);
        assert_eq!(files("nothing", "// unsafe\nlet s = \"unsafe\";"), 0);
    }

    #[test]
    fn orderings_are_registered() {
        let files = |rows: &str, text: &str| {
            let tree = [File::new(REGISTER, rows), File::new("runtime/src/a.rs", text)];
            laws(orderings(&tree)).len()
        };
        let text = "const GIVE: Ordering = Ordering::Release;\nconst OTHER: u8 = 1;";
        assert_eq!(files("| `a.rs` | `GIVE` | itself | what | `m.rs::x` |", text), 0);
        assert_eq!(files("| `a.rs`, `GIVE` | why | `m.rs::x` |", text), 0);
        assert_eq!(files("| `a.rs` | fences | `x` |\n| | `GIVE` | `x` |", text), 0);
        assert_eq!(files("| `a.rs` | `GIVE` | itself | what | |", text), 1);
        assert_eq!(files("| `a.rs` | what | `m.rs::x` |", text), 1);
        assert_eq!(files("| `b.rs` | `GIVE` | `m.rs::x` |", text), 2);
        assert_eq!(files("| `a.rs` | `GIVE` | `TAKE` | what | `m.rs::x` |", text), 1);
    }

    #[test]
    fn names_in_documents_are_alive() {
        let tree = [File::new(
            "runtime/src/engine/task/state.rs",
            "impl State {\n    fn wake(&self) {}\n}\nconst WAKE: u8 = 1;\nenum E {\n    Idle,\n}",
        )];
        let law = |text: &str| laws(dead_names(&File::new("docs/a.md", text), &tree)).len();
        assert_eq!(law("see `state.rs::wake` and `task/state.rs::State::wake`"), 0);
        assert_eq!(law("`state.rs::WAKE`, `state.rs::E::Idle`"), 0);
        assert_eq!(law("\n`state.rs::sleep`"), 1);
        assert_eq!(law("`stare.rs::wake`"), 1);
        assert_eq!(law("`state.rs::Other::wake`"), 1);
    }

    #[test]
    fn leftovers_are_found() {
        let law = |text: &str| laws(left_over(&File::new("runtime/src/a.rs", text))).len();
        assert_eq!(law("// TODO: later"), 1);
        assert_eq!(law("fn f() { todo!() }"), 1);
        assert_eq!(law("#[ignore]\nfn f() {}"), 1);
        assert_eq!(law("// `todo!` and `#[ignore]` may be talked about"), 0);
    }

    #[test]
    fn paths_of_a_machine_are_found() {
        let law = |text: &str| laws(places(&File::new("docs/a.md", text))).len();
        assert_eq!(law("see /home/me/x"), 1);
        assert_eq!(law("https://example.org/home/x"), 0);
        assert_eq!(law("target/work/x"), 0);
    }

    #[test]
    fn a_leaf_says_what_it_waits_for() {
        let law = |name: &str, text: &str| laws(silent_leaves(&File::new(name, text))).len();
        let silent = "let unit = ready!(coop::poll_proceed(cx)); Poll::Pending";
        assert_eq!(law("runtime/src/sync/new.rs", silent), 1);
        assert_eq!(law("runtime/src/io/ends.rs", silent), 0);
        let said = "let unit = ready!(coop::poll_proceed(cx)); unit.pending(|| wait)";
        assert_eq!(law("runtime/src/sync/new.rs", said), 0);
    }

    /// The laws hold for this very tree.
    #[test]
    fn tree_is_tidy() {
        let found = breaches(&read(&crate::root()));
        let lines: Vec<String> = found.iter().map(Breach::to_string).collect();
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}
