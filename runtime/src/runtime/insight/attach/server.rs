//! The thread that answers requests.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use mio::net::{UnixListener, UnixStream};
use mio::{Events, Interest, Poll, Token, Waker};

use super::connection::{Connection, Turn, turn_away};
use super::place::{self, SocketFile};
use super::requests;
use super::watch::{Open, Watch};
use crate::engine::credentials;
use crate::engine::primitive::process_began;
use crate::engine::process_wide::signal_mask::{deafly, is_deaf};
use crate::engine::say;

/// How many clients there may be at a time.
const MOST: usize = 16;
/// How many are let in, or turned away, before those that are in have their turns.
const AT_ONCE: usize = 64;
/// How much may wait to be read while a large answer is begun, in bytes.
const MOST_UNREAD: usize = 64 << 20;
/// When to try again, without a descriptor for a client.
const RETRY: Duration = Duration::from_millis(100);

const LISTENER: Token = Token(MOST);
const STOP: Token = Token(MOST + 1);

/// The runtimes to answer for.
pub(super) type Runtimes = Box<dyn Fn() -> Vec<Open> + Send>;

/// A thread that answers until this is dropped. Then the path is free at once; the thread ends
/// soon.
pub(super) struct Server {
    _file: SocketFile,
    stop: Arc<Waker>,
}

impl Server {
    pub(super) fn start(runtimes: Runtimes) -> io::Result<Server> {
        // `hello` tells how long ago that was.
        let _ = process_began();
        let user = credentials::own_user()?;
        let poll = Poll::new()?;
        let stop = Arc::new(Waker::new(poll.registry(), STOP)?);
        let (listener, file) = place::listen(user)?;
        let mut listener = UnixListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let serving = Serving {
            poll,
            _stop: Arc::clone(&stop),
            listener,
            user,
            connections: Default::default(),
            ready: [false; MOST],
            accepts_at: None,
            watch: Watch::new(Instant::now()),
            runtimes,
        };
        let thread = Builder::new().name("insight".to_owned());
        deafly(|| {
            thread.spawn(|| {
                is_deaf();
                serving.run();
            })
        })?;
        Ok(Server { _file: file, stop })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.wake(); // wake: no runtime is left
    }
}

struct Serving {
    poll: Poll,
    /// Kept: dropping the last reference removes the event from the poll, seen or not.
    _stop: Arc<Waker>,
    listener: UnixListener,
    user: u32,
    connections: [Option<Connection>; MOST],
    /// Which of them can do something.
    ready: [bool; MOST],
    /// When to accept again, if clients may be waiting.
    accepts_at: Option<Instant>,
    watch: Watch,
    runtimes: Runtimes,
}

impl Serving {
    fn run(mut self) {
        let mut events = Events::with_capacity(MOST + 2);
        loop {
            let polled = self.poll.poll(&mut events, self.timeout(Instant::now()));
            match polled {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    say::line(&format!("runtime: insight ends: its poll gave an error: {error}"));
                    return;
                }
                Ok(()) => {}
            }
            // A connection whose deadline is over by now and that has no event has not moved. An
            // event that comes during the turns of others counts.
            let polled_at = Instant::now();
            for event in &events {
                match event.token() {
                    STOP => return,
                    LISTENER => self.accepts_at = Some(polled_at),
                    Token(index) => self.ready[index] = true,
                }
            }
            self.watch.turn(Instant::now(), &self.runtimes);
            for index in 0..MOST {
                self.turn(index, polled_at);
            }
            // Accepts after connections that have ended made room.
            if self.accepts_at.is_some_and(|at| at <= polled_at) {
                self.accepts_at = self.accept();
            }
        }
    }

    /// How long the poll may wait.
    fn timeout(&self, now: Instant) -> Option<Duration> {
        if self.ready.contains(&true) {
            return Some(Duration::ZERO);
        }
        let deadlines = self.connections.iter().flatten().map(Connection::deadline);
        let next = deadlines.chain(self.accepts_at).chain([self.watch.next()]).min();
        // Rounded up: if it ended early, it would do so again and again until the deadline.
        next.map(|at| at.saturating_duration_since(now) + Duration::from_millis(1))
    }

    /// Lets clients in. Gives when to go on with that, if not at the next event.
    fn accept(&mut self) -> Option<Instant> {
        for _ in 0..AT_ONCE {
            match self.listener.accept() {
                Ok((stream, _)) => self.take(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Out of descriptors; or a client that is gone.
                Err(_) => return Some(Instant::now() + RETRY),
            }
        }
        Some(Instant::now())
    }

    fn take(&mut self, stream: UnixStream) {
        match credentials::of_peer(stream.as_fd()) {
            Ok((_, user, _)) if user == self.user => {}
            _ => return turn_away(stream, "this is the program of another user"),
        }
        let Some(index) = self.connections.iter().position(Option::is_none) else {
            return turn_away(stream, "too many connections");
        };
        let mut connection = Connection::new(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(&mut connection.stream, Token(index), interest).is_ok() {
            self.connections[index] = Some(connection);
            self.ready[index] = true;
        }
    }

    fn turn(&mut self, index: usize, polled_at: Instant) {
        let unread = self.connections.iter().flatten().map(Connection::unread).sum::<usize>();
        let Some(connection) = &mut self.connections[index] else {
            self.ready[index] = false;
            return;
        };
        let mut turn = Turn::Waits;
        if self.ready[index] {
            let (runtimes, watch) = (&self.runtimes, &self.watch);
            let is_full = unread > MOST_UNREAD;
            turn = connection.turn(|line| {
                let handles: Vec<_> = runtimes().into_iter().map(|open| open.handle).collect();
                requests::answer(line, &handles, watch, is_full)
            });
        }
        self.ready[index] = turn == Turn::GoOn;
        let is_late = turn == Turn::Waits && connection.deadline() <= polled_at;
        if turn == Turn::Over || is_late {
            self.ready[index] = false;
            let _ = self.poll.registry().deregister(&mut connection.stream);
            self.connections[index] = None;
        }
    }
}
