//! This runtime and tokio under load: `cargo run --release -p benches --bin under_load -- --help`.

fn main() {
    benches::under_load::main(&std::env::args().skip(1).collect::<Vec<_>>());
}
