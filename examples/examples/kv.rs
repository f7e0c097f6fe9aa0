//! A store that speaks enough of the Redis protocol for Redis' own tools.
//!
//! ```text
//! cargo run --release -p examples --example kv
//! redis-cli -p 7002 set greeting hello
//! redis-benchmark -p 7002 -q -P 16 -t set,get,incr,lpush,ping
//! ```
//!
//! The idea is pipelining. A client may send many commands before it reads a reply, so a connection
//! works in rounds: read what has come, run every command that is complete, answer all of them in
//! one write. The busier the client, the more commands share a system call.
//!
//! The data sits behind a plain `std::sync::Mutex`. A command holds it for a few hundred
//! nanoseconds and never across an `.await`, so a task that waited for it in a cleverer way would
//! only lose.
//!
//! A command comes as an array of byte strings (`*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`) or, typed by
//! hand, as words on a line (`GET k`). The port is 7002, or what the variable `PORT` says.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};

#[runtime::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(7002);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);

    let store = Arc::new(Mutex::new(Store::default()));
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let store = store.clone();
                runtime::spawn(async move {
                    if let Err(error) = converse(stream, &store).await {
                        eprintln!("{peer}: {error}");
                    }
                });
            }
            Err(error) => {
                eprintln!("accept: {error}");
                runtime::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// One client: rounds of reading, running and answering.
async fn converse(mut stream: TcpStream, store: &Mutex<Store>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(16 * 1024);
    let mut output = Vec::with_capacity(16 * 1024);
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let mut done = 0;
        let go_on = loop {
            match parse(&input[done..]) {
                Ok(Some((command, length))) => {
                    done += length;
                    if !run(&command, store, &mut output) {
                        break false;
                    }
                }
                Ok(None) => break true,
                Err(complaint) => {
                    error(&mut output, &format!("Protocol error: {complaint}"));
                    break false;
                }
            }
        };
        input.drain(..done);
        stream.write_all(&output).await?;
        output.clear();
        if !go_on {
            return Ok(());
        }
    }
}

// The protocol: bytes in, commands out. Nothing here waits, so nothing here is async.

const MAX_LINE: usize = 64 * 1024;
const MAX_WORDS: usize = 1024 * 1024;
const MAX_WORD: usize = 512 * 1024 * 1024;

type Command<'a> = Vec<&'a [u8]>;

/// The first command in `input` and its length in bytes, `None` if its end has not come yet.
fn parse(input: &[u8]) -> Result<Option<(Command<'_>, usize)>, &'static str> {
    match input.first() {
        None => Ok(None),
        Some(b'*') => parse_array(input),
        Some(_) => parse_inline(input),
    }
}

fn parse_inline(input: &[u8]) -> Result<Option<(Command<'_>, usize)>, &'static str> {
    let Some((line, length)) = line(input)? else { return Ok(None) };
    Ok(Some((line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty()).collect(), length)))
}

fn parse_array(input: &[u8]) -> Result<Option<(Command<'_>, usize)>, &'static str> {
    let Some((header, mut at)) = line(input)? else { return Ok(None) };
    let count = number(&header[1..]).ok_or("invalid multibulk length")?;
    if count > MAX_WORDS as i64 {
        return Err("invalid multibulk length");
    }
    let count = count.max(0) as usize; // `*-1` and `*0` are commands that do nothing
    let mut words = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        let Some((header, length)) = line(&input[at..])? else { return Ok(None) };
        at += length;
        let size = match header.split_first() {
            Some((b'$', size)) => number(size).and_then(|size| usize::try_from(size).ok()),
            _ => return Err("expected '$'"),
        };
        let size = size.filter(|&size| size <= MAX_WORD).ok_or("invalid bulk length")?;
        match input.get(at..at + size + 2) {
            Some(bytes) => words.push(&bytes[..size]),
            None => return Ok(None),
        }
        at += size + 2;
    }
    Ok(Some((words, at)))
}

/// The first line without its end, and its length with it.
fn line(input: &[u8]) -> Result<Option<(&[u8], usize)>, &'static str> {
    match input.iter().take(MAX_LINE).position(|&byte| byte == b'\n') {
        Some(end) => Ok(Some((input[..end].trim_ascii_end(), end + 1))),
        None if input.len() >= MAX_LINE => Err("too big inline request"),
        None => Ok(None),
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

// The commands.

#[derive(Default)]
struct Store {
    values: HashMap<Vec<u8>, Value>,
}

enum Value {
    Bytes(Vec<u8>),
    List(VecDeque<Vec<u8>>),
}

const WRONG_TYPE: &str = "Operation against a key holding the wrong kind of value";

/// Runs a command and appends its reply. False: the client wants to leave.
fn run(command: &[&[u8]], store: &Mutex<Store>, out: &mut Vec<u8>) -> bool {
    let Some((name, words)) = command.split_first() else { return true };
    let name = name.to_ascii_uppercase();
    let values = &mut store.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).values;
    match (name.as_slice(), words) {
        (b"PING", []) => simple(out, "PONG"),
        (b"PING" | b"ECHO", [word]) => bulk(out, word),
        (b"QUIT", _) => {
            simple(out, "OK");
            return false;
        }
        (b"SET", [key, value]) => {
            values.insert(key.to_vec(), Value::Bytes(value.to_vec()));
            simple(out, "OK");
        }
        (b"GET", [key]) => match values.get(*key) {
            Some(Value::Bytes(value)) => bulk(out, value),
            Some(Value::List(_)) => wrong_type(out),
            None => null(out),
        },
        (b"INCR", [key]) => add(values, key, 1, out),
        (b"DECR", [key]) => add(values, key, -1, out),
        (b"INCRBY", [key, by]) => match number(by) {
            Some(by) => add(values, key, by, out),
            None => error(out, "value is not an integer or out of range"),
        },
        (b"LPUSH" | b"RPUSH", [key, items @ ..]) if !items.is_empty() => {
            let list = values.entry(key.to_vec()).or_insert_with(|| Value::List(VecDeque::new()));
            let Value::List(list) = list else {
                wrong_type(out);
                return true;
            };
            for item in items {
                match name[0] {
                    b'L' => list.push_front(item.to_vec()),
                    _ => list.push_back(item.to_vec()),
                }
            }
            integer(out, list.len() as i64);
        }
        (b"LPOP" | b"RPOP", [key]) => match values.get_mut(*key) {
            Some(Value::List(list)) => {
                let item = if name[0] == b'L' { list.pop_front() } else { list.pop_back() };
                if list.is_empty() {
                    values.remove(*key);
                }
                match item {
                    Some(item) => bulk(out, &item),
                    None => null(out),
                }
            }
            Some(Value::Bytes(_)) => wrong_type(out),
            None => null(out),
        },
        (b"LLEN", [key]) => match values.get(*key) {
            Some(Value::List(list)) => integer(out, list.len() as i64),
            Some(Value::Bytes(_)) => wrong_type(out),
            None => integer(out, 0),
        },
        (b"LRANGE", [key, first, last]) => match (values.get(*key), number(first), number(last)) {
            (_, None, _) | (_, _, None) => error(out, "value is not an integer or out of range"),
            (Some(Value::Bytes(_)), ..) => wrong_type(out),
            (None, ..) => array(out, 0),
            (Some(Value::List(list)), Some(first), Some(last)) => {
                let range = range(first, last, list.len());
                array(out, range.len());
                list.range(range).for_each(|item| bulk(out, item));
            }
        },
        (b"DEL", keys) => {
            integer(out, keys.iter().filter(|&&key| values.remove(key).is_some()).count() as i64);
        }
        (b"EXISTS", keys) => {
            integer(out, keys.iter().filter(|&&key| values.contains_key(key)).count() as i64);
        }
        (b"DBSIZE", []) => integer(out, values.len() as i64),
        (b"FLUSHALL" | b"FLUSHDB", _) => {
            values.clear();
            simple(out, "OK");
        }
        // What the tools ask before they start: an empty answer contents them.
        (b"CONFIG" | b"COMMAND", _) => array(out, 0),
        _ => error(
            out,
            &format!("unknown command or wrong arguments: '{}'", String::from_utf8_lossy(&name)),
        ),
    }
    true
}

fn add(values: &mut HashMap<Vec<u8>, Value>, key: &[u8], by: i64, out: &mut Vec<u8>) {
    let old = match values.get(key) {
        Some(Value::Bytes(value)) => number(value),
        Some(Value::List(_)) => return wrong_type(out),
        None => Some(0),
    };
    match old.and_then(|old| old.checked_add(by)) {
        Some(new) => {
            values.insert(key.to_vec(), Value::Bytes(new.to_string().into_bytes()));
            integer(out, new);
        }
        None => error(out, "value is not an integer or out of range"),
    }
}

/// Redis' way to name a part of a list: both ends count, negative ones from the back.
fn range(first: i64, last: i64, len: usize) -> std::ops::Range<usize> {
    let absolute = |index: i64| if index < 0 { index.saturating_add(len as i64) } else { index };
    let start = (absolute(first).max(0) as usize).min(len);
    let end = absolute(last).saturating_add(1).clamp(start as i64, len as i64) as usize;
    start..end
}

// The replies. Writing into a `Vec` cannot fail.

fn simple(out: &mut Vec<u8>, text: &str) {
    let _ = write!(out, "+{text}\r\n");
}

fn error(out: &mut Vec<u8>, text: &str) {
    let _ = write!(out, "-ERR {text}\r\n");
}

fn wrong_type(out: &mut Vec<u8>) {
    let _ = write!(out, "-WRONGTYPE {WRONG_TYPE}\r\n");
}

fn integer(out: &mut Vec<u8>, value: i64) {
    let _ = write!(out, ":{value}\r\n");
}

fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    let _ = write!(out, "${}\r\n", bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn null(out: &mut Vec<u8>) {
    out.extend_from_slice(b"$-1\r\n");
}

fn array(out: &mut Vec<u8>, length: usize) {
    let _ = write!(out, "*{length}\r\n");
}
