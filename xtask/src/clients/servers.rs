//! The servers that the clients talk to: found where Debian puts them, started on a free port of
//! loopback, without files that outlive them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::sides::{Process, failed, output};
use crate::{Outcome, root};

/// How long a server may take to listen.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nats,
    Postgres,
    Redis,
}

impl Kind {
    /// Debian's package.
    pub(super) const fn package(self) -> &'static str {
        match self {
            Kind::Nats => "nats-server",
            Kind::Postgres => "postgresql",
            Kind::Redis => "redis-server",
        }
    }
}

/// A server that runs, ended when dropped.
pub(super) struct Server {
    pub(super) address: String,
    process: Process,
    folder: PathBuf,
}

impl Server {
    /// Starts a server; nothing if it is not installed.
    pub(super) fn start(kind: Kind) -> Result<Option<Server>, String> {
        let folder =
            std::env::temp_dir().join(format!("clients-bench-{}-{kind:?}", std::process::id()));
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        let address = free()?;
        let Some(mut command) = command(kind, &folder, address)? else {
            let _ = fs::remove_dir_all(&folder);
            return Ok(None);
        };
        let log = folder.join("log");
        let file = File::create(&log).map_err(failed(&log))?;
        command.current_dir(&folder).stdin(Stdio::null());
        command.stdout(file.try_clone().map_err(failed(&log))?).stderr(file);
        let process = Process::start(command)?;
        let server = Server { address: address.to_string(), process, folder };
        server.listens(address, &log)?;
        Ok(Some(server))
    }

    fn listens(&self, address: SocketAddr, log: &Path) -> Outcome {
        let start = Instant::now();
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            if start.elapsed() > STARTS_WITHIN {
                let said = fs::read_to_string(log).unwrap_or_default();
                return Err(format!("nobody listens at {address}; the server said:\n{said}"));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // PostgreSQL must end its other processes; INT is its fast shutdown, and ends the others.
        let _ = self.process.signal("INT");
        let _ = self.process.ended(Duration::from_secs(10));
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free() -> Result<SocketAddr, String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map_err(|error| error.to_string())
}

/// The command that starts a server; nothing if there is none.
fn command(kind: Kind, folder: &Path, address: SocketAddr) -> Result<Option<Command>, String> {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let program = match kind {
        Kind::Nats => "nats-server",
        Kind::Postgres => "postgres",
        Kind::Redis => "redis-server",
    };
    let Some(program) = find(program) else { return Ok(None) };
    let mut command = Command::new(&program);
    match kind {
        Kind::Nats => {
            command.args(["-a", &host, "-p", &port]);
        }
        Kind::Redis => {
            command.args(["--bind", &host, "--port", &port, "--save", "", "--appendonly", "no"]);
        }
        Kind::Postgres => {
            let data = folder.join("data");
            let mut initdb = as_postgres(&program.with_file_name("initdb"), folder)?;
            initdb.args(["--auth", "trust", "--username", "postgres", "--pgdata"]).arg(&data);
            output(initdb.current_dir(folder))?;
            command = as_postgres(&program, folder)?;
            command.args(["-h", &host, "-p", &port, "-k"]).arg(folder).arg("-D").arg(&data);
        }
    }
    Ok(Some(command))
}

/// A command of PostgreSQL, which does not run as root: then as Debian's user `postgres`.
fn as_postgres(program: &Path, folder: &Path) -> Result<Command, String> {
    if output(Command::new("id").arg("-u"))? != b"0\n" {
        return Ok(Command::new(program));
    }
    output(Command::new("chown").arg("postgres").arg(folder))?;
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]);
    command.arg(program);
    Ok(command)
}

/// Where a server lies: in the path, or where Debian puts what users do not call.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> =
        vec!["/usr/sbin".into(), "/usr/local/sbin".into(), root().join("target/clients-bench")];
    folders.extend(std::env::split_paths(&path));
    // Those of PostgreSQL by version; the newest first.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().chain(folders).map(|folder| folder.join(program)).find(|file| {
        // The commands beside it must be there, too.
        file.is_file() && (program != "postgres" || file.with_file_name("initdb").is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_the_path() {
        assert!(find("sh").is_some_and(|file| file.is_absolute()));
        assert!(find("a-server-that-nobody-has").is_none());
    }
}
