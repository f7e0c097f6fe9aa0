//! Built with `panic = "abort"` a panic in a task ends the process, with the panic's text, as the
//! setting says: it is not swallowed, it does not hang. All else works as ever.
//!
//! The setting holds for a whole build, so this test builds a small program once more with it.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};

use tests::PATIENCE;
use tests::process::output_within;

#[test]
fn the_first_panic_ends_the_process() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = root.join("target").join("panic-abort");
    let built = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--package", "tests", "--bin", "panics", "--quiet"])
        .args(["--config", "profile.dev.panic=\"abort\"", "--target-dir"])
        .arg(&target)
        .status()
        .unwrap();
    assert!(built.success());
    let run = |what: &str| {
        let program = target.join("debug").join(format!("panics{}", std::env::consts::EXE_SUFFIX));
        let child = Command::new(program)
            .arg(what)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = output_within(child, PATIENCE);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        (std::os::unix::process::ExitStatusExt::signal(&output.status), output.status, err)
    };
    for what in ["task", "job", "root", "drop"] {
        let (signal, _, err) = run(what);
        assert_eq!(signal, Some(libc::SIGABRT), "{what}: {err}");
        assert!(err.contains(&format!("as planned: {what}")), "{err}");
    }
    let (_, status, err) = run("nothing");
    assert!(status.success(), "{err}");
}
