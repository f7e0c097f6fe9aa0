//! Templates and errors: the little of a parser library that two attributes need.

use proc_macro::{Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

/// What is wrong, said to the user, and the tokens that it is about.
pub(crate) struct Error {
    first: Span,
    last: Span,
    message: String,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn at(span: Span, message: impl Into<String>) -> Error {
        Error { first: span, last: span, message: message.into() }
    }

    /// An error about all of `tokens`; about the attribute if there are none.
    pub(crate) fn about(tokens: &[TokenTree], message: impl Into<String>) -> Error {
        let first = tokens.first().map_or_else(Span::call_site, TokenTree::span);
        let last = tokens.last().map_or(first, TokenTree::span);
        Error { first, last, message: message.into() }
    }

    /// `compile_error!`, placed so that the compiler underlines what the error is about.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut message = TokenStream::new();
        message.extend([spanned(Literal::string(&self.message).into(), self.last)]);
        let mut arguments = Group::new(proc_macro::Delimiter::Brace, message);
        arguments.set_span(self.last);
        let mut out = TokenStream::new();
        for name in ["core", "compile_error"] {
            for _ in 0..2 {
                let mut colon = Punct::new(':', Spacing::Joint);
                colon.set_span(self.first);
                out.extend([TokenTree::Punct(colon)]);
            }
            out.extend([TokenTree::Ident(Ident::new(name, self.first))]);
        }
        let mut bang = Punct::new('!', Spacing::Alone);
        bang.set_span(self.first);
        out.extend([TokenTree::Punct(bang), TokenTree::Group(arguments)]);
        out
    }
}

/// The tokens of `template`, placed at `span`; an identifier that is a key of `holes` is replaced.
///
/// # Panics
///
/// If the template is not a sequence of tokens, which is a defect of this crate.
pub(crate) fn fill(template: &str, span: Span, holes: &[(&str, TokenStream)]) -> TokenStream {
    let tokens: TokenStream = template.parse().expect("a template is made of tokens");
    replace(tokens, span, holes)
}

fn replace(tokens: TokenStream, span: Span, holes: &[(&str, TokenStream)]) -> TokenStream {
    let mut out = TokenStream::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replace(group.stream(), span, holes));
                inner.set_span(span);
                out.extend([TokenTree::Group(inner)]);
            }
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                match holes.iter().find(|(key, _)| *key == name) {
                    Some((_, tokens)) => out.extend(tokens.clone()),
                    None => out.extend([spanned(TokenTree::Ident(ident), span)]),
                }
            }
            other => out.extend([spanned(other, span)]),
        }
    }
    out
}

fn spanned(mut token: TokenTree, span: Span) -> TokenTree {
    token.set_span(span);
    token
}

/// Whether `token` is the identifier or keyword `name`.
pub(crate) fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == name)
}

/// Whether `token` is the punctuation character `c`.
pub(crate) fn is_punct(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

/// Whether any token, however deep, is the identifier or keyword `name`.
pub(crate) fn mentions(tokens: &[TokenTree], name: &str) -> bool {
    tokens.iter().any(|token| match token {
        TokenTree::Group(group) => mentions(&group.stream().into_iter().collect::<Vec<_>>(), name),
        other => is_ident(other, name),
    })
}
