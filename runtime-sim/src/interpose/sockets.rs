//! Sockets.

use std::ffi::{c_int, c_uint, c_void};

use libc::{iovec, mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t, timespec};

use super::call::{blocking, by_signal, caller, done, errno, model, moved, simple, wait_for};
use super::descriptors::{content, rest, slices, slices_mut};
use super::{fail, kernel};
use crate::conductor::baton::me;
use crate::conductor::{NEVER, Why};
use crate::os::{Direction, Errno, Fd, Received, Result, SockAddr};

unsafe fn address(place: *const sockaddr, length: socklen_t) -> Result<SockAddr> {
    if place.is_null() {
        return Err(Errno::EINVAL);
    }
    // No address is longer (`sockaddr_storage`).
    let length = (length as usize).min(128);
    SockAddr::from_bytes(unsafe { std::slice::from_raw_parts(place.cast::<u8>(), length) })
}

/// Writes an address where there is room, and its whole length.
unsafe fn put_address(address: &SockAddr, place: *mut sockaddr, length: *mut socklen_t) {
    if place.is_null() || length.is_null() {
        return;
    }
    let bytes = address.to_bytes();
    let room = (unsafe { *length } as usize).min(bytes.len());
    unsafe {
        place.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), room);
        *length = bytes.len() as socklen_t;
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    let Some(me) = me() else {
        let args = [domain as usize, kind as usize, protocol as usize];
        return unsafe { kernel(libc::SYS_socket, &args) } as c_int;
    };
    let made = |os: &mut crate::os::Os, host, _| os.socket(host, domain, kind, protocol);
    simple(me, "socket", made, |fd| fd as isize) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn socketpair(
    domain: c_int,
    kind: c_int,
    protocol: c_int,
    ends: *mut c_int,
) -> c_int {
    let Some(me) = me() else {
        let args = [domain as usize, kind as usize, protocol as usize, ends as usize];
        return unsafe { kernel(libc::SYS_socketpair, &args) } as c_int;
    };
    let made = |os: &mut crate::os::Os, host, _| os.socketpair(host, domain, kind, protocol);
    simple(me, "socketpair", made, |(one, other)| {
        unsafe {
            *ends = one;
            *ends.add(1) = other;
        }
        0
    }) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bind(fd: c_int, place: *const sockaddr, length: socklen_t) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, place as usize, length as usize];
        return unsafe { kernel(libc::SYS_bind, &args) } as c_int;
    };
    let address = unsafe { address(place, length) };
    simple(me, "bind", |os, host, now| os.bind(host, now, fd, &address?), |()| 0) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn listen(fd: c_int, backlog: c_int) -> c_int {
    let Some(me) = caller(fd) else {
        return unsafe { kernel(libc::SYS_listen, &[fd as usize, backlog as usize]) } as c_int;
    };
    simple(me, "listen", |os, host, now| os.listen(host, now, fd, backlog), |()| 0) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn accept4(
    fd: c_int,
    place: *mut sockaddr,
    length: *mut socklen_t,
    flags: c_int,
) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, place as usize, length as usize, flags as usize];
        return unsafe { kernel(libc::SYS_accept4, &args) } as c_int;
    };
    let result =
        blocking(me, fd, Direction::Read, false, |os, host, now| os.accept(host, now, fd, flags));
    done(me, "accept", result.as_ref().map_or_else(|error| -error.0, |(fd, _)| *fd));
    errno(result, |(fd, address)| {
        unsafe { put_address(&address, place, length) };
        fd as isize
    }) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn accept(fd: c_int, place: *mut sockaddr, length: *mut socklen_t) -> c_int {
    unsafe { accept4(fd, place, length, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn connect(fd: c_int, place: *const sockaddr, length: socklen_t) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, place as usize, length as usize];
        return unsafe { kernel(libc::SYS_connect, &args) } as c_int;
    };
    let result = unsafe { address(place, length) }.and_then(|address| connect_to(me, fd, &address));
    done(me, "connect", result.map_or_else(|error| -error.0, |()| 0));
    errno(result, |()| 0) as c_int
}

fn connect_to(me: u32, fd: Fd, address: &SockAddr) -> Result<()> {
    let first = model(me, |os, host, now| os.connect(host, now, fd, address));
    let blocks = || model(me, |os, host, _| os.is_blocking(host, fd));
    match first {
        Err(Errno::EINPROGRESS) if blocks()? => {}
        Err(Errno::EAGAIN) if blocks()? => {}
        other => return other,
    }
    let mut deadline = None;
    loop {
        // It may be over already: on the loopback nothing takes time.
        match model(me, |os, host, now| os.connect_result(host, now, fd)) {
            Err(Errno::EAGAIN) => {}
            other => return other,
        }
        let (object, timeout) = model(me, |os, host, now| {
            let timeout = os.timeout(host, fd, Direction::Write)?;
            let timeout = timeout.map(|timeout| os.clock(host).after(now, timeout));
            Ok((os.would_wait_for(host, fd, Direction::Write)?, timeout.unwrap_or(NEVER)))
        })?;
        let until = *deadline.get_or_insert(timeout);
        match wait_for(me, |objects| objects.push(object), until, by_signal(until)) {
            Why::Woken => {}
            Why::TimedOut => return Err(Errno::EINPROGRESS),
            // It goes on to connect.
            Why::Interrupted => return Err(Errno::EINTR),
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn shutdown(fd: c_int, how: c_int) -> c_int {
    let Some(me) = caller(fd) else {
        return unsafe { kernel(libc::SYS_shutdown, &[fd as usize, how as usize]) } as c_int;
    };
    simple(me, "shutdown", |os, host, now| os.shutdown(host, now, fd, how), |()| 0) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getsockname(fd: c_int, place: *mut sockaddr, length: *mut socklen_t) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, place as usize, length as usize];
        return unsafe { kernel(libc::SYS_getsockname, &args) } as c_int;
    };
    let result = model(me, |os, host, _| os.local_address(host, fd));
    errno(result, |address| {
        unsafe { put_address(&address, place, length) };
        0
    }) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpeername(fd: c_int, place: *mut sockaddr, length: *mut socklen_t) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, place as usize, length as usize];
        return unsafe { kernel(libc::SYS_getpeername, &args) } as c_int;
    };
    let result = model(me, |os, host, _| os.peer_address(host, fd));
    errno(result, |address| {
        unsafe { put_address(&address, place, length) };
        0
    }) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    length: socklen_t,
) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, level as usize, name as usize, value as usize, length as usize];
        return unsafe { kernel(libc::SYS_setsockopt, &args) } as c_int;
    };
    let value = if value.is_null() || length == 0 {
        &[][..]
    } else {
        unsafe { std::slice::from_raw_parts(value.cast::<u8>(), length as usize) }
    };
    let set = |os: &mut crate::os::Os, host, now| os.set_option(host, now, fd, level, name, value);
    errno(model(me, set), |()| 0) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    let Some(me) = caller(fd) else {
        let args = [fd as usize, level as usize, name as usize, value as usize, length as usize];
        return unsafe { kernel(libc::SYS_getsockopt, &args) } as c_int;
    };
    let room = unsafe { std::slice::from_raw_parts_mut(value.cast::<u8>(), *length as usize) };
    let get = |os: &mut crate::os::Os, host, now| os.get_option(host, now, fd, level, name, room);
    errno(model(me, get), |written| {
        unsafe { *length = written as socklen_t };
        0
    }) as c_int
}

// ---- sending ----

/// What a datagram socket sends it sends whole; a blocking stream goes on until all is sent.
unsafe fn send_parts(
    me: u32,
    fd: Fd,
    parts: *const iovec,
    count: usize,
    flags: c_int,
    to: Option<Result<SockAddr>>,
    control: &[u8],
) -> isize {
    let parts = unsafe { slices(parts, count) };
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let to = match to.transpose() {
        Ok(to) => to,
        Err(error) => return errno(Err::<(), _>(error), |()| 0),
    };
    let at_once = flags & libc::MSG_DONTWAIT != 0;
    let mut sent = 0;
    let result = loop {
        let left = rest(&parts, sent);
        let result = blocking(me, fd, Direction::Write, at_once, |os, host, now| {
            os.send(host, now, fd, &left, flags, to.as_ref(), control)
        });
        match result {
            Ok(length) => {
                sent += length;
                let blocks = || model(me, |os, host, _| os.is_blocking(host, fd)) == Ok(true);
                if sent >= total || length == 0 || at_once || !blocks() {
                    break Ok(sent);
                }
            }
            Err(_) if sent > 0 => break Ok(sent),
            Err(error) => break Err(error),
        }
    };
    match result {
        Ok(length) => {
            moved(me, "send", length as u64, content(parts.iter().map(|part| &**part), length));
        }
        Err(_) => moved(me, "send", u64::MAX, 0),
    }
    errno(result, |length| length as isize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendto(
    fd: c_int,
    place: *const c_void,
    length: size_t,
    flags: c_int,
    to: *const sockaddr,
    to_length: socklen_t,
) -> ssize_t {
    let Some(me) = caller(fd) else {
        let args =
            [fd as usize, place as usize, length, flags as usize, to as usize, to_length as usize];
        return unsafe { kernel(libc::SYS_sendto, &args) };
    };
    let part = iovec { iov_base: place.cast_mut(), iov_len: length };
    let to = (!to.is_null()).then(|| unsafe { address(to, to_length) });
    unsafe { send_parts(me, fd, &part, 1, flags, to, &[]) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn send(
    fd: c_int,
    place: *const c_void,
    length: size_t,
    flags: c_int,
) -> ssize_t {
    unsafe { sendto(fd, place, length, flags, std::ptr::null(), 0) }
}

unsafe fn control_of<'a>(message: &msghdr) -> &'a [u8] {
    if message.msg_control.is_null() || message.msg_controllen == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(message.msg_control.cast::<u8>(), message.msg_controllen) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    let Some(me) = caller(fd) else {
        return unsafe {
            kernel(libc::SYS_sendmsg, &[fd as usize, message as usize, flags as usize])
        };
    };
    let message = unsafe { &*message };
    let to = (!message.msg_name.is_null())
        .then(|| unsafe { address(message.msg_name.cast(), message.msg_namelen) });
    unsafe {
        let control = control_of(message);
        send_parts(me, fd, message.msg_iov, message.msg_iovlen, flags, to, control)
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn sendmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
) -> c_int {
    if caller(fd).is_none() {
        let args = [fd as usize, messages as usize, count as usize, flags as usize];
        return unsafe { kernel(libc::SYS_sendmmsg, &args) } as c_int;
    }
    for at in 0..count as usize {
        let message = unsafe { &mut *messages.add(at) };
        match unsafe { sendmsg(fd, &message.msg_hdr, flags) } {
            sent @ 0.. => message.msg_len = sent as c_uint,
            _ if at == 0 => return -1,
            _ => return at as c_int,
        }
    }
    count as c_int
}

// ---- receiving ----

unsafe fn receive_parts(
    me: u32,
    fd: Fd,
    parts: *const iovec,
    count: usize,
    flags: c_int,
    control: &mut [u8],
) -> Result<Received> {
    let mut parts = unsafe { slices_mut(parts, count) };
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let at_once = flags & libc::MSG_DONTWAIT != 0;
    let mut result = blocking(me, fd, Direction::Read, at_once, |os, host, now| {
        os.receive(host, now, fd, &mut parts, flags, control)
    });
    let wants_all = flags & libc::MSG_WAITALL != 0 && flags & libc::MSG_PEEK == 0 && !at_once;
    if let (Ok(received), true, [part]) = (&mut result, wants_all, &mut parts[..]) {
        // A stream goes on until the buffer is full; a datagram comes whole, with its address.
        while received.from.is_none() && received.bytes > 0 && received.bytes < total {
            let more = blocking(me, fd, Direction::Read, false, |os, host, now| {
                let rest = std::io::IoSliceMut::new(&mut part[received.bytes..]);
                os.receive(host, now, fd, &mut [rest], flags, &mut [])
            });
            match more {
                Ok(more) if more.bytes > 0 => received.bytes += more.bytes,
                _ => break,
            }
        }
    }
    match &result {
        Ok(received) => {
            let length = received.bytes;
            let hash = content(parts.iter().map(|part| &**part), length.min(total));
            moved(me, "receive", length as u64, hash);
        }
        Err(_) => moved(me, "receive", u64::MAX, 0),
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recvfrom(
    fd: c_int,
    place: *mut c_void,
    length: size_t,
    flags: c_int,
    from: *mut sockaddr,
    from_length: *mut socklen_t,
) -> ssize_t {
    let Some(me) = caller(fd) else {
        let args = [
            fd as usize,
            place as usize,
            length,
            flags as usize,
            from as usize,
            from_length as usize,
        ];
        return unsafe { kernel(libc::SYS_recvfrom, &args) };
    };
    let part = iovec { iov_base: place, iov_len: length };
    let result = unsafe { receive_parts(me, fd, &part, 1, flags, &mut []) };
    errno(result, |received| {
        match &received.from {
            Some(address) => unsafe { put_address(address, from, from_length) },
            None if !from_length.is_null() => unsafe { *from_length = 0 },
            None => {}
        }
        received.bytes as isize
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recv(fd: c_int, place: *mut c_void, length: size_t, flags: c_int) -> ssize_t {
    let none = std::ptr::null_mut();
    unsafe { recvfrom(fd, place, length, flags, none, std::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    let Some(me) = caller(fd) else {
        return unsafe {
            kernel(libc::SYS_recvmsg, &[fd as usize, message as usize, flags as usize])
        };
    };
    let message = unsafe { &mut *message };
    let control = if message.msg_control.is_null() {
        &mut [][..]
    } else {
        unsafe {
            let place = message.msg_control.cast::<u8>();
            std::slice::from_raw_parts_mut(place, message.msg_controllen)
        }
    };
    let count = message.msg_iovlen;
    let result = unsafe { receive_parts(me, fd, message.msg_iov, count, flags, control) };
    errno(result, |received| {
        match &received.from {
            Some(address) => unsafe {
                let name = message.msg_name.cast();
                put_address(address, name, &raw mut message.msg_namelen);
            },
            None => message.msg_namelen = 0,
        }
        message.msg_controllen = received.control as _;
        message.msg_flags = received.flags;
        received.bytes as isize
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn recvmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
    timeout: *mut timespec,
) -> c_int {
    if caller(fd).is_none() {
        let args =
            [fd as usize, messages as usize, count as usize, flags as usize, timeout as usize];
        return unsafe { kernel(libc::SYS_recvmmsg, &args) } as c_int;
    }
    for at in 0..count as usize {
        let message = unsafe { &mut *messages.add(at) };
        // It waits for the first one only if told so.
        let waits = at == 0 || flags & libc::MSG_WAITFORONE == 0;
        let flags = flags & !libc::MSG_WAITFORONE;
        let flags = if waits { flags } else { flags | libc::MSG_DONTWAIT };
        match unsafe { recvmsg(fd, &mut message.msg_hdr, flags) } {
            received @ 0.. => message.msg_len = received as c_uint,
            _ if at == 0 => return -1,
            _ => return at as c_int,
        }
    }
    count as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sockatmark(fd: c_int) -> c_int {
    match caller(fd) {
        Some(_) => 0,
        None => {
            let function = super::real!(c"sockatmark", fn(c_int) -> c_int);
            match fd {
                ..0 => fail(libc::EBADF),
                _ => unsafe { function(fd) },
            }
        }
    }
}
