//! A model of the operating system's descriptors, network and files.
//!
//! It is pure: it makes no system call, starts no thread, reads no clock and has no `unsafe`. Every
//! result is a function of the calls made so far, their times, and the streams of random numbers
//! that were given to [`Os::new`]. It iterates over nothing whose order depends on an address.
//!
//! # How to drive it
//!
//! - One thread at a time calls it (the one that has the baton). `now` is the virtual time in
//!   nanoseconds since the world began; it never goes back. Every call first does what was due by then.
//! - A call that would block returns `EAGAIN`, whatever `O_NONBLOCK` says. If
//!   [`Os::is_blocking`], the conductor asks [`Os::would_wait_for`] for the object, blocks the
//!   thread on it (with [`Os::timeout`] as deadline) and calls again once that object has changed.
//! - A `connect` that takes time returns `EINPROGRESS`; a blocking one waits for `Direction::Write` and then
//!   asks [`Os::connect_result`].
//! - A blocking `send`/`write` to a stream returns when everything is written: the caller goes on
//!   with the rest after a short count. The same for `MSG_WAITALL`.
//! - [`Os::drain_changes`] after each call and each [`Os::advance`]: the objects whose readiness may have
//!   changed. A change is a hint: waiters look again, and may find nothing.
//! - [`Os::next_event`] says when something happens without a call: a segment arrives, a timer
//!   ends. When no thread can run, the conductor goes there with [`Os::advance`].
//!
//! # Descriptors
//!
//! Numbers are given out by the model, the lowest free one from [`FIRST_FD`] on, unique over all
//! hosts, so that a descriptor which leaks from one host to another is `EBADF` there. No real
//! descriptor of Linux is as high, unless somebody has raised `fs.nr_open` and opened a million.
//! Every call but `dup2`'s target refuses other numbers with `EBADF`; [`is_simulated`] tells the two apart.

#![allow(dead_code, unused_imports)]
// The arguments of system calls.
#![allow(clippy::too_many_arguments)]

mod addr;
mod errno;
mod spec;
mod stream;

use std::io::{IoSlice, IoSliceMut};
use std::net::IpAddr;

pub(crate) use addr::{SockAddr, UnixName};
pub(crate) use errno::{Errno, Result};
pub(crate) use spec::{Crash, Cut, DiskSpec, Latency, LinkSpec, Unsynced};
pub(crate) use stream::Stream;

/// Virtual time: nanoseconds since the world began; also a span of it.
pub(crate) type Nanos = u64;

/// A descriptor as programs see it.
pub(crate) type Fd = i32;

/// The lowest descriptor that the model gives out: the default of `fs.nr_open`, which is above every
/// descriptor that the kernel gives out.
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

/// `struct stat`, as far as the model knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stat {
    pub(crate) inode: u64,
    /// Type and permissions.
    pub(crate) mode: u32,
    pub(crate) links: u64,
    pub(crate) size: u64,
    pub(crate) accessed: Nanos,
    pub(crate) modified: Nanos,
    pub(crate) changed: Nanos,
}

/// An entry of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct DirEntry {
    pub(crate) inode: u64,
    /// `DT_REG`, `DT_DIR`, `DT_LNK`, `DT_SOCK`.
    pub(crate) kind: u8,
    pub(crate) name: Vec<u8>,
}

/// Everything that the simulated kernels and the network between them know.
pub(crate) struct Os {
    entropy: Stream,
    network: Stream,
}

/// # World
impl Os {
    /// A world without hosts. `entropy` decides what a kernel decides (ports, inode numbers, what a
    /// crash leaves), `network` decides what happens to packets.
    pub(crate) fn new(entropy: Stream, network: Stream) -> Os {
        Os { entropy, network }
    }

    /// Adds a host that is up. `127.0.0.0/8` and `::1` are its own without being said.
    ///
    /// # Panics
    ///
    /// If another host has the name or an address.
    pub(crate) fn add_host(&mut self, name: &str, addresses: &[IpAddr]) -> HostId {
        let _ = (name, addresses);
        HostId(0)
    }

    /// The host goes down: its descriptors are gone. Nothing happens if it is down.
    pub(crate) fn crash(&mut self, host: HostId, now: Nanos, how: Crash, disk: Unsynced) {
        let _ = (host, now, how, disk);
    }

    /// The host is up again, without descriptors, with what its disk holds.
    pub(crate) fn restart(&mut self, host: HostId, now: Nanos) {
        let _ = (host, now);
    }

    pub(crate) fn is_up(&self, host: HostId) -> bool {
        let _ = host;
        true
    }

    /// The link of all pairs without one of their own.
    pub(crate) fn set_default_link(&mut self, spec: LinkSpec) {
        let _ = spec;
    }

    /// The link from one host to another, this direction only; a host to itself is its loopback.
    pub(crate) fn set_link(&mut self, from: HostId, to: HostId, spec: LinkSpec) {
        let _ = (from, to, spec);
    }

    /// Cuts one direction, or mends it with `None`. What is under way still arrives.
    pub(crate) fn set_cut(&mut self, from: HostId, to: HostId, cut: Option<Cut>) {
        let _ = (from, to, cut);
    }

    pub(crate) fn set_disk(&mut self, host: HostId, spec: DiskSpec) {
        let _ = (host, spec);
    }

    /// When something happens by itself; `None` if never.
    pub(crate) fn next_event(&self) -> Option<Nanos> {
        None
    }

    /// Does what is due by then.
    pub(crate) fn advance(&mut self, now: Nanos) {
        let _ = now;
    }

    /// Moves the objects that may have changed to the end of `changes`, in the order of the first
    /// change, each once.
    pub(crate) fn drain_changes(&mut self, changes: &mut Vec<ObjectId>) {
        let _ = changes;
    }

    /// The addresses behind a name (of a host, `localhost`, a number), as host `host` sees them;
    /// `ENOENT` for a name that nobody has. An empty list does not occur.
    pub(crate) fn resolve(&self, host: HostId, name: &str) -> Result<Vec<IpAddr>> {
        let _ = (host, name);
        Err(Errno::ENOENT)
    }

    /// The name of the host that has the address; `localhost` for loopback addresses.
    pub(crate) fn name_of(&self, host: HostId, address: IpAddr) -> Option<&str> {
        let _ = (host, address);
        None
    }

    /// The addresses of the host, those of loopback first.
    pub(crate) fn addresses(&self, host: HostId) -> Vec<IpAddr> {
        let _ = host;
        Vec::new()
    }

    pub(crate) fn host_name(&self, host: HostId) -> &str {
        let _ = host;
        ""
    }
}

macro_rules! calls {
    ($($(#[$doc:meta])* fn $name:ident(&mut self, $($arg:ident: $ty:ty),* $(,)?) -> $ret:ty;)*) => {
        /// # Calls
        impl Os {
            $($(#[$doc])* pub(crate) fn $name(&mut self, $($arg: $ty),*) -> $ret {
                $(let _ = $arg;)*
                Err(Errno::ENOSYS)
            })*
        }
    };
}

calls! {
    /// Whether `O_NONBLOCK` is not set.
    fn is_blocking(&mut self, host: HostId, fd: Fd) -> Result<bool>;
    /// The object whose change may let the call go on. Read and write of one description are one
    /// object.
    fn would_wait_for(&mut self, host: HostId, fd: Fd, direction: Direction) -> Result<ObjectId>;
    /// `SO_RCVTIMEO` or `SO_SNDTIMEO`; `None` waits for ever.
    fn timeout(&mut self, host: HostId, fd: Fd, direction: Direction) -> Result<Option<Nanos>>;
    /// What `poll` would say: `POLLIN` and so on, the same numbers as `EPOLLIN` and so on, without a mask.
    fn readiness(&mut self, host: HostId, now: Nanos, fd: Fd) -> Result<u32>;

    fn close(&mut self, host: HostId, now: Nanos, fd: Fd) -> Result<()>;
    /// `dup` and `F_DUPFD`: the lowest free number from `lowest` on.
    fn dup(&mut self, host: HostId, fd: Fd, lowest: Fd) -> Result<Fd>;
    /// `dup2` and `dup3`: closes what `to` was.
    fn dup_to(&mut self, host: HostId, now: Nanos, fd: Fd, to: Fd) -> Result<Fd>;
    /// `F_GETFL`: access mode, `O_NONBLOCK`, `O_APPEND`.
    fn status_flags(&mut self, host: HostId, fd: Fd) -> Result<i32>;
    /// `F_SETFL`: changes `O_NONBLOCK` and `O_APPEND`, ignores the rest. `FIONBIO` too.
    fn set_status_flags(&mut self, host: HostId, fd: Fd, flags: i32) -> Result<()>;
    /// `F_GETFD`: `FD_CLOEXEC`, which is kept and means nothing.
    fn descriptor_flags(&mut self, host: HostId, fd: Fd) -> Result<i32>;
    /// `F_SETFD`.
    fn set_descriptor_flags(&mut self, host: HostId, fd: Fd, flags: i32) -> Result<()>;
    /// `FIONREAD`.
    fn bytes_to_read(&mut self, host: HostId, fd: Fd) -> Result<usize>;

    /// `read` and `readv` of every kind of descriptor.
    fn read(&mut self, host: HostId, now: Nanos, fd: Fd, bufs: &mut [IoSliceMut<'_>]) -> Result<usize>;
    /// `write` and `writev` of every kind of descriptor.
    fn write(&mut self, host: HostId, now: Nanos, fd: Fd, bufs: &[IoSlice<'_>]) -> Result<usize>;

    /// `eventfd2`: `EFD_SEMAPHORE`, `EFD_NONBLOCK`, `EFD_CLOEXEC`.
    fn eventfd(&mut self, host: HostId, value: u32, flags: i32) -> Result<Fd>;
    /// `pipe2`: the end to read, the end to write.
    fn pipe(&mut self, host: HostId, flags: i32) -> Result<(Fd, Fd)>;
    /// `timerfd_create`. Both clocks are taken; absolute times are given to `timerfd_settime` as virtual time.
    fn timerfd_create(&mut self, host: HostId, clock: i32, flags: i32) -> Result<Fd>;
    /// First end at virtual time `first` (`None` disarms), then each `interval` (0 is once). Returns
    /// what was left before, and the interval.
    fn timerfd_settime(&mut self, host: HostId, now: Nanos, fd: Fd, first: Option<Nanos>, interval: Nanos) -> Result<(Nanos, Nanos)>;
    /// What is left (0 is disarmed), and the interval.
    fn timerfd_gettime(&mut self, host: HostId, now: Nanos, fd: Fd) -> Result<(Nanos, Nanos)>;

    fn epoll_create(&mut self, host: HostId, flags: i32) -> Result<Fd>;
    /// `EPOLL_CTL_ADD`, `_MOD`, `_DEL`.
    fn epoll_ctl(&mut self, host: HostId, now: Nanos, epfd: Fd, op: i32, fd: Fd, event: Event) -> Result<()>;
    /// Never blocks: 0 if nothing is ready.
    fn epoll_wait(&mut self, host: HostId, now: Nanos, epfd: Fd, events: &mut [Event]) -> Result<usize>;
    /// How many threads are blocked in `epoll_wait` on it: `EPOLLEXCLUSIVE` wakes one that is.
    fn set_epoll_waiters(&mut self, host: HostId, epfd: Fd, threads: u32) -> Result<()>;

    /// `AF_INET`, `AF_INET6`, `AF_UNIX` with `SOCK_STREAM`, `SOCK_DGRAM` (`SOCK_SEQPACKET` for Unix), and flags.
    fn socket(&mut self, host: HostId, domain: i32, kind: i32, protocol: i32) -> Result<Fd>;
    fn socketpair(&mut self, host: HostId, domain: i32, kind: i32, protocol: i32) -> Result<(Fd, Fd)>;
    fn bind(&mut self, host: HostId, now: Nanos, fd: Fd, addr: &SockAddr) -> Result<()>;
    fn listen(&mut self, host: HostId, now: Nanos, fd: Fd, backlog: i32) -> Result<()>;
    /// `SOCK_NONBLOCK` and `SOCK_CLOEXEC` in `flags`.
    fn accept(&mut self, host: HostId, now: Nanos, fd: Fd, flags: i32) -> Result<(Fd, SockAddr)>;
    fn connect(&mut self, host: HostId, now: Nanos, fd: Fd, addr: &SockAddr) -> Result<()>;
    /// What a blocking `connect` returns after a wait; `EAGAIN` while it still goes on.
    fn connect_result(&mut self, host: HostId, now: Nanos, fd: Fd) -> Result<()>;
    fn shutdown(&mut self, host: HostId, now: Nanos, fd: Fd, how: i32) -> Result<()>;
    /// `send`, `sendto`, `sendmsg`; `control` is the raw control buffer. `EPIPE` where the kernel would also send
    /// `SIGPIPE`, unless `MSG_NOSIGNAL`.
    fn send(&mut self, host: HostId, now: Nanos, fd: Fd, bufs: &[IoSlice<'_>], flags: i32, to: Option<&SockAddr>, control: &[u8]) -> Result<usize>;
    /// `recv`, `recvfrom`, `recvmsg`; `control` is the raw control buffer to fill.
    fn receive(&mut self, host: HostId, now: Nanos, fd: Fd, bufs: &mut [IoSliceMut<'_>], flags: i32, control: &mut [u8]) -> Result<Received>;
    fn local_address(&mut self, host: HostId, fd: Fd) -> Result<SockAddr>;
    fn peer_address(&mut self, host: HostId, fd: Fd) -> Result<SockAddr>;
    /// The raw bytes of the value. Unknown options are `ENOPROTOOPT`.
    fn set_option(&mut self, host: HostId, now: Nanos, fd: Fd, level: i32, name: i32, value: &[u8]) -> Result<()>;
    /// Writes the raw bytes of the value, cut to `value`; returns how many.
    fn get_option(&mut self, host: HostId, now: Nanos, fd: Fd, level: i32, name: i32, value: &mut [u8]) -> Result<usize>;

    /// `openat`: `dir` is where relative paths begin, `None` the root.
    fn open(&mut self, host: HostId, now: Nanos, dir: Option<Fd>, path: &[u8], flags: i32, mode: u32) -> Result<Fd>;
    /// `preadv`.
    fn read_at(&mut self, host: HostId, now: Nanos, fd: Fd, bufs: &mut [IoSliceMut<'_>], offset: u64) -> Result<usize>;
    /// `pwritev`.
    fn write_at(&mut self, host: HostId, now: Nanos, fd: Fd, bufs: &[IoSlice<'_>], offset: u64) -> Result<usize>;
    /// `lseek`.
    fn seek(&mut self, host: HostId, fd: Fd, offset: i64, whence: i32) -> Result<u64>;
    fn truncate(&mut self, host: HostId, now: Nanos, fd: Fd, size: u64) -> Result<()>;
    /// `fsync` of a file or a directory; `data_only` is `fdatasync`.
    fn sync(&mut self, host: HostId, now: Nanos, fd: Fd, data_only: bool) -> Result<()>;
    /// `fstat`.
    fn stat(&mut self, host: HostId, fd: Fd) -> Result<Stat>;
    /// `fstatat`; `follow` is without `AT_SYMLINK_NOFOLLOW`.
    fn stat_at(&mut self, host: HostId, dir: Option<Fd>, path: &[u8], follow: bool) -> Result<Stat>;
    /// Up to `most` entries from the descriptor's position on, `.` and `..` among them; empty at
    /// the end.
    fn read_dir(&mut self, host: HostId, fd: Fd, most: usize) -> Result<Vec<DirEntry>>;
    fn make_dir(&mut self, host: HostId, now: Nanos, dir: Option<Fd>, path: &[u8], mode: u32) -> Result<()>;
    /// `unlinkat`; `is_dir` is `AT_REMOVEDIR`.
    fn unlink(&mut self, host: HostId, now: Nanos, dir: Option<Fd>, path: &[u8], is_dir: bool) -> Result<()>;
    /// `renameat2`: `RENAME_NOREPLACE`, `RENAME_EXCHANGE`.
    fn rename(&mut self, host: HostId, now: Nanos, from_dir: Option<Fd>, from: &[u8], to_dir: Option<Fd>, to: &[u8], flags: u32) -> Result<()>;
    fn link(&mut self, host: HostId, now: Nanos, from_dir: Option<Fd>, from: &[u8], to_dir: Option<Fd>, to: &[u8]) -> Result<()>;
    fn symlink(&mut self, host: HostId, now: Nanos, target: &[u8], dir: Option<Fd>, path: &[u8]) -> Result<()>;
    fn read_link(&mut self, host: HostId, dir: Option<Fd>, path: &[u8]) -> Result<Vec<u8>>;
    /// `fchmodat`.
    fn set_mode(&mut self, host: HostId, now: Nanos, dir: Option<Fd>, path: &[u8], mode: u32) -> Result<()>;
    /// `flock`: `LOCK_SH`, `LOCK_EX`, `LOCK_UN`; `EAGAIN` if somebody else has it.
    fn lock_file(&mut self, host: HostId, fd: Fd, operation: i32) -> Result<()>;
}
