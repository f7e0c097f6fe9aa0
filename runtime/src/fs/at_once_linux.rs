//! Operations without a job: the calling thread takes what the system has in memory.
//!
//! # Reads
//!
//! The system is asked not to wait (`RWF_NOWAIT`): it copies what it has in memory, which costs
//! less than half a wake-up, or returns that it would have to wait. Then the read is a job like any
//! other. The position moves as in a read.
//!
//! # Paths
//!
//! Since Linux 5.12 it can be asked to follow a path only in memory, too (`RESOLVE_CACHED`).
//! What is found is opened with `O_PATH`, which tells nobody, and looked at: a pipe or a device
//! must not be opened and closed again, since that has effects. To open a file can wait for a
//! server (NFS, FUSE), so it is done where the file system is a local one. Whatever is not found,
//! not allowed or not certain is `None`, and then a job asks again and has the error.
#![allow(unsafe_code, reason = "bytes that the system wrote are initialised; see docs/unsafe.md")]

use std::ffi::{CStr, CString};
use std::fs::{File, Metadata};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::c_int;

use crate::io::ReadBuf;

/// The most bytes that are copied without a job: a few microseconds.
pub(super) const MOST_BYTES: usize = 64 * 1024;

/// File systems whose files are opened, and whose inodes are looked at, without waiting if they are
/// in memory. An overlay lies on others, which are local ones nearly always.
#[allow(clippy::unnecessary_cast, reason = "the types depend on the platform")]
const LOCAL: [i64; 6] = [
    libc::EXT4_SUPER_MAGIC as i64,
    libc::XFS_SUPER_MAGIC as i64,
    libc::BTRFS_SUPER_MAGIC as i64,
    libc::F2FS_SUPER_MAGIC as i64,
    libc::OVERLAYFS_SUPER_MAGIC as i64,
    IN_MEMORY,
];

/// The one of them that has no disk.
#[allow(clippy::unnecessary_cast, reason = "the type depends on the platform")]
const IN_MEMORY: i64 = libc::TMPFS_MAGIC as i64;

/// The result of a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AtOnce {
    /// Bytes were read.
    Done,
    /// The file is at its end, or seems to be: Linux 5.9 and 5.10 say so where it is not.
    AtEnd,
    /// Not now: the system would have to wait.
    Later,
    /// Never with this file: its file system does not support it, or there is an error, which the
    /// job will return.
    Never,
}

/// Reads at most so many bytes if that needs no waiting.
pub(super) fn read(file: &File, buf: &mut ReadBuf<'_>, most: usize) -> AtOnce {
    read_with(file, buf, most, libc::RWF_NOWAIT)
}

fn read_with(file: &File, buf: &mut ReadBuf<'_>, most: usize, flags: c_int) -> AtOnce {
    // SAFETY: the system only writes there, so nothing initialised becomes uninitialised.
    let room = unsafe { buf.unfilled_mut() };
    let iov_len = most.min(room.len());
    let piece = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len };
    // SAFETY: there is one piece, valid for writes of its length, which outlives the call; the
    // descriptor is open. The offset -1 stands for the file's own position.
    let n = unsafe { libc::preadv2(file.as_raw_fd(), &piece, 1, -1, flags) };
    match usize::try_from(n) {
        Ok(0) => AtOnce::AtEnd,
        Ok(n) => {
            // SAFETY: the system says that it wrote `n` bytes from the start of `room`.
            unsafe { buf.assume_init(n) };
            buf.advance(n);
            AtOnce::Done
        }
        Err(_) => match io::Error::last_os_error().kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => AtOnce::Later,
            _ => AtOnce::Never,
        },
    }
}

/// The whole content of a small file.
pub(super) fn read_whole(path: &Path) -> Option<Vec<u8>> {
    let found = Found::at(path)?;
    let size = usize::try_from(found.size).ok().filter(|size| *size <= MOST_BYTES)?;
    // A file in memory has nothing to wait for, and does not know the flag.
    let flags = if found.in_memory { 0 } else { libc::RWF_NOWAIT };
    let file = File::from(found.open()?);
    let mut content = Vec::with_capacity(size);
    let mut buf = ReadBuf::uninit(content.spare_capacity_mut());
    let read = read_with(&file, &mut buf, size, flags);
    let length = buf.filled().len();
    let is_all = length == size && matches!(read, AtOnce::Done | AtOnce::AtEnd);
    // SAFETY: the buffer has initialised so many bytes from the start of the content.
    is_all.then(|| unsafe { content.set_len(length) })?;
    Some(content)
}

/// Opens a file to read it.
pub(super) fn open(path: &Path) -> Option<File> {
    let opened = Found::at(path)?.open()?;
    // SAFETY: the descriptor is open, and its file is an ordinary one, which never blocks: so the
    // flags can be those of any open to read.
    let cleared = unsafe { libc::fcntl(opened.as_raw_fd(), libc::F_SETFL, 0) };
    (cleared == 0).then(|| File::from(opened))
}

/// The metadata of what is at a path; of a link itself if it is not to be followed.
pub(super) fn metadata(path: &Path, follow: bool) -> Option<Metadata> {
    let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
    let found = open_cached(&name(path)?, libc::O_PATH | nofollow)?;
    kind(&found)?;
    File::from(found).metadata().ok()
}

/// Whether something is certainly at a path.
pub(super) fn is_there(path: &Path) -> bool {
    name(path).and_then(|name| open_cached(&name, libc::O_PATH)).is_some()
}

/// An ordinary file of a local file system.
struct Found {
    name: CString,
    size: u64,
    in_memory: bool,
}

impl Found {
    fn at(path: &Path) -> Option<Found> {
        let name = name(path)?;
        let found = open_cached(&name, libc::O_PATH)?;
        let in_memory = kind(&found)? == IN_MEMORY;
        // SAFETY: all fields are numbers.
        let mut about: libc::statx = unsafe { mem::zeroed() };
        let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
        let wanted = libc::STATX_TYPE | libc::STATX_SIZE;
        // SAFETY: the descriptor is open, the name ends with a zero, and the struct may be written.
        let done =
            unsafe { libc::statx(found.as_raw_fd(), c"".as_ptr(), flags, wanted, &mut about) };
        let is_file = u32::from(about.stx_mode) & libc::S_IFMT == libc::S_IFREG;
        (done == 0 && is_file).then_some(Found { name, size: about.stx_size, in_memory })
    }

    /// Opens it to read. If something else has taken the place since the look, that is opened: what
    /// cannot be read at once says so, and does not wait.
    fn open(&self) -> Option<OwnedFd> {
        open_cached(&self.name, libc::O_RDONLY | libc::O_NONBLOCK)
    }
}

fn name(path: &Path) -> Option<CString> {
    CString::new(path.as_os_str().as_bytes()).ok()
}

/// Opens what is at a path, if the whole path is in memory.
fn open_cached(name: &CStr, flags: c_int) -> Option<OwnedFd> {
    // SAFETY: all fields are numbers.
    let mut how: libc::open_how = unsafe { mem::zeroed() };
    how.flags = (flags | libc::O_CLOEXEC) as u64;
    how.resolve = libc::RESOLVE_CACHED;
    let size = mem::size_of_val(&how);
    // SAFETY: the name ends with a zero, the struct is as large as the size says, and both outlive
    // the call.
    let fd = unsafe {
        libc::syscall(libc::SYS_openat2, libc::AT_FDCWD, name.as_ptr(), &raw const how, size)
    };
    let fd = c_int::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the system has opened it for us just now.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The kind of the file system, if it is one of [`LOCAL`].
fn kind(found: &OwnedFd) -> Option<i64> {
    // SAFETY: all fields are numbers.
    let mut about: libc::statfs = unsafe { mem::zeroed() };
    // SAFETY: the descriptor is open, and the struct may be written.
    let done = unsafe { libc::fstatfs(found.as_raw_fd(), &mut about) };
    #[allow(clippy::unnecessary_cast, reason = "its type depends on the platform")]
    let kind = about.f_type as i64;
    (done == 0 && LOCAL.contains(&kind)).then_some(kind)
}
