//! One thread for all connections. It asks the kernel which sockets are ready, and calls the
//! function that was left for each. No function may wait; what it remembers lies in its closure.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::rc::Rc;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::protocol::{Inbox, answer};

pub(crate) fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let answered = Rc::new(Cell::new(0));
    let mut event_loop = EventLoop::new()?;
    let token = event_loop.watch(&mut listener)?;
    event_loop.on_ready(token, move |event_loop| {
        loop {
            match listener.accept() {
                Ok((stream, peer)) => {
                    if let Err(error) = welcome(event_loop, stream, peer, answered.clone()) {
                        eprintln!("{peer}: {error}");
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Next::Wait),
                Err(error) => return Err(error),
            }
        }
    });
    event_loop.run()
}

fn welcome(
    event_loop: &mut EventLoop,
    mut stream: TcpStream,
    peer: SocketAddr,
    answered: Rc<Cell<u64>>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut inbox, mut outbox) = (Inbox::new(), Vec::new());
    let token = event_loop.watch(&mut stream)?;
    event_loop.on_ready(token, move |_| {
        converse(&mut stream, &mut inbox, &mut outbox, &answered).or_else(|error| {
            eprintln!("{peer}: {error}");
            Ok(Next::End)
        })
    });
    Ok(())
}

/// Goes on as far as it can without waiting.
fn converse(
    stream: &mut TcpStream,
    inbox: &mut Inbox,
    outbox: &mut Vec<u8>,
    answered: &Cell<u64>,
) -> io::Result<Next> {
    let mut emptied = false;
    loop {
        while !outbox.is_empty() {
            match stream.write(outbox) {
                Ok(n) => drop(outbox.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Next::Wait),
                Err(error) => return Err(error),
            }
        }
        if let Some(line) = inbox.next_line()? {
            answered.set(answered.get() + 1);
            *outbox = answer(answered.get(), &line);
            continue;
        }
        if emptied {
            return Ok(Next::Wait);
        }
        let space = inbox.space();
        match stream.read(space) {
            Ok(0) => return Ok(Next::End),
            Ok(n) => {
                // A read that leaves room has emptied the socket: no need to ask again.
                emptied = n < space.len();
                inbox.received(n);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Next::Wait),
            Err(error) => return Err(error),
        }
    }
}

/// What a callback wants: to be called again, or to be forgotten.
enum Next {
    Wait,
    End,
}

type Callback = Box<dyn FnMut(&mut EventLoop) -> io::Result<Next>>;

struct EventLoop {
    poll: Poll,
    /// Each at the index that is its token.
    callbacks: Vec<Option<Callback>>,
    free: Vec<usize>,
}

impl EventLoop {
    fn new() -> io::Result<EventLoop> {
        Ok(EventLoop { poll: Poll::new()?, callbacks: Vec::new(), free: Vec::new() })
    }

    fn watch(&mut self, source: &mut impl Source) -> io::Result<Token> {
        let index = self.free.pop().unwrap_or(self.callbacks.len());
        if index == self.callbacks.len() {
            self.callbacks.push(None);
        }
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(source, Token(index), both)?;
        Ok(Token(index))
    }

    fn on_ready<F>(&mut self, token: Token, callback: F)
    where
        F: FnMut(&mut EventLoop) -> io::Result<Next> + 'static,
    {
        self.callbacks[token.0] = Some(Box::new(callback));
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                let Token(index) = event.token();
                // It is taken out while it runs, because it may add others to the loop.
                let Some(mut callback) = self.callbacks[index].take() else { continue };
                match callback(self)? {
                    Next::Wait => self.callbacks[index] = Some(callback),
                    Next::End => self.free.push(index),
                }
            }
        }
    }
}
