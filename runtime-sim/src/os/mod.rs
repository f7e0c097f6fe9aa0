//! A model of the operating system's descriptors, network and files.
//!
//! It is pure: it makes no system call, starts no thread, reads no clock and has no `unsafe`. Every
//! result is a function of the calls made so far, their times, and the streams of random numbers
//! that were given to [`Os::new`]. It iterates over nothing whose order depends on an address.
//!
//! # How to drive it
//!
//! - One thread at a time calls it (the one that has the baton). `now` is the virtual time in
//!   nanoseconds since the world began; it never goes back. Every call first does what was due by
//!   then.
//! - A call that would block returns `EAGAIN`, whatever `O_NONBLOCK` says. If
//!   [`Os::is_blocking`], the conductor asks [`Os::would_wait_for`] for the object, blocks the
//!   thread on it (with [`Os::timeout`] as deadline) and calls again once that object has changed.
//! - A `connect` that takes time returns `EINPROGRESS`; a blocking one waits for `Direction::Write`
//!   and then asks [`Os::connect_result`].
//! - A blocking `send`/`write` to a stream returns when everything is written: the caller goes on
//!   with the rest after a short count. The same for `MSG_WAITALL`.
//! - [`Os::drain_changes`] after each call and each [`Os::advance`]: the objects whose readiness
//!   may have changed. A change is a hint: waiters look again, and may find nothing.
//! - [`Os::next_event`] says when something happens without a call: a segment arrives, a timer
//!   ends. When no thread can run, the conductor goes there with [`Os::advance`].
//!
//! # Descriptors
//!
//! Numbers are given out by the model, the lowest free one from [`FIRST_FD`] on, unique over all
//! hosts, and each is found whichever host asks (`table.rs::Os::find` says why). No real
//! descriptor of Linux is as high, unless somebody has raised `fs.nr_open` and opened a million.
//! Every call but `dup2`'s target refuses other numbers with `EBADF`; [`is_simulated`] tells the
//! two apart.

mod addr;
mod bytes;
mod calls;
mod clock;
mod control;
mod counter;
mod disk;
mod epoll;
mod errno;
mod net;
mod options;
mod pipe;
mod ports;
mod queue;
mod ready;
mod socket_names;
mod spec;
mod stream;
mod table;
mod tcp;
mod timer;
mod udp;
mod unix;

#[cfg(test)]
mod kernel_tests;
#[cfg(test)]
mod link_tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

pub(crate) use addr::SockAddr;
pub(crate) use clock::Clock;
pub(crate) use disk::{DiskFaults, Name, Range, Stat, Where};
pub(crate) use errno::{Errno, Result};
pub(crate) use spec::{Crash, Cut, Latency, LinkSpec, Unsynced};
pub(crate) use stream::Stream;

use net::{Happening, Host, Network, Packet};
use options::Common;
use pipe::{Pipe, PipeId};
use queue::Queue;
use table::{Object, Table};
use tcp::{Flow, Tcp, TcpId};

/// Virtual time: nanoseconds since the world began; also a span of it.
pub(crate) type Nanos = u64;

/// A descriptor as programs see it.
pub(crate) type Fd = i32;

/// The lowest descriptor that the model gives out: the default of `fs.nr_open`, which is above
/// every descriptor that the kernel gives out.
pub(crate) const FIRST_FD: Fd = 1 << 20;

/// Whether the number belongs to the model.
pub(crate) fn is_simulated(fd: Fd) -> bool {
    fd >= FIRST_FD
}

/// A host, in the order in which they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct HostId(pub(crate) u32);

/// What a thread can wait for: an open file description. Numbers are given out in order and never
/// again, so they may go into a hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ObjectId(pub(crate) u64);

/// What a thread waits for at an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Read,
    Write,
}

/// `struct epoll_event`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Event {
    pub(crate) events: u32,
    pub(crate) data: u64,
}

/// What a receiving call found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Received {
    pub(crate) bytes: usize,
    /// Who sent it; `None` where the kernel writes no address (streams).
    pub(crate) from: Option<SockAddr>,
    /// How much of the control buffer was written.
    pub(crate) control: usize,
    /// `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_EOR`.
    pub(crate) flags: i32,
}

/// Everything that the simulated kernels and the network between them know.
pub(crate) struct Os {
    now: Nanos,
    entropy: Stream,
    hosts: Vec<Host>,
    owners: BTreeMap<IpAddr, HostId>,
    table: Table,
    objects: BTreeMap<ObjectId, Object>,
    next_object: u64,
    /// What sockets of all kinds have; only those of which something was set.
    common: BTreeMap<ObjectId, Common>,
    changes: Vec<ObjectId>,
    changed: BTreeSet<ObjectId>,
    queue: Queue<Happening>,
    /// Packets on a loopback that takes no time.
    local: VecDeque<(HostId, Packet)>,
    network: Network,
    pipes: BTreeMap<PipeId, Pipe>,
    next_pipe: u64,
    tcps: BTreeMap<TcpId, Box<Tcp>>,
    next_tcp: u64,
    flows: BTreeMap<Flow, TcpId>,
}
