//! A thread for each connection. A read waits, and the kernel runs another thread meanwhile.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::protocol::{Inbox, answer};

pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    let answered = Arc::new(AtomicU64::new(0));
    loop {
        let (stream, peer) = listener.accept()?;
        let answered = answered.clone();
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = converse(stream, &answered) {
                eprintln!("{peer}: {error}");
            }
        });
        if let Err(error) = thread {
            eprintln!("{peer} is sent away, there is no thread for it: {error}");
        }
    }
}

fn converse(mut stream: TcpStream, answered: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut inbox = Inbox::new();
    loop {
        let n = stream.read(inbox.space())?;
        if n == 0 {
            return Ok(());
        }
        inbox.received(n);
        while let Some(line) = inbox.next_line()? {
            let number = answered.fetch_add(1, Ordering::Relaxed) + 1;
            stream.write_all(&answer(number, &line))?;
        }
    }
}
