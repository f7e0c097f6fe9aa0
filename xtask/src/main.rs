//! The project's own commands. `cargo xtask help` lists them.
//!
//! | file          | content                                                             |
//! |---------------|---------------------------------------------------------------------|
//! | `circles.rs`  | files and folders that import each other                              |
//! | `commands.rs` | what runs other programs: lint, test, bench                          |
//! | `compat_bench.rs` | the same servers on tokio and on `compat/tokio`                  |
//! | `counts.rs`   | instructions an operation, and those that lock                       |
//! | `originals/`  | the tests of smol's and async-std's crates, there and on `compat/`   |
//! | `servers/`    | public servers at work, on tokio and on `compat/tokio`               |
//! | `clients/`    | clients of databases and brokers, on tokio and on `compat/tokio`     |
//! | `smol_bench.rs` | programs of smol and async-std, there and on `compat/`             |
//! | `simulate/`   | tests of the real system under the simulation, and what they notice    |
//! | `sides.rs`    | what such comparisons share                                          |
//! | `page.rs`     | the page of `runtime-insight` in a real browser                       |
//! | `perfetto.rs` | whether Perfetto takes the traces of the flight recorder                 |
//! | `second_tier.rs` | the tests under sanitizers and valgrind, and over and over        |
//! | `tidy.rs`     | the laws of the source tree, each a function                         |
//! | `docs.rs`     | the documentation of the face: examples, and the form of the sections |
//! | `face.rs`     | the functions of the face that give futures                          |
//! | `prose.rs`    | how wide comments are, and rows that stand twice                      |
//! | `minimal.rs`  | `runtime` with the oldest releases that its manifest lets in         |
//! | `mutants.rs`  | what can be weakened in a protocol: orderings, fences, wake-ups      |
//! | `loom.rs`     | the models; with `--mutate`, whether they notice each mutant         |
//! | `source.rs`   | Rust source as far as laws and mutants must understand it            |

mod circles;
mod clients;
mod commands;
mod compat_bench;
mod counts;
mod crates;
mod docs;
mod face;
mod loom;
mod minimal;
mod mutants;
mod originals;
mod page;
mod perfetto;
mod prose;
mod second_tier;
mod servers;
mod sides;
mod simulate;
mod smol_bench;
mod source;
mod spans;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask lint                    formatting, clippy and rustdoc without a warning
cargo xtask tidy                    the laws of the source tree
cargo xtask test [arguments]        all tests, doc tests, models, and the ecosystem in compat/
cargo xtask loom [filter]           the loom models
cargo xtask loom --mutate [filter]  weaken each ordering, fence and wake-up: does a model notice?
    --list                            only list the mutants
    --all                             run the models that cannot notice a mutant, too
cargo xtask bench [arguments]       the benchmarks
cargo xtask compat-bench [--rounds N]
                                    axum and mini-redis on tokio and on compat/tokio
cargo xtask smol-bench [words] [--rounds N]
                                    programs of smol and async-std on the originals and on compat/:
                                    spawns, timers, blocking jobs, files, echo
cargo xtask clients [words] [--rounds N] [--seconds N]
                                    clients of PostgreSQL, Redis and NATS and a TCP proxy on tokio
                                    and on compat/tokio: rates, CPU, writes, switches, migrations
cargo xtask counts [words] [--places]
                                    instructions and locked instructions an operation, by the
                                    number of workers (valgrind)
cargo xtask servers [words] [--rounds N] [--seconds N]
                                    public servers (a broker, a file server, a proxy, a SOCKS
                                    server, a DNS server) on tokio and on compat/tokio, driven by
                                    their usual clients: results, leaks, ends, CPU
cargo xtask originals [words] [--ours | --twice]
                                    the tests and examples of smol's and async-std's crates, as they
                                    are published, on the originals and on compat/
    --ours                            compare with what the originals gave the last time
    --twice                           on the originals twice: what passes at times?
cargo xtask page                    the page of runtime-insight in a real browser (chromium, node and
                                    npm), on a program with 100,000 tasks
cargo xtask minimal                 runtime compiles with the oldest releases of its dependencies
                                    that its manifest lets in (nightly)
cargo xtask perfetto                 whether Perfetto takes the traces of the flight recorder: its
                                    definitions, and its page in Chromium
cargo xtask sanitize [address|thread|memcheck] [words] [--from NAME] [-- arguments]
                                    the tests under a sanitizer (nightly) or valgrind: those test
                                    binaries whose name contains a word, from NAME on
cargo xtask simulate tests [words] [--seeds N]
                                    the tests of network, time, synchronization and tasks under the
                                    simulation, each with N seeds
cargo xtask simulate mutants [filter] [--seeds N] [--orderings N] [--list]
                                    whether these tests notice each wake-up that is left out
cargo xtask simulate hashes [words] [--seeds N]
                                    whether a seed is the same run in each process
cargo xtask simulate replays [words]
                                    each planted bug, found and replayed 100 times
cargo xtask simulate absent         nothing of the simulation is in a program that is no test
cargo xtask stress [--minutes N] [words] [-- arguments]
                                    the tests over and over, with and without busy cores
";

/// The result of a command: an error is a text for the user.
type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_else(|| "help".into());
    let rest: Vec<String> = arguments.collect();
    let outcome = match command.as_str() {
        "lint" => commands::lint(),
        "tidy" => tidy::run(&root()),
        "test" => commands::test(&rest),
        "loom" => loom::run(&root(), &rest),
        "bench" => commands::bench(&rest),
        "compat-bench" => compat_bench::run(&rest),
        "counts" => counts::run(&rest),
        "servers" => servers::run(&rest),
        "originals" => originals::run(&rest),
        "clients" => clients::run(&rest),
        "smol-bench" => smol_bench::run(&rest),
        "page" => page::run(&rest),
        "minimal" => minimal::run(),
        "perfetto" => perfetto::run(),
        "sanitize" => second_tier::sanitize(&rest),
        "simulate" => simulate::run(&rest),
        "stress" => second_tier::stress(&rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("there is no command `{other}`\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("\nxtask {command}: {text}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    // Uses the path that cargo gives now: two checkouts with one target folder share this program.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = here.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    here.parent().expect("xtask lies in the repository").to_path_buf()
}
