//! How a function of libc becomes a call of the model: who calls, when, and what happens if it
//! would block.

use std::ffi::c_int;

use crate::conductor::baton::{me, point, wait, with};
use crate::conductor::hash::{Op, of_bytes};
use crate::conductor::{BySignal, NEVER, On, Wait, Why};
use crate::os::{self, Direction, Errno, Fd, HostId, ObjectId, Os, Result};

/// The thread, if it is simulated and the descriptor is one of the model's.
pub(super) fn caller(fd: c_int) -> Option<u32> {
    if os::is_simulated(fd) { me() } else { None }
}

/// The host of a thread, as the model knows it. What belongs to no host (the director) is the first
/// one's.
fn host_of(conductor: &crate::conductor::Conductor, me: u32) -> HostId {
    let host = conductor.threads[me as usize].host as usize;
    conductor.hosts.get(host).map_or(HostId(0), |host| host.id)
}

/// One call of the model.
pub(super) fn model<R>(me: u32, f: impl FnOnce(&mut Os, HostId, u64) -> R) -> R {
    with(|conductor| {
        let (host, now) = (host_of(conductor, me), conductor.now);
        let result = f(&mut conductor.os, host, now);
        conductor.system_changed();
        result
    })
}

/// Notes a call and its result, and lets others run.
pub(super) fn done(me: u32, call: &'static str, result: c_int) {
    with(|conductor| conductor.note(me, Op::Call, of_bytes(call.as_bytes()), result as u64));
    point(me);
}

/// The same for bytes that came or went.
pub(super) fn moved(me: u32, call: &'static str, bytes: u64, content: u64) {
    with(|conductor| {
        conductor.note(me, Op::Call, of_bytes(call.as_bytes()), bytes);
        conductor.note(me, Op::Bytes, bytes, content);
    });
    point(me);
}

/// What libc returns for what the model says.
pub(super) fn errno<T>(result: Result<T>, value: impl FnOnce(T) -> isize) -> isize {
    match result {
        Ok(found) => value(found),
        Err(Errno(errno)) => super::fail(errno) as isize,
    }
}

/// A call of the model that cannot block, noted.
pub(super) fn simple<T>(
    me: u32,
    call: &'static str,
    f: impl FnOnce(&mut Os, HostId, u64) -> Result<T>,
    value: impl FnOnce(T) -> isize,
) -> isize {
    let result = model(me, f);
    let result = match result {
        Ok(found) => Ok(value(found)),
        Err(errno) => Err(errno),
    };
    let noted = match &result {
        Ok(value) => *value as c_int,
        Err(Errno(errno)) => -errno,
    };
    done(me, call, noted);
    errno(result, |value| value)
}

/// Waits for changes of these objects.
pub(super) fn wait_for(
    me: u32,
    objects: impl FnOnce(&mut Vec<ObjectId>),
    deadline: u64,
    by_signal: BySignal,
) -> Why {
    with(|conductor| {
        let waited = &mut conductor.threads[me as usize].objects;
        waited.clear();
        objects(waited);
    });
    wait(me, &Wait { on: On::Descriptor, key: 0, mask: 0, deadline, by_signal })
}

/// What a signal does to a call on a descriptor: with a time it is not restarted.
pub(super) fn by_signal(deadline: u64) -> BySignal {
    if deadline == NEVER { BySignal::Restarts } else { BySignal::Goes }
}

/// A call that may block: tries again when something has changed, for as long as the descriptor's
/// time is not over. `at_once` is `MSG_DONTWAIT`.
pub(super) fn blocking<T>(
    me: u32,
    fd: Fd,
    direction: Direction,
    at_once: bool,
    mut attempt: impl FnMut(&mut Os, HostId, u64) -> Result<T>,
) -> Result<T> {
    let mut deadline = None;
    loop {
        let waits = model(me, |os, host, now| match attempt(os, host, now) {
            Err(Errno::EAGAIN) if !at_once && os.is_blocking(host, fd) == Ok(true) => {
                let object = os.would_wait_for(host, fd, direction)?;
                let timeout = os.timeout(host, fd, direction)?;
                Ok(Err((object, timeout, now)))
            }
            other => Ok(Ok(other?)),
        });
        let (object, timeout, now) = match waits? {
            Ok(done) => return Ok(done),
            Err(waits) => waits,
        };
        let until = *deadline.get_or_insert_with(|| {
            timeout.map_or(NEVER, |timeout| {
                with(|conductor| conductor.clock_of(me).after(now, timeout))
            })
        });
        match wait_for(me, |objects| objects.push(object), until, by_signal(until)) {
            Why::Woken => {}
            Why::TimedOut => return Err(Errno::EAGAIN),
            Why::Interrupted => return Err(Errno::EINTR),
        }
    }
}
