//! tokio's interface to dumps: the stack of each task that waits, while the workers go on.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;

use tokio::runtime::dump::{Trace, trace_with};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, oneshot};
use tokio::task::yield_now;

// How much of a function's name there is depends on the debug information; its place is there.
const OUTER: u32 = line!() + 1;
async fn outer() {
    inner().await;
}

const INNER: u32 = line!() + 1;
async fn inner() {
    Notify::new().notified().await;
}

const YIELDS: u32 = line!() + 2;
async fn yields() {
    loop {
        yield_now().await;
    }
}

/// As it stands in a trace.
fn place(line: u32) -> String {
    format!("dumps_show_where_tasks_wait.rs:{line}")
}

fn both() -> [Runtime; 2] {
    let several = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    [several.unwrap(), Builder::new_current_thread().enable_all().build().unwrap()]
}

#[test]
fn of_a_task_there_is_the_chain_of_its_functions() {
    for runtime in both() {
        let waits = runtime.spawn(outer());
        let _busy = runtime.spawn(yields());
        let dump = runtime.block_on(runtime.handle().dump());
        assert_eq!(dump.tasks().iter().count(), 2);
        let task = dump.tasks().iter().find(|task| task.id() == waits.id()).unwrap();
        let text = task.trace().to_string();
        let at = |line| text.find(&place(line)).unwrap_or_else(|| panic!("{line} in {text}"));
        assert!(at(INNER + 1) < at(OUTER + 1), "{text}");
        let stacks = task.trace().resolve_backtraces();
        let frames = stacks.iter().flat_map(|stack| stack.frames());
        let lines: Vec<_> = frames
            .flat_map(|frame| frame.symbols())
            .filter(|symbol| {
                symbol
                    .filename()
                    .is_some_and(|file| file.ends_with(file!().rsplit('/').next().unwrap()))
            })
            .filter_map(|symbol| symbol.lineno())
            .collect();
        assert_eq!(lines, [INNER + 1, OUTER + 1], "{text}");
        let other = dump.tasks().iter().find(|task| task.id() != waits.id()).unwrap();
        let text = other.trace().to_string();
        assert!(text.contains(&place(YIELDS + 1)), "{text}");
    }
}

#[test]
fn a_task_that_blocks_its_worker_is_not_in_it_and_holds_up_nobody() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (go_on, goes_on) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let blocks = runtime.spawn(async move {
        begun.send(()).unwrap();
        goes_on.recv().unwrap();
    });
    begins.recv().unwrap();
    let dump = runtime.block_on(runtime.handle().dump());
    assert!(dump.tasks().iter().all(|task| task.id() != blocks.id()));
    go_on.send(()).unwrap();
    runtime.block_on(blocks).unwrap();
}

#[test]
fn a_traced_poll_reaches_the_leaf_and_goes_on_afterwards() {
    for runtime in both() {
        runtime.block_on(async {
            let (sender, receiver) = oneshot::channel();
            let line = line!() + 1;
            let mut waits = pin!(Trace::root(async { receiver.await.unwrap() }));
            sender.send(5).unwrap();
            let mut traces = Vec::new();
            let five = poll_fn(|cx| {
                if traces.is_empty() {
                    assert!(!Handle::is_tracing());
                    let (polled, trace) = Trace::capture(|| {
                        assert!(Handle::is_tracing());
                        waits.as_mut().poll(cx)
                    });
                    traces.push(trace.to_string());
                    // The leaf did nothing, though its value is there; and it will be woken.
                    assert!(polled.is_pending());
                    return Poll::Pending;
                }
                waits.as_mut().poll(cx)
            });
            assert_eq!(five.await, 5);
            assert!(traces[0].contains(&place(line)), "{}", traces[0]);
            assert!(!traces[0].contains("Root"), "{}", traces[0]);
            // Its own backtrace is what the closure takes.
            let mut leaves = 0;
            let mut sleep = pin!(tokio::time::sleep(std::time::Duration::from_secs(3600)));
            poll_fn(|cx| {
                let polled = trace_with(
                    || sleep.as_mut().poll(cx),
                    |meta| {
                        assert!(meta.root_addr.is_none() && !meta.trace_leaf_addr.is_null());
                        leaves += 1;
                    },
                );
                assert!(polled.is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(leaves, 1);
        });
    }
}
