//! Documentation, lifted out of a source file line by line.

/// Returns a source file that has the documentation of `source` in the same lines, each piece on a
/// module without content: rustdoc then finds the same examples, and names the same lines. Returns
/// nothing if there is no example.
///
/// Text is all that is looked at, so documentation in macros is found, too, and documentation that
/// is not compiled here is found although it is for another system.
pub(super) fn documentation(source: &str) -> Option<String> {
    let mut text = String::new();
    let mut state = State::Code;
    let mut examples = false;
    for (number, line) in source.lines().enumerate() {
        let (next, doc) = step(state, line.trim_start());
        // The line after a piece is an item or an attribute there, so there is room for the module.
        if state == State::Lines && next == State::Code {
            text += &format!("pub mod line_{number} {{}} ");
        }
        if let Some(doc) = &doc {
            examples |= doc.contains("```");
            text += doc;
        }
        text.push('\n');
        state = next;
    }
    if state != State::Code {
        text += "pub mod end {}\n";
    }
    examples.then_some(text)
}

/// What the line before was part of.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Code,
    /// A piece of documentation, which may go on.
    Lines,
    /// An attribute with a text of many lines.
    Raw,
}

/// Reads one line: what it leaves behind, and the line to write if it is documentation.
fn step(state: State, line: &str) -> (State, Option<String>) {
    if state == State::Raw {
        let over = line.ends_with("\"#]");
        return (if over { State::Lines } else { State::Raw }, Some(line.to_owned()));
    }
    let comment = ["//!", "///"].iter().find_map(|mark| line.strip_prefix(mark));
    if let Some(comment) = comment.filter(|comment| !comment.starts_with('/')) {
        return (State::Lines, Some(format!("///{comment}")));
    }
    if line.starts_with("#[doc = r#\"") {
        let over = line.ends_with("\"#]");
        return (if over { State::Lines } else { State::Raw }, Some(line.to_owned()));
    }
    // A line that depends on a feature: all that have an example are switched on.
    if line.starts_with("#![cfg_attr(") || line.starts_with("#[cfg_attr(") {
        if let Some((condition, rest)) = line.split_once("doc = \"") {
            let doc = rest.split('"').next().unwrap_or_default();
            let doc = if condition.contains("not(") { "" } else { doc };
            return (State::Lines, Some(format!("///{doc}")));
        }
    }
    (State::Code, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines() {
        let source = "//! Top.\n//! ```\n//! one();\n//! ```\n\nfn x() {}\n    /// Two:\n    /// ```\n    \
                      /// two();\n    /// ```\n    fn y() {}\n// no\n//// no\n";
        let expected = "/// Top.\n/// ```\n/// one();\n/// ```\npub mod line_4 {} \n\n/// Two:\n/// ```\n\
                        /// two();\n/// ```\npub mod line_10 {} \n\n\n";
        assert_eq!(documentation(source).unwrap(), expected);
        assert_eq!(documentation("/// None.\nfn x() {}\n"), None);
    }

    #[test]
    fn raw_texts_are_documentation() {
        let source = "#[doc = r#\"\n  ```\n  one();\n  ```\n\"#]\nfn x() {}\n";
        let expected = "#[doc = r#\"\n```\none();\n```\n\"#]\npub mod line_5 {} \n";
        assert_eq!(documentation(source).unwrap(), expected);
    }

    #[test]
    fn fences_behind_a_feature_are_there() {
        let source = "//! x\n#![cfg_attr(feature = \"a\", doc = \"```\")]\n\
                      #![cfg_attr(not(feature = \"a\"), doc = \"```ignore\")]\n//! one();\n//! ```\n";
        let expected = "/// x\n///```\n///\n/// one();\n/// ```\npub mod end {}\n";
        assert_eq!(documentation(source).unwrap(), expected);
    }
}
