//! The echo's load by hand: `echo_load --addr 127.0.0.1:4000 --connections 50 --ms 1000`.

fn main() {
    benches::load::main(&std::env::args().skip(1).collect::<Vec<_>>());
}
