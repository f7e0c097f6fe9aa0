//! The names of files: those that programs see, and those that a loss of power leaves.
//!
//! # Problem
//!
//! A new name, a rename or a removal is in the kernel's memory at first. A sync of the directory
//! takes it to the disk; a sync of the file does not. A rename happens or does not, never by half.
//!
//! # Shape
//!
//! Changes of names wait in a journal, in order, each with all that it sets at once. A sync of a
//! directory does the changes that touch it, with those that they follow. A loss of power does for
//! each directory the first few of its changes: as all file systems with a journal it keeps their
//! order within a directory, and nothing between directories, nor between names and contents. So a
//! rename may survive that leads to a file without its bytes, which is the classic mistake.
//!
//! - **J1.** A change is done only after every earlier one that touches one of its directories. So
//!   a directory never has two names.

use std::collections::BTreeSet;

use super::{Body, Disk, Inode};

/// With more changes than this the older half goes to the disk.
const MOST_PENDING: usize = 4096;

/// A name of a directory, and what it leads to.
pub(super) struct Set {
    pub(super) directory: Inode,
    pub(super) name: Vec<u8>,
    pub(super) to: Option<Inode>,
}

/// Names that change at once.
pub(super) struct Renaming(Vec<Set>);

impl Disk {
    /// Changes names, for programs at once. Counts the links.
    pub(super) fn set_names(&mut self, sets: Vec<Set>) {
        let mut before = Vec::new();
        for set in &sets {
            if let Some(to) = set.to {
                let node = self.node_mut(to);
                node.links += 1;
                node.planned += 1;
                if let Body::Directory(directory) = &mut node.body {
                    directory.parent = set.directory;
                }
            }
            let node = self.node_mut(set.directory);
            node.planned += 1;
            let Body::Directory(directory) = &mut node.body else { continue };
            before.extend(match set.to {
                Some(to) => directory.names.insert(set.name.clone(), to),
                None => directory.names.remove(&set.name),
            });
        }
        self.journal.push_back(Renaming(sets));
        for inode in before {
            self.node_mut(inode).links -= 1;
            self.tidy(inode);
        }
        if self.journal.len() > MOST_PENDING {
            for _ in 0..MOST_PENDING / 2 {
                let Some(first) = self.journal.pop_front() else { break };
                self.write_names(first);
            }
        }
    }

    /// Takes a change to the disk.
    fn write_names(&mut self, renaming: Renaming) {
        let mut touched = Vec::new();
        for set in renaming.0 {
            let node = self.node_mut(set.directory);
            node.planned -= 1;
            touched.push(set.directory);
            let Body::Directory(directory) = &mut node.body else { continue };
            let before = match set.to {
                Some(to) => directory.synced.insert(set.name, to),
                None => directory.synced.remove(&set.name),
            };
            if let Some(to) = set.to {
                let node = self.node_mut(to);
                node.planned -= 1;
                node.on_disk += 1;
            }
            if let Some(before) = before {
                self.node_mut(before).on_disk -= 1;
                touched.push(before);
            }
        }
        for inode in touched {
            self.tidy(inode);
        }
    }

    /// Forgets a change that was not done.
    fn drop_names(&mut self, renaming: Renaming) {
        for set in renaming.0 {
            for inode in std::iter::once(set.directory).chain(set.to) {
                self.node_mut(inode).planned -= 1;
                self.tidy(inode);
            }
        }
    }

    /// The names of the directory are on the disk, and what they follow (J1).
    pub(super) fn sync_names(&mut self, directory: Inode) {
        let mut wanted = BTreeSet::from([directory]);
        let mut left = std::mem::take(&mut self.journal);
        let mut done = Vec::new();
        let mut kept = Vec::new();
        while let Some(renaming) = left.pop_back() {
            if renaming.0.iter().any(|set| wanted.contains(&set.directory)) {
                wanted.extend(renaming.0.iter().map(|set| set.directory));
                done.push(renaming);
            } else {
                kept.push(renaming);
            }
        }
        self.journal.extend(kept.into_iter().rev());
        for renaming in done.into_iter().rev() {
            self.write_names(renaming);
        }
    }

    /// `sync`: all names and all contents.
    pub(super) fn sync_everything(&mut self) {
        while let Some(first) = self.journal.pop_front() {
            self.write_names(first);
        }
        for node in self.nodes.values_mut() {
            if let Body::File(content) = &mut node.body {
                content.sync();
            }
        }
    }

    /// The power goes, and comes back: what is on the disk is what programs see. No file is open.
    pub(in crate::os) fn lose_power(&mut self) {
        // Some disks have written almost everything by then, some almost nothing.
        let percent = self.stream.below(5) * 25;
        let mut stopped = BTreeSet::new();
        while let Some(renaming) = self.journal.pop_front() {
            let follows = renaming.0.iter().any(|set| stopped.contains(&set.directory));
            if follows || self.stream.below(100) >= percent {
                stopped.extend(renaming.0.iter().map(|set| set.directory));
                self.drop_names(renaming);
            } else {
                self.write_names(renaming);
            }
        }
        let mut names: Vec<(Inode, Inode)> = Vec::new();
        for (&inode, node) in &mut self.nodes {
            node.links = 0;
            node.locks.clear();
            node.ranges.clear();
            match &mut node.body {
                Body::File(content) => content.lose_power(&mut self.stream, percent),
                Body::Symlink(_) => {}
                Body::Directory(directory) => {
                    directory.names.clone_from(&directory.synced);
                    names.extend(directory.synced.values().map(|&to| (inode, to)));
                }
            }
        }
        self.node_mut(super::ROOT).links = 1;
        for (directory, inode) in names {
            let node = self.node_mut(inode);
            node.links += 1;
            if let Body::Directory(below) = &mut node.body {
                below.parent = directory;
            }
        }
        let all: Vec<Inode> = self.nodes.keys().copied().collect();
        for inode in all {
            self.tidy(inode);
        }
        self.drop_unreachable();
        self.used = 0;
        for node in self.nodes.values_mut() {
            node.is_counted = true;
            self.used += node.takes();
        }
    }

    /// A directory whose own name was lost takes what is in it along.
    fn drop_unreachable(&mut self) {
        let mut reached = BTreeSet::new();
        let mut left = vec![super::ROOT];
        while let Some(inode) = left.pop() {
            if reached.insert(inode) {
                if let Ok(directory) = self.directory(inode) {
                    left.extend(directory.names.values());
                }
            }
        }
        let lost: Vec<Inode> =
            self.nodes.keys().copied().filter(|inode| !reached.contains(inode)).collect();
        for inode in lost {
            if let Some(Body::Directory(directory)) =
                self.nodes.remove(&inode).map(|node| node.body)
            {
                for below in directory.names.values() {
                    if let Some(node) = self.nodes.get_mut(below) {
                        node.links -= 1;
                        node.on_disk -= 1;
                    }
                }
            }
        }
    }
}
