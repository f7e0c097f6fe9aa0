//! Segments that arrive, and the states of a connection.
//!
//! ```text
//!   Closed --connect--> SynSent --SYN+ACK--> Established
//!   Listen --SYN--> (a new one) SynReceived --ACK--> Established, in the listener's queue
//!   Established --shutdown--> FinWait1 --ACK--> FinWait2 --FIN--> TimeWait
//!                             FinWait1 --FIN--> Closing --ACK--> TimeWait
//!   Established --FIN--> CloseWait --shutdown--> LastAck --ACK--> Closed
//! ```

use std::net::SocketAddr;

use super::{FIRST_TIMEOUT, Progress, Segment, State, TIME_WAIT, Tcp, TcpId};
use super::{SEND_BUFFER_ETHERNET, SEND_BUFFER_LOOPBACK};
use crate::os::errno::Errno;
use crate::os::net::{Body, Packet, ip_header};
use crate::os::ports::{Claim, Protocol};
use crate::os::ready::{IN, OUT, RDNORM, STATE, WRNORM};
use crate::os::{HostId, Os};

/// A shorter window than this is not told to the peer while it knows of one.
const TELL_AT: u64 = 2;

impl Tcp {
    /// Whether the segment is of this connection and not of an older one between the same ports.
    fn knows(&self, segment: &Segment) -> bool {
        segment.to_key == self.key
            && (segment.from_key == self.peer_key || segment.from_key == 0 || self.peer_key == 0)
    }

    /// The window is worth being told of: it has doubled (Linux, `tcp_cleanup_rbuf`).
    pub(super) fn has_window_news(&self) -> bool {
        let known = self.advertised.saturating_sub(self.received);
        let now = self.window() - self.received;
        2 * known <= self.receive_buffer() as u64 / 2 && now > 0 && now >= TELL_AT * known
    }

    /// A round trip was measured (RFC 6298, in Linux's integers).
    fn measure(&mut self, round_trip: u64) {
        match self.smoothed {
            None => {
                self.smoothed = Some(round_trip);
                self.variation = round_trip / 2;
            }
            Some(smoothed) => {
                self.variation = (3 * self.variation + smoothed.abs_diff(round_trip)) / 4;
                self.smoothed = Some((7 * smoothed + round_trip) / 8);
            }
        }
    }
}

impl Os {
    pub(in crate::os) fn segment_arrives(
        &mut self,
        host: HostId,
        from: SocketAddr,
        to: SocketAddr,
        segment: Segment,
    ) {
        if let Some(&id) = self.flows.get(&(host, to, from)) {
            match self.tcp(id).state {
                State::SynSent => return self.input_syn_sent(id, segment),
                // The port is used anew: the old connection gives way.
                State::TimeWait if segment.syn && !segment.has_ack => {
                    let tcp = self.tcp(id);
                    tcp.keeps_port &= tcp.object.is_some();
                    self.unhash(id);
                    self.set_timer(id, None);
                    let tcp = self.tcp(id);
                    tcp.state = State::Closed;
                    if tcp.object.is_none() {
                        self.forget(id);
                    }
                }
                State::TimeWait => return self.input_time_wait(id, segment),
                _ => return self.input(id, segment),
            }
        }
        if segment.syn && !segment.has_ack && !segment.rst {
            if let Some(listener) = self.listener_for(host, from, to) {
                return self.input_listen(listener, from, to, segment);
            }
        }
        self.refuse(host, from, to, &segment);
    }

    /// Answers what belongs to no connection with a reset.
    fn refuse(&mut self, host: HostId, from: SocketAddr, to: SocketAddr, segment: &Segment) {
        if segment.rst {
            return;
        }
        let reset = Segment {
            syn: false,
            has_ack: true,
            fin: false,
            rst: true,
            seq: segment.ack,
            ack: segment.seq,
            window: 0,
            from_key: segment.to_key,
            to_key: segment.from_key,
            data: Vec::new(),
        };
        self.transmit(host, Packet { from: to, to: from, body: Body::Segment(reset) });
    }

    /// The listener that gets a connection to `to`: the closest address; of several that share
    /// it, one that depends on the peer's address, as with `SO_REUSEPORT`.
    fn listener_for(&self, host: HostId, from: SocketAddr, to: SocketAddr) -> Option<TcpId> {
        let holders = self.host(host).ports.holders(Protocol::Tcp, to.port());
        let fits = |holder: &&(u64, Claim)| holder.1.listens && holder.1.fit(to.ip()) > 0;
        let best = holders.iter().filter(fits).map(|holder| holder.1.fit(to.ip())).max()?;
        let all: Vec<u64> = holders
            .iter()
            .filter(|holder| holder.1.listens && holder.1.fit(to.ip()) == best)
            .map(|holder| holder.0)
            .collect();
        let choice = crate::os::Stream::new(u64::from(from.port())).below(all.len() as u64);
        Some(TcpId(all[choice as usize]))
    }

    fn input_listen(
        &mut self,
        listener: TcpId,
        from: SocketAddr,
        to: SocketAddr,
        segment: Segment,
    ) {
        let key = self.entropy.next_u64() | 1;
        let tcp = self.tcp(listener);
        // A full queue: the peer tries again.
        if tcp.queue.len() > tcp.backlog {
            return;
        }
        let (host, is_v6, options) = (tcp.host, tcp.is_v6, tcp.options.clone());
        let (reuses_address, reuses_port) = (options.reuses_address, options.reuses_port);
        let id = self.new_tcp(host, is_v6, options);
        let now = self.now;
        let tcp = self.tcp(id);
        tcp.parent = Some(listener);
        (tcp.local, tcp.peer) = (Some(to), Some(from));
        (tcp.key, tcp.peer_key) = (key, segment.from_key);
        tcp.state = State::SynReceived;
        tcp.progress = Progress::Connected;
        tcp.window_end = segment.window;
        tcp.deadline = now + FIRST_TIMEOUT;
        (tcp.stalled_since, tcp.heard) = (now, now);
        self.flows.insert((host, to, from), id);
        // It holds the listener's port: a bind without SO_REUSEADDR fails while it lives.
        let claim = Claim { addr: to, is_dual: false, reuses_address, reuses_port, listens: false };
        self.host_mut(host).ports.insert(Protocol::Tcp, id.0, claim);
        self.set_path(id);
        self.send_syn(id);
        self.plan_next(id);
    }

    /// The size of segments and the buffer to send, once the way to the peer is known.
    pub(super) fn set_path(&mut self, id: TcpId) {
        let Some((host, _, peer)) = self.tcp(id).flow() else { return };
        let to = self.owner(host, peer.ip());
        let mtu = to.map_or(1500, |to| self.network.mtu(host, to));
        let tcp = self.tcp(id);
        // IP's header, TCP's of 20 bytes and 12 for time stamps.
        let size = mtu.saturating_sub(ip_header(peer.ip()) + 32).max(1);
        tcp.segment_size = size.min(tcp.options.mss.unwrap_or(usize::MAX));
        let by_itself = if to == Some(host) { SEND_BUFFER_LOOPBACK } else { SEND_BUFFER_ETHERNET };
        tcp.send_buffer = tcp.options.send_buffer.unwrap_or(by_itself);
    }

    fn input_syn_sent(&mut self, id: TcpId, segment: Segment) {
        let now = self.now;
        let tcp = self.tcp(id);
        let is_answer = segment.has_ack && segment.to_key == tcp.key;
        if segment.rst {
            if is_answer {
                self.finish(id, Some(Errno::ECONNREFUSED));
            }
            return;
        }
        if segment.has_ack && !is_answer {
            // An old connection of the peer between the same ports: the reset ends it there.
            let Some((host, local, peer)) = tcp.flow() else { return };
            return self.refuse(host, peer, local, &segment);
        }
        if !segment.syn {
            return;
        }
        tcp.peer_key = segment.from_key;
        tcp.window_end = segment.window;
        tcp.heard = now;
        if !is_answer {
            // Both sides connect to each other at once, or a socket to itself.
            tcp.state = State::SynReceived;
            self.send_syn(id);
            return self.plan_next(id);
        }
        if tcp.backoff == 0 {
            let round_trip = now - tcp.stalled_since;
            tcp.measure(round_trip);
        }
        tcp.backoff = 0;
        tcp.state = State::Established;
        self.send_ack(id);
        self.notify_tcp(id, STATE);
        self.push(id);
    }

    fn input_time_wait(&mut self, id: TcpId, segment: Segment) {
        if segment.rst {
            if self.tcp(id).knows(&segment) {
                self.unhash(id);
                self.set_timer(id, None);
                let tcp = self.tcp(id);
                tcp.state = State::Closed;
                if tcp.object.is_none() {
                    self.forget(id);
                }
            }
        } else if segment.fin {
            // The last acknowledgement was lost.
            let again = self.now + TIME_WAIT;
            self.tcp(id).deadline = again;
            self.send_ack(id);
            self.plan_next(id);
        }
    }

    /// Every state but the first and the last ones.
    fn input(&mut self, id: TcpId, segment: Segment) {
        let now = self.now;
        let tcp = self.tcp(id);
        let Some((host, local, peer)) = tcp.flow() else { return };
        let is_first_syn = segment.syn && !segment.has_ack && segment.from_key == tcp.peer_key;
        if segment.syn && tcp.state == State::SynReceived && is_first_syn {
            // The SYN came twice, or the answer to it was lost.
            return self.send_syn(id);
        }
        if segment.syn && !segment.has_ack {
            // A new connection where an old one still is: tell what is known of the old one.
            if !is_first_syn {
                self.send_ack(id);
            }
            return;
        }
        if !tcp.knows(&segment) {
            return self.refuse(host, peer, local, &segment);
        }
        tcp.heard = now;
        tcp.probes = 0;
        if segment.rst {
            return self.input_reset(id);
        }
        if tcp.state == State::SynReceived && !self.input_handshake(id, &segment) {
            return;
        }
        if segment.syn {
            // The answer to the SYN came twice.
            return self.send_ack(id);
        }
        self.input_ack(id, &segment);
        if !self.tcps.contains_key(&id) {
            return;
        }
        self.input_data(id, segment);
        if !self.tcps.contains_key(&id) {
            return;
        }
        self.push(id);
        if self.tcps.contains_key(&id) && self.tcp(id).owes_ack {
            self.send_ack(id);
        }
    }

    fn input_reset(&mut self, id: TcpId) {
        let tcp = self.tcp(id);
        match tcp.state {
            State::SynReceived if tcp.parent.is_some() => self.forget(id),
            State::SynReceived => self.finish(id, Some(Errno::ECONNREFUSED)),
            State::CloseWait => self.finish(id, Some(Errno::EPIPE)),
            _ => self.finish(id, Some(Errno::ECONNRESET)),
        }
    }

    /// The last step of the handshake. False if the connection is not established by it.
    fn input_handshake(&mut self, id: TcpId, segment: &Segment) -> bool {
        let now = self.now;
        let tcp = self.tcp(id);
        if !segment.has_ack {
            return false;
        }
        let parent = tcp.parent;
        if let Some(parent) = parent {
            let is_listening = |tcp: &Tcp| tcp.state == State::Listen;
            let Some(listener) = self.tcps.get_mut(&parent).filter(|tcp| is_listening(tcp)) else {
                self.send_reset(id);
                self.forget(id);
                return false;
            };
            if listener.queue.len() > listener.backlog {
                // No place: the answer to the SYN is sent again later, and so is this.
                return false;
            }
            listener.queue.push_back(id);
        }
        let tcp = self.tcp(id);
        if tcp.backoff == 0 {
            let round_trip = now - tcp.stalled_since;
            tcp.measure(round_trip);
        }
        tcp.backoff = 0;
        tcp.state = State::Established;
        tcp.window_end = tcp.window_end.max(segment.ack + segment.window);
        match parent {
            Some(parent) => self.notify_tcp(parent, IN | RDNORM),
            None => self.notify_tcp(id, STATE),
        }
        true
    }

    fn input_ack(&mut self, id: TcpId, segment: &Segment) {
        let now = self.now;
        let tcp = self.tcp(id);
        if !segment.has_ack || segment.ack > tcp.sent || segment.ack < tcp.acked {
            return;
        }
        let window_end = segment.ack + segment.window;
        let has_news = window_end > tcp.window_end;
        tcp.window_end = tcp.window_end.max(window_end);
        if segment.ack == tcp.acked {
            // An answer of any kind: the peer lives, and time-outs of probes begin anew.
            if tcp.sent == tcp.acked {
                tcp.backoff = 0;
                tcp.stalled_since = now;
            }
            let is_pure = segment.data.is_empty() && !segment.fin && !has_news;
            if is_pure && tcp.sent > tcp.acked && tcp.window_end > tcp.acked {
                tcp.duplicate_acks += 1;
                if tcp.duplicate_acks == 3 && tcp.recovers_to <= tcp.acked {
                    tcp.recovers_to = tcp.sent;
                    self.resend_first(id);
                }
            }
            return;
        }
        let fin_is_acked = tcp.wants_fin && segment.ack > tcp.out_end();
        let data = ((segment.ack - tcp.acked) as usize).min(tcp.out.len());
        tcp.out.drop_front(data);
        tcp.acked = segment.ack;
        tcp.next = tcp.next.max(tcp.acked);
        tcp.duplicate_acks = 0;
        tcp.went_back = false;
        tcp.soft_error = None;
        if let Some((end, left)) = tcp.timed {
            if segment.ack >= end {
                tcp.timed = None;
                tcp.measure(now - left);
            }
        }
        tcp.backoff = 0;
        tcp.stalled_since = now;
        tcp.deadline = now.saturating_add(tcp.timeout());
        let has_hole = tcp.acked < tcp.recovers_to;
        if tcp.lacks_space && tcp.is_writable() {
            tcp.lacks_space = false;
            self.notify_tcp(id, OUT | WRNORM);
        }
        if has_hole {
            self.resend_first(id);
        }
        if fin_is_acked {
            self.fin_is_acknowledged(id);
        }
    }

    fn fin_is_acknowledged(&mut self, id: TcpId) {
        let now = self.now;
        let tcp = self.tcp(id);
        match tcp.state {
            State::FinWait1 => {
                tcp.state = State::FinWait2;
                tcp.deadline = now + TIME_WAIT;
                self.notify_tcp(id, STATE);
                self.plan_next(id);
            }
            State::Closing => self.enter_time_wait(id),
            State::LastAck => self.finish(id, None),
            _ => {}
        }
    }

    fn input_data(&mut self, id: TcpId, segment: Segment) {
        let tcp = self.tcp(id);
        let end = segment.seq.saturating_add(segment.data.len() as u64);
        let is_probe = segment.data.is_empty()
            && !segment.fin
            && (segment.seq == u64::MAX || segment.seq < tcp.received);
        if is_probe {
            tcp.owes_ack = true;
            return;
        }
        if segment.data.is_empty() && !segment.fin {
            return;
        }
        tcp.owes_ack = true;
        let may_receive =
            matches!(tcp.state, State::Established | State::FinWait1 | State::FinWait2);
        if !may_receive {
            return;
        }
        let has_ended = matches!(tcp.state, State::FinWait1 | State::FinWait2);
        if has_ended && tcp.is_read_shut && end > tcp.received {
            // Data that nobody will read: both directions were shut, or the socket was closed.
            self.send_reset(id);
            return self.finish(id, Some(Errno::ECONNRESET));
        }
        if segment.fin && tcp.peer_fin.is_none() {
            tcp.peer_fin = Some(end);
        }
        let limit = tcp.window();
        let before = tcp.received;
        if segment.seq > tcp.received {
            if end <= limit && !segment.data.is_empty() {
                tcp.early.entry(segment.seq).or_insert(segment.data);
            }
        } else if end > tcp.received {
            let skip = (tcp.received - segment.seq) as usize;
            let fits = (limit.min(end) - tcp.received) as usize;
            let advertised = tcp.window();
            tcp.inbox.push(&segment.data[skip..skip + fits]);
            tcp.received += fits as u64;
            tcp.advertised = tcp.advertised.max(advertised);
            while let Some(entry) = tcp.early.first_entry() {
                if *entry.key() > tcp.received {
                    break;
                }
                let (seq, data) = entry.remove_entry();
                let skip = ((tcp.received - seq) as usize).min(data.len());
                tcp.inbox.push(&data[skip..]);
                tcp.received += (data.len() - skip) as u64;
            }
        }
        let has_new = tcp.received > before;
        let is_end = tcp.peer_fin == Some(tcp.received);
        if is_end {
            tcp.received += 1;
            self.input_fin(id);
        }
        if has_new || is_end {
            self.notify_tcp(id, IN | RDNORM);
        }
    }

    fn input_fin(&mut self, id: TcpId) {
        let tcp = self.tcp(id);
        tcp.is_read_shut = true;
        tcp.is_done = true;
        match tcp.state {
            State::Established => tcp.state = State::CloseWait,
            State::FinWait1 => tcp.state = State::Closing,
            State::FinWait2 => {
                self.send_ack(id);
                return self.enter_time_wait(id);
            }
            _ => {}
        }
        self.notify_tcp(id, STATE);
    }

    /// A router says that a segment did not get through.
    pub(in crate::os) fn segment_failed(
        &mut self,
        host: HostId,
        from: SocketAddr,
        to: SocketAddr,
        key: u64,
        error: Errno,
    ) {
        let Some(&id) = self.flows.get(&(host, from, to)) else { return };
        let tcp = self.tcp(id);
        if tcp.key != key {
            return;
        }
        match tcp.state {
            State::SynSent => self.finish(id, Some(error)),
            State::SynReceived if tcp.parent.is_some() => self.forget(id),
            _ => tcp.soft_error = Some(error),
        }
    }
}
