//! One peer's server by hand: `bench_server --peer tokio --kind echo`.

fn main() {
    benches::serve::main(&std::env::args().skip(1).collect::<Vec<_>>());
}
