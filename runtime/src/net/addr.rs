//! Types that can be used as an address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use self::sealed::{Addrs, Resolution};
use crate::task;

/// A value that is one or several socket addresses, or a name that can be resolved to some.
///
/// Addresses and their text (`"127.0.0.1:80"`, `"[::1]:80"`, `("::1", 80)`) are taken as they are.
/// A name is looked up by the system's resolver on a thread of the blocking pool. Nobody outside
/// this crate can implement it.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use runtime::net::TcpStream;
///
/// TcpStream::connect("127.0.0.1:80").await?;
/// TcpStream::connect(("localhost", 80)).await?;
/// # Ok(()) }
/// ```
pub trait ToSocketAddrs: sealed::Resolve {}

/// Looks `host` up: all its addresses.
///
/// # Panics
///
/// Outside a runtime, if `host` is a name.
///
/// # Errors
///
/// When the name cannot be resolved.
///
/// # Cancel safety
///
/// Safe: dropping the future loses the answer; a lookup that has begun runs to its end on the
/// blocking pool.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// for addr in runtime::net::lookup_host("localhost:8080").await? {
///     println!("{addr}");
/// }
/// # Ok(()) }
/// ```
pub async fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> io::Result<impl Iterator<Item = SocketAddr>> {
    resolve(host).await
}

/// All addresses of `host`, which is not kept for the time of the wait.
fn resolve(host: impl ToSocketAddrs) -> impl Future<Output = io::Result<Addrs>> {
    let resolution = host.resolve();
    async move {
        match resolution {
            Resolution::Known(addrs) => Ok(addrs),
            Resolution::Lookup(lookup) => Ok(Addrs::Several(lookup.await??)),
        }
    }
}

/// Tries each address of `host` in turn until `attempt` succeeds; the last error else.
///
/// `attempt` is a plain closure that returns an owned future, not an async closure: the future of
/// an async closure borrows from it, and the compiler does not accept a task that holds it as
/// `Send`.
pub(super) async fn each<T, F>(
    host: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut last = None;
    for addr in resolve(host).await? {
        match attempt(addr).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

/// As [`each`], for an attempt that does not wait.
pub(super) async fn each_at_once<T>(
    host: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for addr in resolve(host).await? {
        match attempt(addr) {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

/// The first address of `host`.
pub(super) async fn first(host: impl ToSocketAddrs) -> io::Result<SocketAddr> {
    resolve(host).await?.next().ok_or_else(no_address)
}

#[cold]
fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "this names no address at all: give at least one socket address, or a name that has one",
    )
}

/// Without `port`, `host` ends with one.
fn lookup(host: &str, port: Option<u16>) -> Resolution {
    use std::net::ToSocketAddrs;
    let host = host.to_owned();
    Resolution::Lookup(task::spawn_blocking(move || match port {
        Some(port) => (host.as_str(), port).to_socket_addrs(),
        None => host.to_socket_addrs(),
    }))
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

impl<T: ToSocketAddrs + ?Sized> sealed::Resolve for &T {
    fn resolve(&self) -> Resolution {
        (**self).resolve()
    }
}

/// Kinds that are an address already.
macro_rules! address {
    ($($type:ty),*) => {$(
        impl ToSocketAddrs for $type {}

        impl sealed::Resolve for $type {
            fn resolve(&self) -> Resolution {
                Resolution::known((*self).into())
            }
        }
    )*};
}

address!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl ToSocketAddrs for &[SocketAddr] {}

impl sealed::Resolve for &[SocketAddr] {
    fn resolve(&self) -> Resolution {
        Resolution::Known(Addrs::Several(Vec::from(*self).into_iter()))
    }
}

impl ToSocketAddrs for str {}

impl sealed::Resolve for str {
    fn resolve(&self) -> Resolution {
        match self.parse() {
            Ok(addr) => Resolution::known(addr),
            Err(_) => lookup(self, None),
        }
    }
}

impl ToSocketAddrs for String {}

impl sealed::Resolve for String {
    fn resolve(&self) -> Resolution {
        self.as_str().resolve()
    }
}

impl ToSocketAddrs for (&str, u16) {}

impl sealed::Resolve for (&str, u16) {
    fn resolve(&self) -> Resolution {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => Resolution::known((ip, self.1).into()),
            Err(_) => lookup(self.0, Some(self.1)),
        }
    }
}

impl ToSocketAddrs for (String, u16) {}

impl sealed::Resolve for (String, u16) {
    fn resolve(&self) -> Resolution {
        (self.0.as_str(), self.1).resolve()
    }
}

mod sealed {
    use super::{SocketAddr, io, task};

    pub trait Resolve {
        #[doc(hidden)]
        fn resolve(&self) -> Resolution;
    }

    /// An answer, or the way to it.
    #[derive(Debug)]
    pub enum Resolution {
        Known(Addrs),
        Lookup(task::JoinHandle<io::Result<std::vec::IntoIter<SocketAddr>>>),
    }

    impl Resolution {
        pub(super) fn known(addr: SocketAddr) -> Resolution {
            Resolution::Known(Addrs::One(Some(addr)))
        }
    }

    #[derive(Debug)]
    pub enum Addrs {
        One(Option<SocketAddr>),
        Several(std::vec::IntoIter<SocketAddr>),
    }

    impl Iterator for Addrs {
        type Item = SocketAddr;

        fn next(&mut self) -> Option<SocketAddr> {
            match self {
                Addrs::One(addr) => addr.take(),
                Addrs::Several(addrs) => addrs.next(),
            }
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            match self {
                Addrs::One(addr) => addr.iter().size_hint(),
                Addrs::Several(addrs) => addrs.size_hint(),
            }
        }
    }
}
