//! Where a feature name is missing or the version is too low, cargo silently takes the registry's
//! crate, which brings its own threads. So the lock file is looked at, and the names are.

use std::collections::BTreeSet;
use std::path::Path;

fn read(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The folder, the name and the version of each package, and the features of the release: those
/// that it declares, and those that its optional dependencies imply.
const PACKAGES: [(&str, &str, &str, &[&str]); 8] = [
    ("async-global-executor", "async-global-executor", "3.1.0", &["async-io", "default", "tokio"]),
    (
        "async-global-executor-2",
        "async-global-executor",
        "2.4.1",
        &[
            "async-io",
            "default",
            "tokio",
            "tokio-crate",
            "tokio02",
            "tokio02-crate",
            "tokio03",
            "tokio03-crate",
        ],
    ),
    ("async-io", "async-io", "2.6.0", &["tracing"]),
    ("async-io-1", "async-io", "1.13.0", &[]),
    ("async-process", "async-process", "2.5.0", &["tracing"]),
    ("async-signal", "async-signal", "0.2.14", &[]),
    ("blocking", "blocking", "1.7.0", &["tracing"]),
    ("smol", "smol", "2.0.2", &[]),
];

#[test]
fn no_crate_of_the_registry_is_in_the_lock_that_a_package_stands_for() {
    let lock = read("smol-tests/Cargo.lock");
    let names: BTreeSet<&str> = PACKAGES.iter().map(|(_, name, ..)| *name).collect();
    let mut found = BTreeSet::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key));
            line.map(|value| value.trim_matches(['=', ' ', '"']).to_owned())
        };
        let (name, version) = (value("name").unwrap(), value("version").unwrap());
        if names.contains(name.as_str()) {
            assert_eq!(value("source"), None, "{name} {version} is the registry's");
            found.insert((name, version));
        }
    }
    let all = PACKAGES.iter().map(|(_, name, version, _)| (name.to_string(), version.to_string()));
    assert_eq!(found, all.collect(), "each of them is used here");
}

#[test]
fn names_versions_and_features_are_those_of_the_releases() {
    for (folder, name, version, features) in PACKAGES {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        assert!(manifest.contains(&format!("\nname = \"{name}\"\n")), "{folder}: its name");
        assert!(
            manifest.contains(&format!("\nversion = \"{version}\"\n")),
            "{folder}: its version"
        );
        let section = manifest.split("[features]").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap();
        let lines = section.lines().filter(|line| !line.starts_with(['#', ' ', ']']));
        let there: BTreeSet<&str> =
            lines.filter_map(|line| line.split_once(" = ").map(|(name, _)| name)).collect();
        assert_eq!(there, features.iter().copied().collect(), "{folder}: its features");
    }
}

#[test]
fn every_list_of_the_patches_has_every_package() {
    for list in ["Cargo.toml", "smol-tests/Cargo.toml", "../docs/porting.md"] {
        let text = read(list);
        for (folder, name, ..) in PACKAGES {
            let line = text.lines().find(|line| {
                line.starts_with(&format!("{folder} = {{"))
                    && line.contains(&format!("{folder}\" }}"))
            });
            let line = line.unwrap_or_else(|| panic!("{list} has no patch of {folder}"));
            let renames = line.contains(&format!("package = \"{name}\""));
            assert_eq!(renames, folder != name, "{list}: {line}");
        }
    }
}
