//! How the runtime of the process is built.

use std::env;
use std::sync::Mutex;

use runtime::runtime::{Builder, Runtime};

/// What a program asks for before the runtime of the process starts.
#[derive(Default)]
pub struct Settings {
    /// Workers. It wins over the variables of the environment.
    pub workers: Option<usize>,
    /// A name for each thread.
    pub thread_name: Option<Box<dyn Fn() -> String + Send + Sync>>,
}

static ASKED_FOR: Mutex<Option<Settings>> = Mutex::new(None);

/// The variables that set the number of workers.
const WORKERS: [&str; 3] =
    ["SMOL_THREADS", "ASYNC_GLOBAL_EXECUTOR_THREADS", "ASYNC_STD_THREAD_COUNT"];

const BLOCKING: &str = "BLOCKING_MAX_THREADS";
const BLOCKING_BY_DEFAULT: usize = 500;
const BLOCKING_AT_MOST: usize = 10_000;

/// Says how the runtime of the process is to be built. The first call counts. Returns whether this
/// one does: it does not if the runtime has been started.
pub fn configure(settings: Settings) -> bool {
    let mut asked_for = ASKED_FOR.lock().unwrap_or_else(|error| error.into_inner());
    let counts = asked_for.is_none() && !super::is_started();
    if counts {
        *asked_for = Some(settings);
    }
    counts
}

fn number(name: &str) -> Option<usize> {
    env::var(name).ok()?.parse().ok()
}

/// How many threads may run blocking jobs.
fn blocking_threads() -> usize {
    number(BLOCKING).map_or(BLOCKING_BY_DEFAULT, |count| count.clamp(1, BLOCKING_AT_MOST))
}

pub(super) fn start() -> Runtime {
    let asked_for = ASKED_FOR.lock().unwrap_or_else(|error| error.into_inner()).take();
    let Settings { workers, thread_name } = asked_for.unwrap_or_default();
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().name("process").max_blocking_threads(blocking_threads());
    // Zero threads would run nothing: one is the least.
    if let Some(count) = workers.or_else(|| WORKERS.iter().copied().filter_map(number).max()) {
        builder.worker_threads(count.max(1));
    }
    if let Some(name) = thread_name {
        builder.thread_name_fn(name);
    }
    builder.build().unwrap_or_else(|error| {
        panic!("the runtime of the process cannot be started, which this call needs: {error}")
    })
}
