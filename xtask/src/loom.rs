//! Runs the loom models; with `--mutate`, checks that they notice each mutant.
//!
//! A model that passes proves little until it is known what makes it fail. All mutants
//! (`mutants.rs`) are built into one program, in a copy of the tree; for each in turn the models
//! that use the mutated file are run, the nearest first, until one fails; loom makes a deadlock a
//! failure. A mutant that none of them notices is a survivor: either a model is missing, or the
//! ordering is stronger than it must be, or `docs/loom-survivors.md` says why loom cannot see it.
//!
//! A model that runs out of time has noticed nothing yet: the machine may be busy, or the mutant
//! may only make the model slower. The other models go on. If none of them fails either, the mutant
//! is listed as open, and somebody runs that model by hand.
//!
//! A model is taken to use a file when it names the file's module, or names a module that does.
//! Others cannot notice the mutant and are not run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::mutants::{self, Mutant};
use crate::source::{code_only, files, find_word, named_paths};

/// The root of the models.
const TOP: &str = "tests/models/src/lib.rs";

/// Where survivors are explained: a table whose first column is the mutant's name in backticks.
const EXPLAINED: &str = "docs/loom-survivors.md";

/// A model may take this many times as long with a mutant as without, ...
const PATIENCE: u32 = 5;
/// ... and at least this long.
const LEAST_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Default, PartialEq)]
struct Options {
    mutate: bool,
    list: bool,
    all: bool,
    filter: Option<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options::default();
        for argument in arguments {
            match argument.as_str() {
                "--mutate" => options.mutate = true,
                "--list" => options.list = true,
                "--all" => options.all = true,
                flag if flag.starts_with('-') => {
                    return Err(format!("there is no option `{flag}`"));
                }
                filter if options.filter.is_none() => options.filter = Some(filter.into()),
                extra => return Err(format!("one filter is enough; `{extra}` is too much")),
            }
        }
        Ok(options)
    }
}

pub(crate) fn run(root: &Path, arguments: &[String]) -> Outcome {
    let options = Options::parse(arguments)?;
    if options.mutate || options.list {
        return mutate(root, &options);
    }
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["test", "-p", "models", "--release", "--"]);
    command.args(&options.filter);
    crate::commands::run(command)
}

// ---- the tree of the models ----

/// A file that the models are built from, and its module.
#[derive(Debug, Clone)]
struct Module {
    /// From the root, without `..`.
    file: String,
    path: Vec<String>,
}

/// All files that `tests/models` is built from, by following its `mod` lines.
fn modules(root: &Path) -> Vec<Module> {
    let mut found = Vec::new();
    let mut open = VecDeque::new();
    open.push_back((Module { file: TOP.into(), path: Vec::new() }, true));
    while let Some((module, is_directory)) = open.pop_front() {
        let Ok(text) = fs::read_to_string(root.join(&module.file)) else { continue };
        for line in mod_lines(&text) {
            let directory = module.file.rsplit_once('/').map_or("", |(start, _)| start);
            let stem = module.file.rsplit('/').next().unwrap_or("").trim_end_matches(".rs");
            let mut path = module.path.clone();
            path.push(line.name.clone());
            let (file, is_directory) = match line.path {
                Some(relative) => (normal(&format!("{directory}/{relative}")), true),
                None => {
                    let inside = if is_directory {
                        format!("{directory}/{}", line.name)
                    } else {
                        format!("{directory}/{stem}/{}", line.name)
                    };
                    let own = format!("{inside}/mod.rs");
                    if root.join(&own).exists() { (own, true) } else { (inside + ".rs", false) }
                }
            };
            open.push_back((Module { file, path }, is_directory));
        }
        found.push(module);
    }
    found
}

#[derive(Debug, PartialEq)]
struct ModLine {
    name: String,
    path: Option<String>,
}

/// The `mod name;` in `text`, each with the `#[path]` in front of it.
fn mod_lines(text: &str) -> Vec<ModLine> {
    let mut found = Vec::new();
    let mut path = None;
    for line in text.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("#[path = \"") {
            path = rest.split_once('"').map(|(path, _)| path.to_owned());
            continue;
        }
        let without_visibility = match line.strip_prefix("pub") {
            Some(rest) if rest.starts_with('(') => rest.split_once(')').map_or("", |(_, r)| r),
            Some(rest) => rest,
            None => line,
        };
        let name = without_visibility
            .trim_start()
            .strip_prefix("mod ")
            .and_then(|rest| rest.split_once(';'))
            .map(|(name, _)| name.trim().to_owned());
        match name {
            Some(name) => found.push(ModLine { name, path: path.take() }),
            // Other attributes may stand between the two.
            None if line.starts_with("#[") || line.starts_with("//") => {}
            None => path = None,
        }
    }
    found
}

/// Takes the `..` out of a path.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// How many steps each module is away from each that it uses, itself included.
struct Uses {
    modules: Vec<Module>,
    direct: Vec<BTreeSet<usize>>,
}

impl Uses {
    fn new(root: &Path) -> Uses {
        let modules = modules(root);
        let codes: Vec<String> = modules
            .iter()
            .map(|module| {
                code_only(&fs::read_to_string(root.join(&module.file)).unwrap_or_default())
            })
            .collect();
        let direct = modules
            .iter()
            .zip(&codes)
            .map(|(module, code)| {
                let mut used = BTreeSet::new();
                for path in named_paths(code, &module.path) {
                    let Some(owner) = owner(&modules, &path.segments) else { continue };
                    used.insert(owner);
                    // An item of a module may be one that it re-exports from a child.
                    if let Some(item) = path.segments.get(modules[owner].path.len()) {
                        add_children_with(&modules, &codes, owner, item, &mut used);
                    }
                }
                used
            })
            .collect();
        Uses { modules, direct }
    }

    /// The steps from the module that a test stands in to `file`.
    fn distance(&self, test: &str, file: &str) -> Option<usize> {
        let segments: Vec<String> = test.split("::").map(str::to_owned).collect();
        let start = owner(&self.modules, &segments)?;
        let mut steps = BTreeMap::from([(start, 0)]);
        let mut open = VecDeque::from([start]);
        while let Some(at) = open.pop_front() {
            if self.modules[at].file == file {
                return steps.get(&at).copied();
            }
            for &next in &self.direct[at] {
                if !steps.contains_key(&next) {
                    steps.insert(next, steps[&at] + 1);
                    open.push_back(next);
                }
            }
        }
        None
    }

    fn includes(&self, file: &str) -> bool {
        self.modules.iter().any(|module| module.file == file)
    }
}

/// Adds the modules below `parent` that mention `item`.
fn add_children_with(
    modules: &[Module],
    codes: &[String],
    parent: usize,
    item: &str,
    used: &mut BTreeSet<usize>,
) {
    for at in 0..modules.len() {
        let is_child = modules[at].path.len() == modules[parent].path.len() + 1
            && modules[at].path.starts_with(&modules[parent].path);
        if is_child && !find_word(&codes[at], item).is_empty() && used.insert(at) {
            add_children_with(modules, codes, at, item, used);
        }
    }
}

/// The deepest module that a path leads through.
fn owner(modules: &[Module], segments: &[String]) -> Option<usize> {
    (0..modules.len())
        .filter(|&at| !modules[at].path.is_empty() && segments.starts_with(&modules[at].path))
        .max_by_key(|&at| modules[at].path.len())
}

/// The files that the models are built from.
pub(crate) fn included_files(root: &Path) -> BTreeSet<String> {
    modules(root).into_iter().map(|module| module.file).collect()
}

// ---- mutation ----

/// The outcome of a mutant.
#[derive(Debug)]
enum Fate {
    /// The model that failed, and its first words.
    Failed(String, String),
    /// No model failed, but this one did not end in time.
    TooSlow(String),
    Survived(usize),
}

fn mutate(root: &Path, options: &Options) -> Outcome {
    let uses = Uses::new(root);
    let (mut found, mut without_model, mut unnamed) = (Vec::new(), Vec::new(), Vec::new());
    for path in files(&root.join("runtime/src")) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) else { continue };
        let name = name.replace('\\', "/");
        let here = mutants::find(&name, &text);
        if uses.includes(&name) {
            found.extend(here);
            for line in mutants::unnamed_orderings(&text) {
                unnamed.push(format!("{name}:{line}"));
            }
        } else {
            without_model.extend(here);
        }
    }
    let is_chosen = |mutant: &Mutant| {
        options.filter.as_ref().is_none_or(|filter| mutant.name.contains(filter.as_str()))
    };
    // All are built, so that another filter needs no other build.
    let numbered: Vec<(usize, &Mutant)> = (1..).zip(&found).collect();
    let chosen: Vec<(usize, &Mutant)> =
        numbered.iter().copied().filter(|(_, mutant)| is_chosen(mutant)).collect();
    without_model.retain(is_chosen);

    println!("{} mutants in files that a model includes", chosen.len());
    if options.list {
        for (_, mutant) in &chosen {
            println!("  {}  ({}:{})", mutant.name, mutant.file, mutant.line());
        }
    }
    print_list(
        "mutants in files that no model includes, which are not tried",
        &without_model.iter().map(|mutant| mutant.name.clone()).collect::<Vec<_>>(),
    );
    print_list("orderings without a name in files that a model includes", &unnamed);
    if options.list || chosen.is_empty() {
        return Ok(());
    }

    let scratch = Scratch::new(root, &numbered)?;
    let fates = try_all(&scratch, &uses, &chosen, options.all)?;
    report(root, &chosen, &fates)
}

pub(crate) fn print_list(title: &str, names: &[String]) {
    if !names.is_empty() {
        println!("\n{} {title}:", names.len());
        for name in names {
            println!("  {name}");
        }
    }
}

/// Tries each mutant against the models that use its file.
fn try_all(
    scratch: &Scratch,
    uses: &Uses,
    chosen: &[(usize, &Mutant)],
    all: bool,
) -> Result<Vec<Fate>, String> {
    println!("\nbuilding the models with all mutants");
    let binaries = scratch.build()?;
    let mut tests = Vec::new();
    for binary in &binaries {
        tests.extend(list_tests(binary)?);
    }
    let near = |mutant: &Mutant, test: &str| {
        uses.distance(test, &mutant.file).or(if all { Some(usize::MAX) } else { None })
    };
    tests.retain(|test| chosen.iter().any(|(_, mutant)| near(mutant, test).is_some()));

    // How long each model takes without a mutant; run alone, so that the limit is fair.
    let mut takes = BTreeMap::new();
    for test in &tests {
        let start = Instant::now();
        match run_tests(&binaries, 0, &[(test.clone(), Duration::from_secs(600))], 1)? {
            Fate::Survived(_) => takes.insert(test.clone(), start.elapsed()),
            _ => return Err(format!("the model `{test}` does not pass without any mutant")),
        };
    }
    let total: Duration = takes.values().sum();
    println!("{} models concern them, {:.1} s in all\n", takes.len(), total.as_secs_f64());

    let parallel = std::thread::available_parallelism().map_or(1, usize::from);
    let mut fates = Vec::new();
    for (index, &(number, mutant)) in chosen.iter().enumerate() {
        let start = Instant::now();
        let mut order: Vec<(usize, Duration, &String)> = tests
            .iter()
            .filter_map(|test| Some((near(mutant, test)?, takes[test], test)))
            .collect();
        order.sort();
        let order: Vec<(String, Duration)> = order
            .into_iter()
            .map(|(_, takes, test)| (test.clone(), (takes * PATIENCE).max(LEAST_LIMIT)))
            .collect();
        let fate = run_tests(&binaries, number, &order, parallel)?;
        println!(
            "[{}/{}] {:<8} {}  ({:.0} s{})",
            index + 1,
            chosen.len(),
            match &fate {
                Fate::Failed(..) => "caught",
                Fate::TooSlow(_) => "TOO SLOW",
                Fate::Survived(_) => "SURVIVED",
            },
            mutant.name,
            start.elapsed().as_secs_f64(),
            match &fate {
                Fate::Failed(test, words) => format!(", {test}: {words}"),
                Fate::TooSlow(test) => format!(", {test}"),
                Fate::Survived(0) => ", no model uses the file".into(),
                Fate::Survived(count) => format!(", {count} models"),
            },
        );
        fates.push(fate);
    }
    Ok(fates)
}

fn report(root: &Path, chosen: &[(usize, &Mutant)], fates: &[Fate]) -> Outcome {
    let text = fs::read_to_string(root.join(EXPLAINED)).unwrap_or_default();
    let explained = explanations(&text);
    let (mut open, mut slow, mut known, mut stale) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ((_, mutant), fate) in chosen.iter().zip(fates) {
        let reason = explained.get(mutant.name.as_str());
        match (fate, reason) {
            (Fate::Survived(_) | Fate::TooSlow(_), Some(reason)) => {
                known.push(format!("{}: {reason}", mutant.name));
            }
            (Fate::Survived(_), None) => open.push(mutant.name.clone()),
            (Fate::TooSlow(test), None) => slow.push(format!("{}: {test}", mutant.name)),
            (Fate::Failed(..), Some(_)) => stale.push(mutant.name.clone()),
            (Fate::Failed(..), None) => {}
        }
    }
    let caught = fates.iter().filter(|fate| matches!(fate, Fate::Failed(..))).count();
    println!("\n{} mutants, {caught} caught", chosen.len());
    print_list("survivors that are explained", &known);
    print_list(&format!("mutants that {EXPLAINED} explains but a model caught"), &stale);
    print_list("mutants with which a model only runs too long: run it by hand", &slow);
    print_list("survivors that nobody explains", &open);
    if open.is_empty() && slow.is_empty() {
        Ok(())
    } else {
        Err(format!(
            "no model notices {} mutants, {} only take long; a model is missing, or a reason in \
             {EXPLAINED}",
            open.len(),
            slow.len()
        ))
    }
}

/// The table's rows: name and reason.
pub(crate) fn explanations(text: &str) -> BTreeMap<&str, &str> {
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.trim().strip_prefix("| `")?.split_once("` |")?;
            let reason = rest.trim().trim_end_matches('|').trim();
            (!reason.is_empty()).then_some((name, reason))
        })
        .collect()
}

// ---- building and running ----

/// A copy of what the models are built from, with mutants in it.
struct Scratch {
    tree: PathBuf,
    target: PathBuf,
}

impl Scratch {
    fn new(root: &Path, mutants: &[(usize, &Mutant)]) -> Result<Scratch, String> {
        let base = root.join("target").join("mutants");
        let scratch = Scratch { tree: base.join("tree"), target: base.join("target") };
        scratch.fill(root).map_err(|error| format!("copying the tree: {error}"))?;
        scratch.arm(mutants).map_err(|error| format!("writing the mutants: {error}"))?;
        Ok(scratch)
    }

    fn fill(&self, root: &Path) -> std::io::Result<()> {
        if self.tree.exists() {
            fs::remove_dir_all(&self.tree)?;
        }
        for part in ["runtime/src", "tests/models"] {
            for from in files(&root.join(part)) {
                let inside = from.strip_prefix(root).expect("a file under the root");
                let to = self.tree.join(inside);
                fs::create_dir_all(to.parent().expect("a file has a folder"))?;
                fs::copy(&from, &to)?;
            }
        }
        let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
        fs::write(self.tree.join("Cargo.toml"), models_only(&manifest))?;
        if root.join("Cargo.lock").exists() {
            fs::copy(root.join("Cargo.lock"), self.tree.join("Cargo.lock"))?;
        }
        Ok(())
    }

    fn arm(&self, mutants: &[(usize, &Mutant)]) -> std::io::Result<()> {
        let mut of_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
        for &(number, mutant) in mutants {
            of_file.entry(&mutant.file).or_default().push((number, mutant));
        }
        for (file, mutants) in of_file {
            let path = self.tree.join(file);
            fs::write(&path, mutants::arm(&fs::read_to_string(&path)?, &mutants))?;
        }
        let top = self.tree.join(TOP);
        fs::write(&top, fs::read_to_string(&top)? + mutants::SWITCH)
    }

    /// Builds the models' tests.
    fn build(&self) -> Result<Vec<PathBuf>, String> {
        let output = Command::new("cargo")
            .current_dir(&self.tree)
            .args(["test", "-p", "models", "--release", "--no-run"])
            // The compiler's messages go to stderr, the list of artifacts to stdout.
            .arg("--message-format=json-render-diagnostics")
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .output()
            .map_err(|error| format!("cargo: {error}"))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            return Err(format!("the models do not build with the mutants:\n{words}"));
        }
        Ok(executables(&String::from_utf8_lossy(&output.stdout)))
    }
}

/// The workspace's manifest with the models as its only member.
fn models_only(manifest: &str) -> String {
    with_members(manifest, "members = [\"tests/models\"]")
}

/// The workspace's manifest with another list of members.
pub(crate) fn with_members(manifest: &str, members: &str) -> String {
    let mut out = String::new();
    let mut inside_list = false;
    for line in manifest.lines() {
        let starts = line.starts_with("members") || line.starts_with("default-members");
        if line.starts_with("members") {
            out.push_str(members);
            out.push('\n');
        }
        if starts || inside_list {
            inside_list = !line.contains(']');
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// The test binaries in cargo's messages.
pub(crate) fn executables(messages: &str) -> Vec<PathBuf> {
    messages
        .lines()
        .filter(|line| line.contains("\"reason\":\"compiler-artifact\""))
        .filter(|line| line.contains("\"test\":true"))
        .filter_map(|line| {
            let (_, rest) = line.split_once("\"executable\":\"")?;
            Some(PathBuf::from(rest.split_once('"')?.0))
        })
        .collect()
}

pub(crate) fn list_tests(binary: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(binary)
        .args(["--list", "--format=terse"])
        .output()
        .map_err(|error| format!("{}: {error}", binary.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect())
}

struct Running {
    test: String,
    child: Child,
    /// Reads what the model prints, and ends with it.
    output: JoinHandle<String>,
    until: Instant,
}

/// Runs tests of the mutant with that number, some at a time, until one fails.
fn run_tests(
    binaries: &[PathBuf],
    mutant: usize,
    tests: &[(String, Duration)],
    parallel: usize,
) -> Result<Fate, String> {
    let mut waiting: VecDeque<&(String, Duration)> = tests.iter().collect();
    let mut running: Vec<Running> = Vec::new();
    let mut fate = Fate::Survived(tests.len());
    while !(waiting.is_empty() && running.is_empty()) {
        while running.len() < parallel {
            let Some((test, limit)) = waiting.pop_front() else { break };
            // Each test is in one binary; the other binaries have nothing to run and succeed.
            for binary in binaries {
                let mut child = Command::new(binary)
                    .args(["--exact", test.as_str(), "--test-threads=1"])
                    .env(mutants::VARIABLE, mutant.to_string())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .map_err(|error| format!("{}: {error}", binary.display()))?;
                let mut pipe = child.stdout.take().expect("it is piped");
                let output = std::thread::spawn(move || {
                    let mut text = Vec::new();
                    // The part that was read before an error is better than nothing.
                    let _ = pipe.read_to_end(&mut text);
                    String::from_utf8_lossy(&text).into_owned()
                });
                let until = Instant::now() + *limit;
                running.push(Running { test: test.clone(), child, output, until });
            }
        }
        std::thread::sleep(Duration::from_millis(5));
        let mut still = Vec::new();
        for mut one in running {
            match one.child.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => {}
                Some(_) => {
                    let words = first_words(&one.output.join().unwrap_or_default());
                    fate = Fate::Failed(one.test, words);
                }
                None if Instant::now() > one.until => {
                    kill(&mut one.child);
                    if let Fate::Survived(_) = fate {
                        fate = Fate::TooSlow(one.test);
                    }
                }
                None => still.push(one),
            }
        }
        running = still;
        if let Fate::Failed(..) = fate {
            break;
        }
    }
    for mut one in running {
        kill(&mut one.child);
    }
    Ok(fate)
}

fn kill(child: &mut Child) {
    // The process may just have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// The first words of a failed test: the line after the first `panicked at`.
fn first_words(output: &str) -> String {
    let mut lines = output.lines().skip_while(|line| !line.contains("panicked at")).skip(1);
    let line = lines.next().unwrap_or("it ended without a panic").trim();
    // A deadlock is followed by the state of every thread.
    line.split("; threads").next().unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_read() {
        let options = Options::parse(&words("--mutate state.rs")).unwrap();
        assert!(options.mutate && !options.list);
        assert_eq!(options.filter.as_deref(), Some("state.rs"));
        for wrong in ["--mutat", "a b"] {
            assert!(Options::parse(&words(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mod_lines_have_their_paths() {
        let text = "#[path = \"../a.rs\"]\n#[allow(x)]\npub(crate) mod a;\nmod b;\npub mod c { }\n\
                    #[path = \"lost.rs\"]\nuse d;\nmod e;";
        let found: Vec<(String, Option<String>)> =
            mod_lines(text).into_iter().map(|line| (line.name, line.path)).collect();
        assert_eq!(
            found,
            [
                ("a".to_owned(), Some("../a.rs".to_owned())),
                ("b".to_owned(), None),
                ("e".to_owned(), None),
            ]
        );
        assert_eq!(normal("tests/models/src/../../../runtime/src/a.rs"), "runtime/src/a.rs");
    }

    #[test]
    fn models_of_this_tree_reach_the_production_source() {
        let uses = Uses::new(&crate::root());
        let production =
            uses.modules.iter().filter(|module| module.file.starts_with("runtime/src/"));
        let mut count = 0;
        for module in production {
            assert!(crate::root().join(&module.file).exists(), "{}", module.file);
            count += 1;
        }
        assert!(count > 0);
        // Named by its re-export: `crate::sync::Notify`.
        let distance = |file: &str| uses.distance("models::notify::it", file);
        assert!(distance("runtime/src/sync/notify.rs").is_some());
        assert!(distance("runtime/src/engine/blocking/queue.rs").is_none());
    }

    #[test]
    fn distance_counts_the_steps_of_use() {
        let module = |file: &str, path: &str| Module {
            file: file.into(),
            path: path.split("::").map(str::to_owned).collect(),
        };
        let uses = Uses {
            modules: vec![
                module("m.rs", "models::m"),
                module("a.rs", "engine::a"),
                module("b.rs", "engine::b"),
                module("c.rs", "engine::c"),
            ],
            direct: vec![
                BTreeSet::from([1]),
                BTreeSet::from([2]),
                BTreeSet::from([1]),
                BTreeSet::new(),
            ],
        };
        assert_eq!(uses.distance("models::m::it_works", "a.rs"), Some(1));
        assert_eq!(uses.distance("models::m::it_works", "b.rs"), Some(2));
        assert_eq!(uses.distance("models::m::it_works", "c.rs"), None);
        assert_eq!(uses.distance("elsewhere::it_works", "c.rs"), None);
    }

    #[test]
    fn manifest_keeps_everything_but_its_members() {
        let manifest = "[workspace]\nmembers = [\n  \"a\",\n  \"b\",\n]\ndefault-members = [\"a\"]\n\
                        [workspace.package]\nedition = \"2024\"\n";
        assert_eq!(
            models_only(manifest),
            "[workspace]\nmembers = [\"tests/models\"]\n[workspace.package]\nedition = \"2024\"\n"
        );
    }

    #[test]
    fn explanations_are_rows_of_a_table() {
        let text = "# Survivors\n\n| mutant | reason |\n|---|---|\n| `a.rs: X Acquire -> Relaxed` | loom has no such thing |\n| `b` | |\n";
        let found = explanations(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found["a.rs: X Acquire -> Relaxed"], "loom has no such thing");
    }

    #[test]
    fn first_words_are_those_of_the_panic() {
        let output = "running 1 test\n\nthread 'a' (1) panicked at x.rs:1:2:\n\
                      deadlock; threads = [(Id(0), Blocked)]\nnote: more\n";
        assert_eq!(first_words(output), "deadlock");
        assert_eq!(first_words("killed"), "it ended without a panic");
    }

    #[test]
    fn executables_are_those_of_tests() {
        let messages = "{\"reason\":\"compiler-artifact\",\"profile\":{\"test\":true},\"executable\":\"x/models-1\"}\n\
                        {\"reason\":\"compiler-artifact\",\"profile\":{\"test\":false},\"executable\":\"x/y\"}\n\
                        {\"reason\":\"compiler-artifact\",\"profile\":{\"test\":true},\"executable\":null}\n";
        assert_eq!(executables(messages), [PathBuf::from("x/models-1")]);
    }
}
