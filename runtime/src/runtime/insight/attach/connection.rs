//! One client: a line comes in, an answer goes out, and so on.
//!
//! ```text
//!            a whole line                 the answer is written
//!   reading --------------> writing ---------------------------> reading
//!      |                       |  after the last one
//!      '---- end, error -------'------------------------------> over
//! ```
//!
//! It never waits: it is given turns, and says after each whether it could go on.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::UnixStream;

use super::requests::Answer;

/// The longest request, with its end of line.
const LONGEST: usize = 1024;
/// How long a connection may stand still.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to read an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The outcome of a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It could do more.
    GoOn,
    /// It can do nothing until the socket has an event.
    Waits,
    /// It has ended.
    Over,
}

pub(super) struct Connection {
    pub(super) stream: UnixStream,
    /// What has been read and not been answered. Its room does not grow.
    request: Vec<u8>,
    output: Option<Output>,
    deadline: Instant,
}

struct Output {
    bytes: Vec<u8>,
    written: usize,
    /// Whether the connection ends after this answer.
    is_last: bool,
    all_by: Instant,
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> Connection {
        let request = Vec::with_capacity(LONGEST);
        Connection { stream, request, output: None, deadline: Instant::now() + PATIENCE }
    }

    /// When the connection is to be closed if nothing moves.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How many bytes it keeps for its client.
    pub(super) fn unread(&self) -> usize {
        self.output.as_ref().map_or(0, |output| output.bytes.len())
    }

    /// Reads, or answers one request, or writes.
    pub(super) fn turn(&mut self, answer: impl FnOnce(&str) -> Answer) -> Turn {
        match self.try_turn(answer) {
            Ok(turn) => turn,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Turn::Waits,
            Err(error) if error.kind() == ErrorKind::Interrupted => Turn::GoOn,
            Err(_) => Turn::Over,
        }
    }

    fn try_turn(&mut self, answer: impl FnOnce(&str) -> Answer) -> io::Result<Turn> {
        if self.output.is_some() {
            return self.write();
        }
        if let Some(end) = self.request.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.request.drain(..=end).collect();
            match std::str::from_utf8(&line) {
                Ok(line) => self.put(answer(line), false),
                Err(_) => self.put(Err("a request is a line of UTF-8".to_owned()), true),
            }
            return Ok(Turn::GoOn);
        }
        let free = LONGEST - self.request.len();
        if free == 0 {
            let text = format!("a request is a line of at most {LONGEST} bytes");
            self.put(Err(text), true);
            return Ok(Turn::GoOn);
        }
        let mut room = [0; LONGEST];
        let read = self.stream.read(&mut room[..free])?;
        if read == 0 {
            return Ok(Turn::Over);
        }
        self.request.extend_from_slice(&room[..read]);
        Ok(Turn::GoOn)
    }

    fn write(&mut self) -> io::Result<Turn> {
        let Some(output) = &mut self.output else { return Ok(Turn::GoOn) };
        let written = self.stream.write(&output.bytes[output.written..])?;
        output.written += written;
        self.deadline = (Instant::now() + PATIENCE).min(output.all_by);
        if output.written < output.bytes.len() {
            return Ok(if written == 0 { Turn::Over } else { Turn::GoOn });
        }
        let is_last = output.is_last;
        self.output = None;
        self.deadline = Instant::now() + PATIENCE;
        Ok(if is_last { Turn::Over } else { Turn::GoOn })
    }

    /// Begins to answer.
    fn put(&mut self, answer: Answer, is_last: bool) {
        let bytes = match answer {
            Ok(body) => {
                let head = format!("ok {}\n", body.len());
                [head.as_bytes(), &body].concat()
            }
            Err(text) => error_line(&text),
        };
        let now = Instant::now();
        self.deadline = now + PATIENCE;
        let all_by = now + ANSWER_WITHIN;
        self.output = Some(Output { bytes, written: 0, is_last, all_by });
    }
}

/// Shuts the socket down. Closing is not enough if a forked child has the descriptor, too.
impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Tells a client why it is not served. It has just come, so there is room for a line.
pub(super) fn turn_away(mut stream: UnixStream, why: &str) {
    let _ = stream.write(&error_line(why));
    let _ = stream.shutdown(Shutdown::Both);
}

fn error_line(text: &str) -> Vec<u8> {
    format!("error {}\n", text.replace(['\n', '\r'], " ")).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Connection, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        (Connection::new(here), there)
    }

    /// Gives turns until nothing more can be done.
    fn settle(connection: &mut Connection) -> Turn {
        loop {
            match connection.turn(|line| Ok(line.trim().to_uppercase().into())) {
                Turn::GoOn => {}
                turn => return turn,
            }
        }
    }

    fn read(there: &mut UnixStream) -> String {
        let mut bytes = [0; 4096];
        let read = there.read(&mut bytes).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    #[test]
    fn lines_are_answered_in_turn_however_they_come() {
        let (mut connection, mut there) = pair();
        there.write_all(b"one\ntwo\r\nth").unwrap();
        assert!(settle(&mut connection) == Turn::Waits);
        assert_eq!(read(&mut there), "ok 3\nONEok 3\nTWO");
        there.write_all(b"ree\n").unwrap();
        there.shutdown(Shutdown::Write).unwrap();
        assert!(settle(&mut connection) == Turn::Over);
        assert_eq!(read(&mut there), "ok 5\nTHREE");
    }

    #[test]
    fn a_line_without_end_and_one_that_is_no_text_are_refused() {
        for (sent, answer) in [
            (vec![b'x'; 5000], "error a request is a line of at most 1024 bytes\n"),
            (b"\xff\xfe\n".to_vec(), "error a request is a line of UTF-8\n"),
        ] {
            let (mut connection, mut there) = pair();
            there.write_all(&sent).unwrap();
            assert!(settle(&mut connection) == Turn::Over);
            assert!(connection.request.capacity() <= LONGEST);
            assert_eq!(read(&mut there), answer);
        }
    }

    #[test]
    fn who_does_not_read_keeps_one_answer_and_no_other_is_begun() {
        let (mut connection, mut there) = pair();
        there.write_all(b"a\nb\n").unwrap();
        let mut answers = 0;
        let turn = loop {
            let turn = connection.turn(|_| {
                answers += 1;
                Ok(vec![b'x'; 8 << 20])
            });
            if turn != Turn::GoOn {
                break turn;
            }
        };
        assert!(turn == Turn::Waits);
        assert_eq!((answers, connection.unread()), (1, (8 << 20) + "ok 8388608\n".len()));
        assert!(connection.deadline() <= Instant::now() + PATIENCE);
    }
}
