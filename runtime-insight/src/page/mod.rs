//! The page shows what a program does, in a browser. [`page`] serves it from inside a program, the
//! command `runtime-insight PID` for another one.
//!
//! | file | content |
//! |---|---|
//! | `source.rs` | whom the page asks: the runtimes of this process, or a socket |
//! | `hub.rs` | what one page knows: the last dump, the numbers of the last minutes |
//! | `snapshot.rs` | one dump, as the table needs it: sorted, filtered, in pieces |
//! | `task.rs` | tasks as they are kept |
//! | `history.rs` | the numbers of the last minutes |
//! | `knots.rs` | locks with those who wait for them; circles of waits |
//! | `api.rs` | the answers, by path |
//! | `query.rs` | what stands behind the `?` of an address |
//! | `gate.rs` | who may ask: token, host, method |
//! | `server.rs` | the thread that listens, and its limits |
//! | `assets/` | what the browser loads |
//!
//! # Who may ask
//!
//! Names and places in the source are private, but every user of the machine, and every page that
//! the user has open, can reach a port of the loopback. So:
//!
//! 1. It listens on addresses of the loopback only.
//! 2. A request must have the token: in its address, as the first one does, in the cookie that the
//!    first answer sets, or as a bearer. It is 256 random bits, and is compared in constant time.
//! 3. Its `Host` must be a name of the loopback: another site cannot make its own name lead here.
//! 4. What another site asks for (`Sec-Fetch-Site`) is refused, but for the page as a whole.
//! 5. Only GET and HEAD are answered, and no answer changes anything in the program.
//! 6. The page loads nothing from elsewhere, and its content security policy forbids it to.
//!
//! A refused client gets an error, and its connection is closed. `server.rs` has the limits.

mod api;
mod gate;
mod history;
mod hub;
mod knots;
mod query;
mod server;
mod snapshot;
mod source;
mod task;

use std::fmt;
use std::io;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use runtime::Handle;
use runtime::insight::Insight;

use gate::Gate;
use hub::Hub;
use server::Server;
use source::{Local, Socket, Told};

use crate::error::Error;

/// Switches insight on and serves the page from inside the program, for those that a command
/// cannot reach: in a container, for instance.
///
/// `address` is one of the loopback with a port, as `127.0.0.1:0` or `localhost:7070`; port 0 is
/// any free one. The address of the page, with its token, is printed on stderr: see [`Page`] for
/// another place. The page has a thread of its own, and ends with the last runtime that was built
/// with it.
///
/// # Errors
///
/// `Builder::build` gives an error if the address is not one of the loopback, or is in use.
///
/// # Examples
///
/// ```
/// let runtime = runtime::Builder::new_multi_thread()
///     .worker_threads(2)
///     .insight(runtime_insight::page("127.0.0.1:0"))
///     .build()?;
/// # drop(runtime);
///
/// let open = runtime::Builder::new_current_thread()
///     .insight(runtime_insight::page("0.0.0.0:80"))
///     .build();
/// assert!(open.unwrap_err().to_string().contains("loopback"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn page(address: impl Into<String>) -> Insight {
    Page::at(address).into()
}

/// The page, with a function that receives its address: `Builder::insight` takes it.
///
/// # Examples
///
/// ```
/// use runtime_insight::Page;
///
/// let page = Page::at("127.0.0.1:0").on_start(|address| {
///     // http://127.0.0.1:41234/?token=6f1c..
///     assert!(address.starts_with("http://127.0.0.1:"));
/// });
/// let runtime = runtime::Builder::new_current_thread().insight(page).build()?;
/// # drop(runtime);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Page {
    address: String,
    on_start: OnStart,
}

type OnStart = Box<dyn Fn(&str) + Send + Sync>;

impl Page {
    /// A page at this address, as [`page`] takes it.
    ///
    /// # Examples
    ///
    /// See [`Page`].
    pub fn at(address: impl Into<String>) -> Page {
        let on_start = Box::new(|address: &str| {
            let _ = writeln!(io::stderr(), "runtime-insight: the page is at {address}");
        });
        Page { address: address.into(), on_start }
    }

    /// Sets the function that is called with the address, token included, once the page can be
    /// opened. Without it a line on stderr gives the address.
    ///
    /// # Examples
    ///
    /// See [`Page`].
    #[must_use]
    pub fn on_start(mut self, hear: impl Fn(&str) + Send + Sync + 'static) -> Page {
        self.on_start = Box::new(hear);
        self
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page").field("address", &self.address).finish_non_exhaustive()
    }
}

impl From<Page> for Insight {
    fn from(page: Page) -> Insight {
        let current: Mutex<Option<(Arc<Local>, Server)>> = Mutex::new(None);
        let told = Arc::new(Told::default());
        let hears = Arc::clone(&told);
        let insight = Insight::on().on_finding(move |finding| {
            let _ = writeln!(io::stderr(), "runtime: {finding}");
            source::keep(&hears, finding);
        });
        insight.with(move |handle| {
            let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((local, _)) = &*current {
                if local.add(handle) {
                    return Ok(());
                }
            }
            // The page before has ended or is about to. Then its port is free.
            if let Some((_, server)) = current.take() {
                server.join();
            }
            *current = Some(page.start(handle, Arc::clone(&told))?);
            Ok(())
        })
    }
}

impl Page {
    fn start(&self, handle: &Handle, told: Arc<Told>) -> io::Result<(Arc<Local>, Server)> {
        let local = Arc::new(Local::new(handle, told));
        let server = serve(&self.address, Hub::new(Arc::clone(&local)))?;
        (self.on_start)(&server.url());
        Ok((local, server))
    }
}

/// Listens at `address` and serves on a thread.
fn serve(address: &str, hub: Hub) -> io::Result<Server> {
    let address = loopback(address)?;
    let listener = std::net::TcpListener::bind(address).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => ". With port 0 any free port is taken",
            _ => "",
        };
        io::Error::new(
            error.kind(),
            format!("the page cannot listen on {address}: {error}{advice}"),
        )
    })?;
    let gate = Gate::new(listener.local_addr()?)?;
    Server::start(listener, gate, Arc::new(hub))
}

/// The address, if only this machine can reach it.
fn loopback(text: &str) -> io::Result<SocketAddr> {
    let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
    let parsed = match text.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port| (Ipv4Addr::LOCALHOST, port).into()),
        None => text.parse().ok(),
    };
    let Some(address): Option<SocketAddr> = parsed else {
        return Err(invalid(format!(
            "{text:?} is no address for the page: give one of the loopback with a port, as \
             127.0.0.1:0"
        )));
    };
    let is_loopback = match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    if !is_loopback {
        return Err(invalid(format!(
            "the page shows the inside of the program, so it listens on the loopback only, and \
             {address} is not of it: use 127.0.0.1:{port}, and reach it from elsewhere through a \
             tunnel (ssh -L, kubectl port-forward)",
            port = address.port()
        )));
    }
    Ok(address)
}

/// A page for another program, through its socket: what the command `runtime-insight PID` opens.
///
/// It is served until this is dropped.
///
/// # Examples
///
/// See [`Viewer::of_process`].
#[derive(Debug)]
pub struct Viewer {
    server: Server,
}

impl Viewer {
    /// Serves the page of the process at an address, as [`page`] takes it.
    ///
    /// # Errors
    ///
    /// If the program cannot be looked into, see [`Client::attach`](crate::Client::attach), or
    /// the address cannot be had.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let viewer = runtime_insight::Viewer::of_process(4711, "127.0.0.1:0")?;
    /// println!("open {}", viewer.url());
    /// std::thread::park();
    /// # Ok::<(), runtime_insight::Error>(())
    /// ```
    pub fn of_process(pid: u32, address: &str) -> Result<Viewer, Error> {
        Viewer::start(Socket::of_process(pid)?, address)
    }

    /// The same by the path of the program's socket.
    ///
    /// # Errors
    ///
    /// See [`of_process`](Viewer::of_process).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let socket = std::path::Path::new("/srv/box/run/runtime-insight/1.sock");
    /// let viewer = runtime_insight::Viewer::of_socket(socket, "127.0.0.1:0")?;
    /// println!("open {}", viewer.url());
    /// # Ok::<(), runtime_insight::Error>(())
    /// ```
    pub fn of_socket(socket: &Path, address: &str) -> Result<Viewer, Error> {
        Viewer::start(Socket::at(socket)?, address)
    }

    fn start(socket: Socket, address: &str) -> Result<Viewer, Error> {
        let server = serve(address, Hub::new(socket)).map_err(Error::Page)?;
        Ok(Viewer { server })
    }

    /// The address of the page, with its token. Whoever has it sees what the page shows.
    ///
    /// # Examples
    ///
    /// See [`of_process`](Viewer::of_process).
    pub fn url(&self) -> String {
        self.server.url()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.server.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_loopback_are_taken() {
        for good in ["127.0.0.1:0", "127.8.9.1:80", "[::1]:7070", "localhost:7070"] {
            assert!(loopback(good).is_ok(), "{good}");
        }
        for (bad, word) in [
            ("0.0.0.0:0", "loopback only"),
            ("[::]:80", "loopback only"),
            ("192.168.1.1:80", "tunnel"),
            ("[::ffff:127.0.0.1]:80", "loopback only"),
            ("127.0.0.1", "no address"),
            ("localhost:http", "no address"),
            ("example.org:80", "no address"),
        ] {
            let error = loopback(bad).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(word), "{bad}: {error}");
        }
    }
}
