//! A chat room: every line a client writes reaches all the others.
//!
//! ```text
//! cargo run --release -p examples --example chat
//! nc 127.0.0.1 7001          # twice, in two terminals
//! ```
//!
//! The room is a task that owns the list of members; nobody else touches it, so nothing is
//! locked. Members talk to it through one channel, and it talks to each member through another: a
//! broadcast by hand. A connection is two tasks, because reading and writing wait for different
//! things: one turns lines into events, one turns messages into bytes.
//!
//! Who reads slowly must not hold up the room. Each member's channel has a bound, and a member
//! whose channel is full when a message arrives is shown the door.
//!
//! The port is 7001, or what the variable `PORT` says.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use runtime::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use runtime::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use runtime::net::{TcpListener, TcpStream};
use runtime::sync::mpsc;

/// Messages that a member may lag behind.
const BACKLOG: usize = 64;

type Message = Arc<str>;

enum Event {
    Joined { member: u64, outbox: mpsc::Sender<Message> },
    Said { member: u64, line: String },
    Left { member: u64 },
}

#[runtime::main]
async fn main() -> io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(7001);
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);

    let (events, inbox) = mpsc::channel(256);
    runtime::spawn(room(inbox));

    for member in 1.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                eprintln!("accept: {error}");
                runtime::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let events = events.clone();
        runtime::spawn(async move {
            if let Err(error) = attend(member, stream, &events).await {
                eprintln!("member {member}: {error}");
            }
            let _ = events.send(Event::Left { member }).await;
        });
    }
    Ok(())
}

/// Owns the members. Ends when nobody can send events any more.
async fn room(mut inbox: mpsc::Receiver<Event>) {
    let mut members = HashMap::new();
    while let Some(event) = inbox.recv().await {
        // A line does not come back to who wrote it.
        let (from, text) = match event {
            Event::Joined { member, outbox } => {
                members.insert(member, outbox);
                (None, format!("* {member} joined, {} here\n", members.len()))
            }
            Event::Said { member, line } => (Some(member), format!("{member}: {line}\n")),
            Event::Left { member } => match members.remove(&member) {
                Some(_) => (Some(member), format!("* {member} left, {} here\n", members.len())),
                None => continue,
            },
        };
        let text = Message::from(text);
        // `try_send` never waits. Full or closed, such a member is dropped here; its writer then
        // finds its channel closed and ends.
        members.retain(|&member, outbox: &mut mpsc::Sender<Message>| {
            Some(member) == from || outbox.try_send(text.clone()).is_ok()
        });
    }
}

/// One member from joining to leaving.
async fn attend(member: u64, stream: TcpStream, events: &mpsc::Sender<Event>) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let (outbox, messages) = mpsc::channel(BACKLOG);
    let writing = runtime::spawn(write_messages(messages, writer));
    let _ = events.send(Event::Joined { member, outbox }).await;

    // Whichever ends first ends the other: a client that hung up needs no writer, and a client that
    // was shown the door is read no more.
    let stop_writing = writing.abort_handle();
    runtime::select! {
        read = read_lines(member, reader, events) => {
            stop_writing.abort();
            read
        }
        _ = writing => Ok(()),
    }
}

async fn read_lines(
    member: u64,
    reader: OwnedReadHalf,
    events: &mpsc::Sender<Event>,
) -> io::Result<()> {
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        if events.send(Event::Said { member, line }).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn write_messages(mut messages: mpsc::Receiver<Message>, mut writer: OwnedWriteHalf) {
    while let Some(text) = messages.recv().await {
        if writer.write_all(text.as_bytes()).await.is_err() {
            break;
        }
    }
}
