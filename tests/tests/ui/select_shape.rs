//! `select!` written wrongly.

use std::future::ready;

async fn nothing() {
    runtime::select! {}
}

async fn nothing_biased() {
    runtime::select! { biased; }
}

async fn else_first() {
    runtime::select! {
        else => 1,
        n = ready(2) => n,
    };
}

async fn else_first_with_block() {
    runtime::select! {
        else => { 1 }
        n = ready(2) => n,
    };
}

async fn else_without_arrow() {
    runtime::select! {
        n = ready(2) => n,
        else { 1 }
    };
}

async fn biased_late() {
    runtime::select! {
        n = ready(2) => n,
        biased;
        n = ready(3) => n,
    };
}

async fn without_handler() {
    runtime::select! {
        n = ready(2),
    };
}

async fn without_handler_at_the_end() {
    runtime::select! {
        n = ready(2)
    };
}

async fn without_pattern() {
    runtime::select! {
        ready(2) => {}
    };
}

fn main() {}
