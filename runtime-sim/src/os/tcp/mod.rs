//! TCP: a small stack of its own over the links, so that what a program sees of loss, partitions,
//! crashes and full buffers comes from the protocol and not from special cases.
//!
//! | part | where |
//! |---|---|
//! | the calls of sockets | `calls.rs` |
//! | segments that arrive, states | `input.rs` |
//! | segments that leave, timers | `output.rs` |
//!
//! What differs from a real stack:
//!
//! 1. Sequence numbers are 64 bits wide and begin at 0 with the first byte of data; SYN has none,
//!    FIN has one. In the place of random first numbers, each end of a connection has a random
//!    *key*, and a segment names both keys. A segment of an older connection between the same
//!    ports has other keys, and is answered as a real stack answers numbers outside of its window.
//! 2. There is no congestion window: the receiver's window and the link's bandwidth limit a sender.
//!    Lost segments are sent again after three duplicate acknowledgements or the retransmission
//!    time-out (RFC 6298 with Linux's minimum of 200 ms), after a time-out all that was under way.
//!    There are no selective acknowledgements.
//! 3. Every segment with data is acknowledged at once, so Nagle's algorithm waits one round trip
//!    and never 40 ms. `TCP_CORK` and `MSG_MORE` are hints that are not taken.
//! 4. Buffers count bytes of data, not memory, and do not grow by themselves.
//! 5. There are no urgent data, no fast open and no simultaneous close with data in SYN.

mod calls;
mod input;
mod output;

pub(super) use calls::{any, destination, shown};

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::bytes::Ring;
use super::errno::Errno;
use super::net::{MILLISECOND, SECOND};
use super::queue::Due;
use super::ready::{ERR, HUP, IN, OUT, RDHUP, RDNORM, WRNORM};
use super::{HostId, Nanos, ObjectId, Os};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct TcpId(pub(super) u64);

/// A connection as its host knows it: its own address, then the peer's.
pub(super) type Flow = (HostId, SocketAddr, SocketAddr);

/// The buffers of an unconnected socket: the middle numbers of `tcp_wmem` and `tcp_rmem`.
const SEND_BUFFER: usize = 16_384;
const RECEIVE_BUFFER: usize = 131_072;
/// What Linux makes of the send buffer once a connection is established: room for twice ten
/// segments of Ethernet, as their memory counts there (`getsockopt` shows 87,040), or of the
/// loopback (2,626,560).
const SEND_BUFFER_ETHERNET: usize = 87_040;
const SEND_BUFFER_LOOPBACK: usize = 2_626_560;
/// The largest buffers that `SO_SNDBUF` and `SO_RCVBUF` may ask for (`wmem_max`, `rmem_max`), and
/// the smallest that Linux gives (`SOCK_MIN_SNDBUF`, `SOCK_MIN_RCVBUF`).
pub(super) const LARGEST_BUFFER: usize = 212_992;
pub(super) const SMALLEST_SEND_BUFFER: usize = 4_608;
pub(super) const SMALLEST_RECEIVE_BUFFER: usize = 2_304;

/// `tcp_syn_retries` and `tcp_synack_retries`: 127 s and 63 s.
const SYN_RETRIES: u32 = 6;
const SYN_ACK_RETRIES: u32 = 5;
/// `tcp_retries2`: 924.6 s with the shortest time-out.
const RETRIES: u32 = 15;
/// `tcp_orphan_retries`: Linux's 0 means 8.
const ORPHAN_RETRIES: u32 = 8;
/// `TCP_TIMEOUT_INIT`, `TCP_RTO_MIN`, `TCP_RTO_MAX`.
const FIRST_TIMEOUT: Nanos = SECOND;
const SHORTEST_TIMEOUT: Nanos = 200 * MILLISECOND;
const LONGEST_TIMEOUT: Nanos = 120 * SECOND;
/// `TCP_TIMEWAIT_LEN`; also how long a closed socket waits for the peer's FIN (`tcp_fin_timeout`).
const TIME_WAIT: Nanos = 60 * SECOND;
/// `somaxconn`.
const LONGEST_BACKLOG: usize = 4_096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

/// Where `connect` is (`sock->state` of Linux, beside the state of the protocol).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    Unconnected,
    Connecting,
    Connected,
    /// Shut down before it was connected: nothing more can be done with it.
    Disconnecting,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Timer {
    /// Sends again what was not acknowledged.
    Resend,
    /// Asks whether the window is open again.
    Probe,
    KeepAlive,
    /// The end of the state.
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    syn: bool,
    /// Whether `ack`, and `window` with it, mean something.
    has_ack: bool,
    fin: bool,
    rst: bool,
    seq: u64,
    ack: u64,
    window: u64,
    pub(super) from_key: u64,
    /// 0 where the sender does not know it.
    to_key: u64,
    pub(super) data: Vec<u8>,
}

/// What `setsockopt` sets; an accepted socket inherits it.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) no_delay: bool,
    pub(super) keep_alive: bool,
    pub(super) keep_idle: Nanos,
    pub(super) keep_interval: Nanos,
    pub(super) keep_count: u32,
    /// 0 is `RETRIES`.
    pub(super) user_timeout: Nanos,
    pub(super) linger: Option<Nanos>,
    /// As `getsockopt` shows it.
    pub(super) send_buffer: Option<usize>,
    pub(super) receive_buffer: Option<usize>,
    pub(super) reuses_address: bool,
    pub(super) reuses_port: bool,
    pub(super) only_v6: bool,
    pub(super) mss: Option<usize>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            no_delay: false,
            keep_alive: false,
            // `tcp_keepalive_time`, `_intvl` and `_probes`.
            keep_idle: 7_200 * SECOND,
            keep_interval: 75 * SECOND,
            keep_count: 9,
            user_timeout: 0,
            linger: None,
            send_buffer: None,
            receive_buffer: None,
            reuses_address: false,
            reuses_port: false,
            only_v6: false,
            mss: None,
        }
    }
}

/// A socket, a connection that nobody has accepted yet, or one that was closed and is not over.
pub(super) struct Tcp {
    pub(super) host: HostId,
    /// `None` where no description stands for it.
    object: Option<ObjectId>,
    pub(super) is_v6: bool,
    pub(super) options: Options,
    /// In canonical form.
    local: Option<SocketAddr>,
    /// `bind` was called with a port: it stays taken until `close`.
    keeps_port: bool,
    peer: Option<SocketAddr>,
    state: State,
    progress: Progress,
    key: u64,
    peer_key: u64,

    // What goes out. The buffer begins with byte `acked`.
    out: Ring,
    acked: u64,
    next: u64,
    /// The highest `next` there was: after a time-out it goes back.
    sent: u64,
    /// Where the peer's window ends.
    window_end: u64,
    wants_fin: bool,
    segment_size: usize,
    send_buffer: usize,
    /// A writer or a poll has found no space: space is news.
    lacks_space: bool,

    // What comes in.
    inbox: Ring,
    received: u64,
    /// Came before what is missing.
    early: BTreeMap<u64, Vec<u8>>,
    peer_fin: Option<u64>,
    /// Where the window ends that the peer was told.
    advertised: u64,
    owes_ack: bool,

    is_read_shut: bool,
    is_write_shut: bool,
    /// The peer's FIN was seen: reads end without an error.
    is_done: bool,
    error: Option<Errno>,
    /// What a router said of an established connection: told if it times out.
    soft_error: Option<Errno>,

    // Time.
    timer: Option<(Due, Timer)>,
    deadline: Nanos,
    smoothed: Option<Nanos>,
    variation: Nanos,
    backoff: u32,
    /// A segment whose round trip is measured: where it ends, when it left.
    timed: Option<(u64, Nanos)>,
    duplicate_acks: u32,
    /// Holes below are filled one by one.
    recovers_to: u64,
    /// After a time-out everything is sent again once something is acknowledged.
    went_back: bool,
    /// Since when nothing new was acknowledged.
    stalled_since: Nanos,
    heard: Nanos,
    probes: u32,

    // A listener, and those that came to it.
    backlog: usize,
    queue: VecDeque<TcpId>,
    /// The listener, until somebody accepts it.
    parent: Option<TcpId>,
}

impl Tcp {
    fn new(host: HostId, is_v6: bool, options: Options) -> Tcp {
        let send_buffer = options.send_buffer.unwrap_or(SEND_BUFFER);
        Tcp {
            host,
            object: None,
            is_v6,
            options,
            local: None,
            keeps_port: false,
            peer: None,
            state: State::Closed,
            progress: Progress::Unconnected,
            key: 0,
            peer_key: 0,
            out: Ring::default(),
            acked: 0,
            next: 0,
            sent: 0,
            window_end: 0,
            wants_fin: false,
            segment_size: 536,
            send_buffer,
            lacks_space: false,
            inbox: Ring::default(),
            received: 0,
            early: BTreeMap::new(),
            peer_fin: None,
            advertised: 0,
            owes_ack: false,
            is_read_shut: false,
            is_write_shut: false,
            is_done: false,
            error: None,
            soft_error: None,
            timer: None,
            deadline: 0,
            smoothed: None,
            variation: 0,
            backoff: 0,
            timed: None,
            duplicate_acks: 0,
            recovers_to: 0,
            went_back: false,
            stalled_since: 0,
            heard: 0,
            probes: 0,
            backlog: 0,
            queue: VecDeque::new(),
            parent: None,
        }
    }

    /// For the program the connection is over, whatever the protocol still does.
    fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::TimeWait)
    }

    /// `close` was called: what is left finishes the protocol.
    fn is_closed_by_program(&self) -> bool {
        self.object.is_none() && self.parent.is_none()
    }

    fn out_end(&self) -> u64 {
        self.acked + self.out.len() as u64
    }

    fn receive_buffer(&self) -> usize {
        self.options.receive_buffer.unwrap_or(RECEIVE_BUFFER)
    }

    /// Where the receive window ends. It never moves back.
    fn window(&self) -> u64 {
        // Half of the buffer is for data (`tcp_adv_win_scale` of 1).
        let room = (self.receive_buffer() / 2).saturating_sub(self.inbox.len());
        self.advertised.max(self.received + room as u64)
    }

    fn space(&self) -> usize {
        self.send_buffer.saturating_sub(self.out.len())
    }

    /// A third must be free before a poll says so (`sk_stream_is_writeable`).
    fn is_writable(&self) -> bool {
        self.space() >= self.out.len() / 2 && self.space() > 0
    }

    fn timeout(&self) -> Nanos {
        let base = match self.smoothed {
            Some(smoothed) => smoothed + (4 * self.variation).max(SHORTEST_TIMEOUT),
            None => FIRST_TIMEOUT,
        };
        base.saturating_mul(1u64 << self.backoff.min(20)).min(LONGEST_TIMEOUT)
    }

    fn flow(&self) -> Option<Flow> {
        Some((self.host, self.local?, self.peer?))
    }
}

impl Os {
    fn tcp(&mut self, id: TcpId) -> &mut Tcp {
        self.tcps.get_mut(&id).expect("a connection that something refers to is there")
    }

    fn new_tcp(&mut self, host: HostId, is_v6: bool, options: Options) -> TcpId {
        let id = TcpId(self.next_tcp);
        self.next_tcp += 1;
        self.tcps.insert(id, Box::new(Tcp::new(host, is_v6, options)));
        id
    }

    /// Wakes whoever waits at the socket.
    fn notify_tcp(&mut self, id: TcpId, mask: u32) {
        if let Some(object) = self.tcp(id).object {
            self.notify(object, mask);
        }
    }

    pub(super) fn tcp_mask(&mut self, id: TcpId) -> u32 {
        let tcp = self.tcp(id);
        if tcp.state == State::Listen {
            return if tcp.queue.is_empty() { 0 } else { IN | RDNORM };
        }
        let mut mask = 0;
        if (tcp.is_read_shut && tcp.is_write_shut) || tcp.is_over() {
            mask |= HUP;
        }
        if tcp.is_read_shut {
            mask |= IN | RDNORM | RDHUP;
        }
        if !matches!(tcp.state, State::SynSent | State::SynReceived) {
            if !tcp.inbox.is_empty() {
                mask |= IN | RDNORM;
            }
            if tcp.is_write_shut || tcp.is_writable() {
                mask |= OUT | WRNORM;
            } else {
                tcp.lacks_space = true;
            }
        }
        if tcp.error.is_some() {
            mask |= ERR;
        }
        mask
    }

    /// Takes the connection out of the table of flows, and gives the port back.
    fn unhash(&mut self, id: TcpId) {
        let tcp = self.tcp(id);
        let (host, flow, local, keeps) = (tcp.host, tcp.flow(), tcp.local, tcp.keeps_port);
        if let Some(flow) = flow {
            if self.flows.get(&flow) == Some(&id) {
                self.flows.remove(&flow);
            }
        }
        if let Some(local) = local.filter(|_| !keeps) {
            self.host_mut(host).ports.remove(super::ports::Protocol::Tcp, id.0, local.port());
        }
    }

    /// The connection is over; its socket may still be open, to be read and asked.
    fn finish(&mut self, id: TcpId, error: Option<Errno>) {
        self.unhash(id);
        self.set_timer(id, None);
        let tcp = self.tcp(id);
        tcp.state = State::Closed;
        (tcp.is_read_shut, tcp.is_write_shut) = (true, true);
        tcp.out.clear();
        tcp.early.clear();
        if error.is_some() {
            tcp.error = error;
            self.notify_tcp(id, ERR);
        }
        self.notify_tcp(id, super::ready::STATE);
        let tcp = self.tcp(id);
        if tcp.object.is_none() {
            // One that waits to be accepted stays, to be accepted with its error.
            let parent = tcp.parent;
            let waits = parent.and_then(|parent| self.tcps.get(&parent));
            if !waits.is_some_and(|parent| parent.queue.contains(&id)) {
                self.forget(id);
            }
        }
    }

    /// Nothing refers to it any more.
    fn forget(&mut self, id: TcpId) {
        self.unhash(id);
        self.set_timer(id, None);
        let tcp = self.tcp(id);
        if let (host, Some(local), true) = (tcp.host, tcp.local, tcp.keeps_port) {
            self.host_mut(host).ports.remove(super::ports::Protocol::Tcp, id.0, local.port());
        }
        self.tcps.remove(&id);
    }

    /// All connections of the host end with resets; if the host is silent, nobody hears of it.
    pub(super) fn drop_connections(&mut self, host: HostId) {
        let all: Vec<TcpId> =
            self.tcps.iter().filter(|(_, tcp)| tcp.host == host).map(|(&id, _)| id).collect();
        for id in all {
            if self.tcps.contains_key(&id) {
                let has_peer =
                    !matches!(self.tcp(id).state, State::Closed | State::Listen | State::TimeWait);
                if has_peer {
                    self.send_reset(id);
                }
                if self.tcp(id).state == State::TimeWait {
                    self.set_timer(id, None);
                }
                if self.tcp(id).state != State::Listen {
                    self.finish(id, None);
                }
            }
        }
    }
}
