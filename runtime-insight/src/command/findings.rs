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
    let findings = answer.get("findings").and_then(Value::as_array);
    let texts: Vec<_> =
        findings.into_iter().flatten().filter_map(|one| one["text"].as_str()).collect();
    match texts.as_slice() {
        [] => "nothing was found; see `dump`\n".to_owned(),
        texts => texts.join("\n") + "\n",
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
    }
}
