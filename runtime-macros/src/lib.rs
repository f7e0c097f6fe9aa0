//! The attribute macros of the `runtime` crate, which re-exports and documents them.
//!
//! | file        | content                                                        |
//! |-------------|----------------------------------------------------------------|
//! | `tokens.rs` | templates, errors with a place: what a parser library would do  |
//! | `item.rs`   | the function under the attribute, taken apart                   |
//! | `args.rs`   | the attribute's arguments, checked                              |
//! | `entry.rs`  | the function that comes out                                     |
//! | `simulated.rs` | the test that comes out of `#[runtime_sim::test]`            |
//!
//! The body of the user's function is never parsed here: it passes through as it came, so that the
//! compiler reports its errors where they are and new syntax needs no new macro.
#![deny(unsafe_code)]

mod args;
mod entry;
mod item;
mod simulated;
mod tokens;

use proc_macro::TokenStream;

use args::Entry;

/// Turns an `async fn` into a function that builds a runtime and runs the body on it.
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Main, "::runtime", args, item)
}

/// Turns an `async fn` into a test that builds a runtime and runs the body on it.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    if let Some(args) = simulated::without_word(&args) {
        return simulated::expand(args, item);
    }
    entry::expand(Entry::Test, "::runtime", args, item)
}

/// `main` for a crate that offers the runtime under the name `tokio`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn main_of_tokio(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Main, "::tokio", args, item)
}

/// `test` for a crate that offers the runtime under the name `tokio`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn test_of_tokio(args: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::Test, "::tokio", args, item)
}

/// Turns a function that describes a world into a test that runs it under many seeds.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn simulated_test(args: TokenStream, item: TokenStream) -> TokenStream {
    simulated::expand(args, item)
}
