//! The model against the kernel: the same calls to both, chosen at random, must have the same
//! results, and in the end the same files.
//!
//! The kernel's files are in a directory of their own below the temporary one, in the model they
//! are in `/data`. Room, times and the numbers of nodes are left out.

use std::ffi::OsStr;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs as real;
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags, SeekFrom};

use super::*;
use crate::os::{Fd, HostId, Os};

const NOW: Nanos = 1;
/// The calls begin so deep below what is compared: no path goes up as far.
const DEPTH: &str = "x/x/x/x";

struct Both {
    os: Os,
    host: HostId,
    /// The directory that is `/data` in the model.
    real: OwnedFd,
    model: Fd,
    open: Vec<(OwnedFd, Fd)>,
    choices: Stream,
    log: Vec<String>,
    seed: u64,
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}

fn here<T>(result: Result<Where<T>>) -> Result<T> {
    match result? {
        Where::Here(value) => Ok(value),
        Where::Outside(path) => panic!("{path:?} is outside"),
    }
}

/// A place for the kernel's files, which is gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let name = format!("runtime-sim-files-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Both {
    fn new(seed: u64, folder: &Folder) -> Both {
        let path = folder.0.join(seed.to_string()).join(DEPTH);
        std::fs::create_dir_all(&path).expect("a folder");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let real = real::open(&path, flags, Mode::empty()).expect("the folder");
        let root = Stream::new(seed);
        let mut os = Os::new(root.sub("entropy"), root.sub("network"));
        let host = os.add_host("here", &[]);
        os.set_mask(host, 0);
        let mut place = "/data".to_owned();
        for part in DEPTH.split('/') {
            place = format!("{place}/{part}");
            here(os.make_directory(host, NOW, None, place.as_bytes(), 0o755)).expect("a directory");
        }
        let flags = libc::O_RDONLY | libc::O_DIRECTORY;
        let model = os.open(host, NOW, None, place.as_bytes(), flags, 0);
        let model = here(model).expect("the directory");
        let (choices, open, log) = (root.sub("choices"), Vec::new(), Vec::new());
        Both { os, host, real, model, open, choices, log, seed }
    }

    fn below(&mut self, end: usize) -> usize {
        self.choices.below(end as u64) as usize
    }

    /// A path of one to three names, with dots and slashes now and then.
    fn path(&mut self) -> String {
        let mut path = String::new();
        for number in 0..=self.below(3) {
            if number > 0 {
                path.push('/');
            }
            let name = match self.below(24) {
                0 => ".",
                1 => "..",
                at => ["a", "b", "c", "d"][at % 4],
            };
            path.push_str(name);
        }
        if self.below(12) == 0 {
            path.push('/');
        }
        path
    }

    fn fail(&self, what: &str) -> ! {
        panic!("seed {}: {what}\n{}", self.seed, self.log.join("\n"))
    }

    fn same<T: PartialEq + std::fmt::Debug>(
        &mut self,
        real: rustix::io::Result<T>,
        model: Result<T>,
    ) -> Option<T> {
        let real = real.map_err(errno);
        let line = self.log.last_mut().expect("a call was noted");
        line.push_str(&format!(" -> {real:?}"));
        if real != model {
            self.fail(&format!("the kernel says {real:?}, the model {model:?}"));
        }
        model.ok()
    }

    fn any_open(&mut self) -> Option<usize> {
        (!self.open.is_empty()).then(|| self.below(self.open.len()))
    }

    fn step(&mut self) {
        match self.below(100) {
            0..18 => self.open(),
            18..26 => self.make_directory(),
            26..32 => self.make_symlink(),
            32..38 => self.link(),
            38..52 => self.rename(),
            52..60 => self.remove(),
            60..64 => self.stat(),
            64..66 => self.change_mode(),
            66..68 => self.truncate_path(),
            68..92 => {
                if let Some(at) = self.any_open() {
                    self.with_file(at);
                }
            }
            _ => {
                if let Some(at) = self.any_open() {
                    self.log.push(format!("close {at}"));
                    let (real, model) = self.open.swap_remove(at);
                    drop(real);
                    self.os.close(self.host, NOW, model).expect("it is open");
                }
            }
        }
    }

    fn open(&mut self) {
        let path = self.path();
        let mut flags = [libc::O_RDONLY, libc::O_WRONLY, libc::O_RDWR][self.below(3)];
        for (flag, odds) in [
            (libc::O_CREAT, 2),
            (libc::O_EXCL, 5),
            (libc::O_TRUNC, 5),
            (libc::O_APPEND, 5),
            (libc::O_NOFOLLOW, 5),
            (libc::O_DIRECTORY, 12),
        ] {
            if self.below(odds) == 0 {
                flags |= flag;
            }
        }
        // Without `O_CREAT` the kernel does not say what `O_EXCL` is.
        if flags & libc::O_CREAT == 0 {
            flags &= !libc::O_EXCL;
        }
        // To cut what is opened for reading is not defined.
        if flags & libc::O_ACCMODE == libc::O_RDONLY {
            flags &= !libc::O_TRUNC;
        }
        let mode = [0o600, 0o644, 0o755][self.below(3)];
        self.log.push(format!("open {path} {flags:#o} {mode:#o} as {}", self.open.len()));
        let real_flags = OFlags::from_bits_retain(flags as u32);
        let found = real::openat(&self.real, &*path, real_flags, Mode::from_raw_mode(mode));
        let at = Some(self.model);
        let model = here(self.os.open(self.host, NOW, at, path.as_bytes(), flags, mode));
        let (kept, real) = match found {
            Ok(fd) => (Some(fd), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.same(real, model.map(|_| ()));
        if let (Some(real), Ok(model)) = (kept, model) {
            self.open.push((real, model));
        }
    }

    fn make_directory(&mut self) {
        let path = self.path();
        self.log.push(format!("mkdir {path}"));
        let found = real::mkdirat(&self.real, &*path, Mode::from_raw_mode(0o755));
        let at = Some(self.model);
        let model = self.os.make_directory(self.host, NOW, at, path.as_bytes(), 0o755);
        self.same(found, here(model));
    }

    fn make_symlink(&mut self) {
        let (target, path) = (self.path(), self.path());
        // Several links that go up could leave the folder.
        if target.contains("..") {
            return;
        }
        self.log.push(format!("symlink {path} to {target}"));
        let found = real::symlinkat(&*target, &self.real, &*path);
        let at = Some(self.model);
        let model = self.os.make_symlink(self.host, NOW, target.as_bytes(), at, path.as_bytes());
        self.same(found, here(model));
    }

    fn link(&mut self) {
        let (from, to, follow) = (self.path(), self.path(), self.below(2) == 0);
        self.log.push(format!("link {from} as {to}, {follow}"));
        let flags = if follow { AtFlags::SYMLINK_FOLLOW } else { AtFlags::empty() };
        let found = real::linkat(&self.real, &*from, &self.real, &*to, flags);
        let at = Some(self.model);
        let (from, to) = ((at, from.as_bytes()), (at, to.as_bytes()));
        let model = self.os.link(self.host, NOW, from, to, follow);
        self.same(found, here(model));
    }

    fn rename(&mut self) {
        let (from, to) = (self.path(), self.path());
        let flags = [0, 0, 0, libc::RENAME_NOREPLACE, libc::RENAME_EXCHANGE][self.below(5)];
        self.log.push(format!("rename {from} to {to}, {flags}"));
        let real_flags = RenameFlags::from_bits_retain(flags);
        let found = real::renameat_with(&self.real, &*from, &self.real, &*to, real_flags);
        let at = Some(self.model);
        let (from, to) = ((at, from.as_bytes()), (at, to.as_bytes()));
        let model = self.os.rename(self.host, NOW, from, to, flags);
        self.same(found, here(model));
    }

    fn remove(&mut self) {
        let (path, directory) = (self.path(), self.below(2) == 0);
        self.log.push(format!("remove {path}, {directory}"));
        let flags = if directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        let found = real::unlinkat(&self.real, &*path, flags);
        let at = Some(self.model);
        let model = self.os.remove(self.host, NOW, at, path.as_bytes(), directory);
        self.same(found, here(model));
    }

    fn stat(&mut self) {
        let (path, follow) = (self.path(), self.below(2) == 0);
        self.log.push(format!("stat {path}, {follow}"));
        let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        let found = real::statat(&self.real, &*path, flags).map(|stat| of_real(&stat));
        let at = Some(self.model);
        let model = self.os.stat_path(self.host, at, path.as_bytes(), follow);
        self.same(found, here(model).map(|stat| of_model(&stat)));
        self.log.push(format!("readlink {path}"));
        let found = real::readlinkat(&self.real, &*path, Vec::new());
        let found = found.map(|target| target.into_bytes());
        let model = here(self.os.read_link(self.host, at, path.as_bytes()));
        self.same(found, model);
    }

    fn change_mode(&mut self) {
        let (path, mode) = (self.path(), [0o600, 0o750, 0o777][self.below(3)]);
        self.log.push(format!("chmod {path} {mode:#o}"));
        let found = real::chmodat(&self.real, &*path, Mode::from_raw_mode(mode), AtFlags::empty());
        let at = Some(self.model);
        let model = self.os.change_mode(self.host, NOW, at, path.as_bytes(), mode);
        self.same(found, here(model));
    }

    fn truncate_path(&mut self) {
        let (path, len) = (self.path(), self.below(6000));
        self.log.push(format!("truncate {path} {len}"));
        // By way of a descriptor on the kernel's side: there is no `truncateat`.
        let opened = real::openat(&self.real, &*path, OFlags::WRONLY, Mode::empty());
        let found = opened.and_then(|fd| real::ftruncate(&fd, len as u64));
        let whole = format!("/data/{DEPTH}/{path}");
        let model = self.os.truncate_path(self.host, NOW, whole.as_bytes(), len as u64);
        self.same(found, here(model));
    }

    fn with_file(&mut self, at: usize) {
        let (host, model) = (self.host, self.open[at].1);
        let place = self.below(5000);
        let length = self.below(3000);
        let byte = self.below(256) as u8;
        let what = self.below(11);
        self.log.push(format!("call {what} of {at}: {place}, {length}, {byte}"));
        let real = &self.open[at].0;
        match what {
            0 | 1 => {
                let data = vec![byte; length];
                let found = rustix::io::write(real, &data);
                let model = self.os.write(host, NOW, model, &[IoSlice::new(&data)]);
                self.same(found, model);
            }
            2 => {
                let data = vec![byte; length];
                let halves = data.split_at(length / 3);
                let parts = [IoSlice::new(halves.0), IoSlice::new(halves.1)];
                let found = rustix::io::pwritev(real, &parts, place as u64);
                let model = self.os.write_at(NOW, model, place as i64, &parts);
                self.same(found, model);
            }
            3 => {
                let (mut one, mut other) = (vec![0; length], vec![0; length]);
                let found = rustix::io::read(real, &mut one);
                let model = self.os.read(host, NOW, model, &mut [IoSliceMut::new(&mut other)]);
                self.same(found, model);
                if one != other {
                    self.fail("other bytes");
                }
            }
            4 => {
                let (mut one, mut other) = (vec![0; length], vec![0; length]);
                let found = rustix::io::pread(real, &mut one, place as u64);
                let parts = &mut [IoSliceMut::new(&mut other)];
                let model = self.os.read_at(NOW, model, place as i64, parts);
                self.same(found, model);
                if one != other {
                    self.fail("other bytes");
                }
            }
            5 => {
                // The place in a directory is a number that file systems choose.
                if of_model(&self.os.stat(model).expect("it is open")).0 == FileType::Directory {
                    return;
                }
                let offset = place as i64 - 2500;
                let (from, whence) = match byte % 3 {
                    0 => (SeekFrom::Start(place as u64), libc::SEEK_SET),
                    1 => (SeekFrom::Current(offset), libc::SEEK_CUR),
                    _ => (SeekFrom::End(offset), libc::SEEK_END),
                };
                let found = real::seek(real, from);
                let offset = if whence == libc::SEEK_SET { place as i64 } else { offset };
                let model = self.os.seek(model, offset, whence);
                self.same(found, model);
            }
            6 => {
                let found = real::ftruncate(real, length as u64);
                let model = self.os.truncate(NOW, model, length as i64);
                self.same(found, model);
            }
            7 => {
                let found = real::fstat(real).map(|stat| of_real(&stat));
                let model = self.os.stat(model).map(|stat| of_model(&stat));
                self.same(found, model);
            }
            8 => {
                let found = real::fsync(real);
                let model = self.os.sync(NOW, model);
                self.same(found, model);
            }
            9 => {
                let (how, number) = [
                    (FlockOperation::NonBlockingLockShared, libc::LOCK_SH | libc::LOCK_NB),
                    (FlockOperation::NonBlockingLockExclusive, libc::LOCK_EX | libc::LOCK_NB),
                    (FlockOperation::Unlock, libc::LOCK_UN),
                ][usize::from(byte) % 3];
                let found = real::flock(real, how);
                let model = self.os.lock_file(NOW, model, number);
                self.same(found, model);
            }
            _ => {
                let (found, listed) = (names_of_real(real), self.os.list(model));
                let listed = listed.map(|names| {
                    let mut names: Vec<Vec<u8>> = names.into_iter().map(|name| name.2).collect();
                    names.sort();
                    names
                });
                self.same(found, listed);
            }
        }
    }

    /// Both have the same tree.
    fn compare(&mut self, path: &str) {
        self.log.push(format!("list {path}"));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let real = real::openat(&self.real, path, flags, Mode::empty()).expect("a directory");
        let at = Some(self.model);
        let model = here(self.os.open(self.host, NOW, at, path.as_bytes(), libc::O_RDONLY, 0));
        let model = model.expect("a directory");
        let mut names: Vec<Vec<u8>> =
            self.os.list(model).expect("a list").into_iter().map(|name| name.2).collect();
        names.sort();
        self.same(names_of_real(&real), Ok(names.clone()));
        self.os.close(self.host, NOW, model).expect("it is open");
        for name in names {
            if name == b"." || name == b".." {
                continue;
            }
            let below = format!("{path}/{}", OsStr::from_bytes(&name).to_string_lossy());
            self.log.push(format!("look at {below}"));
            let found = real::statat(&self.real, &*below, AtFlags::SYMLINK_NOFOLLOW);
            let model = here(self.os.stat_path(self.host, at, below.as_bytes(), false));
            let kind = of_real(found.as_ref().expect("it is there")).0;
            self.same(found.map(|stat| of_real(&stat)), model.map(|stat| of_model(&stat)));
            match kind {
                FileType::Directory => self.compare(&below),
                FileType::RegularFile => {
                    let fd = real::openat(&self.real, &*below, OFlags::RDONLY, Mode::empty());
                    let mut found = vec![0; 20_000];
                    let len = rustix::io::read(fd.expect("a file"), &mut found).expect("bytes");
                    found.truncate(len);
                    let whole = format!("/data/{DEPTH}/{below}");
                    let model = here(self.os.content_of(self.host, whole.as_bytes()));
                    if Ok(found) != model {
                        self.fail("other bytes");
                    }
                }
                _ => {}
            }
        }
    }
}

type Known = (FileType, u32, u64, u64);

/// Links and sizes of directories are the file system's own business.
fn known(mode: u32, links: u64, size: u64) -> Known {
    let kind = FileType::from_raw_mode(mode);
    let is_directory = kind == FileType::Directory;
    let (links, size) = if is_directory { (0, 0) } else { (links, size) };
    (kind, mode & 0o777, links, size)
}

fn of_real(stat: &real::Stat) -> Known {
    #[allow(clippy::unnecessary_cast, reason = "the types depend on the architecture")]
    known(stat.st_mode, stat.st_nlink as u64, stat.st_size as u64)
}

fn of_model(stat: &Stat) -> Known {
    known(stat.mode, stat.links, stat.size)
}

fn names_of_real(fd: &OwnedFd) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(fd)? {
        names.push(entry?.file_name().to_bytes().to_vec());
    }
    names.sort();
    Ok(names)
}

#[test]
fn files_do_what_the_kernel_does() {
    let folder = Folder::new();
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(300);
    for seed in 0..seeds {
        let mut both = Both::new(seed, &folder);
        for _ in 0..150 {
            both.step();
        }
        both.compare("../../../..");
    }
}
