//! Reading this process's own memory where it may not be there.
//!
//! An address that comes from a stack, a register or a table may be wrong by the time it is used:
//! the thread went on, the library was unloaded. So nothing here is read through a pointer: the
//! kernel copies, and says how much of it was there.
#![allow(unsafe_code, reason = "the process_vm_readv system call; the block cites docs/unsafe.md")]

/// Memory is there or not by whole pages: no smaller ones exist on the supported processors.
const PAGE: u64 = 4096;
/// Pages copied by one system call.
const BATCH: usize = 32;

/// Copies from `address` on into `into`, up to the first page that is not readable; returns the
/// number of bytes copied. Async-signal-safe: no allocation, no lock; it may change `errno`.
pub(crate) fn read(address: u64, into: &mut [u8]) -> usize {
    let mut done = 0;
    while done < into.len() {
        // One entry a page, because a transfer may stop between entries only.
        let mut pages = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; BATCH];
        let mut count = 0;
        let mut length = 0;
        while count < BATCH && done + length < into.len() {
            let Some(at) = address.checked_add((done + length) as u64) else { break };
            let in_page = (PAGE - at % PAGE).min((into.len() - done - length) as u64);
            pages[count] = libc::iovec {
                iov_base: std::ptr::without_provenance_mut(at as usize),
                iov_len: in_page as usize,
            };
            count += 1;
            length += in_page as usize;
        }
        if count == 0 {
            break;
        }
        let local = libc::iovec { iov_base: into[done..].as_mut_ptr().cast(), iov_len: length };
        // SAFETY: `local` is the part of `into` from `done` on, `length` bytes that this function
        // borrows mutably. `pages` are addresses that the kernel checks itself: it answers EFAULT
        // for what is not mapped and never lets the process fault. Reading memory that another
        // thread writes is a copy made by the kernel, not an access of this program's memory model.
        let copied = unsafe {
            libc::process_vm_readv(libc::getpid(), &local, 1, pages.as_ptr(), count as _, 0)
        };
        match usize::try_from(copied) {
            Ok(copied) => {
                done += copied;
                if copied < length {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    done
}

/// Copies `length` bytes, or nothing if they are not all there.
pub(crate) fn read_all(address: u64, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    (read(address, &mut bytes) == length).then_some(bytes)
}

/// Copies `N` bytes, if they are all there.
pub(crate) fn read_array<const N: usize>(address: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    (read(address, &mut bytes) == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_copied_and_what_is_not_is_not() {
        let bytes: Vec<u8> = (0..200_000).map(|i| i as u8).collect();
        let mut copy = vec![0; bytes.len()];
        assert_eq!(read(bytes.as_ptr().addr() as u64, &mut copy), bytes.len());
        assert_eq!(copy, bytes);
        assert_eq!(read(16, &mut copy), 0);
        assert_eq!(read(u64::MAX - 4, &mut copy), 0);
        assert_eq!(read_array::<4>(0), None);
    }
}
