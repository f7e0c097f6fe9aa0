//! Addresses of Unix sockets.

use std::ffi::OsStr;
use std::fmt;
use std::io;
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net;
use std::path::Path;

use socket2::SockAddr;

use crate::engine::messages;

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
///
/// ```
/// # #[runtime::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime::net::UnixListener;
///
/// # let path = std::env::temp_dir().join(format!("runtime-doc-addr-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let address = listener.local_addr()?;
/// assert_eq!(address.as_pathname(), Some(path.as_path()));
/// assert!(!address.is_unnamed());
/// assert_eq!(address.as_abstract_name(), None);
/// # runtime::fs::remove_file(path).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SocketAddr(pub(super) net::SocketAddr);

impl SocketAddr {
    /// Whether the socket has no name.
    ///
    /// # Examples
    ///
    /// See [`SocketAddr`].
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if the address is one.
    ///
    /// # Examples
    ///
    /// See [`SocketAddr`].
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }

    /// The name in the abstract namespace, without the zero byte that it begins with. Linux only.
    ///
    /// # Examples
    ///
    /// See [`SocketAddr`].
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        self.0.as_abstract_name()
    }

    /// The address in the system's form.
    pub(super) fn to_system(&self) -> io::Result<SockAddr> {
        match (self.0.as_pathname(), abstract_name(&self.0)) {
            (Some(path), _) => SockAddr::unix(path),
            (None, Some(name)) => SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat())),
            (None, None) => SockAddr::unix(""),
        }
    }

    /// Makes an address of what the system said. It is unnamed if the system said nothing, or a
    /// path without room for its end, for which std has no value.
    pub(super) fn from_system(addr: SockAddr) -> io::Result<SocketAddr> {
        let path = addr.as_pathname().and_then(|path| net::SocketAddr::from_pathname(path).ok());
        match path.or_else(|| of_abstract_name(addr.as_abstract_namespace()?)) {
            Some(addr) => Ok(SocketAddr(addr)),
            None => net::SocketAddr::from_pathname("").map(SocketAddr),
        }
    }
}

/// What `path` means to the system: a path; where there is an abstract namespace, a name in it if
/// it begins with a zero byte; or nothing, if it is empty.
///
/// # Errors
///
/// `InvalidInput` if it is too long, or a path with a zero byte: the system would cut the path off
/// at that byte.
pub(super) fn system_addr(path: &Path) -> io::Result<SockAddr> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) && !(HAS_ABSTRACT_NAMES && bytes[0] == 0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, messages::ZERO_BYTE_IN_PATH));
    }
    SockAddr::unix(path)
}

const HAS_ABSTRACT_NAMES: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_name(addr: &net::SocketAddr) -> Option<&[u8]> {
    addr.as_abstract_name()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn of_abstract_name(name: &[u8]) -> Option<net::SocketAddr> {
    net::SocketAddr::from_abstract_name(name).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_name(_: &net::SocketAddr) -> Option<&[u8]> {
    None
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn of_abstract_name(_: &[u8]) -> Option<net::SocketAddr> {
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
