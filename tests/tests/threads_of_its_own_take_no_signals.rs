//! The threads that the runtime has for itself are none of the program's business: they take no
//! signal from it, and on one thread there is none before there are tasks.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use runtime::Builder;
use runtime::runtime::LocalRuntime;
use tests::process::{Forked, in_a_fork, thread_names, threads};
use tests::{Gate, eventually, isolated};

/// The signals that the threads block, by the threads' names.
fn blocked() -> BTreeMap<String, Vec<u64>> {
    let mut all = BTreeMap::<String, Vec<u64>>::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        let Ok(status) = std::fs::read_to_string(task.path().join("status")) else { continue };
        let figure = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line[name.len()..].trim().to_owned()
        };
        let mask = u64::from_str_radix(&figure("SigBlk:"), 16).unwrap();
        all.entry(figure("Name:")).or_default().push(mask);
    }
    all
}

fn bit(signal: libc::c_int) -> u64 {
    1 << (signal - 1)
}

/// Blocks a signal on this thread, and on those that it starts.
fn block(signal: libc::c_int) {
    // SAFETY: a zeroed set is made an empty one, and lives for the calls.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()), 0);
    }
}

/// Waits for a signal that is blocked.
fn wait_for(signal: libc::c_int) {
    // SAFETY: as in `block`; the number of the signal is written to a live integer.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, signal);
        let mut came = 0;
        assert_eq!(libc::sigwait(&set, &mut came), 0);
        assert_eq!(came, signal);
    }
}

/// A waker of somebody else, called by the monitor.
struct Tells(Gate);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.0.open();
    }
}

#[test]
fn threads_of_tasks_and_jobs_inherit_the_signal_mask_of_the_builder() {
    isolated(
        "threads_of_tasks_and_jobs_inherit_the_signal_mask_of_the_builder",
        every_kind_of_thread,
    );
}

fn every_kind_of_thread() {
    // One that is blocked where the runtime is built, and so on every thread of the user's kind.
    block(libc::SIGUSR1);
    let (reported, names) = (Gate::default(), Arc::new(Mutex::new(0)));
    let reports = reported.clone();
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .stall_report(Duration::from_millis(10))
        .on_stall(move |_| reports.block())
        .thread_name_fn(move || {
            let mut nth = names.lock().unwrap();
            *nth += 1;
            format!("user-{nth}")
        })
        .build()
        .unwrap();
    // Reporter, starter and namer come with a stall; the waker with one that is nobody's task.
    let gate = Gate::default();
    let hold = gate.clone();
    let held = runtime.spawn(async move { hold.block() });
    gate.wait_for(1);
    let fired = Gate::default();
    {
        let _inside = runtime.enter();
        let mut timer = Box::pin(runtime::time::sleep(Duration::from_millis(1)));
        let waker = Waker::from(Arc::new(Tells(fired.clone())));
        assert!(timer.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        eventually("the timer tells", || fired.is_open());
    }
    reported.wait_for(1);
    // A spare, a thread for jobs, and a pinned one.
    runtime.block_on(async {
        runtime::spawn(async {}).await.unwrap();
        runtime::spawn_blocking(|| ()).await.unwrap();
        runtime::task::spawn_pinned(|| async {}).await.unwrap();
    });
    let own = ["runtime-monitor", "runtime-capture", "runtime-reporter", "runtime-starter"];
    let own = [&own[..], &["runtime-namer", "runtime-waker"]].concat();
    // The system cuts names off.
    let own: Vec<_> = own.iter().map(|name| &name[..name.len().min(15)]).collect();
    let all = blocked();
    let mut of_users = 0;
    for (name, masks) in &all {
        for mask in masks {
            if own.contains(&name.as_str()) {
                for signal in
                    [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGCHLD, libc::SIGUSR1]
                {
                    assert!(mask & bit(signal) != 0, "{name} takes {signal}: {mask:x}");
                }
                for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
                    assert!(mask & bit(signal) == 0, "{name} blocks {signal}: {mask:x}");
                }
            } else if name.starts_with("user-") {
                of_users += 1;
                assert_eq!(*mask, bit(libc::SIGUSR1), "{name}");
            }
        }
    }
    for name in own {
        assert!(all.contains_key(name), "no {name} in {all:?}");
    }
    // The worker, the spare, the job's and the pinned one.
    assert!(of_users >= 4, "{all:?}");
    reported.open();
    gate.open();
    runtime.block_on(held).unwrap();
}

/// The program blocks SIGTERM on the only thread that it knows of and waits for it.
#[test]
fn a_signal_that_the_program_blocks_and_waits_for_reaches_it() {
    isolated("a_signal_that_the_program_blocks_and_waits_for_reaches_it", || {
        // In a process of one thread: the test's own others do not block it.
        let child = in_a_fork(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
            eventually("somebody watches", || threads() == 2);
            block(libc::SIGTERM);
            // SAFETY: numbers only.
            unsafe {
                libc::signal(libc::SIGTERM, libc::SIG_DFL);
                assert_eq!(libc::kill(libc::getpid(), libc::SIGTERM), 0);
            }
            wait_for(libc::SIGTERM);
            true
        });
        assert_eq!(child, Forked::Held);
    });
}

/// What a process may only do while it has one thread it may do in a runtime of one thread, until
/// there are tasks.
#[test]
fn on_one_thread_there_is_no_other_thread_before_the_first_task() {
    isolated("on_one_thread_there_is_no_other_thread_before_the_first_task", || {
        fn alone() -> bool {
            // SAFETY: the call takes a number.
            let done = unsafe { libc::unshare(libc::CLONE_NEWUSER) } == 0;
            // A sandbox may forbid it; what must not be is that there is another thread.
            let error = std::io::Error::last_os_error().raw_os_error();
            threads() == 1 && (done || error != Some(libc::EINVAL))
        }
        async fn root() -> bool {
            runtime::time::sleep(Duration::from_millis(1)).await;
            let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            drop(far);
            let near = runtime::net::UnixStream::from_std(near).unwrap();
            near.readable().await.unwrap();
            alone()
        }
        let current = in_a_fork(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(root())
        });
        assert_eq!(current, Forked::Held);
        let local = in_a_fork(|| LocalRuntime::new().unwrap().block_on(root()));
        assert_eq!(local, Forked::Held);
        let without_reports = in_a_fork(|| {
            let mut builder = Builder::new_current_thread();
            let runtime = builder.enable_all().stall_report(Duration::MAX).build().unwrap();
            runtime.block_on(async {
                runtime::spawn(runtime::time::sleep(Duration::from_millis(1))).await.unwrap();
                runtime::spawn(root()).await.unwrap()
            })
        });
        assert_eq!(without_reports, Forked::Held);
    });
}

/// Of whatever kind they are.
#[test]
fn on_one_thread_the_monitor_starts_with_the_first_task() {
    isolated("on_one_thread_the_monitor_starts_with_the_first_task", || {
        let watched = || thread_names().iter().any(|name| name == "runtime-monitor");
        let build = || Builder::new_current_thread().enable_all().build().unwrap();
        for kind in 0..4 {
            let runtime = build();
            runtime.block_on(async {});
            assert!(!watched(), "{kind}");
            match kind {
                0 => runtime.block_on(async { runtime::spawn(async {}).await.unwrap() }),
                1 => {
                    let set = runtime::task::LocalSet::new();
                    drop(set.spawn_local(async {}));
                    runtime.block_on(set);
                }
                2 => runtime.block_on(async {
                    runtime::task::spawn_pinned(|| async {}).await.unwrap();
                }),
                _ => {
                    // One that is never polled: its drop may block as well as a poll.
                    let gate = Gate::default();
                    let hold = tests::OnDrop::new({
                        let gate = gate.clone();
                        move || gate.block()
                    });
                    drop(runtime.spawn(tests::forever(hold)));
                    let opener = std::thread::spawn(move || {
                        gate.wait_for(1);
                        eventually("somebody watches the drop", watched);
                        gate.open();
                    });
                    drop(runtime);
                    opener.join().unwrap();
                    continue;
                }
            }
            eventually("somebody watches", watched);
        }
    });
}
