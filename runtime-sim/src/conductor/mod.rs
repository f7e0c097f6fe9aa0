//! Who runs, and what time it is.
//!
//! # Problem
//!
//! A program of many threads shall run the same way whenever the seed is the same.
//!
//! # Shape
//!
//! Every simulated thread is a thread of the operating system, but only one runs at a time: the one
//! that has the *baton* (`baton.rs`). Whatever it does that another thread could notice, or that
//! takes time, goes through here: it tells the [`Conductor`] and asks who is next. Time is a
//! number. It grows by a little at each step, and jumps to the next deadline when nobody can run.
//!
//! # Rules
//!
//! 1. Only the thread with the baton touches the conductor.
//! 2. Threads have ordinals, in the order in which they begin. An ordinal is never used again.
//! 3. Nothing that is decided here depends on an address, a number of the kernel's, or real time.
//!    Addresses are compared only, to find out who waits for what.
//! 4. Calls that may come from below an allocator (locks, clocks, random numbers) allocate nothing:
//!    the tables have their room from the beginning.
//!
//! # States of a thread
//!
//! ```text
//!            begin                 chosen
//!   (none) ---------> Ready  <----------------> the one with the baton
//!                       ^                            |        |
//!                       | woken, or its time has come| waits  | ends
//!                       +--------- Waiting <---------+        v
//!                                     |                     Ended
//!                                     | its host crashes (also from Ready)
//!                                     v
//!                                 Vanished
//! ```

pub(crate) mod baton;
pub(crate) mod explore;
pub(crate) mod hash;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use explore::{Explorer, Question, Schedule};
use hash::{Event, Hash, Op};

use crate::interpose::DAY;
use crate::os::{Clock, HostId, ObjectId, Os, Stream};

/// A deadline that never comes.
pub(crate) const NEVER: u64 = u64::MAX;
/// In place of a thread's ordinal: none.
pub(crate) const NOBODY: u32 = u32::MAX;
/// The host of the director: none of the user's.
pub(crate) const NO_HOST: u32 = u32::MAX;
/// So many threads can begin in one run.
pub(crate) const MOST_THREADS: usize = 1 << 15;
/// A thread that has gone on for so many points, while others could run, lets them go first:
/// whoever yields a task until another thread has done something must come to an end under each
/// schedule.
const MOST_IN_A_ROW: u32 = 10_000;
/// So many events are kept if they are asked for.
const MOST_EVENTS: usize = 1 << 22;

/// What a step takes, in ns of virtual time: enough that whoever computes until some time comes
/// gets there, and too little to matter beside a network.
const STEP_NS: u64 = 100;
/// What reading a clock takes.
const CLOCK_NS: u64 = 20;

/// Steps taken by the run of this process; for the watchdog, which has no baton.
pub(crate) static STEPS: AtomicU64 = AtomicU64::new(0);

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Futex,
    Mutex,
    Condition,
    RwLock,
    Semaphore,
    Barrier,
    Once,
    Time,
    End,
    Descriptor,
}

impl On {
    pub(crate) fn name(self) -> &'static str {
        match self {
            On::Futex => "a futex (a lock, a condition variable, a parked thread or a channel)",
            On::Mutex => "a pthread mutex",
            On::Condition => "a pthread condition variable",
            On::RwLock => "a pthread read-write lock",
            On::Semaphore => "a semaphore",
            On::Barrier => "a pthread barrier",
            On::Once => "a pthread_once",
            On::Time => "a sleep",
            On::End => "the end of another thread",
            On::Descriptor => "a descriptor (a socket, a pipe or an epoll)",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    Waiting(On),
    Ended,
    Vanished,
}

/// Why a thread goes on that has waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Woken,
    TimedOut,
    /// A handler of a signal has run.
    Interrupted,
}

/// What a handler of a signal does to a thread that waits, if it runs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BySignal {
    /// It goes on waiting.
    Stays,
    /// It goes on, unless the handler was installed with `SA_RESTART`.
    Restarts,
    /// It goes on in any case.
    Goes,
}

/// What is to be waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) on: On,
    /// Which one: an address, or an ordinal.
    pub(crate) key: usize,
    /// For a futex: which wakes are meant.
    pub(crate) mask: u32,
    /// Virtual time in ns; [`NEVER`] if there is no limit.
    pub(crate) deadline: u64,
    pub(crate) by_signal: BySignal,
}

/// How a thread comes to a scheduling point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It could go on.
    Point,
    /// It could, and asks that others be served first.
    Yield,
    /// It waits, has ended or has vanished.
    Stopped,
}

pub(crate) struct Thread {
    pub(crate) state: State,
    pub(crate) host: u32,
    key: usize,
    mask: u32,
    deadline: u64,
    by_signal: BySignal,
    why: Why,
    /// Choices at its points.
    choices: u64,
    /// Virtual time for which it has had the baton.
    pub(crate) cpu: u64,
    pub(crate) since: u64,
    /// What `pthread_create` said, while somebody may still join it; else 0.
    pub(crate) handle: usize,
    name: [u8; 16],
    /// What is open that it waits for; used for descriptors.
    pub(crate) objects: Vec<ObjectId>,
    /// Whether its deadlines keep nobody alive.
    pub(crate) is_idle: bool,
}

impl Thread {
    pub(crate) fn name(&self) -> String {
        let end = self.name.iter().position(|&byte| byte == 0).unwrap_or(self.name.len());
        String::from_utf8_lossy(&self.name[..end]).into_owned()
    }
}

/// What is to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Run(u32),
    /// Nothing any more: [`Conductor::verdict`] says why.
    Over,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should.
    Done,
    /// Nobody can run, and nothing will happen by itself.
    Deadlock,
    /// Virtual time ran out.
    TimeLimit,
    /// There were too many steps.
    StepLimit,
    /// What the user's program or its checks have said.
    Failed { kind: &'static str, text: String },
}

/// Limits of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Virtual time in ns.
    pub(crate) time: u64,
    pub(crate) steps: u64,
}

/// The state of a run; see the module.
pub(crate) struct Conductor {
    pub(crate) threads: Vec<Thread>,
    /// Those that have not ended.
    live: Vec<u32>,
    /// Those that could run and have not the baton, the longest waiting first.
    ready: Vec<u32>,
    pub(crate) now: u64,
    /// No thread's deadline comes before.
    earliest: u64,
    pub(crate) steps: u64,
    pub(crate) switches: u64,
    pub(crate) hash: Hash,
    /// Points at which the running thread has gone on in a row although others could.
    in_a_row: u32,
    schedule: Schedule,
    /// Random numbers of each host; the last is the director's.
    entropy: Vec<Stream>,
    /// What each host's clocks show; the last is the director's.
    clocks: Vec<Clock>,
    streams: Stream,
    pub(crate) limits: Limits,
    pub(crate) verdict: Option<Verdict>,
    /// Who has the baton.
    pub(crate) running: u32,
    /// The host of the next thread that begins, if not its parent's.
    pub(crate) next_host: Option<u32>,
    events: Option<Vec<Event>>,
    /// The descriptors and the network.
    pub(crate) os: Os,
    /// When the next thing happens there by itself.
    os_next: u64,
    changes: Vec<ObjectId>,
    /// Whether whoever looks on has done so since anybody else ran.
    has_looked: bool,
    /// Where threads stood at the end, if that was asked for.
    pub(crate) stacks: Vec<(u32, String)>,
    host_names: Vec<String>,
    /// What is known of each host.
    pub(crate) hosts: Vec<Host>,
}

/// A host as the director sees it.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) is_up: bool,
    pub(crate) is_client: bool,
    pub(crate) has_finished: bool,
    pub(crate) starts: u32,
    pub(crate) id: HostId,
}

impl Conductor {
    pub(crate) fn new(seed: u64, explorer: &Explorer, limits: Limits, traced: bool) -> Conductor {
        let streams = Stream::new(seed);
        Conductor {
            threads: Vec::with_capacity(MOST_THREADS),
            live: Vec::with_capacity(MOST_THREADS),
            ready: Vec::with_capacity(MOST_THREADS),
            now: 0,
            earliest: NEVER,
            steps: 0,
            switches: 0,
            hash: Hash::new(),
            in_a_row: 0,
            schedule: Schedule::new(explorer, streams.sub("schedule"), MOST_THREADS),
            entropy: vec![streams.sub("entropy")],
            clocks: vec![Clock::new(DAY as i64)],
            limits,
            verdict: None,
            running: NOBODY,
            next_host: None,
            events: traced.then(|| Vec::with_capacity(MOST_EVENTS)),
            os: Os::new(streams.sub("kernel"), streams.sub("network")),
            os_next: NEVER,
            changes: Vec::new(),
            streams,
            has_looked: false,
            stacks: Vec::new(),
            host_names: Vec::new(),
            hosts: Vec::new(),
        }
    }

    /// Makes room for one more host, and gives its number.
    pub(crate) fn add_host(&mut self, name: &str, addresses: &[IpAddr], is_client: bool) -> u32 {
        let id = self.os.add_host(name, addresses);
        let (is_up, has_finished, starts) = (true, false, 0);
        self.hosts.push(Host { is_up, is_client, has_finished, starts, id });
        let number = self.entropy.len() as u32 - 1;
        self.entropy.insert(number as usize, self.streams.sub("entropy").sub(name));
        self.clocks.insert(number as usize, Clock::new(DAY as i64));
        self.host_names.push(name.into());
        number
    }

    /// A host's name.
    pub(crate) fn host_name(&self, host: u32) -> &str {
        self.host_names.get(host as usize).map_or("the simulation", String::as_str)
    }

    /// A thread, in words.
    pub(crate) fn describe(&self, thread: u32) -> String {
        match self.threads.get(thread as usize) {
            Some(known) => {
                let host = self.host_name(known.host);
                format!("thread {thread} \"{}\" of {host}", known.name())
            }
            None => "no thread".into(),
        }
    }

    fn of_host(&self, host: u32) -> usize {
        (host as usize).min(self.entropy.len() - 1)
    }

    // ---- what is noted ----

    /// Notes something that thread `thread` does.
    pub(crate) fn note(&mut self, thread: u32, op: Op, a: u64, b: u64) {
        let event = Event { at: self.now, thread, op, a, b };
        self.hash.add(&event);
        if let Some(events) = &mut self.events {
            if events.len() < MOST_EVENTS {
                events.push(event);
            }
        }
    }

    pub(crate) fn events(&self) -> &[Event] {
        self.events.as_deref().unwrap_or_default()
    }

    pub(crate) fn deviations(&self) -> Option<&[explore::Deviation]> {
        self.schedule.deviations()
    }

    // ---- time and random numbers ----

    /// Reads the clock, which takes time.
    pub(crate) fn read_clock(&mut self, thread: u32) -> u64 {
        self.pass(thread, CLOCK_NS);
        self.now
    }

    fn pass(&mut self, thread: u32, ns: u64) {
        self.now += ns;
        if let Some(thread) = self.threads.get_mut(thread as usize) {
            thread.cpu += ns;
        }
    }

    /// The clock by which a thread goes.
    pub(crate) fn clock_of(&self, thread: u32) -> Clock {
        let host = self.threads.get(thread as usize).map_or(NO_HOST, |thread| thread.host);
        self.clocks[self.of_host(host)]
    }

    /// A host's clock goes too fast by so many millionths from now on, and its time of day is ahead
    /// by so many ns. Who waits there for a time does so by the clock as it is then.
    pub(crate) fn set_clock(&mut self, host: u32, ppm: i64, skew: i64) {
        let at = self.of_host(host);
        let before = self.clocks[at];
        let clock = before.set(self.now, ppm, DAY as i64 + skew);
        self.clocks[at] = clock;
        self.os.set_clock(HostId(host), clock);
        if before.rate() == clock.rate() {
            return;
        }
        for thread in &mut self.threads {
            if thread.host == host && thread.deadline != NEVER {
                thread.deadline = clock.when(before.elapsed(thread.deadline));
                self.earliest = self.earliest.min(thread.deadline);
            }
        }
    }

    /// Random numbers for the program.
    pub(crate) fn fill(&mut self, thread: u32, bytes: &mut [u8]) {
        let host = self.threads.get(thread as usize).map_or(NO_HOST, |thread| thread.host);
        let at = self.of_host(host);
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.entropy[at].next_u64().to_le_bytes()[..chunk.len()]);
        }
        self.note(thread, Op::Entropy, bytes.len() as u64, 0);
    }

    // ---- threads ----

    /// A thread begins; it can run. `None` if there are too many.
    pub(crate) fn begin(&mut self, parent: u32) -> Option<u32> {
        let ordinal = self.threads.len();
        if ordinal == MOST_THREADS {
            return None;
        }
        let (inherited, name) = match self.threads.get(parent as usize) {
            Some(parent) => (parent.host, parent.name),
            None => (NO_HOST, [0; 16]),
        };
        let host = self.next_host.take().unwrap_or(inherited);
        self.threads.push(Thread {
            state: State::Ready,
            host,
            key: 0,
            mask: 0,
            deadline: NEVER,
            by_signal: BySignal::Stays,
            why: Why::Woken,
            choices: 0,
            cpu: 0,
            since: self.now,
            handle: 0,
            name,
            objects: Vec::new(),
            is_idle: false,
        });
        let ordinal = ordinal as u32;
        self.live.push(ordinal);
        self.ready.push(ordinal);
        self.note(parent, Op::Begin, u64::from(ordinal), u64::from(host));
        Some(ordinal)
    }

    /// The thread that was begun last could not be started after all.
    pub(crate) fn forget(&mut self, thread: u32) {
        self.stop(thread, State::Ended);
    }

    fn stop(&mut self, thread: u32, state: State) {
        self.threads[thread as usize].state = state;
        self.threads[thread as usize].deadline = NEVER;
        self.live.retain(|&other| other != thread);
        self.ready.retain(|&other| other != thread);
    }

    /// The running thread ends.
    pub(crate) fn end(&mut self, thread: u32) {
        self.note(thread, Op::End, 0, 0);
        self.stop(thread, State::Ended);
        self.wake_all(On::End, thread as usize);
    }

    pub(crate) fn set_name(&mut self, thread: u32, name: &[u8]) {
        let own = &mut self.threads[thread as usize].name;
        let length = name.len().min(own.len());
        *own = [0; 16];
        own[..length].copy_from_slice(&name[..length]);
    }

    /// All threads of the host vanish: they never run again.
    pub(crate) fn vanish(&mut self, host: u32) {
        let gone: Vec<u32> = self.of(host).collect();
        for thread in gone {
            self.stop(thread, State::Vanished);
        }
    }

    /// The threads of a host that have not ended.
    pub(crate) fn of(&self, host: u32) -> impl Iterator<Item = u32> {
        let live = self.live.iter().copied();
        live.filter(move |&thread| self.threads[thread as usize].host == host)
    }

    pub(crate) fn live(&self) -> &[u32] {
        &self.live
    }

    /// The thread that still may be joined under this handle.
    pub(crate) fn by_handle(&self, handle: usize) -> Option<u32> {
        let at = self.threads.iter().rposition(|thread| thread.handle == handle)?;
        (handle != 0).then_some(at as u32)
    }

    /// `pthread_create` has given the thread this handle; an older thread cannot have it any more.
    pub(crate) fn set_handle(&mut self, thread: u32, handle: usize) {
        if let Some(older) = self.by_handle(handle) {
            self.threads[older as usize].handle = 0;
        }
        self.threads[thread as usize].handle = handle;
    }

    // ---- waiting and waking ----

    /// The running thread waits from now on.
    pub(crate) fn wait(&mut self, thread: u32, wait: &Wait) {
        self.note(thread, Op::Wait, wait.on as u64, wait.deadline);
        let now = self.now;
        let waiting = &mut self.threads[thread as usize];
        waiting.state = State::Waiting(wait.on);
        waiting.key = wait.key;
        waiting.mask = wait.mask;
        waiting.deadline = wait.deadline;
        waiting.by_signal = wait.by_signal;
        waiting.since = now;
        self.earliest = self.earliest.min(wait.deadline);
    }

    /// Why it goes on.
    pub(crate) fn waited(&mut self, thread: u32) -> Why {
        let why = self.threads[thread as usize].why;
        self.note(thread, Op::Waited, why as u64, 0);
        why
    }

    /// Whether whoever looks on was woken because nothing will happen any more.
    pub(crate) fn is_last_look(&self) -> bool {
        self.has_looked
    }

    fn ready(&mut self, thread: u32, why: Why) {
        let woken = &mut self.threads[thread as usize];
        woken.state = State::Ready;
        woken.deadline = NEVER;
        woken.why = why;
        self.ready.push(thread);
    }

    fn is_waiting(&self, thread: u32, on: On, key: usize, mask: u32) -> bool {
        let thread = &self.threads[thread as usize];
        thread.state == State::Waiting(on) && thread.key == key && thread.mask & mask != 0
    }

    /// Wakes one of those who wait for it: the one that has waited longest, or another if the
    /// schedule says so. Allocates nothing.
    pub(crate) fn wake_one(&mut self, by: u32, on: On, key: usize, mask: u32) -> bool {
        let mut candidates = [0; 32];
        let mut count = 0;
        for at in 0..self.live.len() {
            let thread = self.live[at];
            if count < candidates.len() && self.is_waiting(thread, on, key, mask) {
                candidates[count] = thread;
                count += 1;
            }
        }
        let candidates = &mut candidates[..count];
        candidates.sort_unstable_by_key(|&thread| {
            let since = self.threads[thread as usize].since;
            (since, thread)
        });
        if candidates.is_empty() {
            return false;
        }
        let choice = self.count_choice(by, candidates.len());
        let chosen = self.schedule.choose(&Question {
            thread: by,
            choice,
            candidates,
            default: 0,
            goes_on: false,
            yields: false,
        });
        let woken = candidates[chosen];
        self.ready(woken, Why::Woken);
        true
    }

    /// A handler of a signal has run on the host, by thread `by` that was made for it. On a machine
    /// it runs on one of the host's threads: the schedule chooses one whose wait it ends, or none.
    pub(crate) fn interrupt(&mut self, by: u32, host: u32, restarts: bool) {
        let mut candidates = vec![by];
        candidates.extend(self.of(host).filter(|&thread| {
            let thread = &self.threads[thread as usize];
            let ends = match thread.by_signal {
                BySignal::Stays => false,
                BySignal::Restarts => !restarts,
                BySignal::Goes => true,
            };
            matches!(thread.state, State::Waiting(_)) && ends
        }));
        let choice = self.count_choice(by, candidates.len());
        let chosen = self.schedule.choose(&Question {
            thread: by,
            choice,
            candidates: &candidates,
            default: 0,
            goes_on: false,
            yields: false,
        });
        if chosen > 0 {
            self.ready(candidates[chosen], Why::Interrupted);
        }
    }

    /// Wakes up to `most` of those who wait for it, and says how many it were.
    pub(crate) fn wake(&mut self, by: u32, on: On, key: usize, mask: u32, most: usize) -> usize {
        let mut woken = 0;
        while woken < most && self.wake_one(by, on, key, mask) {
            woken += 1;
        }
        self.note(by, Op::Wake, woken as u64, on as u64);
        woken
    }

    /// How many wait for it.
    pub(crate) fn waiting(&self, on: On, key: usize) -> usize {
        let live = self.live.iter();
        live.filter(|&&thread| self.is_waiting(thread, on, key, u32::MAX)).count()
    }

    /// Wakes all who wait for it.
    pub(crate) fn wake_all(&mut self, on: On, key: usize) -> usize {
        let mut woken = 0;
        for at in 0..self.live.len() {
            let thread = self.live[at];
            if self.is_waiting(thread, on, key, u32::MAX) {
                self.ready(thread, Why::Woken);
                woken += 1;
            }
        }
        woken
    }

    /// Moves up to `most` who wait for one futex to another.
    pub(crate) fn requeue(&mut self, from: usize, to: usize, most: usize) -> usize {
        let mut moved = 0;
        for at in 0..self.live.len() {
            let thread = self.live[at];
            if moved < most && self.is_waiting(thread, On::Futex, from, u32::MAX) {
                self.threads[thread as usize].key = to;
                moved += 1;
            }
        }
        moved
    }

    /// Wakes those who wait for one of these objects.
    fn objects_changed(&mut self, changed: &[ObjectId]) {
        for at in 0..self.live.len() {
            let ordinal = self.live[at];
            let thread = &self.threads[ordinal as usize];
            if thread.state == State::Waiting(On::Descriptor)
                && thread.objects.iter().any(|object| changed.contains(object))
            {
                self.ready(ordinal, Why::Woken);
            }
        }
    }

    /// How many threads wait for the object.
    pub(crate) fn waiting_for_object(&self, object: ObjectId) -> usize {
        let live = self.live.iter().map(|&thread| &self.threads[thread as usize]);
        live.filter(|thread| {
            thread.state == State::Waiting(On::Descriptor) && thread.objects.contains(&object)
        })
        .count()
    }

    /// To be called after each call of the model: whoever waits for what has changed can run.
    pub(crate) fn system_changed(&mut self) {
        self.os_next = self.os.next_event().unwrap_or(NEVER);
        let mut changes = std::mem::take(&mut self.changes);
        self.os.drain_changes(&mut changes);
        if !changes.is_empty() {
            self.objects_changed(&changes);
            changes.clear();
        }
        self.changes = changes;
    }

    // ---- who is next ----

    fn count_choice(&mut self, thread: u32, candidates: usize) -> u64 {
        match self.threads.get_mut(thread as usize) {
            // Where there is no choice none is counted: what others do changes less.
            Some(thread) if candidates > 1 => {
                thread.choices += 1;
                thread.choices
            }
            Some(thread) => thread.choices,
            None => 0,
        }
    }

    /// The thread with the baton has come to a scheduling point: who gets the baton?
    pub(crate) fn decide(&mut self, thread: u32, how: How) -> Next {
        self.steps += 1;
        STEPS.store(self.steps, Ordering::Relaxed);
        self.pass(thread, STEP_NS);
        if self.verdict.is_some() {
            return Next::Over;
        }
        if self.steps > self.limits.steps {
            self.verdict = Some(Verdict::StepLimit);
            return Next::Over;
        }
        let is_unfair = how == How::Point && self.in_a_row >= MOST_IN_A_ROW;
        let how = if is_unfair { How::Yield } else { how };
        let goes_on = how == How::Point;
        match how {
            How::Point => self.ready.insert(0, thread),
            How::Yield => self.ready.push(thread),
            How::Stopped => {}
        }
        self.happen();
        while self.ready.is_empty() {
            if !self.jump() {
                return Next::Over;
            }
            self.happen();
        }
        let choice = self.count_choice(thread, self.ready.len());
        let asked = Question {
            thread,
            choice,
            candidates: &self.ready,
            default: 0,
            goes_on,
            yields: how == How::Yield,
        };
        let at = self.schedule.choose(&asked);
        let next = self.ready.remove(at);
        let could_others = !self.ready.is_empty();
        self.in_a_row = if next == thread && could_others { self.in_a_row + 1 } else { 0 };
        if goes_on && next != thread {
            // It has just run, so others go before it.
            self.ready.remove(0);
            self.ready.push(thread);
        }
        self.running = next;
        self.has_looked &= self.threads[next as usize].is_idle;
        if next != thread {
            self.switches += 1;
            self.note(thread, Op::Run, u64::from(next), 0);
        }
        Next::Run(next)
    }

    /// Lets what is due happen.
    fn happen(&mut self) {
        if self.earliest <= self.now {
            self.time_out();
        }
        if self.os_next <= self.now {
            self.os.advance(self.now);
            self.system_changed();
        }
    }

    /// Threads whose time has come can run, in the order of their deadlines.
    fn time_out(&mut self) {
        loop {
            let due = self.live.iter().copied().filter_map(|thread| {
                let deadline = self.threads[thread as usize].deadline;
                (deadline <= self.now).then_some((deadline, thread))
            });
            let Some((_, thread)) = due.min() else { break };
            self.ready(thread, Why::TimedOut);
        }
        self.earliest = self.deadlines().map(|(at, _)| at).min().unwrap_or(NEVER);
    }

    /// The deadlines of all that wait, and whether they are only somebody's who looks on.
    fn deadlines(&self) -> impl Iterator<Item = (u64, bool)> {
        let live = self.live.iter().map(|&thread| &self.threads[thread as usize]);
        live.map(|thread| (thread.deadline, thread.is_idle)).filter(|&(at, _)| at != NEVER)
    }

    /// Nobody can run: time jumps to the next thing that happens. `false` if the run is over.
    fn jump(&mut self) -> bool {
        let wanted = self.deadlines().filter(|&(_, idle)| !idle).map(|(at, _)| at).min();
        if wanted.is_none() && self.os_next == NEVER {
            // Whoever looks on has a last look: it may be the end, not a deadlock.
            let looks_on = self.live.iter().copied().find(|&at| self.threads[at as usize].is_idle);
            match looks_on {
                Some(thread) if !self.has_looked => {
                    self.has_looked = true;
                    self.ready(thread, Why::Woken);
                    return true;
                }
                _ => {
                    self.verdict = Some(Verdict::Deadlock);
                    return false;
                }
            }
        }
        let any = self.deadlines().map(|(at, _)| at).min();
        let at = any.unwrap_or(NEVER).min(self.os_next);
        if at > self.limits.time {
            self.now = self.limits.time;
            self.verdict = Some(Verdict::TimeLimit);
            return false;
        }
        self.now = self.now.max(at);
        self.note(NOBODY, Op::Jump, self.now, 0);
        true
    }
}
