//! Waiting for many descriptors: epoll, poll, select.

use std::ffi::{c_int, c_void};

use libc::{epoll_event, fd_set, nfds_t, pollfd, sigset_t, timespec, timeval};

use super::call::{caller, done, errno, model, simple, wait_for};
use super::time::{in_time, nanos, sleep_until};
use super::{fail, kernel, refuse};
use crate::conductor::baton::{me, with};
use crate::conductor::{BySignal, NEVER, Why};
use crate::os::{self, Direction, Errno, Event, ObjectId};

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_create1(flags: c_int) -> c_int {
    let Some(me) = me() else {
        return unsafe { kernel(libc::SYS_epoll_create1, &[flags as usize]) } as c_int;
    };
    simple(me, "epoll_create", |os, host, _| os.epoll_create(host, flags), |fd| fd as isize)
        as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_create(size: c_int) -> c_int {
    if size <= 0 {
        return fail(libc::EINVAL);
    }
    unsafe { epoll_create1(0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_ctl(
    epoll: c_int,
    op: c_int,
    fd: c_int,
    event: *mut epoll_event,
) -> c_int {
    let Some(me) = caller(epoll) else {
        let args = [epoll as usize, op as usize, fd as usize, event as usize];
        return unsafe { kernel(libc::SYS_epoll_ctl, &args) } as c_int;
    };
    if !os::is_simulated(fd) {
        // A file is refused by the kernel's epoll too.
        if op == libc::EPOLL_CTL_ADD && fd >= 0 && fd > 2 {
            refuse(
                "waiting for a descriptor of the real system in a simulated epoll",
                "It was opened outside of the simulation: open it in the host's main function.",
            );
        }
        return fail(libc::EPERM);
    }
    let event = match unsafe { event.as_ref() } {
        Some(event) => Event { events: event.events, data: event.u64 },
        None => Event::default(),
    };
    let changed = |os: &mut os::Os, host, now| os.epoll_ctl(host, now, epoll, op, fd, event);
    simple(me, "epoll_ctl", changed, |()| 0) as c_int
}

/// The longest list of events that is asked of the model at once.
const MOST_EVENTS: usize = 1024;

unsafe fn wait_epoll(
    me: u32,
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: Option<u64>,
) -> c_int {
    let Ok(most @ 1..) = usize::try_from(most) else { return fail(libc::EINVAL) };
    let mut found = [Event::default(); 64];
    let mut more;
    let found = match most.min(MOST_EVENTS) {
        few @ ..=64 => &mut found[..few],
        many => {
            more = vec![Event::default(); many];
            &mut more[..]
        }
    };
    let deadline = match timeout {
        None => NEVER,
        Some(ns) => with(|conductor| in_time(conductor, me, ns)),
    };
    let result = loop {
        let object = model(me, |os, host, now| {
            let count = os.epoll_wait(host, now, epoll, found)?;
            if count > 0 || timeout == Some(0) {
                return Ok(Ok(count));
            }
            os.would_wait_for(host, epoll, Direction::Read).map(Err)
        });
        let object: ObjectId = match object {
            Ok(Ok(count)) => break Ok(count),
            Ok(Err(object)) => object,
            Err(error) => break Err(error),
        };
        let waiters = |change: i32| {
            with(|conductor| {
                let waiting = conductor.waiting_for_object(object) as i32 + change;
                let host = conductor.hosts.first().map_or(os::HostId(0), |host| host.id);
                let _ = conductor.os.set_epoll_waiters(host, epoll, waiting.max(0) as u32);
            });
        };
        waiters(1);
        let why = wait_for(me, |objects| objects.push(object), deadline, BySignal::Goes);
        waiters(0);
        match why {
            Why::Woken => {}
            Why::TimedOut => {
                break model(me, |os, host, now| os.epoll_wait(host, now, epoll, found));
            }
            Why::Interrupted => break Err(Errno::EINTR),
        }
    };
    if let Ok(count) = result {
        for (at, event) in found[..count].iter().enumerate() {
            let event = epoll_event { events: event.events, u64: event.data };
            unsafe { events.add(at).write(event) };
        }
    }
    let noted = match &result {
        Ok(count) => *count as c_int,
        Err(Errno(errno)) => -errno,
    };
    done(me, "epoll_wait", noted);
    errno(result, |count| count as isize) as c_int
}

fn millis(timeout: c_int) -> Option<u64> {
    u64::try_from(timeout).ok().map(|ms| ms * 1_000_000)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
) -> c_int {
    let Some(me) = caller(epoll) else {
        let args = [epoll as usize, events as usize, most as usize, timeout as usize, 0, 8];
        return unsafe { kernel(libc::SYS_epoll_pwait, &args) } as c_int;
    };
    unsafe { wait_epoll(me, epoll, events, most, millis(timeout)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_pwait(
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: c_int,
    mask: *const sigset_t,
) -> c_int {
    let Some(me) = caller(epoll) else {
        let args =
            [epoll as usize, events as usize, most as usize, timeout as usize, mask as usize, 8];
        return unsafe { kernel(libc::SYS_epoll_pwait, &args) } as c_int;
    };
    unsafe { wait_epoll(me, epoll, events, most, millis(timeout)) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn epoll_pwait2(
    epoll: c_int,
    events: *mut epoll_event,
    most: c_int,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    let Some(me) = caller(epoll) else {
        let args =
            [epoll as usize, events as usize, most as usize, timeout as usize, mask as usize, 8];
        return unsafe { kernel(libc::SYS_epoll_pwait2, &args) } as c_int;
    };
    let timeout = match unsafe { timeout.as_ref() } {
        None => None,
        Some(time) => match nanos(time) {
            None => return fail(libc::EINVAL),
            some => some,
        },
    };
    unsafe { wait_epoll(me, epoll, events, most, timeout) }
}

// ---- poll ----

/// One look at all descriptors; how many have something.
fn look(me: u32, watched: &mut [pollfd]) -> c_int {
    let always = (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) as u32;
    let mut count = 0;
    for entry in watched {
        entry.revents = 0;
        if entry.fd < 0 {
            continue;
        }
        let ready = if os::is_simulated(entry.fd) {
            let ready = model(me, |os, host, now| os.readiness(host, now, entry.fd));
            ready.unwrap_or(libc::POLLNVAL as u32)
        } else {
            // Files, and the standard streams: the kernel says at once.
            let mut one = pollfd { revents: 0, ..*entry };
            let at_once = timespec { tv_sec: 0, tv_nsec: 0 };
            let args = [&raw mut one as usize, 1, &raw const at_once as usize, 0, 8, 0];
            unsafe { crate::raw::call(libc::SYS_ppoll, args) };
            one.revents as u16 as u32
        };
        let wanted = entry.events as u16 as u32 | always;
        entry.revents = (ready & wanted) as i16;
        count += c_int::from(entry.revents != 0);
    }
    count
}

fn wait_poll(me: u32, watched: &mut [pollfd], timeout: Option<u64>) -> c_int {
    let deadline = match timeout {
        None => NEVER,
        Some(ns) => with(|conductor| in_time(conductor, me, ns)),
    };
    let count = loop {
        let count = look(me, watched);
        if count > 0 || timeout == Some(0) {
            break count;
        }
        let mut objects = Vec::new();
        for entry in watched.iter().filter(|entry| os::is_simulated(entry.fd)) {
            let object =
                model(me, |os, host, _| os.would_wait_for(host, entry.fd, Direction::Read));
            objects.extend(object);
        }
        match wait_for(me, |waited| *waited = objects, deadline, BySignal::Goes) {
            Why::Woken => {}
            Why::TimedOut => break look(me, watched),
            Why::Interrupted => break -libc::EINTR,
        }
    };
    done(me, "poll", count);
    if count < 0 { fail(-count) } else { count }
}

unsafe fn watched<'a>(entries: *mut pollfd, count: nfds_t) -> &'a mut [pollfd] {
    if count == 0 {
        return &mut [];
    }
    unsafe { std::slice::from_raw_parts_mut(entries, count as usize) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn poll(entries: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
    match me() {
        Some(me) => wait_poll(me, unsafe { watched(entries, count) }, millis(timeout)),
        None => {
            let function = super::real!(c"poll", fn(*mut pollfd, nfds_t, c_int) -> c_int);
            unsafe { function(entries, count, timeout) }
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ppoll(
    entries: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    let Some(me) = me() else {
        let function = super::real!(
            c"ppoll",
            fn(*mut pollfd, nfds_t, *const timespec, *const sigset_t) -> c_int
        );
        return unsafe { function(entries, count, timeout, mask) };
    };
    let timeout = match unsafe { timeout.as_ref() } {
        None => None,
        Some(time) => match nanos(time) {
            None => return fail(libc::EINVAL),
            some => some,
        },
    };
    wait_poll(me, unsafe { watched(entries, count) }, timeout)
}

// ---- select ----

#[unsafe(no_mangle)]
unsafe extern "C" fn select(
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *mut timeval,
) -> c_int {
    let Some(me) = me() else {
        let function = super::real!(
            c"select",
            fn(c_int, *mut fd_set, *mut fd_set, *mut fd_set, *mut timeval) -> c_int
        );
        return unsafe { function(count, read, write, except, timeout) };
    };
    // A set has room for descriptors below 1024, and the model's are above: what can be meant is
    // a sleep.
    let sets: [*mut c_void; 3] = [read.cast(), write.cast(), except.cast()];
    if count > 0 && sets.iter().any(|set| !set.is_null()) {
        refuse("select", "Its sets have no room for simulated descriptors: use poll or epoll.");
        return fail(libc::EBADF);
    }
    let deadline = match unsafe { timeout.as_ref() } {
        None => NEVER,
        Some(time) => {
            let ns = time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1000;
            with(|conductor| in_time(conductor, me, ns))
        }
    };
    match sleep_until(me, deadline) {
        Why::Interrupted => fail(libc::EINTR),
        _ => 0,
    }
}
