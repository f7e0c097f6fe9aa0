//! The function that comes out of `#[runtime::main]` and `#[runtime::test]`.
//!
//! ```text
//! fn main() -> Output {
//!     let body = async {
//!         if false { return None::<Output>.unwrap(); }     // only a type, never runs
//!         ..what the user wrote..
//!     };
//!     return runtime::runtime::Builder::new_multi_thread().enable_all().build().expect(..)
//!         .block_on(body);
//! }
//! ```
//!
//! The `return` that never runs is the first one in the block, so it settles the block's type.
//! Every other `return`, every `?` and the value at the end are then held against `Output` where
//! they stand, and a mismatch is reported in the user's code; without it the error would show the
//! expansion, or ask for type annotations.
//!
//! Names that the expansion introduces are invisible to the user's code (`Span::mixed_site`).

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

use crate::args::{self, Args, Entry, Flavor, UnhandledPanic};
use crate::item::{self, AsyncFn};
use crate::simulated;
use crate::tokens::{Error, Result, fill, is_punct, mentions};

/// Expands the attribute. An error comes with as much of the item as still makes sense, so that it
/// brings no others along.
pub(crate) fn expand(
    entry: Entry,
    default_crate: &str,
    args: TokenStream,
    item: TokenStream,
) -> TokenStream {
    let function = match item::parse(item.clone(), entry.attribute()) {
        Ok(function) => function,
        Err(error) => return joined(error.into_tokens(), item),
    };
    let (args, bad_args) = match args::parse(entry, args) {
        Ok(args) => (args, None),
        Err(error) => (Args::defaults(entry), Some(error)),
    };
    match check(entry, &function).err().or(bad_args) {
        None => build(entry, default_crate, &args, &function),
        // The body needs the parameters that must not be there: leave it out.
        Some(error) if !function.parameters.stream().is_empty() => {
            joined(error.into_tokens(), hollow(&function))
        }
        Some(error) => joined(error.into_tokens(), build(entry, default_crate, &args, &function)),
    }
}

fn joined(mut first: TokenStream, second: TokenStream) -> TokenStream {
    first.extend(second);
    first
}

fn check(entry: Entry, function: &AsyncFn) -> Result<()> {
    let has_parameters = !function.parameters.stream().is_empty();
    let inside: Vec<TokenTree> = function.parameters.stream().into_iter().collect();
    match entry {
        Entry::Main if has_parameters && function.name.to_string() == "main" => Err(Error::about(
            &inside,
            "`main` takes no arguments: read them from `std::env::args()`",
        )),
        Entry::Test if has_parameters => Err(Error::about(
            &inside,
            "a test takes no arguments: make them in the test's body, or write a plain `async fn` \
             that several tests call",
        )),
        Entry::Test => match function.attributes.iter().find(|attribute| makes_test(attribute)) {
            Some(second) => Err(Error::at(
                second.span(),
                "this function is already a test and would run twice: remove this attribute, or \
                 `#[runtime::test]`",
            )),
            None => Ok(()),
        },
        Entry::Main => Ok(()),
    }
}

/// The function without parameters and body, so that its name is still there.
fn hollow(function: &AsyncFn) -> TokenStream {
    let mut out: TokenStream = function.before_async.iter().cloned().collect();
    let holes = [("NAME", TokenTree::Ident(function.name.clone()).into())];
    out.extend(fill("fn NAME() { loop {} }", Span::mixed_site(), &holes));
    out
}

/// `#[test]`, `#[runtime::test]`, `#[core::prelude::v1::test]` and the like.
fn makes_test(attribute: &item::Attribute) -> bool {
    attribute.path().last().is_some_and(|last| last == "test")
}

/// What the function returns, as far as the expansion cares.
enum Output {
    /// A type that can be written anywhere.
    Named(TokenStream),
    /// `!`
    Never,
    /// `impl Trait` somewhere inside: it has no name.
    Opaque,
}

fn output(function: &AsyncFn) -> Output {
    match &function.output[..] {
        [] => Output::Named(fill("()", Span::mixed_site(), &[])),
        [bang] if is_punct(bang, '!') => Output::Never,
        tokens if mentions(tokens, "impl") => Output::Opaque,
        tokens => Output::Named(tokens.iter().cloned().collect()),
    }
}

fn build(entry: Entry, default_crate: &str, args: &Args, function: &AsyncFn) -> TokenStream {
    let here = Span::mixed_site();
    let (inner_attributes, statements) = item::split_inner_attributes(&function.body);

    let output = output(function);
    let settled = match &output {
        Output::Named(name) => Some(name.clone()),
        Output::Never => Some(fill("::core::convert::Infallible", here, &[])),
        Output::Opaque => None,
    };
    let mut content = match &settled {
        Some(name) => settle(function, name.clone()),
        None => TokenStream::new(),
    };
    content.extend(statements);
    let mut block = Group::new(Delimiter::Brace, content);
    block.set_span(function.body.span());
    let block = TokenStream::from(TokenTree::Group(block));

    let mut inside = inner_attributes;
    inside.extend(match (entry, &settled) {
        // One compiled copy of `block_on` serves all tests of a crate.
        (Entry::Test, Some(name)) => fill(
            "let body = ::core::pin::pin!(async BLOCK);
             let body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = OUTPUT>> = body;",
            here,
            &[("BLOCK", block), ("OUTPUT", name.clone())],
        ),
        _ => fill("let body = async BLOCK;", here, &[("BLOCK", block)]),
    });
    let run = match args.shutdown_grace_ms {
        None => "RUNTIME.expect(\"the runtime could not be built\").block_on(body)".to_owned(),
        Some(grace) => format!(
            "{{
                let runtime = RUNTIME.expect(\"the runtime could not be built\");
                let output = runtime.block_on(body);
                runtime.shutdown(::core::time::Duration::from_millis({grace}u64)).say();
                output
            }}"
        ),
    };
    let run = fill(&run, here, &[("RUNTIME", builder(default_crate, args))]);
    let last = match output {
        Output::Never => {
            "#[allow(clippy::all, clippy::pedantic, clippy::restriction)] match RUN {}"
        }
        _ => "#[allow(clippy::all, clippy::pedantic, clippy::restriction)] { return RUN; }",
    };
    inside.extend(fill(last, here, &[("RUN", run)]));
    let mut body = Group::new(Delimiter::Brace, inside);
    body.set_span(function.body.span());

    let mut out = match entry {
        Entry::Main => TokenStream::new(),
        Entry::Test if simulated::takes_all() => fill("#[::runtime_sim::test]", here, &[]),
        Entry::Test => fill("#[::core::prelude::v1::test]", here, &[]),
    };
    for attribute in &function.attributes {
        // A second test attribute has been reported.
        if entry == Entry::Main || !makes_test(attribute) {
            out.extend([attribute.hash.clone(), TokenTree::Group(attribute.content.clone())]);
        }
    }
    out.extend(function.before_async.iter().cloned());
    out.extend(function.signature.iter().cloned());
    if !function.output.is_empty() {
        out.extend(fill(
            "-> OUTPUT",
            here,
            &[("OUTPUT", function.output.iter().cloned().collect())],
        ));
    }
    out.extend(function.bounds.iter().cloned());
    out.extend([TokenTree::Group(body)]);
    out
}

/// The `return` that never runs, placed at the output type: "return type inferred here" points
/// there.
fn settle(function: &AsyncFn, name: TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let (first, last) = match &function.output[..] {
        [] => (function.name.span(), function.name.span()),
        [first, .., last] => (first.span(), last.span()),
        [only] => (only.span(), only.span()),
    };
    let mut value =
        fill("::core::option::Option::<OUTPUT>::None", here.located_at(first), &[("OUTPUT", name)]);
    value.extend(fill(".unwrap()", here.located_at(last), &[]));
    fill(
        "#[allow(clippy::all, unreachable_code)] if false { return VALUE; };",
        here,
        &[("VALUE", value)],
    )
}

/// `Builder::new_..()...build()`, a `Result`.
fn builder(default_crate: &str, args: &Args) -> TokenStream {
    let mut calls = String::from(match args.flavor {
        Flavor::MultiThread => "CRATE::runtime::Builder::new_multi_thread().enable_all()",
        Flavor::CurrentThread | Flavor::Local => {
            "CRATE::runtime::Builder::new_current_thread().enable_all()"
        }
    });
    if let Some(count) = args.worker_threads {
        calls.push_str(&format!(".worker_threads({count}usize)"));
    }
    if args.name.is_some() {
        calls.push_str(".name(NAME)");
    }
    if let Some(paused) = args.start_paused {
        calls.push_str(&format!(".start_paused({paused})"));
    }
    if let Some(insight) = args.insight {
        calls.push_str(&format!(".insight({insight})"));
    }
    if let Some(policy) = args.unhandled_panic {
        let name = match policy {
            UnhandledPanic::Report => "Report",
            UnhandledPanic::Abort => "Abort",
            UnhandledPanic::Ignore => "Ignore",
            UnhandledPanic::ShutdownRuntime => "ShutdownRuntime",
        };
        calls.push_str(&format!(".unhandled_panic(CRATE::runtime::UnhandledPanic::{name})"));
    }
    calls.push_str(match args.flavor {
        Flavor::Local => ".build_local(::core::default::Default::default())",
        _ => ".build()",
    });
    let here = Span::mixed_site();
    let path = match &args.crate_path {
        Some(path) => path.clone(),
        None => fill(default_crate, here, &[]),
    };
    let name = args.name.clone().unwrap_or_default();
    fill(&calls, here, &[("CRATE", path), ("NAME", name)])
}
