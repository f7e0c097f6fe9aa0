//! Only tests: see `tests/`. `three_hosts.rs` is an application on several hosts; `ecosystem.rs`
//! has the tests of `compat/tests`, each alone in a world, but for those in `exceptions.txt`.
