//! Unix sockets: streams, datagrams and sequenced packets within a host.
//!
//! What a sender has written counts against its own buffer until the receiver has taken it, in
//! the units in which Linux allocates memory (`truesize`), since that decides when a socket is
//! writable.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};

use super::addr::{SockAddr, UnixName};
use super::bytes::{copy_out, copy_out_from, gather, gather_from, room, total};
use super::control;
use super::errno::{Errno, Result};
use super::ready::{ERR, HUP, IN, OUT, RDHUP, RDNORM, STATE, WRBAND, WRNORM};
use super::table::Kind;
use super::{Fd, HostId, ObjectId, Os, Received};

/// `wmem_default`.
pub(super) const BUFFER: usize = 212_992;
/// `net.unix.max_dgram_qlen`: how many datagrams wait at a socket that does not talk back.
const MOST_DATAGRAMS: usize = 10;
/// What of a message is in the page of its header; the rest is in pages of its own.
const LINEAR: usize = 3_776;
/// The largest piece of a stream that is one message: a header's page and eight more (seen on
/// Linux 6.18).
const LARGEST_PIECE: usize = LINEAR + 8 * 4_096;
/// `somaxconn`.
const LONGEST_BACKLOG: usize = 4_096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Stream,
    Datagram,
    Packets,
}

impl Form {
    fn has_connections(self) -> bool {
        self != Form::Datagram
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Unconnected,
    Listening,
    Connected,
}

struct Message {
    data: Vec<u8>,
    /// What was read of it (streams).
    start: usize,
    sender: ObjectId,
    from: UnixName,
}

pub(super) struct UnixSocket {
    pub(super) form: Form,
    state: State,
    name: UnixName,
    peer: Option<ObjectId>,
    peer_name: UnixName,
    inbox: VecDeque<Message>,
    /// What receivers have not taken yet of what this socket sent.
    charged: usize,
    pub(super) send_buffer: usize,
    pub(super) receive_buffer: usize,
    is_read_shut: bool,
    is_write_shut: bool,
    pub(super) error: Option<Errno>,
    backlog: usize,
    queue: VecDeque<ObjectId>,
    /// Sockets that wait for a place in the queue, or for room in the inbox.
    waiting: Vec<ObjectId>,
}

/// The memory that Linux takes for a message: the smallest power of two for data and the 320
/// bytes behind them, whole pages for what does not fit into one, and 256 bytes for the header.
fn memory(len: usize) -> usize {
    let linear = (len.min(LINEAR) + 320).next_power_of_two().max(512);
    256 + linear + len.saturating_sub(LINEAR).next_multiple_of(4096)
}

impl UnixSocket {
    /// Whether nobody can find it by a name.
    pub(super) fn is_unnamed(&self) -> bool {
        self.name == UnixName::Unnamed
    }

    fn new(form: Form) -> UnixSocket {
        UnixSocket {
            form,
            state: State::Unconnected,
            name: UnixName::Unnamed,
            peer: None,
            peer_name: UnixName::Unnamed,
            inbox: VecDeque::new(),
            charged: 0,
            send_buffer: BUFFER,
            receive_buffer: BUFFER,
            is_read_shut: false,
            is_write_shut: false,
            error: None,
            backlog: 0,
            queue: VecDeque::new(),
            waiting: Vec::new(),
        }
    }

    fn is_writable(&self) -> bool {
        self.state != State::Listening && self.charged * 4 <= self.send_buffer
    }

    pub(super) fn is_listening(&self) -> bool {
        self.state == State::Listening
    }

    pub(super) fn unread(&self) -> usize {
        match self.form {
            Form::Datagram => self.inbox.front().map_or(0, |message| message.data.len()),
            _ => self.inbox.iter().map(|message| message.data.len() - message.start).sum(),
        }
    }

    pub(super) fn local(&self) -> SockAddr {
        SockAddr::Unix(self.name.clone())
    }

    pub(super) fn peer_address(&self) -> Result<SockAddr> {
        match self.peer {
            Some(_) => Ok(SockAddr::Unix(self.peer_name.clone())),
            None => Err(Errno::ENOTCONN),
        }
    }
}

fn unix_name(addr: &SockAddr) -> Result<UnixName> {
    match addr {
        SockAddr::Unix(UnixName::Unnamed) => Err(Errno::EINVAL),
        SockAddr::Unix(name) => Ok(name.clone()),
        _ => Err(Errno::EINVAL),
    }
}

impl Os {
    pub(super) fn unix(&mut self, id: ObjectId) -> Result<&mut UnixSocket> {
        match self.objects.get_mut(&id).map(|object| &mut object.kind) {
            Some(Kind::Unix(socket)) => Ok(socket),
            _ => Err(Errno::ENOTSOCK),
        }
    }

    pub(super) fn open_unix(&mut self, host: HostId, status: i32, form: Form) -> Result<Fd> {
        self.install(host, status, Kind::Unix(Box::new(UnixSocket::new(form))))
    }

    pub(super) fn unix_pair(&mut self, host: HostId, status: i32, form: Form) -> Result<(Fd, Fd)> {
        let first = self.open_unix(host, status, form)?;
        let second = match self.open_unix(host, status, form) {
            Ok(fd) => fd,
            Err(error) => {
                self.close_quietly(host, first);
                return Err(error);
            }
        };
        let (a, b) = (self.find(host, first)?, self.find(host, second)?);
        for (one, other) in [(a, b), (b, a)] {
            let socket = self.unix(one)?;
            socket.peer = Some(other);
            socket.state = State::Connected;
        }
        Ok((first, second))
    }

    pub(super) fn unix_mask(&mut self, id: ObjectId) -> u32 {
        let Ok(socket) = self.unix(id) else { return 0 };
        let mut mask = 0;
        if socket.error.is_some() {
            mask |= ERR;
        }
        if socket.is_read_shut && socket.is_write_shut {
            mask |= HUP;
        }
        if socket.is_read_shut {
            mask |= RDHUP | IN | RDNORM;
        }
        if !socket.inbox.is_empty() || !socket.queue.is_empty() {
            mask |= IN | RDNORM;
        }
        if socket.form.has_connections() && socket.state == State::Unconnected {
            mask |= HUP;
        }
        let (is_writable, peer) = (socket.is_writable(), socket.peer);
        let is_datagram = socket.form == Form::Datagram;
        let is_blocked = is_datagram && peer.is_some_and(|peer| self.has_no_room(id, peer));
        if is_writable && !is_blocked {
            mask |= OUT | WRNORM | WRBAND;
        }
        mask
    }

    /// The receiver does not talk back to the sender, and has enough to read. Then the sender is
    /// told once it has read something.
    fn has_no_room(&mut self, sender: ObjectId, receiver: ObjectId) -> bool {
        let Ok(socket) = self.unix(receiver) else { return false };
        let is_full = socket.peer != Some(sender) && socket.inbox.len() > MOST_DATAGRAMS;
        if is_full && !socket.waiting.contains(&sender) {
            socket.waiting.push(sender);
        }
        is_full
    }

    pub(super) fn bind_unix(&mut self, id: ObjectId, addr: &SockAddr) -> Result<()> {
        let host = self.object(id).host;
        if self.unix(id)?.name != UnixName::Unnamed {
            return Err(Errno::EINVAL);
        }
        let name = match addr {
            SockAddr::Unix(UnixName::Unnamed) => {
                // The kernel chooses: five hexadecimal digits.
                let number = self.host_mut(host).entropy.below(1 << 20);
                UnixName::Abstract(format!("{number:05x}").into_bytes())
            }
            addr => unix_name(addr)?,
        };
        self.host_mut(host).socket_names.insert(&name, id)?;
        self.unix(id)?.name = name;
        Ok(())
    }

    pub(super) fn listen_unix(&mut self, id: ObjectId, backlog: i32) -> Result<()> {
        let socket = self.unix(id)?;
        if !socket.form.has_connections() {
            return Err(Errno::EOPNOTSUPP);
        }
        if socket.name == UnixName::Unnamed || socket.state == State::Connected {
            return Err(Errno::EINVAL);
        }
        socket.state = State::Listening;
        socket.backlog = (backlog as u32 as usize).min(LONGEST_BACKLOG);
        self.wake_waiting(id);
        Ok(())
    }

    /// There is a place in the queue, or room in the inbox.
    fn wake_waiting(&mut self, id: ObjectId) {
        let Ok(socket) = self.unix(id) else { return };
        let (waiting, form) = (std::mem::take(&mut socket.waiting), socket.form);
        self.wake_all(waiting, form);
    }

    /// A poll hears of room for a datagram; a place in a queue is news only for a `connect` that
    /// is blocked.
    fn wake_all(&mut self, waiting: Vec<ObjectId>, form: Form) {
        for id in waiting {
            match form {
                Form::Datagram => self.notify(id, OUT | WRNORM | WRBAND),
                Form::Stream | Form::Packets => self.change(id),
            }
        }
    }

    pub(super) fn accept_unix(&mut self, listener: ObjectId, flags: i32) -> Result<(Fd, SockAddr)> {
        let is_blocking = self.object(listener).status & libc::O_NONBLOCK == 0;
        let socket = self.unix(listener)?;
        if !socket.form.has_connections() {
            return Err(Errno::EOPNOTSUPP);
        }
        if socket.state != State::Listening {
            return Err(Errno::EINVAL);
        }
        // After a shutdown nobody comes any more: one that would block for ever is told.
        let nobody = if socket.is_read_shut && is_blocking { Errno::EINVAL } else { Errno::EAGAIN };
        let id = socket.queue.pop_front().ok_or(nobody)?;
        self.wake_waiting(listener);
        let object = self.object_mut(id);
        object.status = libc::O_RDWR | (flags & libc::SOCK_NONBLOCK);
        let host = object.host;
        let name = self.unix(id)?.peer_name.clone();
        Ok((self.new_descriptor(host, id, flags)?, SockAddr::Unix(name)))
    }

    pub(super) fn connect_unix(&mut self, id: ObjectId, addr: &SockAddr) -> Result<()> {
        let host = self.object(id).host;
        let socket = self.unix(id)?;
        let form = socket.form;
        if form == Form::Datagram && *addr == SockAddr::Unspecified {
            socket.state = State::Unconnected;
            self.leave_peer(id);
            return Ok(());
        }
        let name = unix_name(addr)?;
        let other = self.host(host).socket_names.find(&name)?;
        let (own_name, state) = {
            let socket = self.unix(id)?;
            (socket.name.clone(), socket.state)
        };
        if self.unix(other)?.form != form {
            return Err(Errno::EPROTOTYPE);
        }
        if form == Form::Datagram {
            let theirs = self.unix(other)?.peer;
            if theirs.is_some_and(|theirs| theirs != id) {
                return Err(Errno::EPERM);
            }
            if self.unix(id)?.peer != Some(other) {
                self.leave_peer(id);
            }
            let socket = self.unix(id)?;
            socket.peer = Some(other);
            socket.peer_name = name;
            socket.state = State::Connected;
            return Ok(());
        }
        match state {
            State::Unconnected => {}
            State::Connected => return Err(Errno::EISCONN),
            State::Listening => return Err(Errno::EINVAL),
        }
        let listener = self.unix(other)?;
        if listener.state != State::Listening || listener.is_read_shut {
            return Err(Errno::ECONNREFUSED);
        }
        if listener.queue.len() > listener.backlog {
            if !listener.waiting.contains(&id) {
                listener.waiting.push(id);
            }
            return Err(Errno::EAGAIN);
        }
        let listener_name = listener.name.clone();
        let mut accepted = UnixSocket::new(form);
        accepted.state = State::Connected;
        accepted.peer = Some(id);
        accepted.peer_name = own_name;
        accepted.name = listener_name.clone();
        let accepted = self.new_object(host, libc::O_RDWR, Kind::Unix(Box::new(accepted)));
        let socket = self.unix(id)?;
        socket.peer = Some(accepted);
        socket.peer_name = listener_name;
        socket.state = State::Connected;
        self.unix(other)?.queue.push_back(accepted);
        self.notify(other, IN | RDNORM);
        Ok(())
    }

    pub(super) fn shutdown_unix(&mut self, id: ObjectId, how: i32) -> Result<()> {
        let (read, write) = match how {
            libc::SHUT_RD => (true, false),
            libc::SHUT_WR => (false, true),
            libc::SHUT_RDWR => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        let socket = self.unix(id)?;
        socket.is_read_shut |= read;
        socket.is_write_shut |= write;
        let peer = socket.peer.filter(|_| socket.form.has_connections());
        self.notify(id, STATE);
        if let Some(peer) = peer {
            if let Ok(other) = self.unix(peer) {
                other.is_read_shut |= write;
                other.is_write_shut |= read;
                self.notify(peer, STATE);
            }
        }
        Ok(())
    }

    pub(super) fn end_unix(&mut self, host: HostId, id: ObjectId, socket: UnixSocket) {
        self.host_mut(host).socket_names.remove(id);
        if let Some(peer) = socket.peer.filter(|_| socket.form.has_connections()) {
            if let Ok(other) = self.unix(peer) {
                (other.is_read_shut, other.is_write_shut) = (true, true);
                if !socket.inbox.is_empty() {
                    other.error = Some(Errno::ECONNRESET);
                }
                self.notify(peer, STATE);
            }
        }
        for message in socket.inbox {
            self.discharge(message.sender, message.data.len());
        }
        for accepted in socket.queue {
            // Nobody will accept it: the other side is told as of a reset.
            let peer = self.unix(accepted).ok().and_then(|socket| socket.peer);
            if let Some(peer) = peer {
                if let Ok(other) = self.unix(peer) {
                    other.error = Some(Errno::ECONNRESET);
                }
            }
            self.end(accepted);
        }
        self.wake_all(socket.waiting, socket.form);
    }

    /// A datagram socket loses its peer: what came from it is lost too. True if there was
    /// anything.
    fn lose_messages(&mut self, id: ObjectId) -> bool {
        let Ok(socket) = self.unix(id) else { return false };
        let lost = std::mem::take(&mut socket.inbox);
        let had_any = !lost.is_empty();
        for message in lost {
            self.discharge(message.sender, message.data.len());
        }
        if had_any {
            self.wake_waiting(id);
        }
        had_any
    }

    /// The socket turns from its peer to another or to none.
    fn leave_peer(&mut self, id: ObjectId) {
        let Some(peer) = self.unix(id).ok().and_then(|socket| socket.peer.take()) else { return };
        if self.lose_messages(id) {
            if let Ok(other) = self.unix(peer) {
                if other.peer == Some(id) {
                    other.error = Some(Errno::ECONNRESET);
                    self.notify(peer, ERR);
                }
            }
        }
    }

    /// The receiver has taken a message: the sender has room again.
    fn discharge(&mut self, sender: ObjectId, len: usize) {
        let Ok(socket) = self.unix(sender) else { return };
        socket.charged = socket.charged.saturating_sub(memory(len));
        self.room_again(sender);
    }

    pub(super) fn send_unix(
        &mut self,
        id: ObjectId,
        bufs: &[IoSlice<'_>],
        flags: i32,
        to: Option<&SockAddr>,
        control: &[u8],
    ) -> Result<usize> {
        if flags & libc::MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        for message in control::parse(control)? {
            // Descriptors do not travel here; credentials are the same for all.
            if (message.level, message.kind) != (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) {
                return Err(Errno::EOPNOTSUPP);
            }
        }
        match self.unix(id)?.form {
            Form::Stream => self.send_unix_stream(id, bufs, to),
            Form::Datagram | Form::Packets => self.send_unix_message(id, bufs, to),
        }
    }

    fn send_unix_stream(
        &mut self,
        id: ObjectId,
        bufs: &[IoSlice<'_>],
        to: Option<&SockAddr>,
    ) -> Result<usize> {
        let socket = self.unix(id)?;
        if to.is_some() {
            let is_connected = socket.state == State::Connected;
            return Err(if is_connected { Errno::EISCONN } else { Errno::EOPNOTSUPP });
        }
        let peer = socket.peer.ok_or(Errno::ENOTCONN)?;
        if socket.is_write_shut {
            return Err(Errno::EPIPE);
        }
        let from = socket.name.clone();
        let len = total(bufs);
        let mut done = 0;
        while done < len {
            let socket = self.unix(id)?;
            if socket.charged >= socket.send_buffer {
                return if done == 0 { Err(Errno::EAGAIN) } else { Ok(done) };
            }
            let most = (socket.send_buffer / 2).saturating_sub(64).clamp(1, LARGEST_PIECE);
            let count = (len - done).min(most);
            let data = gather_from(bufs, done, count);
            let is_read = self.unix(peer).is_ok_and(|other| !other.is_read_shut);
            let Some(other) = self.unix(peer).ok().filter(|_| is_read) else {
                self.room_again(id);
                return if done == 0 { Err(Errno::EPIPE) } else { Ok(done) };
            };
            let message = Message { data, start: 0, sender: id, from: from.clone() };
            other.inbox.push_back(message);
            self.unix(id)?.charged += memory(count);
            self.notify(peer, IN | RDNORM);
            done += count;
        }
        Ok(done)
    }

    fn send_unix_message(
        &mut self,
        id: ObjectId,
        bufs: &[IoSlice<'_>],
        to: Option<&SockAddr>,
    ) -> Result<usize> {
        let host = self.object(id).host;
        let socket = self.unix(id)?;
        let form = socket.form;
        if form == Form::Packets && socket.state != State::Connected {
            return Err(Errno::ENOTCONN);
        }
        let len = total(bufs);
        if len > socket.send_buffer.saturating_sub(32) {
            return Err(Errno::EMSGSIZE);
        }
        let (from, peer) = (socket.name.clone(), socket.peer);
        if let Some(error) = socket.error.take() {
            return Err(error);
        }
        if socket.is_write_shut {
            return Err(Errno::EPIPE);
        }
        if socket.charged >= socket.send_buffer {
            return Err(Errno::EAGAIN);
        }
        let other = match to.filter(|_| form == Form::Datagram) {
            Some(addr) => {
                let name = unix_name(addr)?;
                self.host(host).socket_names.find(&name)
            }
            None => peer.ok_or(Errno::ENOTCONN),
        };
        let message = Message { data: gather(bufs, len), start: 0, sender: id, from };
        let sent = other.and_then(|other| self.deliver_unix_message(id, other, message));
        if sent.is_err() {
            self.room_again(id);
        }
        sent
    }

    /// A message was made and not delivered: its memory is free again, which counts as room.
    fn room_again(&mut self, id: ObjectId) {
        if self.unix(id).is_ok_and(|socket| socket.is_writable()) {
            self.notify(id, OUT | WRNORM | WRBAND);
        }
    }

    fn deliver_unix_message(
        &mut self,
        id: ObjectId,
        other: ObjectId,
        message: Message,
    ) -> Result<usize> {
        let form = self.unix(id)?.form;
        let len = message.data.len();
        let Ok(receiver) = self.unix(other) else {
            // It was closed since the connect.
            let socket = self.unix(id)?;
            if form == Form::Datagram {
                socket.peer = None;
                socket.state = State::Unconnected;
                self.lose_messages(id);
            }
            return Err(Errno::ECONNREFUSED);
        };
        if receiver.form != form {
            return Err(Errno::EPROTOTYPE);
        }
        if form == Form::Datagram && receiver.peer.is_some_and(|theirs| theirs != id) {
            return Err(Errno::EPERM);
        }
        if receiver.is_read_shut {
            return Err(Errno::EPIPE);
        }
        if self.has_no_room(id, other) {
            return Err(Errno::EAGAIN);
        }
        self.unix(other)?.inbox.push_back(message);
        self.unix(id)?.charged += memory(len);
        self.notify(other, IN | RDNORM);
        Ok(len)
    }

    pub(super) fn receive_unix(
        &mut self,
        id: ObjectId,
        bufs: &mut [IoSliceMut<'_>],
        flags: i32,
    ) -> Result<Received> {
        if flags & libc::MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let peeks = flags & libc::MSG_PEEK != 0;
        let waits = (self.object(id).status & libc::O_NONBLOCK) | (flags & libc::MSG_DONTWAIT);
        let is_blocking = waits == 0;
        let socket = self.unix(id)?;
        match socket.form {
            Form::Stream if socket.state != State::Connected => return Err(Errno::EINVAL),
            Form::Packets if socket.state != State::Connected => return Err(Errno::ENOTCONN),
            _ => {}
        }
        if socket.inbox.is_empty() {
            // A datagram socket that does not block never sees the end; one that would block does.
            let sees_end = socket.form != Form::Datagram || is_blocking;
            return match socket.error.take() {
                Some(error) => Err(error),
                None if socket.is_read_shut && sees_end => Ok(Received::default()),
                None => Err(Errno::EAGAIN),
            };
        }
        if socket.form != Form::Stream {
            return self.receive_unix_message(id, bufs, flags);
        }
        let wanted = room(bufs);
        let mut received = Received::default();
        let mut taken = Vec::new();
        let mut at = 0;
        while received.bytes < wanted {
            let Some(message) = socket.inbox.get_mut(at) else { break };
            let count = copy_out_from(&message.data[message.start..], bufs, received.bytes);
            received.bytes += count;
            if peeks {
                at += 1;
                continue;
            }
            message.start += count;
            if message.start == message.data.len() {
                taken.extend(socket.inbox.pop_front());
            }
        }
        for message in taken {
            self.discharge(message.sender, message.data.len());
        }
        Ok(received)
    }

    fn receive_unix_message(
        &mut self,
        id: ObjectId,
        bufs: &mut [IoSliceMut<'_>],
        flags: i32,
    ) -> Result<Received> {
        let socket = self.unix(id)?;
        let Some(message) = socket.inbox.front() else { return Err(Errno::EAGAIN) };
        let mut received = Received { bytes: copy_out(&message.data, bufs), ..Received::default() };
        if received.bytes < message.data.len() {
            received.flags |= libc::MSG_TRUNC;
            if flags & libc::MSG_TRUNC != 0 {
                received.bytes = message.data.len();
            }
        }
        if socket.form == Form::Packets {
            received.flags |= libc::MSG_EOR & flags;
        } else {
            // A sender without a name has no address, not an empty one.
            let is_named = message.from != UnixName::Unnamed;
            received.from = is_named.then(|| SockAddr::Unix(message.from.clone()));
        }
        if flags & libc::MSG_PEEK == 0 {
            if let Some(message) = socket.inbox.pop_front() {
                self.discharge(message.sender, message.data.len());
                self.wake_waiting(id);
            }
        }
        Ok(received)
    }
}
