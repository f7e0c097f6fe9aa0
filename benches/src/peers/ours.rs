//! This runtime, multi-thread, with its defaults, unless the environment says otherwise.

tokio_shape!(
    Ours,
    runtime,
    "ours",
    "defaults; multi_thread, enable_all, its own channels and locks"
);

/// Options in microseconds: `BENCH_IDLE_SPIN`, `BENCH_TIMER_SLACK`.
fn tune(builder: &mut Builder) {
    let microseconds = |name| {
        let value = std::env::var(name).ok()?;
        Some(Duration::from_micros(value.parse().expect("a number of microseconds")))
    };
    if let Some(limit) = microseconds("BENCH_IDLE_SPIN") {
        builder.idle_spin(limit);
    }
    if let Some(slack) = microseconds("BENCH_TIMER_SLACK") {
        builder.timer_slack(slack);
    }
}
