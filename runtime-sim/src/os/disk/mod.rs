//! The files of a host: a disk in memory.
//!
//! # Problem
//!
//! Each host needs files of its own, which survive a crash of its process, and of which a loss of
//! power leaves only what was synced. Programs open absolute paths, and read real files too: their
//! configuration, certificates, fixtures.
//!
//! # Shape
//!
//! Some directories are the host's own (`/data`, `/tmp` and the like): everything below them is on
//! its disk, and nothing of the real system is seen there. Every other path is *outside*: the
//! model answers with that path, and the caller reads the real file, and refuses to change it.
//! Directories on the way to an own one, such as the root, are *passages*: what they have on
//! the disk is found, and all else in them is outside. So is a directory in an own one that is to
//! be the real one: the test's, if its checkout is in `/tmp`.
//!
//! | file         | what                                                       |
//! |--------------|------------------------------------------------------------|
//! | `content.rs` | the bytes of a file, and what a loss of power leaves of them |
//! | `journal.rs` | the names, and what a loss of power leaves of them           |
//! | `walk.rs`    | from a path to a node                                      |
//! | `names.rs`   | calls that take a path                                     |
//! | `files.rs`   | calls that take a descriptor                               |
//!
//! # Lengths of life
//!
//! A node is there while a name leads to it, now or after a loss of power (`links`, `on_disk`,
//! `planned`), or a descriptor stands for it (`opens`); [`Disk::tidy`] ends it after that.

mod content;
mod files;
mod journal;
#[cfg(test)]
mod kernel_tests;
mod names;
#[cfg(test)]
mod power_tests;
mod walk;

use std::collections::{BTreeMap, VecDeque};

use super::errno::{Errno, Result};
use super::{Clock, Nanos, ObjectId, Stream};
use content::Content;
use journal::Renaming;

pub(super) use files::OpenFile;
pub(crate) use files::{Name, Range};

/// The number of a node, which is never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Inode(u64);

/// The directory `/`.
const ROOT: Inode = Inode(2);

/// What is a host's own, if nobody says more.
pub(crate) const OWN: [&str; 5] = ["/data", "/tmp", "/var", "/run", "/srv"];
/// Where a host's program starts.
const HOME: &[u8] = b"/data";
/// What a disk holds, if nobody says otherwise.
pub(crate) const SIZE: u64 = 1 << 30;
/// What a disk counts: a file takes whole blocks.
const BLOCK: u64 = 4096;

/// What a call that takes a path gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Where<T> {
    /// The path is on the host's disk, and this is the call's result.
    Here(T),
    /// It is not; this is the whole path, without links of the disk.
    Outside(Vec<u8>),
}

/// What `stat` tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stat {
    pub(crate) inode: u64,
    /// Type and permissions.
    pub(crate) mode: u32,
    pub(crate) links: u64,
    pub(crate) size: u64,
    /// In units of 512 bytes.
    pub(crate) blocks: u64,
    /// In ns since 1970.
    pub(crate) accessed: i64,
    pub(crate) modified: i64,
    pub(crate) changed: i64,
    pub(crate) born: i64,
}

/// What goes wrong with a disk while a fault lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct DiskFaults {
    /// Nothing can grow: `ENOSPC`.
    pub(crate) is_full: bool,
    /// Each call that reads, writes or syncs may fail: `EIO`.
    pub(crate) fails: bool,
    /// A call that reads or writes may do a part of it only.
    pub(crate) is_short: bool,
}

struct Directory {
    names: BTreeMap<Vec<u8>, Inode>,
    /// What is surely on the disk.
    synced: BTreeMap<Vec<u8>, Inode>,
    parent: Inode,
    /// The path, if other things of the real system are seen here.
    passage: Option<Vec<u8>>,
}

enum Body {
    File(Content),
    Directory(Directory),
    Symlink(Vec<u8>),
}

struct Node {
    body: Body,
    /// Permissions.
    mode: u32,
    /// Names that programs see.
    links: u32,
    /// Names that are surely on the disk.
    on_disk: u32,
    /// Names that are on the way to the disk, and changes of a directory that are.
    planned: u32,
    /// Open file descriptions.
    opens: u32,
    /// Whether it takes room: a program can reach it.
    is_counted: bool,
    accessed: i64,
    modified: i64,
    changed: i64,
    born: i64,
    /// `flock`: who holds it, and whether alone.
    locks: Vec<(ObjectId, bool)>,
    ranges: Vec<files::RangeLock>,
}

pub(super) struct Disk {
    nodes: BTreeMap<Inode, Node>,
    next: u64,
    journal: VecDeque<Renaming>,
    /// The path of the working directory.
    directory: Vec<u8>,
    size: u64,
    used: u64,
    /// The host's; files have its times.
    clock: Clock,
    faults: DiskFaults,
    stream: Stream,
    /// The order in which directories are read follows from it.
    order: u64,
    /// `umask`.
    mask: u32,
}

impl Node {
    /// The room that it takes: a block for itself, and its content.
    fn takes(&self) -> u64 {
        match &self.body {
            Body::File(content) => BLOCK + blocks(content.len() as u64),
            _ => BLOCK,
        }
    }
}

/// The bytes of whole blocks.
fn blocks(len: u64) -> u64 {
    len.div_ceil(BLOCK) * BLOCK
}

impl Disk {
    pub(super) fn new(mut stream: Stream) -> Disk {
        let order = stream.next_u64();
        let mut disk = Disk {
            nodes: BTreeMap::new(),
            next: ROOT.0 + 1,
            journal: VecDeque::new(),
            directory: HOME.to_vec(),
            size: SIZE,
            used: 0,
            clock: Clock::new(0),
            faults: DiskFaults::default(),
            stream,
            order,
            mask: 0o022,
        };
        let root = disk.new_directory(ROOT, 0o755, Some(Vec::new()));
        disk.nodes.insert(ROOT, Node { links: 1, on_disk: 1, ..root });
        for own in OWN {
            disk.add_own(own.as_bytes());
        }
        disk
    }

    /// Makes a directory, which need not be real, and all below it the host's own.
    pub(super) fn add_own(&mut self, path: &[u8]) {
        let mut at = ROOT;
        let mut so_far = Vec::new();
        for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            so_far.push(b'/');
            so_far.extend_from_slice(name);
            let parent = at;
            let Body::Directory(directory) = &self.node(parent).body else { return };
            let passage = directory.passage.is_some().then(|| so_far.clone());
            at = match directory.names.get(name) {
                Some(&found) => found,
                None => self.add_directory(parent, name, passage),
            };
        }
        if let Body::Directory(directory) = &mut self.node_mut(at).body {
            directory.passage = None;
        }
    }

    /// Leaves a directory outside, and all below it, if it is in one of the host's own.
    pub(super) fn add_outside(&mut self, path: &[u8]) {
        let mut at = ROOT;
        let mut so_far = Vec::new();
        let mut names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).peekable();
        while let Some(name) = names.next() {
            so_far.push(b'/');
            so_far.extend_from_slice(name);
            let parent = at;
            let Body::Directory(directory) = &self.node(parent).body else { return };
            at = match directory.names.get(name) {
                Some(&found) => found,
                // It is outside anyway.
                None if directory.passage.is_some() => return,
                None => {
                    let passage = names.peek().is_none().then(|| so_far.clone());
                    self.add_directory(parent, name, passage)
                }
            };
        }
    }

    /// Adds a directory that has always been there.
    fn add_directory(&mut self, parent: Inode, name: &[u8], passage: Option<Vec<u8>>) -> Inode {
        let inode = self.new_inode();
        let node = self.new_directory(parent, 0o755, passage);
        self.nodes.insert(inode, Node { links: 1, on_disk: 1, ..node });
        if let Body::Directory(directory) = &mut self.node_mut(parent).body {
            directory.names.insert(name.to_vec(), inode);
            directory.synced.insert(name.to_vec(), inode);
        }
        inode
    }

    fn new_inode(&mut self) -> Inode {
        self.next += 1;
        Inode(self.next - 1)
    }

    fn new_node(&self, body: Body, mode: u32, now: i64) -> Node {
        Node {
            body,
            mode,
            links: 0,
            on_disk: 0,
            planned: 0,
            opens: 0,
            is_counted: false,
            accessed: now,
            modified: now,
            changed: now,
            born: now,
            locks: Vec::new(),
            ranges: Vec::new(),
        }
    }

    fn new_directory(&self, parent: Inode, mode: u32, passage: Option<Vec<u8>>) -> Node {
        let (names, synced) = (BTreeMap::new(), BTreeMap::new());
        self.new_node(Body::Directory(Directory { names, synced, parent, passage }), mode, 0)
    }

    fn node(&self, inode: Inode) -> &Node {
        self.nodes.get(&inode).expect("a node that something refers to is there")
    }

    fn node_mut(&mut self, inode: Inode) -> &mut Node {
        self.nodes.get_mut(&inode).expect("a node that something refers to is there")
    }

    /// The directory; `ENOTDIR` if it is none, `ENOENT` if it is gone.
    fn directory(&self, inode: Inode) -> Result<&Directory> {
        match self.nodes.get(&inode).map(|node| &node.body) {
            Some(Body::Directory(directory)) => Ok(directory),
            Some(_) => Err(Errno::ENOTDIR),
            None => Err(Errno::ENOENT),
        }
    }

    fn is_directory(&self, inode: Inode) -> bool {
        self.directory(inode).is_ok()
    }

    fn content_mut(&mut self, inode: Inode) -> Result<&mut Content> {
        match &mut self.node_mut(inode).body {
            Body::File(content) => Ok(content),
            Body::Directory(_) => Err(Errno::EISDIR),
            Body::Symlink(_) => Err(Errno::EINVAL),
        }
    }

    /// The time of day, in ns since 1970.
    fn time(&self, now: Nanos) -> i64 {
        self.clock.day(now)
    }

    /// The content or the names of a node have changed.
    fn touch(&mut self, inode: Inode, now: Nanos) {
        let time = self.time(now);
        let node = self.node_mut(inode);
        (node.modified, node.changed) = (time, time);
    }

    /// Something else about it has.
    fn touch_state(&mut self, inode: Inode, now: Nanos) {
        let time = self.time(now);
        self.node_mut(inode).changed = time;
    }

    fn stat(&self, inode: Inode) -> Stat {
        let node = self.node(inode);
        let (kind, size, links) = match &node.body {
            Body::File(content) => (libc::S_IFREG, content.len() as u64, u64::from(node.links)),
            Body::Symlink(target) => (libc::S_IFLNK, target.len() as u64, u64::from(node.links)),
            Body::Directory(directory) => {
                let below = directory.names.values().filter(|&&below| self.is_directory(below));
                let links = if node.links == 0 { 0 } else { 2 + below.count() as u64 };
                (libc::S_IFDIR, BLOCK, links)
            }
        };
        Stat {
            inode: inode.0,
            mode: kind | node.mode,
            links,
            size,
            blocks: blocks(size) / 512,
            accessed: node.accessed,
            modified: node.modified,
            changed: node.changed,
            born: node.born,
        }
    }

    // ---- room ----

    /// How much a file may grow: the bytes up to which there is room for it.
    fn longest(&self, len: u64) -> u64 {
        blocks(len) + if self.faults.is_full { 0 } else { self.free() / BLOCK * BLOCK }
    }

    fn free(&self) -> u64 {
        self.size.saturating_sub(self.used)
    }

    /// `ENOSPC` if there is no room for a new node.
    fn room_for_node(&self) -> Result<()> {
        if self.faults.is_full || self.free() < BLOCK { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    fn count(&mut self, before: usize, after: usize) {
        self.used = self.used + blocks(after as u64) - blocks(before as u64);
    }

    /// Each node takes a block besides its content.
    fn add(&mut self, node: Node) -> Inode {
        let inode = self.new_inode();
        self.used += node.takes();
        self.nodes.insert(inode, Node { is_counted: true, ..node });
        inode
    }

    /// Whether a call that reads, writes or syncs goes wrong now.
    fn may_fail(&mut self) -> Result<()> {
        let fails = self.faults.fails && self.stream.below(4) == 0;
        if fails { Err(Errno::EIO) } else { Ok(()) }
    }

    /// How much of so many bytes is done.
    fn part(&mut self, count: usize) -> usize {
        if self.faults.is_short && count > 1 && self.stream.below(2) == 0 {
            1 + self.stream.below(count as u64 - 1) as usize
        } else {
            count
        }
    }

    /// Ends the node if nothing leads to it any more.
    fn tidy(&mut self, inode: Inode) {
        let mut left = vec![inode];
        while let Some(inode) = left.pop() {
            let Some(node) = self.nodes.get_mut(&inode) else { continue };
            if node.links + node.opens == 0 && std::mem::take(&mut node.is_counted) {
                self.used -= node.takes();
                if let Body::File(content) = &mut node.body {
                    content.forget();
                }
            }
            if node.links + node.on_disk + node.planned + node.opens > 0 {
                continue;
            }
            if let Some(Body::Directory(directory)) =
                self.nodes.remove(&inode).map(|node| node.body)
            {
                for below in directory.synced.into_values() {
                    self.node_mut(below).on_disk -= 1;
                    left.push(below);
                }
                // There are some only right after a loss of power.
                for below in directory.names.into_values() {
                    self.node_mut(below).links -= 1;
                    left.push(below);
                }
            }
        }
    }
}
