//! The test that comes out of `#[runtime_sim::test]`.
//!
//! ```text
//! #[test]
//! fn name() {
//!     fn name(sim: &mut Sim) { ..what the user wrote.. }
//!     ::runtime_sim::Test::of(module_path!(), "name", name).seeds(..).run();
//! }
//! ```
//!
//! A function without parameters is what a client does that is alone in its world:
//! `|sim| { sim.client("test", name); }` stands for the function's name then. So a plain test
//! becomes a simulated one by its attribute, and tests that were written for the real system can
//! be built a second time ([`EXCEPTIONS`]).

use proc_macro::{Delimiter, Literal, Span, TokenStream, TokenTree};

use crate::tokens::{Error, Result, fill, is_ident, is_punct};

const ATTRIBUTE: &str = "#[runtime_sim::test]";

/// Set while tests of the real system are built once more to run under the simulation: a file with
/// those that cannot, `name: reason` in each line.
/// `#[runtime::test]` makes simulated tests then.
const EXCEPTIONS: &str = "RUNTIME_SIM_EXCEPTIONS";

/// What the attribute may say.
#[derive(Default)]
struct Args {
    seeds: Option<Literal>,
    first_seed: Option<Literal>,
}

/// Expands the attribute; the item stays as it is beside an error.
pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    match parse(args).and_then(|args| build(&args, item.clone())) {
        Ok(tokens) => tokens,
        Err(error) => {
            let mut tokens = error.into_tokens();
            tokens.extend(item);
            tokens
        }
    }
}

/// The arguments without the word `simulate`, if that is the first of them.
pub(crate) fn without_word(args: &TokenStream) -> Option<TokenStream> {
    let mut tokens = args.clone().into_iter();
    tokens.next().filter(|first| is_ident(first, "simulate"))?;
    let mut rest = tokens.peekable();
    rest.next_if(|token| is_punct(token, ','));
    Some(rest.collect())
}

/// Whether `#[runtime::test]` is to make simulated tests.
pub(crate) fn takes_all() -> bool {
    std::env::var_os(EXCEPTIONS).is_some()
}

/// Whether a test of this name stays out.
fn is_exception(name: &str) -> bool {
    let Some(path) = std::env::var_os(EXCEPTIONS).map(std::path::PathBuf::from) else {
        return false;
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => panic!("{EXCEPTIONS} is {}: {error}", path.display()),
    };
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(": ")).any(|(known, _)| known == name)
}

fn parse(args: TokenStream) -> Result<Args> {
    let mut found = Args::default();
    let tokens: Vec<TokenTree> = args.into_iter().collect();
    for part in tokens.split(|token| is_punct(token, ',')) {
        let (name, value) = match part {
            [] => continue,
            [TokenTree::Ident(name), equals, TokenTree::Literal(value)]
                if is_punct(equals, '=') =>
            {
                (name, value)
            }
            other => {
                return Err(Error::about(other, "expected `name = number`, as in `seeds = 100`"));
            }
        };
        let is_number = value.to_string().starts_with(|c: char| c.is_ascii_digit());
        let place = match name.to_string().as_str() {
            "seeds" => &mut found.seeds,
            "first_seed" => &mut found.first_seed,
            other => {
                let message = format!(
                    "`{ATTRIBUTE}` has no argument `{other}`: it takes `seeds` and `first_seed`"
                );
                return Err(Error::at(name.span(), message));
            }
        };
        if !is_number {
            return Err(Error::at(value.span(), format!("`{name}` takes a number")));
        }
        if place.replace(value.clone()).is_some() {
            return Err(Error::at(name.span(), format!("`{name}` is given twice")));
        }
    }
    Ok(found)
}

fn build(args: &Args, item: TokenStream) -> Result<TokenStream> {
    let tokens: Vec<TokenTree> = item.into_iter().collect();
    let misplaced = || {
        Error::at(
            Span::call_site(),
            format!("`{ATTRIBUTE}` goes on a function: `fn name(sim: &mut Sim) {{ .. }}`"),
        )
    };
    let Some(TokenTree::Group(body)) = tokens.last() else { return Err(misplaced()) };
    if body.delimiter() != Delimiter::Brace {
        return Err(misplaced());
    }
    let at_fn = tokens.iter().position(|token| is_ident(token, "fn")).ok_or_else(misplaced)?;
    let Some(TokenTree::Ident(name)) = tokens.get(at_fn + 1) else { return Err(misplaced()) };
    if tokens[..at_fn].iter().any(|token| is_ident(token, "async")) {
        return Err(Error::at(
            name.span(),
            "a simulated test describes a world and returns, so it is not `async`: what runs are the \
             hosts that it adds",
        ));
    }
    let is_alone = match tokens.get(at_fn + 2) {
        Some(TokenTree::Group(parameters)) => parameters.stream().is_empty(),
        _ => {
            let message =
                format!("`{ATTRIBUTE}` hands over the world: write `{name}(sim: &mut Sim)`");
            return Err(Error::at(name.span(), message));
        }
    };
    // Attributes stay on the test; the visibility, if any, goes: nobody calls a test.
    let end = tokens[..at_fn].iter().position(|token| !is_attribute(token)).unwrap_or(at_fn);
    let (panics, attributes) = attributes(&tokens[..end], is_alone);
    let function: TokenStream = tokens[at_fn..].iter().cloned().collect();
    let call = |method: &str, value: &Option<Literal>| match value {
        None => TokenStream::new(),
        Some(value) => {
            let value = TokenStream::from(TokenTree::Literal(value.clone()));
            fill(&format!(".{method}(VALUE)"), Span::mixed_site(), &[("VALUE", value)])
        }
    };
    let mut settings = call("seeds", &args.seeds);
    settings.extend(call("first_seed", &args.first_seed));
    let text = TokenTree::Literal(Literal::string(&name.to_string()));
    if is_alone && is_exception(&name.to_string()) {
        // It is built, and no test.
        let parts = [("ATTRIBUTES", attributes), ("FUNCTION", function)];
        let text = "ATTRIBUTES #[allow(dead_code, reason = \"an exception is no test\")] FUNCTION";
        return Ok(fill(text, Span::mixed_site(), &parts));
    }
    let world = match (is_alone, panics) {
        (false, _) => "NAME",
        (true, false) => "|sim| { sim.client(\"test\", NAME); }",
        // What it says is looked at by the test of the real system.
        (true, true) => {
            "|sim| {
                 sim.client(\"test\", || {
                     let ended = ::std::panic::catch_unwind(|| { NAME(); });
                     ::std::assert!(ended.is_err(), \"it was to panic, and did not\");
                 });
             }"
        }
    };
    let text_of = format!(
        "ATTRIBUTES #[::core::prelude::v1::test] fn NAME() {{
             FUNCTION
             ::runtime_sim::Test::of(::core::module_path!(), TEXT, {world}) SETTINGS .run();
         }}"
    );
    Ok(fill(
        &text_of,
        Span::mixed_site(),
        &[
            ("ATTRIBUTES", attributes),
            ("NAME", TokenStream::from(TokenTree::Ident(name.clone()))),
            ("FUNCTION", function),
            ("TEXT", TokenStream::from(text)),
            ("SETTINGS", settings),
        ],
    ))
}

/// Whether the test must panic, and the other attributes; of a function that gets the world, all.
fn attributes(tokens: &[TokenTree], is_alone: bool) -> (bool, TokenStream) {
    let mut panics = false;
    let mut kept = TokenStream::new();
    for pair in tokens.chunks(2) {
        let is_should_panic = match pair {
            [_, TokenTree::Group(content)] => {
                let first = content.stream().into_iter().next();
                first.is_some_and(|first| is_ident(&first, "should_panic"))
            }
            _ => false,
        };
        if is_alone && is_should_panic {
            panics = true;
        } else {
            kept.extend(pair.iter().cloned());
        }
    }
    (panics, kept)
}

fn is_attribute(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Bracket,
        other => is_punct(other, '#'),
    }
}
