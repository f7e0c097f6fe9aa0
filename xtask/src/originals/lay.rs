//! Lays the packages of tests, for each side a workspace with one package for each crate.

use std::fs;
use std::path::{Path, PathBuf};

use super::examples::documentation;
use super::{SIDES, Subject, label};
use crate::sides::{copy_folder, failed, fetch, write};
use crate::{Outcome, commands, root};

/// The packages of tests, on one side.
pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) folder: PathBuf,
}

impl Side {
    /// Where the tests of a crate lie.
    pub(super) fn package(&self, subject: &Subject) -> PathBuf {
        self.folder.join(label(subject))
    }

    /// The folder in which cargo builds.
    pub(super) fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    pub(super) fn cargo(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new("cargo");
        command.args(arguments).current_dir(&self.folder);
        command.env("CARGO_TARGET_DIR", self.target());
        command
    }
}

fn folder() -> PathBuf {
    root().join("target/originals")
}

/// The name of the package with a crate's tests.
pub(super) fn package_name(subject: &Subject) -> String {
    let major = subject.version.split('.').next().unwrap_or_default();
    format!("{}-{major}-tests", subject.name)
}

/// Lets cargo download the crates, and lays their tests for both sides. Without `patched` both have
/// the originals.
pub(super) fn sides(subjects: &[Subject], patched: bool) -> Result<[Side; 2], String> {
    let names: Vec<(&str, &str)> =
        subjects.iter().map(|subject| (subject.name, subject.version)).collect();
    let sources = fetch(&folder().join("fetch"), &names)?;
    let patch = patches(&root().join("compat"))?;
    let places = if patched { SIDES } else { [SIDES[0]; 2] };
    let sides = places.map(|name| Side { name, folder: folder().join(name) });
    for side in &sides {
        let members: Vec<String> =
            subjects.iter().map(|subject| format!("{:?}", label(subject))).collect();
        let mut manifest =
            format!("[workspace]\nresolver = \"2\"\nmembers = [{}]\n", members.join(", "));
        // Names and lines in backtraces are all that is wanted of it.
        manifest += "\n[profile.dev]\ndebug = false\n";
        if side.name == SIDES[1] {
            manifest += &lines(&patch);
        }
        write(&side.folder.join("Cargo.toml"), &manifest)?;
        for (subject, source) in subjects.iter().zip(&sources) {
            lay(subject, source, &side.package(subject))?;
        }
    }
    // Both have one version of everything that is not patched.
    let [originals, ours] = &sides;
    commands::run(originals.cargo(&["metadata", "--quiet", "--format-version=1"]).silent())?;
    if patched {
        let locks = [originals, ours].map(|side| side.folder.join("Cargo.lock"));
        let lock = fs::read_to_string(&locks[0]).map_err(failed(&locks[0]))?;
        let stamp = ours.folder.join("Cargo.lock.originals");
        if fs::read_to_string(&stamp).ok().as_ref() != Some(&lock) {
            write(&locks[1], &lock)?;
            write(&stamp, &lock)?;
        }
        commands::run(ours.cargo(&["metadata", "--quiet", "--format-version=1"]).silent())?;
        let lock = fs::read_to_string(&locks[1]).map_err(failed(&locks[1]))?;
        taken(&lock, &patch)?;
    }
    Ok(sides)
}

trait Silent {
    /// Without what the program writes to its standard output.
    fn silent(self) -> Self;
}

impl Silent for std::process::Command {
    fn silent(mut self) -> Self {
        self.stdout(std::process::Stdio::null());
        self
    }
}

// ---- the patch ----

/// The lines at the end of a manifest that put all packages of `compat` in place of the originals.
pub(crate) fn patch_lines() -> Result<String, String> {
    Ok(lines(&patches(&root().join("compat"))?))
}

fn lines(patches: &[Patch]) -> String {
    let mut lines = String::from("\n[patch.crates-io]\n");
    patches.iter().for_each(|patch| lines += &format!("{}\n", patch.line));
    lines
}

/// A package that stands in for another.
#[derive(Debug, PartialEq)]
struct Patch {
    name: String,
    version: String,
    /// Its line in a table `[patch.crates-io]`.
    line: String,
}

/// The patches of the workspace `compat`.
fn patches(workspace: &Path) -> Result<Vec<Patch>, String> {
    let read = |path: PathBuf| fs::read_to_string(&path).map_err(failed(&path));
    let mut patches = Vec::new();
    for (key, path) in patch_table(&read(workspace.join("Cargo.toml"))?) {
        let folder = workspace.join(&path);
        let manifest = read(folder.join("Cargo.toml"))?;
        let value = |key: &str| {
            let start = format!("{key} = \"");
            let line = manifest.lines().find_map(|line| line.strip_prefix(&start))?;
            Some(line.trim_end_matches('"').to_owned())
        };
        let missing = || format!("{} has no name or no version", folder.display());
        let (name, version) = value("name").zip(value("version")).ok_or_else(missing)?;
        let line = format!("{key} = {{ package = {name:?}, path = {folder:?} }}");
        patches.push(Patch { name, version, line });
    }
    Ok(patches)
}

/// The keys of a manifest's table `[patch.crates-io]`, and the paths behind them.
fn patch_table(manifest: &str) -> Vec<(String, String)> {
    let table = manifest.split("[patch.crates-io]\n").nth(1).unwrap_or_default();
    let lines = table.lines().take_while(|line| !line.starts_with('['));
    let entry = |line: &str| {
        let (key, value) = line.split_once(" = ")?;
        let path = value.split("path = \"").nth(1)?.split('"').next()?;
        Some((key.to_owned(), path.to_owned()))
    };
    lines.filter_map(entry).collect()
}

/// An error if cargo has taken a crate of the registry although a package stands in for it: it does
/// so, and hardly says it, where a version or a feature name does not fit.
fn taken(lock: &str, patches: &[Patch]) -> Outcome {
    for package in lock.split("[[package]]\n") {
        let value = |key: &str| {
            let start = format!("{key} = \"");
            package.lines().find_map(|line| line.strip_prefix(&start))?.strip_suffix('"')
        };
        let (Some(name), Some(version)) = (value("name"), value("version")) else { continue };
        let compatible =
            |patch: &&Patch| patch.name == name && breaking(&patch.version) == breaking(version);
        if let Some(patch) = patches.iter().find(compatible) {
            if value("source").is_some() {
                return Err(format!(
                    "cargo has taken {name} {version} of the registry, not the stand-in, which is {}: \
                     the version does not fit, or a feature name is missing",
                    patch.version
                ));
            }
        }
    }
    Ok(())
}

/// The part of a version that changes when something breaks.
fn breaking(version: &str) -> &str {
    let zeros = version.len() - version.trim_start_matches(['0', '.']).len();
    let end = version[zeros..].find('.').map_or(version.len(), |dot| zeros + dot);
    &version[..end]
}

// ---- a package of tests ----

fn lay(subject: &Subject, source: &Path, package: &Path) -> Outcome {
    let stamp = package.join("laid");
    let laid = label(subject);
    let path = source.join("Cargo.toml");
    let original = fs::read_to_string(&path).map_err(failed(&path))?;
    write(&package.join("Cargo.toml"), &manifest(subject, &original)?)?;
    if fs::read_to_string(&stamp).is_ok_and(|old| old == laid) {
        return Ok(());
    }
    for part in ["tests", "examples"] {
        if source.join(part).exists() {
            copy_folder(&source.join(part), &package.join(part))?;
        }
    }
    let mut modules = String::new();
    for file in sources(&source.join("src"))? {
        let path = source.join("src").join(&file);
        let text = fs::read_to_string(&path).map_err(failed(&path))?;
        let elsewhere = ["windows", "wasm", "kqueue"].iter().any(|word| file.contains(word));
        if let Some(text) = documentation(&text).filter(|_| !elsewhere) {
            // The place is kept, but that of the root itself, which has the modules here.
            let place = if file == "lib.rs" { "crate.rs" } else { &file };
            let module = place.trim_end_matches(".rs").replace(['/', '-'], "_");
            modules += &format!("#[path = {place:?}]\npub mod {module}_;\n");
            write(&package.join("src").join(place), &text)?;
        }
    }
    write(&package.join("src/lib.rs"), &modules)?;
    write(&stamp, &laid)
}

/// The source files of a folder and of those in it, as paths from it.
fn sources(folder: &Path) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(sources(&path)?.into_iter().map(|file| format!("{name}/{file}")));
        } else if name.ends_with(".rs") {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

/// The manifest of a package with a crate's tests: the crate, and what the crate's own manifest
/// says that it and its tests need.
fn manifest(subject: &Subject, original: &str) -> Result<String, String> {
    let edition = original.lines().find_map(|line| line.strip_prefix("edition = "));
    let edition = edition.ok_or_else(|| format!("{} has no edition", label(subject)))?;
    let mut text = format!(
        "[package]\nname = {:?}\nversion = \"0.0.0\"\nedition = {edition}\npublish = false\n\n\
         [lib]\ntest = false\n\n\
         [dependencies.{}]\nversion = \"={}\"\nfeatures = {:?}\n",
        package_name(subject),
        subject.name,
        subject.version,
        subject.features
    );
    // Tests ask for the features of their own crate.
    text += &format!("\n[features]\ndefault = {:?}\n", subject.features);
    subject.features.iter().for_each(|feature| text += &format!("{feature} = []\n"));
    for table in original.split("\n[").skip(1) {
        let (head, body) = table.split_once("]\n").unwrap_or((table, ""));
        let (kind, name) = head.rsplit_once('.').unwrap_or((head, ""));
        let dependency = kind.ends_with("dependencies") && !kind.ends_with("build-dependencies");
        let elsewhere = ["windows)", "wasm"].iter().any(|word| kind.contains(word));
        let (optional, body): (Vec<&str>, Vec<&str>) =
            body.trim_end().lines().partition(|line| *line == "optional = true");
        let used = optional.is_empty() || subject.with.contains(&name);
        if dependency && !elsewhere && used && !subject.without.contains(&name) {
            text += &format!("\n[{head}]\n{}\n", body.join("\n"));
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::subject;
    use super::*;

    #[test]
    fn a_manifest_has_the_crate_and_what_its_tests_need() {
        let original = "[package]\nname = \"x\"\nedition = \"2021\"\n\n[features]\na = []\n\n\
                        [dependencies.one]\nversion = \"1\"\n\n\
                        [dependencies.two]\nversion = \"1\"\noptional = true\n\n\
                        [dependencies.five]\nversion = \"1\"\noptional = true\n\n\
                        [dev-dependencies.criterion]\nversion = \"1\"\n\n\
                        [target.'cfg(target_os = \"linux\")'.dev-dependencies.three]\nversion = \"1\"\n\n\
                        [target.\"cfg(windows)\".dev-dependencies.four]\nversion = \"1\"\n";
        let with = Subject { with: &["five"], features: &["a"], ..subject("x", "1.2.3") };
        let text = manifest(&with, original).unwrap();
        assert!(text.contains("[dependencies.x]\nversion = \"=1.2.3\"\n"));
        assert!(text.contains("edition = \"2021\"\n"));
        assert!(text.contains("\n[dependencies.one]\nversion = \"1\"\n"));
        assert!(text.contains("\n[dependencies.five]\nversion = \"1\"\n"));
        assert!(text.contains("\n[features]\ndefault = [\"a\"]\na = []\n"));
        assert!(text.contains("\n[target.'cfg(target_os = \"linux\")'.dev-dependencies.three]\n"));
        for other in ["two", "criterion", "four", "optional"] {
            assert!(!text.contains(other), "{other} in {text}");
        }
    }

    #[test]
    fn patches_are_those_of_the_table() {
        let manifest = "[workspace]\nx = 1\n\n[patch.crates-io]\none = { path = \"one\" }\n\
                        two-1 = { package = \"two\", path = \"old/two\" }\n# x\n\n[profile.dev]\ny = { path = \"z\" }\n";
        let text = |key: &str, path: &str| (key.to_owned(), path.to_owned());
        assert_eq!(patch_table(manifest), [text("one", "one"), text("two-1", "old/two")]);
    }

    #[test]
    fn a_crate_of_the_registry_is_noticed() {
        let patch = |version: &str| {
            [Patch { name: "one".into(), version: version.into(), line: String::new() }]
        };
        let lock = "[[package]]\nname = \"one\"\nversion = \"2.1.0\"\nsource = \"registry\"\n";
        assert!(taken(lock, &patch("2.6.0")).is_err());
        assert!(taken(lock, &patch("1.6.0")).is_ok());
        assert!(taken(&lock.replace("source", "#"), &patch("2.6.0")).is_ok());
        assert_eq!(
            ["1.2.3", "0.2.14", "0.0.3", "12.0.0"].map(breaking),
            ["1", "0.2", "0.0.3", "12"]
        );
    }
}
