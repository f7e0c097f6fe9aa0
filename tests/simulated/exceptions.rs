//! The list of tests that cannot be simulated, and whether it is right: a name that no test has
//! would leave out nothing, and nobody would see it.

use std::path::{Path, PathBuf};

/// The names in the list, each with its reason.
pub(crate) fn exceptions(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let parts = line.split_once(": ").filter(|(_, reason)| !reason.trim().is_empty());
        let Some((name, reason)) = parts else {
            return Err(format!("line {} is not `name: reason`: {line}", number + 1));
        };
        if found.iter().any(|(known, _)| known == name) {
            return Err(format!("`{name}` is there twice"));
        }
        found.push((name.to_owned(), reason.to_owned()));
    }
    Ok(found)
}

/// The files that the lines `#[path = ".."]` of a file name.
pub(crate) fn named_files(text: &str) -> Vec<String> {
    let after = text.split("#[path = \"").skip(1);
    after.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// Whether the text has a function of this name.
pub(crate) fn has_function(text: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    text.lines().any(|line| {
        let line = line.trim_start();
        !line.starts_with("//") && line.contains(&head)
    })
}

/// Whether each exception is a function of a file that is built here: gives these files. `folder`
/// is the package's.
pub(crate) fn check(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let list = folder.join("exceptions.txt");
    let in_list = |text: String| format!("{}: {text}", list.display());
    let names = exceptions(&read(&list)?).map_err(in_list)?;
    let tests = folder.join("tests");
    let (mut texts, mut files) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(&tests).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|end| end == "rs") {
            let text = read(&path)?;
            for file in named_files(&text) {
                let file = tests.join(file);
                texts.push(read(&file)?);
                files.push(file);
            }
            texts.push(text);
        }
    }
    for (name, _) in names {
        if !texts.iter().any(|text| has_function(text, &name)) {
            return Err(in_list(format!(
                "`{name}` is no test of the files that are built here: correct its name, or take \
                 the line out"
            )));
        }
    }
    Ok(files)
}
