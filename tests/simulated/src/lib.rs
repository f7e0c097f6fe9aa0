//! The promises of `runtime` about the network, time, synchronization and tasks, on a simulated
//! operating system: each test of the files below is the only client of a world, and runs with
//! several seeds. `exceptions.txt` has those that cannot, each with its reason.
//!
//! ```sh
//! cargo xtask simulate tests
//! ```

#[cfg(test)]
#[path = "../exceptions.rs"]
mod exceptions;

#[cfg(test)]
mod tests {
    use super::exceptions::{check, exceptions, has_function, named_files};

    #[test]
    fn a_list_has_a_reason_for_each_name() {
        let text = "# a: b\n\none: because\ntwo: it: is\n";
        let found = exceptions(text).unwrap();
        assert_eq!(found, [("one".into(), "because".into()), ("two".into(), "it: is".to_owned())]);
        for wrong in ["one", "one: ", "one: a\none: b"] {
            assert!(exceptions(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_a_test_or_an_error() {
        assert_eq!(
            named_files("#[path = \"../a.rs\"]\nmod a;\n#[path = \"b.rs\"]"),
            ["../a.rs", "b.rs"]
        );
        let text = "#[test]\nasync fn it_works() {}\n// fn it_does_not() {}\n";
        assert!(has_function(text, "it_works"));
        assert!(!has_function(text, "it_work") && !has_function(text, "it_does_not"));
        let folder = std::env::temp_dir().join(format!("exceptions-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("tests")).unwrap();
        std::fs::write(folder.join("tests/a.rs"), "fn it_works() {}").unwrap();
        for (list, is_right) in [("it_works: slow", true), ("it_wroks: slow", false)] {
            std::fs::write(folder.join("exceptions.txt"), list).unwrap();
            let checked = check(&folder);
            assert_eq!(checked.is_ok(), is_right, "{checked:?}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        check(env!("CARGO_MANIFEST_DIR").as_ref()).unwrap();
    }
}
