//! Only tests are simulated: no package has this one among what its users build.

use std::path::Path;

#[test]
fn no_package_depends_on_it_but_for_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut looked_at = 0;
    for folder in [
        "runtime",
        "runtime-hyper",
        "runtime-insight",
        "runtime-macros",
        "examples",
        "compat/tokio",
    ] {
        let manifest = std::fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        looked_at += 1;
        for section in manifest.split("\n[") {
            let is_for_users = !section.starts_with("dev-") && section.contains("dependencies]");
            assert!(!is_for_users || !section.contains("runtime-sim"), "{folder}");
        }
    }
    assert_eq!(looked_at, 6);
}
