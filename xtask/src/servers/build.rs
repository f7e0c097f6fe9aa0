//! Gets the sources as cargo downloads them, unmodified, and builds them for both sides.
//!
//! A published package keeps the versions of its lock file, except for tokio: both sides have the
//! release that `compat/tokio` mirrors, and newer versions only of what that release, or this
//! runtime, needs. A line in the manifest says that the copy belongs to no workspace; on one side
//! the patch follows. All builds share a target folder, so what does not depend on tokio is built
//! once. The profile is one that builds quickly.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::Subject;
use crate::sides::{self, SIDES, copy_folder, failed, patch, write};
use crate::{Outcome, commands, root};

/// The packages in cargo's folder, by the order of the subjects.
pub(super) struct Sources(Vec<(&'static str, PathBuf)>);

/// Replaces the packages' own profiles, which are made for small programs and take minutes.
const PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_LTO", "false"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "2"),
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
];

fn folder() -> PathBuf {
    root().join("target/servers")
}

/// Lets cargo download the packages.
pub(super) fn fetch(subjects: &[Subject]) -> Result<Sources, String> {
    let packages: Vec<(&'static str, &str)> =
        subjects.iter().map(|subject| (subject.name, subject.version)).collect();
    let folders = sides::fetch(&folder().join("fetch"), &packages)?;
    Ok(Sources(packages.iter().map(|(name, _)| *name).zip(folders).collect()))
}

/// Builds a server for both sides, and returns the folders with its programs.
pub(super) fn both(subject: &Subject, sources: &Sources) -> Result<[PathBuf; 2], String> {
    let (_, source) = sources
        .0
        .iter()
        .find(|(name, _)| *name == subject.name)
        .ok_or(format!("{} was not fetched", subject.name))?;
    let name = format!("{}-{}", subject.name, subject.version);
    let [tokio, ours] = SIDES.map(|side| folder().join(side).join(&name));
    let locks = [&tokio, &ours].map(|side| side.join("Cargo.lock"));
    let release = release()?;
    for (side, name) in [&tokio, &ours].into_iter().zip(SIDES) {
        if !side.exists() {
            copy_folder(source, side)?;
        }
        let path = source.join("Cargo.toml");
        let manifest = fs::read_to_string(&path).map_err(failed(&path))?;
        write(&side.join("Cargo.toml"), &format!("{manifest}\n[workspace]\n{}", patch(name)))?;
    }
    let exact = |package: &str, version: &str| {
        cargo(&tokio, &["update", "--quiet", "--package", package, "--precise", version])
    };
    // First the release of tokio, on the lock file as published; then what the patch needs; and
    // with that back to tokio, so that both have the same of everything else.
    let stamp = folder().join("stamps").join(&name);
    let settled = format!("{release} {:?}\n", subject.newer);
    if fs::read_to_string(&stamp).ok().as_ref() != Some(&settled) {
        let copy = |from: &Path, to: &Path| fs::copy(from, to).map(drop).map_err(failed(from));
        copy(&source.join("Cargo.lock"), &locks[0])?;
        exact("tokio", &release)?;
        subject.newer.iter().try_for_each(|(package, version)| exact(package, version))?;
        copy(&locks[0], &locks[1])?;
        cargo(&ours, &["fetch", "--quiet"])?;
        copy(&locks[1], &locks[0])?;
        cargo(&tokio, &["fetch", "--quiet"])?;
        exact("tokio", &release)?;
        write(&stamp, &settled)?;
    }
    let mut programs = [PathBuf::new(), PathBuf::new()];
    for (at, (side, name)) in [&tokio, &ours].into_iter().zip(SIDES).enumerate() {
        programs[at] = folder().join("programs").join(name);
        let start = Instant::now();
        let mut arguments = vec!["build", "--release", "--quiet", "--no-default-features"];
        arguments.extend(["--features", subject.features]);
        subject.programs.iter().for_each(|program| arguments.extend(["--bin", program]));
        cargo(side, &arguments)?;
        fs::create_dir_all(&programs[at]).map_err(failed(&programs[at]))?;
        let mut kib = 0;
        for program in subject.programs {
            let built = folder().join("target/release").join(program);
            // Both builds have the same name there. Overwriting a program that runs is an error.
            let kept = programs[at].join(program);
            let _ = fs::remove_file(&kept);
            kib += fs::copy(&built, &kept).map_err(failed(&built))? / 1024;
        }
        println!("{name}: built in {:.1} s, {kib} KiB", start.elapsed().as_secs_f64());
    }
    Ok(programs)
}

/// The release of tokio that `compat/tokio` mirrors.
fn release() -> Result<String, String> {
    let path = root().join("compat/tokio/Cargo.toml");
    let manifest = fs::read_to_string(&path).map_err(failed(&path))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = \""));
    let version = line.and_then(|rest| rest.strip_suffix('"'));
    version.map(str::to_owned).ok_or(format!("{} has no version", path.display()))
}

fn cargo(package: &Path, arguments: &[&str]) -> Outcome {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(package).envs(PROFILE);
    command.env("CARGO_TARGET_DIR", folder().join("target"));
    commands::run(command)
}
