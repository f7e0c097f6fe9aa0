//! The arguments, and the help.

/// What `--help` prints.
pub(super) const HELP: &str = "\
Looks into running programs of the crate `runtime`.

A program lets you look in if it was started with RUNTIME_INSIGHT=1 in its environment and is your
own. It answers also while all its workers are stuck.

usage:
  runtime-insight                  list the programs that you can look into
  runtime-insight PID              the page: all of it in a browser, until Ctrl-C
      --at ADDRESS                   where, of the loopback: 127.0.0.1:0, any free port, if not said
  runtime-insight PID dump         what each task does, and what it waits for
      --json                         as JSON
      --filter WORD..                only tasks whose text contains all of the words
      --stacks                       and at which of its awaits: each task is polled once
  runtime-insight PID stacks TASK  the same of one task, by its number
  runtime-insight PID findings     what is wrong: deadlocks, tasks that nobody can wake, ..
      --json                         as JSON
  runtime-insight PID trace        what threads did in the last seconds, for the Perfetto UI
      --last 10s                     how long; 10s without it
      --runtime N                    which runtime, as in the list; the first one without it
      -o FILE                        where to; PID.pftrace without it
  runtime-insight PID metrics      all numbers of its runtimes, in Prometheus's text format
      --json                         as JSON
  runtime-insight PID top          a table of its tasks that refreshes each second;
                                   q or Ctrl-C leaves. Without a terminal: one table
  runtime-insight PID console      answers tokio-console, until Ctrl-C
      --port N                       on this port of 127.0.0.1 instead of 6669; 0: any free one
  runtime-insight lines [REPORT]   adds files, lines and inlined calls to the stacks of a report,
                                   from this file or from the standard input
      --program FILE                 finds them in this file: for a report from another machine,
                                     or of a program that was stripped
  runtime-insight --help           this text
  runtime-insight --version        the version

PID is the number of the process, as in the list.

examples:
  RUNTIME_INSIGHT=1 ./my-server &
  runtime-insight
  runtime-insight 4711 dump --filter mutex
  journalctl -u my-server | runtime-insight lines
";

/// A command of the user.
#[derive(Debug, PartialEq)]
pub(super) enum Arguments {
    Help,
    Version,
    List,
    Of(u32, Action),
    Lines { report: Option<String>, programs: Vec<String> },
}

/// A command for one program.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    Dump { form: Form, filter: Vec<String> },
    Stacks { task: String },
    Findings { json: bool },
    Trace { last: f64, runtime: Option<u64>, file: Option<String> },
    Metrics { json: bool },
    Top,
    Page { at: String },
    Console { port: u16 },
}

/// How a dump is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// The same, with the stacks of the tasks.
    Stacks,
    Json,
}

impl Arguments {
    /// Reads the arguments. An error says what would be right.
    pub(super) fn parse(all: &[String]) -> Result<Arguments, String> {
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        match all.as_slice() {
            [] | ["list"] => Ok(Arguments::List),
            ["--version" | "-V"] => Ok(Arguments::Version),
            words if words.iter().any(|word| matches!(*word, "--help" | "-h" | "help")) => {
                Ok(Arguments::Help)
            }
            ["lines", options @ ..] => lines(options),
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

/// Any free port.
const ANY_PORT: &str = "127.0.0.1:0";
/// The port that tokio-console uses by default.
const CONSOLE_PORT: u16 = 6669;

fn action(pid: u32, words: &[&str]) -> Result<Action, String> {
    match words {
        ["dump", options @ ..] => {
            let (mut form, mut filter) = (Form::Text, Vec::new());
            let mut options = options.iter();
            while let Some(option) = options.next() {
                match *option {
                    "--json" if form == Form::Text => form = Form::Json,
                    "--stacks" if form == Form::Text => form = Form::Stacks,
                    "--json" | "--stacks" => {
                        return Err(
                            "a dump with stacks is text: leave one of --json and --stacks".into()
                        );
                    }
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
                    other => {
                        return Err(unknown("dump", other, "--json, --stacks and --filter WORD.."));
                    }
                }
            }
            Ok(Action::Dump { form, filter })
        }
        ["stacks", task] if *task == "all" || task.parse::<u64>().is_ok() => {
            Ok(Action::Stacks { task: task.to_string() })
        }
        ["stacks", ..] => Err(format!(
            "say of which task, by its number in the dump: `runtime-insight {pid} stacks 64`, or `all`"
        )),
        ["trace", options @ ..] => trace(options),
        ["findings"] => Ok(Action::Findings { json: false }),
        ["findings", "--json"] => Ok(Action::Findings { json: true }),
        ["findings", other, ..] => Err(unknown("findings", other, "--json")),
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
        [] => Ok(Action::Page { at: ANY_PORT.to_owned() }),
        ["--at"] => Err("--at needs an address of the loopback, as 127.0.0.1:7070".to_owned()),
        ["--at", address] => Ok(Action::Page { at: (*address).to_owned() }),
        [other, ..] => Err(format!(
            "there is no command {other:?}: `runtime-insight --help` lists what there is"
        )),
    }
}

fn lines(options: &[&str]) -> Result<Arguments, String> {
    let (mut report, mut programs) = (None, Vec::new());
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--program" => match options.next() {
                Some(file) => programs.push(file.to_string()),
                None => return Err("--program needs the file of the program".to_owned()),
            },
            "-" => {}
            other if other.starts_with('-') => {
                return Err(unknown("lines", other, "--program FILE"));
            }
            file if report.is_none() => report = Some(file.to_owned()),
            other => {
                return Err(format!(
                    "one report at a time: what is {other:?}? A program's file comes after --program"
                ));
            }
        }
    }
    Ok(Arguments::Lines { report, programs })
}

fn trace(options: &[&str]) -> Result<Action, String> {
    let (mut last, mut runtime, mut file) = (10.0, None, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let known = matches!(*option, "--last" | "--runtime" | "-o");
        if !known {
            return Err(unknown("trace", option, "--last 10s, --runtime N and -o FILE"));
        }
        let Some(value) = options.next() else {
            return Err(format!("{option} needs a value, as in `trace --last 10s -o out.pftrace`"));
        };
        match *option {
            "--last" => {
                let seconds = value.strip_suffix('s').unwrap_or(value).parse::<f64>().ok();
                let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
                last = seconds.ok_or(format!("{value:?} is no time, as 10s or 0.5s"))?;
            }
            "--runtime" => {
                let number =
                    value.parse().map_err(|_| format!("{value:?} is no runtime's number"))?;
                runtime = Some(number);
            }
            _ => file = Some(value.to_string()),
        }
    }
    Ok(Action::Trace { last, runtime, file })
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
        let dump = |form, filter: &[&str]| {
            let filter = filter.iter().map(|word| word.to_string()).collect();
            Ok(Arguments::Of(12, Action::Dump { form, filter }))
        };
        assert_eq!(parse(""), Ok(Arguments::List));
        let page = |at: &str| Ok(Arguments::Of(12, Action::Page { at: at.to_owned() }));
        assert_eq!(parse("12"), page(ANY_PORT));
        assert_eq!(parse("12 --at 127.0.0.1:70"), page("127.0.0.1:70"));
        assert_eq!(parse("12 dump"), dump(Form::Text, &[]));
        assert_eq!(parse("12 dump --filter a b --json"), dump(Form::Json, &["a", "b"]));
        assert_eq!(parse("12 metrics"), Ok(Arguments::Of(12, Action::Metrics { json: false })));
        assert_eq!(parse("12 dump --stacks"), dump(Form::Stacks, &[]));
        let stacks = Action::Stacks { task: "64".to_owned() };
        assert_eq!(parse("12 stacks 64"), Ok(Arguments::Of(12, stacks)));
        assert_eq!(parse("12 findings"), Ok(Arguments::Of(12, Action::Findings { json: false })));
        let (runtime, file) = (Some(2), Some("x".to_owned()));
        let trace = Action::Trace { last: 0.5, runtime, file };
        assert_eq!(parse("12 trace --last 0.5s -o x --runtime 2"), Ok(Arguments::Of(12, trace)));
        assert_eq!(parse("12 top"), Ok(Arguments::Of(12, Action::Top)));
        let console = |port| Ok(Arguments::Of(12, Action::Console { port }));
        assert_eq!(parse("12 console"), console(6669));
        assert_eq!(parse("12 console --port 70"), console(70));
        let lines = |report: Option<&str>, programs: &[&str]| {
            let programs = programs.iter().map(|file| file.to_string()).collect();
            Ok(Arguments::Lines { report: report.map(str::to_owned), programs })
        };
        assert_eq!(parse("lines"), lines(None, &[]));
        assert_eq!(parse("lines -"), lines(None, &[]));
        assert_eq!(parse("lines --program a x.log --program b"), lines(Some("x.log"), &["a", "b"]));
        assert_eq!(parse("12 dump --help"), Ok(Arguments::Help));
        assert_eq!(parse("-V"), Ok(Arguments::Version));
    }

    #[test]
    fn what_is_wrong_is_answered_with_what_would_be_right() {
        for (given, advice) in [
            ("x", "lists the programs"),
            ("-1 dump", "no process number"),
            ("12 --at", "needs an address"),
            ("12 --port 1", "--help"),
            ("12 dmup", "--help"),
            ("12 stacks x", "by its number"),
            ("12 trace --last", "needs a value"),
            ("12 trace --last soon", "as 10s"),
            ("12 trace --first 1s", "--last 10s"),
            ("12 dump --json --stacks", "leave one"),
            ("12 dump --jsno", "--json, --stacks and --filter"),
            ("12 dump --filter", "needs a word"),
            ("12 console --port", "needs a number"),
            ("12 console --port 65536", "from 0 to 65535"),
            ("12 console --at x", "--port N"),
            ("12 top --fast", "no options"),
            ("lines a b", "after --program"),
            ("lines --program", "needs the file"),
            ("lines --file a", "--program FILE"),
        ] {
            let error = parse(given).unwrap_err();
            assert!(error.contains(advice), "{given}: {error}");
        }
    }
}
