//! The book, `docs/book/`, and what it quotes. That its other blocks compile and do what they say
//! is for the doc tests of this package: `src/lib.rs` includes the chapters.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files in a folder whose names end so, sorted.
fn files_in(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_str().unwrap().ends_with(end));
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn chapters() -> Vec<PathBuf> {
    let chapters = files_in(&root().join("docs/book"), ".md");
    assert!(chapters.len() > 10, "where is the book?");
    chapters
}

/// A block of code: the word behind the backticks, the last line of text before it, its lines.
struct Block<'a> {
    language: &'a str,
    before: &'a str,
    lines: Vec<&'a str>,
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let content = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { language, before, lines: content });
        } else if !line.is_empty() {
            before = line;
        }
    }
    blocks
}

/// Whether the lines stand in the source one after the other, however far indented.
fn quotes(source: &str, lines: &[&str]) -> bool {
    let source: Vec<&str> = source.lines().map(str::trim).collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    source.windows(lines.len()).any(|window| window == lines)
}

/// The blocks that are quoted begin with ```` ```rs ````, behind a line that names the file.
fn assert_quoted(page: &Path, folder: &Path) -> usize {
    let text = read(page);
    let quoted: Vec<Block<'_>> = blocks(&text).into_iter().filter(|b| b.language == "rs").collect();
    for block in &quoted {
        let file = block.before.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:"));
        let page = page.display();
        let file = file.unwrap_or_else(|| panic!("{page}: a block behind `{}`", block.before));
        assert!(
            quotes(&read(&folder.join(file)), &block.lines),
            "{page}: `{file}` has no such lines (any more):\n{}",
            block.lines.join("\n")
        );
    }
    quoted.len()
}

#[test]
fn what_the_book_quotes_stands_in_the_program() {
    let folder = root().join("examples/examples/from_scratch");
    let quoted: usize = chapters().iter().map(|page| assert_quoted(page, &folder)).sum();
    assert!(quoted > 20, "{quoted}");
}

#[test]
fn the_page_of_the_four_ways_shows_their_files() {
    let folder = root().join("examples/examples/four_ways");
    let page = root().join("docs/four-ways.md");
    assert_eq!(assert_quoted(&page, &folder), 5);
    let lines = ["threads", "event_loop", "actors", "tasks"]
        .map(|way| read(&folder.join(format!("{way}.rs"))).lines().count().to_string());
    let row = format!("| lines of code | {} |", lines.join(" | "));
    assert!(read(&page).contains(&row), "the page lacks `{row}`");
}

#[test]
fn every_other_block_is_a_doc_test() {
    let tested = read(&root().join("examples/src/lib.rs"));
    for page in chapters() {
        let text = read(&page);
        for block in blocks(&text) {
            let language = block.language;
            let known = ["rs", "sh", "rust", "rust,no_run", "rust,compile_fail"];
            assert!(known.contains(&language), "{}: a block of `{language}`", page.display());
            let line = format!("include_str!(\"../../docs/book/{}\")", name(&page));
            if language.starts_with("rust") {
                assert!(tested.contains(&line), "src/lib.rs lacks {line}");
            }
        }
    }
}

#[test]
fn the_table_of_contents_has_every_chapter_in_its_order() {
    let contents = read(&root().join("docs/book/README.md"));
    let mut from = 0;
    for page in chapters().iter().filter(|page| name(page) != "README.md") {
        let text = read(page);
        let title = text.lines().next().unwrap().trim_start_matches("# ");
        let (number, title) = title.split_once(". ").unwrap();
        let row = format!("| {number} | [{title}]({}) |", name(page));
        let at = contents[from..].find(&row);
        from += at.unwrap_or_else(|| panic!("no row `{row}` in its place"));
    }
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut pages = files_in(&root(), ".md");
    for folder in ["docs", "docs/book", "docs/decisions"] {
        pages.extend(files_in(&root().join(folder), ".md"));
    }
    let mut dead = Vec::new();
    for page in &pages {
        let text = read(page);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            if path.contains("://") {
                continue;
            }
            let path = if path.is_empty() { page.clone() } else { page.with_file_name(path) };
            let there = path.exists() && (anchor.is_empty() || has_heading(&read(&path), anchor));
            if !there {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

/// Whether a heading has this anchor: its words in lower case, joined by hyphens.
fn has_heading(text: &str, anchor: &str) -> bool {
    text.lines().filter(|line| line.starts_with('#')).any(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).eq(anchor.chars())
    })
}

#[test]
fn every_file_that_the_glossary_names_is_there() {
    let text = read(&root().join("docs/glossary.md"));
    let mut files = 0;
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [term, _, file, _] = cells[..] else { continue };
        if file != "file" && !file.is_empty() {
            let file = file.trim_matches('`').split("::").next().unwrap(); // `tidy` sees to the name
            let path = root().join("runtime/src").join(file);
            assert!(path.exists(), "{term}: there is no `{file}` in runtime/src");
            files += 1;
        }
    }
    assert!(files > 40, "{files}");
}

#[test]
fn the_books_program_runs_to_its_end() {
    let mut program = std::env::current_exe().unwrap();
    program.pop();
    program.pop();
    // `cargo test -p examples` builds it; `cargo test --test book` alone does not.
    let program =
        program.join("examples").join(format!("from_scratch{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(program).output().expect("the example is built");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.ends_with("all as expected\n"), "{out}{err}");
}
