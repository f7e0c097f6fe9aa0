//! The test that comes out of `#[runtime_sim::test]`.
//!
//! ```text
//! #[test]
//! fn name() {
//!     fn name(sim: &mut Sim) { ..what the user wrote.. }
//!     ::runtime_sim::Test::of(module_path!(), "name", name).seeds(..).run();
//! }
//! ```

use proc_macro::{Delimiter, Literal, Span, TokenStream, TokenTree};

use crate::tokens::{Error, Result, fill, is_ident, is_punct};

const ATTRIBUTE: &str = "#[runtime_sim::test]";

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
    match tokens.get(at_fn + 2) {
        Some(TokenTree::Group(parameters)) if !parameters.stream().is_empty() => {}
        _ => {
            let message =
                format!("`{ATTRIBUTE}` hands over the world: write `{name}(sim: &mut Sim)`");
            return Err(Error::at(name.span(), message));
        }
    }
    // Attributes stay on the test; the visibility, if any, goes: nobody calls a test.
    let end = tokens[..at_fn].iter().position(|token| !is_attribute(token)).unwrap_or(at_fn);
    let attributes: TokenStream = tokens[..end].iter().cloned().collect();
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
    Ok(fill(
        "ATTRIBUTES #[::core::prelude::v1::test] fn NAME() {
             FUNCTION
             ::runtime_sim::Test::of(::core::module_path!(), TEXT, NAME) SETTINGS .run();
         }",
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

fn is_attribute(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Bracket,
        other => is_punct(other, '#'),
    }
}
