//! What a user says about a run: hosts, network, faults, and what must hold.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::faults::Faults;
use crate::network::Network;
use crate::world::World;

/// What a host or a client is: a plain function, with a runtime of its own if it wants one.
pub(crate) type Main = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;
pub(crate) type Check = Box<dyn FnMut(&World) -> Result<(), String> + Send>;

/// A simulated world, before it runs: who is in it, and what may happen to them.
///
/// A test gets one for each seed, describes the world, and returns; then the world runs until all
/// clients have returned.
///
/// ```no_run
/// use runtime_sim::{Faults, Network, Sim};
///
/// fn world(sim: &mut Sim) {
///     sim.host("db", || { /* a server: any code that a `main` may have */ });
///     sim.client("user", || { /* asks the server, and asserts */ });
///     sim.network(Network::wan());
///     sim.faults(Faults::swarm());
///     sim.always(|world| world.elapsed().as_secs() < 600);
/// }
/// runtime_sim::Test::new("orders_survive", world).seeds(100).run();
/// ```
pub struct Sim {
    pub(crate) seed: u64,
    pub(crate) hosts: Vec<HostPlan>,
    pub(crate) network: Network,
    pub(crate) links: Vec<(String, String, Network)>,
    pub(crate) faults: Faults,
    pub(crate) always: Vec<Check>,
    pub(crate) eventually: Vec<Check>,
    pub(crate) check_every: Duration,
    pub(crate) limit: Duration,
    pub(crate) step_limit: u64,
    pub(crate) processors: u32,
    pub(crate) patience: Duration,
    pub(crate) disks: Disks,
    /// Variables of hosts: host, name, value.
    pub(crate) environment: Vec<(String, String, String)>,
}

/// What the hosts' disks are like.
#[derive(Default)]
pub(crate) struct Disks {
    /// Directories besides the usual ones.
    pub(crate) own: Vec<String>,
    /// Where programs put temporary files, if it is an unusual place.
    pub(crate) temporary: Option<String>,
    /// What of the usual ones is the real system's all the same.
    pub(crate) outside: Vec<String>,
    pub(crate) size: Option<u64>,
}

pub(crate) struct HostPlan {
    pub(crate) name: String,
    pub(crate) main: Main,
    pub(crate) is_client: bool,
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<&str> = self.hosts.iter().map(|host| host.name.as_str()).collect();
        f.debug_struct("Sim")
            .field("seed", &self.seed)
            .field("hosts", &hosts)
            .field("network", &self.network)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// What the main function of a host may return: nothing, or a result whose error ends the test.
pub trait Ending {
    /// The failure in words, if it is one.
    ///
    /// # Errors
    ///
    /// What went wrong.
    fn into_ending(self) -> Result<(), String>;
}

impl Ending for () {
    fn into_ending(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: fmt::Debug> Ending for Result<(), E> {
    fn into_ending(self) -> Result<(), String> {
        self.map_err(|error| format!("it returned an error: {error:?}"))
    }
}

/// What a check may say: nothing (it asserts), whether all is well, or what is not.
pub trait Holds {
    /// What does not hold, in words.
    ///
    /// # Errors
    ///
    /// That it does not.
    fn holds(self) -> Result<(), String>;
}

impl Holds for () {
    fn holds(self) -> Result<(), String> {
        Ok(())
    }
}

impl Holds for bool {
    fn holds(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("it does not hold".into()) }
    }
}

impl<E: fmt::Display> Holds for Result<(), E> {
    fn holds(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// The address of the host with this number, counted from 0.
pub(crate) fn addresses(number: usize) -> [IpAddr; 2] {
    let number = number as u16 + 1;
    let [high, low] = number.to_be_bytes();
    [Ipv4Addr::new(10, 0, high, low).into(), Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number).into()]
}

impl Sim {
    pub(crate) fn new(seed: u64) -> Sim {
        Sim {
            seed,
            hosts: Vec::new(),
            network: Network::lan(),
            links: Vec::new(),
            faults: Faults::none(),
            always: Vec::new(),
            eventually: Vec::new(),
            check_every: Duration::from_millis(100),
            limit: Duration::from_secs(600),
            step_limit: 20_000_000,
            processors: 4,
            patience: Duration::from_secs(5),
            disks: Disks::default(),
            environment: Vec::new(),
        }
    }

    /// The seed of this run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Adds a host: a name, under which others find it, and its main function, which is called at
    /// the start and again after each crash. Hosts have the addresses `10.0.0.1`, `10.0.0.2` and so
    /// on, and `fd00::1`, `fd00::2` and so on, in the order in which they are added.
    ///
    /// A panic of the main function, or an error that it returns, fails the test.
    ///
    /// # Panics
    ///
    /// If there is a host of this name, or the name is empty or has white space.
    pub fn host<E: Ending>(
        &mut self,
        name: &str,
        main: impl Fn() -> E + Send + Sync + 'static,
    ) -> &mut Sim {
        self.add(name, false, Arc::new(move || main().into_ending()))
    }

    /// Adds a client: a host whose end the run waits for, and to which no fault happens but those
    /// of the network.
    ///
    /// # Panics
    ///
    /// If there is a host of this name, or the name is empty or has white space.
    pub fn client<E: Ending>(
        &mut self,
        name: &str,
        main: impl Fn() -> E + Send + Sync + 'static,
    ) -> &mut Sim {
        self.add(name, true, Arc::new(move || main().into_ending()))
    }

    fn add(&mut self, name: &str, is_client: bool, main: Main) -> &mut Sim {
        let is_good = !name.is_empty() && !name.contains(char::is_whitespace);
        assert!(
            is_good,
            "`{name}` is no name for a host: it must not be empty nor have white space"
        );
        let is_new = self.hosts.iter().all(|host| host.name != name);
        assert!(is_new, "there is a host `{name}` already: give each its own name");
        self.hosts.push(HostPlan { name: name.into(), main, is_client });
        self
    }

    /// The network between all hosts; [`Network::lan`] by default.
    pub fn network(&mut self, network: Network) -> &mut Sim {
        self.network = network;
        self
    }

    /// The network from one host to another, this direction only.
    ///
    /// # Panics
    ///
    /// The run fails if there is no host of such a name.
    pub fn link(&mut self, from: &str, to: &str, network: Network) -> &mut Sim {
        self.links.push((from.into(), to.into(), network));
        self
    }

    /// What goes wrong; nothing by default.
    pub fn faults(&mut self, faults: Faults) -> &mut Sim {
        self.faults = faults;
        self
    }

    /// Something that must hold at every time. It is looked at each
    /// [`check_every`](Self::check_every), after each fault, and at the end.
    pub fn always<H: Holds>(
        &mut self,
        mut check: impl FnMut(&World) -> H + Send + 'static,
    ) -> &mut Sim {
        self.always.push(Box::new(move |world| check(world).holds()));
        self
    }

    /// Something that must hold at some time after the last fault is over. The run goes on until it
    /// has, even if all clients have returned.
    pub fn eventually<H: Holds>(
        &mut self,
        mut check: impl FnMut(&World) -> H + Send + 'static,
    ) -> &mut Sim {
        self.eventually.push(Box::new(move |world| check(world).holds()));
        self
    }

    /// How often checks are looked at, in virtual time; 100 ms by default.
    pub fn check_every(&mut self, time: Duration) -> &mut Sim {
        self.check_every = time.max(Duration::from_micros(1));
        self
    }

    /// How much virtual time a run may take; 10 minutes by default. A run whose clients have not
    /// returned by then has failed; one without clients ends there.
    pub fn limit(&mut self, time: Duration) -> &mut Sim {
        self.limit = time;
        self
    }

    /// How many steps a run may take; 20 million by default. Whoever goes on for ever without
    /// letting time pass gets there.
    pub fn step_limit(&mut self, steps: u64) -> &mut Sim {
        self.step_limit = steps;
        self
    }

    /// How much real processor time a thread may use without a scheduling point; 5 s by default. A
    /// run in which one uses more has failed, with that thread's stack: it waits in a loop for what
    /// another thread does, which never runs.
    pub fn patience(&mut self, time: Duration) -> &mut Sim {
        self.patience = time;
        self
    }

    /// Makes a directory, and all below it, each host's own: empty at the start, on the host's
    /// disk, and nothing of the real one is seen there. `/data`, where hosts start, `/tmp`, `/var`,
    /// `/run`, `/srv` and `$TMPDIR` are so without being said. All other paths are the real
    /// system's, which hosts can read and not change; so are the directories in which the test was
    /// started and in which its program lies, also if they are in `/tmp`.
    ///
    /// # Panics
    ///
    /// If the path is not absolute, is `/`, or has `.` or `..` in it.
    pub fn own_directory(&mut self, path: &str) -> &mut Sim {
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        let is_good = path.starts_with('/')
            && parts.peek().is_some()
            && parts.all(|part| part != "." && part != "..");
        assert!(
            is_good,
            "`{path}` cannot be a directory of each host's own: give an absolute path without `.` \
             and `..`"
        );
        self.disks.own.push(path.into());
        self
    }

    /// How many bytes each host's disk holds; 1 GiB by default. Files take whole blocks of 4096
    /// bytes, and one more each for itself; what does not fit is refused with `ENOSPC`.
    pub fn disk_size(&mut self, bytes: u64) -> &mut Sim {
        self.disks.size = Some(bytes);
        self
    }

    /// Sets a variable in the environment of a host, besides those of the test's process, which it
    /// has too. What a host changes in its environment is its own, and gone after a restart.
    ///
    /// # Panics
    ///
    /// If the name is empty or has a `=`, or one of them has a zero byte. The run fails if there is
    /// no such host.
    pub fn environment(&mut self, host: &str, name: &str, value: &str) -> &mut Sim {
        let is_good = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
        assert!(
            is_good,
            "`{name}` cannot be set to {value:?}: a variable's name must not be empty nor have a \
             `=`, and neither may have a zero byte"
        );
        self.environment.push((host.into(), name.into(), value.into()));
        self
    }

    /// How many processors programs see, and so how many workers their runtimes have; 4 by default.
    pub fn processors(&mut self, count: u32) -> &mut Sim {
        self.processors = count.clamp(1, 64);
        self
    }
}
