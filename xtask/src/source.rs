//! Rust source, understood as far as laws and mutants need it: what is code and what is not, and
//! which paths it names.

use std::fs;
use std::path::{Path, PathBuf};

/// Replaces the content of comments and literals by spaces; every line and column stays where it
/// is.
pub(crate) fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    let blank = |out: &mut Vec<u8>, from: usize, to: usize| {
        for byte in &mut out[from..to] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    };
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"//") {
            let end = rest.iter().position(|&b| b == b'\n').map_or(bytes.len(), |n| at + n);
            blank(&mut out, at, end);
            at = end;
        } else if rest.starts_with(b"/*") {
            let end = at + block_comment(rest);
            blank(&mut out, at, end);
            at = end;
        } else if rest[0] == b'"' {
            let end = at + string(rest);
            blank(&mut out, at + 1, end.saturating_sub(1).max(at + 1));
            at = end;
        } else if let Some((open, length)) = raw_string(bytes, at) {
            blank(&mut out, at + open, at + length);
            at += length;
        } else if rest[0] == b'\'' {
            match char_literal(rest) {
                Some(length) => {
                    blank(&mut out, at + 1, at + length - 1);
                    at += length;
                }
                None => at += 1, // a lifetime
            }
        } else {
            at += 1;
        }
    }
    // Only whole ASCII bytes were replaced, and whole literals: what is left is UTF-8.
    String::from_utf8_lossy(&out).into_owned()
}

/// The length of the block comment that `rest` begins with; they nest.
fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// The length of the string literal that `rest` begins with.
fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// For a raw string at `at`: where its content begins, and its length.
fn raw_string(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let rest = &bytes[at..];
    if rest[0] != b'r' || (at > 0 && is_word(bytes[at - 1]) && bytes[at - 1] != b'b') {
        return None;
    }
    let hashes = rest[1..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let open = hashes + 2;
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let length = rest[open..]
        .windows(close.len())
        .position(|window| window == close)
        .map_or(rest.len(), |n| open + n + close.len());
    Some((open, length))
}

/// The length of a character literal, or nothing for a lifetime.
fn char_literal(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        let end = rest[3..].iter().position(|&b| b == b'\'')?;
        return Some(3 + end + 1);
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(6)]);
    let first = match text {
        Ok(text) => text.chars().next()?,
        Err(error) => {
            std::str::from_utf8(&rest[1..1 + error.valid_up_to()]).ok()?.chars().next()?
        }
    };
    (rest.get(1 + first.len_utf8()) == Some(&b'\'')).then(|| 2 + first.len_utf8())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Blanks the modules under `#[cfg(test)]`. Takes what [`code_only`] returned.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(found) = out[from..].find("#[cfg(test)]") {
        let start = from + found;
        let behind = start + "#[cfg(test)]".len();
        from = behind;
        let rest = out[behind..].trim_start();
        let opens = out[behind..].find('{').map(|n| behind + n);
        let ends = out[behind..].find(';').map(|n| behind + n);
        let is_block = rest.starts_with("mod ")
            && matches!((opens, ends), (Some(open), end) if end.is_none_or(|end| open < end));
        if let (true, Some(open)) = (is_block, opens) {
            let close = matching_brace(&out, open);
            let blanked: String =
                out[open + 1..close].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            out.replace_range(open + 1..close, &blanked);
            from = open + 1;
        }
    }
    out
}

/// Where the brace at `open` is closed.
fn matching_brace(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The number of the line, counted from 1, that has the byte at `at`.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|&b| b == b'\n').count() + 1
}

/// The places where `word` stands as a whole word.
pub(crate) fn find_word(code: &str, word: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| {
            let before = at == 0 || !is_word(bytes[at - 1]) || !is_word(bytes[at]);
            let end = at + word.len();
            let after = end == bytes.len() || !is_word(bytes[end]) || !is_word(bytes[end - 1]);
            before && after
        })
        .collect()
}

/// A path in the source, from the crate's root: `crate::engine::task` is `["engine", "task"]`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

/// All paths that begin with `crate` or `super`, those in braces one by one. `module` is where the
/// source stands, from the crate's root. Takes what [`code_only`] returned.
pub(crate) fn named_paths(code: &str, module: &[String]) -> Vec<NamedPath> {
    let tokens = tokens(code);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (_, word) = tokens[at];
        let is_start = matches!(word, "crate" | "super")
            && tokens.get(at + 1).is_some_and(|&(_, next)| next == "::")
            && (at == 0 || !matches!(tokens[at - 1].1, "::" | "$"));
        if !is_start {
            at += 1;
            continue;
        }
        let mut base = if word == "crate" { Vec::new() } else { module.to_vec() };
        while tokens.get(at).is_some_and(|&(_, word)| matches!(word, "crate" | "super")) {
            if tokens[at].1 == "super" {
                base.pop();
            }
            at += 2; // and the `::`
        }
        at = tree(code, &tokens, at, &base, &mut paths);
    }
    paths
}

/// Reads what follows a `::`, from the token at `at`; returns where it ends.
fn tree(
    code: &str,
    tokens: &[(usize, &str)],
    mut at: usize,
    base: &[String],
    paths: &mut Vec<NamedPath>,
) -> usize {
    let mut segments = base.to_vec();
    let mut place = tokens.get(at).map_or(code.len(), |&(place, _)| place);
    while let Some(&(here, word)) = tokens.get(at) {
        match word {
            "{" => {
                at += 1;
                while let Some(&(_, word)) = tokens.get(at) {
                    match word {
                        "}" => return at + 1,
                        "," => at += 1,
                        _ => at = tree(code, tokens, at, &segments, paths).max(at + 1),
                    }
                }
                return at;
            }
            "::" => at += 1,
            "super" if segments.len() == base.len() => {
                segments.pop();
                at += 1;
            }
            "self" => at += 1,
            word if word.as_bytes()[0].is_ascii_alphabetic() || word.starts_with('_') => {
                let ends = segments.len() > base.len() && tokens[at - 1].1 != "::";
                if ends {
                    break;
                }
                place = here;
                segments.push(word.to_owned());
                at += 1;
            }
            _ => break,
        }
    }
    paths.push(NamedPath { line: line_of(code, place.min(code.len())), segments });
    at
}

/// Words, `::` and single characters, each with its place.
pub(crate) fn tokens(code: &str) -> Vec<(usize, &str)> {
    let bytes = code.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if is_word(bytes[at]) {
            let end = at + bytes[at..].iter().take_while(|&&b| is_word(b)).count();
            tokens.push((at, &code[at..end]));
            at = end;
        } else if bytes[at..].starts_with(b"::") {
            tokens.push((at, "::"));
            at += 2;
        } else {
            if !bytes[at].is_ascii_whitespace() && bytes[at].is_ascii() {
                tokens.push((at, &code[at..=at]));
            }
            at += 1;
        }
    }
    tokens
}

/// All files under `directory` that are the project's own, sorted. Build output is left out.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    open.push(path);
                }
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        let text = "a // b\n\"c\\\"d\" e /* f /* g */ h */ i r#\"j\"k\"# 'l' '\\n' 'm: n";
        let code = code_only(text);
        assert_eq!(code.len(), text.len());
        let words: Vec<&str> = tokens(&code)
            .into_iter()
            .map(|(_, word)| word)
            .filter(|word| word.as_bytes()[0].is_ascii_alphabetic())
            .collect();
        assert_eq!(words, ["a", "e", "i", "r", "m", "n"]);
    }

    #[test]
    fn characters_that_are_not_ascii_do_not_confuse() {
        let text = "let x = 'é'; let y = \"ü\"; // ö\nz";
        let code = code_only(text);
        assert_eq!(code.lines().count(), 2);
        assert!(code.contains("let x = '"));
        assert!(code.ends_with('z'));
    }

    #[test]
    fn test_modules_are_blanked_and_lines_stay() {
        let code = "a\n#[cfg(test)]\nmod tests {\n  b { c }\n}\nd\n#[cfg(test)]\nmod other;\ne";
        let blanked = without_tests(code);
        assert_eq!(blanked.lines().count(), code.lines().count());
        assert!(!blanked.contains('b') && !blanked.contains("c }"));
        assert!(blanked.contains('d') && blanked.ends_with('e') && blanked.contains("mod other;"));
    }

    fn paths(code: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<String> = module.iter().map(|&s| s.to_owned()).collect();
        named_paths(code, &module).into_iter().map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn paths_are_resolved_from_the_root() {
        let module = ["engine", "driver", "table"];
        assert_eq!(
            paths("use crate::engine::task::{self, Id};", &module),
            ["engine::task", "engine::task::Id"]
        );
        assert_eq!(
            paths("super::super::timer::Shard::new()", &module),
            ["engine::timer::Shard::new"]
        );
        assert_eq!(
            paths("use super::{super::task, interest::{A, B}};", &module),
            ["engine::task", "engine::driver::interest::A", "engine::driver::interest::B"]
        );
        assert_eq!(
            paths("pub(crate) fn f(x: crate::a::B<crate::c::D>) {}", &module),
            ["a::B", "c::D"]
        );
        assert_eq!(paths("use crate::io::*; pub(super) use x::y;", &module), ["io"]);
        assert!(paths("$crate::task::LocalKey", &module).is_empty());
    }

    #[test]
    fn words_are_found_whole() {
        assert_eq!(find_word("fn f; fnord; xfn", "fn"), [0]);
        assert_eq!(find_word("todo!() mytodo!()", "todo!"), [0]);
    }
}
