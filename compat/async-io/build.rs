//! Looks whether the compiler's library has the type of anonymous pipes (Rust 1.87).

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    // Such as `rustc 1.87.0 (...)`.
    let minor = version.ok().and_then(|output| {
        let text = String::from_utf8(output.stdout).ok()?;
        text.split('.').nth(1)?.parse::<u32>().ok()
    });
    if minor.is_some_and(|minor| minor < 87) {
        println!("cargo:rustc-cfg=no_pipes");
    }
}
