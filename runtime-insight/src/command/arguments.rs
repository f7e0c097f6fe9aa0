//! The arguments, and the help.

/// What `--help` prints.
pub(super) const HELP: &str = "\
Looks into running programs of the crate `runtime`.

A program lets you look in if it was started with RUNTIME_INSIGHT=1 in its environment and is your
own. It answers also while all its workers are stuck.

usage:
  runtime-insight                  list the programs that you can look into
  runtime-insight PID dump         what each task does, and what it waits for
      --json                         as JSON
      --filter WORD..                only tasks whose text contains all of the words
  runtime-insight PID metrics      all numbers of its runtimes, in Prometheus's text format
      --json                         as JSON
  runtime-insight PID top          a table of its tasks that refreshes each second;
                                   q or Ctrl-C leaves. Without a terminal: one table
  runtime-insight PID console      answers tokio-console, until Ctrl-C
      --port N                       on this port of 127.0.0.1 instead of 6669; 0: any free one
  runtime-insight --help           this text
  runtime-insight --version        the version

PID is the number of the process, as in the list.

examples:
  RUNTIME_INSIGHT=1 ./my-server &
  runtime-insight
  runtime-insight 4711 dump --filter mutex
";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    Help,
    Version,
    List,
    Of(u32, Action),
}

/// What is to be done with a program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    Dump { json: bool, filter: Vec<String> },
    Metrics { json: bool },
    Top,
    Console { port: u16 },
}

impl Arguments {
    /// An error says what would be right.
    pub(super) fn parse(all: &[String]) -> Result<Arguments, String> {
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        match all.as_slice() {
            [] | ["list"] => Ok(Arguments::List),
            ["--version" | "-V"] => Ok(Arguments::Version),
            words if words.iter().any(|word| matches!(*word, "--help" | "-h" | "help")) => {
                Ok(Arguments::Help)
            }
            [pid, rest @ ..] => {
                let Ok(pid) = pid.parse() else {
                    return Err(format!(
                        "{pid:?} is no process number: `runtime-insight` alone lists the programs, \
                         `runtime-insight --help` says more"
                    ));
                };
                Ok(Arguments::Of(pid, action(pid, rest)?))
            }
        }
    }
}

/// The one that tokio-console takes where it is told none.
const CONSOLE_PORT: u16 = 6669;

fn action(pid: u32, words: &[&str]) -> Result<Action, String> {
    match words {
        ["dump", options @ ..] => {
            let (mut json, mut filter) = (false, Vec::new());
            let mut options = options.iter();
            while let Some(option) = options.next() {
                match *option {
                    "--json" => json = true,
                    "--filter" => {
                        let rest = options.as_slice();
                        let count = rest.iter().take_while(|word| !word.starts_with("--")).count();
                        if count == 0 {
                            return Err(
                                "--filter needs a word that the tasks are to contain".into()
                            );
                        }
                        filter.extend(rest[..count].iter().map(|word| word.to_string()));
                        options = rest[count..].iter();
                    }
                    other => return Err(unknown("dump", other, "--json and --filter WORD..")),
                }
            }
            Ok(Action::Dump { json, filter })
        }
        ["metrics"] => Ok(Action::Metrics { json: false }),
        ["metrics", "--json"] => Ok(Action::Metrics { json: true }),
        ["metrics", other, ..] => Err(unknown("metrics", other, "--json")),
        ["console"] => Ok(Action::Console { port: CONSOLE_PORT }),
        ["console", "--port"] => Err("--port needs a number, as --port 6670".to_owned()),
        ["console", "--port", port] => match port.parse() {
            Ok(port) => Ok(Action::Console { port }),
            Err(_) => Err(format!("{port:?} is no port: it is a number from 0 to 65535")),
        },
        ["console", other, ..] => Err(unknown("console", other, "--port N")),
        ["top"] => Ok(Action::Top),
        ["top", other, ..] => Err(unknown("top", other, "no options")),
        [] => Err(format!(
            "say what you want to see: `runtime-insight {pid} dump`, `metrics`, `top` or \
             `console`"
        )),
        [other, ..] => Err(format!(
            "there is no command {other:?}: there are dump, metrics, top and console, and \
             `runtime-insight --help`"
        )),
    }
}

fn unknown(command: &str, option: &str, known: &str) -> String {
    format!("{command} has no option {option:?}: it has {known}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Arguments, String> {
        Arguments::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_said_is_understood() {
        let dump = |json, filter: &[&str]| {
            let filter = filter.iter().map(|word| word.to_string()).collect();
            Ok(Arguments::Of(12, Action::Dump { json, filter }))
        };
        assert_eq!(parse(""), Ok(Arguments::List));
        assert_eq!(parse("12 dump"), dump(false, &[]));
        assert_eq!(parse("12 dump --filter a b --json"), dump(true, &["a", "b"]));
        assert_eq!(parse("12 metrics"), Ok(Arguments::Of(12, Action::Metrics { json: false })));
        assert_eq!(parse("12 top"), Ok(Arguments::Of(12, Action::Top)));
        let console = |port| Ok(Arguments::Of(12, Action::Console { port }));
        assert_eq!(parse("12 console"), console(6669));
        assert_eq!(parse("12 console --port 70"), console(70));
        assert_eq!(parse("12 dump --help"), Ok(Arguments::Help));
        assert_eq!(parse("-V"), Ok(Arguments::Version));
    }

    #[test]
    fn what_is_wrong_is_answered_with_what_would_be_right() {
        for (given, advice) in [
            ("x", "lists the programs"),
            ("-1 dump", "no process number"),
            ("12", "12 dump"),
            ("12 dmup", "dump, metrics, top and console"),
            ("12 dump --jsno", "--json and --filter"),
            ("12 dump --filter", "needs a word"),
            ("12 console --port", "needs a number"),
            ("12 console --port 65536", "from 0 to 65535"),
            ("12 console --at x", "--port N"),
            ("12 top --fast", "no options"),
        ] {
            let error = parse(given).unwrap_err();
            assert!(error.contains(advice), "{given}: {error}");
        }
    }
}
