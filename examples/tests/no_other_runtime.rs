//! The examples run on this runtime alone. hyper brings the crate `tokio` along for its channels
//! and traits; nothing of it that could run a task, open a socket or keep time may be switched on.

use std::process::Command;

#[test]
fn tokio_is_in_the_tree_as_a_library_of_channels_only() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--offline", "--package", "examples", "--edges", "normal,features"])
        .args(["--invert", "tokio"])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(tree.contains("tokio feature \"sync\""), "the form of the tree has changed:\n{tree}");
    for feature in ["rt", "rt-multi-thread", "net", "time", "signal", "process", "fs", "full"] {
        let line = format!("tokio feature \"{feature}\"");
        assert!(!tree.contains(&line), "{line} is on:\n{tree}");
    }
}
