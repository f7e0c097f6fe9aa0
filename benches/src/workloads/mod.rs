//! The workloads, each written once against [`Peer`](crate::peers::Peer).

use crate::harness::{Workload, by_name, in_process};
use crate::peers;

mod blocked;
mod blocking;
mod fs;
mod net;
mod process;
pub(crate) mod spawn;
mod sync;
mod time;
mod wake;

/// A workload inside this process, for every peer that was compiled in.
macro_rules! on_all {
    ($group:literal, $name:literal, $about:literal, $($f:ident)::+) => {
        Workload {
            name: $name,
            group: $group,
            about: $about,
            cells: vec![
                #[cfg(feature = "ours")]
                in_process::<peers::ours::Ours>($($f)::+::<peers::ours::Ours>),
                in_process::<peers::tokio::Tokio>($($f)::+::<peers::tokio::Tokio>),
                in_process::<peers::smol::Smol>($($f)::+::<peers::smol::Smol>),
                in_process::<peers::async_std::AsyncStd>($($f)::+::<peers::async_std::AsyncStd>),
            ],
        }
    };
}

/// A workload whose server is a child process.
macro_rules! on_servers {
    ($group:literal, $name:literal, $about:literal, $f:path) => {
        Workload {
            name: $name,
            group: $group,
            about: $about,
            cells: crate::peers::NAMES
                .iter()
                .chain(&["raw"])
                .map(|name| by_name(name, $f))
                .collect(),
        }
    };
}

pub fn all() -> Vec<Workload> {
    vec![
        on_all!(
            "spawn",
            "spawn-join",
            "spawn from a worker, await it, one by one",
            spawn::join_each
        ),
        on_all!(
            "spawn",
            "spawn-1000",
            "1,000 spawned from a worker, then all joined",
            spawn::join_thousand
        ),
        on_all!(
            "spawn",
            "join-set",
            "1,000 spawned into a set, then joined as they end",
            spawn::join_set
        ),
        on_all!(
            "spawn",
            "spawn-10000",
            "10,000 spawned from a worker, then all joined",
            spawn::join_ten_thousand
        ),
        on_all!(
            "spawn",
            "spawn-outside",
            "10,000 from an outside thread, until all ran",
            spawn::outside
        ),
        on_all!(
            "spawn",
            "spawn-root-busy",
            "1,000 spawned from the root future and joined there, beside 4 tasks that yield",
            spawn::root_beside_yields
        ),
        on_all!(
            "spawn",
            "spawn-burst",
            "64 spawned and joined from a worker after 1 ms of idling",
            spawn::bursts
        ),
        on_all!("spawn", "chain", "each task spawns the next, 1,000 deep", spawn::chain),
        on_all!(
            "spawn",
            "ping-pong",
            "1,000 pairs of tasks, two oneshots a pair",
            spawn::ping_pong
        ),
        on_all!("spawn", "yield-1", "one task that yields", spawn::yield_1),
        on_all!("spawn", "yield-8", "8 tasks that yield", spawn::yield_8),
        on_all!("spawn", "yield-200", "200 tasks that yield", spawn::yield_200),
        on_all!(
            "spawn",
            "fan-out-2us",
            "1,000 tasks of 2 µs from a worker, wall time a task",
            spawn::fan_2
        ),
        on_all!("spawn", "fan-out-20us", "1,000 tasks of 20 µs, wall time a task", spawn::fan_20),
        on_all!(
            "spawn",
            "fan-out-burst",
            "256 tasks of 2 µs from a worker after 1 ms of idling, wall time a task",
            spawn::fan_burst
        ),
        on_all!(
            "spawn",
            "idle-task-memory",
            "100,000 idle tasks with a small future",
            spawn::memory
        ),
        on_servers!(
            "spawn",
            "idle-task-resident",
            "100,000 idle tasks with a small future: growth of the process, a task",
            net::resident
        ),
        on_all!("spawn", "start-stop", "start 2 workers, run one task, stop", spawn::start_stop),
        on_all!(
            "wake",
            "wake-outside-idle",
            "outside thread wakes a task of an idle runtime",
            wake::outside_idle
        ),
        on_all!(
            "wake",
            "block-on-spawn",
            "outside thread blocks on a task that it spawns, one after the other, idle machine",
            wake::block_on_spawn
        ),
        on_all!(
            "wake",
            "wake-outside-hot",
            "outside thread and a task take turns",
            wake::outside_hot
        ),
        on_all!(
            "wake",
            "wake-busy-waker",
            "the waker stays busy 300 µs: wake to start",
            wake::busy_waker
        ),
        on_all!("sync", "oneshot", "create, send, receive within one task", sync::oneshot),
        on_all!("sync", "mpsc-1-1", "bounded to 128, one sender, a message", sync::bounded_1),
        on_all!("sync", "mpsc-4-1", "bounded to 128, four senders, a message", sync::bounded_4),
        on_all!(
            "sync",
            "mpsc-unbounded-1-1",
            "unbounded, one sender, a message",
            sync::unbounded_1
        ),
        on_all!(
            "sync",
            "mpsc-unbounded-4-1",
            "unbounded, four senders, a message",
            sync::unbounded_4
        ),
        on_all!(
            "sync",
            "mpsc-ping-pong",
            "two channels bounded to 1, there and back",
            sync::bounded_to_one
        ),
        on_all!("sync", "mutex", "lock and unlock by one task", sync::mutex),
        on_all!(
            "sync",
            "mutex-contended",
            "8 tasks, a yield under the lock",
            sync::mutex_contended
        ),
        on_all!("sync", "semaphore", "acquire and release by one task", sync::semaphore),
        on_all!(
            "sync",
            "semaphore-contended",
            "8 tasks, 2 permits, a yield under one",
            sync::semaphore_contended
        ),
        on_all!("sync", "notify", "two tasks notify each other, a turn", sync::notify),
        on_all!("sync", "rwlock", "read and unlock by one task", sync::rwlock),
        on_all!(
            "sync",
            "rwlock-contended",
            "8 tasks, one lock in 8 writes and yields under it",
            sync::rwlock_contended
        ),
        on_all!(
            "sync",
            "broadcast",
            "one sender, 4 receivers, batches of 64, a message received",
            sync::broadcast
        ),
        on_all!("sync", "watch", "one sender, 4 receivers that answer, a change seen", sync::watch),
        on_all!(
            "time",
            "timeout-ready",
            "timeout around a future that is ready",
            time::timeout_ready
        ),
        on_all!(
            "time",
            "timeout-cancel",
            "timeout polled once, then dropped",
            time::timeout_cancel
        ),
        on_all!(
            "time",
            "million-timers",
            "1,000,000 sleeps polled once, then dropped",
            time::million
        ),
        on_all!("time", "lateness", "20 tasks, sleeps of 1 to 20 ms", time::lateness),
        on_all!(
            "time",
            "ticks",
            "10 tasks that wake up each millisecond, 10 µs after each other",
            time::ticks
        ),
        on_all!("blocking", "blocking-10000", "10,000 jobs in flight, a job", blocking::burst),
        on_all!("blocking", "blocking-one", "one job at a time, a job", blocking::one),
        on_all!(
            "fs",
            "file-whole-4k",
            "the whole of a file of 4 KiB, 8 tasks, a read",
            fs::whole_small
        ),
        on_all!("fs", "file-whole-1m", "the whole of a file of 1 MiB, one task", fs::whole_large),
        on_all!(
            "fs",
            "file-pieces-4k",
            "an open file in pieces of 4 KiB, 8 tasks, a read",
            fs::pieces
        ),
        on_all!(
            "process",
            "process-true",
            "/bin/true started and waited for, 8 in flight, a child",
            process::run_true
        ),
        on_all!(
            "blocked",
            "blocked-2",
            "2 tasks block their threads 300 ms at a time",
            blocked::blocked_2
        ),
        on_all!("blocked", "computing-2", "2 tasks compute 300 ms at a time", blocked::computing_2),
        on_all!("blocked", "computing-3", "3 tasks compute 300 ms at a time", blocked::computing_3),
        on_all!("blocked", "computing-8", "8 tasks compute 300 ms at a time", blocked::computing_8),
        on_all!(
            "blocked",
            "computing-32",
            "32 tasks compute 300 ms at a time",
            blocked::computing_32
        ),
        on_all!(
            "blocked",
            "mixed-4-4",
            "4 tasks block, 4 compute, 300 ms at a time",
            blocked::mixed_8
        ),
        on_servers!("net", "echo-1", "64 bytes there and back, 1 connection", net::echo_1),
        on_servers!("net", "echo-50", "64 bytes there and back, 50 connections", net::echo_50),
        on_servers!("net", "echo-500", "64 bytes there and back, 500 connections", net::echo_500),
        on_servers!(
            "net",
            "udp-echo",
            "64 bytes there and back to one UDP socket, from 50 others",
            net::udp_50
        ),
        on_servers!("net", "http-hello", "hyper, HTTP/1.1 keep-alive, 50 connections", net::http),
        on_all!("net", "copy-1gb", "`copy` from socket to socket, 1 GB", net::copy),
        on_servers!("net", "stdio-lines", "lines from stdin to stdout, a line", net::lines),
        on_servers!("net", "idle-process", "after settling, in 2 s", net::idle),
    ]
}
