//! What is wrong with the program.

use runtime_insight::Client;
use serde_json::Value;

use super::{Failed, print};

pub(super) fn run(client: &mut Client) -> Result<(), Failed> {
    let answer = client.ask("findings")?;
    let answer: Value = serde_json::from_slice(&answer).map_err(runtime_insight::Error::from)?;
    print(text(&answer).as_bytes())
}

fn text(answer: &Value) -> String {
    let texts = |list: &str| {
        let all = answer.get(list).and_then(Value::as_array);
        all.into_iter().flatten().filter_map(|one| one["text"].as_str()).collect::<Vec<_>>()
    };
    let stalls = texts("stalls").into_iter().map(|text| format!("stall: {text}"));
    let all: Vec<_> = texts("findings").into_iter().map(str::to_owned).chain(stalls).collect();
    match all.as_slice() {
        [] => "nothing was found; see `dump`\n".to_owned(),
        all => all.join("\n") + "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_said_and_so_is_that_there_is_none() {
        let none = serde_json::json!({ "findings": [] });
        assert!(text(&none).contains("nothing"));
        let two = serde_json::json!({ "findings": [{ "text": "a\n b" }, { "text": "c" }] });
        assert_eq!(text(&two), "a\n b\nc\n");
        let stall = serde_json::json!({ "findings": [], "stalls": [{ "text": "task 7" }] });
        assert_eq!(text(&stall), "stall: task 7\n");
    }
}
