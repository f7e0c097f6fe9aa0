//! Lets other programs of the same user look into this one: a Unix socket, and a thread that
//! answers on it.
//!
//! # Problem
//!
//! When a program hangs, somebody asks from outside why. No worker can answer: they may all be
//! stuck. The answer must not make things worse, and nobody else may ask.
//!
//! # Shape
//!
//! ```text
//!   Runtime --- Attached                      insight (thread)
//!                  |   open, end                  |
//!                  v                              v
//!   registry.rs: the runtimes (weak) <------- server.rs: one poll, all connections
//!                  |  starts, stops               |  connection.rs: a line in, an answer out
//!                  '----------------------------->|  requests.rs: what can be asked
//!                                                 '- place.rs: where the socket is
//! ```
//!
//! The thread starts with the first runtime whose insight is on and ends with the last. It runs no
//! task, takes no signal (`engine/process_wide/signal_mask.rs`), and has a poll of its own.
//!
//! # Protocol
//!
//! A request is one line of UTF-8, of words with blanks between them. The answer is a line
//! `ok LENGTH` and so many bytes, or a line `error TEXT`. There may be several on a connection, one
//! after the other. `requests.rs` has the list.
//!
//! The same thread looks for what is wrong once a second: `watch.rs`.
//!
//! # Invariants
//!
//! 1. A client keeps only its own connection waiting: every read and write takes what there is, and
//!    a connection has one turn, one request, before the next has its own.
//! 2. The memory is bounded: 16 connections, 1 KiB of request each, one answer each. A large answer
//!    is not begun while 64 MiB of others have not been read (`server.rs`).
//! 3. A connection on which nothing moves for 10 s is closed, and so is one that has not sent a
//!    whole line within 10 s, or not read an answer within 60 s.
//! 4. Only the user as whom the program runs comes in. The directory is that user's and closed to
//!    others (0700), the socket too (0600), and the user of each peer is checked.
//! 5. A forked child has the parent's memory and descriptors, but not the thread. It uses none of
//!    them: it has a registry of its own as soon as it builds a runtime (`registry.rs::here`).
//! 6. The file is removed, under the registry's lock, when the last runtime ends. It stays after
//!    an exit and crashes: then whoever lists programs removes it, and whoever gets the same
//!    process number.
//!
//! A failure to start is reported once, and the runtime goes on without the socket.
//!
//! # Rejected
//!
//! - A task of the runtime: it would wait with all others.
//! - A thread for each connection: one thread with a poll serves them all.
//! - Handles that keep the runtime alive: a runtime that has ended should be freed.

mod connection;
mod place;
mod registry;
mod requests;
mod server;
mod watch;

pub(in crate::runtime) use registry::{Attached, open};
