//! Tells the macros that tests are to be simulated, and which of them cannot be.

mod exceptions;

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo::rerun-if-changed=exceptions.txt");
    println!("cargo::rerun-if-changed=tests");
    println!("cargo::rustc-env=RUNTIME_SIM_EXCEPTIONS={folder}/exceptions.txt");
    match exceptions::check(folder.as_ref()) {
        Ok(files) => {
            for file in files {
                println!("cargo::rerun-if-changed={}", file.display());
            }
        }
        Err(text) => println!("cargo::error={text}"),
    }
}
