//! Segments that leave, and the timer that sends them again.

use super::{
    LONGEST_TIMEOUT, ORPHAN_RETRIES, RETRIES, SYN_ACK_RETRIES, SYN_RETRIES, Segment, State,
    TIME_WAIT, Tcp, TcpId, Timer,
};
use crate::os::errno::Errno;
use crate::os::net::{Body, Happening, Packet};
use crate::os::{Nanos, Os};

impl Tcp {
    fn segment(&self) -> Segment {
        Segment {
            syn: false,
            has_ack: true,
            fin: false,
            rst: false,
            seq: self.sent,
            ack: self.received,
            window: self.window() - self.received,
            from_key: self.key,
            to_key: self.peer_key,
            data: Vec::new(),
        }
    }

    /// Whether the state lets data and FIN go out.
    fn may_send(&self) -> bool {
        matches!(
            self.state,
            State::Established
                | State::CloseWait
                | State::FinWait1
                | State::Closing
                | State::LastAck
        )
    }

    fn fin_was_sent(&self) -> bool {
        self.wants_fin && self.sent > self.out_end()
    }

    /// What the timer should do, and when.
    fn wanted_timer(&self) -> Option<(Nanos, Timer)> {
        match self.state {
            State::Closed | State::Listen => None,
            State::SynSent | State::SynReceived => Some((self.deadline, Timer::Resend)),
            State::TimeWait => Some((self.deadline, Timer::End)),
            State::FinWait2 if self.object.is_none() => Some((self.deadline, Timer::End)),
            _ if self.sent > self.acked => Some((self.deadline, Timer::Resend)),
            _ if self.out_end() > self.next => Some((self.deadline, Timer::Probe)),
            _ if self.options.keep_alive => {
                let options = &self.options;
                let after = options.keep_idle
                    + options.keep_interval.saturating_mul(u64::from(self.probes));
                Some((self.heard.saturating_add(after), Timer::KeepAlive))
            }
            _ => None,
        }
    }
}

impl Os {
    fn send_segment(&mut self, id: TcpId, segment: Segment) {
        let tcp = self.tcp(id);
        let host = tcp.host;
        let Some((_, local, peer)) = tcp.flow() else { return };
        if segment.has_ack {
            tcp.advertised = tcp.advertised.max(segment.ack + segment.window);
            tcp.owes_ack = false;
        }
        self.transmit(host, Packet { from: local, to: peer, body: Body::Segment(segment) });
    }

    pub(super) fn send_syn(&mut self, id: TcpId) {
        let tcp = self.tcp(id);
        let has_ack = tcp.state == State::SynReceived;
        let segment = Segment { syn: true, has_ack, ..tcp.segment() };
        self.send_segment(id, segment);
    }

    pub(super) fn send_ack(&mut self, id: TcpId) {
        let segment = self.tcp(id).segment();
        self.send_segment(id, segment);
    }

    pub(super) fn send_reset(&mut self, id: TcpId) {
        let segment = Segment { rst: true, ..self.tcp(id).segment() };
        self.send_segment(id, segment);
    }

    /// Sends what the peer's window, Nagle's algorithm and the state allow.
    pub(super) fn push(&mut self, id: TcpId) {
        loop {
            let tcp = self.tcp(id);
            if !tcp.may_send() || (tcp.went_back && tcp.next > tcp.acked) {
                break;
            }
            let (host, out_end) = (tcp.host, tcp.out_end());
            let unsent = out_end.saturating_sub(tcp.next);
            let window = tcp.window_end.saturating_sub(tcp.next);
            let len = unsent.min(window).min(tcp.segment_size as u64) as usize;
            let is_last = len as u64 == unsent;
            let is_small = len < tcp.segment_size;
            let waits = tcp.next > tcp.acked && is_small;
            // Nagle's algorithm for the last bytes; others wait for a window worth a segment.
            let goes_small = is_last && (tcp.options.no_delay || tcp.wants_fin);
            if len > 0 && waits && !goes_small {
                break;
            }
            let fin = tcp.wants_fin && is_last && tcp.next <= out_end;
            if len == 0 && !fin {
                break;
            }
            let Some((_, _, peer)) = tcp.flow() else { break };
            // The link may cut the segment; then both parts leave now.
            let part = match self.owner(host, peer.ip()) {
                Some(to) => self.network.cut_segment(host, to, len),
                None => len,
            };
            self.send_data(id, part, fin && part == len);
            if part < len {
                self.send_data(id, len - part, fin);
            }
        }
        self.plan_next(id);
    }

    /// Sends the next `len` bytes.
    fn send_data(&mut self, id: TcpId, len: usize, fin: bool) {
        let now = self.now;
        let tcp = self.tcp(id);
        let data = tcp.out.copy((tcp.next - tcp.acked) as usize, len);
        let segment = Segment { seq: tcp.next, fin, data, ..tcp.segment() };
        if tcp.sent == tcp.acked {
            tcp.deadline = now.saturating_add(tcp.timeout());
            tcp.stalled_since = now;
        }
        tcp.next += len as u64 + u64::from(fin);
        if tcp.next > tcp.sent {
            if tcp.timed.is_none() && tcp.backoff == 0 {
                tcp.timed = Some((tcp.next, now));
            }
            tcp.sent = tcp.next;
        }
        self.send_segment(id, segment);
    }

    /// Sends the first segment that was not acknowledged once more.
    pub(super) fn resend_first(&mut self, id: TcpId) {
        let tcp = self.tcp(id);
        let len = tcp.out.len().min(tcp.segment_size);
        // No more than was sent before: the rest may be outside of the window.
        let len = len.min((tcp.sent - tcp.acked) as usize);
        let fin = tcp.fin_was_sent() && len == tcp.out.len();
        let data = tcp.out.copy(0, len);
        let segment = Segment { seq: tcp.acked, fin, data, ..tcp.segment() };
        tcp.timed = None;
        tcp.next = tcp.next.max(tcp.acked + len as u64 + u64::from(fin));
        self.send_segment(id, segment);
    }

    /// Sets the timer for what the connection waits for now.
    pub(super) fn plan_next(&mut self, id: TcpId) {
        let now = self.now;
        let tcp = self.tcp(id);
        let wanted = tcp.wanted_timer();
        // A probe's time begins when there is something to probe for.
        let is_new = |kind| !matches!(tcp.timer, Some((_, armed)) if armed == kind);
        let wanted = match wanted {
            Some((_, Timer::Probe)) if is_new(Timer::Probe) => {
                let at = now.saturating_add(tcp.timeout());
                tcp.deadline = at;
                tcp.stalled_since = now;
                Some((at, Timer::Probe))
            }
            other => other,
        };
        self.set_timer(id, wanted);
    }

    pub(super) fn set_timer(&mut self, id: TcpId, wanted: Option<(Nanos, Timer)>) {
        let tcp = self.tcp(id);
        if let Some((due, kind)) = tcp.timer {
            if wanted == Some((due.0, kind)) {
                return;
            }
            tcp.timer = None;
            self.queue.cancel(due);
        }
        if let Some((at, kind)) = wanted {
            let due = self.queue.plan(at.max(self.now), Happening::TcpTimer(id));
            self.tcp(id).timer = Some((due, kind));
        }
    }

    pub(in crate::os) fn tcp_timer(&mut self, id: TcpId) {
        if !self.tcps.contains_key(&id) {
            return;
        }
        let now = self.now;
        let tcp = self.tcp(id);
        let Some((_, kind)) = tcp.timer.take() else { return };
        match kind {
            Timer::End => return self.end_of_state(id),
            Timer::KeepAlive => {
                if tcp.probes >= tcp.options.keep_count {
                    return self.time_out(id);
                }
                tcp.probes += 1;
                self.ask_peer(id);
            }
            Timer::Probe | Timer::Resend => {
                if self.is_enough(id) {
                    return self.time_out(id);
                }
                let tcp = self.tcp(id);
                tcp.backoff += 1;
                tcp.deadline = now.saturating_add(tcp.timeout().min(LONGEST_TIMEOUT));
                tcp.timed = None;
                match (kind, tcp.state) {
                    (Timer::Probe, _) => self.ask_peer(id),
                    (_, State::SynSent | State::SynReceived) => self.send_syn(id),
                    _ => {
                        tcp.went_back = true;
                        tcp.duplicate_acks = 0;
                        tcp.next = tcp.acked;
                        self.resend_first(id);
                    }
                }
            }
        }
        self.plan_after_timer(id, kind);
    }

    /// A probe's deadline stays as it was set.
    fn plan_after_timer(&mut self, id: TcpId, kind: Timer) {
        let tcp = self.tcp(id);
        let wanted = tcp.wanted_timer();
        match (kind, wanted) {
            (Timer::Probe, Some((at, Timer::Probe))) => {
                self.set_timer(id, Some((at, Timer::Probe)));
            }
            _ => self.plan_next(id),
        }
    }

    /// Sends what the peer must answer: a number that it knows already.
    fn ask_peer(&mut self, id: TcpId) {
        let tcp = self.tcp(id);
        let segment = Segment { seq: tcp.acked.wrapping_sub(1), ..tcp.segment() };
        self.send_segment(id, segment);
    }

    /// Whether it was tried often enough.
    fn is_enough(&mut self, id: TcpId) -> bool {
        let now = self.now;
        let tcp = self.tcp(id);
        let most = match tcp.state {
            State::SynSent => SYN_RETRIES,
            State::SynReceived => SYN_ACK_RETRIES,
            _ if tcp.is_closed_by_program() => ORPHAN_RETRIES,
            _ => RETRIES,
        };
        let limit = tcp.options.user_timeout;
        if limit > 0 && tcp.state != State::SynReceived {
            return now - tcp.stalled_since.min(now) >= limit;
        }
        tcp.backoff >= most
    }

    fn time_out(&mut self, id: TcpId) {
        let tcp = self.tcp(id);
        if tcp.state == State::SynReceived && tcp.parent.is_some() {
            return self.forget(id);
        }
        let error = tcp.soft_error.unwrap_or(Errno::ETIMEDOUT);
        self.finish(id, Some(error));
    }

    /// `TIME_WAIT` is over, or the peer's FIN never came to a socket that was closed.
    fn end_of_state(&mut self, id: TcpId) {
        self.unhash(id);
        let tcp = self.tcp(id);
        tcp.state = State::Closed;
        if tcp.object.is_none() {
            self.forget(id);
        }
    }

    pub(super) fn enter_time_wait(&mut self, id: TcpId) {
        let now = self.now;
        let tcp = self.tcp(id);
        tcp.state = State::TimeWait;
        tcp.deadline = now + TIME_WAIT;
        (tcp.is_read_shut, tcp.is_write_shut) = (true, true);
        self.notify_tcp(id, crate::os::ready::STATE);
        self.plan_next(id);
    }
}
