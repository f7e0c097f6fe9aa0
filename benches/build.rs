//! Hands the build profile to the program, which prints it above every table.

use std::process::Command;

fn main() {
    for name in ["OPT_LEVEL", "PROFILE", "DEBUG", "TARGET"] {
        println!("cargo:rustc-env=BENCH_{name}={}", std::env::var(name).unwrap_or_default());
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    println!("cargo:rustc-env=BENCH_RUSTC={}", version.unwrap_or_default());
    println!("cargo:rerun-if-changed=build.rs");
}
