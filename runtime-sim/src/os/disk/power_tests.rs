//! What a loss of power leaves, after calls chosen at random.

use std::collections::BTreeMap;
use std::io::IoSlice;

use super::*;
use crate::os::{Crash, Fd, HostId, Os, Unsynced};

const NOW: Nanos = 1;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn world(seed: u64) -> (Os, HostId, Stream) {
    let root = Stream::new(seed);
    let mut os = Os::new(root.sub("entropy"), root.sub("network"));
    let host = os.add_host("here", &[]);
    (os, host, root.sub("choices"))
}

fn here<T>(result: Result<Where<T>>) -> Result<T> {
    match result? {
        Where::Here(value) => Ok(value),
        Where::Outside(path) => panic!("{path:?} is outside"),
    }
}

fn open(os: &mut Os, host: HostId, path: &str, flags: i32) -> Result<Fd> {
    here(os.open(host, NOW, None, path.as_bytes(), flags, 0o644))
}

fn lose_power(os: &mut Os, host: HostId) {
    os.crash(host, NOW, Crash::Silent, Unsynced::Lost);
    os.restart(host, NOW);
}

/// Everything that the disk counts is what there is.
fn check(disk: &Disk) {
    let (mut links, mut on_disk): (BTreeMap<Inode, u32>, BTreeMap<Inode, u32>) = Default::default();
    let mut used = 0;
    for (inode, node) in &disk.nodes {
        if node.is_counted {
            used += node.takes();
        }
        let Body::Directory(directory) = &node.body else { continue };
        for &to in directory.names.values() {
            *links.entry(to).or_default() += 1;
            if disk.is_directory(to) {
                assert_eq!(disk.directory(to).map(|below| below.parent), Ok(*inode));
            }
        }
        for &to in directory.synced.values() {
            *on_disk.entry(to).or_default() += 1;
        }
    }
    assert_eq!(disk.used, used);
    for (inode, node) in &disk.nodes {
        if *inode == ROOT {
            continue;
        }
        assert_eq!(node.links, links.remove(inode).unwrap_or(0), "{inode:?}");
        assert_eq!(node.on_disk, on_disk.remove(inode).unwrap_or(0), "{inode:?}");
        assert!(node.links + node.on_disk + node.planned + node.opens > 0, "{inode:?}");
        assert!(node.links <= 1 || !disk.is_directory(*inode), "a directory has two names");
    }
    assert!(links.is_empty() && on_disk.is_empty(), "a name leads nowhere");
}

#[test]
fn whatever_happens_the_disk_fits_together() {
    for seed in 0..120 {
        let (mut os, host, mut choices) = world(seed);
        let mut opened = Vec::new();
        for _ in 0..200 {
            let mut path = || {
                let depth = 1 + choices.below(3);
                (0..depth).fold("/data".to_owned(), |path, _| {
                    format!("{path}/{}", NAMES[choices.below(4) as usize])
                })
            };
            let (one, other) = (path(), path());
            let (from, to) = ((None, one.as_bytes()), (None, other.as_bytes()));
            match choices.below(12) {
                0..3 => opened.extend(open(&mut os, host, &one, libc::O_CREAT | libc::O_RDWR)),
                3 => drop(os.make_directory(host, NOW, None, one.as_bytes(), 0o755)),
                4 | 5 => {
                    let flags = [0, libc::RENAME_EXCHANGE][choices.below(2) as usize];
                    drop(os.rename(host, NOW, from, to, flags));
                }
                6 => drop(os.remove(host, NOW, None, one.as_bytes(), choices.below(2) == 0)),
                7 => {
                    drop(os.link(host, NOW, from, to, false));
                }
                8 | 9 => {
                    if let Some(&fd) = opened.last() {
                        let _ = os.write(host, NOW, fd, &[IoSlice::new(&[7; 5000])]);
                    }
                }
                10 => {
                    let _ = match choices.below(3) {
                        0 => open(&mut os, host, &one, libc::O_RDONLY).and_then(|fd| {
                            let synced = os.sync(NOW, fd);
                            os.close(host, NOW, fd).and(synced)
                        }),
                        1 => opened.pop().map_or(Ok(()), |fd| os.close(host, NOW, fd)),
                        _ if choices.below(4) == 0 => {
                            os.sync_all(host, NOW);
                            Ok(())
                        }
                        _ => Ok(()),
                    };
                }
                _ if choices.below(5) == 0 => {
                    opened.clear();
                    lose_power(&mut os, host);
                }
                _ => {}
            }
            check(os.disk(host));
        }
    }
}

#[test]
fn a_rename_is_there_or_not_and_leads_to_what_was_synced() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..200 {
        let (mut os, host, _) = world(seed);
        let write = |os: &mut Os, path: &str, text: &[u8]| {
            let fd = open(os, host, path, libc::O_CREAT | libc::O_WRONLY).expect("a file");
            os.write(host, NOW, fd, &[IoSlice::new(text)]).expect("room");
            os.sync(NOW, fd).expect("a sync");
        };
        write(&mut os, "/data/state", b"old");
        let directory = open(&mut os, host, "/data", libc::O_RDONLY).expect("a directory");
        os.sync(NOW, directory).expect("a sync");
        write(&mut os, "/data/next", b"new");
        let (from, to) = ((None, &b"/data/next"[..]), (None, &b"/data/state"[..]));
        here(os.rename(host, NOW, from, to, 0)).expect("it is there");
        lose_power(&mut os, host);
        match here(os.content_of(host, b"/data/state")).as_deref() {
            Ok(b"old") => old += 1,
            Ok(b"new") => {
                new += 1;
                assert_eq!(here(os.content_of(host, b"/data/next")), Err(Errno::ENOENT));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(old > 20 && new > 20, "{old} {new}");
}

#[test]
fn a_rename_without_a_sync_of_the_file_may_leave_an_empty_one() {
    let mut empty = 0;
    for seed in 0..200 {
        let (mut os, host, _) = world(seed);
        let fd = open(&mut os, host, "/data/next", libc::O_CREAT | libc::O_WRONLY).expect("a file");
        os.write(host, NOW, fd, &[IoSlice::new(b"new")]).expect("room");
        let (from, to) = ((None, &b"/data/next"[..]), (None, &b"/data/state"[..]));
        here(os.rename(host, NOW, from, to, 0)).expect("it is there");
        let directory = open(&mut os, host, "/data", libc::O_RDONLY).expect("a directory");
        os.sync(NOW, directory).expect("a sync");
        lose_power(&mut os, host);
        let content = here(os.content_of(host, b"/data/state")).expect("its name was synced");
        empty += usize::from(content.is_empty());
    }
    assert!(empty > 20, "{empty}");
}

#[test]
fn a_directory_that_was_not_synced_takes_its_files_along() {
    let mut lost = 0;
    for seed in 0..100 {
        let (mut os, host, _) = world(seed);
        here(os.make_directory(host, NOW, None, b"/data/a", 0o755)).expect("room");
        let fd = open(&mut os, host, "/data/a/b", libc::O_CREAT | libc::O_WRONLY).expect("a file");
        os.sync(NOW, fd).expect("a sync");
        let directory = open(&mut os, host, "/data/a", libc::O_RDONLY).expect("a directory");
        os.sync(NOW, directory).expect("a sync");
        lose_power(&mut os, host);
        match here(os.stat_path(host, None, b"/data/a", true)) {
            Ok(_) => assert!(here(os.stat_path(host, None, b"/data/a/b", true)).is_ok()),
            Err(error) => {
                assert_eq!(error, Errno::ENOENT);
                lost += 1;
            }
        }
        check(os.disk(host));
    }
    assert!((20..90).contains(&lost), "{lost}");
}

#[test]
fn what_was_removed_gives_its_room_back() {
    let (mut os, host, _) = world(1);
    os.set_disk_size(host, 1 << 20);
    for _ in 0..100 {
        let fd = open(&mut os, host, "/data/a", libc::O_CREAT | libc::O_WRONLY).expect("room");
        os.write(host, NOW, fd, &[IoSlice::new(&[1; 500 << 10])]).expect("room");
        here(os.remove(host, NOW, None, b"/data/a", false)).expect("it is there");
        os.close(host, NOW, fd).expect("it is open");
    }
    check(os.disk(host));
}
