//! This runtime, multi-thread, with its defaults.

tokio_shape!(
    Ours,
    runtime,
    "ours",
    "defaults; multi_thread, enable_all, its own channels and locks"
);
