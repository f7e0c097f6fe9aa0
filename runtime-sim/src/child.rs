//! One run, in a process of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::conductor::baton::{self, conduct, wait, with};
use crate::conductor::hash::Op;
use crate::conductor::{BySignal, Conductor, Limits, NEVER, On, Verdict, Wait};
use crate::faults::Fault;
use crate::os::Stream;
use crate::run::job::{Failure, Job, Outcome};
use crate::sim::{Main, Sim};
use crate::world::{DIRECTOR, World, fail, has_returned};

/// A test's function: it describes a world.
pub(crate) type Body = fn(&mut Sim);

/// Panics of simulated threads: what they said, and where.
static PANICS: Mutex<Vec<(u32, String)>> = Mutex::new(Vec::new());
/// The plan of faults of this run.
static PLAN: Mutex<Vec<Fault>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the job in this process, which must not have run one before.
pub(crate) fn run(job: &Job, body: impl FnOnce(&mut Sim) + Send + 'static) -> Outcome {
    record_panics(job.is_verbose);
    // Both are set by the director, who knows what the test wants.
    let limits = Limits { time: NEVER, steps: u64::MAX };
    let traced = job.events.is_some() || job.trace.is_some();
    let is_closed = crate::interpose::forbid();
    if job.is_verbose && !is_closed {
        eprintln!(
            "runtime-sim: the kernel takes no seccomp filter here, so a system call that a crate \
             makes past libc is not noticed"
        );
    }
    let conductor = Conductor::new(job.seed, &job.explorer, limits, traced);
    crate::interpose::set_verbose(job.is_verbose);
    let replayed = job.faults.clone();
    let seed = job.seed;
    let ended = conduct(conductor, job.is_verbose, move || {
        let mut sim = Sim::new(seed);
        match catch_unwind(AssertUnwindSafe(|| body(&mut sim))) {
            Ok(()) => direct(sim, replayed),
            Err(_) => fail("setup", last_panic(0)),
        }
    });
    outcome(job, &ended)
}

/// Notes each panic of a simulated thread, and shows it if asked to.
fn record_panics(show: bool) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let Some(me) = baton::me() else { return before(info) };
        let _inside = baton::Inside::enter();
        let what = info.payload();
        let text = what.downcast_ref::<&str>().copied().map(str::to_owned);
        let text = text.or_else(|| what.downcast_ref::<String>().cloned()).unwrap_or_default();
        let place = info.location().map_or_else(String::new, ToString::to_string);
        lock(&PANICS).push((me, format!("panicked at {place}: {text}")));
        if show {
            before(info);
        }
    }));
}

/// What the thread's last panic said.
fn last_panic(thread: u32) -> String {
    let _inside = baton::Inside::enter();
    let panics = lock(&PANICS);
    let last = panics.iter().rev().find(|(by, _)| *by == thread);
    last.map_or_else(|| "panicked".to_owned(), |(_, text)| text.clone())
}

/// The thread of a host: calls its main function.
pub(crate) fn run_main(host: u32, name: &str, main: &Main) {
    let ended = catch_unwind(AssertUnwindSafe(|| main()));
    match ended {
        Ok(Ok(())) => has_returned(host),
        Ok(Err(text)) => fail("error", format!("{name}: {text}")),
        Err(_) => {
            let me = baton::me().unwrap_or_default();
            fail("panic", format!("{name}: {}", last_panic(me)));
        }
    }
}

fn in_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER)
}

/// The first thread: it starts the hosts, lets faults happen, looks at the checks, and says when
/// the run is over.
fn direct(sim: Sim, replayed: Option<Vec<Fault>>) {
    let Sim {
        seed,
        hosts,
        network,
        links,
        faults,
        mut always,
        eventually,
        mut disks,
        environment,
        ..
    } = sim;
    crate::interpose::set_processors(sim.processors);
    baton::set_patience(sim.patience);
    with(|conductor| {
        conductor.limits = Limits { time: in_ns(sim.limit), steps: sim.step_limit };
    });
    let plan = replayed.unwrap_or_else(|| {
        let all: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
        let servers = hosts.iter().filter(|host| !host.is_client);
        let servers: Vec<String> = servers.map(|host| host.name.clone()).collect();
        faults.plan(&mut Stream::new(seed).sub("faults"), &servers, &all)
    });
    {
        let _inside = baton::Inside::enter();
        lock(&PLAN).clone_from(&plan);
    }
    disks.temporary = std::env::var("TMPDIR").ok().filter(|path| path.starts_with('/'));
    // Fixtures are beside the test, and names of functions are in its program.
    let program = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.to_owned()));
    let real = std::env::current_dir().ok().into_iter().chain(program);
    disks.outside = real.filter_map(|path| path.into_os_string().into_string().ok()).collect();
    let world = match World::create(&hosts, &network, &links, &disks, &environment) {
        Ok(world) => world,
        Err(text) => return fail("setup", text),
    };
    let known = world.hosts().to_vec();
    let unknown = plan.iter().find_map(|fault| fault.hosts().find(|host| !known.contains(host)));
    if let Some(host) = unknown {
        return fail("setup", format!("a fault names `{host}`, and there is no such host"));
    }
    let has_clients = hosts.iter().any(|host| host.is_client);
    for host in 0..hosts.len() {
        world.start(host as u32);
    }
    let mut changes: Vec<(u64, bool, usize)> = Vec::new();
    for (number, fault) in plan.iter().enumerate() {
        changes.push((in_ns(fault.at), true, number));
        changes.push((in_ns(fault.at).saturating_add(in_ns(fault.lasts)), false, number));
    }
    // At the same time ends go first.
    changes.sort_unstable_by_key(|&(at, begins, number)| (at, begins, number));
    let mut changes = changes.into_iter().peekable();
    let mut unmet = eventually;
    let every = in_ns(sim.check_every);
    let mut look_at = every;
    loop {
        let now = with(|conductor| conductor.now);
        let mut has_changed = false;
        while let Some((_, begins, number)) = changes.next_if(|&(at, ..)| at <= now) {
            with(|conductor| {
                conductor.note(0, Op::Fault, number as u64, u64::from(begins));
            });
            match begins {
                true => world.begin(&plan[number]),
                false => world.end(&plan[number]),
            }
            has_changed = true;
        }
        let (clients_done, all_done) = with(|conductor| {
            let mut clients = conductor.hosts.iter().filter(|host| host.is_client);
            let all = conductor.hosts.iter().all(|host| host.has_finished);
            (clients.all(|client| client.has_finished), all)
        });
        let is_done = if has_clients { clients_done } else { all_done };
        let is_due = now >= look_at || has_changed || is_done;
        let faults_over = changes.peek().is_none();
        let quiet = with(|conductor| conductor.is_last_look());
        if is_due || quiet {
            look_at = now.saturating_add(every);
            for check in &mut always {
                if let Err(text) = judge(check, &world) {
                    return fail("always", text);
                }
            }
            if faults_over {
                unmet.retain_mut(|check| judge(check, &world).is_err());
            }
        }
        if is_done && (unmet.is_empty() || (quiet && faults_over)) {
            if let Some(check) = unmet.first_mut() {
                let text = judge(check, &world).err().unwrap_or_default();
                return fail("eventually", text);
            }
            let me = baton::me().unwrap_or_default();
            return baton::end_run(me, Verdict::Done);
        }
        let next_fault = changes.peek().map_or(NEVER, |&(at, ..)| at);
        let next_look = if always.is_empty() && unmet.is_empty() { NEVER } else { look_at };
        let deadline = next_fault.min(next_look);
        // Somebody may wait for a fault, but not for somebody to look.
        with(|conductor| conductor.threads[0].is_idle = next_fault == NEVER);
        let looks = Wait {
            on: On::End,
            key: DIRECTOR,
            mask: u32::MAX,
            deadline,
            by_signal: BySignal::Stays,
        };
        wait(0, &looks);
    }
}

fn judge(check: &mut crate::sim::Check, world: &World) -> Result<(), String> {
    let said = catch_unwind(AssertUnwindSafe(|| check(world)));
    said.unwrap_or_else(|_| Err(last_panic(0)))
}

// ---- afterwards ----

fn outcome(job: &Job, ended: &Conductor) -> Outcome {
    let has_clients = ended.hosts.iter().any(|host| host.is_client);
    let verdict = ended.verdict.clone().unwrap_or(Verdict::Done);
    let waiting = || waiting(ended);
    let failure = match verdict {
        Verdict::Done => None,
        // Without clients the limit is the end.
        Verdict::TimeLimit if !has_clients => None,
        Verdict::Deadlock => Some(Failure::new(
            "deadlock",
            "nobody can run, no deadline is left, and nothing is under way".into(),
            waiting(),
        )),
        Verdict::TimeLimit => {
            let seconds = ended.limits.time as f64 / 1e9;
            let text = format!("the clients have not returned after {seconds} s of virtual time");
            Some(Failure::new("time limit", text, waiting()))
        }
        Verdict::StepLimit => {
            let text = format!(
                "more than {} steps: somebody goes on without letting time pass",
                ended.limits.steps
            );
            Some(Failure::new("step limit", text, waiting()))
        }
        Verdict::Failed { kind: kind @ ("stuck" | "past libc"), text } => {
            let stacks: Vec<String> =
                ended.stacks.iter().map(|(_, stack)| shorten(stack)).collect();
            Some(Failure::new(kind, text, stacks.join("\n")))
        }
        Verdict::Failed { kind, text } => Some(Failure::new(kind, text, String::new())),
    };
    if let Some(path) = &job.events {
        crate::run::trace::write_events(path, ended);
    }
    if let Some(path) = &job.trace {
        crate::run::trace::write_perfetto(path, ended);
    }
    Outcome {
        seed: job.seed,
        hash: ended.hash.value(),
        steps: ended.steps,
        switches: ended.switches,
        virtual_ns: ended.now,
        failure,
        faults: lock(&PLAN).clone(),
        deviations: ended.deviations().map(<[_]>::to_vec),
    }
}

/// Who waits where.
fn waiting(ended: &Conductor) -> String {
    let mut text = String::new();
    for &thread in ended.live() {
        if thread == 0 {
            continue;
        }
        let known = &ended.threads[thread as usize];
        let state = match known.state {
            crate::conductor::State::Waiting(on) => {
                let since = known.since as f64 / 1e9;
                format!("waits since {since:.6} s for {}", on.name())
            }
            _ => "could run".into(),
        };
        text.push_str(&format!("  {} {state}\n", ended.describe(thread)));
        if let Some((_, stack)) = ended.stacks.iter().find(|(of, _)| *of == thread) {
            text.push_str(&shorten(stack));
        }
    }
    text
}

/// The frames of a stack that say where a program stands.
fn shorten(stack: &str) -> String {
    const SILENT: [&str; 9] = [
        "runtime_sim::",
        "std::",
        "core::",
        "alloc::",
        "<",
        "__",
        "start_thread",
        "clone",
        "syscall",
    ];
    let mut text = String::new();
    let mut left = 12;
    let mut keep = false;
    for line in stack.lines() {
        let trimmed = line.trim_start();
        if let Some((number, name)) = trimmed.split_once(": ") {
            if number.parse::<u32>().is_ok() {
                keep = left > 0 && !SILENT.iter().any(|silent| name.starts_with(silent));
                if keep {
                    left -= 1;
                    text.push_str(&format!("      {name}\n"));
                }
                continue;
            }
        }
        if keep {
            text.push_str(&format!("        {trimmed}\n"));
        }
    }
    text
}
