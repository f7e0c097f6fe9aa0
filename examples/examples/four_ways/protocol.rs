//! The protocol and the buffer of a connection, the same for all four ways.
//!
//! A request is a line. The answer is a number, a space, and the line again. The number says how
//! many lines the server has answered so far, on all connections. So there is something to keep for
//! each connection (a line that has not come whole yet) and something that all of them share.

use std::io::{Error, ErrorKind, Result};

/// A connection's buffer, in bytes. A longer line is an error.
pub(crate) const BUFFER: usize = 1024;

/// What a connection has received and not answered yet.
pub(crate) struct Inbox {
    bytes: [u8; BUFFER],
    filled: usize,
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        Inbox { bytes: [0; BUFFER], filled: 0 }
    }

    /// Where the next bytes from the socket belong.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.bytes[self.filled..]
    }

    /// Notes that `n` bytes have been read into the space.
    pub(crate) fn received(&mut self, n: usize) {
        self.filled += n;
    }

    /// Takes the first whole line out, with its line feed.
    pub(crate) fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        match self.bytes[..self.filled].iter().position(|&byte| byte == b'\n') {
            Some(end) => {
                let line = self.bytes[..=end].to_vec();
                self.bytes.copy_within(end + 1..self.filled, 0);
                self.filled -= line.len();
                Ok(Some(line))
            }
            None if self.filled == BUFFER => {
                Err(Error::new(ErrorKind::InvalidData, "a line longer than 1024 bytes"))
            }
            None => Ok(None),
        }
    }
}

pub(crate) fn answer(number: u64, line: &[u8]) -> Vec<u8> {
    let mut answer = format!("{number} ").into_bytes();
    answer.extend(line);
    answer
}
