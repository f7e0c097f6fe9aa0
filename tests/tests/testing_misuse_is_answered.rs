//! Misuse of a `TestExecutor` ends in a panic that says what is wrong and what to do.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use runtime::sync::oneshot;
use runtime::testing::TestExecutor;
use runtime::time::{self, Duration, Instant, sleep};
use tests::within;

fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(f()))).expect_err("it panics");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().expect("a text")).to_owned(),
    }
}

#[test]
fn when_nothing_can_go_on_all_waiting_tasks_are_named() {
    let mut exec = TestExecutor::new();
    let (_sender, receiver) = oneshot::channel::<()>();
    let here = line!() + 1;
    runtime::spawn(pending::<()>());
    runtime::task::Builder::new().name("reader").spawn(receiver).unwrap();
    let ended = runtime::spawn(async {});
    let text = panic_of(|| exec.run(pending::<()>()));
    assert!(ended.is_finished());
    let expected = "nothing can go on: no task is ready, no timer is set, and no blocking job runs. What waits:\n  \
         the future given to `TestExecutor::run`\n  task ";
    assert!(text.starts_with(expected), "{text}");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    let place = |line| format!("spawned at {}:{}", file!(), line);
    assert!(lines[2].contains(&place(here)), "{text}");
    assert!(lines[3].contains("\"reader\"") && lines[3].contains(&place(here + 1)), "{text}");
    assert!(lines[4].contains("`#[runtime::test]`"), "{text}");
    // It can be used on.
    assert_eq!(exec.run(async { 1 }), 1);
}

#[test]
fn a_timer_is_gone_through_before_nothing_can_go_on() {
    within(|| {
        let mut exec = TestExecutor::new();
        let start = exec.now();
        let text = panic_of(|| {
            exec.run(async {
                sleep(Duration::from_secs(5)).await;
                drop(runtime::spawn_blocking(|| ()));
                pending::<()>().await;
            })
        });
        assert!(text.contains("nothing can go on"), "{text}");
        assert_eq!(exec.now() - start, Duration::from_secs(5));
    });
}

#[test]
fn time_does_not_go_back() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    exec.advance(Duration::from_secs(2));
    let text = panic_of(|| exec.advance_to(start));
    assert!(text.contains("cannot go back, and this is 2s before its `now()`"), "{text}");
    assert_eq!(exec.now() - start, Duration::from_secs(2));
    exec.advance_to(exec.now());
}

#[test]
fn time_has_an_end() {
    let mut exec = TestExecutor::new();
    let start = exec.now();
    for text in [
        panic_of(|| exec.advance(Duration::MAX)),
        panic_of(|| exec.run_for(&mut pin!(pending::<()>()), Duration::MAX)),
        panic_of(|| exec.advance_to(start + Duration::from_secs(86_400 * 365 * 900))),
    ] {
        assert!(text.contains("more than some hundred years"), "{text}");
    }
    assert_eq!(exec.now(), start);
}

#[test]
fn a_thread_has_one_executor() {
    let mut exec = TestExecutor::new();
    let text = panic_of(TestExecutor::new);
    assert!(text.contains("this thread has a `TestExecutor` already"), "{text}");
    assert_eq!(exec.run(async { 1 }), 1);
    std::thread::spawn(|| TestExecutor::new().run(async {})).join().unwrap();
}

#[test]
fn inside_a_runtime_there_is_none() {
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let text = panic_of(|| runtime.block_on(async { drop(TestExecutor::new()) }));
    assert!(text.contains("use it in a plain `#[test]`"), "{text}");
    let text = {
        let _entered = runtime.enter();
        panic_of(TestExecutor::new)
    };
    assert!(text.contains("under the guard of `Handle::enter`"), "{text}");
    drop(TestExecutor::new());
}

#[test]
fn it_does_not_run_inside_another_runtime() {
    let mut exec = TestExecutor::new();
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let text = panic_of(|| runtime.block_on(async { exec.run(async {}) }));
    assert!(text.contains("`TestExecutor` cannot be made or used inside a runtime"), "{text}");
    exec.run(async {});
    // Beside it another one may be used, and keeps its own time.
    let real = std::time::Instant::now();
    assert!(runtime.block_on(async { Instant::now() }).into_std() >= real);
}

#[test]
fn a_runtime_does_not_run_inside_of_it() {
    let mut exec = TestExecutor::new();
    let text = panic_of(|| exec.run(async { runtime::block_on(async {}) }));
    assert!(text.contains("Cannot start a runtime from within a runtime"), "{text}");
}

#[test]
fn its_time_is_not_let_go_on() {
    let mut exec = TestExecutor::new();
    let text = panic_of(time::resume);
    assert!(text.contains("call `advance` instead"), "{text}");
    let text = panic_of(|| exec.run(async { time::resume() }));
    assert!(text.contains("or use `#[runtime::test]` for real time"), "{text}");
}

#[test]
fn a_drop_in_async_code_says_so() {
    let exec = TestExecutor::new();
    let runtime = runtime::Builder::new_current_thread().build().unwrap();
    let text = panic_of(|| runtime.block_on(async { drop(exec) }));
    assert!(text.contains("Cannot drop a runtime"), "{text}");
}
