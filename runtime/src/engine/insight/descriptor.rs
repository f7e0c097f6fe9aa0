//! What is behind the number of a descriptor.
#![allow(unsafe_code, reason = "a descriptor that is somebody else's; docs/unsafe.md, O2")]

use std::os::fd::{BorrowedFd, RawFd};

use socket2::{SockAddr, SockRef};

/// The addresses of a socket; of anything else, what the system calls it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    pub(crate) local: Option<String>,
    pub(crate) peer: Option<String>,
}

/// Asks for the addresses of a descriptor. It may be closed by now, and its number reused.
pub(crate) fn addresses(number: RawFd) -> Addresses {
    if number < 0 {
        return Addresses::default();
    }
    // SAFETY: O2: the kernel is asked for names, by the number; nothing is read, written or closed.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let socket = SockRef::from(&borrowed);
    let text = |address: std::io::Result<SockAddr>| address.ok().and_then(|address| text(&address));
    match socket.local_addr() {
        Ok(local) => Addresses { local: text(Ok(local)), peer: text(socket.peer_addr()) },
        Err(_) => Addresses { local: link(number), peer: None },
    }
}

fn text(address: &SockAddr) -> Option<String> {
    if let Some(address) = address.as_socket() {
        return Some(address.to_string());
    }
    if let Some(path) = address.as_pathname() {
        return Some(path.display().to_string());
    }
    let name = address.as_abstract_namespace()?;
    Some(format!("@{}", String::from_utf8_lossy(name)))
}

#[cfg(target_os = "linux")]
fn link(number: RawFd) -> Option<String> {
    let target = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
    Some(target.display().to_string())
}

#[cfg(not(target_os = "linux"))]
fn link(_: RawFd) -> Option<String> {
    None
}
