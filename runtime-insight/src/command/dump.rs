//! What each task does.

use runtime_insight::Client;
use serde_json::Value;

use super::arguments::Form;
use super::{Failed, lines, print, with_end};

pub(super) fn run(
    pid: u32,
    client: &mut Client,
    form: Form,
    filter: &[String],
) -> Result<(), Failed> {
    let filter: Vec<_> = filter.iter().map(|word| word.to_lowercase()).collect();
    let answer = match form {
        Form::Text => client.ask("text")?,
        Form::Stacks => lines::of_process(pid, &client.ask("stacks all")?).into_bytes(),
        Form::Json => client.ask("dump")?,
    };
    if filter.is_empty() {
        return print(&with_end(answer));
    }
    let text = String::from_utf8_lossy(&answer);
    if form == Form::Json {
        let mut dump: Value = serde_json::from_str(&text).map_err(runtime_insight::Error::from)?;
        filter_json(&mut dump, &filter);
        return print(format!("{dump}\n").as_bytes());
    }
    print(filter_text(&text, &filter).as_bytes())
}

fn contains_all(text: &str, words: &[String]) -> bool {
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// Keeps the tasks and jobs whose lines contain all words, and the lines about runtimes.
fn filter_text(text: &str, words: &[String]) -> String {
    let mut kept = String::new();
    let mut entry = String::new();
    let mut end = |entry: &mut String| {
        let entries = ["task ", "the root of ", "blocking job"];
        let is_entry = entries.iter().any(|start| entry.starts_with(start));
        if !is_entry || contains_all(entry, words) {
            kept.push_str(entry);
        }
        entry.clear();
    };
    for line in text.lines() {
        if !line.starts_with(' ') {
            end(&mut entry);
        }
        entry.push_str(line);
        entry.push('\n');
    }
    end(&mut entry);
    kept
}

/// The same for JSON: only the values of a task count, not the names of its members.
fn filter_json(dump: &mut Value, words: &[String]) {
    let Some(runtimes) = dump.get_mut("runtimes").and_then(Value::as_array_mut) else { return };
    for runtime in runtimes {
        for list in ["tasks", "roots", "blocking"] {
            if let Some(entries) = runtime.get_mut(list).and_then(Value::as_array_mut) {
                entries.retain(|entry| {
                    let id = entry.get("id").map_or(String::new(), |id| format!("task {id} "));
                    contains_all(&(id + &words_of(entry)), words)
                });
            }
        }
    }
}

fn words_of(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text} "),
        Value::Array(all) => all.iter().map(words_of).collect(),
        Value::Object(all) => all.values().map(words_of).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_kept_whole_if_it_has_all_words() {
        let text = "runtime 1: 3 tasks, 1 blocking jobs\n\
            task 1 \"a\", spawned at x.rs:1:2: waiting\n  waits for a mutex made at y.rs:3:4\n\
            task 2, spawned at x.rs:5:6: waiting\n  waits for a timer\n\
            blocking job 3: running\n";
        let kept = |words: &[&str]| {
            filter_text(text, &words.iter().map(|word| word.to_string()).collect::<Vec<_>>())
        };
        assert_eq!(kept(&["mutex", "x.rs"]).lines().count(), 3);
        assert_eq!(kept(&["x.rs"]).lines().count(), 5);
        assert_eq!(kept(&["nothing"]), "runtime 1: 3 tasks, 1 blocking jobs\n");
    }

    #[test]
    fn in_json_names_of_members_do_not_count() {
        let mut dump: Value = serde_json::from_str(
            r#"{"runtimes":[{"tasks":[{"id":1,"name":"a","waits":[{"text":"a mutex"}]},
                {"id":2,"waits":[]}],"blocking":[]}]}"#,
        )
        .unwrap();
        filter_json(&mut dump, &["mutex".to_owned()]);
        assert_eq!(dump["runtimes"][0]["tasks"].as_array().unwrap().len(), 1);
        filter_json(&mut dump, &["waits".to_owned()]);
        assert!(dump["runtimes"][0]["tasks"].as_array().unwrap().is_empty());
    }
}
