//! The arguments of the attributes, checked.

use proc_macro::{Ident, TokenStream, TokenTree};

use crate::tokens::{Error, Result, is_punct};

/// Which of the two attributes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    Main,
    Test,
}

impl Entry {
    /// How the user writes it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Entry::Main => "#[runtime::main]",
            Entry::Test => "#[runtime::test]",
        }
    }
}

/// Which runtime is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    CurrentThread,
    MultiThread,
    Local,
}

impl Flavor {
    fn name(self) -> &'static str {
        match self {
            Flavor::CurrentThread => "current_thread",
            Flavor::MultiThread => "multi_thread",
            Flavor::Local => "local",
        }
    }
}

/// What happens to the runtime when a task panics.
#[derive(Clone, Copy)]
pub(crate) enum UnhandledPanic {
    Report,
    Ignore,
    ShutdownRuntime,
    Abort,
}

/// All arguments, with the entry's defaults for what was not given.
pub(crate) struct Args {
    pub(crate) flavor: Flavor,
    pub(crate) worker_threads: Option<usize>,
    /// The runtime's name, as the literal that the user wrote.
    pub(crate) name: Option<TokenStream>,
    pub(crate) start_paused: Option<bool>,
    pub(crate) insight: Option<bool>,
    pub(crate) unhandled_panic: Option<UnhandledPanic>,
    /// How long the tasks have to end when the body has returned.
    pub(crate) shutdown_grace_ms: Option<u64>,
    /// The path of the runtime's crate; nothing for the default.
    pub(crate) crate_path: Option<TokenStream>,
}

impl Args {
    /// What an attribute without arguments means.
    pub(crate) fn defaults(entry: Entry) -> Args {
        let flavor = match entry {
            Entry::Main => Flavor::MultiThread,
            Entry::Test => Flavor::CurrentThread,
        };
        Args {
            flavor,
            worker_threads: None,
            name: None,
            start_paused: None,
            insight: None,
            unhandled_panic: None,
            shutdown_grace_ms: None,
            crate_path: None,
        }
    }
}

const NAMES: &str = "`flavor`, `worker_threads`, `start_paused`, `unhandled_panic`, `shutdown_grace`, `name`, \
     `insight` and `crate`";

const INSIGHT: &str = "insight";

/// One `name = value`.
struct Argument {
    name: String,
    /// The name's token, for errors about the argument as a whole.
    place: TokenTree,
    value: Vec<TokenTree>,
}

/// Reads the tokens between the attribute's parentheses.
pub(crate) fn parse(entry: Entry, tokens: TokenStream) -> Result<Args> {
    let mut args = Args::defaults(entry);
    let mut seen: Vec<String> = Vec::new();
    let mut flavor_given = false;
    let mut worker_threads_place = None;

    for argument in split(tokens)? {
        if seen.contains(&argument.name) {
            return Err(Error::about(
                &[argument.place],
                format!("`{}` is given twice: remove one", argument.name),
            ));
        }
        match argument.name.as_str() {
            "flavor" => {
                args.flavor = flavor(&argument)?;
                flavor_given = true;
            }
            "worker_threads" => {
                args.worker_threads = Some(worker_threads(&argument)?);
                worker_threads_place = Some(whole(&argument));
            }
            "name" => args.name = Some(name(&argument)?),
            "start_paused" => args.start_paused = Some(boolean(&argument)?),
            "insight" => args.insight = Some(boolean(&argument)?),
            "unhandled_panic" => args.unhandled_panic = Some(unhandled_panic(&argument)?),
            "shutdown_grace" => args.shutdown_grace_ms = Some(milliseconds(&argument)?),
            "crate" => args.crate_path = Some(crate_path(&argument)?),
            "core_threads" | "num_threads" | "threads" | "workers" => {
                return Err(Error::about(
                    &[argument.place],
                    format!("there is no argument `{}`: write `worker_threads`", argument.name),
                ));
            }
            unknown => {
                return Err(Error::about(
                    &[argument.place],
                    format!("there is no argument `{unknown}`: known are {NAMES}"),
                ));
            }
        }
        seen.push(argument.name);
    }

    if let (Some(place), false) = (worker_threads_place, args.flavor == Flavor::MultiThread) {
        let flavor = args.flavor.name();
        let advice = if flavor_given {
            format!("remove it, or write `flavor = \"multi_thread\"` instead of `\"{flavor}\"`")
        } else {
            format!(
                "add `flavor = \"multi_thread\"` (the default of `{}` is `\"{flavor}\"`)",
                entry.attribute()
            )
        };
        return Err(Error::about(
            &place,
            format!("`worker_threads` needs a runtime with worker threads: {advice}"),
        ));
    }
    Ok(args)
}

/// Cuts the tokens at their commas and each piece at its `=`.
fn split(tokens: TokenStream) -> Result<Vec<Argument>> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut arguments = Vec::new();
    let mut end = 0;
    for piece in tokens.split(|token| is_punct(token, ',')) {
        end += piece.len();
        let comma = tokens.get(end);
        end += 1;
        match (piece, comma) {
            // After a trailing comma, or no arguments at all.
            ([], None) => continue,
            ([], Some(comma)) => {
                return Err(Error::at(comma.span(), "a comma without an argument: remove it"));
            }
            _ => {}
        }
        match piece {
            [TokenTree::Ident(name), equals, value @ ..]
                if is_punct(equals, '=') && !value.is_empty() =>
            {
                arguments.push(Argument {
                    name: name.to_string(),
                    place: piece[0].clone(),
                    value: value.to_vec(),
                });
            }
            // The one argument that may stand alone.
            [TokenTree::Ident(name)] if name.to_string() == INSIGHT => {
                let place = piece[0].clone();
                let yes = TokenTree::Ident(Ident::new("true", name.span()));
                arguments.push(Argument { name: INSIGHT.into(), place, value: vec![yes] });
            }
            [TokenTree::Ident(name), ..] => {
                return Err(Error::about(piece, missing_value(&name.to_string())));
            }
            _ => {
                return Err(Error::about(
                    piece,
                    format!("an argument is written `name = value`; the names are {NAMES}"),
                ));
            }
        }
    }
    Ok(arguments)
}

/// Advice for a name that stands alone.
fn missing_value(name: &str) -> String {
    match name {
        "flavor" => "`flavor` needs a value: write `flavor = \"multi_thread\"`".into(),
        "multi_thread" | "current_thread" | "local" => {
            format!("write `flavor = \"{name}\"`")
        }
        "threaded_scheduler" => "write `flavor = \"multi_thread\"`".into(),
        "basic_scheduler" => "write `flavor = \"current_thread\"`".into(),
        "worker_threads" => "`worker_threads` needs a value: write `worker_threads = 4`".into(),
        "start_paused" => "`start_paused` needs a value: write `start_paused = true`".into(),
        "unhandled_panic" => {
            "`unhandled_panic` needs a value: write `unhandled_panic = \"shutdown_runtime\"`".into()
        }
        "shutdown_grace" => {
            "`shutdown_grace` needs a value: write `shutdown_grace = \"5s\"`".into()
        }
        "name" => "`name` needs a value: write `name = \"a name\"`".into(),
        "crate" => "`crate` needs a value: write `crate = \"path::to::runtime\"`".into(),
        _ => format!("an argument is written `name = value`; the names are {NAMES}"),
    }
}

/// The tokens of the argument's name and value.
fn whole(argument: &Argument) -> Vec<TokenTree> {
    let mut tokens = vec![argument.place.clone()];
    tokens.extend(argument.value.iter().cloned());
    tokens
}

fn flavor(argument: &Argument) -> Result<Flavor> {
    const CHOICE: &str = "write `\"multi_thread\"`, `\"current_thread\"` or `\"local\"`";
    let renamed = |was: &str, now: &str| {
        Err(Error::about(
            &argument.value,
            format!("there is no flavor `{was}`: it is called `\"{now}\"` here"),
        ))
    };
    match string(argument).as_deref() {
        Some("multi_thread") => Ok(Flavor::MultiThread),
        Some("current_thread") => Ok(Flavor::CurrentThread),
        Some("local") => Ok(Flavor::Local),
        Some("threaded_scheduler") => renamed("threaded_scheduler", "multi_thread"),
        Some("basic_scheduler") => renamed("basic_scheduler", "current_thread"),
        Some("single_thread") => renamed("single_thread", "current_thread"),
        Some(other) => {
            Err(Error::about(&argument.value, format!("there is no flavor `{other}`: {CHOICE}")))
        }
        None => Err(Error::about(&argument.value, format!("`flavor` is a string: {CHOICE}"))),
    }
}

fn worker_threads(argument: &Argument) -> Result<usize> {
    let number = match &argument.value[..] {
        [TokenTree::Literal(literal)] => {
            let text = literal.to_string().replace('_', "");
            text.trim_end_matches("usize").parse::<usize>().ok()
        }
        _ => None,
    };
    match number {
        Some(0) => Err(Error::about(
            &argument.value,
            "`worker_threads` must be at least 1: a runtime without workers runs no task",
        )),
        Some(number) => Ok(number),
        None => Err(Error::about(
            &argument.value,
            "`worker_threads` is a whole number: write `worker_threads = 4`; for a number that is \
             known only when the program runs, call `Builder::worker_threads` in a plain `fn main`",
        )),
    }
}

/// The literal of a name that is not blank.
fn name(argument: &Argument) -> Result<TokenStream> {
    match string(argument) {
        Some(name) if name.trim().is_empty() => Err(Error::about(
            &argument.value,
            "the runtime's name must not be blank: leave `name` out for none",
        )),
        Some(_) => Ok(argument.value.iter().cloned().collect()),
        None => Err(Error::about(&argument.value, "`name` is a string: write `name = \"a name\"`")),
    }
}

fn boolean(argument: &Argument) -> Result<bool> {
    match &argument.value[..] {
        [TokenTree::Ident(ident)] if ident.to_string() == "true" => Ok(true),
        [TokenTree::Ident(ident)] if ident.to_string() == "false" => Ok(false),
        _ => Err(Error::about(
            &argument.value,
            format!("`{0}` is a bool: write `{0} = true`", argument.name),
        )),
    }
}

/// A length of time in words: a whole number and its unit.
fn milliseconds(argument: &Argument) -> Result<u64> {
    let wrong = || {
        let name = &argument.name;
        Error::about(
            &argument.value,
            format!(
                "`{name}` is a whole number of `ms`, `s` or `m` in a string: write \
                 `{name} = \"5s\"`, `\"500ms\"` or `\"1m\"`"
            ),
        )
    };
    let text = string(argument).ok_or_else(wrong)?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)
}

fn unhandled_panic(argument: &Argument) -> Result<UnhandledPanic> {
    const CHOICE: &str = "write `\"report\"`, `\"ignore\"`, `\"shutdown_runtime\"` or `\"abort\"`";
    match string(argument).as_deref() {
        Some("report") => Ok(UnhandledPanic::Report),
        Some("abort") => Ok(UnhandledPanic::Abort),
        Some("ignore") => Ok(UnhandledPanic::Ignore),
        Some("shutdown_runtime") => Ok(UnhandledPanic::ShutdownRuntime),
        Some(other) => Err(Error::about(
            &argument.value,
            format!("there is no policy `{other}` for `unhandled_panic`: {CHOICE}"),
        )),
        None => {
            Err(Error::about(&argument.value, format!("`unhandled_panic` is a string: {CHOICE}")))
        }
    }
}

/// A path, bare or in a string, placed where the user wrote it.
fn crate_path(argument: &Argument) -> Result<TokenStream> {
    let wrong = || {
        Error::about(
            &argument.value,
            "`crate` is the path of this runtime's crate: write `crate = \"path::to::runtime\"`",
        )
    };
    let tokens: Vec<TokenTree> = match string(argument) {
        Some(text) => {
            let span = argument.value[0].span();
            let tokens = text.parse::<TokenStream>().map_err(|_| wrong())?;
            tokens
                .into_iter()
                .map(|mut token| {
                    token.set_span(span);
                    token
                })
                .collect()
        }
        None => argument.value.clone(),
    };
    // Names with `::` between them, and perhaps in front.
    let mut rest = &tokens[..];
    if let [first, second, behind @ ..] = rest {
        if is_punct(first, ':') && is_punct(second, ':') {
            rest = behind;
        }
    }
    let is_path = loop {
        match rest {
            [TokenTree::Ident(_)] => break true,
            [TokenTree::Ident(_), first, second, behind @ ..]
                if is_punct(first, ':') && is_punct(second, ':') =>
            {
                rest = behind;
            }
            _ => break false,
        }
    };
    if is_path { Ok(tokens.into_iter().collect()) } else { Err(wrong()) }
}

/// The content of a string literal, if the value is one. No argument's value has escapes in it.
fn string(argument: &Argument) -> Option<String> {
    match &argument.value[..] {
        [TokenTree::Literal(literal)] => {
            let text = literal.to_string();
            let text = text.trim_start_matches('r').trim_matches('#');
            Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())
        }
        _ => None,
    }
}
