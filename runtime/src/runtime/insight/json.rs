//! Writes JSON (RFC 8259).
//!
//! What a caller's closure is called between is compiled once, and not for each closure: every
//! program has this in it.

use std::fmt::{self, Write as _};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::decimal::Decimal;
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
        let outside = self.open('{');
        f(self);
        self.close('}', outside);
    }

    /// A member, if there is a value.
    pub(crate) fn member(&mut self, key: &str, value: &(impl Value + ?Sized)) {
        self.member_of_any_kind(key, &value);
    }

    #[inline(never)]
    fn member_of_any_kind(&mut self, key: &str, value: &dyn Value) {
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
        let outside = self.open('[');
        for one in all {
            self.comma();
            self.object(|json| f(json, one));
            self.needs_comma = true;
        }
        self.close(']', outside);
    }

    /// Begins an object or a list. Returns what [`close`](Json::close) needs.
    #[inline(never)]
    fn open(&mut self, bracket: char) -> bool {
        self.text.push(bracket);
        std::mem::replace(&mut self.needs_comma, false)
    }

    #[inline(never)]
    fn close(&mut self, bracket: char, outside: bool) {
        self.needs_comma = outside;
        self.text.push(bracket);
    }

    fn comma(&mut self) {
        if std::mem::replace(&mut self.needs_comma, true) {
            self.text.push(',');
        }
    }

    #[inline(never)]
    fn key(&mut self, key: &str) {
        self.comma();
        self.string(key);
        self.text.push(':');
    }

    #[inline(never)]
    fn string(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                c if c < ' ' => self.display(&format_args!("\\u{:04x}", u32::from(c))),
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }

    #[inline(never)]
    fn display(&mut self, value: &dyn fmt::Display) {
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

displayed!(bool, u32, u64, i32, usize, Decimal, Id, RuntimeId);

impl<T: Value + ?Sized> Value for &T {
    fn write(&self, json: &mut Json) {
        (**self).write(json);
    }

    fn is_there(&self) -> bool {
        (**self).is_there()
    }
}

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

impl Value for Location<'static> {
    fn write(&self, json: &mut Json) {
        json.string(&self.to_string());
    }
}

/// Written in microseconds.
impl Value for Duration {
    fn write(&self, json: &mut Json) {
        json.display(&Decimal::micros(*self));
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
            json.member_object("o", |json| {
                json.member("p", &Decimal::seconds(Duration::from_millis(500)));
            });
            json.member("b", &Duration::from_nanos(1500));
        });
        let expected = r#"{"a":"x\"\\\u000a","all":[{"n":1},{"n":2}],"nothing":[],"empty":[{}],"o":{"p":0.5},"b":1.5}"#;
        assert_eq!(json.into_string(), expected);
    }
}
