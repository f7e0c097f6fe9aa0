//! A process that runs seeds.
//!
//! The test's program starts itself again for each core, with a name in its environment; the test
//! of that name then becomes a server: it reads jobs from its standard input, which is a socket,
//! and forks for each. So every seed begins with the same memory: statics that an earlier seed has
//! changed, caches that it has filled, do not reach the next one. The server has one thread and has
//! run nothing, so a fork is a copy of a process that just began, without the cost of its start.

use std::io::{self, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use super::job::{Failure, Job, Outcome};
use crate::child::{self, Body};
use crate::raw;

/// The name of the test whose server this process is.
pub(crate) const SERVER: &str = "RUNTIME_SIM_SERVER";
/// Set in processes that simulate: `runtime` looks for it.
const SIMULATED: &str = "RUNTIME_SIM";
/// Which core the server shall keep to.
const CORE: &str = "RUNTIME_SIM_CORE";

/// Serves until there are no more jobs, and ends the process.
pub(crate) fn serve(body: Body) -> ! {
    let ended = match crate::interpose::check() {
        Ok(()) => {
            crate::interpose::prepare();
            jobs(body)
        }
        Err(text) => refuse(&text),
    };
    if let Err(error) = ended {
        eprintln!("runtime-sim: a process that runs seeds has lost its test: {error}");
        raw::exit(101);
    }
    raw::exit(0)
}

fn socket() -> io::Result<(UnixStream, BufReader<UnixStream>)> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    Ok((socket.try_clone()?, BufReader::new(socket)))
}

/// Answers the first job with what is wrong.
fn refuse(text: &str) -> io::Result<()> {
    let (mut out, mut input) = socket()?;
    while let Some(job) = Job::read(&mut input)? {
        out.write_all(failed(job.seed, "setup", text.to_owned()).to_text().as_bytes())?;
    }
    Ok(())
}

fn jobs(body: Body) -> io::Result<()> {
    if let Some(core) = std::env::var(CORE).ok().and_then(|core| core.parse().ok()) {
        raw::pin(core);
    }
    let (mut out, mut input) = socket()?;
    while let Some(job) = Job::read(&mut input)? {
        match raw::fork()? {
            None => {
                let outcome = child::run(&job, body);
                let sent = out.write_all(outcome.to_text().as_bytes());
                raw::exit(i32::from(sent.is_err()));
            }
            Some(child) => match raw::wait_for(child)? {
                0 => {}
                status => {
                    let how = match (status & 0x7f, status >> 8 & 0xff) {
                        (0, code) => {
                            format!("the process ended with code {code} in the middle of the run")
                        }
                        (signal, _) => format!("the process was killed by signal {signal}"),
                    };
                    let text = failed(job.seed, "died", how).to_text();
                    out.write_all(text.as_bytes())?;
                }
            },
        }
    }
    Ok(())
}

fn failed(seed: u64, kind: &str, text: String) -> Outcome {
    Outcome {
        seed,
        hash: 0,
        steps: 0,
        switches: 0,
        virtual_ns: 0,
        failure: Some(Failure::new(kind, text, String::new())),
        faults: Vec::new(),
        deviations: None,
    }
}

/// A server, seen from the test.
pub(crate) struct Server {
    child: Child,
    out: UnixStream,
    input: BufReader<UnixStream>,
}

/// How servers are started.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The test's name.
    pub(crate) name: String,
    /// Whether the program is a test harness, which is told which test to run.
    pub(crate) in_harness: bool,
    /// Whether the kernel may place the program's memory where it likes.
    pub(crate) random_addresses: bool,
}

impl Server {
    pub(crate) fn start(how: &Start, core: Option<usize>) -> io::Result<Server> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(std::env::current_exe()?);
        if how.in_harness {
            command.args(["--exact", &how.name, "--nocapture", "--test-threads=1", "--quiet"]);
            command.arg("--include-ignored");
        } else {
            command.args(std::env::args_os().skip(1));
        }
        command.env(SERVER, &how.name).env(SIMULATED, "1");
        // A report of the harness would stand between those of the test.
        command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs))).stdout(Stdio::null());
        match core {
            Some(core) => command.env(CORE, core.to_string()),
            None => command.env_remove(CORE),
        };
        if !how.random_addresses {
            raw::without_random_addresses(&mut command);
        }
        let child = command.spawn()?;
        Ok(Server { child, out: ours.try_clone()?, input: BufReader::new(ours) })
    }

    pub(crate) fn run(&mut self, job: &Job) -> io::Result<Outcome> {
        self.out.write_all(job.to_text().as_bytes())?;
        Outcome::read(&mut self.input)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.out.shutdown(std::net::Shutdown::Both);
        let _ = self.child.wait();
    }
}
