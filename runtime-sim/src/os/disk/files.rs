//! Calls that take a descriptor of a file or a directory.

use std::io::{IoSlice, IoSliceMut};

use super::super::table::Kind;
use super::super::{Clock, Fd, HostId, Nanos, ObjectId, Os, bytes};
use super::{Body, Content, Disk, DiskFaults, Errno, Inode, Result, Stat};

/// The most bytes of one call (`MAX_RW_COUNT` of Linux).
const MOST: usize = 0x7fff_f000;

/// An open file description.
#[derive(Clone, Copy)]
pub(in crate::os) struct OpenFile {
    pub(super) inode: Inode,
    pub(super) position: u64,
}

/// A lock on a part of a file, of an open file description (`F_OFD_SETLK`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RangeLock {
    owner: ObjectId,
    start: u64,
    /// The first byte behind it.
    end: u64,
    is_exclusive: bool,
}

/// What `F_OFD_SETLK` and its kin are given: `is_exclusive` is `None` to unlock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) is_exclusive: Option<bool>,
}

/// An entry of a directory: the node's number, its type (`DT_REG` and so on), the name.
pub(crate) type Name = (u64, u8, Vec<u8>);

impl Os {
    /// The host and the node of a descriptor; `ENOTDIR` or the like is the caller's to find.
    pub(super) fn file_of(&self, fd: Fd) -> Result<(HostId, Inode)> {
        let id = self.find(HostId(0), fd)?;
        let object = self.object(id);
        match &object.kind {
            Kind::File(file) => Ok((object.host, file.inode)),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Whether it is a file or a directory.
    pub(crate) fn is_file(&self, fd: Fd) -> bool {
        self.file_of(fd).is_ok()
    }

    /// The description, its host, and the node, of a regular file; `otherwise` for what is none.
    fn open_file(&self, fd: Fd, otherwise: Errno) -> Result<(ObjectId, HostId, OpenFile)> {
        let id = self.find(HostId(0), fd)?;
        let object = self.object(id);
        match &object.kind {
            Kind::File(_) if object.status & libc::O_PATH != 0 => Err(Errno::EBADF),
            Kind::File(file) => Ok((id, object.host, *file)),
            _ => Err(otherwise),
        }
    }

    fn may(&self, id: ObjectId, access: i32) -> bool {
        let mode = self.object(id).status & libc::O_ACCMODE;
        mode == libc::O_RDWR || mode == access
    }

    fn set_position(&mut self, id: ObjectId, position: u64) {
        if let Kind::File(file) = &mut self.object_mut(id).kind {
            file.position = position;
        }
    }

    /// `read` and `readv` of a file.
    pub(in crate::os) fn read_file(
        &mut self,
        id: ObjectId,
        file: OpenFile,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Result<usize> {
        let count = self.read_node(id, file.inode, file.position, bufs)?;
        self.set_position(id, file.position + count as u64);
        Ok(count)
    }

    fn read_node(
        &mut self,
        id: ObjectId,
        inode: Inode,
        at: u64,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Result<usize> {
        if !self.may(id, libc::O_RDONLY) || self.object(id).status & libc::O_PATH != 0 {
            return Err(Errno::EBADF);
        }
        let host = self.object(id).host;
        let disk = self.disk_mut(host);
        let content = disk.content_mut(inode)?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let wanted = bytes::room(bufs).min(content.len().saturating_sub(at)).min(MOST);
        if wanted == 0 {
            return Ok(0);
        }
        disk.may_fail()?;
        let wanted = disk.part(wanted);
        let content = disk.content_mut(inode)?;
        let mut left = wanted;
        let mut done = 0;
        for buf in bufs {
            let count = buf.len().min(left);
            done += content.read(at + done, &mut [IoSliceMut::new(&mut buf[..count])]);
            left -= count;
        }
        Ok(done)
    }

    /// `write` and `writev` of a file.
    pub(in crate::os) fn write_file(
        &mut self,
        id: ObjectId,
        file: OpenFile,
        bufs: &[IoSlice<'_>],
    ) -> Result<usize> {
        let (count, end) = self.write_node(id, file.inode, file.position, bufs)?;
        self.set_position(id, end);
        Ok(count)
    }

    /// Gives the count, and the place behind the last byte.
    fn write_node(
        &mut self,
        id: ObjectId,
        inode: Inode,
        at: u64,
        bufs: &[IoSlice<'_>],
    ) -> Result<(usize, u64)> {
        let object = self.object(id);
        let (host, status) = (object.host, object.status);
        if !self.may(id, libc::O_WRONLY) || status & libc::O_PATH != 0 {
            return Err(Errno::EBADF);
        }
        let now = self.now;
        let disk = self.disk_mut(host);
        let len = disk.content_mut(inode)?.len();
        let at = match status & libc::O_APPEND {
            0 => usize::try_from(at).map_err(|_| Errno::EFBIG)?,
            _ => len,
        };
        let wanted = bytes::total(bufs).min(MOST);
        if wanted == 0 {
            return Ok((0, if status & libc::O_APPEND == 0 { at as u64 } else { len as u64 }));
        }
        if at as u64 > i64::MAX as u64 - wanted as u64 {
            return Err(Errno::EFBIG);
        }
        disk.may_fail()?;
        // A write before the end needs no room, one behind it needs room for the gap too.
        let room = (disk.longest(len as u64) as usize).saturating_sub(at).min(wanted);
        if room == 0 {
            return Err(Errno::ENOSPC);
        }
        let count = disk.part(room);
        let content = disk.content_mut(inode)?;
        content.write(at, bufs, count);
        let after = content.len();
        if status & (libc::O_SYNC | libc::O_DSYNC) != 0 {
            content.sync();
        }
        disk.count(len, after);
        disk.touch(inode, now);
        Ok((count, (at + count) as u64))
    }

    /// `pread` and `preadv`.
    pub(crate) fn read_at(
        &mut self,
        now: Nanos,
        fd: Fd,
        at: i64,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Result<usize> {
        self.begin(now);
        let at = u64::try_from(at).map_err(|_| Errno::EINVAL)?;
        let (id, _, file) = self.open_file(fd, Errno::ESPIPE)?;
        self.read_node(id, file.inode, at, bufs)
    }

    /// `pwrite` and `pwritev`. With `O_APPEND` it goes to the end all the same, as on Linux.
    pub(crate) fn write_at(
        &mut self,
        now: Nanos,
        fd: Fd,
        at: i64,
        bufs: &[IoSlice<'_>],
    ) -> Result<usize> {
        self.begin(now);
        let at = u64::try_from(at).map_err(|_| Errno::EINVAL)?;
        let (id, _, file) = self.open_file(fd, Errno::ESPIPE)?;
        self.write_node(id, file.inode, at, bufs).map(|(count, _)| count)
    }

    /// `lseek`.
    pub(crate) fn seek(&mut self, fd: Fd, offset: i64, whence: i32) -> Result<u64> {
        let (id, host, file) = self.open_file(fd, Errno::ESPIPE)?;
        let len = match &self.disk(host).node(file.inode).body {
            Body::File(content) => content.len() as i64,
            _ => i64::MAX,
        };
        let base = match whence {
            libc::SEEK_SET => 0,
            libc::SEEK_CUR => file.position as i64,
            libc::SEEK_END => len,
            // There are no holes here: all is data, up to the end.
            libc::SEEK_DATA | libc::SEEK_HOLE if offset < 0 || offset >= len => {
                return Err(Errno::ENXIO);
            }
            libc::SEEK_DATA => 0,
            libc::SEEK_HOLE => len - offset,
            _ => return Err(Errno::EINVAL),
        };
        let position = base.checked_add(offset).ok_or(Errno::EOVERFLOW)?;
        let position = u64::try_from(position).map_err(|_| Errno::EINVAL)?;
        self.set_position(id, position);
        Ok(position)
    }

    /// `ftruncate`.
    pub(crate) fn truncate(&mut self, now: Nanos, fd: Fd, len: i64) -> Result<()> {
        self.begin(now);
        let len = u64::try_from(len).map_err(|_| Errno::EINVAL)?;
        let (id, host, file) = self.open_file(fd, Errno::EINVAL)?;
        if !self.may(id, libc::O_WRONLY) {
            return Err(Errno::EINVAL);
        }
        self.disk_mut(host).resize(file.inode, len, now)
    }

    /// `fallocate` without flags, and `posix_fallocate`: the file is at least as long.
    pub(crate) fn allocate(&mut self, now: Nanos, fd: Fd, at: i64, len: i64) -> Result<()> {
        self.begin(now);
        if at < 0 || len <= 0 {
            return Err(Errno::EINVAL);
        }
        let (id, host, file) = self.open_file(fd, Errno::ESPIPE)?;
        if !self.may(id, libc::O_WRONLY) {
            return Err(Errno::EBADF);
        }
        let end = at.checked_add(len).ok_or(Errno::EFBIG)? as u64;
        let disk = self.disk_mut(host);
        let before = disk.content_mut(file.inode).map_err(|_| Errno::ENODEV)?.len() as u64;
        if end > before { disk.resize(file.inode, end, now) } else { Ok(()) }
    }

    /// `fsync` and `fdatasync` of a file or a directory. What has no disk behind it has no sync.
    pub(crate) fn sync(&mut self, now: Nanos, fd: Fd) -> Result<()> {
        self.begin(now);
        let (_, host, file) = self.open_file(fd, Errno::EINVAL)?;
        let disk = self.disk_mut(host);
        let failed = disk.may_fail();
        let mut stream = disk.stream.clone();
        match &mut disk.node_mut(file.inode).body {
            Body::File(content) => match failed {
                Ok(()) => content.sync(),
                Err(_) => content.fail_to_sync(&mut stream),
            },
            Body::Directory(_) if failed.is_ok() => disk.sync_names(file.inode),
            _ => {}
        }
        disk.stream = stream;
        failed
    }

    /// `sync` and `syncfs`.
    pub(crate) fn sync_all(&mut self, host: HostId, now: Nanos) {
        self.begin(now);
        self.disk_mut(host).sync_everything();
    }

    /// `fstat`. What is no file has a type, and little else.
    pub(crate) fn stat(&self, fd: Fd) -> Result<Stat> {
        let id = self.find(HostId(0), fd)?;
        let object = self.object(id);
        let kind = match &object.kind {
            Kind::File(file) => return Ok(self.disk(object.host).stat(file.inode)),
            Kind::PipeReader(_) | Kind::PipeWriter(_) => libc::S_IFIFO,
            Kind::Tcp(_) | Kind::Udp(_) | Kind::Unix(_) => libc::S_IFSOCK,
            Kind::EventFd(_) | Kind::Timer(_) | Kind::Epoll(_) => 0,
        };
        Ok(Stat { inode: id.0, mode: kind | 0o600, links: 1, ..Stat::default() })
    }

    /// `fchmod`.
    pub(crate) fn change_mode_of(&mut self, now: Nanos, fd: Fd, mode: u32) -> Result<()> {
        self.begin(now);
        let (_, host, file) = self.open_file(fd, Errno::EINVAL)?;
        self.disk_mut(host).set_mode(file.inode, mode, now);
        Ok(())
    }

    /// `futimens`.
    pub(crate) fn set_times_of(
        &mut self,
        now: Nanos,
        fd: Fd,
        times: [Option<Option<i64>>; 2],
    ) -> Result<()> {
        self.begin(now);
        let (_, host, file) = self.open_file(fd, Errno::EINVAL)?;
        self.disk_mut(host).put_times(file.inode, times, now);
        Ok(())
    }

    /// The names of an open directory, `.` and `..` first, the others in an order that is the
    /// host's: programs must not count on one.
    pub(crate) fn list(&self, fd: Fd) -> Result<Vec<Name>> {
        let (_, host, file) = self.open_file(fd, Errno::ENOTDIR)?;
        let disk = self.disk(host);
        let directory = disk.directory(file.inode)?;
        if disk.node(file.inode).links == 0 {
            // It was removed: not even the dots are there.
            return Ok(Vec::new());
        }
        let mut names: Vec<Name> = Vec::with_capacity(directory.names.len() + 2);
        for (name, &inode) in &directory.names {
            let kind = match disk.node(inode).body {
                Body::File(_) => libc::DT_REG,
                Body::Directory(_) => libc::DT_DIR,
                Body::Symlink(_) => libc::DT_LNK,
            };
            names.push((inode.0, kind, name.clone()));
        }
        names.sort_by_cached_key(|(_, _, name)| {
            let start = disk.order;
            name.iter().fold(start, |hash, &byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(23)
            })
        });
        let dots = [(file.inode, "."), (directory.parent, "..")];
        let dots = dots.map(|(inode, name)| (inode.0, libc::DT_DIR, name.as_bytes().to_vec()));
        names.splice(0..0, dots);
        Ok(names)
    }

    /// The size of the host's disk and what of it is free, in bytes.
    pub(crate) fn disk_room(&self, host: HostId) -> (u64, u64) {
        let disk = self.disk(host);
        (disk.size, if disk.faults.is_full { 0 } else { disk.free() })
    }

    /// `flock`; `EAGAIN` while another description has it.
    pub(crate) fn lock_file(&mut self, now: Nanos, fd: Fd, how: i32) -> Result<()> {
        self.begin(now);
        let (id, host, file) = self.open_file(fd, Errno::EBADF)?;
        let node = self.disk_mut(host).node_mut(file.inode);
        let is_exclusive = match how & !libc::LOCK_NB {
            libc::LOCK_UN => None,
            libc::LOCK_SH => Some(false),
            libc::LOCK_EX => Some(true),
            _ => return Err(Errno::EINVAL),
        };
        let before = node.locks.len();
        // Another kind of lock is a new one: what was held is lost first.
        node.locks.retain(|&(owner, had)| owner != id || is_exclusive == Some(had));
        let has_freed = node.locks.len() != before;
        let mut result = Ok(());
        if let Some(is_exclusive) = is_exclusive {
            let mut others = node.locks.iter().filter(|&&(owner, _)| owner != id);
            if others.any(|&(_, others)| others || is_exclusive) {
                result = Err(Errno::EAGAIN);
            } else if !node.locks.contains(&(id, is_exclusive)) {
                node.locks.push((id, is_exclusive));
            }
        }
        if has_freed {
            self.lock_was_freed(host, file.inode);
        }
        result
    }

    /// `F_OFD_SETLK`; `EAGAIN` while another description has a part of it.
    pub(crate) fn lock_range(&mut self, now: Nanos, fd: Fd, range: Range) -> Result<()> {
        self.begin(now);
        let (id, host, file) = self.open_file(fd, Errno::EBADF)?;
        let needed = range.is_exclusive.map(|alone| if alone { libc::O_WRONLY } else { 0 });
        if needed.is_some_and(|needed| !self.may(id, needed)) {
            return Err(Errno::EBADF);
        }
        if self.range_conflict(fd, range)?.is_some() {
            return Err(Errno::EAGAIN);
        }
        let ranges = &mut self.disk_mut(host).node_mut(file.inode).ranges;
        let mut after = Vec::with_capacity(ranges.len() + 2);
        for &lock in ranges.iter() {
            if lock.owner != id || lock.end <= range.start || lock.start >= range.end {
                after.push(lock);
                continue;
            }
            if lock.start < range.start {
                after.push(RangeLock { end: range.start, ..lock });
            }
            if lock.end > range.end {
                after.push(RangeLock { start: range.end, ..lock });
            }
        }
        if let Some(is_exclusive) = range.is_exclusive {
            let (start, end) = (range.start, range.end);
            after.push(RangeLock { owner: id, start, end, is_exclusive });
        }
        *ranges = after;
        self.lock_was_freed(host, file.inode);
        Ok(())
    }

    /// `F_OFD_GETLK`: what is in the way.
    pub(crate) fn range_conflict(&self, fd: Fd, range: Range) -> Result<Option<Range>> {
        let (id, host, file) = self.open_file(fd, Errno::EBADF)?;
        let Some(is_exclusive) = range.is_exclusive else { return Ok(None) };
        let ranges = &self.disk(host).node(file.inode).ranges;
        let other = ranges.iter().find(|lock| {
            let overlaps = lock.start < range.end && range.start < lock.end;
            lock.owner != id && overlaps && (lock.is_exclusive || is_exclusive)
        });
        Ok(other.map(|lock| Range {
            start: lock.start,
            end: lock.end,
            is_exclusive: Some(lock.is_exclusive),
        }))
    }

    /// Whoever waits for a lock of the file looks again.
    fn lock_was_freed(&mut self, host: HostId, inode: Inode) {
        let same = |file: &OpenFile| file.inode == inode;
        let waiting = self.objects.iter().filter(|(_, object)| {
            object.host == host && matches!(&object.kind, Kind::File(file) if same(file))
        });
        for id in waiting.map(|(&id, _)| id).collect::<Vec<_>>() {
            self.change(id);
        }
    }

    /// `FIONREAD`: how much is left.
    pub(in crate::os) fn unread_of_file(&self, id: ObjectId) -> Result<usize> {
        let object = self.object(id);
        let Kind::File(file) = &object.kind else { return Err(Errno::ENOTTY) };
        match &self.disk(object.host).node(file.inode).body {
            Body::File(content) => Ok(content.len().saturating_sub(file.position as usize)),
            _ => Err(Errno::ENOTTY),
        }
    }

    /// The last descriptor of a description is gone.
    pub(in crate::os) fn end_file(&mut self, host: HostId, id: ObjectId, file: OpenFile) {
        let disk = self.disk_mut(host);
        let node = disk.node_mut(file.inode);
        node.opens -= 1;
        let before = node.locks.len() + node.ranges.len();
        node.locks.retain(|&(owner, _)| owner != id);
        node.ranges.retain(|lock| lock.owner != id);
        let has_freed = node.locks.len() + node.ranges.len() != before;
        disk.tidy(file.inode);
        if has_freed {
            self.lock_was_freed(host, file.inode);
        }
    }

    // ---- what the world decides ----

    /// What of the real system's paths is the host's own, besides [`OWN`](super::OWN).
    pub(crate) fn add_own_directory(&mut self, host: HostId, path: &str) {
        self.disk_mut(host).add_own(path.as_bytes());
    }

    /// What of the host's own directories is the real system's all the same.
    pub(crate) fn add_outside_directory(&mut self, host: HostId, path: &str) {
        self.disk_mut(host).add_outside(path.as_bytes());
    }

    /// How many bytes the host's disk holds.
    pub(crate) fn set_disk_size(&mut self, host: HostId, bytes: u64) {
        self.disk_mut(host).size = bytes;
    }

    pub(crate) fn set_disk_faults(&mut self, host: HostId, faults: DiskFaults) {
        self.disk_mut(host).faults = faults;
    }

    /// The host's clock from here on. Timers that were set end when the new one says so.
    pub(crate) fn set_clock(&mut self, host: HostId, clock: Clock) {
        let before = std::mem::replace(&mut self.disk_mut(host).clock, clock);
        if before.rate() != clock.rate() {
            self.move_timers(host);
        }
    }

    pub(crate) fn clock(&self, host: HostId) -> Clock {
        self.disk(host).clock
    }
}

impl Disk {
    pub(super) fn resize(&mut self, inode: Inode, len: u64, now: Nanos) -> Result<()> {
        let before = self.content_mut(inode)?.len();
        if len > before as u64 {
            if len > self.size {
                return Err(Errno::EFBIG);
            }
            if len > self.longest(before as u64) {
                return Err(Errno::ENOSPC);
            }
        }
        let len = usize::try_from(len).map_err(|_| Errno::EFBIG)?;
        self.content_mut(inode).map(|content: &mut Content| content.resize(len))?;
        self.count(before, len);
        self.touch(inode, now);
        Ok(())
    }

    pub(super) fn set_mode(&mut self, inode: Inode, mode: u32, now: Nanos) {
        self.node_mut(inode).mode = mode & 0o7777;
        self.touch_state(inode, now);
    }

    pub(super) fn put_times(
        &mut self,
        inode: Inode,
        [accessed, modified]: [Option<Option<i64>>; 2],
        now: Nanos,
    ) {
        let today = self.time(now);
        let node = self.node_mut(inode);
        if let Some(time) = accessed {
            node.accessed = time.unwrap_or(today);
        }
        if let Some(time) = modified {
            node.modified = time.unwrap_or(today);
        }
        node.changed = today;
    }
}
