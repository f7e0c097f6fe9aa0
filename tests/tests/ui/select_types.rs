//! Mismatched types in `select!` are reported in the branch.

use std::future::ready;

async fn handlers_differ() -> u32 {
    runtime::select! {
        n = ready(2) => n,
        n = ready("3") => n,
    }
}

async fn pattern_of_another_type() -> u32 {
    runtime::select! {
        Some(n) = ready(2) => n,
        else => 0,
    }
}

fn main() {}
