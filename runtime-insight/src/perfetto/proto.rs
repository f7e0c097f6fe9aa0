//! Writes messages of Perfetto's trace format: protobuf, by hand.
//!
//! The numbers are those of the fields in Perfetto's `trace_packet.proto` and what it includes.

/// A message as it grows.
#[derive(Default)]
pub(super) struct Message(pub(super) Vec<u8>);

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;

impl Message {
    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn tag(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    pub(super) fn number(&mut self, field: u32, n: u64) {
        self.tag(field, VARINT);
        self.varint(n);
    }

    pub(super) fn fixed(&mut self, field: u32, n: u64) {
        self.tag(field, FIXED64);
        self.0.extend_from_slice(&n.to_le_bytes());
    }

    pub(super) fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.tag(field, BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message in this one.
    pub(super) fn message(&mut self, field: u32, content: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        content(&mut inner);
        self.bytes(field, &inner.0);
    }
}
