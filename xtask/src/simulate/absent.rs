//! That a program for users has nothing of the simulation: neither functions of libc's names, nor
//! anything else of the package `runtime-sim`.
//!
//! Programs are built as users build them, with `--release`, and their symbols are looked at. One
//! that does have the package, an example of its own, shows that the look would find it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::Options;
use crate::{Outcome, commands, root};

/// Programs for users: package and example.
const PROGRAMS: [(&str, &str); 3] =
    [("examples", "chat"), ("examples", "http_hello"), ("examples", "insight")];
/// The one that has the package.
const SIMULATED: (&str, &str) = ("runtime-sim", "simulated_bank");

pub(super) fn run(options: &Options) -> Outcome {
    if let Some(word) = options.words.first() {
        return Err(format!("`absent` takes no `{word}`"));
    }
    let (package, example) = SIMULATED;
    build(&["-p", package, "--lib", "--example", example])?;
    let library = root().join("target/release/libruntime_sim.rlib");
    let interposed: BTreeSet<String> = symbols(&library)?
        .into_iter()
        .filter(|(kind, name)| kind == "T" && is_of_libc(name))
        .map(|(_, name)| name)
        .collect();
    for name in ["epoll_wait", "getrandom", "pthread_create", "syscall"] {
        if !interposed.contains(name) {
            return Err(format!("`{name}` is not found among the functions of {package}"));
        }
    }
    let look = |example: &str| -> Result<Vec<String>, String> {
        let program = root().join("target/release/examples").join(example);
        let found = of_the_simulation(&symbols(&program)?, &interposed);
        println!("{example}: {} symbols of the simulation", found.len());
        Ok(found)
    };
    // What nobody calls the linker leaves out.
    let (functions, others): (Vec<_>, Vec<_>) =
        look(example)?.into_iter().partition(|name| interposed.contains(name));
    if functions.len() < interposed.len() / 2 || others.is_empty() {
        return Err(format!("{example} has the simulation, and it was not found there"));
    }
    for (package, example) in PROGRAMS {
        build(&["-p", package, "--example", example])?;
        let found = look(example)?;
        if !found.is_empty() {
            let names = found.join(", ");
            return Err(format!("{example} has what is of the simulation: {names}"));
        }
    }
    println!(
        "\nnone of {} interposed functions, and nothing of runtime_sim, in {} programs",
        interposed.len(),
        PROGRAMS.len()
    );
    Ok(())
}

fn build(what: &[&str]) -> Outcome {
    let mut build = Command::new("cargo");
    build.current_dir(root()).args(["build", "--release"]).args(what);
    commands::run(build)
}

/// Whether a function of the package has a name of libc's: it is not mangled.
fn is_of_libc(name: &str) -> bool {
    let is_mangled = name.starts_with("_ZN") || name.starts_with("_R");
    // Parts of the archive and constants have dots.
    !is_mangled && !name.contains('.') && !name.contains("runtime_sim")
}

/// The names of what a program defines.
fn symbols(program: &Path) -> Result<Vec<(String, String)>, String> {
    let output = Command::new("nm").arg("--defined-only").arg(program).output();
    let output = output.map_err(|error| format!("nm: {error}; it is in Debian's binutils"))?;
    let names = names(&String::from_utf8_lossy(&output.stdout));
    if names.len() < 200 {
        return Err(format!("{} has only {} symbols", program.display(), names.len()));
    }
    Ok(names)
}

/// Kind and name of functions and variables in what `nm` prints.
fn names(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in text.lines() {
        // Address, kind, name.
        if let [_, kind, name] = line.split(' ').collect::<Vec<_>>()[..] {
            if kind.len() == 1 {
                found.push((kind.to_owned(), name.to_owned()));
            }
        }
    }
    found
}

fn of_the_simulation(symbols: &[(String, String)], interposed: &BTreeSet<String>) -> Vec<String> {
    let names = symbols.iter().map(|(_, name)| name);
    let is_one = |name: &&String| {
        // A version may stand behind the name.
        let bare = name.split('@').next().unwrap_or(name);
        name.contains("runtime_sim") || interposed.contains(bare)
    };
    names.filter(is_one).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_libcs_names_are_found() {
        let text = "\nlib.o:\n00000000 T read\n00000010 t _ZN11runtime_sim3runE\n00 r .Lanon.1\n";
        let found = names(text);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0], ("T".to_owned(), "read".to_owned()));
        let of_libc: Vec<&(String, String)> =
            found.iter().filter(|(_, name)| is_of_libc(name)).collect();
        assert_eq!(of_libc, [&found[0]]);
    }

    #[test]
    fn symbols_of_the_simulation_are_told_from_others() {
        let names = ["read", "main", "_ZN11runtime_sim5child3run17hE", "poll@@V", "readv_all"];
        let names = names.map(|name| ("t".to_owned(), name.to_owned()));
        let interposed = BTreeSet::from(["read".to_owned(), "poll".to_owned()]);
        let found = of_the_simulation(&names, &interposed);
        assert_eq!(found, ["read", "_ZN11runtime_sim5child3run17hE", "poll@@V"]);
    }
}
