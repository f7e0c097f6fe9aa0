//! Writes JSON (RFC 8259).

use std::fmt::{self, Write as _};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::runtime::id::RuntimeId;
use crate::task::Id;

/// A text of JSON as it grows.
pub(crate) struct Json {
    text: String,
    /// Whether the object or list has an element already.
    needs_comma: bool,
}

impl Json {
    pub(crate) fn new() -> Json {
        Json { text: String::new(), needs_comma: false }
    }

    pub(crate) fn into_string(self) -> String {
        self.text
    }

    /// `{..}`, with the members that `f` writes.
    pub(crate) fn object(&mut self, f: impl FnOnce(&mut Json)) {
        self.between('{', '}', f);
    }

    /// A member, if there is a value.
    pub(crate) fn member(&mut self, key: &str, value: &(impl Value + ?Sized)) {
        if value.is_there() {
            self.key(key);
            value.write(self);
        }
    }

    /// A member: an object whose members `f` writes.
    pub(crate) fn member_object(&mut self, key: &str, f: impl FnOnce(&mut Json)) {
        self.key(key);
        self.object(f);
    }

    /// A member: a list of objects whose members `f` writes.
    pub(crate) fn list<T>(
        &mut self,
        key: &str,
        all: impl IntoIterator<Item = T>,
        f: impl Fn(&mut Json, T),
    ) {
        self.key(key);
        self.between('[', ']', |json| {
            for one in all {
                json.comma();
                json.object(|json| f(json, one));
                json.needs_comma = true;
            }
        });
    }

    fn between(&mut self, open: char, close: char, f: impl FnOnce(&mut Json)) {
        self.text.push(open);
        let outside = std::mem::replace(&mut self.needs_comma, false);
        f(self);
        self.needs_comma = outside;
        self.text.push(close);
    }

    fn comma(&mut self) {
        if std::mem::replace(&mut self.needs_comma, true) {
            self.text.push(',');
        }
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.string(key);
        self.text.push(':');
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                c if c < ' ' => self.display(format_args!("\\u{:04x}", u32::from(c))),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    fn display(&mut self, value: impl fmt::Display) {
        write!(self.text, "{value}").expect("a string takes everything");
    }
}

/// What can be the value of a member.
pub(crate) trait Value {
    fn write(&self, json: &mut Json);

    fn is_there(&self) -> bool {
        true
    }
}

impl<T: Value> Value for Option<T> {
    fn write(&self, json: &mut Json) {
        if let Some(value) = self {
            value.write(json);
        }
    }

    fn is_there(&self) -> bool {
        self.is_some()
    }
}

macro_rules! displayed {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn write(&self, json: &mut Json) {
                json.display(self);
            }
        }
    )*};
}

// No number is infinite or NaN: JSON has no word for those.
displayed!(bool, u32, u64, i32, usize, f64, Id, RuntimeId);

macro_rules! texts {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn write(&self, json: &mut Json) {
                json.string(self);
            }
        }
    )*};
}

texts!(str, String, Arc<str>);

impl Value for &'static Location<'static> {
    fn write(&self, json: &mut Json) {
        json.string(&self.to_string());
    }
}

/// Written in microseconds.
impl Value for Duration {
    fn write(&self, json: &mut Json) {
        json.display(self.as_nanos() as f64 / 1e3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_members_and_nowhere_else() {
        let mut json = Json::new();
        json.object(|json| {
            json.member("none", &None::<u64>);
            json.member("a", "x\"\\\n");
            json.list("all", &[1_u64, 2], |json, n| json.member("n", n));
            json.list("nothing", &[0_u64; 0], |_, _| ());
            json.list("empty", &[0_u64], |_, _| ());
            json.member_object("o", |json| json.member("p", &0.5));
            json.member("b", &Duration::from_nanos(1500));
        });
        let expected = r#"{"a":"x\"\\\u000a","all":[{"n":1},{"n":2}],"nothing":[],"empty":[{}],"o":{"p":0.5},"b":1.5}"#;
        assert_eq!(json.into_string(), expected);
    }
}
