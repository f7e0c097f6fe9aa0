//! `eventfd`: a counter that can be waited for.

use std::io::{IoSlice, IoSliceMut};

use super::bytes::{copy_out, gather};
use super::errno::{Errno, Result};
use super::ready::{IN, OUT};
use super::table::Kind;
use super::{Fd, HostId, ObjectId, Os};

pub(super) struct EventFd {
    count: u64,
    semaphore: bool,
}

/// The largest count: one below the largest number (eventfd(2)).
const MOST: u64 = u64::MAX - 1;

impl EventFd {
    pub(super) fn mask(&self) -> u32 {
        let readable = if self.count > 0 { IN } else { 0 };
        let writable = if self.count < MOST { OUT } else { 0 };
        readable | writable
    }

    fn take(&mut self) -> u64 {
        let taken = if self.semaphore { self.count.min(1) } else { self.count };
        self.count -= taken;
        taken
    }
}

impl Os {
    /// `eventfd2`: `EFD_SEMAPHORE`, `EFD_NONBLOCK`, `EFD_CLOEXEC`.
    pub(crate) fn eventfd(&mut self, host: HostId, value: u32, flags: i32) -> Result<Fd> {
        if flags & !(libc::EFD_SEMAPHORE | libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        let semaphore = flags & libc::EFD_SEMAPHORE != 0;
        let counter = EventFd { count: value.into(), semaphore };
        let status = libc::O_RDWR | (flags & (libc::O_NONBLOCK | libc::O_CLOEXEC));
        self.install(host, status, Kind::EventFd(counter))
    }

    pub(super) fn read_eventfd(
        &mut self,
        id: ObjectId,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Result<usize> {
        let Kind::EventFd(counter) = &mut self.object_mut(id).kind else {
            return Err(Errno::EINVAL);
        };
        if bufs.iter().map(|buf| buf.len()).sum::<usize>() < 8 {
            return Err(Errno::EINVAL);
        }
        let taken = counter.take();
        if taken == 0 {
            return Err(Errno::EAGAIN);
        }
        copy_out(&taken.to_ne_bytes(), bufs);
        self.notify(id, OUT);
        Ok(8)
    }

    pub(super) fn write_eventfd(&mut self, id: ObjectId, bufs: &[IoSlice<'_>]) -> Result<usize> {
        let Kind::EventFd(counter) = &mut self.object_mut(id).kind else {
            return Err(Errno::EINVAL);
        };
        // Exactly eight bytes, since Linux 6.8; before, more were taken and ignored.
        let bytes = gather(bufs, 9);
        let Ok(bytes) = <[u8; 8]>::try_from(bytes) else { return Err(Errno::EINVAL) };
        let value = u64::from_ne_bytes(bytes);
        if value == u64::MAX {
            return Err(Errno::EINVAL);
        }
        match counter.count.checked_add(value) {
            Some(sum) if sum <= MOST => counter.count = sum,
            _ => return Err(Errno::EAGAIN),
        }
        self.notify(id, IN);
        Ok(8)
    }
}
