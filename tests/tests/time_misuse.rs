//! Timers without a runtime, and timers that outlive it: told in words, at the caller's line.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Mutex;

use runtime::runtime::{Builder, Runtime};
use runtime::time::{
    Duration, Instant, interval, interval_at, sleep, sleep_until, timeout, timeout_at,
};

fn rt() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The text and the file of the panic of `f`.
fn panic_of(f: impl FnOnce()) -> (String, String) {
    static ONE: Mutex<()> = Mutex::new(());
    static SEEN: Mutex<Option<(String, String)>> = Mutex::new(None);
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        let file = info.location().map(Location::file).unwrap_or_default().to_owned();
        *SEEN.lock().unwrap() = Some((text, file));
    }));
    let outcome = catch_unwind(AssertUnwindSafe(f));
    std::panic::set_hook(before);
    assert!(outcome.is_err(), "no panic");
    SEEN.lock().unwrap().take().expect("a panic was seen")
}

#[test]
fn timers_without_a_runtime_panic_with_advice() {
    let now = Instant::now();
    let uses: [(&str, fn(Instant)); 6] = [
        ("sleep", |_| drop(sleep(Duration::ZERO))),
        ("sleep_until", |now| drop(sleep_until(now))),
        ("timeout", |_| drop(timeout(Duration::ZERO, async {}))),
        ("timeout_at", |now| drop(timeout_at(now, async {}))),
        ("interval", |_| drop(interval(Duration::from_secs(1)))),
        ("interval_at", |now| drop(interval_at(now, Duration::from_secs(1)))),
    ];
    for (name, usage) in uses {
        let (text, file) = panic_of(|| usage(now));
        assert!(text.contains("there is no reactor running"), "{name}: {text}");
        assert_eq!(file, file!(), "{name}");
    }
}

#[test]
fn a_timer_after_the_shutdown_panics_with_advice() {
    let rt = rt();
    let never_polled = {
        let _guard = rt.enter();
        sleep(Duration::from_secs(60))
    };
    let mut polled = {
        let _guard = rt.enter();
        Box::pin(sleep(Duration::from_secs(60)))
    };
    assert!(futures::executor::block_on(async { futures::poll!(&mut polled) }).is_pending());
    drop(rt);
    for sleep in [polled, Box::pin(never_polled)] {
        let (text, _) = panic_of(|| futures::executor::block_on(sleep));
        assert!(text.contains("shut"), "{text}");
    }
}

/// A waker that somebody else's code put there, and that panics, keeps no other timer from firing.
#[test]
fn a_waker_that_panics_harms_nobody_else() {
    use std::future::Future;
    use std::sync::Arc;
    use std::task::{Context, Wake, Waker};

    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("a bomb"));
        }
    }
    let rt = rt();
    rt.block_on(async {
        // Far enough that all of them wait before it comes.
        let ahead = Duration::from_millis(100) * tests::slowness();
        let mut bombs: Vec<_> = (0..10).map(|_| Box::pin(sleep(ahead))).collect();
        let waker = Waker::from(Arc::new(Bomb));
        for bomb in &mut bombs {
            assert!(bomb.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        let task = runtime::spawn(sleep(ahead));
        task.await.unwrap();
        sleep(Duration::from_millis(5)).await;
        for bomb in bombs {
            bomb.await;
        }
    });
}
