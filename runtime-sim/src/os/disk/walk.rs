//! From a path to a node.

use std::collections::VecDeque;

use super::{Body, Disk, Errno, Inode, ROOT, Result};

const LONGEST_NAME: usize = 255;
const LONGEST_PATH: usize = 4096;
const MOST_LINKS: usize = 40;

/// Where a path leads.
pub(super) enum Place {
    Inside(Entry),
    /// The real path.
    Outside(Vec<u8>),
}

/// What is done with the last name of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// A link is followed.
    Follow,
    /// A link is meant itself, unless a slash comes after it.
    Keep,
    /// The name is meant, not what it leads to: it is made, removed or moved.
    Name,
    /// A file is made where there is none: a link is followed, but not one before a slash.
    Create,
}

impl Last {
    pub(super) fn new(follow: bool) -> Last {
        if follow { Last::Follow } else { Last::Keep }
    }
}

/// The last name of a path, and the directory that has it or could have it.
pub(super) struct Entry {
    pub(super) parent: Inode,
    /// `.` or `..` if the path ends so; `.` for a path without names.
    pub(super) name: Vec<u8>,
    pub(super) node: Option<Inode>,
    /// The path ends with a slash.
    pub(super) must_be_directory: bool,
}

impl Entry {
    pub(super) fn is_dots(&self) -> bool {
        matches!(&*self.name, b"." | b"..")
    }
}

fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> + '_ {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).map(<[u8]>::to_vec)
}

impl Disk {
    /// Walks from a directory along the path.
    pub(super) fn walk(&self, from: Inode, path: &[u8], end: Last) -> Result<Place> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        if path.len() >= LONGEST_PATH {
            return Err(Errno::ENAMETOOLONG);
        }
        let mut at = if path[0] == b'/' { ROOT } else { from };
        let mut must_be_directory = path.ends_with(b"/");
        let mut rest: VecDeque<Vec<u8>> = parts(path).collect();
        let follows = |slash| match end {
            Last::Follow => true,
            Last::Keep => slash,
            Last::Name => false,
            Last::Create => !slash,
        };
        let is_name = matches!(end, Last::Name | Last::Create);
        let mut links = 0;
        let mut last = b".".to_vec();
        while let Some(name) = rest.pop_front() {
            let directory = self.directory(at)?;
            if name == b"." || name == b".." {
                if name == b".." {
                    at = directory.parent;
                }
                last = name;
                continue;
            }
            if name.len() > LONGEST_NAME {
                return Err(Errno::ENAMETOOLONG);
            }
            let found = directory.names.get(&name).copied();
            let Some(node) = found else {
                if let Some(passage) = &directory.passage {
                    let mut real = passage.clone();
                    for part in std::iter::once(name).chain(rest) {
                        real.push(b'/');
                        real.extend(part);
                    }
                    if must_be_directory {
                        real.push(b'/');
                    }
                    return Ok(Place::Outside(real));
                }
                if !rest.is_empty() {
                    return Err(Errno::ENOENT);
                }
                let parent = at;
                return Ok(Place::Inside(Entry { parent, name, node: None, must_be_directory }));
            };
            let is_last = rest.is_empty();
            match &self.node(node).body {
                Body::Symlink(target) if !is_last || follows(must_be_directory) => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(Errno::ELOOP);
                    }
                    must_be_directory |= is_last && target.ends_with(b"/");
                    if target.starts_with(b"/") {
                        at = ROOT;
                    }
                    for part in parts(target).rev() {
                        rest.push_front(part);
                    }
                    last = b".".to_vec();
                }
                Body::Directory(_) => {
                    if is_last {
                        return Ok(self.inside(at, name, node, must_be_directory));
                    }
                    at = node;
                    last = b".".to_vec();
                }
                _ if !is_last || (must_be_directory && !is_name) => {
                    return Err(Errno::ENOTDIR);
                }
                _ => return Ok(self.inside(at, name, node, must_be_directory)),
            }
        }
        self.directory(at)?;
        Ok(self.inside(at, last, at, true))
    }

    /// A node was found. What is only on the way to the host's own directories is the real one.
    fn inside(&self, parent: Inode, name: Vec<u8>, node: Inode, must_be_directory: bool) -> Place {
        if let Ok(super::Directory { passage: Some(path), .. }) = self.directory(node) {
            let is_root = path.is_empty();
            return Place::Outside(if is_root { b"/".to_vec() } else { path.clone() });
        }
        Place::Inside(Entry { parent, name, node: Some(node), must_be_directory })
    }
}
