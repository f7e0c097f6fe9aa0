//! The law of the crates: what a program compiles that depends on `runtime` and sets no feature.
//!
//! Each crate is paid for by every first build of every user, and nobody sees when one more comes
//! in by a dependency of a dependency. So they are listed, and `cargo tree` is asked.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// All crates of a default build on Linux, `runtime` included.
const OF_A_DEFAULT_BUILD: &[&str] = &[
    "bytes",
    "cfg-if",
    "crossbeam-deque",
    "crossbeam-epoch",
    "crossbeam-utils",
    "errno",
    "futures-core",
    "gimli",
    "libc",
    "lock_api",
    "mio",
    "num_cpus",
    "parking_lot",
    "parking_lot_core",
    "pin-project-lite",
    "runtime",
    "runtime-macros",
    "rustc-demangle",
    "scopeguard",
    "signal-hook-registry",
    "smallvec",
    "socket2",
];

/// What differs from the list, in words.
pub(crate) fn differences(root: &Path) -> Result<Vec<String>, String> {
    let mut tree = Command::new("cargo");
    tree.current_dir(root).args(["tree", "--locked", "--package", "runtime", "--prefix", "none"]);
    tree.args(["--edges", "normal,build", "--target", "x86_64-unknown-linux-gnu"]);
    let output = tree.output().map_err(|error| format!("cargo tree: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(compare(&String::from_utf8_lossy(&output.stdout), OF_A_DEFAULT_BUILD))
}

/// `tree` has a line for each edge: the name, the version, and more.
fn compare(tree: &str, listed: &[&str]) -> Vec<String> {
    let there: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    let mut all = Vec::new();
    for (name, version) in &there {
        if !listed.contains(name) {
            all.push(format!(
                "a default build of `runtime` compiles {name} {version}, which is not in the list: \
                 `cargo tree -p runtime -i {name}` says who wants it"
            ));
        } else if there.iter().any(|(other, newer)| other == name && version < newer) {
            all.push(format!("a default build of `runtime` compiles {name} twice"));
        }
    }
    for name in listed {
        if !there.iter().any(|(other, _)| other == name) {
            all.push(format!("{name} is in the list, and no default build compiles it any more"));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_what_goes_and_what_is_there_twice_is_told() {
        let tree = "runtime v0.1.0 (/somewhere)\na v1.0.0\na v1.0.0 (*)\nb v1.0.0\n";
        assert!(compare(tree, &["runtime", "a", "b"]).is_empty());
        let told = compare(tree, &["runtime", "a"]);
        assert!(told.len() == 1 && told[0].contains("compiles b v1.0.0"), "{told:?}");
        let told = compare(tree, &["runtime", "a", "b", "c"]);
        assert!(told.len() == 1 && told[0].contains("c is in the list"), "{told:?}");
        let told = compare(&format!("{tree}a v2.0.0\n"), &["runtime", "a", "b"]);
        assert!(told.len() == 1 && told[0].contains("a twice"), "{told:?}");
    }
}
