//! Checks of prose that a program can make: how wide comments are, and rows that stand twice.

use std::collections::BTreeSet;

/// The most columns of a comment.
pub(crate) const WIDTH: usize = 100;

/// The lines with comments that are too wide and could be broken. Rows of tables, code in examples
/// and text without a space cannot be broken.
pub(crate) fn wide_comments(text: &str) -> Vec<usize> {
    let mut wide = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        let Some(comment) = line.trim_start().strip_prefix("//") else {
            in_code = false;
            continue;
        };
        let comment = comment.trim_start_matches(['/', '!']).trim_start();
        if comment.starts_with("```") {
            in_code = !in_code;
        }
        let whole = in_code || comment.starts_with('|') || !comment.contains(' ');
        let is_link = comment.starts_with('[')
            && comment
                .split(' ')
                .nth(1)
                .is_some_and(|target| comment.split(' ').count() == 2 && target.contains("::"));
        if line.chars().count() > WIDTH && !whole && !is_link {
            wide.push(index + 1);
        }
    }
    wide
}

/// The lines of a document whose row stands in its table already.
pub(crate) fn doubled_rows(text: &str) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let mut doubled = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !line.starts_with('|') {
            seen.clear();
        } else if !line.starts_with("|-") && !seen.insert(line) {
            doubled.push(index + 1);
        }
    }
    doubled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_wide_if_it_could_be_broken() {
        let long = "word ".repeat(30);
        assert_eq!(wide_comments(&format!("let a = 1;\n    /// {long}")), [2]);
        assert!(wide_comments(&format!("let text = \"{long}\";")).is_empty());
        assert!(wide_comments(&format!("//! | {long} |\n// {}", "x".repeat(120))).is_empty());
        assert!(wide_comments(&format!("/// ```\n/// {long}\n/// ```")).is_empty());
        assert_eq!(wide_comments(&format!("/// ```\n/// ```\n/// {long}")), [3]);
    }

    #[test]
    fn a_row_stands_once_in_a_table() {
        assert_eq!(doubled_rows("| a |\n|---|\n| b |\n| c |\n| b |"), [5]);
        assert!(doubled_rows("| a |\n|---|\n| b |\n\n| a |\n|---|\n| b |").is_empty());
    }
}
