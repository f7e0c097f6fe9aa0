//! Wrong uses of the macros: each has a message that says what to do, at the place where to do it.
//!
//! To write the files anew after a message has changed: `TRYBUILD=overwrite cargo test -p tests
//! --test ui`, and read what came out.

#[test]
fn wrong_uses_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
