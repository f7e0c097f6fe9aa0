//! What there is to run, under which name, with which defaults.

use std::time::Duration;

use super::batch::Batch;
use super::fair::{Fair, From};
use super::peer::{Settings, UnderLoad};
use super::{Ask, Out, batch, blocking, fair, net, outside, polls, stuck};
use crate::peers::Peer;

#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    Fair(Fair),
    OutsideSpawn { busy: usize },
    SpawnFromRoot { busy: usize },
    BlockInPlaceBlockOn { tasks: usize },
    BlockInPlaceSleep { tasks: usize },
    SlotBehindStall,
    StuckUnparkHook { spread: bool },
    StuckWaker,
    Stalls,
    ShortPolls,
    RoundTrips { workers: usize },
    RareEvents { a_second: u32 },
    Requests { beside: Batch },
}

/// A program with its name and what it is run with unless something else is asked for.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) program: Program,
    pub(super) about: String,
    /// Numbers of busy processes.
    pub(super) burn: &'static [usize],
    pub(super) seconds: f64,
}

pub(super) fn all() -> Vec<Entry> {
    use Program::*;
    let mut all = Vec::new();
    let mut add = |name: &str, burn: &'static [usize], seconds, program, about: &str| {
        all.push(Entry { name: name.into(), program, about: about.into(), burn, seconds });
    };
    for (from, how) in [
        (From::Inside, "spawned from a task"),
        (From::Outside, "spawned from an outside thread"),
        (From::Woken, "spawned and woken for each turn from an outside thread"),
    ] {
        for (us, length) in [(100, "0.1ms"), (1_000, "1ms"), (10_000, "10ms")] {
            add(
                &format!("fair-{length}-{}", from.name()),
                &[0, 2, 6],
                10.0,
                Fair(self::Fair { turn: Duration::from_micros(us), from, mixed: false }),
                &format!("equal tasks that compute for {length} a turn, {how}"),
            );
        }
        add(
            &format!("fair-mixed-{}", from.name()),
            &[0, 2, 6],
            10.0,
            Fair(self::Fair { turn: Duration::from_millis(1), from, mixed: true }),
            &format!(
                "equal tasks of 1 ms a turn, {how}, beside 8 that block for 50 ms and 8 that compute for 20"
            ),
        );
    }
    for (name, busy) in [("outside-spawn", 16), ("outside-spawn-200", 200)] {
        add(
            name,
            &[0, 2],
            10.0,
            OutsideSpawn { busy },
            &format!("an outside thread spawns a task every 5 ms beside {busy} with turns of 1 ms"),
        );
    }
    for busy in [2, 8, 200] {
        add(
            &format!("spawn-from-root-{busy}"),
            &[0],
            1.0,
            SpawnFromRoot { busy },
            &format!(
                "the future of block_on spawns 100,000 tasks while {busy} yield on the workers"
            ),
        );
    }
    for tasks in [80, 1_000] {
        add(
            &format!("block-in-place-block-on-{tasks}"),
            &[0],
            1.0,
            BlockInPlaceBlockOn { tasks },
            "tasks inside block_in_place and Handle::block_on, each waits for another task to send",
        );
    }
    for tasks in [100, 1_000, 10_000] {
        add(
            &format!("block-in-place-sleep-{tasks}"),
            &[0],
            1.0,
            BlockInPlaceSleep { tasks },
            "tasks that sleep for 200 ms in block_in_place, at most 1,100 at once, beside a tick of 10 ms",
        );
    }
    add(
        "slot-behind-stall",
        &[0],
        1.0,
        SlotBehindStall,
        "a task in the LIFO slot of a worker blocked for 2 s, beside 3 idle ones, without spares",
    );
    for (name, spread) in [("stuck-unpark-hook", false), ("stuck-unpark-hook-spread", true)] {
        let due = if spread { "over 100 ms" } else { "at the same moment" };
        add(
            name,
            &[0],
            1.0,
            StuckUnparkHook { spread },
            &format!(
                "4 workers, five times 100 timers due {due} while an on_thread_unpark hook blocks for 2 s"
            ),
        );
    }
    add(
        "stuck-waker",
        &[0],
        1.0,
        StuckWaker,
        "4 workers, a waker blocks for 3 s; 50 threads in block_on whose timers are due with its own",
    );
    add(
        "stalls-64",
        &[0],
        1.0,
        Stalls,
        "64 tasks block for 1 s at the same moment, beside a tick of 1 ms and 64 ready tasks",
    );
    add(
        "short-polls-under-burn",
        &[6],
        20.0,
        ShortPolls,
        "polls of 1 us to 1 ms, half of the tasks yield and half sleep for 1 ms between them",
    );
    for workers in [2, 16, 128, 512] {
        add(
            &format!("rtt-by-workers-{workers}"),
            &[0],
            3.0,
            RoundTrips { workers },
            "64 bytes there and back over TCP between two tasks, by the number of worker threads",
        );
    }
    for a_second in [2, 10, 100] {
        add(
            &format!("rare-events-{a_second}"),
            &[0],
            10.0,
            RareEvents { a_second },
            "requests now and then over TCP from another process",
        );
    }
    for (name, beside, what) in [
        ("none", Batch::None, "alone"),
        ("ordinary", Batch::Ordinary, "beside 16 tasks with polls of 0.1 to 5 ms"),
        (
            "background",
            Batch::Background,
            "beside 16 such tasks of low priority, where there is one",
        ),
    ] {
        add(
            &format!("requests-beside-{name}"),
            &[0],
            5.0,
            Requests { beside },
            &format!("500 requests a second over TCP from another process, {what}"),
        );
    }
    all
}

impl Program {
    pub(super) fn settings(self, ask: &Ask) -> Settings {
        let mut settings = Settings { workers: ask.workers, ..Settings::default() };
        match self {
            Program::BlockInPlaceBlockOn { tasks: 1_000 } | Program::BlockInPlaceSleep { .. } => {
                settings.max_blocking_threads = Some(1_100);
            }
            Program::SlotBehindStall => {
                settings.workers = 4;
                settings.spare_workers = Some(0);
            }
            Program::StuckUnparkHook { .. } => {
                settings.workers = 4;
                settings.on_thread_unpark = Some(stuck::hook());
            }
            Program::StuckWaker => settings.workers = 4,
            Program::RoundTrips { workers } => settings.workers = workers,
            _ => {}
        }
        settings
    }

    /// After how long a run counts as hung.
    pub(super) fn limit(self, seconds: f64) -> Duration {
        match self {
            Program::BlockInPlaceBlockOn { .. } => Duration::from_secs(20),
            // One worker each, without anybody to stand in: 32 s.
            Program::Stalls => Duration::from_secs(60),
            _ => Duration::from_secs_f64(seconds + 30.0),
        }
    }

    /// Whether peers without tokio's API can run it.
    pub(super) fn runs_on_any(self) -> bool {
        matches!(self, Program::SpawnFromRoot { .. })
    }

    pub(super) fn run<P: UnderLoad>(self, rt: &P::Runtime, ask: &Ask, out: &Out) {
        match self {
            Program::Fair(fair) => fair::run::<P>(rt, fair, ask, out),
            Program::OutsideSpawn { busy } => outside::spawn::<P>(rt, busy, ask, out),
            Program::SpawnFromRoot { busy } => outside::spawn_from_root::<P>(rt, busy, out),
            Program::BlockInPlaceBlockOn { tasks } => blocking::block_on::<P>(rt, tasks, out),
            Program::BlockInPlaceSleep { tasks } => blocking::sleep::<P>(rt, tasks, out),
            Program::SlotBehindStall => blocking::slot_behind_stall::<P>(rt, out),
            Program::StuckUnparkHook { spread } => stuck::unpark_hook::<P>(rt, spread, out),
            Program::StuckWaker => stuck::waker::<P>(rt, out),
            Program::Stalls => blocking::stalls::<P>(rt, out),
            Program::ShortPolls => polls::short::<P>(rt, ask, out),
            Program::RoundTrips { .. } => net::round_trips::<P>(rt, ask, out),
            Program::RareEvents { a_second } => net::rare_events::<P>(rt, a_second, ask, out),
            Program::Requests { beside } => batch::requests::<P>(rt, beside, ask, out),
        }
    }

    pub(super) fn run_on_any<P: Peer>(self, ask: &Ask, out: &Out) {
        let rt = P::start(ask.workers);
        match self {
            Program::SpawnFromRoot { busy } => outside::spawn_from_root::<P>(&rt, busy, out),
            _ => panic!("{self:?} needs tokio's API"),
        }
    }
}
