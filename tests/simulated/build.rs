//! Tells the macros that tests are to be simulated, and which of them cannot be.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rerun-if-changed=exceptions.txt");
    println!("cargo::rustc-env=RUNTIME_SIM_EXCEPTIONS={folder}/exceptions.txt");
}
