//! One peer's server by hand: `bench_server --peer tokio --kind echo`.

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // SAFETY: first thing in `main`: no other thread runs.
    unsafe { benches::peers::async_std::set_workers(&args) };
    benches::serve::main(&args);
}
