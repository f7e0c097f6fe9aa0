//! The function under the attribute, taken apart as far as the expansion needs.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use crate::tokens::{Error, Result, is_ident, is_punct};

/// An `async fn`.
///
/// `attributes` `before_async` `async` `signature` `-> output` `bounds` `body`
pub(crate) struct AsyncFn {
    pub(crate) attributes: Vec<Attribute>,
    /// Visibility, and whatever else stands before `async`.
    pub(crate) before_async: Vec<TokenTree>,
    /// From what follows `async` to the parameters, both included.
    pub(crate) signature: Vec<TokenTree>,
    pub(crate) name: Ident,
    pub(crate) parameters: Group,
    /// The type after `->`; nothing for a function that returns `()`.
    pub(crate) output: Vec<TokenTree>,
    /// The `where` clause.
    pub(crate) bounds: Vec<TokenTree>,
    pub(crate) body: Group,
}

/// One `#[...]` above the function.
pub(crate) struct Attribute {
    pub(crate) hash: TokenTree,
    pub(crate) content: Group,
}

impl Attribute {
    /// The segments of the attribute's path: `["runtime", "test"]` for `#[runtime::test(..)]`.
    pub(crate) fn path(&self) -> Vec<String> {
        let mut path = Vec::new();
        for token in self.content.stream() {
            match token {
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                _ => break,
            }
        }
        path
    }

    pub(crate) fn span(&self) -> Span {
        self.content.span()
    }
}

/// Takes `item` apart. `attribute` is how the user writes the attribute.
pub(crate) fn parse(item: TokenStream, attribute: &str) -> Result<AsyncFn> {
    let misplaced = || {
        Error::at(
            Span::call_site(),
            format!("`{attribute}` goes on a function with a body: `async fn name() {{ .. }}`"),
        )
    };
    let mut rest: Vec<TokenTree> = item.into_iter().collect();
    let Some(TokenTree::Group(body)) = rest.pop() else { return Err(misplaced()) };
    if body.delimiter() != Delimiter::Brace {
        return Err(misplaced());
    }

    let mut attributes = Vec::new();
    while let [hash, TokenTree::Group(content), ..] = &rest[..] {
        if !is_punct(hash, '#') {
            break;
        }
        attributes.push(Attribute { hash: hash.clone(), content: content.clone() });
        rest.drain(..2);
    }

    let at_fn = rest.iter().position(|token| is_ident(token, "fn")).ok_or_else(misplaced)?;
    let name = match rest.get(at_fn + 1) {
        Some(TokenTree::Ident(name)) => name.clone(),
        _ => return Err(misplaced()),
    };
    let Some(at_async) = rest[..at_fn].iter().position(|token| is_ident(token, "async")) else {
        return Err(Error::about(
            &rest[at_fn..=at_fn],
            format!("`{attribute}` runs an async function: write `async fn {name}`"),
        ));
    };

    // The parameters are the first parentheses behind the generics.
    let mut depth = 0_usize;
    let mut at_parameters = None;
    for (index, token) in rest.iter().enumerate().skip(at_fn + 2) {
        match token {
            TokenTree::Group(group)
                if depth == 0 && group.delimiter() == Delimiter::Parenthesis =>
            {
                at_parameters = Some((index, group.clone()));
                break;
            }
            token if is_punct(token, '<') => depth += 1,
            token if is_punct(token, '>') && !is_punct(&rest[index - 1], '-') => {
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    let (at_parameters, parameters) = at_parameters.ok_or_else(misplaced)?;

    let mut behind = rest.split_off(at_parameters + 1);
    let signature = rest.split_off(at_async + 1);
    rest.pop(); // `async`
    let bounds = match behind.iter().position(|token| is_ident(token, "where")) {
        Some(index) => behind.split_off(index),
        None => Vec::new(),
    };
    // What is left is `-> output`, or nothing.
    let output = if behind.len() > 2 { behind.split_off(2) } else { Vec::new() };

    Ok(AsyncFn {
        attributes,
        before_async: rest,
        signature,
        name,
        parameters,
        output,
        bounds,
        body,
    })
}

/// Splits the inner attributes (`#![...]`) off the front of a body.
pub(crate) fn split_inner_attributes(body: &Group) -> (TokenStream, TokenStream) {
    let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    let mut at = 0;
    while let [hash, bang, TokenTree::Group(content), ..] = &tokens[at..] {
        if !is_punct(hash, '#') || !is_punct(bang, '!') || content.delimiter() != Delimiter::Bracket
        {
            break;
        }
        at += 3;
    }
    (tokens[..at].iter().cloned().collect(), tokens[at..].iter().cloned().collect())
}
