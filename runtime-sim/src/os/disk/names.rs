//! Calls that take a path.

use super::super::table::Kind;
use super::super::{Fd, HostId, Nanos, Os};
use super::journal::Set;
use super::walk::{Entry, Last, Place};
use super::{Body, Disk, Errno, HOME, Inode, OpenFile, Result, Stat, Where};

/// The outcome of a walk, or the path that is outside.
macro_rules! inside {
    ($place:expr) => {
        match $place? {
            Place::Inside(entry) => entry,
            Place::Outside(path) => return Ok(Where::Outside(path)),
        }
    };
}

const CAN_CHANGE: u32 = 0o7777;

impl Os {
    pub(super) fn disk(&self, host: HostId) -> &Disk {
        &self.host(host).disk
    }

    pub(super) fn disk_mut(&mut self, host: HostId) -> &mut Disk {
        &mut self.host_mut(host).disk
    }

    /// Walks along a path that begins at a descriptor's directory, or at the working directory.
    fn locate(&self, host: HostId, at: Option<Fd>, path: &[u8], end: Last) -> Result<Place> {
        let disk = self.disk(host);
        if path.first() == Some(&b'/') || path.is_empty() {
            return disk.walk(super::ROOT, path, end);
        }
        match at {
            Some(fd) => {
                let (owner, inode) = self.file_of(fd)?;
                self.disk(owner).walk(inode, path, end)
            }
            None => {
                let mut whole = disk.directory.clone();
                whole.push(b'/');
                whole.extend_from_slice(path);
                disk.walk(super::ROOT, &whole, end)
            }
        }
    }

    /// The node that a path leads to.
    fn node_at(
        &self,
        host: HostId,
        at: Option<Fd>,
        path: &[u8],
        follow: bool,
    ) -> Result<Where<Inode>> {
        let entry = inside!(self.locate(host, at, path, Last::new(follow)));
        entry.node.map(Where::Here).ok_or(Errno::ENOENT)
    }

    /// Where a path that may be outside leads, as an absolute path: what `realpath` of a path on
    /// the disk, and the caller's kernel for others, needs.
    pub(crate) fn real_path(&self, host: HostId, path: &[u8]) -> Result<Where<Vec<u8>>> {
        let entry = inside!(self.locate(host, None, path, Last::Follow));
        let node = entry.node.ok_or(Errno::ENOENT)?;
        let disk = self.disk(host);
        let (mut directory, mut whole) = (entry.parent, Vec::new());
        if disk.is_directory(node) {
            directory = node;
        } else {
            whole = entry.name;
        }
        Ok(Where::Here(disk.path_of(directory, whole)))
    }

    /// `open` and `openat`, with the flags and the permissions.
    pub(crate) fn open(
        &mut self,
        host: HostId,
        now: Nanos,
        at: Option<Fd>,
        path: &[u8],
        flags: i32,
        mode: u32,
    ) -> Result<Where<Fd>> {
        self.begin(now);
        let exclusive = libc::O_CREAT | libc::O_EXCL;
        let is_new = flags & exclusive == exclusive;
        let is_nameless = flags & libc::O_TMPFILE == libc::O_TMPFILE;
        if flags & (libc::O_CREAT | libc::O_DIRECTORY) == libc::O_CREAT | libc::O_DIRECTORY {
            return Err(Errno::EINVAL);
        }
        let follow = flags & libc::O_NOFOLLOW == 0 && !is_new;
        let creates = flags & libc::O_CREAT != 0;
        let end = if creates && follow { Last::Create } else { Last::new(follow) };
        let end = if creates && path.ends_with(b"/") { Last::Name } else { end };
        let entry = inside!(self.locate(host, at, path, end));
        if creates && entry.must_be_directory && !entry.is_dots() {
            // Only a file is made so.
            return Err(Errno::EISDIR);
        }
        let writes = flags & libc::O_ACCMODE != libc::O_RDONLY && flags & libc::O_PATH == 0;
        let disk = self.disk_mut(host);
        let inode = match entry.node {
            Some(inode) if is_nameless => {
                if !disk.is_directory(inode) {
                    return Err(Errno::ENOTDIR);
                }
                if !writes {
                    return Err(Errno::EINVAL);
                }
                disk.room_for_node()?;
                let node = disk.new_node(
                    Body::File(Default::default()),
                    mode & !disk.mask & CAN_CHANGE,
                    disk.time(now),
                );
                disk.add(node)
            }
            Some(_) if is_new => return Err(Errno::EEXIST),
            Some(inode) => {
                match &disk.node(inode).body {
                    Body::Directory(_) if writes || flags & libc::O_CREAT != 0 => {
                        return Err(Errno::EISDIR);
                    }
                    Body::Directory(_) => {}
                    _ if flags & libc::O_DIRECTORY != 0 => return Err(Errno::ENOTDIR),
                    Body::Symlink(_) if flags & libc::O_PATH == 0 => return Err(Errno::ELOOP),
                    Body::File(_) if flags & (libc::O_TRUNC | libc::O_PATH) == libc::O_TRUNC => {
                        disk.resize(inode, 0, now)?;
                    }
                    _ => {}
                }
                inode
            }
            None if flags & libc::O_CREAT == 0 => return Err(Errno::ENOENT),
            None => {
                let body = Body::File(Default::default());
                disk.create(&entry, body, mode, now)?
            }
        };
        disk.node_mut(inode).opens += 1;
        const KEPT: i32 = libc::O_ACCMODE
            | libc::O_APPEND
            | libc::O_NONBLOCK
            | libc::O_SYNC
            | libc::O_DSYNC
            | libc::O_PATH
            | libc::O_DIRECTORY
            | libc::O_CLOEXEC;
        let opened = self.install(host, flags & KEPT, Kind::File(OpenFile { inode, position: 0 }));
        if opened.is_err() {
            let disk = self.disk_mut(host);
            disk.node_mut(inode).opens -= 1;
            disk.tidy(inode);
        }
        opened.map(Where::Here)
    }

    pub(crate) fn stat_path(
        &self,
        host: HostId,
        at: Option<Fd>,
        path: &[u8],
        follow: bool,
    ) -> Result<Where<Stat>> {
        Ok(match self.node_at(host, at, path, follow)? {
            Where::Here(inode) => Where::Here(self.disk(host).stat(inode)),
            Where::Outside(path) => Where::Outside(path),
        })
    }

    pub(crate) fn make_directory(
        &mut self,
        host: HostId,
        now: Nanos,
        at: Option<Fd>,
        path: &[u8],
        mode: u32,
    ) -> Result<Where<()>> {
        self.begin(now);
        let entry = inside!(self.locate(host, at, path, Last::Name));
        let disk = self.disk_mut(host);
        if entry.node.is_some() {
            return Err(Errno::EEXIST);
        }
        let body = disk.new_directory(entry.parent, 0, None).body;
        disk.create(&entry, body, mode, now)?;
        Ok(Where::Here(()))
    }

    /// `symlink`: a name at `path` for what `target` says.
    pub(crate) fn make_symlink(
        &mut self,
        host: HostId,
        now: Nanos,
        target: &[u8],
        at: Option<Fd>,
        path: &[u8],
    ) -> Result<Where<()>> {
        self.begin(now);
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        let entry = inside!(self.locate(host, at, path, Last::Name));
        if entry.node.is_some() {
            return Err(Errno::EEXIST);
        }
        if entry.must_be_directory {
            return Err(Errno::ENOENT);
        }
        self.disk_mut(host).create(&entry, Body::Symlink(target.to_vec()), 0o777, now)?;
        Ok(Where::Here(()))
    }

    pub(crate) fn read_link(
        &self,
        host: HostId,
        at: Option<Fd>,
        path: &[u8],
    ) -> Result<Where<Vec<u8>>> {
        Ok(match self.node_at(host, at, path, false)? {
            Where::Here(inode) => match &self.disk(host).node(inode).body {
                Body::Symlink(target) => Where::Here(target.clone()),
                _ => return Err(Errno::EINVAL),
            },
            Where::Outside(path) => Where::Outside(path),
        })
    }

    /// `unlink`, and `rmdir` if a directory is meant.
    pub(crate) fn remove(
        &mut self,
        host: HostId,
        now: Nanos,
        at: Option<Fd>,
        path: &[u8],
        directory: bool,
    ) -> Result<Where<()>> {
        self.begin(now);
        let entry = inside!(self.locate(host, at, path, Last::Name));
        match (directory, &*entry.name) {
            (true, b".") => return Err(Errno::EINVAL),
            (true, b"..") => return Err(Errno::ENOTEMPTY),
            (false, b"." | b"..") => return Err(Errno::EISDIR),
            _ => {}
        }
        let inode = entry.node.ok_or(Errno::ENOENT)?;
        let disk = self.disk_mut(host);
        if entry.must_be_directory && !directory && !disk.is_directory(inode) {
            return Err(Errno::ENOTDIR);
        }
        match (directory, disk.directory(inode)) {
            (true, Ok(found)) if !found.names.is_empty() => return Err(Errno::ENOTEMPTY),
            (true, Err(error)) => return Err(error),
            (false, Ok(_)) => return Err(Errno::EISDIR),
            _ => {}
        }
        disk.check_movable(&entry)?;
        disk.touch_state(inode, now);
        disk.touch(entry.parent, now);
        disk.set_names(vec![Set { directory: entry.parent, name: entry.name, to: None }]);
        Ok(Where::Here(()))
    }

    /// `link`: one more name for a file. With `follow` for what a link leads to.
    pub(crate) fn link(
        &mut self,
        host: HostId,
        now: Nanos,
        (from_at, from): (Option<Fd>, &[u8]),
        (to_at, to): (Option<Fd>, &[u8]),
        follow: bool,
    ) -> Result<Where<()>> {
        self.begin(now);
        let from = inside!(self.locate(host, from_at, from, Last::new(follow)));
        let inode = from.node.ok_or(Errno::ENOENT)?;
        let to = match self.locate(host, to_at, to, Last::Name)? {
            Place::Inside(to) => to,
            Place::Outside(_) => return Err(Errno::EXDEV),
        };
        if to.node.is_some() {
            return Err(Errno::EEXIST);
        }
        if to.must_be_directory {
            return Err(Errno::ENOENT);
        }
        let disk = self.disk_mut(host);
        if disk.is_directory(inode) {
            return Err(Errno::EPERM);
        }
        disk.check_alive(to.parent)?;
        disk.touch_state(inode, now);
        disk.touch(to.parent, now);
        disk.set_names(vec![Set { directory: to.parent, name: to.name, to: Some(inode) }]);
        Ok(Where::Here(()))
    }

    /// `renameat2`, with `RENAME_NOREPLACE` and `RENAME_EXCHANGE`.
    pub(crate) fn rename(
        &mut self,
        host: HostId,
        now: Nanos,
        (from_at, from): (Option<Fd>, &[u8]),
        (to_at, to): (Option<Fd>, &[u8]),
        flags: u32,
    ) -> Result<Where<()>> {
        self.begin(now);
        let (keep, exchange) =
            (flags & libc::RENAME_NOREPLACE != 0, flags & libc::RENAME_EXCHANGE != 0);
        if flags & !(libc::RENAME_NOREPLACE | libc::RENAME_EXCHANGE) != 0 || (keep && exchange) {
            return Err(Errno::EINVAL);
        }
        let from = inside!(self.locate(host, from_at, from, Last::Name));
        let to = match self.locate(host, to_at, to, Last::Name)? {
            Place::Inside(to) => to,
            Place::Outside(_) => return Err(Errno::EXDEV),
        };
        if from.is_dots() {
            return Err(Errno::EBUSY);
        }
        if to.is_dots() {
            return Err(if keep { Errno::EEXIST } else { Errno::EBUSY });
        }
        let disk = self.disk_mut(host);
        let old = from.node.ok_or(Errno::ENOENT)?;
        match to.node {
            Some(_) if keep => return Err(Errno::EEXIST),
            None if exchange => return Err(Errno::ENOENT),
            _ => {}
        }
        let is_directory = disk.is_directory(old);
        let new_is_directory = to.node.map(|new| disk.is_directory(new));
        if exchange && new_is_directory == Some(false) && to.must_be_directory {
            return Err(Errno::ENOTDIR);
        }
        if !is_directory && from.must_be_directory {
            return Err(Errno::ENOTDIR);
        }
        if !is_directory && to.must_be_directory && !exchange {
            return Err(Errno::ENOTDIR);
        }
        if disk.is_below(to.parent, old) {
            return Err(Errno::EINVAL);
        }
        if to.node.is_some_and(|new| disk.is_below(from.parent, new)) {
            return Err(if exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
        }
        if to.node == Some(old) {
            return Ok(Where::Here(()));
        }
        disk.check_movable(&from)?;
        if to.node.is_some() {
            disk.check_movable(&to)?;
        }
        disk.check_alive(to.parent)?;
        if !exchange {
            match new_is_directory {
                Some(false) if is_directory => return Err(Errno::ENOTDIR),
                Some(true) if !is_directory => return Err(Errno::EISDIR),
                _ => {}
            }
            let new = to.node.and_then(|new| disk.directory(new).ok());
            if new.is_some_and(|new| !new.names.is_empty()) {
                return Err(Errno::ENOTEMPTY);
            }
        }
        for inode in [Some(old), to.node].into_iter().flatten() {
            disk.touch_state(inode, now);
        }
        disk.touch(from.parent, now);
        disk.touch(to.parent, now);
        let other = if exchange { to.node } else { None };
        disk.set_names(vec![
            Set { directory: from.parent, name: from.name, to: other },
            Set { directory: to.parent, name: to.name, to: Some(old) },
        ]);
        Ok(Where::Here(()))
    }

    /// `access`: root may do all, but execute what nobody may.
    pub(crate) fn access(
        &self,
        host: HostId,
        at: Option<Fd>,
        path: &[u8],
        mode: i32,
        follow: bool,
    ) -> Result<Where<()>> {
        Ok(match self.stat_path(host, at, path, follow)? {
            Where::Here(stat) => {
                let is_file = stat.mode & libc::S_IFMT == libc::S_IFREG;
                if mode & libc::X_OK != 0 && is_file && stat.mode & 0o111 == 0 {
                    return Err(Errno::EACCES);
                }
                Where::Here(())
            }
            Where::Outside(path) => Where::Outside(path),
        })
    }

    pub(crate) fn change_mode(
        &mut self,
        host: HostId,
        now: Nanos,
        at: Option<Fd>,
        path: &[u8],
        mode: u32,
    ) -> Result<Where<()>> {
        self.begin(now);
        Ok(match self.node_at(host, at, path, true)? {
            Where::Here(inode) => {
                self.disk_mut(host).set_mode(inode, mode, now);
                Where::Here(())
            }
            Where::Outside(path) => Where::Outside(path),
        })
    }

    /// `utimensat`: times in ns since 1970; `None` leaves one as it is.
    pub(crate) fn set_times(
        &mut self,
        host: HostId,
        now: Nanos,
        at: Option<Fd>,
        path: &[u8],
        follow: bool,
        times: [Option<Option<i64>>; 2],
    ) -> Result<Where<()>> {
        self.begin(now);
        Ok(match self.node_at(host, at, path, follow)? {
            Where::Here(inode) => {
                self.disk_mut(host).put_times(inode, times, now);
                Where::Here(())
            }
            Where::Outside(path) => Where::Outside(path),
        })
    }

    pub(crate) fn truncate_path(
        &mut self,
        host: HostId,
        now: Nanos,
        path: &[u8],
        len: u64,
    ) -> Result<Where<()>> {
        self.begin(now);
        Ok(match self.node_at(host, None, path, true)? {
            Where::Here(inode) => {
                self.disk_mut(host).resize(inode, len, now)?;
                Where::Here(())
            }
            Where::Outside(path) => Where::Outside(path),
        })
    }

    /// `chdir`. The working directory is the host's; one that is outside is not looked at.
    pub(crate) fn change_directory(&mut self, host: HostId, path: &[u8]) -> Result<Where<()>> {
        match self.node_at(host, None, path, true)? {
            Where::Here(inode) => {
                let disk = self.disk_mut(host);
                disk.directory(inode)?;
                disk.directory = disk.path_of(inode, Vec::new());
                Ok(Where::Here(()))
            }
            Where::Outside(path) => Ok(Where::Outside(path)),
        }
    }

    /// The working directory becomes one that is outside.
    pub(crate) fn set_directory(&mut self, host: HostId, path: Vec<u8>) {
        self.disk_mut(host).directory = path;
    }

    /// `fchdir`.
    pub(crate) fn change_directory_to(&mut self, host: HostId, fd: Fd) -> Result<()> {
        let (_, inode) = self.file_of(fd)?;
        let disk = self.disk_mut(host);
        disk.directory(inode)?;
        disk.directory = disk.path_of(inode, Vec::new());
        Ok(())
    }

    /// `getcwd`.
    pub(crate) fn working_directory(&self, host: HostId) -> &[u8] {
        &self.disk(host).directory
    }

    /// `umask`: gives the mask that was.
    pub(crate) fn set_mask(&mut self, host: HostId, mask: u32) -> u32 {
        std::mem::replace(&mut self.disk_mut(host).mask, mask & 0o777)
    }

    /// The whole content of a file of a host's, for who looks on from outside.
    pub(crate) fn content_of(&self, host: HostId, path: &[u8]) -> Result<Where<Vec<u8>>> {
        Ok(match self.node_at(host, None, path, true)? {
            Where::Here(inode) => match &self.disk(host).node(inode).body {
                Body::File(content) => Where::Here(content.bytes().to_vec()),
                _ => return Err(Errno::EISDIR),
            },
            Where::Outside(path) => Where::Outside(path),
        })
    }

    /// A host's process has begun anew: it is where it was at the first start.
    pub(in crate::os) fn restart_disk(&mut self, host: HostId) {
        let disk = self.disk_mut(host);
        disk.directory = HOME.to_vec();
        disk.mask = 0o022;
    }
}

impl Disk {
    fn create(&mut self, entry: &Entry, body: Body, mode: u32, now: Nanos) -> Result<Inode> {
        self.check_alive(entry.parent)?;
        self.room_for_node()?;
        let mode = match body {
            Body::Symlink(_) => 0o777,
            Body::Directory(_) => mode & !self.mask & 0o1777,
            Body::File(_) => mode & !self.mask & CAN_CHANGE,
        };
        let node = self.new_node(body, mode, self.time(now));
        let inode = self.add(node);
        self.touch(entry.parent, now);
        let (directory, name) = (entry.parent, entry.name.clone());
        self.set_names(vec![Set { directory, name, to: Some(inode) }]);
        Ok(inode)
    }

    /// `ENOENT` for a directory that was removed: it gets no new names.
    fn check_alive(&self, directory: Inode) -> Result<()> {
        if self.node(directory).links == 0 { Err(Errno::ENOENT) } else { Ok(()) }
    }

    /// `EBUSY` for a directory that the simulation has put there.
    fn check_movable(&self, entry: &Entry) -> Result<()> {
        let is_fixed = self.directory(entry.parent)?.passage.is_some();
        if is_fixed { Err(Errno::EBUSY) } else { Ok(()) }
    }

    /// Whether a directory is this node or below it.
    fn is_below(&self, mut directory: Inode, node: Inode) -> bool {
        loop {
            if directory == node {
                return true;
            }
            match self.directory(directory) {
                Ok(found) if found.parent != directory => directory = found.parent,
                _ => return false,
            }
        }
    }

    /// The path of a directory, with a name behind it.
    fn path_of(&self, mut directory: Inode, name: Vec<u8>) -> Vec<u8> {
        let mut parts = if name.is_empty() { Vec::new() } else { vec![name] };
        while let Ok(found) = self.directory(directory) {
            let parent = found.parent;
            if parent == directory {
                break;
            }
            let names = self.directory(parent).ok().into_iter().flat_map(|up| &up.names);
            let own = names.into_iter().find(|&(_, &to)| to == directory);
            parts.push(own.map_or_else(|| b"(deleted)".to_vec(), |(name, _)| name.clone()));
            directory = parent;
        }
        let mut path = Vec::new();
        for part in parts.into_iter().rev() {
            path.push(b'/');
            path.extend(part);
        }
        if path.is_empty() { b"/".to_vec() } else { path }
    }
}
