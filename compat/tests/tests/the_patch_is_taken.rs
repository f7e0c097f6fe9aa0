//! Where a feature name is missing or the version is too low, cargo silently takes the registry's
//! tokio and says nothing. So the lock file is looked at, and the names are.

use std::collections::BTreeSet;
use std::path::Path;

fn read(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn no_tokio_of_the_registry_is_in_the_lock() {
    let lock = read("Cargo.lock");
    let packages: Vec<&str> = lock
        .split("[[package]]")
        .filter(|package| package.lines().any(|line| line == "name = \"tokio\""))
        .collect();
    assert_eq!(packages.len(), 1, "{packages:?}");
    assert!(packages[0].contains("\"runtime\""), "not ours: {}", packages[0]);
    assert!(!packages[0].contains("source ="), "not ours: {}", packages[0]);
    // Nor what only the registry's would bring.
    assert!(!lock.contains("name = \"tokio-macros\""));
}

#[test]
fn every_feature_name_of_the_release_is_there() {
    // Those that the release declares, those that its optional dependencies imply, and the
    // unstable.
    const NAMES: &[&str] = &[
        "bytes",
        "default",
        "fs",
        "full",
        "io-std",
        "io-uring",
        "io-util",
        "libc",
        "macros",
        "mio",
        "net",
        "parking_lot",
        "process",
        "rt",
        "rt-multi-thread",
        "schedule-latency",
        "signal",
        "signal-hook-registry",
        "socket2",
        "sync",
        "taskdump",
        "test-util",
        "time",
        "tokio-macros",
        "tracing",
        "windows-sys",
    ];
    let manifest = read("tokio/Cargo.toml");
    let features = manifest.split("[features]").nth(1).unwrap();
    let features = features.split("\n[").next().unwrap();
    let there: BTreeSet<&str> = features
        .lines()
        .filter(|line| !line.starts_with([' ', '#', ']']))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name))
        .collect();
    assert_eq!(there, NAMES.iter().copied().collect());
    assert!(manifest.contains("version = \"1.54."));
}
