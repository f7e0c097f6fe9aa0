//! Circles of imports, between files and between folders.
//!
//! The law reads a crate the way the compiler does, as far as names go: the tree of modules from
//! `lib.rs` on, the `use` lines, and the paths in the code. A path is followed through re-exports
//! to the file that defines the item. What is under `#[cfg(test)]` does not count, nor do comments.
//! All branches of other `cfg`s count: a circle on one system is a circle.
//!
//! Between a module and its children, `mod` lines and re-exports are no edge. A child that names an
//! item that is defined in its parent's file is an edge, and so is a parent whose code uses a
//! child.
//!
//! Only names count. A call of a method makes no edge, wherever the `impl` stands: the name of the
//! type does.
//!
//! A folder is what lies under a module. In each folder the law looks at the files and the folders
//! in it, each folder as one, and at the edges between them.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{code_only, line_of, tokens};

/// The crates that the law reads, with the folders of their modules.
pub(crate) const CRATES: [&str; 2] = ["runtime/src/", "runtime-macros/src/"];

/// A circle that may stay, for a reason.
pub(crate) struct Admitted {
    pub(crate) name: &'static str,
    /// The files or folders, under the crate's `src`, sorted.
    pub(crate) members: &'static [&'static str],
    pub(crate) reason: &'static str,
}

/// The circles that are admitted. `docs/architecture.md` names them, too.
pub(crate) const ADMITTED: &[Admitted] = &[
    Admitted {
        name: "who runs here",
        members: &[
            "engine/scheduler/current_thread.rs",
            "engine/scheduler/here.rs",
            "engine/scheduler/pool.rs",
            "engine/scheduler/worker.rs",
        ],
        reason: "a wake on a worker's thread goes to that worker's own queue: the pool asks the \
                 thread, which names the worker, which has the pool",
    },
    Admitted {
        name: "the stall signal",
        members: &["engine/process_wide/", "engine/stall/"],
        reason: "its handler is state of the process, and what it leaves is a stall's: registers \
                 and stack. No two files of the folders need each other",
    },
];

/// The most circles that may be admitted.
const MOST_ADMITTED: usize = 4;

/// Files, or files and folders, that reach each other by imports.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    /// From the crate's `src`, sorted. A folder ends with `/`.
    pub(crate) members: Vec<String>,
    /// The edges that make it.
    pub(crate) edges: Vec<Edge>,
}

/// One file names what another defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) line: usize,
    pub(crate) to: String,
    /// What is named.
    pub(crate) path: String,
}

impl Circle {
    /// Describes the circle: for each two files the first line that names something, and all names.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("{} need each other:", self.members.join(", "));
        let mut pairs: BTreeMap<(&str, &str), Vec<&Edge>> = BTreeMap::new();
        for edge in &self.edges {
            pairs.entry((&edge.from, &edge.to)).or_default().push(edge);
        }
        for ((from, to), edges) in pairs {
            let names: BTreeSet<&str> = edges.iter().map(|edge| edge.path.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            text.push_str(&format!("\n    {from}:{} -> {to}: {}", edges[0].line, names.join(", ")));
        }
        text
    }
}

/// The circles of one crate. `files` are the names, from the crate's `src` on, and the texts.
pub(crate) fn circles(files: &[(&str, &str)]) -> Vec<Circle> {
    let edges = Crate::read(files).edges();
    let mut found = of_files(&edges);
    found.extend(of_folders(&edges));
    found
}

/// The sets of files that reach each other.
fn of_files(edges: &[Edge]) -> Vec<Circle> {
    let pairs = edges.iter().map(|edge| (edge.from.clone(), edge.to.clone())).collect();
    components(&pairs)
        .into_iter()
        .map(|members| circle(members, edges, |file| file.into()))
        .collect()
}

/// In each folder the sets of files and folders that reach each other, with at least one folder.
fn of_folders(edges: &[Edge]) -> Vec<Circle> {
    let mut levels: BTreeSet<Vec<String>> = BTreeSet::new();
    for edge in edges {
        let (from, to) = (module_of(&edge.from), module_of(&edge.to));
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        levels.insert(from[..common].to_vec());
    }
    let mut found = Vec::new();
    for level in levels {
        let inside = |file: &str| module_of(file).starts_with(&level);
        let folders: BTreeSet<String> = edges
            .iter()
            .flat_map(|edge| [&edge.from, &edge.to])
            .filter(|file| inside(file))
            .filter_map(|file| folder_at(file, &level))
            .collect();
        let unit = |file: &str| unit_at(file, &level, &folders);
        let within: Vec<Edge> =
            edges.iter().filter(|edge| inside(&edge.from) && inside(&edge.to)).cloned().collect();
        let pairs = within
            .iter()
            .map(|edge| (unit(&edge.from), unit(&edge.to)))
            .filter(|(from, to)| from != to)
            .collect();
        for members in components(&pairs) {
            if members.iter().any(|member| member.ends_with('/')) {
                found.push(circle(members, &within, unit));
            }
        }
    }
    found
}

/// The folder directly under `level` that `file` lies in, if it lies in one.
fn folder_at(file: &str, level: &[String]) -> Option<String> {
    let module = module_of(file);
    let below = module.len() > level.len() + 1 || module.len() > level.len() && is_root(file);
    below.then(|| format!("{}/", module[..=level.len()].join("/")))
}

/// What stands for `file` in the folder `level`: the file itself, or the folder that it lies in.
fn unit_at(file: &str, level: &[String], folders: &BTreeSet<String>) -> String {
    let module = module_of(file);
    if module.len() > level.len() {
        let folder = format!("{}/", module[..=level.len()].join("/"));
        if folders.contains(&folder) {
            return folder;
        }
    }
    file.to_owned()
}

fn is_root(file: &str) -> bool {
    file.ends_with("/mod.rs") || file == "lib.rs"
}

/// Makes the circle of `members`, with the edges between them.
fn circle(members: Vec<String>, edges: &[Edge], unit: impl Fn(&str) -> String) -> Circle {
    let inside = |edge: &&Edge| {
        let (from, to) = (unit(&edge.from), unit(&edge.to));
        from != to && members.contains(&from) && members.contains(&to)
    };
    let edges = edges.iter().filter(inside).cloned().collect();
    Circle { members, edges }
}

/// The strongly connected components of more than one node, each sorted.
fn components(edges: &BTreeSet<(String, String)>) -> Vec<Vec<String>> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().push(to);
        next.entry(to).or_default();
    }
    // The set of nodes that each node reaches. The graphs have some hundred nodes.
    let reach: BTreeMap<&str, BTreeSet<&str>> = next
        .keys()
        .map(|&start| {
            let mut seen = BTreeSet::new();
            let mut open = next[start].clone();
            while let Some(node) = open.pop() {
                if seen.insert(node) {
                    open.extend(&next[node]);
                }
            }
            (start, seen)
        })
        .collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for (&node, reached) in &reach {
        let together: Vec<String> = reached
            .iter()
            .filter(|other| reach[**other].contains(node))
            .map(|&other| other.to_owned())
            .collect();
        if together.len() > 1 {
            found.insert(together);
        }
    }
    found.into_iter().collect()
}

/// The path of the module in a file.
fn module_of(file: &str) -> Vec<String> {
    let parts = file.trim_end_matches(".rs").split('/').filter(|part| *part != "mod");
    if file == "lib.rs" { Vec::new() } else { parts.map(str::to_owned).collect() }
}

// ---- a crate ----

/// A module, as one file defines it. A file for another system is another scope of the same module.
struct Scope {
    file: String,
    children: BTreeSet<String>,
    /// What `use` brings in, by the name that it has here: paths from the crate's root, and nothing
    /// for what comes from other crates.
    imports: BTreeMap<String, Vec<Option<Path>>>,
    globs: Vec<Path>,
    defined: BTreeSet<String>,
}

type Path = Vec<String>;

/// A path as it is written, with its place.
struct Mention {
    file: String,
    module: Path,
    line: usize,
    path: Path,
    /// Whether it is a re-export of something below, which makes no edge.
    is_reexport: bool,
}

struct Crate {
    scopes: BTreeMap<Path, Vec<Scope>>,
    mentions: Vec<Mention>,
    /// The macros that are exported to the crate's root, and where they are.
    exported: BTreeMap<String, String>,
}

impl Crate {
    fn read(files: &[(&str, &str)]) -> Crate {
        let texts: BTreeMap<&str, &str> = files.iter().copied().collect();
        let mut all =
            Crate { scopes: BTreeMap::new(), mentions: Vec::new(), exported: BTreeMap::new() };
        let mut open = vec![("lib.rs".to_owned(), Vec::new())];
        while let Some((file, module)) = open.pop() {
            let Some(text) = texts.get(file.as_str()) else { continue };
            let code = without_test_items(&code_only(text));
            let tokens = tokens(&code);
            let mut reader = Reader {
                text,
                code: &code,
                tokens: &tokens,
                file: &file,
                into: &mut all,
                open: &mut open,
            };
            reader.module(0, module);
        }
        all
    }

    /// The edges: which file names what of which other file.
    fn edges(&self) -> Vec<Edge> {
        let mut edges = BTreeSet::new();
        for mention in &self.mentions {
            let Some(path) = self.whole_path(mention) else { continue };
            for to in self.files_of(&path, 0) {
                // Two files of one module are for different systems: the compiler sees only one.
                let own = &self.scopes[&mention.module];
                let to_child = module_of(&to).starts_with(&module_of(&mention.file));
                let is_edge = !(mention.is_reexport && to_child);
                if is_edge && !own.iter().any(|scope| scope.file == to) {
                    let (from, path) = (mention.file.clone(), mention.path.join("::"));
                    edges.insert(Edge { from, line: mention.line, to, path });
                }
            }
        }
        edges.into_iter().collect()
    }

    /// The whole path, or nothing if it leads into another crate, or to a local item.
    fn whole_path(&self, mention: &Mention) -> Option<Path> {
        let scope =
            self.scopes.get(&mention.module)?.iter().find(|scope| scope.file == mention.file)?;
        scope.whole_path(&mention.module, &mention.path)
    }

    /// The files that define what `path` names.
    fn files_of(&self, path: &[String], depth: usize) -> Vec<String> {
        let mut module: Path = Vec::new();
        for (at, name) in path.iter().enumerate() {
            let Some(scopes) = self.scopes.get(&module) else { return Vec::new() };
            let rest = &path[at + 1..];
            let is_last = rest.is_empty();
            let child = scopes.iter().any(|scope| scope.children.contains(name));
            let item =
                scopes.iter().any(|s| s.imports.contains_key(name) || s.defined.contains(name));
            if child && !(is_last && item) {
                module.push(name.clone());
                continue;
            }
            let mut found = Vec::new();
            if module.is_empty() {
                found.extend(self.exported.get(name).cloned());
            }
            for scope in scopes.iter().filter(|_| depth < 32) {
                if let Some(imports) = scope.imports.get(name) {
                    for import in imports.iter().flatten() {
                        let whole: Path = import.iter().chain(rest).cloned().collect();
                        found.extend(self.files_of(&whole, depth + 1));
                    }
                } else if scope.defined.contains(name) {
                    found.push(scope.file.clone());
                } else {
                    for glob in &scope.globs {
                        let whole: Path = glob.iter().chain(&path[at..]).cloned().collect();
                        found.extend(self.files_of(&whole, depth + 1));
                    }
                }
            }
            // Items that a macro makes have no name in the text, so the path ends at the macro.
            let unknown = !item && found.is_empty() && scopes.iter().all(|s| s.globs.is_empty());
            if unknown {
                found.extend(scopes.iter().map(|scope| scope.file.clone()));
            }
            return found;
        }
        Vec::new()
    }
}

impl Scope {
    /// A path that is written in this scope, from the crate's root.
    fn whole_path(&self, module: &[String], path: &[String]) -> Option<Path> {
        let mut base = module.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => drop(base.pop()),
            first => {
                if let Some(imports) = self.imports.get(first) {
                    let import = imports.iter().flatten().next()?;
                    return Some(import.iter().chain(&path[1..]).cloned().collect());
                }
                let here = self.children.contains(first) || self.defined.contains(first);
                return here.then(|| module.iter().chain(path).cloned().collect());
            }
        }
        rest = &rest[1..];
        while rest.first().is_some_and(|word| word == "super") {
            base.pop();
            rest = &rest[1..];
        }
        Some(base.into_iter().chain(rest.iter().cloned()).collect())
    }
}

// ---- a file ----

/// Reads one file into a crate.
struct Reader<'a> {
    text: &'a str,
    code: &'a str,
    tokens: &'a [(usize, &'a str)],
    file: &'a str,
    into: &'a mut Crate,
    /// The files that are still to be read.
    open: &'a mut Vec<(String, Path)>,
}

impl Reader<'_> {
    fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.1)
    }

    fn line(&self, at: usize) -> usize {
        line_of(self.code, self.tokens.get(at).map_or(self.code.len(), |token| token.0))
    }

    /// Reads a module from the token at `at` to the brace that ends it; returns where that is.
    fn module(&mut self, mut at: usize, module: Path) -> usize {
        let mut scope = Scope {
            file: self.file.to_owned(),
            children: BTreeSet::new(),
            imports: BTreeMap::new(),
            globs: Vec::new(),
            defined: BTreeSet::new(),
        };
        let mut reexported = BTreeSet::new();
        let mut depth = 0;
        let start = at;
        let mut nested = Vec::new();
        while at < self.tokens.len() {
            match self.word(at) {
                "{" => depth += 1,
                "}" if depth == 0 => break,
                "}" => depth -= 1,
                "mod" if is_name(self.word(at + 1)) => {
                    let child: Path =
                        module.iter().cloned().chain([self.word(at + 1).to_owned()]).collect();
                    scope.children.insert(child[child.len() - 1].clone());
                    if self.word(at + 2) == "{" {
                        let end = self.module(at + 3, child);
                        nested.push(at..end);
                        at = end;
                    } else {
                        self.child(at, child);
                    }
                }
                "use" if self.word(at + 1) != "<" => {
                    at = self.import(at, &module, &mut scope, &mut reexported);
                }
                "macro_rules" => {
                    let name = self.word(at + 2).to_owned();
                    if self.attributes(at).contains("macro_export") {
                        self.into.exported.insert(name.clone(), self.file.to_owned());
                    }
                    scope.defined.insert(name);
                }
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" => {
                    let next = if self.word(at + 1) == "mut" { at + 2 } else { at + 1 };
                    if is_name(self.word(next)) {
                        scope.defined.insert(self.word(next).to_owned());
                    }
                }
                _ => {}
            }
            at += 1;
        }
        self.paths(start..at, &nested, &module, &reexported);
        self.into.scopes.entry(module).or_default().push(scope);
        at
    }

    /// The attributes, or what else stands, in front of the item at `at`.
    fn attributes(&self, at: usize) -> &str {
        let end = self.tokens[at].0;
        let start = self.code[..end].rfind([';', '{', '}']).map_or(0, |n| n + 1);
        &self.text[start..end]
    }

    /// Notes the files of `mod name;`.
    fn child(&mut self, at: usize, child: Path) {
        let attributes = self.attributes(at);
        let folder = match self.file {
            "lib.rs" => String::new(),
            file if is_root(file) => file.trim_end_matches("mod.rs").to_owned(),
            file => format!("{}/", file.trim_end_matches(".rs")),
        };
        let name = &child[child.len() - 1];
        let other = attributes.split("path = \"").skip(1).filter_map(|rest| rest.split('"').next());
        let beside = self.file.rfind('/').map_or("", |end| &self.file[..=end]);
        let mut files: Vec<String> = other.map(|path| format!("{beside}{path}")).collect();
        files.push(format!("{folder}{name}.rs"));
        files.push(format!("{folder}{name}/mod.rs"));
        self.open.extend(files.into_iter().map(|file| (file, child.clone())));
    }

    /// Reads the `use` at `at`; returns where its `;` is.
    fn import(
        &mut self,
        at: usize,
        module: &Path,
        scope: &mut Scope,
        reexported: &mut BTreeSet<String>,
    ) -> usize {
        let is_reexport = matches!(self.word(at.wrapping_sub(1)), "pub" | ")");
        let mut leaves = Vec::new();
        let end = self.tree(at + 1, &mut Vec::new(), &mut leaves);
        for Leaf { at, path, name } in leaves {
            let first = path[0].as_str();
            let root = match first {
                "crate" | "self" | "super" => scope.whole_path(module, &path),
                // This may be a child or another crate, since `mod` lines may come later.
                first => {
                    let child = self.declares(first, module);
                    child.then(|| module.iter().chain(&path).cloned().collect())
                }
            };
            match name.as_deref() {
                Some("*") => scope.globs.extend(root),
                Some(name) => {
                    if is_reexport {
                        reexported.insert(name.to_owned());
                    }
                    // `pub(crate) use a_macro;` gives a name to what is here.
                    if path.len() > 1 || name != first {
                        scope.imports.entry(name.to_owned()).or_default().push(root);
                    }
                }
                None => {}
            }
            let (file, line) = (self.file.to_owned(), self.line(at));
            let mention = Mention { file, module: module.clone(), line, path, is_reexport };
            self.into.mentions.push(mention);
        }
        end
    }

    /// Whether the file has `mod name`, for a module without inline ones around it.
    fn declares(&self, name: &str, _module: &Path) -> bool {
        self.tokens.windows(2).any(|pair| pair[0].1 == "mod" && pair[1].1 == name)
    }

    /// Reads one branch of a `use`; returns where it ends.
    fn tree(&self, mut at: usize, path: &mut Path, leaves: &mut Vec<Leaf>) -> usize {
        let from = path.len();
        loop {
            match self.word(at) {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while !matches!(self.word(at), "}" | "") {
                        at =
                            if self.word(at) == "," { at + 1 } else { self.tree(at, path, leaves) };
                    }
                    path.truncate(from);
                    return at + 1;
                }
                "*" => {
                    leaves.push(Leaf { at, path: path.clone(), name: Some("*".into()) });
                    path.truncate(from);
                    return at + 1;
                }
                word if is_name(word) && word != "as" => {
                    if word != "self" || path.is_empty() {
                        path.push(word.to_owned());
                    }
                    at += 1;
                }
                _ => break,
            }
        }
        let mut name = path.last().cloned();
        let place = at - 1;
        if self.word(at) == "as" {
            name = Some(self.word(at + 1).to_owned()).filter(|name| name != "_");
            at += 2;
        }
        if !path.is_empty() {
            leaves.push(Leaf { at: place, path: path.clone(), name });
        }
        path.truncate(from);
        // Always moves on, whatever comes.
        if matches!(self.word(at), "," | "}" | ";" | "") { at } else { at + 1 }
    }

    /// Notes the paths in the code, and the names that are re-exported and used here as well.
    fn paths(
        &mut self,
        range: std::ops::Range<usize>,
        nested: &[std::ops::Range<usize>],
        module: &Path,
        reexported: &BTreeSet<String>,
    ) {
        let mut at = range.start;
        while at < range.end {
            if let Some(inner) = nested.iter().find(|inner| inner.contains(&at)) {
                at = inner.end;
                continue;
            }
            if self.word(at) == "use" && self.word(at + 1) != "<" {
                while !matches!(self.word(at), ";" | "") {
                    at += 1;
                }
                continue;
            }
            let before = self.word(at.wrapping_sub(1));
            let first = self.word(at);
            let starts = is_name(first) && !matches!(before, "::" | "." | "fn" | "mod" | "'");
            if !starts {
                at += 1;
                continue;
            }
            let place = at;
            let mut path = vec![first.to_owned()];
            while self.word(at + 1) == "::" && is_name(self.word(at + 2)) {
                path.push(self.word(at + 2).to_owned());
                at += 2;
            }
            let used = self.word(place).starts_with(char::is_uppercase)
                || matches!(self.word(at + 1), "(" | "!");
            if path.len() > 1 || (reexported.contains(&path[0]) && used) {
                let (file, line) = (self.file.to_owned(), self.line(place));
                let module = module.clone();
                let mention = Mention { file, module, line, path, is_reexport: false };
                self.into.mentions.push(mention);
            }
            at += 1;
        }
    }
}

/// One name that a `use` brings in.
struct Leaf {
    at: usize,
    path: Path,
    /// The name that it has in this file; `*` for all names.
    name: Option<String>,
}

fn is_name(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// Blanks the items under `#[cfg(test)]`, of every kind. Lines stay.
fn without_test_items(code: &str) -> String {
    let mut out = code.to_owned();
    for start in ["#[cfg(test)]", "#[cfg(all(test"] {
        let mut from = 0;
        while let Some(found) = out[from..].find(start) {
            let start = from + found;
            let end = item_end(&out, start);
            let blanked: String =
                out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            from = start + blanked.len();
            out.replace_range(start..end, &blanked);
        }
    }
    out
}

/// Where the item ends whose attributes begin at `start`: behind its `;`, or behind its block.
fn item_end(code: &str, start: usize) -> usize {
    let mut round = 0_usize;
    let mut braces = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round = round.saturating_sub(1),
            b'{' => braces += 1,
            b'}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return at + 1;
                }
            }
            b';' if round == 0 && braces == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The messages about circles that nobody admitted, and about admitted ones that are not there.
pub(crate) fn refused(found: &[Circle], admitted: &[Admitted]) -> Vec<String> {
    let is = |circle: &Circle, admitted: &Admitted| circle.members == admitted.members;
    let mut texts: Vec<String> = found
        .iter()
        .filter(|circle| !admitted.iter().any(|admitted| is(circle, admitted)))
        .map(Circle::describe)
        .collect();
    if admitted.len() > MOST_ADMITTED {
        texts.push(format!(
            "{} circles are admitted, and at most {MOST_ADMITTED} may be",
            admitted.len()
        ));
    }
    for admitted in admitted {
        if !found.iter().any(|circle| is(circle, admitted)) {
            texts.push(format!("the admitted circle `{}` is no more: take it out", admitted.name));
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(files: &[(&str, &str)]) -> Vec<String> {
        circles(files).into_iter().map(|circle| circle.members.join(" ")).collect()
    }

    #[test]
    fn files_that_import_each_other_are_a_circle() {
        let circle = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B;\npub struct A(B);"),
            ("b.rs", "use crate::c;\npub struct B;\nfn f() { c::g() }"),
            ("c.rs", "pub fn g() {}\n\nfn h(_: super::a::A) {}"),
        ];
        let found = circles(&circle);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].members, ["a.rs", "b.rs", "c.rs"]);
        let lines: Vec<String> =
            found[0].edges.iter().map(|edge| format!("{}:{}", edge.from, edge.line)).collect();
        assert_eq!(lines, ["a.rs:1", "b.rs:3", "c.rs:3"]);
    }

    #[test]
    fn one_way_is_no_circle() {
        let line = [
            ("lib.rs", "mod a; mod b; pub use a::A; use crate::b::B;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "//! [`crate::a::A`]\npub struct B; // use crate::a::A;"),
        ];
        assert!(members(&line).is_empty());
    }

    #[test]
    fn tests_do_not_count() {
        let test = "pub struct B;\n#[cfg(test)]\nuse crate::a::A;\n#[cfg(test)]\nfn f(_: [u8; 2]) \
                    { crate::a::g() }\n#[cfg(test)]\nmod tests { use crate::a::A; }";
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", test)];
        assert!(members(&files).is_empty());
    }

    #[test]
    fn reexports_are_followed_to_the_file_that_defines() {
        let files = [
            ("lib.rs", "mod a; mod folder;"),
            ("a.rs", "use crate::folder::B;\npub struct A(B);"),
            ("folder/mod.rs", "mod b; mod c; pub use b::B as Other; pub use self::c::{C, B};"),
            ("folder/b.rs", "use crate::a::A; pub struct B(A);"),
            ("folder/c.rs", "pub struct C; pub struct B;"),
        ];
        // `folder::B` is in `c.rs`, so the files make no circle; the folder and `a.rs` do.
        assert_eq!(members(&files), ["a.rs folder/"]);
    }

    #[test]
    fn a_child_and_its_parent_may_be_a_circle() {
        let child = ("f/child.rs", "use super::Item;\npub struct C(Item);");
        let lib = ("lib.rs", "mod f;");
        let text = "mod child; pub use child::C; pub struct Item;";
        assert!(members(&[lib, child, ("f/mod.rs", text)]).is_empty());
        for uses in ["use child::C;", "pub use child::C; fn f(_: C) {}", "fn f(_: child::C) {}"] {
            let text = format!("mod child; pub struct Item; {uses}");
            assert_eq!(
                members(&[lib, child, ("f/mod.rs", text.as_str())]),
                ["f/child.rs f/mod.rs"],
                "{uses}"
            );
        }
        // A re-export of what is not below is an edge.
        let aside = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub use crate::b::B;\npub struct A;"),
            ("b.rs", "use crate::a::A;\npub struct B(A);"),
        ];
        assert_eq!(members(&aside), ["a.rs b.rs"]);
        // The parent gets it from a third file.
        let text = "mod child; mod item; use item::Item; use child::C;";
        assert!(
            members(&[lib, child, ("f/mod.rs", text), ("f/item.rs", "pub struct Item;")])
                .is_empty()
        );
    }

    #[test]
    fn each_file_of_a_module_counts() {
        let lib = "#[cfg_attr(unix, path = \"a_unix.rs\")]\nmod a;\nmod b;";
        let b = ("b.rs", "use crate::a::A;\npub struct B;");
        let files = [("lib.rs", lib), ("a_unix.rs", "use crate::b::B;\npub struct A;"), b];
        assert_eq!(members(&files), ["a_unix.rs b.rs"]);
    }

    #[test]
    fn inline_modules_and_macros_belong_to_their_file() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "pub mod inner { use super::super::b; pub(crate) use b::make; }"),
            ("b.rs", "macro_rules! make { () => { $crate::a::inner::make!() } }\npub use make;"),
        ];
        // `make` is a re-export: `a.rs` uses nothing of `b.rs`.
        assert!(members(&files).is_empty());
        let uses = ("a.rs", "pub mod inner { use crate::b::make; pub struct A; }");
        let b = ("b.rs", "macro_rules! make { () => { $crate::a::inner::A } }\npub use make;");
        assert_eq!(members(&[files[0], uses, b]), ["a.rs b.rs"]);
    }

    #[test]
    fn folders_are_looked_at_as_one() {
        let files = [
            ("lib.rs", "mod f; mod g;"),
            ("f/mod.rs", "pub mod a; pub mod b;"),
            ("f/a.rs", "use crate::g::c::C;"),
            ("f/b.rs", "pub struct B;"),
            ("g/mod.rs", "pub mod c; pub mod d;"),
            ("g/c.rs", "pub struct C;"),
            ("g/d.rs", "fn f(_: crate::f::b::B) {}"),
        ];
        assert_eq!(members(&files), ["f/ g/"]);
        // A file and the folder of its children count as one.
        let files = [
            ("lib.rs", "mod f; mod g;"),
            ("f.rs", "mod a; use crate::g::G;"),
            ("f/a.rs", "pub struct A;"),
            ("g.rs", "pub struct G;"),
        ];
        assert!(members(&files).is_empty());
    }

    #[test]
    fn circles_are_admitted_by_name() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use super::a;\nfn f() { a::g() }"),
        ];
        let found = circles(&files);
        let admitted = |members| Admitted { name: "both", members, reason: "" };
        assert_eq!(refused(&found, &[]).len(), 1);
        assert!(refused(&found, &[admitted(&["a.rs", "b.rs"])]).is_empty());
        assert_eq!(refused(&found, &[admitted(&["a.rs", "c.rs"])]).len(), 2);
        let gone = refused(&[], &[admitted(&["a.rs", "b.rs"])]);
        assert_eq!(gone, ["the admitted circle `both` is no more: take it out"]);
        let many: Vec<_> = (0..5).map(|_| admitted(&["a.rs", "b.rs"])).collect();
        assert_eq!(refused(&found, &many).len(), 1);
    }
}
