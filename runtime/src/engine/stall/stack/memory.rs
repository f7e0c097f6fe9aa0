//! Reads this process's own memory at addresses that may not be mapped.
//!
//! An address that comes from a stack, a register or a table may be wrong by the time it is used:
//! the thread went on, the library was unloaded. So nothing is read through a pointer: the kernel
//! copies from `/proc/self/mem`, and says how much of it was mapped.
//!
//! `pread` on that file is used and not `process_vm_readv`, since sandboxes kill processes for the
//! latter: `process_wide/own_memory.rs`.
#![allow(unsafe_code, reason = "the pread system call; the block cites docs/unsafe.md")]

use crate::engine::process_wide::own_memory;

/// Copies from `address` on into `into`, up to the first page that is not readable; returns the
/// number of bytes copied: none before [`own_memory::open`]. Async-signal-safe: no allocation, no
/// lock; it may change `errno`.
pub(crate) fn read(address: u64, into: &mut [u8]) -> usize {
    let Some(memory) = own_memory::descriptor() else { return 0 };
    let mut done = 0;
    while done < into.len() {
        let Some(at) = address.checked_add(done as u64).and_then(|at| i64::try_from(at).ok())
        else {
            break;
        };
        let rest = &mut into[done..];
        // SAFETY: K2. `rest` is `rest.len()` bytes that this function borrows mutably. The kernel
        // copies what is at the address itself, and answers with an error for what is not mapped:
        // the process does not fault. Reading memory that another thread writes is a copy made by
        // the kernel, not an access of this program's memory model. The file is never closed, or is
        // no more used by this process once another is.
        let copied = unsafe { libc::pread64(memory, rest.as_mut_ptr().cast(), rest.len(), at) };
        match usize::try_from(copied) {
            Ok(copied @ 1..) => done += copied,
            _ => break,
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
        own_memory::open().unwrap();
        let bytes: Vec<u8> = (0..200_000).map(|i| i as u8).collect();
        let mut copy = vec![0; bytes.len()];
        assert_eq!(read(bytes.as_ptr().addr() as u64, &mut copy), bytes.len());
        assert_eq!(copy, bytes);
        assert_eq!(read(16, &mut copy), 0);
        assert_eq!(read(u64::MAX - 4, &mut copy), 0);
        assert_eq!(read_array::<4>(0), None);
    }
}
