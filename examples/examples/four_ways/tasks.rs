//! A task for each connection. It reads like the threads; what waits is the task, not a thread.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runtime::Runtime;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};

use crate::protocol::{Inbox, answer};

pub(crate) fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    Runtime::new()?.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let answered = Arc::new(AtomicU64::new(0));
        loop {
            let (stream, peer) = listener.accept().await?;
            let answered = answered.clone();
            runtime::spawn(async move {
                if let Err(error) = converse(stream, &answered).await {
                    eprintln!("{peer}: {error}");
                }
            });
        }
    })
}

async fn converse(mut stream: TcpStream, answered: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut inbox = Inbox::new();
    loop {
        let n = stream.read(inbox.space()).await?;
        if n == 0 {
            return Ok(());
        }
        inbox.received(n);
        while let Some(line) = inbox.next_line()? {
            let number = answered.fetch_add(1, Ordering::Relaxed) + 1;
            stream.write_all(&answer(number, &line)).await?;
        }
    }
}
