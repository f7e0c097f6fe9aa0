//! A server as a process of its own: started, looked at from outside, stopped.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Way;

pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts this very program again, as `four_ways serve WAY`, and reads where it listens.
    pub(crate) fn start(way: Way) -> io::Result<Server> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", way.name()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        match line.trim().parse() {
            Ok(address) => Ok(Server { process, address }),
            Err(_) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(io::Error::other(format!("the server `{}` did not start", way.name())))
            }
        }
    }

    /// The memory that the process has, in bytes. The kernel's own (sockets, stacks of threads
    /// inside of the kernel) is not in it. Not a number where there is no `/proc`.
    pub(crate) fn memory(&self) -> f64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.map_or(f64::NAN, |kib| kib * 1024.0)
    }

    /// The processor time that the process has used, in steps of 10 ms. Zero without `/proc`.
    pub(crate) fn cpu(&self) -> Duration {
        /// A hundredth of a second is the unit of that file on every Linux.
        const TICK: Duration = Duration::from_millis(10);
        let path = format!("/proc/{}/stat", self.process.id());
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        // Behind the name, which stands in brackets: field 3. User and system time are 14 and 15.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        fields
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u32>().ok())
            .map(|n| TICK * n)
            .sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lets this process, and those that it starts, open `wanted` descriptors.
pub(crate) fn allow_descriptors(wanted: u64) -> Result<(), String> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes to `limit` alone.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(format!("the limit of descriptors: {}", io::Error::last_os_error()));
    }
    if limit.rlim_cur >= wanted {
        return Ok(());
    }
    if limit.rlim_max < wanted {
        return Err(format!(
            "{wanted} descriptors are needed and {} are allowed: raise the hard limit \
             (`ulimit -Hn {wanted}` as root, or `LimitNOFILE`), or ask for fewer `--connections`",
            limit.rlim_max
        ));
    }
    limit.rlim_cur = wanted;
    // SAFETY: the call reads `limit` alone.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } != 0 {
        return Err(format!("{wanted} descriptors: {}", io::Error::last_os_error()));
    }
    Ok(())
}
