//! Protobuf, as far as Perfetto's traces and the console's protocol need it: messages are written,
//! and one number is read.

use std::time::{Duration, SystemTime};

/// A message as it grows. Its fields are known by their numbers.
#[derive(Default)]
pub struct Message(Vec<u8>);

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

impl Message {
    /// A message with what `content` writes.
    pub fn with(content: impl FnOnce(&mut Message)) -> Message {
        let mut message = Message::default();
        content(&mut message);
        message
    }

    /// The message as it is sent.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Its length in bytes.
    #[expect(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A field with a number.
    pub fn number(&mut self, field: u64, n: u64) {
        self.varint(field << 3 | VARINT);
        self.varint(n);
    }

    /// A number of eight bytes, whatever its value.
    pub fn fixed(&mut self, field: u64, n: u64) {
        self.varint(field << 3 | FIXED64);
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    /// A field with a text.
    pub fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// A message in this one.
    pub fn message(&mut self, field: u64, content: impl FnOnce(&mut Message)) {
        self.bytes(field, &Message::with(content).0);
    }

    /// A message that is complete in this one.
    pub fn put(&mut self, field: u64, content: &Message) {
        self.bytes(field, &content.0);
    }

    /// A message that has only a number, as an id does.
    pub fn id(&mut self, field: u64, id: u64) {
        self.message(field, |message| message.number(1, id));
    }

    /// A field with a moment, if there is one.
    pub fn moment(&mut self, field: u64, moment: impl Into<Option<SystemTime>>) {
        if let Some(moment) = moment.into() {
            self.duration(field, moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
        }
    }

    /// A field with a duration.
    pub fn duration(&mut self, field: u64, duration: Duration) {
        self.message(field, |message| {
            message.number(1, duration.as_secs());
            message.number(2, duration.subsec_nanos().into());
        });
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }
}

/// The id in field 1 of a message: see [`Message::id`]. `None` if the bytes are no message; a
/// missing number is zero.
pub fn read_id(message: &[u8]) -> Option<u64> {
    let mut id = 0;
    each_field(message, |field, value| {
        let (1, Value::Bytes(inner)) = (field, value) else { return Some(()) };
        each_field(inner, |field, value| {
            if let (1, Value::Number(n)) = (field, value) {
                id = n;
            }
            Some(())
        })
    })?;
    Some(id)
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// Calls `f` for each field. `None` if the message ends too early, or `f` returns `None`.
fn each_field<'a>(
    mut message: &'a [u8],
    mut f: impl FnMut(u64, Value<'a>) -> Option<()>,
) -> Option<()> {
    while !message.is_empty() {
        let tag = read_varint(&mut message)?;
        let value = match tag & 7 {
            VARINT => Value::Number(read_varint(&mut message)?),
            BYTES => {
                let length = usize::try_from(read_varint(&mut message)?).ok()?;
                Value::Bytes(take(&mut message, length)?)
            }
            FIXED64 => take(&mut message, 8).map(|_| Value::Fixed)?,
            FIXED32 => take(&mut message, 4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        f(tag >> 3, value)?;
    }
    Some(())
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken)
}

fn read_varint(message: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)?[0];
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_protobuf() {
        let message = Message::with(|message| {
            message.number(1, 300);
            message.text(2, "ab");
            message.id(3, 1);
            message.duration(4, Duration::new(1, 128));
            message.moment(5, None);
            message.fixed(6, 0x0102);
        });
        let mut expected =
            vec![0x08, 0xac, 2, 0x12, 2, b'a', b'b', 0x1a, 2, 8, 1, 0x22, 5, 8, 1, 0x10, 0x80, 1];
        expected.extend([0x31, 2, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(message.into_bytes(), expected);
    }

    #[test]
    fn an_id_is_read_among_fields_that_are_not_known_and_garbage_is_refused() {
        let message = Message::with(|message| {
            message.text(7, "new");
            message.id(1, u64::MAX);
            message.number(9, 5);
        });
        assert_eq!(read_id(&message.into_bytes()), Some(u64::MAX));
        assert_eq!(read_id(&[]), Some(0));
        // A group; a length past the end; a number without an end; one of too many bytes.
        for garbage in [&[0x0b][..], &[0x0a, 9, 1], &[0x08, 0x80], &[0x08; 1], &[0xff; 12]] {
            assert_eq!(read_id(garbage), None, "{garbage:?}");
        }
        assert_eq!(read_id(&[0x0a, 2, 0x08, 0x80]), None);
    }
}
