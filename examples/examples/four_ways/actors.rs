//! An actor for each connection, and one that counts. An actor is a task that owns its state alone.
//! Others send it messages, which wait in its mailbox, and it handles one at a time.

use std::io;

use runtime::Runtime;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::sync::{mpsc, oneshot};

use crate::protocol::{Inbox, answer};

/// The one message that the counter understands: "the next number, please", with the way back.
struct Next(oneshot::Sender<u64>);

pub(crate) fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    Runtime::new()?.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let (counter, mailbox) = mpsc::channel(1024);
        runtime::spawn(count(mailbox));
        loop {
            let (stream, peer) = listener.accept().await?;
            let counter = counter.clone();
            runtime::spawn(async move {
                if let Err(error) = converse(stream, counter).await {
                    eprintln!("{peer}: {error}");
                }
            });
        }
    })
}

/// The actor that counts. Nobody else touches the number, so it needs no lock and no atomic.
async fn count(mut mailbox: mpsc::Receiver<Next>) {
    let mut answered = 0;
    while let Some(Next(reply)) = mailbox.recv().await {
        answered += 1;
        let _ = reply.send(answered); // who asked may be gone
    }
}

/// The actor of a connection. Its mailbox is the socket, its messages are the lines.
async fn converse(mut stream: TcpStream, counter: mpsc::Sender<Next>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut inbox = Inbox::new();
    loop {
        let n = stream.read(inbox.space()).await?;
        if n == 0 {
            return Ok(());
        }
        inbox.received(n);
        while let Some(line) = inbox.next_line()? {
            let (reply, number) = oneshot::channel();
            counter.send(Next(reply)).await.map_err(io::Error::other)?;
            let number = number.await.map_err(io::Error::other)?;
            stream.write_all(&answer(number, &line)).await?;
        }
    }
}
