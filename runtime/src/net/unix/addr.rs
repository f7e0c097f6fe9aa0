//! Addresses of Unix sockets.

use std::fmt;
use std::io;
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net;
use std::path::Path;

use socket2::SockAddr;

/// The address of a Unix socket: a path, a name in the abstract namespace of Linux, or nothing.
///
/// # Examples
///
/// ```
/// use runtime::net::unix::SocketAddr;
///
/// let addr: SocketAddr = std::os::unix::net::SocketAddr::from_pathname("/tmp/x").unwrap().into();
/// assert_eq!(addr.as_pathname(), Some("/tmp/x".as_ref()));
/// ```
#[derive(Clone)]
pub struct SocketAddr(pub(super) net::SocketAddr);

impl SocketAddr {
    /// Whether the socket has no name.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if it is one.
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// The name in the abstract namespace, without the zero byte that it begins with. Linux only.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.0.as_abstract_name()
    }

    /// What `path` means: a path, or, where there is an abstract namespace, a name in it if it
    /// begins with a zero byte.
    pub(super) fn of(path: &Path) -> io::Result<SocketAddr> {
        named(&SockAddr::unix(path)?).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "this is no path that a Unix socket can have",
            )
        })
    }

    /// What the system said; nothing at all means that the socket has no name.
    pub(super) fn from_system(addr: SockAddr) -> io::Result<SocketAddr> {
        match named(&addr) {
            Some(addr) => Ok(addr),
            None => net::SocketAddr::from_pathname("").map(SocketAddr),
        }
    }
}

/// The address, if it is a path or an abstract name.
fn named(addr: &SockAddr) -> Option<SocketAddr> {
    addr.as_unix().or_else(|| abstract_name(addr)).map(SocketAddr)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_name(addr: &SockAddr) -> Option<net::SocketAddr> {
    net::SocketAddr::from_abstract_name(addr.as_abstract_namespace()?).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_name(_: &SockAddr) -> Option<net::SocketAddr> {
    None
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<net::SocketAddr> for SocketAddr {
    fn from(addr: net::SocketAddr) -> SocketAddr {
        SocketAddr(addr)
    }
}

impl From<SocketAddr> for net::SocketAddr {
    fn from(addr: SocketAddr) -> net::SocketAddr {
        addr.0
    }
}
