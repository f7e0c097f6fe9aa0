//! The world while it runs: what can be asked and done from within.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::conductor::baton::{self, with};
use crate::conductor::{How, On, Verdict};
use crate::faults::{Fault, FaultKind};
use crate::network::Network;
use crate::os::{Crash, Cut, DiskFaults, HostId, Latency, LinkSpec, Unsynced, Where};
use crate::sim::{Disks, HostPlan, Main};

/// Who waits under this key for the end of a host's main function.
pub(crate) const DIRECTOR: usize = usize::MAX;

/// The running world.
///
/// Checks get it; code of hosts and clients gets it from [`world`].
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
}

struct Shared {
    names: Vec<String>,
    mains: Vec<Main>,
    /// What each host's environment has besides the test's.
    variables: Vec<Vec<(String, String)>>,
    /// What is wrong at the moment.
    active: Mutex<Vec<Fault>>,
    base: Vec<Vec<LinkSpec>>,
}

static WORLD: OnceLock<World> = OnceLock::new();

/// The world in which this thread runs.
///
/// # Panics
///
/// Outside of a simulation.
///
/// ```no_run
/// // In a client: take the database down in the middle of a request.
/// let world = runtime_sim::world();
/// world.crash("db");
/// std::thread::sleep(std::time::Duration::from_millis(100));
/// world.restart("db");
/// ```
pub fn world() -> World {
    let world = WORLD.get().filter(|_| baton::is_simulated()).cloned();
    world.expect("this thread is not simulated: `world` is for the code of hosts and clients")
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("hosts", &self.shared.names).finish_non_exhaustive()
    }
}

impl World {
    /// Puts the hosts into the conductor and the model. For the director.
    pub(crate) fn create(
        hosts: &[HostPlan],
        network: &Network,
        links: &[(String, String, Network)],
        disks: &Disks,
        environment: &[(String, String, String)],
    ) -> Result<World, String> {
        let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
        let mut base = vec![vec![network.spec.clone(); hosts.len()]; hosts.len()];
        for (at, row) in base.iter_mut().enumerate() {
            row[at] = LinkSpec::loopback();
        }
        for (from, to, network) in links {
            let find = |name: &String| {
                let found = names.iter().position(|other| other == name);
                found.ok_or_else(|| format!("a link names `{name}`, and there is no such host"))
            };
            base[find(from)?][find(to)?] = network.spec.clone();
        }
        let mut variables = vec![Vec::new(); hosts.len()];
        for (host, name, value) in environment {
            let found = names.iter().position(|other| other == host);
            let Some(found) = found else {
                return Err(format!("a variable is set for `{host}`, and there is no such host"));
            };
            variables[found].push((name.clone(), value.clone()));
        }
        let mains = hosts.iter().map(|host| host.main.clone()).collect();
        let shared = Shared { names, mains, variables, active: Mutex::default(), base };
        let world = World { shared: Arc::new(shared) };
        with(|conductor| {
            for (at, host) in hosts.iter().enumerate() {
                conductor.add_host(&host.name, &crate::sim::addresses(at), host.is_client);
                let host = HostId(at as u32);
                if let Some(path) = &disks.temporary {
                    conductor.os.add_own_directory(host, path);
                }
                for path in &disks.outside {
                    conductor.os.add_outside_directory(host, path);
                }
                for path in &disks.own {
                    conductor.os.add_own_directory(host, path);
                }
                if let Some(size) = disks.size {
                    conductor.os.set_disk_size(host, size);
                }
            }
        });
        world.apply();
        let _ = WORLD.set(world.clone());
        Ok(world)
    }

    /// The virtual time since the run began.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(with(|conductor| conductor.now))
    }

    /// The names of the hosts and clients, in the order in which they were added.
    pub fn hosts(&self) -> &[String] {
        &self.shared.names
    }

    fn number(&self, host: &str) -> u32 {
        let found = self.shared.names.iter().position(|name| name == host);
        let known = self.shared.names.join(", ");
        found.unwrap_or_else(|| panic!("there is no host `{host}`: the hosts are {known}")) as u32
    }

    /// Whether the host runs: it has not crashed, or was started again.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn is_up(&self, host: &str) -> bool {
        let number = self.number(host) as usize;
        with(|conductor| conductor.hosts[number].is_up)
    }

    /// How often the host's main function was called.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn starts(&self, host: &str) -> u32 {
        let number = self.number(host) as usize;
        with(|conductor| conductor.hosts[number].starts)
    }

    /// Whether the host's main function has returned since it was last called.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn has_returned(&self, host: &str) -> bool {
        let number = self.number(host) as usize;
        with(|conductor| conductor.hosts[number].has_finished)
    }

    /// The content of a file on the host's disk, as its program would read it now.
    ///
    /// # Errors
    ///
    /// `NotFound` and the like, as the program would get it; `InvalidInput` for a path that is not
    /// below one of the host's own directories ([`Sim::own_directory`](crate::Sim::own_directory)).
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn file(&self, host: &str, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let (number, path) = (self.number(host), path.as_ref());
        let bytes = path.as_os_str().as_bytes();
        match with(|conductor| conductor.os.content_of(HostId(number), bytes)) {
            Ok(Where::Here(content)) => Ok(content),
            Ok(Where::Outside(_)) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "`{}` is not on the disk of `{host}`: hosts have /data, /tmp, /var, /run and \
                     /srv for themselves, and what `Sim::own_directory` adds",
                    path.display(),
                ),
            )),
            Err(errno) => Err(io::Error::from_raw_os_error(errno.0)),
        }
    }

    /// The host's process dies: its threads are gone, its connections are reset; its files stay.
    /// Nothing happens if it is down already.
    ///
    /// Does not return if it is the host of this thread.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn crash(&self, host: &str) {
        self.take_down(host, Crash::Reset, Unsynced::Kept);
    }

    /// The host loses its power: as [`crash`](Self::crash), but nobody is told, and what it has not
    /// synced to its disk may be lost, in any order.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn cut_power(&self, host: &str) {
        self.take_down(host, Crash::Silent, Unsynced::Lost);
    }

    /// The host gets `SIGTERM`: it is asked to end. What listens for it there (`runtime::signal`,
    /// `tokio::signal`, a handler) hears it; if nothing does, the process ends, its connections are
    /// closed and its files stay. Nothing happens if it is down.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    ///
    /// ```no_run
    /// let world = runtime_sim::world();
    /// world.stop("db");
    /// while !world.has_returned("db") {
    ///     std::thread::sleep(std::time::Duration::from_millis(10));
    /// }
    /// world.restart("db");
    /// ```
    pub fn stop(&self, host: &str) {
        self.signal(host, libc::SIGTERM);
    }

    /// The host gets a signal, by its number; `SIGINT` is a Ctrl-C. The handler runs on a thread of
    /// its own. Nothing happens if the host is down.
    ///
    /// Handlers are statics, so all hosts have them: a host whose program installs none does not
    /// end by the signal if another host's has. This runtime's listeners hear what is sent to their
    /// own host; those of other runtimes, which keep them in a static, hear a signal to any host.
    ///
    /// # Panics
    ///
    /// If there is no such host, or the number is none of a signal that can be sent so: one that
    /// can be caught, and that is no fault of the processor.
    pub fn signal(&self, host: &str, signal: i32) {
        let number = self.number(host);
        assert!(
            crate::interpose::can_be_sent(signal),
            "signal {signal} cannot be sent to a host: send SIGTERM, SIGINT, SIGHUP, SIGUSR1 or \
             another one that programs handle, and use `World::crash` in place of SIGKILL"
        );
        if !with(|conductor| conductor.hosts[number as usize].is_up) {
            return;
        }
        with(|conductor| conductor.next_host = Some(number));
        let name = "signal".to_owned();
        let started =
            std::thread::Builder::new().name(name).spawn(move || crate::interpose::arrive(signal));
        if let Err(error) = started {
            baton::lost(&format!("the thread of a signal could not be started: {error}"));
        }
    }

    fn take_down(&self, host: &str, how: Crash, unsynced: Unsynced) {
        let number = self.number(host);
        with(|conductor| {
            let known = &mut conductor.hosts[number as usize];
            if !std::mem::replace(&mut known.is_up, false) {
                return;
            }
            let id = known.id;
            conductor.vanish(number);
            let now = conductor.now;
            conductor.os.crash(id, now, how, unsynced);
            conductor.system_changed();
        });
        if let Some(me) = baton::me() {
            let is_mine = with(|conductor| conductor.threads[me as usize].host == number);
            if is_mine {
                // This very thread has vanished.
                baton::reschedule(me, How::Stopped);
            }
        }
    }

    /// Starts a host again that has crashed, or whose main function has returned: what is left of
    /// its threads ends first. Nothing happens if it runs.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn restart(&self, host: &str) {
        let number = self.number(host);
        if self.is_up(host) && self.has_returned(host) {
            self.take_down(host, Crash::Closed, Unsynced::Kept);
        }
        let was_down = with(|conductor| {
            let now = conductor.now;
            let known = &mut conductor.hosts[number as usize];
            let was_down = !std::mem::replace(&mut known.is_up, true);
            let id = known.id;
            if was_down {
                conductor.os.restart(id, now);
                conductor.system_changed();
            }
            was_down
        });
        if was_down {
            self.start(number);
        }
    }

    /// No packet gets from one host to another, nor back, until [`heal`](Self::heal).
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn partition(&self, a: &str, b: &str) {
        self.begin_by_hand(FaultKind::Partition { a: a.into(), b: b.into() });
    }

    /// No packet gets from one host to another, until [`heal`](Self::heal); those back do.
    ///
    /// # Panics
    ///
    /// If there is no such host.
    pub fn partition_one_way(&self, from: &str, to: &str) {
        self.begin_by_hand(FaultKind::OneWay { from: from.into(), to: to.into() });
    }

    /// Ends all partitions that were begun by hand.
    pub fn heal(&self) {
        self.lock().retain(|fault| fault.lasts != Duration::MAX);
        self.apply();
    }

    fn begin_by_hand(&self, kind: FaultKind) {
        self.lock().push(Fault { at: self.elapsed(), lasts: Duration::MAX, kind });
        self.apply();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.shared.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- for the director ----

    /// Calls the host's main function on a thread of its own.
    pub(crate) fn start(&self, host: u32) {
        let main = self.shared.mains[host as usize].clone();
        let name = self.shared.names[host as usize].clone();
        with(|conductor| {
            let known = &mut conductor.hosts[host as usize];
            known.starts += 1;
            known.has_finished = false;
        });
        crate::interpose::begin_environment(host, &self.shared.variables[host as usize]);
        with(|conductor| conductor.next_host = Some(host));
        let started = std::thread::Builder::new().name(name.clone()).spawn(move || {
            crate::child::run_main(host, &name, &main);
        });
        if let Err(error) = started {
            baton::lost(&format!("the thread of a host could not be started: {error}"));
        }
    }

    pub(crate) fn begin(&self, fault: &Fault) {
        match &fault.kind {
            FaultKind::Crash { host } => self.crash(host),
            FaultKind::PowerLoss { host } => self.cut_power(host),
            _ => {}
        }
        self.lock().push(fault.clone());
        self.apply();
    }

    pub(crate) fn end(&self, fault: &Fault) {
        {
            let mut active = self.lock();
            if let Some(at) = active.iter().position(|other| other == fault) {
                active.remove(at);
            }
        }
        self.apply();
        if let FaultKind::Crash { host } | FaultKind::PowerLoss { host } = &fault.kind {
            let is_down = self.lock().iter().any(|other| match &other.kind {
                FaultKind::Crash { host: other } | FaultKind::PowerLoss { host: other } => {
                    other == host
                }
                _ => false,
            });
            if !is_down {
                self.restart(host);
            }
        }
    }

    /// Makes links and clocks what the base and the active faults say together.
    fn apply(&self) {
        let active = self.lock().clone();
        let names = &self.shared.names;
        let both = |a: &String, b: &String, from: &String, to: &String| {
            (a == from && b == to) || (b == from && a == to)
        };
        with(|conductor| {
            for (from, from_name) in names.iter().enumerate() {
                for (to, to_name) in names.iter().enumerate() {
                    if from == to {
                        continue;
                    }
                    let mut spec = self.shared.base[from][to].clone();
                    let mut cut = None;
                    for fault in &active {
                        match &fault.kind {
                            FaultKind::Partition { a, b } if both(a, b, from_name, to_name) => {
                                cut = Some(Cut::Silent);
                            }
                            FaultKind::OneWay { from, to }
                                if from == from_name && to == to_name =>
                            {
                                cut = Some(Cut::Silent);
                            }
                            FaultKind::Slow { a, b, by } if both(a, b, from_name, to_name) => {
                                spec.latency = slower(spec.latency, *by);
                            }
                            _ => {}
                        }
                    }
                    let (from, to) = (HostId(from as u32), HostId(to as u32));
                    conductor.os.set_link(from, to, spec);
                    conductor.os.set_cut(from, to, cut);
                }
                let (mut skew, mut ppm) = (0_i64, 0_i64);
                let mut disk = DiskFaults::default();
                for fault in &active {
                    match &fault.kind {
                        FaultKind::DiskFull { host } if host == from_name => disk.is_full = true,
                        FaultKind::DiskErrors { host } if host == from_name => disk.fails = true,
                        FaultKind::ShortTransfers { host } if host == from_name => {
                            disk.is_short = true;
                        }
                        FaultKind::Skew { host, ms } if host == from_name => {
                            skew = skew.saturating_add(ms.saturating_mul(1_000_000));
                        }
                        FaultKind::Drift { host, ppm: more } if host == from_name => {
                            ppm = ppm.saturating_add(*more);
                        }
                        _ => {}
                    }
                }
                conductor.set_clock(from as u32, ppm, skew);
                conductor.os.set_disk_faults(HostId(from as u32), disk);
            }
            conductor.system_changed();
        });
    }
}

fn slower(latency: Latency, by: Duration) -> Latency {
    let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX / 4);
    match latency {
        Latency::Constant(ns) => Latency::Constant(ns + by),
        Latency::Uniform { low, high } => Latency::Uniform { low: low + by, high: high + by },
        Latency::Exponential { low, mean } => Latency::Exponential { low: low + by, mean },
    }
}

/// A host's main function has returned.
pub(crate) fn has_returned(host: u32) {
    with(|conductor| {
        conductor.hosts[host as usize].has_finished = true;
        conductor.wake_all(On::End, DIRECTOR);
    });
}

/// The process of this thread's host ends by a signal. Does not return.
pub(crate) fn ended_by_signal(signal: i32) {
    let world = world();
    let Some(me) = baton::me() else { return };
    let (host, is_client) = with(|conductor| {
        let host = conductor.threads[me as usize].host;
        (host, conductor.hosts[host as usize].is_client)
    });
    let name = &world.shared.names[host as usize];
    if is_client {
        return fail("signal", format!("{name} has ended by signal {signal}"));
    }
    world.take_down(name, Crash::Closed, Unsynced::Kept);
}

/// The run has failed. Does not return.
pub(crate) fn fail(kind: &'static str, text: String) {
    if let Some(me) = baton::me() {
        baton::end_run(me, Verdict::Failed { kind, text });
    }
}
