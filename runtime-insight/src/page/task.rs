//! Tasks as the page keeps them. There can be a million, and the page may be in the program that
//! has them. So equal texts, such as places, are kept once.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::answers::Job;

/// As [`crate::Dump`].
#[derive(Deserialize)]
pub(super) struct Dump {
    pub(super) runtimes: Vec<RuntimeDump>,
}

/// As [`crate::RuntimeDump`].
#[derive(Deserialize)]
pub(super) struct RuntimeDump {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) took_us: f64,
    pub(super) tasks: Vec<Task>,
    #[serde(default)]
    pub(super) roots: Vec<Root>,
    #[serde(default)]
    pub(super) blocking: Vec<Job>,
}

/// The future of a `block_on`. It is no task, but waits like one.
#[derive(Deserialize, Serialize)]
pub(super) struct Root {
    pub(super) called_at: Option<Text>,
    pub(super) thread: Option<Text>,
    pub(super) state: Text,
    pub(super) since_us: Option<f64>,
    #[serde(default)]
    pub(super) waits: Box<[Wait]>,
}

/// As [`crate::Task`].
#[derive(Deserialize, Serialize)]
pub(super) struct Task {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) name: Option<Text>,
    pub(super) spawned_at: Text,
    #[serde(default)]
    pub(super) scope: Option<Text>,
    #[serde(default)]
    pub(super) place: Text,
    pub(super) state: Text,
    pub(super) since_us: Option<f64>,
    pub(super) worker: Option<u32>,
    #[serde(default)]
    pub(super) polls: u64,
    #[serde(default)]
    pub(super) busy_us: f64,
    pub(super) age_us: Option<f64>,
    #[serde(default)]
    pub(super) future_size: u64,
    #[serde(default)]
    pub(super) woken_by: Option<Text>,
    pub(super) woken_by_task: Option<u64>,
    pub(super) woken_us_ago: Option<f64>,
    #[serde(default)]
    pub(super) waits: Box<[Wait]>,
    #[serde(default)]
    pub(super) more_waits: u32,
    #[serde(default)]
    pub(super) lost: bool,
    #[serde(default)]
    pub(super) stuck: bool,
}

/// As [`crate::Wait`]; what is left out stands in the text.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Wait {
    pub(super) kind: Text,
    pub(super) text: Box<str>,
    #[serde(default)]
    pub(super) made_at: Option<Text>,
    pub(super) object: Option<u64>,
    pub(super) held_by: Option<u64>,
    pub(super) task: Option<u64>,
    #[serde(default)]
    pub(super) old: bool,
    /// The task that must act for the wait to end.
    pub(super) leads_to: Option<u64>,
}

/// A text that may be shared with others.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text(Arc<str>);

thread_local! {
    /// The texts of the dump that is being read.
    static KNOWN: RefCell<HashSet<Arc<str>>> = RefCell::default();
}

/// Reads a dump.
pub(super) fn read(bytes: &[u8]) -> serde_json::Result<Dump> {
    let dump = serde_json::from_slice(bytes);
    KNOWN.take();
    dump
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Text;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(KNOWN.with_borrow_mut(|known| match known.get(text) {
                    Some(one) => Text(Arc::clone(one)),
                    None => {
                        let one = Arc::from(text);
                        known.insert(Arc::clone(&one));
                        Text(one)
                    }
                }))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tasks_say_alike_is_there_once() {
        let text = r#"{"runtimes":[{"id":1,"tasks":[
            {"id":1,"spawned_at":"a.rs:1\u0031","state":"waiting","waits":[{"kind":"timer","text":"t"}]},
            {"id":2,"name":null,"spawned_at":"a.rs:11","state":"waiting"}]}]}"#;
        let dump = read(text.as_bytes()).unwrap();
        let [a, b] = &dump.runtimes[0].tasks[..] else { panic!() };
        assert!(Arc::ptr_eq(&a.spawned_at.0, &b.spawned_at.0));
        assert_eq!((&*b.spawned_at, b.waits.len(), &*a.waits[0].kind), ("a.rs:11", 0, "timer"));
        KNOWN.with_borrow(|known| assert!(known.is_empty()));
        assert!(read(b"{\"runtimes\":[{").is_err());
    }
}
